//! A picture as a list of shapes: what every chart draws on, and what `svg.rs` writes.

use crate::font;

/// A position: units to the right of and below the top left corner; at scale 1 a unit is a pixel.
pub type Point = [f64; 2];

/// Red, green and blue.
pub type Color = [u8; 3];

/// Text and axes.
pub const INK: Color = [40, 40, 40];
/// Notes and reference lines.
pub const GREY: Color = [110, 110, 110];
/// Grid lines.
pub const FAINT: Color = [225, 225, 225];
/// First colour of a series: the one that a chart is about.
pub const ORANGE: Color = [214, 84, 20];
/// Second colour of a series.
pub const BLUE: Color = [42, 111, 187];
/// Third colour of a series.
pub const GREEN: Color = [58, 143, 77];
/// Fourth colour of a series.
pub const SILVER: Color = [150, 150, 150];

/// Which part of a text lies at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins at the point.
    Start,
    /// The text is centred on the point.
    Middle,
    /// The text ends at the point.
    End,
}

/// Colour, width and dashes of a line; its ends and corners are round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    pub(crate) color: Color,
    pub(crate) width: f64,
    pub(crate) dash: Option<[f64; 2]>,
    pub(crate) opacity: f64,
}

impl Stroke {
    /// A solid line of a width in units.
    #[must_use]
    pub const fn new(color: Color, width: f64) -> Self {
        Self {
            color,
            width,
            dash: None,
            opacity: 1.0,
        }
    }

    /// The colour of the line.
    #[must_use]
    pub const fn color(self) -> Color {
        self.color
    }

    /// The same line in dashes of `on` units with gaps of `off`; dashes of length 0 are dots.
    #[must_use]
    pub const fn dashed(self, on: f64, off: f64) -> Self {
        Self {
            dash: Some([on, off]),
            ..self
        }
    }

    /// The same line with an opacity between 0 and 1.
    #[must_use]
    pub const fn faded(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Line {
        points: Vec<Point>,
        stroke: Stroke,
    },
    Area {
        points: Vec<Point>,
        color: Color,
        opacity: f64,
    },
    Dot {
        centre: Point,
        radius: f64,
        color: Color,
        opacity: f64,
    },
    Cloud {
        points: Vec<Point>,
        radius: f64,
        color: Color,
        opacity: f64,
    },
    Text {
        at: Point,
        anchor: Anchor,
        size: f64,
        color: Color,
        text: String,
    },
    Image {
        corner: Point,
        size: Point,
        png: Vec<u8>,
    },
}

/// Shapes on a white ground; each one covers those that were added before it.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(crate) size: Point,
    pub(crate) shapes: Vec<Shape>,
}

impl Drawing {
    /// An empty picture, a whole number of units wide and high.
    #[must_use]
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            size: [width.ceil(), height.ceil()],
            shapes: Vec::new(),
        }
    }

    /// Adds a line through `points`, which must be finite.
    pub fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        self.shapes.push(Shape::Line { points, stroke });
    }

    /// Adds a filled polygon.
    pub fn area(&mut self, points: Vec<Point>, color: Color, opacity: f64) {
        self.shapes.push(Shape::Area {
            points,
            color,
            opacity,
        });
    }

    /// Adds a filled rectangle.
    pub fn rectangle(&mut self, corner: Point, [width, height]: Point, color: Color, opacity: f64) {
        let [left, top] = corner;
        let [right, bottom] = [left + width, top + height];
        let corners = vec![[left, top], [right, top], [right, bottom], [left, bottom]];
        self.area(corners, color, opacity);
    }

    /// Adds a filled circle.
    pub fn dot(&mut self, centre: Point, radius: f64, color: Color, opacity: f64) {
        self.shapes.push(Shape::Dot {
            centre,
            radius,
            color,
            opacity,
        });
    }

    /// Adds thousands of small circles, whose edges are not smoothed: that takes half the time.
    pub fn cloud(&mut self, points: Vec<Point>, radius: f64, color: Color, opacity: f64) {
        self.shapes.push(Shape::Cloud {
            points,
            radius,
            color,
            opacity,
        });
    }

    /// Adds a line of text on the base line `at`.
    ///
    /// What stands in the braces of `p_{data}` is written as a subscript.
    pub fn text(&mut self, at: Point, anchor: Anchor, size: f64, color: Color, text: &str) {
        self.shapes.push(Shape::Text {
            at,
            anchor,
            size,
            color,
            text: text.to_owned(),
        });
    }

    /// Adds the picture in a PNG file, enlarged without smoothing to `size` from the top left
    /// `corner`.
    pub fn image(&mut self, corner: Point, size: Point, png: Vec<u8>) {
        self.shapes.push(Shape::Image { corner, size, png });
    }
}

/// Width of a line of text in units.
#[must_use]
pub fn text_width(text: &str, size: f64) -> f64 {
    runs(text)
        .map(|(run, level)| font::width(run, size * level.scale()))
        .sum()
}

/// The height at which letters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    BaseLine,
    Subscript,
}

impl Level {
    /// Size of its letters, as a share of the text's size.
    pub(crate) fn scale(self) -> f64 {
        match self {
            Self::BaseLine => 1.0,
            Self::Subscript => 0.72,
        }
    }

    /// Distance below the base line, as a share of the text's size.
    pub(crate) fn drop(self) -> f64 {
        match self {
            Self::BaseLine => 0.0,
            Self::Subscript => 0.22,
        }
    }
}

/// The parts of a text: a subscript begins at `_{` and ends at `}`.
pub(crate) fn runs(text: &str) -> impl Iterator<Item = (&str, Level)> {
    text.split("_{").enumerate().flat_map(|(index, part)| {
        let (below, line) = match part.split_once('}') {
            Some((below, line)) if index > 0 => (below, line),
            _ => ("", part),
        };
        [(below, Level::Subscript), (line, Level::BaseLine)]
            .into_iter()
            .filter(|(run, _)| !run.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_enclose_subscripts() {
        let parts: Vec<_> = runs("JSD(p_{data}, p_{g}) {1}").collect();
        let (line, below) = (Level::BaseLine, Level::Subscript);
        assert_eq!(
            parts,
            [
                ("JSD(p", line),
                ("data", below),
                (", p", line),
                ("g", below),
                (") {1}", line),
            ]
        );
        assert!(text_width("p_{data}", 10.0) < text_width("pdata", 10.0));
        assert_eq!(text_width("", 10.0), 0.0);
    }
}
