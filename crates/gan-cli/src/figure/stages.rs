//! Figure 1 as a picture: the four stages side by side, the value beneath them.

use gan_pictures::{Anchor, Drawing};

use super::game::Played;
use super::panel::{self, GREY, INK, Panel};
use super::strip;

const WIDTH: f64 = 1320.0;
const HEIGHT: f64 = 700.0;
const LEFT: f64 = 52.0;
/// From one panel to the next.
const STEP: f64 = 319.0;
/// Names of the stages; (b) and (c) are so near that their names must lean apart.
const NAMES: [(&str, Anchor); 4] = [
    ("(a)", Anchor::Middle),
    ("(b)", Anchor::End),
    ("(c)", Anchor::Start),
    ("(d)", Anchor::End),
];
const TITLES: [&str; 4] = [
    "(a) near convergence, D partly accurate",
    "(b) D moved alone, towards D*",
    "(c) G moved alone, along D's gradient",
    "(d) the end of the game",
];

/// The whole picture.
pub(super) fn draw(played: &Played) -> Drawing {
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    panel::legend(&mut drawing, [LEFT, 28.0]);
    drawing.text(
        [WIDTH - 30.0, 28.0],
        Anchor::End,
        12.0,
        GREY,
        "arrows: z, uniform, to x = G(z); D on the scale at the right of each panel",
    );
    let stages = played.stages();
    let highest = panel::highest(played, &stages);
    for (index, moment) in stages.into_iter().enumerate() {
        let panel = Panel {
            left: LEFT + STEP * index as f64,
            top: 46.0,
            width: 268.0,
            height: 374.0,
        };
        panel::draw(&mut drawing, panel, played, moment, highest, TITLES[index]);
    }
    let panel = Panel {
        left: LEFT,
        top: 474.0,
        width: WIDTH - LEFT - 30.0,
        height: 160.0,
    };
    let marks = played.stages.into_iter().zip(NAMES);
    let marks: Vec<_> = marks
        .map(|(index, (name, anchor))| (index, name, anchor))
        .collect();
    let last = played.moments.len() - 1;
    strip::draw(&mut drawing, panel, played, last, &marks);
    drawing.text(
        [LEFT, 448.0],
        Anchor::Start,
        13.0,
        INK,
        "value V(D, G), nats",
    );
    strip::legend(&mut drawing, [WIDTH - 30.0, 448.0], 12.0);
    let foot = format!(
        "p_{{g}} is the exact density of G's pushforward, piecewise linear on {} cells of z, in bins \
         of {:.3}; V is over all of p_{{data}} and p_{{g}}",
        played.stages()[0].mapped.len() - 1,
        played.axis.width(),
    );
    drawing.text([LEFT, HEIGHT - 14.0], Anchor::Start, 11.0, GREY, &foot);
    drawing.text(
        [WIDTH - 30.0, HEIGHT - 14.0],
        Anchor::End,
        11.0,
        GREY,
        "iterations, by their square root; shaded: one player alone",
    );
    drawing
}
