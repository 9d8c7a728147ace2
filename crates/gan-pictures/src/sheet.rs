//! Sheets of images: pixel by pixel, or as a drawing with a title.

use crate::drawing::{Anchor, Color, Drawing, GREY, INK, Stroke};
use crate::pixels::{PictureError, Pixels, encode};
use crate::text::text_width;

/// Pixels between two images.
const GAP: usize = 2;
/// Brightness of the gaps.
const GAP_SHADE: u8 = 96;
/// Small images are enlarged to about so many pixels a side.
const SIDE: usize = 56;
/// No sheet is enlarged beyond so many pixels a side.
const LARGEST: usize = 1200;

/// A sheet of images in `[rows, columns]` as a PNG file.
///
/// Images have `[height, width, channels]` and follow each other, one plane of values from 0 to 255
/// for each channel; places beyond the last image stay empty.
/// Three channels are red, green and blue; of any other number the first is shown in grey.
///
/// # Errors
/// If the sheet is empty or too large.
pub fn sheet_of_images(
    images: &[f32],
    [height, width, channels]: [usize; 3],
    [rows, columns]: [usize; 2],
) -> Result<Vec<u8>, PictureError> {
    let fits = |scale: usize| {
        scale * height <= SIDE.max(height)
            && scale * (width * columns).max(height * rows) <= LARGEST
    };
    let scale = (1..=8).rev().find(|&scale| fits(scale)).unwrap_or(1);
    let (shown, color) = match channels {
        3 => (3, png::ColorType::Rgb),
        _ => (1, png::ColorType::Grayscale),
    };
    let (step_y, step_x) = (height * scale + GAP, width * scale + GAP);
    let (sheet_height, sheet_width) = (rows * step_y + GAP, columns * step_x + GAP);
    let mut pixels = vec![GAP_SHADE; sheet_height * sheet_width * shown];
    let size = height * width * channels;
    for (index, image) in images.chunks_exact(size).take(rows * columns).enumerate() {
        let top = GAP + index / columns * step_y;
        let left = GAP + index % columns * step_x;
        for y in 0..height * scale {
            for x in 0..width * scale {
                let at = ((top + y) * sheet_width + left + x) * shown;
                for channel in 0..shown {
                    let plane = &image[channel * height * width..];
                    pixels[at + channel] = byte(plane[y / scale * width + x / scale]);
                }
            }
        }
    }
    encode(sheet_width, sheet_height, color, &pixels)
}

/// One image of `[height, width, channels]`, planes of values from 0 to 255 as on a sheet, as a PNG
/// file of as many pixels: grey, or in colour if it has three channels.
///
/// # Errors
/// If the image is empty or too large.
pub fn image(
    image: &[f32],
    [height, width, channels]: [usize; 3],
) -> Result<Vec<u8>, PictureError> {
    let area = height * width;
    let (color, shown) = match channels {
        3 => (png::ColorType::Rgb, 3),
        _ => (png::ColorType::Grayscale, 1),
    };
    let value = |at: usize| byte(image[at % shown * area + at / shown]);
    encode(
        width,
        height,
        color,
        &(0..area * shown).map(value).collect::<Vec<_>>(),
    )
}

impl Pixels {
    /// One image of `[height, width, channels]`, planes of values from 0 to 255 as on a sheet.
    pub(crate) fn from_planes(image: &[f32], [height, width, channels]: [usize; 3]) -> Self {
        let plane = height * width;
        let rgb = (0..plane).flat_map(|at| {
            [0, 1, 2].map(|color| {
                let channel = if channels == 3 { color } else { 0 };
                byte(image[channel * plane + at])
            })
        });
        Self {
            width,
            height,
            rgb: rgb.collect(),
        }
    }
}

/// Rows of images under a title and a note.
#[derive(Clone, Copy, Debug)]
pub struct ImageRows<'a> {
    /// The images, planes of values from 0 to 255 as on a sheet.
    pub images: &'a [f32],
    /// Height, width and channels of an image.
    pub shape: [usize; 3],
    /// Images in a row.
    pub columns: usize,
    /// True if the last image of each row stands apart, in a frame.
    pub frame_last_column: bool,
    /// Written above the images.
    pub title: &'a str,
    /// Written below the title.
    pub note: &'a str,
}

