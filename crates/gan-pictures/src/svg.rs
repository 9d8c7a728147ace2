//! A drawing as an SVG file.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::drawing::{Anchor, Color, Drawing, Point, Shape, Stroke, runs};
use crate::font;

impl Drawing {
    /// The picture as an SVG file.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let [width, height] = self.size;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" xml:space=\"preserve\" \
             font-family=\"{}, Verdana, sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            font::FAMILY
        );
        for shape in &self.shapes {
            // Writing to a string cannot fail.
            let _ = write_shape(&mut svg, shape);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn write_shape(svg: &mut String, shape: &Shape) -> std::fmt::Result {
    match shape {
        Shape::Line { points, stroke } => write_line(svg, points, stroke),
        Shape::Area {
            points,
            color,
            opacity,
        } => writeln!(
            svg,
            "<polygon points=\"{}\" fill=\"{}\"{}/>",
            coordinates(points),
            hex(*color),
            opacity_of("fill", *opacity)
        ),
        Shape::Dot {
            centre: [x, y],
            radius,
            color,
            opacity,
        } => writeln!(
            svg,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{radius}\" fill=\"{}\"{}/>",
            short(*x),
            short(*y),
            hex(*color),
            opacity_of("fill", *opacity)
        ),
        Shape::Cloud {
            points,
            radius,
            color,
            opacity,
        } => {
            writeln!(
                svg,
                "<g fill=\"{}\"{} shape-rendering=\"crispEdges\">",
                hex(*color),
                opacity_of("fill", *opacity)
            )?;
            for [x, y] in points {
                let [x, y] = [short(*x), short(*y)];
                writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>")?;
            }
            writeln!(svg, "</g>")
        }
        Shape::Text {
            at: [x, y],
            anchor,
            size,
            color,
            text,
        } => writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" font-size=\"{size}\" text-anchor=\"{}\" \
             fill=\"{}\">{}</text>",
            short(*x),
            short(*y),
            match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            },
            hex(*color),
            letters(text, *size)
        ),
        Shape::Image {
            corner: [x, y],
            size: [width, height],
            png,
        } => writeln!(
            svg,
            "<image x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
            short(*x),
            short(*y),
            STANDARD.encode(png)
        ),
    }
}

fn write_line(svg: &mut String, points: &[Point], stroke: &Stroke) -> std::fmt::Result {
    write!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" \
         stroke-linecap=\"round\" stroke-linejoin=\"round\"",
        coordinates(points),
        hex(stroke.color),
        stroke.width
    )?;
    if let Some([on, off]) = stroke.dash {
        write!(svg, " stroke-dasharray=\"{on} {off}\"")?;
    }
    writeln!(svg, "{}/>", opacity_of("stroke", stroke.opacity))
}

fn coordinates(points: &[Point]) -> String {
    let pair = |&[x, y]: &Point| format!("{},{}", short(x), short(y));
    points.iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// A length, rounded to a hundredth of a unit.
fn short(length: f64) -> f64 {
    (100.0 * length).round() / 100.0
}

fn hex([r, g, b]: Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The attribute for what is not opaque.
fn opacity_of(part: &str, opacity: f64) -> String {
    match opacity < 1.0 {
        true => format!(" {part}-opacity=\"{opacity}\""),
        false => String::new(),
    }
}

/// Text with its subscripts: `dy` also moves whatever follows, so each part moves back.
fn letters(text: &str, size: f64) -> String {
    let mut letters = String::new();
    let mut base = 0.0;
    for (run, level) in runs(text) {
        let run = escaped(run);
        let drop = level.drop() * size;
        if drop == 0.0 && base == 0.0 {
            letters.push_str(&run);
            continue;
        }
        let _ = write!(
            letters,
            "<tspan font-size=\"{}\" dy=\"{}\">{run}</tspan>",
            short(level.scale() * size),
            short(drop - base)
        );
        base = drop;
    }
    letters
}

/// Text without what has a meaning in XML, and without control characters, which it forbids.
fn escaped(text: &str) -> String {
    text.replace(char::is_control, " ")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_after_a_subscript_are_raised_again() {
        let text = letters("p_{g}(x)", 10.0);
        assert!(text.contains("dy=\"2.2\">g<"), "{text}");
        assert!(text.contains("dy=\"-2.2\">(x)<"), "{text}");
    }

    #[test]
    fn drawing_is_written_shape_by_shape() {
        let mut drawing = Drawing::new(40.0, 20.0);
        drawing.rectangle([0.0, 0.0], [20.0, 20.0], [255, 0, 0], 0.5);
        let line = Stroke::new([0, 0, 255], 2.0);
        drawing.line(vec![[22.0, 10.0], [38.0, 10.0]], line.dashed(4.0, 6.0));
        drawing.text([2.0, 18.0], Anchor::Start, 6.0, [0; 3], "a < b & \u{1b}");
        let svg = drawing.to_svg();
        for part in [
            "width=\"40\" height=\"20\"",
            "fill=\"#ff0000\" fill-opacity=\"0.5\"",
            "stroke-dasharray=\"4 6\"",
            "a &lt; b &amp;  </text>",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }
}
