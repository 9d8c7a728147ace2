//! A small drawing surface: smooth dots and lines, and letters of 5×7 pixels.

/// Red, green and blue.
pub(super) type Color = [u8; 3];

pub(super) const INK: Color = [40, 40, 40];
pub(super) const FAINT: Color = [225, 225, 225];

/// Pixels, from the top left.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A white one.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![255; 3 * width * height],
        }
    }

    /// Mixes `color` into a pixel; outside of the surface nothing happens.
    fn blend(&mut self, x: i64, y: i64, color: Color, share: f32) {
        let inside = (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y);
        if !inside || share <= 0.0 {
            return;
        }
        let at = 3 * (y as usize * self.width + x as usize);
        let share = share.min(1.0);
        for (old, new) in self.pixels[at..at + 3].iter_mut().zip(color) {
            *old = (f32::from(*old) * (1.0 - share) + f32::from(new) * share).round() as u8;
        }
    }

    /// A filled circle with a soft edge.
    pub(super) fn dot(&mut self, x: f32, y: f32, radius: f32, color: Color, share: f32) {
        let reach = radius.ceil() as i64 + 1;
        let (cx, cy) = (x.floor() as i64, y.floor() as i64);
        for py in cy - reach..=cy + reach {
            for px in cx - reach..=cx + reach {
                let distance = (px as f32 + 0.5 - x).hypot(py as f32 + 0.5 - y);
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                self.blend(px, py, color, cover * share);
            }
        }
    }

    /// A rectangle, corners included, cut to the surface.
    pub(super) fn fill(&mut self, from: (f32, f32), to: (f32, f32), color: Color, share: f32) {
        for y in from.1.round() as i64..to.1.round() as i64 {
            for x in from.0.round() as i64..to.0.round() as i64 {
                self.blend(x, y, color, share);
            }
        }
    }

    /// A polyline of dots; `dash` is the length drawn and the length left out, in pixels.
    pub(super) fn curve(&mut self, points: &[(f32, f32)], color: Color, dash: Option<[f32; 2]>) {
        const SPACING: f32 = 0.5;
        let mut walked = 0.0;
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let length = (x1 - x0).hypot(y1 - y0);
            if !length.is_finite() {
                continue;
            }
            let count = (length / SPACING).ceil().max(1.0) as usize;
            for i in 0..count {
                let t = i as f32 / count as f32;
                let along = walked + t * length;
                let on = dash.is_none_or(|[on, off]| along % (on + off) < on);
                if on {
                    self.dot(x0 + t * (x1 - x0), y0 + t * (y1 - y0), 0.9, color, 0.6);
                }
            }
            walked += length;
        }
    }

    /// Text with its top left corner at `x`, `y`; each letter takes 6 pixels times `scale`.
    pub(super) fn text(&mut self, x: i64, y: i64, text: &str, color: Color, scale: i64) {
        for (index, letter) in text.chars().enumerate() {
            let left = x + index as i64 * 6 * scale;
            for (column, bits) in glyph(letter).into_iter().enumerate() {
                for row in (0..7).filter(|row| bits >> row & 1 == 1) {
                    let (px, py) = (left + column as i64 * scale, y + row * scale);
                    for dy in 0..scale {
                        for dx in 0..scale {
                            self.blend(px + dx, py + dy, color, 1.0);
                        }
                    }
                }
            }
        }
    }

    /// As a PNG file: grey if every pixel is, else in colour.
    pub(super) fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        encode(self.width, self.height, 3, &self.pixels)
    }
}

/// Width in pixels of a text at scale 1.
pub(super) fn text_width(text: &str) -> i64 {
    text.chars().count() as i64 * 6 - 1
}

