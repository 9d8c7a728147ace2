//! Legends: a piece of each line or colour, and what it stands for.

use crate::drawing::{Anchor, Color, Drawing, INK, Point, Stroke};
use crate::text::text_width;

/// The sign before the name of a legend's entry.
#[derive(Clone, Copy, Debug)]
pub enum Swatch {
    /// A piece of a line.
    Line(Stroke),
    /// A square, for bars.
    Square(Color),
    /// A dot, for points.
    Dot(Color),
    /// A triangle, for what lies beyond an axis.
    Triangle(Color),
}

impl Swatch {
    fn width(self) -> f64 {
        match self {
            Self::Line(_) => 28.0,
            Self::Square(_) | Self::Dot(_) | Self::Triangle(_) => 10.0,
        }
    }

    /// Draws it with its left end at `x` and its middle at `y`.
    fn draw(self, drawing: &mut Drawing, [x, y]: Point) {
        match self {
            Self::Line(stroke) => drawing.line(&[[x, y], [x + 28.0, y]], stroke),
            Self::Square(color) => drawing.rectangle([x, y - 5.0], [10.0, 10.0], color, 1.0),
            Self::Dot(color) => drawing.dot([x + 5.0, y], 4.0, color),
            Self::Triangle(color) => {
                let corners = [[x, y + 4.0], [x + 10.0, y + 4.0], [x + 5.0, y - 4.0]];
                drawing.area(&corners, color, 1.0);
            }
        }
    }
}

/// Between a swatch and its name, in units.
const NEAR: f64 = 7.0;
/// Between two entries, in units.
const GAP: f64 = 22.0;

/// Width of a legend in units.
pub(crate) fn legend_width(entries: &[(Swatch, String)], size: f64) -> f64 {
    let width = |(swatch, name): &(Swatch, String)| swatch.width() + NEAR + text_width(name, size);
    let widths: f64 = entries.iter().map(width).sum();
    widths + GAP * entries.len().saturating_sub(1) as f64
}

/// Draws a legend in one line of letters of `size` on the base line `at`.
pub fn legend(
    drawing: &mut Drawing,
    [x, y]: Point,
    anchor: Anchor,
    size: f64,
    entries: &[(Swatch, String)],
) {
    let mut x = match anchor {
        Anchor::Start => x,
        Anchor::Middle => x - legend_width(entries, size) / 2.0,
        Anchor::End => x - legend_width(entries, size),
    };
    for (swatch, name) in entries {
        // The middle of small letters.
        swatch.draw(drawing, [x, y - 0.35 * size]);
        x += swatch.width() + NEAR;
        drawing.text([x, y], Anchor::Start, size, INK, name);
        x += text_width(name, size) + GAP;
    }
}
