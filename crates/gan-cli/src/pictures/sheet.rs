//! Sheets of images.

use super::canvas::encode;

/// Pixels between two images.
const GAP: usize = 2;
/// Brightness of the gaps.
const GAP_SHADE: u8 = 96;
/// Small images are enlarged to about so many pixels a side.
const SIDE: usize = 56;
/// No sheet is enlarged beyond so many pixels a side.
const LARGEST: usize = 1200;

/// Images of `[height, width, channels]` with values from 0 to 255, one plane per channel, in
/// `[rows, cols]`; places beyond the last image stay empty.
pub(super) fn draw(
    images: &[f32],
    [height, width, channels]: [usize; 3],
    [rows, cols]: [usize; 2],
) -> Result<Vec<u8>, png::EncodingError> {
    let fits = |scale: usize| {
        scale * height <= SIDE.max(height) && scale * (width * cols).max(height * rows) <= LARGEST
    };
    let scale = (1..=8).rev().find(|&scale| fits(scale)).unwrap_or(1);
    let shown = if channels == 3 { 3 } else { 1 };
    let (step_y, step_x) = (height * scale + GAP, width * scale + GAP);
    let (sheet_h, sheet_w) = (rows * step_y + GAP, cols * step_x + GAP);
    let mut pixels = vec![GAP_SHADE; sheet_h * sheet_w * shown];
    let size = height * width * channels;
    for (index, image) in images.chunks_exact(size).take(rows * cols).enumerate() {
        let top = GAP + index / cols * step_y;
        let left = GAP + index % cols * step_x;
        for y in 0..height * scale {
            for x in 0..width * scale {
                let at = ((top + y) * sheet_w + left + x) * shown;
                for channel in 0..shown {
                    let plane = &image[channel * height * width..];
                    let value = plane[y / scale * width + x / scale];
                    pixels[at + channel] = value.round().clamp(0.0, 255.0) as u8;
                }
            }
        }
    }
    encode(sheet_w, sheet_h, shown, &pixels)
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
        let (width, height, color, pixels) = decode(&draw(&images, [60, 61, 3], [2, 3]).unwrap());
        assert_eq!((width, height), (3 * 63 + 2, 2 * 62 + 2));
        assert_eq!(color, png::ColorType::Rgb);
        let at = |x: usize, y: usize| &pixels[(y * width as usize + x) * 3..][..3];
        assert_eq!(at(0, 0), [96; 3]);
        assert_eq!(at(2, 2), [255, 0, 0]);
        assert_eq!(at(65, 2), [0, 0, 255]);
        assert_eq!(at(128, 2), [96; 3]);
    }

    #[test]
    fn sheet_of_grey_digits_is_grey_and_enlarged() {
        let (width, height, color, _) = decode(&draw(&[7.0; 784], [28, 28, 1], [1, 1]).unwrap());
        assert_eq!((width, height, color), (60, 60, png::ColorType::Grayscale));
    }
}
