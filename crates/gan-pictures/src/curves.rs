//! Curves in panels that stand above each other and share their horizontal axis.

use crate::axis::{Axis, Scale, label};
use crate::drawing::{Anchor, Color, Drawing, GREY, INK, Stroke};
use crate::frame::Frame;
use crate::legend::{Swatch, legend, legend_width};
use crate::text::text_width;

/// A picture of curves.
#[derive(Clone, Debug)]
pub struct Curves<'a> {
    /// Written above the panels.
    pub title: &'a str,
    /// Name of the horizontal axis.
    pub x_name: &'a str,
    /// Scale of the horizontal axis.
    pub x_scale: Scale,
    /// The panels, from top to bottom; those without a value are left out.
    pub panels: Vec<Panel<'a>>,
    /// Vertical lines through all panels.
    pub events: Vec<Event<'a>>,
}

/// Curves of one quantity.
#[derive(Clone, Debug)]
pub struct Panel<'a> {
    /// Name and unit of the quantity.
    pub title: &'a str,
    /// What its numbers mean, in a line below the title; may be empty.
    pub note: &'a str,
    /// The curves.
    pub curves: Vec<Curve<'a>>,
    /// A value to compare them with, for a dashed line, and what it means.
    pub reference: Option<(f64, &'a str)>,
    /// The ends of the vertical axis; without them it follows the values.
    pub range: Option<[f64; 2]>,
    /// Scale of the vertical axis.
    pub scale: Scale,
}

/// One curve.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Name in the legend.
    pub name: &'a str,
    /// The look of the line.
    pub stroke: Stroke,
    /// True if each point has a dot.
    pub dots: bool,
    /// Positions on the horizontal axis, rising, and values; those that have no place on a scale
    /// are left out.
    pub points: Vec<[f64; 2]>,
}

/// Something that happened at one position of the horizontal axis.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The position.
    pub x: f64,
    /// The name that stands above the line.
    pub name: &'a str,
}

const RED: Color = [192, 40, 60];
const WIDTH: f64 = 860.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 836.0;
/// From the top of a panel to the top of the next.
const PANEL: f64 = 200.0;
/// The same, of a panel that stands alone.
const LONE_PANEL: f64 = 320.0;
/// Height of a panel's title and legend.
const ABOVE: f64 = 34.0;
const BELOW: f64 = 14.0;
/// Height of the line that says what a panel's numbers mean.
const NOTE: f64 = 15.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 34.0;
/// Names of events take turns in rows of this height, so that they do not run into each other.
const ROW: f64 = 15.0;
const ROWS: usize = 3;
const SIZE: f64 = 12.0;
/// Numbers on the horizontal axis.
const X_TICKS: usize = 8;
/// The wild start of a run may be cut off: a hundredth of the values.
const TAILS: f64 = 0.01;

impl Curves<'_> {
    /// Draws the picture.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let mut panels: Vec<(&Panel<'_>, Vec<Vec<[f64; 2]>>)> = self
            .panels
            .iter()
            .map(|panel| (panel, panel.shown(self.x_scale)))
            .collect();
        panels.retain(|(_, curves)| curves.iter().any(|points| !points.is_empty()));
        let note = match panels.iter().all(|(panel, _)| panel.note.is_empty()) {
            true => 0.0,
            false => NOTE,
        };
        let step = note + if panels.len() == 1 { LONE_PANEL } else { PANEL };
        let above = note + ABOVE;
        let x = panels
            .iter()
            .flat_map(|(_, curves)| curves)
            .flatten()
            .map(|point| point[0]);
        let x_axis = match self.x_scale {
            Scale::Logarithmic => Axis::around(self.x_scale, x, std::iter::empty(), 0.0, 0.06),
            Scale::Linear | Scale::SquareRoot => {
                Axis::new(self.x_scale, 0.0, x.fold(1.0, f64::max))
            }
        };
        let head = HEAD + ROW * self.events.len().min(ROWS) as f64;
        let foot = head + step * panels.len() as f64;
        let mut drawing = Drawing::new(WIDTH, foot + FOOT);
        drawing.title([LEFT, 20.0], RIGHT - LEFT, self.title);
        let size = [RIGHT - LEFT, step - above - BELOW];
        let frames = panels.iter().enumerate().map(|(index, (panel, curves))| {
            let corner = [LEFT, head + step * index as f64 + above];
            Frame::new(corner, size, x_axis, panel.axis(curves))
        });
        let frames: Vec<Frame> = frames.collect();
        for ((panel, curves), frame) in panels.iter().zip(&frames) {
            panel.draw(&mut drawing, frame, curves);
        }
        for (index, event) in self.events.iter().enumerate() {
            let y = HEAD + ROW * (index % ROWS) as f64 + 8.0;
            event.draw(&mut drawing, y, head, &frames);
        }
        if let Some(frame) = frames.last() {
            frame.x_labels(&mut drawing, X_TICKS);
        }
        let below = [(LEFT + RIGHT) / 2.0, foot + 22.0];
        drawing.text(below, Anchor::Middle, SIZE, INK, self.x_name);
        drawing
    }
}