/// Pixels with one or three channels as a PNG file.
pub(super) fn encode(
    width: usize,
    height: usize,
    channels: usize,
    pixels: &[u8],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(match channels {
        1 => png::ColorType::Grayscale,
        _ => png::ColorType::Rgb,
    });
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// Columns of a letter, the lowest bit at the top; a blank for what the font lacks.
fn glyph(letter: char) -> [u8; 5] {
    match letter {
        '0' => [0x3E, 0x51, 0x49, 0x45, 0x3E],
        '1' => [0x00, 0x42, 0x7F, 0x40, 0x00],
        '2' => [0x42, 0x61, 0x51, 0x49, 0x46],
        '3' => [0x21, 0x41, 0x45, 0x4B, 0x31],
        '4' => [0x18, 0x14, 0x12, 0x7F, 0x10],
        '5' => [0x27, 0x45, 0x45, 0x45, 0x39],
        '6' => [0x3C, 0x4A, 0x49, 0x49, 0x30],
        '7' => [0x01, 0x71, 0x09, 0x05, 0x03],
        '8' => [0x36, 0x49, 0x49, 0x49, 0x36],
        '9' => [0x06, 0x49, 0x49, 0x29, 0x1E],
        '-' | '−' => [0x08, 0x08, 0x08, 0x08, 0x08],
        '.' => [0x00, 0x60, 0x60, 0x00, 0x00],
        '(' => [0x00, 0x1C, 0x22, 0x41, 0x00],
        ')' => [0x00, 0x41, 0x22, 0x1C, 0x00],
        '_' => [0x40, 0x40, 0x40, 0x40, 0x40],
        '+' => [0x08, 0x08, 0x3E, 0x08, 0x08],
        ',' => [0x00, 0x50, 0x30, 0x00, 0x00],
        ':' => [0x00, 0x36, 0x36, 0x00, 0x00],
        '/' => [0x20, 0x10, 0x08, 0x04, 0x02],
        'a' => [0x20, 0x54, 0x54, 0x54, 0x78],
        'b' => [0x7F, 0x48, 0x44, 0x44, 0x38],
        'c' => [0x38, 0x44, 0x44, 0x44, 0x20],
        'd' => [0x38, 0x44, 0x44, 0x48, 0x7F],
        'e' => [0x38, 0x54, 0x54, 0x54, 0x18],
        'f' => [0x08, 0x7E, 0x09, 0x01, 0x02],
        'g' => [0x0C, 0x52, 0x52, 0x52, 0x3E],
        'h' => [0x7F, 0x08, 0x04, 0x04, 0x78],
        'i' => [0x00, 0x44, 0x7D, 0x40, 0x00],
        'j' => [0x20, 0x40, 0x44, 0x3D, 0x00],
        'k' => [0x7F, 0x10, 0x28, 0x44, 0x00],
        'l' => [0x00, 0x41, 0x7F, 0x40, 0x00],
        'm' => [0x7C, 0x04, 0x18, 0x04, 0x78],
        'n' => [0x7C, 0x08, 0x04, 0x04, 0x78],
        'o' => [0x38, 0x44, 0x44, 0x44, 0x38],
        'p' => [0x7C, 0x14, 0x14, 0x14, 0x08],
        'q' => [0x08, 0x14, 0x14, 0x18, 0x7C],
        'r' => [0x7C, 0x08, 0x04, 0x04, 0x08],
        's' => [0x48, 0x54, 0x54, 0x54, 0x20],
        't' => [0x04, 0x3F, 0x44, 0x40, 0x20],
        'u' => [0x3C, 0x40, 0x40, 0x20, 0x7C],
        'v' => [0x1C, 0x20, 0x40, 0x20, 0x1C],
        'w' => [0x3C, 0x40, 0x30, 0x40, 0x3C],
        'x' => [0x44, 0x28, 0x10, 0x28, 0x44],
        'y' => [0x0C, 0x50, 0x50, 0x50, 0x3C],
        'z' => [0x44, 0x64, 0x54, 0x4C, 0x44],
        'D' => [0x7F, 0x41, 0x41, 0x22, 0x1C],
        'G' => [0x3E, 0x41, 0x49, 0x49, 0x7A],
        upper if upper.is_ascii_uppercase() => glyph(upper.to_ascii_lowercase()),
        _ => [0; 5],
    }
}
