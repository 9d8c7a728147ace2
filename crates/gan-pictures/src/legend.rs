//! Legends: a sample of each line or colour, and what it stands for.

use crate::drawing::{Anchor, Color, Drawing, INK, Point, Stroke, text_width};

/// What stands before the name of a legend's entry.
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

/// What a line, a colour or a mark stands for.
#[derive(Clone, Debug)]
pub struct LegendEntry {
    /// What is drawn.
    pub swatch: Swatch,
    /// What it stands for.
    pub name: String,
}

impl LegendEntry {
    /// An entry with a name.
    #[must_use]
    pub fn new(swatch: Swatch, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { swatch, name }
    }

    fn width(&self, size: f64) -> f64 {
        self.swatch.width() + 7.0 + text_width(&self.name, size)
    }
}

impl Swatch {
    fn width(self) -> f64 {
        match self {
            Self::Line(_) => 28.0,
            Self::Square(_) | Self::Dot(_) | Self::Triangle(_) => 10.0,
        }
    }
}

/// Between two entries, in units.
const GAP: f64 = 22.0;

/// Width of a legend in units.
pub(crate) fn legend_width(entries: &[LegendEntry], size: f64) -> f64 {
    let widths: f64 = entries.iter().map(|entry| entry.width(size)).sum();
    widths + GAP * entries.len().saturating_sub(1) as f64
}

/// Draws a legend in one line of letters of `size` on the base line `at`.
pub fn legend(
    drawing: &mut Drawing,
    [x, y]: Point,
    anchor: Anchor,
    size: f64,
    entries: &[LegendEntry],
) {
    let before = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => 0.5,
        Anchor::End => 1.0,
    };
    let mut x = x - before * legend_width(entries, size);
    // The middle of small letters.
    let middle = y - 0.35 * size;
    for entry in entries {
        match entry.swatch {
            Swatch::Line(stroke) => {
                drawing.line(vec![[x, middle], [x + 28.0, middle]], stroke);
            }
            Swatch::Square(color) => {
                drawing.rectangle([x, middle - 5.0], [10.0, 10.0], color, 1.0);
            }
            Swatch::Dot(color) => drawing.dot([x + 5.0, middle], 4.0, color, 1.0),
            Swatch::Triangle(color) => {
                let corners = [[x, middle + 4.0], [x + 10.0, middle + 4.0]];
                let tip = [x + 5.0, middle - 4.0];
                drawing.area(vec![corners[0], corners[1], tip], color, 1.0);
            }
        }
        let name = x + entry.swatch.width() + 7.0;
        drawing.text([name, y], Anchor::Start, size, INK, &entry.name);
        x += entry.width(size) + GAP;
    }
}
