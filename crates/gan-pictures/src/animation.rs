//! Pictures in motion: an animated PNG or GIF file, which browsers and slides play.

use std::collections::HashMap;
use std::io::Cursor;

use color_quant::NeuQuant;

use crate::drawing::{Color, Drawing};
use crate::pixels::{PictureError, Pixels};

/// The form of an animation's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnimationForm {
    /// An animated PNG file, which browsers play.
    Png,
    /// A GIF file, which slides play as well.
    Gif,
}

/// A picture of an animation.
#[derive(Clone, Debug)]
pub enum Still {
    /// A drawing, to be rasterised.
    Drawing(Drawing),
    /// The bytes of a PNG file.
    Png(Vec<u8>),
}

/// A picture of an animation, and how long it stays.
#[derive(Clone, Debug)]
pub struct AnimationFrame {
    /// The picture; all have one size.
    pub picture: Still,
    /// How long it stays, in hundredths of a second.
    pub delay: u16,
}

/// The frames as a file of 256 colours, which plays again and again.
///
/// Drawings get `scale` pixels for each unit. The colours are white and shades of `inks`; without
/// inks, those that suit the pictures best.
///
/// # Errors
/// If there is no frame, or frames are too large, of several sizes, or no PNG files.
pub fn animation(
    frames: &[AnimationFrame],
    scale: f64,
    inks: &[Color],
    form: AnimationForm,
) -> Result<Vec<u8>, PictureError> {
    let mut palette = match inks {
        [] => Palette::of(frames, scale)?,
        inks => Palette::new(inks),
    };
    // One picture at a time: their pixels are four times their numbers in the palette.
    let (mut width, mut height) = (0, 0);
    let mut indices = Vec::with_capacity(frames.len());
    for frame in frames {
        let picture = frame.picture.pixels(scale)?;
        if indices.is_empty() {
            (width, height) = (picture.width, picture.height);
        } else if (picture.width, picture.height) != (width, height) {
            let (other, high) = (picture.width, picture.height);
            return Err(PictureError::Sizes(width, height, other, high));
        }
        indices.push(palette.indices(&picture));
    }
    let frames = frames.iter().map(|frame| frame.delay).zip(indices);
    let mut bytes = Vec::new();
    match form {
        AnimationForm::Png => {
            let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_depth(png::BitDepth::Eight);
            encoder.set_palette(palette.colors.concat());
            encoder.set_compression(png::Compression::High);
            // Neighbouring numbers of a palette are no neighbouring colours.
            encoder.set_filter(png::Filter::NoFilter);
            encoder.set_animated(frames.len() as u32, 0)?;
            let mut writer = encoder.write_header()?;
            for (delay, indices) in frames {
                writer.set_frame_delay(delay, 100)?;
                writer.write_image_data(&indices)?;
            }
            writer.finish()?;
        }
        AnimationForm::Gif => {
            let size = u16::try_from(width).ok().zip(u16::try_from(height).ok());
            let size = size.filter(|_| frames.len() > 0);
            let (width, height) = size.ok_or(PictureError::Size(width as u32, height as u32))?;
            let colors = palette.colors.concat();
            let mut encoder = gif::Encoder::new(&mut bytes, width, height, &colors)?;
            encoder.set_repeat(gif::Repeat::Infinite)?;
            for (delay, buffer) in frames {
                encoder.write_frame(&gif::Frame {
                    width,
                    height,
                    delay,
                    buffer: buffer.into(),
                    ..gif::Frame::default()
                })?;
            }
        }
    }
    Ok(bytes)
}

impl Still {
    /// Pixels across and down of a PNG file, or nothing of a drawing, which has its own units.
    ///
    /// # Errors
    /// If it is no PNG file.
    pub fn size(&self) -> Result<Option<[u32; 2]>, PictureError> {
        let Self::Png(file) = self else {
            return Ok(None);
        };
        let reader = png::Decoder::new(Cursor::new(file)).read_info()?;
        let (width, height) = reader.info().size();
        Ok(Some([width, height]))
    }

    fn pixels(&self, scale: f64) -> Result<Pixels, PictureError> {
        match self {
            Self::Drawing(drawing) => drawing.to_pixels(scale),
            Self::Png(file) => Pixels::from_png(file),
        }
    }
}

/// At most 256 colours: a third of the bytes of three channels.
struct Palette {
    colors: Vec<Color>,
    /// Colours that have been looked up.
    known: HashMap<Color, u8>,
}

impl Palette {
    /// Pictures and pixels that the colours are chosen by.
    const LOOKED_AT: usize = 8;
    const PIXELS: usize = 1 << 18;

