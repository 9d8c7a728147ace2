//! Shapes as SVG.

use std::fmt::Write;

use super::{Anchor, Color, Pixels, Point, Shape, Stroke, runs};

/// The whole file.
pub(super) fn write(
    [width, height]: Point,
    shapes: &[Shape],
) -> Result<String, png::EncodingError> {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" xml:space=\"preserve\" \
         font-family=\"DejaVu Sans, Verdana, sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for shape in shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Line { points, stroke } => line(&mut svg, points, stroke),
            Shape::Area {
                points,
                color,
                opacity,
            } => writeln!(
                svg,
                "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{opacity}\"/>",
                coordinates(points),
                hex(*color)
            ),
            Shape::Text {
                at,
                anchor,
                size,
                color,
                text,
            } => writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" font-size=\"{size}\" text-anchor=\"{}\" \
                 fill=\"{}\">{}</text>",
                short(at[0]),
                short(at[1]),
                match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                },
                hex(*color),
                letters(text, *size)
            ),
            Shape::Image {
                corner,
                size,
                pixels,
            } => writeln!(
                svg,
                "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" \
                 style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
                short(corner[0]),
                short(corner[1]),
                short(size[0]),
                short(size[1]),
                base64(&Pixels::to_png(pixels)?)
            ),
        };
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn line(svg: &mut String, points: &[Point], stroke: &Stroke) -> std::fmt::Result {
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
    if stroke.opacity < 1.0 {
        write!(svg, " stroke-opacity=\"{}\"", stroke.opacity)?;
    }
    writeln!(svg, "/>")
}

fn coordinates(points: &[Point]) -> String {
    let pair = |&[x, y]: &Point| format!("{},{}", short(x), short(y));
    points.iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// To a hundredth of a pixel.
fn short(place: f64) -> f64 {
    (100.0 * place).round() / 100.0
}

fn hex([r, g, b]: Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text with its lowered parts; `dy` moves what follows, too, so each part moves back.
fn letters(text: &str, size: f64) -> String {
    let mut letters = String::new();
    let mut base = 0.0;
    for (run, level) in runs(text) {
        let run = run
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let drop = level.drop() * size;
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

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() {
                letter.into()
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_gives_the_known_answers() {
        // RFC 4648, section 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn lowered_letters_are_raised_again() {
        let text = letters("p_{g}(x)", 10.0);
        assert!(text.contains("dy=\"2.2\">g<"), "{text}");
        assert!(text.contains("dy=\"-2.2\">(x)<"), "{text}");
    }
}
