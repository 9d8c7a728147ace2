//! Curves over the iterations of a run, in panels that stand above each other.

use crate::axis::{Axis, Scale, label};
use crate::drawing::{Anchor, Color, Drawing, GREY, INK, Stroke};
use crate::frame::Frame;
use crate::legend::{LegendEntry, Swatch, legend};

/// A picture of curves.
#[derive(Clone, Debug)]
pub struct Curves<'a> {
    /// Written above the panels.
    pub title: &'a str,
    /// The panels, from top to bottom.
    pub panels: Vec<CurvesPanel<'a>>,
    /// Vertical lines through all panels.
    pub events: Vec<Event<'a>>,
}

/// Curves of one quantity.
#[derive(Clone, Debug)]
pub struct CurvesPanel<'a> {
    /// Name and unit of the quantity.
    pub title: &'a str,
    /// The curves.
    pub curves: Vec<Curve<'a>>,
    /// A value to compare them with.
    pub reference: Option<Reference<'a>>,
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
    /// Colour of the line.
    pub color: Color,
    /// Iterations and values; values that the scale does not show are left out.
    pub points: Vec<[f64; 2]>,
}

/// A dashed line at one value.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// The value.
    pub value: f64,
    /// What it means.
    pub name: &'a str,
}

/// Something that happened at one iteration.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The iteration.
    pub step: f64,
    /// What happened.
    pub name: &'a str,
}

const RED: Color = [192, 40, 60];
const WIDTH: f64 = 860.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 836.0;
/// From the top of a panel to the top of the next.
const PANEL: f64 = 200.0;
/// Height of a panel's title and legend.
const ABOVE: f64 = 34.0;
const BELOW: f64 = 14.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 34.0;
/// Names of events take turns in rows of this height, so that they do not run into each other.
const ROW: f64 = 15.0;
const ROWS: usize = 3;
const SIZE: f64 = 12.0;
/// Numbers on the horizontal axis.
const STEPS: usize = 8;
/// The wild start of a run may be cut off: a hundredth of the values.
const TAILS: f64 = 0.01;

impl Curves<'_> {
    /// Draws the picture; panels without a value are left out.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let mut panels: Vec<&CurvesPanel<'_>> = self.panels.iter().collect();
        panels.retain(|panel| panel.values().next().is_some());
        let steps = panels.iter().flat_map(|panel| &panel.curves);
        let steps = steps.flat_map(|curve| curve.points.last());
        let last = steps.map(|point| point[0]).fold(1.0, f64::max);
        let head = HEAD + ROW * self.events.len().min(ROWS) as f64;
        let foot = head + PANEL * panels.len() as f64;
        let mut drawing = Drawing::new(WIDTH, foot + FOOT);
        drawing.text([LEFT, 20.0], Anchor::Start, 14.0, INK, self.title);
        let frames = panels.iter().enumerate().map(|(index, panel)| Frame {
            left: LEFT,
            top: head + PANEL * index as f64 + ABOVE,
            width: RIGHT - LEFT,
            height: PANEL - ABOVE - BELOW,
            x: Axis::linear(0.0, last),
            y: panel.axis(),
        });
        let frames: Vec<Frame> = frames.collect();
        for (panel, frame) in panels.iter().zip(&frames) {
            panel.draw(&mut drawing, frame);
        }
        for (index, event) in self.events.iter().enumerate() {
            let y = HEAD + ROW * (index % ROWS) as f64 + 8.0;
            event.draw(&mut drawing, y, head, &frames);
        }
        if let Some(frame) = frames.last() {
            frame.x_labels(&mut drawing, STEPS);
        }
        let below = [(LEFT + RIGHT) / 2.0, foot + 22.0];
        drawing.text(below, Anchor::Middle, SIZE, INK, "iterations");
        drawing
    }
}

impl Event<'_> {
    /// Draws a line through all frames, but not through their titles, and the name above them, on
    /// the side that has room.
    fn draw(&self, drawing: &mut Drawing, y: f64, head: f64, frames: &[Frame]) {
        let dashed = Stroke::new(RED, 1.0).dashed(3.0, 3.0);
        let x = LEFT + self.step_share(frames) * (RIGHT - LEFT);
        drawing.line(vec![[x, y - 10.0], [x, head]], dashed);
        for frame in frames {
            drawing.line(vec![[x, frame.top], [x, frame.bottom()]], dashed);
        }
        let (anchor, x) = match x > (LEFT + RIGHT) / 2.0 {
            true => (Anchor::End, x - 5.0),
            false => (Anchor::Start, x + 5.0),
        };
        drawing.text([x, y], anchor, SIZE, RED, self.name);
    }

    fn step_share(&self, frames: &[Frame]) -> f64 {
        let share = frames.first().map_or(0.0, |frame| frame.x.share(self.step));
        share.clamp(0.0, 1.0)
    }
}

