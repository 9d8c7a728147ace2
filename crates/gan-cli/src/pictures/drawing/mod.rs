//! A picture as a list of shapes, of which the same code makes an SVG file and pixels.

mod font;
mod raster;
mod svg;

pub(crate) use raster::Pixels;

/// Right and down from the top left corner, in units that are pixels at scale 1.
pub(crate) type Point = [f64; 2];

/// Red, green and blue.
pub(crate) type Color = [u8; 3];

/// Where a text stands to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// How a line is drawn; ends and corners are round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    color: Color,
    width: f64,
    /// Length drawn and length left out; a length of 0 is a dot.
    dash: Option<[f64; 2]>,
    opacity: f64,
}

impl Stroke {
    /// A solid line.
    pub(crate) const fn new(color: Color, width: f64) -> Self {
        Self {
            color,
            width,
            dash: None,
            opacity: 1.0,
        }
    }

    /// Its colour.
    pub(crate) const fn color(self) -> Color {
        self.color
    }

    /// The same with gaps: `on` drawn, `off` left out.
    pub(crate) const fn dashed(self, on: f64, off: f64) -> Self {
        Self {
            dash: Some([on, off]),
            ..self
        }
    }

    /// The same in so many parts of one.
    pub(crate) const fn faded(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }
}

#[derive(Clone, Debug)]
enum Shape {
    Line {
        points: Vec<Point>,
        stroke: Stroke,
    },
    Area {
        points: Vec<Point>,
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
        pixels: Pixels,
    },
}

/// Shapes, the first at the bottom, on white.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    size: Point,
    shapes: Vec<Shape>,
}

impl Drawing {
    /// Nothing yet.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self {
            size: [width, height],
            shapes: Vec::new(),
        }
    }

    /// A line through `points`, which are few enough to be finite.
    pub(crate) fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        self.shapes.push(Shape::Line { points, stroke });
    }

    /// A filled polygon.
    pub(crate) fn area(&mut self, points: Vec<Point>, color: Color, opacity: f64) {
        self.shapes.push(Shape::Area {
            points,
            color,
            opacity,
        });
    }

    /// A filled rectangle.
    pub(crate) fn fill(&mut self, [x, y]: Point, [width, height]: Point, color: Color) {
        let (right, bottom) = (x + width, y + height);
        self.area(
            vec![[x, y], [right, y], [right, bottom], [x, bottom]],
            color,
            1.0,
        );
    }

    /// A line of text on the base line `at`; `p_{data}` has its braces lowered.
    pub(crate) fn text(&mut self, at: Point, anchor: Anchor, size: f64, color: Color, text: &str) {
        self.shapes.push(Shape::Text {
            at,
            anchor,
            size,
            color,
            text: text.to_owned(),
        });
    }

    /// `pixels`, enlarged without smoothing to `size` from the top left `corner`.
    pub(crate) fn image(&mut self, corner: Point, size: Point, pixels: Pixels) {
        self.shapes.push(Shape::Image {
            corner,
            size,
            pixels,
        });
    }

    /// As an SVG file.
    ///
    /// # Errors
    /// If an image in it does not encode.
    pub(crate) fn to_svg(&self) -> Result<String, png::EncodingError> {
        svg::write(self.size, &self.shapes)
    }

    /// As pixels, `scale` of them a unit.
    pub(crate) fn to_pixels(&self, scale: f64) -> Pixels {
        raster::draw(self.size, &self.shapes, scale)
    }
}

/// Width of a text in units.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    runs(text)
        .map(|(run, level)| font::width(run, size * level.scale()))
        .sum()
}

/// Whether letters stand on the line or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Line,
    Below,
}

impl Level {
    /// Size of its letters, in that of the text.
    fn scale(self) -> f64 {
        match self {
            Self::Line => 1.0,
            Self::Below => 0.72,
        }
    }

    /// How far down it is, in the size of the text.
    fn drop(self) -> f64 {
        match self {
            Self::Line => 0.0,
            Self::Below => 0.22,
        }
    }
}

/// The parts of a text, which change level at `_{` and at `}`.
fn runs(text: &str) -> impl Iterator<Item = (&str, Level)> {
    text.split("_{").enumerate().flat_map(|(index, part)| {
        let (below, line) = match part.split_once('}') {
            Some((below, line)) if index > 0 => (below, line),
            _ => ("", part),
        };
        [(below, Level::Below), (line, Level::Line)]
            .into_iter()
            .filter(|(run, _)| !run.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_changes_level_in_braces() {
        let parts: Vec<_> = runs("JSD(p_{data}, p_{g}) {1}").collect();
        let (line, below) = (Level::Line, Level::Below);
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

    #[test]
    fn drawing_is_the_same_picture_in_both_forms() {
        let mut drawing = Drawing::new(40.0, 20.0);
        drawing.fill([0.0, 0.0], [20.0, 20.0], [255, 0, 0]);
        let line = Stroke::new([0, 0, 255], 2.0);
        drawing.line(vec![[22.0, 10.0], [38.0, 10.0]], line.dashed(4.0, 6.0));
        drawing.text([2.0, 18.0], Anchor::Start, 6.0, [0; 3], "a < b");
        let svg = drawing.to_svg().unwrap();
        for part in [
            "width=\"40\" height=\"20\"",
            "#ff0000",
            "stroke-dasharray=\"4 6\"",
            "a &lt; b",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        let pixels = drawing.to_pixels(2.0);
        assert_eq!([pixels.width, pixels.height], [80, 40]);
        let at = |x: usize, y: usize| &pixels.rgb[3 * (y * 80 + x)..][..3];
        assert_eq!(at(1, 1), [255, 0, 0]);
        assert_eq!(at(60, 2), [255; 3]);
        // In the first dash, in the gap after its round end, in the second dash.
        assert_eq!(at(48, 20), [0, 0, 255]);
        assert_eq!(at(58, 20), [255; 3]);
        assert_eq!(at(68, 20), [0, 0, 255]);
    }
}
