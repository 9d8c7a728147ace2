//! A picture in the making: shapes, each of which is written as SVG when it is added.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::text::{FAMILY, short, spans, text_width};

/// A position: units to the right of and below the top left corner; at scale 1 a unit is a pixel.
pub type Point = [f64; 2];

/// Red, green and blue.
pub type Color = [u8; 3];

/// Text and axes.
pub(crate) const INK: Color = [40, 40, 40];
/// Notes and reference lines.
pub(crate) const GREY: Color = [110, 110, 110];
/// Grid lines.
pub(crate) const FAINT: Color = [225, 225, 225];
/// First colour of a series: the one that a chart is about.
pub const ORANGE: Color = [214, 84, 20];
/// Second colour of a series.
pub const BLUE: Color = [42, 111, 187];
/// Third colour of a series.
pub const GREEN: Color = [58, 143, 77];
/// Fourth colour of a series.
pub const SILVER: Color = [150, 150, 150];

/// The part of a text that lies at its point.
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
    color: Color,
    width: f64,
    dash: Option<[f64; 2]>,
    opacity: f64,
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

/// Shapes on a white ground; each one covers those that were added before it.
#[derive(Clone, Debug)]
pub struct Drawing {
    pub(crate) size: Point,
    elements: String,
}

impl Drawing {
    /// An empty picture, a whole number of units wide and high.
    #[must_use]
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            size: [width.ceil(), height.ceil()],
            elements: String::new(),
        }
    }

    /// The picture as an SVG file.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let [width, height] = self.size;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" xml:space=\"preserve\" \
             font-family=\"{FAMILY}, Verdana, sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.elements
        )
    }

    /// Adds a line through `points`, which must be finite.
    pub fn line(&mut self, points: &[Point], stroke: Stroke) {
        let Stroke { color, width, .. } = stroke;
        let dash = stroke.dash.map_or(String::new(), |[on, off]| {
            format!(" stroke-dasharray=\"{on} {off}\"")
        });
        self.element(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\"{dash}{}/>",
            coordinates(points),
            hex(color),
            opacity_of("stroke", stroke.opacity)
        ));
    }

    /// Adds a filled polygon.
    pub fn area(&mut self, points: &[Point], color: Color, opacity: f64) {
        self.element(format_args!(
            "<polygon points=\"{}\" {}/>",
            coordinates(points),
            fill(color, opacity)
        ));
    }

    /// Adds a filled rectangle.
    pub fn rectangle(&mut self, [x, y]: Point, size: Point, color: Color, opacity: f64) {
        let [x, y, width, height] = [x, y, size[0], size[1]].map(short);
        self.element(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {}/>",
            fill(color, opacity)
        ));
    }

    /// Adds a filled circle.
    pub(crate) fn dot(&mut self, centre: Point, radius: f64, color: Color) {
        let [x, y] = centre.map(short);
        self.element(format_args!(
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {}/>",
            fill(color, 1.0)
        ));
    }

    /// Adds thousands of small circles, whose edges are not smoothed: that takes half the time.
    pub(crate) fn cloud(&mut self, centres: &[Point], radius: f64, color: Color, opacity: f64) {
        let fill = fill(color, opacity);
        self.element(format_args!("<g {fill} shape-rendering=\"crispEdges\">"));
        for centre in centres {
            let [x, y] = centre.map(short);
            self.element(format_args!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"
            ));
        }
        self.element(format_args!("</g>"));
    }

    /// Adds a line of text on the base line `at`.
    ///
    /// The part in the braces of `p_{data}` is written as a subscript.
    pub fn text(&mut self, at: Point, anchor: Anchor, size: f64, color: Color, text: &str) {
        let [x, y] = at.map(short);
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.element(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{anchor}\" {}>{}</text>",
            short(size),
            fill(color, 1.0),
            spans(text, size)
        ));
    }

    /// Adds a line of text that runs upwards from `at`.
    pub(crate) fn text_upwards(&mut self, at: Point, size: f64, color: Color, text: &str) {
        let [x, y] = at.map(short);
        self.element(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" transform=\"rotate(-90 {x} {y})\" \
             {}>{}</text>",
            short(size),
            fill(color, 1.0),
            spans(text, size)
        ));
    }

    /// Adds a title on the base line `at`, in smaller letters where it would not fit into `room`.
    pub(crate) fn title(&mut self, at: Point, room: f64, title: &str) {
        const SIZE: f64 = 14.0;
        let size = SIZE * (room / text_width(title, SIZE)).min(1.0);
        self.text(at, Anchor::Start, size, INK, title);
    }

    /// Adds a remark on the base line `at`, in smaller letters where it would not fit into `room`.
    pub(crate) fn note(&mut self, at: Point, room: f64, note: &str) {
        const SIZE: f64 = 11.0;
        if !note.is_empty() {
            let size = SIZE * (room / text_width(note, SIZE)).min(1.0);
            self.text(at, Anchor::Start, size, GREY, note);
        }
    }

    /// Adds rectangles, each with its colour, that meet without seams: their edges are not smoothed.
    pub(crate) fn tiles(&mut self, tiles: impl Iterator<Item = (Point, Point, Color)>) {
        self.element(format_args!("<g shape-rendering=\"crispEdges\">"));
        for (corner, size, color) in tiles {
            self.rectangle(corner, size, color, 1.0);
        }
        self.element(format_args!("</g>"));
    }

    /// Adds the picture in a PNG file, enlarged without smoothing to `size` from the top left
    /// `corner`.
    pub fn image(&mut self, corner: Point, [width, height]: Point, png: &[u8]) {
        let [x, y] = corner.map(short);
        self.element(format_args!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
            STANDARD.encode(png)
        ));
    }

    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.elements, "{element}");
    }
}

fn coordinates(points: &[Point]) -> String {
    let pair = |&[x, y]: &Point| format!("{},{}", short(x), short(y));
    points.iter().map(pair).collect::<Vec<_>>().join(" ")
}

fn hex([r, g, b]: Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn fill(color: Color, opacity: f64) -> String {
    format!("fill=\"{}\"{}", hex(color), opacity_of("fill", opacity))
}

/// The attribute of a fill or a stroke that is not opaque.
fn opacity_of(part: &str, opacity: f64) -> String {
    match opacity < 1.0 {
        true => format!(" {part}-opacity=\"{opacity}\""),
        false => String::new(),
    }
}