impl CurvesPanel<'_> {
    fn values(&self) -> impl Iterator<Item = f64> {
        let points = self.curves.iter().flat_map(|curve| &curve.points);
        let values = points.map(|point| point[1]);
        values.filter(|&value| self.scale.shows(value))
    }

    fn axis(&self) -> Axis {
        if let Some([low, high]) = self.range {
            return Axis::new(self.scale, low, high);
        }
        let reference = self.reference.iter().map(|reference| reference.value);
        Axis::around(self.scale, self.values(), reference, TAILS, 0.08)
    }

    fn draw(&self, drawing: &mut Drawing, frame: &Frame) {
        let title = [LEFT, frame.top - 12.0];
        drawing.text(title, Anchor::Start, SIZE, INK, self.title);
        frame.x_grid(drawing, STEPS);
        frame.y_grid(drawing, 4);
        let line = |color| Stroke::new(color, 1.4);
        let curves = self.curves.iter();
        let mut entries: Vec<LegendEntry> = curves
            .map(|curve| LegendEntry::new(Swatch::Line(line(curve.color)), curve.name))
            .collect();
        if let Some(reference) = self.reference {
            let dashed = Stroke::new(GREY, 1.0).dashed(5.0, 4.0);
            frame.level(drawing, reference.value, dashed);
            entries.push(LegendEntry::new(Swatch::Line(dashed), reference.name));
        }
        frame.edges(drawing);
        for curve in &self.curves {
            let mut points = curve.points.clone();
            points.retain(|point| self.scale.shows(point[1]));
            frame.curve(drawing, &points, line(curve.color));
        }
        entries.extend(self.cut_entry(frame));
        let right = [RIGHT, frame.top - 12.0];
        legend(drawing, right, Anchor::End, SIZE, &entries);
    }

    /// The legend's entry for values beyond the axis: how far they go.
    fn cut_entry(&self, frame: &Frame) -> Option<LegendEntry> {
        let beyond = self.values().filter(|&value| !frame.y.contains(value));
        let [low, high] = frame.y.ends();
        let distance = |value: f64| (value - high).max(low - value);
        let furthest = beyond.max_by(|&a, &b| distance(a).total_cmp(&distance(b)))?;
        let name = format!("beyond the axis, to {}", rounded(furthest));
        Some(LegendEntry::new(Swatch::Triangle(GREY), name))
    }
}

/// Three figures of a number.
fn rounded(value: f64) -> String {
    if value == 0.0 {
        return label(value);
    }
    let unit = 10f64.powf(value.abs().log10().floor() - 2.0);
    label((value / unit).round() * unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::{BLUE, ORANGE};

    fn panel(points: Vec<[f64; 2]>, scale: Scale) -> CurvesPanel<'static> {
        CurvesPanel {
            title: "loss < 1",
            curves: vec![Curve {
                name: "one",
                color: BLUE,
                points,
            }],
            reference: None,
            range: None,
            scale,
        }
    }

    fn svg(panels: Vec<CurvesPanel<'_>>, events: Vec<Event<'_>>) -> String {
        let title = "a & b";
        let curves = Curves {
            title,
            panels,
            events,
        };
        curves.draw().to_svg()
    }

    #[test]
    fn curves_survive_values_that_are_no_numbers() {
        assert!(svg(vec![], vec![]).ends_with("</svg>\n"));
        let points = (1..600).map(|step| {
            let value = if step % 7 == 0 {
                f64::NAN
            } else {
                0.001 * f64::from(step)
            };
            [f64::from(step), value]
        });
        let nothing = CurvesPanel {
            title: "nothing",
            ..panel(vec![[1.0, f64::INFINITY]], Scale::Linear)
        };
        let svg = svg(
            vec![panel(points.collect(), Scale::Linear), nothing],
            vec![],
        );
        assert!(svg.contains("a &amp; b") && svg.contains("loss &lt; 1"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(!svg.contains("nothing"), "a panel without a value: {svg}");
        assert!(svg.len() < 20_000, "{}", svg.len());
    }

    #[test]
    fn logarithmic_panel_names_powers_and_events_are_lines() {
        let points = (1..=4).map(|step| [f64::from(step), 10f64.powi(step - 3)]);
        let mut panel = panel(points.collect(), Scale::Logarithmic);
        panel.curves.push(Curve {
            name: "zero has no logarithm",
            color: ORANGE,
            points: vec![[1.0, 0.0], [4.0, 0.0]],
        });
        let event = Event {
            step: 2.0,
            name: "D wins",
        };
        let svg = svg(vec![panel], vec![event]);
        for part in [">0.01<", ">1<", "stroke-dasharray=\"3 3\"", ">D wins<"] {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
    }

    #[test]
    fn values_beyond_the_axis_are_marked() {
        let mut points: Vec<[f64; 2]> = (0..500).map(|i| [f64::from(i), 1.0]).collect();
        points[3][1] = 123.456;
        points[7][1] = 2.0;
        let svg = svg(vec![panel(points.clone(), Scale::Linear)], vec![]);
        assert!(svg.contains("beyond the axis, to 123<"), "{svg}");
        // In the legend, and where the curve is cut.
        assert_eq!(svg.matches("<polygon").count(), 3, "{svg}");
        let all = CurvesPanel {
            range: Some([0.0, 200.0]),
            ..panel(points, Scale::Linear)
        };
        assert!(!self::svg(vec![all], vec![]).contains("beyond"));
    }
}
