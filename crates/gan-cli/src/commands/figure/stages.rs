//! Figure 1 as a picture: the four stages side by side, the value beneath them.

use gan_pictures::{Anchor, Drawing};

use super::game::Played;
use super::panel::{self, GREY, INK};
use super::strip;

const WIDTH: f64 = 1320.0;
const HEIGHT: f64 = 736.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = WIDTH - 30.0;
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
    let stages = played.stages();
    let highest = panel::highest(played, &stages);
    panel::draw_legend(&mut drawing, [LEFT, 28.0], 13.0, played, &stages, highest);
    for (index, moment) in stages.into_iter().enumerate() {
        let (corner, size) = ([LEFT + STEP * index as f64, 46.0], [268.0, 389.0]);
        let title = TITLES[index];
        panel::draw(&mut drawing, corner, size, played, moment, highest, title);
    }
    let (corner, size) = ([LEFT, 486.0], [RIGHT - LEFT, 160.0]);
    let names = played.stages.into_iter().zip(NAMES);
    let names: Vec<_> = names
        .map(|(index, (name, anchor))| (index, name, anchor))
        .collect();
    let last = played.moments.len() - 1;
    strip::draw(&mut drawing, corner, size, played, last, &names);
    strip::draw_legend(&mut drawing, [RIGHT, 460.0], 12.0);
    let title = "value V(D, G), nats";
    drawing.text([LEFT, 460.0], Anchor::Start, 13.0, INK, title);
    let pushforward = format!(
        "p_{{g}} is the exact density of G's pushforward, piecewise linear on {} cells of z, in bins \
         of {:.3}; V is over all of p_{{data}} and p_{{g}}",
        played.stages()[0].mapped.len() - 1,
        played.bins.width(),
    );
    for (at, anchor, note) in [
        (
            [RIGHT, 28.0],
            Anchor::End,
            "arrows: z, uniform, to x = G(z); D on the scale at the right",
        ),
        ([LEFT, HEIGHT - 32.0], Anchor::Start, pushforward.as_str()),
        (
            [LEFT, HEIGHT - 14.0],
            Anchor::Start,
            "JSD(p_{data}, p_{g}) is in nats; |D − D*| is the mean over p_{data} and p_{g} in equal \
             parts",
        ),
        (
            [RIGHT, HEIGHT - 14.0],
            Anchor::End,
            "a triangle marks where a curve goes on beyond its axis",
        ),
        (
            [RIGHT, HEIGHT - 32.0],
            Anchor::End,
            "iterations, by their square root, after a rehearsal; shaded: one player alone",
        ),
    ] {
        drawing.text(at, anchor, 11.0, GREY, note);
    }
    drawing
}