impl Event<'_> {
    /// Draws a line through all frames, but not through their titles, and the name above them, on
    /// the side that has room.
    fn draw(&self, drawing: &mut Drawing, y: f64, head: f64, frames: &[Frame]) {
        let dashed = Stroke::new(RED, 1.0).dashed(3.0, 3.0);
        let x = frames.first().map_or(LEFT, |frame| frame.across(self.x));
        let x = x.clamp(LEFT, RIGHT);
        drawing.line(&[[x, y - 10.0], [x, head]], dashed);
        for frame in frames {
            drawing.line(&[[x, frame.top], [x, frame.bottom()]], dashed);
        }
        let (anchor, x) = match x > (LEFT + RIGHT) / 2.0 {
            true => (Anchor::End, x - 5.0),
            false => (Anchor::Start, x + 5.0),
        };
        drawing.text([x, y], anchor, SIZE, RED, self.name);
    }
}

impl Panel<'_> {
    /// The points of each curve that have a place on both scales.
    fn shown(&self, x_scale: Scale) -> Vec<Vec<[f64; 2]>> {
        let has_place = |[x, y]: &[f64; 2]| x_scale.shows(*x) && self.scale.shows(*y);
        let curves = self.curves.iter().map(|curve| &curve.points);
        curves
            .map(|points| points.iter().copied().filter(has_place).collect())
            .collect()
    }

    fn axis(&self, curves: &[Vec<[f64; 2]>]) -> Axis {
        if let Some([low, high]) = self.range {
            return Axis::new(self.scale, low, high);
        }
        let values = curves.iter().flatten().map(|point| point[1]);
        let reference = self.reference.iter().map(|&(value, _)| value);
        Axis::around(self.scale, values, reference, TAILS, 0.08)
    }

    fn draw(&self, drawing: &mut Drawing, frame: &Frame, curves: &[Vec<[f64; 2]>]) {
        let note = if self.note.is_empty() { 0.0 } else { NOTE };
        let base_line = frame.top - 12.0 - note;
        drawing.note([LEFT, frame.top - 11.0], frame.width, self.note);
        drawing.text([LEFT, base_line], Anchor::Start, SIZE, INK, self.title);
        frame.x_grid(drawing, X_TICKS);
        frame.y_grid(drawing, 4);
        let entry = |curve: &Curve<'_>| (Swatch::Line(curve.stroke), curve.name.to_owned());
        let mut entries: Vec<_> = self.curves.iter().map(entry).collect();
        if let Some((value, name)) = self.reference {
            let dashed = Stroke::new(GREY, 1.0).dashed(5.0, 4.0);
            frame.level(drawing, value, dashed);
            entries.push((Swatch::Line(dashed), name.to_owned()));
        }
        frame.edges(drawing);
        for (curve, points) in self.curves.iter().zip(curves) {
            frame.curve(drawing, points, curve.stroke);
            for &point in points.iter().filter(|_| curve.dots) {
                drawing.dot(frame.at(point), 3.5, curve.stroke.color());
            }
        }
        // How far the values beyond the axis go.
        let [low, high] = frame.y.ends();
        let distance = |value: f64| (value - high).max(low - value);
        let values = curves.iter().flatten().map(|point| point[1]);
        let furthest = values.max_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        if let Some(value) = furthest.filter(|&value| distance(value) > 0.0) {
            let name = format!("beyond the axis, to {}", rounded(value));
            entries.push((Swatch::Triangle(GREY), name));
        }
        // A long legend becomes smaller rather than run into the title.
        let room = frame.width - text_width(self.title, SIZE) - 24.0;
        let size = SIZE * (room / legend_width(&entries, SIZE)).min(1.0);
        legend(drawing, [RIGHT, base_line], Anchor::End, size, &entries);
    }
}

