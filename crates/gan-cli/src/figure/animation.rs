//! Figure 1 in motion: an animated PNG of the whole game.

use gan_pictures::{AnimationFrame, Drawing, PictureError, animated_png};

use super::game::{Moment, Played};
use super::panel::{self, INKS, Panel};
use super::strip;

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
pub(super) fn encode(played: &Played) -> Result<Vec<u8>, PictureError> {
    let highest = panel::highest(played, &played.stages());
    let frame = |index| AnimationFrame {
        drawing: draw(played, index, highest),
        delay: delay(played, index),
    };
    let frames: Vec<AnimationFrame> = frames(played).into_iter().map(frame).collect();
    animated_png(&frames, &INKS)
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
