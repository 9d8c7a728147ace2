//! V(D, G) over the iterations, against what Theorem 1 says of it.

use std::f64::consts::LN_2;

use gan_model::Moves;
use gan_pictures::{Anchor, Axis, Drawing, Frame, Point, Scale, Stroke, Swatch, legend};

use super::game::{Moment, Played};
use super::panel::{D, GREY, INK, ORANGE, SAND};

const VALUE: Stroke = Stroke::new(D.color(), 1.6);
const BEST: Stroke = Stroke::new(ORANGE, 1.6);
const LEAST: Stroke = Stroke::new(GREY, 1.2).dashed(5.0, 4.0);
/// −log 4, the value of the game in its equilibrium, in nats.
const EQUILIBRIUM: f64 = -2.0 * LN_2;

/// Ends of the axis of V, in nats: both values begin and end between them; against a D that stays,
/// G may drive V below for a moment.
const LOW: f64 = -1.45;
const HIGH: f64 = -1.15;

/// V(D*, G) by Theorem 1.
fn best_value(moment: &Moment) -> f64 {
    EQUILIBRIUM + 2.0 * moment.divergence
}

/// Draws the value up to moment `last`, with a line at each of the moments that are named.
pub(super) fn draw(
    drawing: &mut Drawing,
    corner: Point,
    size: Point,
    played: &Played,
    last: usize,
    names: &[(usize, &str, Anchor)],
) {
    let moments = &played.moments;
    let total = moments.last().map_or(1, |moment| moment.step).max(1) as f64;
    // The beginning has the most to show.
    let x = Axis::new(Scale::SquareRoot, 0.0, total);
    let frame = Frame::new(corner, size, x, Axis::linear(LOW, HIGH));
    let across = |moment: &Moment| frame.across(moment.step as f64);
    let alone = |moment: &Moment| moment.moves != Moves::Both;
    if let Some(end) = moments[..=last].iter().rposition(alone) {
        let size = [across(&moments[end]) - frame.left, frame.height];
        drawing.rectangle([frame.left, frame.top], size, SAND, 1.0);
    }
    frame.y_grid(drawing, 4);
    frame.x_labels(drawing, 11);
    frame.edges(drawing);
    for &(index, name, anchor) in names {
        let x = across(&moments[index]);
        let line = [[x, frame.top], [x, frame.bottom()]];
        drawing.line(&line, Stroke::new(GREY, 0.8));
        drawing.text([x, frame.top - 5.0], anchor, 12.0, INK, name);
    }
    frame.level(drawing, EQUILIBRIUM, LEAST);
    for (value, stroke) in [
        (best_value as fn(&Moment) -> f64, BEST),
        (|moment| moment.value, VALUE),
    ] {
        let seen = moments[..=last].iter();
        let points = seen.map(|moment| [moment.step as f64, value(moment)]);
        frame.curve(drawing, &points.collect::<Vec<_>>(), stroke);
    }
}

/// Draws the legend, which ends at `at`.
pub(super) fn draw_legend(drawing: &mut Drawing, at: Point, size: f64) {
    let entries = [
        (VALUE, "V(D, G)"),
        (BEST, "−log 4 + 2·JSD(p_{data} ‖ p_{g}), the V of D*"),
        (LEAST, "−log 4"),
    ]
    .map(|(stroke, name)| (Swatch::Line(stroke), name.to_owned()));
    legend(drawing, at, Anchor::End, size, &entries);
}
