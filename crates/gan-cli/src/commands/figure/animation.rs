//! Figure 1 in motion: the whole game as an animation in the shape of a slide.

use gan_pictures::{AnimationForm, AnimationFrame, Drawing, PictureError, Still, animation};

use super::game::Played;
use super::panel::{self, INKS};
use super::strip;

/// About so many pictures.
const FRAMES: usize = 120;
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 450.0;
/// Pixels for each unit: 1280×720.
const SCALE: f64 = 1.6;
/// How long a picture stays, in hundredths of a second.
const DELAY: u16 = 9;
/// How long a stage stays.
const STAGE_DELAY: u16 = 120;
/// How long the last picture stays.
const LAST_DELAY: u16 = 300;

/// The animation as a file.
pub(super) fn encode(played: &Played, form: AnimationForm) -> Result<Vec<u8>, PictureError> {
    let highest = panel::highest(played, &played.stages());
    let frame = |index| AnimationFrame {
        picture: Still::Drawing(draw(played, index, highest)),
        delay: delay(played, index),
    };
    let frames: Vec<AnimationFrame> = shown(played).into_iter().map(frame).collect();
    animation(&frames, SCALE, &INKS, form)
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
    panel::draw_legend(&mut drawing, [34.0, 24.0], 12.0, played, &[moment], highest);
    let (corner, size) = ([50.0, 34.0], [710.0, 304.0]);
    let who = panel::who(moment.moves);
    panel::draw(&mut drawing, corner, size, played, moment, highest, who);
    let (corner, size) = ([50.0, 366.0], [710.0, 58.0]);
    strip::draw_legend(&mut drawing, [760.0, 357.0], 11.0);
    strip::draw(&mut drawing, corner, size, played, index, &[]);
    drawing
}
