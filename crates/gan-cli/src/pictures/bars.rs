//! Numbers among those that they should be compared with: a bar each, with its error.
//!
//! One drawing for two files: the shapes are placed once, and written as SVG or into pixels.

use std::fmt::Write;

use super::canvas::{Canvas, Color, FAINT, INK, text_width};
use super::{label, ticks};

/// One number.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// What stands before it.
    pub(crate) name: String,
    /// Its length.
    pub(crate) value: f64,
    /// Half the length of the whisker at its end.
    pub(crate) error: f64,
    /// What stands behind it.
    pub(crate) text: String,
    /// Its colour.
    pub(crate) kind: BarKind,
}

/// Whose number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarKind {
    /// The one that the chart is about.
    Model,
    /// One measured the same way, to compare with.
    Control,
    /// One from a publication.
    Published,
}

impl BarKind {
    fn color(self) -> Color {
        match self {
            Self::Model => [214, 84, 20],
            Self::Control => [42, 111, 187],
            Self::Published => [150, 150, 150],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Model => "samples",
            Self::Control => "controls",
            Self::Published => "published",
        }
    }
}

/// Where a text begins or ends.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// What a chart consists of; places are in pixels from the top left.
enum Shape {
    /// From corner to corner.
    Area([f64; 4], Color),
    /// From end to end.
    Line([f64; 4], Color),
    /// The middle of its height stands at the second number.
    Text([f64; 2], Anchor, Color, String),
}

const ROW: f64 = 26.0;
const THICKNESS: f64 = 14.0;
const LETTER: f64 = 6.4;
const TOP: f64 = 58.0;
const FOOT: f64 = 34.0;
const PLOT: f64 = 460.0;
const GAP: f64 = 10.0;

/// The chart of `bars`, from top to bottom, as SVG.
pub(crate) fn bars_svg(bars: &[Bar], title: &str) -> String {
    let (shapes, [width, height]) = shapes(bars, title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for shape in &shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Area([x0, y0, x1, y1], color) => writeln!(
                svg,
                "<rect x=\"{x0:.1}\" y=\"{y0:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                x1 - x0,
                y1 - y0,
                hex(*color)
            ),
            Shape::Line([x0, y0, x1, y1], color) => writeln!(
                svg,
                "<line x1=\"{x0:.1}\" y1=\"{y0:.1}\" x2=\"{x1:.1}\" y2=\"{y1:.1}\" stroke=\"{}\"/>",
                hex(*color)
            ),
            Shape::Text([x, y], anchor, color, text) => writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{}\" fill=\"{}\">{}</text>",
                y + 4.0,
                match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                },
                hex(*color),
                text.replace('&', "&amp;").replace('<', "&lt;")
            ),
        };
    }
    svg.push_str("</svg>\n");
    svg
}

/// The chart of `bars`, from top to bottom, as a PNG file.
///
/// # Errors
/// If it does not encode, which only its size could cause.
pub(crate) fn bars_png(bars: &[Bar], title: &str) -> Result<Vec<u8>, png::EncodingError> {
    let (shapes, [width, height]) = shapes(bars, title);
    let mut canvas = Canvas::new(width as usize, height as usize);
    for shape in &shapes {
        match shape {
            Shape::Area([x0, y0, x1, y1], color) => {
                let corner = |x: f64, y: f64| (x as f32, y as f32);
                canvas.fill(corner(*x0, *y0), corner(*x1, *y1), *color, 1.0);
            }
            Shape::Line([x0, y0, x1, y1], color) => {
                // Upright or level, so a filled row or column of pixels is sharper than dots.
                let from = (x0.floor() as f32, y0.floor() as f32);
                let to = (
                    x1.floor().max(x0.floor() + 1.0) as f32,
                    y1.floor().max(y0.floor() + 1.0) as f32,
                );
                canvas.fill(from, to, *color, 1.0);
            }
            Shape::Text([x, y], anchor, color, text) => {
                let left = match anchor {
                    Anchor::Start => *x as i64,
                    Anchor::Middle => *x as i64 - text_width(text) / 2,
                    Anchor::End => *x as i64 - text_width(text),
                };
                canvas.text(left, *y as i64 - 4, text, *color, 1);
            }
        }
    }
    canvas.to_png()
}

