//! A drawing as pixels, and pixels as a PNG file.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Options, Tree, fontdb::Database};

use crate::drawing::Drawing;
use crate::text::{FAMILY, FONT_FILE};

/// A picture in red, green and blue, row by row from the top left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pixels {
    /// Pixels in a row.
    pub(crate) width: usize,
    /// Number of rows.
    pub(crate) height: usize,
    /// Three bytes for each pixel.
    pub(crate) rgb: Vec<u8>,
}

/// The rasteriser takes four bytes for each pixel: 400 MB.
const MOST_PIXELS: u64 = 100_000_000;

/// Why a picture has no pixels or no PNG file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The picture has no pixels, or too many for the memory.
    #[error("found a picture of {0}×{1} pixels, which is empty or too large")]
    Size(u32, u32),
    /// The rasteriser does not understand the SVG file.
    #[error("cannot rasterise the picture")]
    Raster(#[from] usvg::Error),
    /// Pictures of an animation differ in size.
    #[error("found pictures of {0}×{1} and {2}×{3} pixels, expected one size")]
    Sizes(usize, usize, usize, usize),
    /// The PNG encoder refuses the pixels.
    #[error("cannot encode the picture")]
    Encoding(#[from] png::EncodingError),
    /// The GIF encoder refuses the pixels.
    #[error("cannot encode the animation")]
    Gif(#[from] gif::EncodingError),
    /// What should be a PNG file is none.
    #[error("cannot read the picture")]
    Decoding(#[from] png::DecodingError),
}

/// The rasteriser's fonts: ours, also under the generic name.
///
/// Text in a family that is missing here would be left out of the picture silently.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT_FILE.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});

impl Drawing {
    /// The picture with `scale` pixels for each unit.
    ///
    /// # Errors
    /// If it is too large.
    pub(crate) fn to_pixels(&self, scale: f64) -> Result<Pixels, PictureError> {
        let options = Options {
            fontdb: FONTS.clone(),
            ..Options::default()
        };
        let tree = Tree::from_str(&self.to_svg(), &options)?;
        let [width, height] = self.size.map(|side| (side * scale).round() as u32);
        let fits = u64::from(width) * u64::from(height) <= MOST_PIXELS;
        let pixmap = if fits {
            Pixmap::new(width, height)
        } else {
            None
        };
        let mut pixmap = pixmap.ok_or(PictureError::Size(width, height))?;
        let transform = Transform::from_scale(scale as f32, scale as f32);
        resvg::render(&tree, transform, &mut pixmap.as_mut());
        // The ground is white, so that every pixel is opaque.
        let (pixels, _) = pixmap.data().as_chunks::<4>();
        Ok(Pixels {
            width: width as usize,
            height: height as usize,
            rgb: pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect(),
        })
    }

    /// The picture as a PNG file with `scale` pixels for each unit.
    ///
    /// # Errors
    /// If it is too large.
    pub fn to_png(&self, scale: f64) -> Result<Vec<u8>, PictureError> {
        self.to_pixels(scale)?.to_png()
    }
}

impl Pixels {
    /// The pixels of a PNG file.
    ///
    /// # Errors
    /// If it is none, or too large.
    pub(crate) fn from_png(file: &[u8]) -> Result<Self, PictureError> {
        let mut decoder = png::Decoder::new(Cursor::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let (width, height) = reader.info().size();
        let bytes = reader.output_buffer_size();
        let bytes = bytes.filter(|_| u64::from(width) * u64::from(height) <= MOST_PIXELS);
        let mut bytes = vec![0; bytes.ok_or(PictureError::Size(width, height))?];
        let frame = reader.next_frame(&mut bytes)?;
        bytes.truncate(frame.buffer_size());
        let rgb = match frame.color_type {
            png::ColorType::Grayscale => bytes.iter().flat_map(|&grey| [grey; 3]).collect(),
            png::ColorType::GrayscaleAlpha => {
                let pixels = bytes.as_chunks::<2>().0.iter();
                pixels.flat_map(|&[grey, _]| [grey; 3]).collect()
            }
            png::ColorType::Rgba => {
                let pixels = bytes.as_chunks::<4>().0.iter();
                pixels.flat_map(|&[r, g, b, _]| [r, g, b]).collect()
            }
            // A palette has been looked up by the decoder.
            png::ColorType::Rgb | png::ColorType::Indexed => bytes,
        };
        Ok(Self {
            width: width as usize,
            height: height as usize,
            rgb,
        })
    }

    /// Means of four pixels each; of two or one at an edge that is left over.
    fn halved(&self) -> Self {
        let [width, height] = [self.width, self.height].map(|side| side.div_ceil(2));
        let mut rgb = Vec::with_capacity(3 * width * height);
        for y in 0..height {
            for x in 0..width {
                for color in 0..3 {
                    let (mut sum, mut count) = (0, 0);
                    for y in 2 * y..(2 * y + 2).min(self.height) {
                        for x in 2 * x..(2 * x + 2).min(self.width) {
                            sum += u32::from(self.rgb[3 * (y * self.width + x) + color]);
                            count += 1;
                        }
                    }
                    rgb.push(((sum + count / 2) / count) as u8);
                }
            }
        }
        Self { width, height, rgb }
    }

    /// The pixels as a PNG file.
    ///
    /// # Errors
    /// If there are none, or not as many as width and height say.
    pub(crate) fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        encode(self.width, self.height, png::ColorType::Rgb, &self.rgb)
    }
}

/// The picture in a PNG `file` as one of at most `most` bytes: as it is, or with half as many pixels
/// in each direction as often as that takes, down to a single one.
///
/// # Errors
/// If it is none, or too large to be read.
pub fn png_within(file: &[u8], most: usize) -> Result<Vec<u8>, PictureError> {
    if file.len() <= most {
        return Ok(file.to_vec());
    }
    let mut pixels = Pixels::from_png(file)?;
    loop {
        pixels = pixels.halved();
        let file = pixels.to_png()?;
        if file.len() <= most || pixels.width.max(pixels.height) == 1 {
            return Ok(file);
        }
    }
}

/// A PNG file of bytes of a colour type, row by row.
pub(crate) fn encode(
    width: usize,
    height: usize,
    color: png::ColorType,
    bytes: &[u8],
) -> Result<Vec<u8>, PictureError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(bytes)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::{Anchor, Stroke};

    /// Pixels that are darker than a light grey.
    fn dark(pixels: &Pixels) -> usize {
        let (pixels, _) = pixels.rgb.as_chunks::<3>();
        pixels
            .iter()
            .filter(|rgb| rgb.iter().all(|&c| c < 128))
            .count()
    }

    #[test]
    fn text_is_visible() {
        let of_text = |text: &str| {
            let mut drawing = Drawing::new(200.0, 30.0);
            drawing.text([4.0, 22.0], Anchor::Start, 20.0, [0; 3], text);
            dark(&drawing.to_pixels(1.0).unwrap())
        };
        // A letter M of 20 units covers about 70 pixels; its subscript fewer.
        assert!(of_text("MMMM") > 200, "{}", of_text("MMMM"));
        assert!(of_text("M_{M}") > 80, "{}", of_text("M_{M}"));
        assert_eq!(of_text(" "), 0);
    }

    #[test]
    fn every_shape_is_where_it_was_put() {
        let mut drawing = Drawing::new(60.0, 20.0);
        drawing.rectangle([0.0, 0.0], [20.0, 20.0], [255, 0, 0], 1.0);
        let line = Stroke::new([0, 0, 255], 2.0);
        drawing.line(&[[22.0, 10.0], [38.0, 10.0]], line.dashed(4.0, 6.0));
        drawing.dot([46.0, 10.0], 4.0, [0, 255, 0]);
        let two = encode(2, 1, png::ColorType::Grayscale, &[0, 100]).unwrap();
        drawing.image([52.0, 0.0], [4.0, 8.0], &two);
        let pixels = drawing.to_pixels(2.0).unwrap();
        assert_eq!([pixels.width, pixels.height], [120, 40]);
        let at = |x: usize, y: usize| &pixels.rgb[3 * (y * 120 + x)..][..3];
        assert_eq!(at(1, 1), [255, 0, 0]);
        assert_eq!(at(60, 2), [255; 3]);
        // In the first dash, in the gap after its round end, in the second dash.
        assert_eq!(at(48, 20), [0, 0, 255]);
        assert_eq!(at(58, 20), [255; 3]);
        assert_eq!(at(68, 20), [0, 0, 255]);
        assert_eq!(at(92, 20), [0, 255, 0]);
        // Enlarged pixels have sharp edges.
        assert_eq!([at(107, 8)[0], at(108, 8)[0], at(112, 8)[0]], [0, 100, 255]);
    }

    #[test]
    fn large_picture_is_made_to_fit() {
        let mut state = 1_u64;
        let mut noise = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        let (width, height) = (61, 40);
        let rgb: Vec<u8> = (0..3 * width * height).map(&mut noise).collect();
        let pixels = Pixels { width, height, rgb };
        let file = pixels.to_png().unwrap();
        assert_eq!(png_within(&file, file.len()).unwrap(), file);
        for (most, expected) in [
            (file.len() - 1, [31, 20]),
            (file.len() / 8, [16, 10]),
            (0, [1, 1]),
        ] {
            let small = png_within(&file, most).unwrap();
            assert!(small.len() <= most.max(100), "{} bytes", small.len());
            let small = Pixels::from_png(&small).unwrap();
            assert_eq!([small.width, small.height], expected);
        }
        // The mean of a left-over edge is that of its own pixels.
        let rgb = [0, 90, 30].into_iter().flat_map(|grey| [grey; 3]).collect();
        let three = Pixels {
            width: 3,
            height: 1,
            rgb,
        };
        assert_eq!(three.halved().rgb, [45, 45, 45, 30, 30, 30]);
        assert!(png_within(b"no picture", 1).is_err());
    }

    #[test]
    fn empty_picture_is_an_error() {
        assert!(Drawing::new(0.0, 3.0).to_png(1.0).is_err());
        assert!(Drawing::new(1e6, 1e6).to_png(1.0).is_err());
    }
}