impl ImageRows<'_> {
    /// Draws the picture.
    ///
    /// # Errors
    /// If an image is empty.
    pub fn draw(&self) -> Result<Drawing, PictureError> {
        const MARGIN: f64 = 16.0;
        const HEAD: f64 = 54.0;
        const BETWEEN: f64 = 3.0;
        const APART: f64 = 14.0;
        // The paper's frames are yellow, too.
        const FRAME: Color = [235, 180, 0];
        let [height, width, channels] = self.shape;
        let enlarged = (SIDE / height.max(width).max(1)).clamp(1, 8);
        let [w, h] = [width, height].map(|side| (side * enlarged) as f64);
        let images = self.images.chunks_exact((height * width * channels).max(1));
        let rows = images.len().div_ceil(self.columns);
        let is_framed = |column| self.frame_last_column && column + 1 == self.columns;
        let across = |column: usize| {
            let apart = if is_framed(column) { APART } else { 0.0 };
            MARGIN + column as f64 * (w + BETWEEN) + apart
        };
        let down = |row: usize| HEAD + row as f64 * (h + BETWEEN);
        let text = text_width(self.title, 14.0).max(text_width(self.note, 11.0));
        let right = (across(self.columns - 1) + w).max(MARGIN + text);
        let mut drawing = Drawing::new(right + MARGIN, down(rows) - BETWEEN + MARGIN);
        drawing.text([MARGIN, 24.0], Anchor::Start, 14.0, INK, self.title);
        drawing.text([MARGIN, 42.0], Anchor::Start, 11.0, GREY, self.note);
        for (index, image) in images.enumerate() {
            let column = index % self.columns;
            let [x, y] = [across(column), down(index / self.columns)];
            let png = Pixels::from_planes(image, self.shape).to_png()?;
            drawing.image([x, y], [w, h], &png);
            if is_framed(column) {
                let [left, top] = [x - 1.0, y - 1.0];
                let [right, bottom] = [x + w + 1.0, y + h + 1.0];
                let start = [left, top];
                let frame = [start, [right, top], [right, bottom], [left, bottom], start];
                drawing.line(&frame, Stroke::new(FRAME, 2.0));
            }
        }
        Ok(drawing)
    }
}

fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> (u32, u32, png::ColorType, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, info.color_type, pixels)
    }

    #[test]
    fn sheet_puts_planes_into_places() {
        // Two colour images of 60×61 (too large to enlarge): all red, all blue.
        let plane = 60 * 61;
        let mut images = vec![0.0; 6 * plane];
        images[..plane].fill(255.0);
        images[5 * plane..].fill(255.0);
        let sheet = sheet_of_images(&images, [60, 61, 3], [2, 3]).unwrap();
        let (width, height, color, pixels) = decode(&sheet);
        assert_eq!((width, height), (3 * 63 + 2, 2 * 62 + 2));
        assert_eq!(color, png::ColorType::Rgb);
        let at = |x: usize, y: usize| &pixels[(y * width as usize + x) * 3..][..3];
        assert_eq!(at(0, 0), [96; 3]);
        assert_eq!(at(2, 2), [255, 0, 0]);
        assert_eq!(at(65, 2), [0, 0, 255]);
        assert_eq!(at(128, 2), [96; 3]);
    }

    #[test]
    fn an_image_alone_has_its_own_pixels() {
        // Two pixels: red at half, then green and blue.
        let planes = [128.0, 0.0, 0.0, 255.0, -3.0, 300.0];
        let (width, height, color, pixels) = decode(&image(&planes, [1, 2, 3]).unwrap());
        assert_eq!((width, height, color), (2, 1, png::ColorType::Rgb));
        assert_eq!(pixels, [128, 0, 0, 0, 255, 255]);
        let (_, _, color, pixels) = decode(&image(&[7.4, 9.5], [2, 1, 1]).unwrap());
        assert_eq!((color, pixels), (png::ColorType::Grayscale, vec![7, 10]));
    }

    #[test]
    fn sheet_of_grey_digits_is_grey_and_enlarged() {
        let sheet = sheet_of_images(&[7.0; 784], [28, 28, 1], [1, 1]).unwrap();
        let (width, height, color, _) = decode(&sheet);
        assert_eq!((width, height, color), (60, 60, png::ColorType::Grayscale));
    }

    #[test]
    fn images_stand_in_rows_and_the_last_ones_in_frames() {
        let rows = ImageRows {
            images: &[0.0; 6 * 12],
            shape: [3, 4, 1],
            columns: 3,
            frame_last_column: true,
            title: "a < b",
            note: "step 7",
        };
        let pixels = rows.draw().unwrap().to_pixels(1.0).unwrap();
        let at = |x: usize, y: usize| &pixels.rgb[3 * (y * pixels.width + x)..][..3];
        // Eight times as large: images of 32 by 24, one below the other and side by side.
        for [x, y] in [[17, 55], [17, 82], [52, 55], [101, 55]] {
            assert_eq!(at(x, y), [0; 3], "{x} {y}");
        }
        assert_eq!(at(49, 55), [255; 3]);
        assert_eq!(at(99, 55), [235, 180, 0]);
        assert_eq!(rows.draw().unwrap().to_svg().matches("<image ").count(), 6);
    }

    #[test]
    fn pixels_interleave_planes_and_repeat_a_grey_one() {
        let image = [0.0, 255.0, 10.4, 300.0, -3.0, 7.0];
        let rgb = |shape| Pixels::from_planes(&image, shape).rgb;
        assert_eq!(rgb([2, 1, 3]), [0, 10, 0, 255, 255, 7]);
        assert_eq!(rgb([2, 3, 1])[6..12], [10, 10, 10, 255, 255, 255]);
    }
}
