//! Figure 1 in motion: the whole game as an animated PNG.

use gan_pictures::{AnimationFrame, Drawing, PictureError, animated_png};

use super::game::Played;
use super::panel::{self, INKS};
use super::strip;

/// About so many pictures.
const FRAMES: usize = 120;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 520.0;
/// How long a picture stays, in hundredths of a second.
const DELAY: u16 = 9;
/// How long a stage stays.
const STAGE_DELAY: u16 = 120;
/// How long the last picture stays.
const LAST_DELAY: u16 = 300;

/// The animation as a PNG file.
pub(super) fn encode(played: &Played) -> Result<Vec<u8>, PictureError> {
    let highest = panel::highest(played, &played.stages());
    let frame = |index| AnimationFrame {
        drawing: draw(played, index, highest),
        delay: delay(played, index),
    };
    let frames: Vec<AnimationFrame> = shown(played).into_iter().map(frame).collect();
    animated_png(&frames, &INKS)
}

/// The moments that are shown: all stages, and evenly many of the others.
fn shown(played: &Played) -> Vec<usize> {
    let count = played.moments.len();
    let every = count.div_ceil(FRAMES).max(1);
    let mut shown: Vec<usize> = (0..count).step_by(every).chain(played.stages).collect();
    shown.sort_unstable();
    shown.dedup();
    shown
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
    let moment = &played.moments[index];
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    panel::draw_legend(&mut drawing, [34.0, 26.0], 11.0, played, &[moment], highest);
    let (corner, size) = ([50.0, 40.0], [480.0, 335.0]);
    let who = panel::who(moment.moves);
    panel::draw(&mut drawing, corner, size, played, moment, highest, who);
    let (corner, size) = ([50.0, 406.0], [480.0, 84.0]);
    strip::draw_legend(&mut drawing, [530.0, 396.0], 11.0);
    strip::draw(&mut drawing, corner, size, played, index, &[]);
    drawing
}
