//! Figure 1 in motion: an animated PNG of the whole game.

use std::collections::HashMap;

use super::game::{Moment, Played};
use super::panel::{self, INKS, Panel};
use super::strip;
use crate::pictures::drawing::{Color, Drawing};

/// About so many pictures.
const FRAMES: usize = 120;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 510.0;
/// How long a picture stays, in hundredths of a second.
const DELAY: u16 = 9;
/// How long a stage stays.
const STAGE_DELAY: u16 = 120;
/// How long the last picture stays.
const LAST_DELAY: u16 = 300;

/// The animation as a PNG file.
///
/// # Errors
/// If it does not encode.
pub(super) fn encode(played: &Played) -> Result<Vec<u8>, png::EncodingError> {
    let frames = frames(played);
    let highest = panel::highest(played, &played.stages());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH as u32, HEIGHT as u32);
    let mut palette = Palette::new();
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.colors.concat());
    encoder.set_compression(png::Compression::High);
    // Neighbouring numbers of a palette are no neighbouring colours.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_animated(frames.len() as u32, 0)?;
    let mut writer = encoder.write_header()?;
    for &index in &frames {
        writer.set_frame_delay(delay(played, index), 100)?;
        let picture = draw(played, index, highest).to_pixels(1.0);
        let (pixels, _) = picture.rgb.as_chunks();
        let indices: Vec<u8> = pixels.iter().map(|&pixel| palette.nearest(pixel)).collect();
        writer.write_image_data(&indices)?;
    }
    writer.finish()?;
    Ok(bytes)
}

/// The inks on white: a third of the bytes of three channels, and what an edge is smoothed with is
/// among them.
struct Palette {
    colors: Vec<Color>,
    /// What has been looked up.
    known: HashMap<Color, u8>,
}

impl Palette {
    /// Shades of each ink.
    const SHADES: u8 = 24;

    fn new() -> Self {
        let shade = |ink: Color, part: u8| {
            let share = f32::from(part) / f32::from(Self::SHADES);
            ink.map(|ink| (255.0 + share * (f32::from(ink) - 255.0)).round() as u8)
        };
        let shades = INKS
            .into_iter()
            .flat_map(|ink| (1..=Self::SHADES).map(move |part| shade(ink, part)));
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

/// The moments that are shown: all stages, and evenly many of the others.
fn frames(played: &Played) -> Vec<usize> {
    let count = played.moments.len();
    let every = count.div_ceil(FRAMES).max(1);
    let mut frames: Vec<usize> = (0..count).step_by(every).chain(played.stages).collect();
    frames.sort_unstable();
    frames.dedup();
    frames
}

fn delay(played: &Played, index: usize) -> u16 {
    if index + 1 == played.moments.len() {
        LAST_DELAY
    } else if played.stages.contains(&index) {
        STAGE_DELAY
    } else {
        DELAY
    }
}

fn draw(played: &Played, index: usize, highest: f64) -> Drawing {
    let moment: &Moment = &played.moments[index];
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    panel::legend(&mut drawing, [34.0, 26.0]);
    let panel = Panel {
        left: 50.0,
        top: 40.0,
        width: 480.0,
        height: 320.0,
    };
    let who = panel::who(moment.moves);
    panel::draw(&mut drawing, panel, played, moment, highest, who);
    let panel = Panel {
        left: 50.0,
        top: 396.0,
        width: 480.0,
        height: 84.0,
    };
    strip::legend(&mut drawing, [530.0, 386.0], 11.0);
    strip::draw(&mut drawing, panel, played, index, &[]);
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn palette_has_every_ink_and_white() {
        let mut palette = Palette::new();
        assert!(palette.colors.len() <= 256);
        for ink in INKS.into_iter().chain([[255; 3]]) {
            let index = palette.nearest(ink);
            assert_eq!(palette.colors[usize::from(index)], ink);
        }
    }
}
