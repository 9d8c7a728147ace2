//! Drawings in motion: an animated PNG file, which browsers play.

use std::collections::HashMap;

use crate::drawing::{Color, Drawing};
use crate::pixels::PictureError;

/// A picture of an animation.
#[derive(Clone, Debug)]
pub struct AnimationFrame {
    /// The picture; all have one size.
    pub drawing: Drawing,
    /// How long it stays, in hundredths of a second.
    pub delay: u16,
}

/// The frames as an animated PNG file of 256 colours: white, and shades of `inks`.
///
/// # Errors
/// If there is no frame, or frames are too large or of several sizes.
pub fn animated_png(frames: &[AnimationFrame], inks: &[Color]) -> Result<Vec<u8>, PictureError> {
    let [width, height] = frames.first().map_or([0.0; 2], |frame| frame.drawing.size);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    let mut palette = Palette::new(inks);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.colors.concat());
    encoder.set_compression(png::Compression::High);
    // Neighbouring numbers of a palette are no neighbouring colours.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_animated(frames.len() as u32, 0)?;
    let mut writer = encoder.write_header()?;
    for frame in frames {
        writer.set_frame_delay(frame.delay, 100)?;
        let picture = frame.drawing.to_pixels(1.0)?;
        let (pixels, _) = picture.rgb.as_chunks();
        let indices: Vec<u8> = pixels.iter().map(|&pixel| palette.nearest(pixel)).collect();
        writer.write_image_data(&indices)?;
    }
    writer.finish()?;
    Ok(bytes)
}

/// A third of the bytes of three channels; the shades are those that smooth the edges.
struct Palette {
    colors: Vec<Color>,
    /// Colours that have been looked up.
    known: HashMap<Color, u8>,
}

impl Palette {
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
    fn animation_has_its_frames() {
        let frame = |delay| AnimationFrame {
            drawing: Drawing::new(30.0, 20.0),
            delay,
        };
        let file = animated_png(&[frame(9), frame(120)], &INKS).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(file)).read_info();
        let reader = reader.unwrap();
        let frames = reader.info().animation_control.unwrap().num_frames;
        assert_eq!((reader.info().size(), frames), ((30, 20), 2));
        assert!(animated_png(&[], &INKS).is_err());
    }
}
