//! One stage of Figure 1: densities and D over x, and below them how G maps z to x.

use gan_model::Moves;
use gan_pictures::{Anchor, Axis, Color, Drawing, Frame, Point, Stroke, Swatch, legend};

use super::game::{LATENT_END, Moment, Played};

pub(super) const INK: Color = [25, 25, 25];
pub(super) const GREY: Color = [110, 110, 110];
pub(super) const FAINT: Color = [222, 222, 222];
// The paper's colours, in shades that the colour-blind tell apart; the strokes differ as well.
const GREEN: Color = [0, 140, 100];
const BLUE: Color = [0, 90, 181];

/// The colour of the value of D* beneath the panels.
pub(super) const ORANGE: Color = [200, 80, 0];
/// Behind the iterations in which one player moves alone.
pub(super) const SAND: Color = [240, 236, 222];

/// Every colour of the figure but white.
pub(super) const INKS: [Color; 7] = [INK, GREY, FAINT, GREEN, BLUE, ORANGE, SAND];

const DATA: Stroke = Stroke::new(INK, 2.4).dashed(0.0, 4.6);
const SAMPLES: Stroke = Stroke::new(GREEN, 2.4);
pub(super) const D: Stroke = Stroke::new(BLUE, 2.0).dashed(6.0, 4.6);
const OPTIMUM: Stroke = Stroke::new(BLUE, 1.0).faded(0.6);
const ARROW: Stroke = Stroke::new(GREY, 0.8);

/// Standard deviations from the mean that are shown.
const SHOWN: f64 = 3.6;
/// Arrows from z to x.
const ARROWS: usize = 21;
/// Height of the title and the numbers of a stage.
const HEAD: f64 = 42.0;
/// Height of the axis of x, between whose two lines its numbers stand.
const RULER: f64 = 20.0;
/// Height of the arrows.
const MAP: f64 = 58.0;
/// Height of the numbers of z.
const FOOT: f64 = 16.0;

/// The density at the top of panels that show `moments`.
pub(super) fn highest(played: &Played, moments: &[&Moment]) -> f64 {
    let data = largest(&played.data, played);
    let generated = moments
        .iter()
        .map(|moment| largest(&moment.generated, played));
    // A p_g that is one spike would leave p_data flat.
    1.1 * generated.fold(data, f64::max).min(1.9 * data)
}

/// The largest density of `bins`.
fn largest(bins: &[f64], played: &Played) -> f64 {
    bins.iter().fold(0.0f64, |a, &b| a.max(b)) / played.bins.width()
}

/// Draws `moment` under `title` in the rectangle of a size from its top left corner on.
pub(super) fn draw(
    drawing: &mut Drawing,
    [left, top]: Point,
    [width, height]: Point,
    played: &Played,
    moment: &Moment,
    highest: f64,
    title: &str,
) {
    drawing.text([left, top + 14.0], Anchor::Start, 13.5, INK, title);
    let note = format!(
        "iteration {}, JSD {:.4}, |D − D*| {:.3}",
        moment.step,
        moment.divergence,
        played.distance_to_optimum(moment)
    );
    drawing.text([left, top + 31.0], Anchor::Start, 11.0, GREY, &note);
    let mixture = &played.mixture;
    let mean = f64::from(mixture.centres[0]);
    let reach = SHOWN * f64::from(mixture.sigma);
    let densities = Frame::new(
        [left, top + HEAD],
        [width, height - HEAD - RULER - MAP - FOOT],
        Axis::linear(mean - reach, mean + reach),
        Axis::linear(0.0, highest),
    );
    // D has an axis of its own, at the right.
    let probabilities = Frame {
        y: Axis::linear(0.0, 1.0),
        ..densities
    };
    probabilities.level(drawing, 0.5, Stroke::new(FAINT, 1.0));
    for (value, text) in [(0.0, "0"), (0.5, "½"), (1.0, "1")] {
        let at = [densities.right() + 5.0, probabilities.up(value) + 4.0];
        drawing.text(at, Anchor::Start, 11.0, D.color(), text);
    }
    draw_map(drawing, &densities, moment);

    let mut curve = |frame: &Frame, values: &mut dyn Iterator<Item = f64>, stroke| {
        let points = played.bins.centres().into_iter().zip(values);
        let shown = points.filter(|(x, y)| frame.x.contains(*x) && y.is_finite());
        frame.curve(
            drawing,
            &shown.map(<[f64; 2]>::from).collect::<Vec<_>>(),
            stroke,
        );
    };
    let width = played.bins.width();
    curve(
        &probabilities,
        &mut played.optimum(moment).into_iter(),
        OPTIMUM,
    );
    curve(
        &densities,
        &mut moment.generated.iter().map(|bin| bin / width),
        SAMPLES,
    );
    curve(
        &densities,
        &mut played.data.iter().map(|bin| bin / width),
        DATA,
    );
    curve(&probabilities, &mut moment.d.iter().map(|&d| d.into()), D);
}