/// Three figures of a number.
fn rounded(value: f64) -> String {
    let unit = 10f64.powf(value.abs().log10().floor() - 2.0);
    let rounded = (value / unit).round() * unit;
    label(if rounded.is_finite() { rounded } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::{BLUE, ORANGE};

    fn curve(name: &'static str, color: Color, points: Vec<[f64; 2]>) -> Curve<'static> {
        Curve {
            name,
            stroke: Stroke::new(color, 1.4),
            dots: false,
            points,
        }
    }

    fn panel(points: Vec<[f64; 2]>, scale: Scale) -> Panel<'static> {
        Panel {
            title: "loss < 1",
            note: "",
            curves: vec![curve("one", BLUE, points)],
            reference: None,
            range: None,
            scale,
        }
    }

    fn svg(x_scale: Scale, panels: Vec<Panel<'_>>, events: Vec<Event<'_>>) -> String {
        let curves = Curves {
            title: "a & b",
            x_name: "iterations",
            x_scale,
            panels,
            events,
        };
        curves.draw().to_svg()
    }

    #[test]
    fn curves_survive_values_that_have_no_place() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            assert!(svg(scale, vec![], vec![]).ends_with("</svg>\n"));
            let points = (0..600).map(|step| {
                let value = match step % 7 {
                    0 => f64::NAN,
                    _ => 0.001 * f64::from(step),
                };
                [f64::from(step), value]
            });
            let nothing = Panel {
                title: "nothing",
                ..panel(vec![[1.0, f64::INFINITY]], scale)
            };
            let svg = svg(scale, vec![panel(points.collect(), scale), nothing], vec![]);
            assert!(svg.contains("a &amp; b") && svg.contains("loss &lt; 1"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(!svg.contains("nothing"), "a panel without a value: {svg}");
            assert!(svg.len() < 20_000, "{}", svg.len());
        }
    }

    #[test]
    fn logarithmic_panel_names_powers_and_events_are_lines() {
        let points = (1..=4).map(|step| [f64::from(step), 10f64.powi(step - 3)]);
        let mut panel = panel(points.collect(), Scale::Logarithmic);
        let zeros = vec![[1.0, 0.0], [4.0, 0.0]];
        panel.curves.push(curve("no logarithm", ORANGE, zeros));
        let event = Event {
            x: 2.0,
            name: "D wins",
        };
        let svg = svg(Scale::Linear, vec![panel], vec![event]);
        for part in [">0.01<", ">1<", "stroke-dasharray=\"3 3\"", ">D wins<"] {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
    }

    #[test]
    fn note_stands_below_the_title_and_makes_room_for_itself() {
        let plain = panel(vec![[1.0, 1.0], [2.0, 3.0]], Scale::Linear);
        let noted = Panel {
            note: "smaller is better",
            ..plain.clone()
        };
        let of = |panels| svg(Scale::Linear, panels, vec![]);
        let (plain, noted) = (of(vec![plain]), of(vec![noted]));
        assert!(noted.contains(">smaller is better<"), "{noted}");
        assert!(plain.contains("height=\"384\"") && noted.contains("height=\"399\""));
    }

    #[test]
    fn values_beyond_the_axis_are_marked() {
        let mut points: Vec<[f64; 2]> = (0..500).map(|i| [f64::from(i), 1.0]).collect();
        points[3][1] = 123.456;
        points[7][1] = 2.0;
        let cut = panel(points, Scale::Linear);
        let all = Panel {
            range: Some([0.0, 200.0]),
            ..cut.clone()
        };
        let cut = svg(Scale::Linear, vec![cut], vec![]);
        assert!(cut.contains("beyond the axis, to 123<"), "{cut}");
        // In the legend, and where the curve is cut.
        assert_eq!(cut.matches("<polygon").count(), 3, "{cut}");
        assert!(!svg(Scale::Linear, vec![all], vec![]).contains("beyond"));
    }
}