    /// The colours that suit the pictures best.
    fn of(frames: &[AnimationFrame], scale: f64) -> Result<Self, PictureError> {
        let every = frames.len().div_ceil(Self::LOOKED_AT).max(1);
        let mut some = Vec::new();
        for frame in frames.iter().rev().step_by(every) {
            let picture = frame.picture.pixels(scale)?;
            let pixels = picture.rgb.as_chunks().0.iter();
            let step = (pixels.len() * Self::LOOKED_AT)
                .div_ceil(Self::PIXELS)
                .max(1);
            some.extend(pixels.step_by(step).flat_map(|&[r, g, b]| [r, g, b, 255]));
        }
        let map = NeuQuant::new(10, 256, &some).color_map_rgb();
        Ok(Self {
            colors: map.as_chunks().0.to_vec(),
            known: HashMap::new(),
        })
    }

    /// White, and shades of `inks` that smooth their edges.
    fn new(inks: &[Color]) -> Self {
        let shades = 255 / inks.len().max(1);
        let shade = |ink: Color, part: usize| {
            let share = part as f32 / shades as f32;
            ink.map(|ink| (255.0 + share * (f32::from(ink) - 255.0)).round() as u8)
        };
        let shades = inks
            .iter()
            .flat_map(|&ink| (1..=shades).map(move |part| shade(ink, part)));
        Self {
            colors: std::iter::once([255; 3]).chain(shades).collect(),
            known: HashMap::new(),
        }
    }

    fn indices(&mut self, picture: &Pixels) -> Vec<u8> {
        let pixels = picture.rgb.as_chunks().0.iter();
        pixels.map(|&pixel| self.nearest(pixel)).collect()
    }

    fn nearest(&mut self, color: Color) -> u8 {
        let colors = &self.colors;
        let distance = |index: &u8| -> u32 {
            let channels = colors[usize::from(*index)].into_iter().zip(color);
            channels.map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        let search = || (0..=u8::MAX).take(colors.len()).min_by_key(distance);
        *self
            .known
            .entry(color)
            .or_insert_with(|| search().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INKS: [Color; 7] = [
        [25, 25, 25],
        [110, 110, 110],
        [222, 222, 222],
        [0, 140, 100],
        [0, 90, 181],
        [200, 80, 0],
        [240, 236, 222],
    ];

    #[test]
    fn palette_has_every_ink_and_white() {
        let mut palette = Palette::new(&INKS);
        assert!(palette.colors.len() <= 256);
        for ink in INKS.into_iter().chain([[255; 3]]) {
            let index = palette.nearest(ink);
            assert_eq!(palette.colors[usize::from(index)], ink);
        }
    }

    #[test]
    fn animation_has_its_frames_in_either_form() {
        let drawn = |delay, width| AnimationFrame {
            picture: Still::Drawing(Drawing::new(width, 20.0)),
            delay,
        };
        let file = |frames: &[AnimationFrame], form| animation(frames, 2.0, &INKS, form);
        let frames = [drawn(9, 30.0), drawn(120, 30.0)];
        let png = file(&frames, AnimationForm::Png).unwrap();
        let reader = png::Decoder::new(Cursor::new(png)).read_info().unwrap();
        let count = reader.info().animation_control.unwrap().num_frames;
        assert_eq!((reader.info().size(), count), ((60, 40), 2));

        let gif = file(&frames, AnimationForm::Gif).unwrap();
        let mut reader = gif::DecodeOptions::new().read_info(&gif[..]).unwrap();
        assert_eq!((reader.width(), reader.height()), (60, 40));
        let mut delays = Vec::new();
        while let Some(frame) = reader.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [9, 120]);

        for form in [AnimationForm::Png, AnimationForm::Gif] {
            assert!(file(&[], form).is_err());
            let error = file(&[drawn(9, 30.0), drawn(9, 31.0)], form).unwrap_err();
            assert!(error.to_string().contains("60×40 and 62×40"), "{error}");
        }
    }

    #[test]
    fn files_become_frames_in_their_own_colours() {
        let mut drawing = Drawing::new(8.0, 8.0);
        drawing.rectangle([0.0, 0.0], [8.0, 8.0], [200, 80, 0], 1.0);
        let frame = |picture| AnimationFrame { picture, delay: 5 };
        let file = |bytes| animation(&[frame(Still::Png(bytes))], 1.0, &[], AnimationForm::Gif);
        let gif = file(drawing.to_png(1.0).unwrap()).unwrap();
        let mut reader = gif::DecodeOptions::new();
        reader.set_color_output(gif::ColorOutput::RGBA);
        let mut reader = reader.read_info(&gif[..]).unwrap();
        let pixels = &reader.read_next_frame().unwrap().unwrap().buffer;
        for (found, expected) in pixels[..3].iter().zip([200u8, 80, 0]) {
            assert!(found.abs_diff(expected) < 8, "{pixels:?}");
        }
        assert!(file(b"no picture".to_vec()).is_err());
    }
}