fn hex([r, g, b]: Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// All shapes, those behind first, and the size of the whole.
fn shapes(bars: &[Bar], title: &str) -> (Vec<Shape>, [f64; 2]) {
    let letters = |text: &str| LETTER * text.chars().count() as f64;
    let longest =
        |of: fn(&Bar) -> &str| bars.iter().map(|bar| letters(of(bar))).fold(0.0, f64::max);
    let left = longest(|bar| &bar.name) + 2.0 * GAP;
    let right = left + PLOT;
    let width = (right + longest(|bar| &bar.text) + 2.0 * GAP).max(letters(title) + 2.0 * GAP);
    let bottom = TOP + ROW * bars.len() as f64;

    let (low, high) = extent(bars);
    let across = |value: f64| left + (value - low) / (high - low) * PLOT;
    let mut shapes = vec![Shape::Text(
        [GAP, 16.0],
        Anchor::Start,
        INK,
        title.to_owned(),
    )];
    legend(&mut shapes, bars, left);
    for tick in ticks(low, high, 6) {
        let x = across(tick);
        shapes.push(Shape::Line([x, TOP, x, bottom], FAINT));
        let below = [x, bottom + 14.0];
        shapes.push(Shape::Text(below, Anchor::Middle, INK, label(tick)));
    }
    for (index, bar) in bars.iter().enumerate() {
        let middle = TOP + ROW * (index as f64 + 0.5);
        let (from, to) = (across(0.0), across(bar.value));
        let [top, foot] = [-0.5, 0.5].map(|half| middle + half * THICKNESS);
        let area = [from.min(to), top, from.max(to), foot];
        shapes.push(Shape::Area(area, bar.kind.color()));
        if bar.error > 0.0 {
            let [a, b] = [-1.0, 1.0].map(|sign| across(bar.value + sign * bar.error));
            shapes.push(Shape::Line([a, middle, b, middle], INK));
            for x in [a, b] {
                shapes.push(Shape::Line([x, middle - 4.0, x, middle + 4.0], INK));
            }
        }
        let name = [left - GAP, middle];
        shapes.push(Shape::Text(name, Anchor::End, INK, bar.name.clone()));
        let end = across(bar.value.max(0.0) + bar.error) + 6.0;
        shapes.push(Shape::Text(
            [end, middle],
            Anchor::Start,
            INK,
            bar.text.clone(),
        ));
    }
    shapes.push(Shape::Line([across(0.0), TOP, across(0.0), bottom], INK));
    (shapes, [width.ceil(), (bottom + FOOT).ceil()])
}

/// A square and a word for each kind that there is.
fn legend(shapes: &mut Vec<Shape>, bars: &[Bar], left: f64) {
    let mut x = left;
    for kind in [BarKind::Model, BarKind::Control, BarKind::Published] {
        if !bars.iter().any(|bar| bar.kind == kind) {
            continue;
        }
        let (y, name) = (38.0, kind.name());
        shapes.push(Shape::Area([x, y - 5.0, x + 10.0, y + 5.0], kind.color()));
        let place = [x + 15.0, y];
        shapes.push(Shape::Text(place, Anchor::Start, INK, name.to_owned()));
        x += 15.0 + LETTER * name.len() as f64 + 2.0 * GAP;
    }
}

/// The ends of the axis: all numbers with their errors, and 0.
fn extent(bars: &[Bar]) -> (f64, f64) {
    let ends = bars
        .iter()
        .flat_map(|bar| [bar.value - bar.error, bar.value + bar.error])
        .filter(|end| end.is_finite());
    let (low, high) = ends.fold((0.0f64, 0.0f64), |(low, high), end| {
        (low.min(end), high.max(end))
    });
    if low == high { (0.0, 1.0) } else { (low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: f64, kind: BarKind) -> Bar {
        Bar {
            name: "a < b".into(),
            value,
            error: 2.0,
            text: format!("{value} ± 2"),
            kind,
        }
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let svg = bars_svg(
            &[bar(200.0, BarKind::Model), bar(-100.0, BarKind::Control)],
            "a & b",
        );
        let widths: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("height=\"14.0\""))
            .filter_map(|line| {
                line.split("width=\"")
                    .nth(1)?
                    .split('"')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        assert!((widths[0] / widths[1] - 2.0).abs() < 0.01, "{widths:?}");
        assert!(
            svg.contains("a &amp; b") && svg.contains("a &lt; b"),
            "{svg}"
        );
    }

    #[test]
    fn charts_survive_what_is_no_number() {
        for bars in [
            vec![],
            vec![bar(f64::NAN, BarKind::Model)],
            vec![bar(0.0, BarKind::Model)],
        ] {
            assert!(bars_svg(&bars, "t").ends_with("</svg>\n"));
            assert!(bars_png(&bars, "t").is_ok());
        }
    }
}