/// Draws the axes of x and z below the densities, and arrows from z to G(z).
fn draw_map(drawing: &mut Drawing, densities: &Frame, moment: &Moment) {
    let (left, right) = (densities.left, densities.right());
    let floor = densities.bottom();
    let (ruler, base) = (floor + RULER, floor + RULER + MAP);
    for y in [floor, ruler, base] {
        drawing.line(&[[left, y], [right, y]], Stroke::new(INK, 1.0));
    }
    for tick in densities.x.ticks(4) {
        let x = densities.across(tick.value);
        for [from, to] in [[floor, floor + 3.0], [ruler - 3.0, ruler]] {
            drawing.line(&[[x, from], [x, to]], Stroke::new(INK, 1.0));
        }
        let at = [x, floor + 0.5 * RULER + 3.6];
        drawing.text(at, Anchor::Middle, 10.0, GREY, &tick.label);
    }
    let latents = Frame {
        x: Axis::linear(-LATENT_END, LATENT_END),
        ..*densities
    };
    let last = moment.mapped.len() - 1;
    for arrow in 0..ARROWS {
        let cell = arrow * last / (ARROWS - 1);
        let z = LATENT_END * (2.0 * cell as f64 / last as f64 - 1.0);
        let x = f64::from(moment.mapped[cell]);
        if densities.x.contains(x) {
            let to = [densities.across(x), ruler + 1.0];
            draw_arrow(drawing, [latents.across(z), base], to);
        }
    }
    for (z, text) in [(-LATENT_END, "−√3"), (0.0, "0"), (LATENT_END, "√3")] {
        let at = [latents.across(z), base + 13.0];
        drawing.text(at, Anchor::Middle, 10.0, GREY, text);
    }
    for (y, name) in [(floor + 0.5 * RULER, "x"), (base, "z")] {
        drawing.text([left - 7.0, y + 4.0], Anchor::End, 13.0, INK, name);
    }
}

fn draw_arrow(drawing: &mut Drawing, from: Point, to: Point) {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let length = dx.hypot(dy);
    let [ux, uy] = [dx / length, dy / length];
    let side = |turn: f64| {
        [
            to[0] - 6.0 * ux + turn * 2.2 * uy,
            to[1] - 6.0 * uy - turn * 2.2 * ux,
        ]
    };
    drawing.line(&[from, [to[0] - 4.0 * ux, to[1] - 4.0 * uy]], ARROW);
    drawing.area(&[to, side(1.0), side(-1.0)], GREY, 1.0);
}

/// Draws the legend of panels that show `moments`, from `at` on to the right.
pub(super) fn draw_legend(
    drawing: &mut Drawing,
    at: Point,
    size: f64,
    played: &Played,
    moments: &[&Moment],
    highest: f64,
) {
    let line = |stroke, name: &str| (Swatch::Line(stroke), name.to_owned());
    let mut entries = vec![
        line(DATA, "p_{data}"),
        line(SAMPLES, "p_{g}"),
        line(D, "D"),
        line(OPTIMUM, "D* = p_{data} / (p_{data} + p_{g})"),
    ];
    let mut moments = moments.iter();
    if moments.any(|moment| largest(&moment.generated, played) > highest) {
        entries.push((Swatch::Triangle(GREEN), "p_{g} goes on above".to_owned()));
    }
    legend(drawing, at, Anchor::Start, size, &entries);
}

/// Who moved, in words.
pub(super) fn who(moves: Moves) -> &'static str {
    match moves {
        Moves::Both => "both move",
        Moves::Discriminator => "D moves alone",
        Moves::Generator => "G moves alone",
    }
}
