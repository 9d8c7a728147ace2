//! V(D, G) over the iterations, against what Theorem 1 says of it.

use std::f64::consts::LN_2;

use gan_model::Moves;
use gan_pictures::{Anchor, Axis, Drawing, Point, Scale, Stroke, text_width};

use super::game::{Moment, Played};
use super::panel::{D, FAINT, GREY, INK, ORANGE, Panel, SAND};

const VALUE: Stroke = Stroke::new(D.color(), 1.6);
const BEST: Stroke = Stroke::new(ORANGE, 1.6);
const LEAST: Stroke = Stroke::new(GREY, 1.2).dashed(5.0, 4.0);

/// Ends of the axis, in nats.
const LOW: f64 = -1.75;
const HIGH: f64 = 0.1;

/// Draws the value up to moment `last`, with a mark at each of the stages named.
pub(super) fn draw(
    drawing: &mut Drawing,
    panel: Panel,
    played: &Played,
    last: usize,
    marks: &[(usize, &str, Anchor)],
) {
    let Panel {
        left,
        top,
        width,
        height,
    } = panel;
    let moments = &played.moments;
    let total = moments.last().map_or(1, |moment| moment.step).max(1) as f64;
    // The beginning has the most to show: the axis goes by the square root.
    let across = |step: u64| left + (step as f64 / total).sqrt() * width;
    let up = |value: f64| {
        let share = (value.clamp(LOW, HIGH) - LOW) / (HIGH - LOW);
        top + height - share * height
    };
    let alone = |moment: &Moment| moment.moves != Moves::Both;
    if let Some(end) = moments[..=last].iter().rposition(alone) {
        // Neither moves alone before stage (a).
        let x = across(moments[played.stages[0]].step);
        let size = [across(moments[end].step) - x, height];
        drawing.rectangle([x, top], size, SAND, 1.0);
    }
    for tick in Axis::linear(LOW, HIGH).ticks(4) {
        let y = up(tick.value);
        drawing.line(vec![[left, y], [left + width, y]], Stroke::new(FAINT, 1.0));
        drawing.text([left - 7.0, y + 4.0], Anchor::End, 11.0, INK, &tick.label);
    }
    for tick in Axis::new(Scale::SquareRoot, 0.0, total).ticks(11) {
        let x = across(tick.value as u64);
        let base = top + height;
        drawing.line(vec![[x, base], [x, base + 4.0]], Stroke::new(INK, 1.0));
        drawing.text([x, base + 16.0], Anchor::Middle, 11.0, INK, &tick.label);
    }
    let frame = vec![
        [left, top],
        [left, top + height],
        [left + width, top + height],
    ];
    drawing.line(frame, Stroke::new(INK, 1.0));
    for &(index, name, anchor) in marks {
        let x = across(moments[index].step);
        drawing.line(vec![[x, top], [x, top + height]], Stroke::new(GREY, 0.8));
        drawing.text([x, top - 5.0], anchor, 12.0, INK, name);
    }
    let least = up(-2.0 * LN_2);
    drawing.line(vec![[left, least], [left + width, least]], LEAST);
    let line = |of: fn(&Moment) -> f64| -> Vec<Point> {
        let seen = moments[..=last].iter();
        seen.map(|moment| [across(moment.step), up(of(moment))])
            .collect()
    };
    drawing.line(line(|moment| 2.0 * (moment.divergence - LN_2)), BEST);
    drawing.line(line(|moment| moment.value), VALUE);
}

/// The legend, which ends at `at`.
pub(super) fn legend(drawing: &mut Drawing, at: Point, size: f64) {
    let [mut x, y] = at;
    for (name, stroke) in [
        ("−log 4", LEAST),
        ("−log 4 + 2·JSD(p_{data} ‖ p_{g}), the V of D*", BEST),
        ("V(D, G)", VALUE),
    ] {
        x -= text_width(name, size);
        drawing.text([x, y], Anchor::Start, size, INK, name);
        x -= 36.0;
        drawing.line(vec![[x, y - 4.0], [x + 28.0, y - 4.0]], stroke);
        x -= 22.0;
    }
}
