//! One stage of Figure 1: densities and D over x, and below them how G maps z to x.

use gan_model::Moves;
use gan_pictures::{Anchor, Color, Drawing, Point, Stroke, text_width};

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
const MAP: Stroke = Stroke::new(GREY, 0.8);

/// Standard deviations from the mean that are shown.
const SHOWN: f64 = 3.6;
/// Arrows from z to x.
const ARROWS: usize = 21;
/// Height of the region of the arrows.
const MAP_HEIGHT: f64 = 64.0;
/// Height of what is above the curves.
const HEAD: f64 = 42.0;

/// Entries of the legend.
const ENTRIES: [(&str, Stroke); 4] = [
    ("p_{data}", DATA),
    ("p_{g}", SAMPLES),
    ("D", D),
    ("D* = p_{data} / (p_{data} + p_{g})", OPTIMUM),
];

/// Where a panel is.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The scales of a panel.
struct Scales<'a> {
    played: &'a Played,
    panel: Panel,
    /// The density at the top.
    highest: f64,
}

impl Scales<'_> {
    fn ends(&self) -> [f64; 2] {
        let mixture = &self.played.mixture;
        let (mean, reach) = (
            f64::from(mixture.centres[0]),
            SHOWN * f64::from(mixture.sigma),
        );
        [mean - reach, mean + reach]
    }

    fn x(&self, x: f64) -> f64 {
        let [low, high] = self.ends();
        self.panel.left + (x - low) / (high - low) * self.panel.width
    }

    fn z(&self, z: f64) -> f64 {
        self.panel.left + (z / LATENT_END + 1.0) / 2.0 * self.panel.width
    }

    /// The axis that x is on.
    fn floor(&self) -> f64 {
        self.panel.top + self.panel.height - MAP_HEIGHT - 16.0
    }

    /// The place of a share of the height of the curves.
    fn up(&self, share: f64) -> f64 {
        let height = self.floor() - self.panel.top - HEAD;
        self.floor() - share.clamp(0.0, 1.0) * height
    }

    /// The line of values per bin, within the ends.
    fn curve(&self, values: impl Iterator<Item = f64>, highest: f64) -> Vec<Point> {
        let [low, high] = self.ends();
        let centres = self.played.axis.centres().into_iter();
        centres
            .zip(values)
            .filter(|(x, value)| (low..=high).contains(x) && value.is_finite())
            .map(|(x, value)| [self.x(x), self.up(value / highest)])
            .collect()
    }
}

/// The density at the top of panels that show `moments`.
pub(super) fn highest(played: &Played, moments: &[&Moment]) -> f64 {
    let width = played.axis.width();
    let top = |bins: &[f64]| bins.iter().fold(0.0f64, |a, &b| a.max(b)) / width;
    let data = top(&played.data);
    let generated = moments.iter().map(|moment| top(&moment.generated));
    // A p_g that is one spike would leave p_data flat.
    1.1 * generated.fold(data, f64::max).min(1.9 * data)
}

/// Draws `moment` under `title`.
pub(super) fn draw(
    drawing: &mut Drawing,
    panel: Panel,
    played: &Played,
    moment: &Moment,
    highest: f64,
    title: &str,
) {
    let scales = Scales {
        played,
        panel,
        highest,
    };
    let Panel {
        left, top, width, ..
    } = panel;
    drawing.text([left, top + 14.0], Anchor::Start, 13.5, INK, title);
    let note = format!(
        "iteration {}, JSD {:.4} nats, mean |D − D*| {:.3}",
        moment.step,
        moment.divergence,
        played.distance_to_optimum(moment)
    );
    drawing.text([left, top + 31.0], Anchor::Start, 11.0, GREY, &note);
    let half = vec![[left, scales.up(0.5)], [left + width, scales.up(0.5)]];
    drawing.line(half, Stroke::new(FAINT, 1.0));
    map(drawing, &scales, moment);
    curves(drawing, &scales, moment);
}

fn curves(drawing: &mut Drawing, scales: &Scales<'_>, moment: &Moment) {
    let played = scales.played;
    let density = |bins: &[f64]| -> Vec<Point> {
        let width = played.axis.width();
        scales.curve(bins.iter().map(|bin| bin / width), scales.highest)
    };
    drawing.line(
        scales.curve(played.optimum(moment).into_iter(), 1.0),
        OPTIMUM,
    );
    drawing.line(density(&moment.generated), SAMPLES);
    drawing.line(density(&played.data), DATA);
    drawing.line(scales.curve(moment.d.iter().map(|&d| d.into()), 1.0), D);
    // D has an axis of its own, on the right.
    for (share, text) in [(0.0, "0"), (0.5, "½"), (1.0, "1")] {
        let right = scales.panel.left + scales.panel.width;
        let at = [right + 5.0, scales.up(share) + 4.0];
        drawing.text(at, Anchor::Start, 11.0, D.color(), text);
    }
}

/// Both axes, and arrows between them.
fn map(drawing: &mut Drawing, scales: &Scales<'_>, moment: &Moment) {
    let Panel { left, width, .. } = scales.panel;
    let (floor, base) = (scales.floor(), scales.floor() + MAP_HEIGHT);
    for y in [floor, base] {
        drawing.line(vec![[left, y], [left + width, y]], Stroke::new(INK, 1.2));
    }
    let [low, high] = scales.ends();
    let last = moment.mapped.len() - 1;
    for arrow in 0..ARROWS {
        let cell = arrow * last / (ARROWS - 1);
        let z = LATENT_END * (2.0 * cell as f64 / last as f64 - 1.0);
        let x = f64::from(moment.mapped[cell]);
        if (low..=high).contains(&x) {
            self::arrow(drawing, [scales.z(z), base], [scales.x(x), floor + 1.5]);
        }
    }
    for x in (low.ceil() as i64)..=(high.floor() as i64) {
        let at = scales.x(x as f64);
        drawing.line(vec![[at, floor], [at, floor - 4.0]], Stroke::new(INK, 1.0));
        let text = x.to_string().replace('-', "−");
        drawing.text([at, floor - 7.0], Anchor::Middle, 10.0, GREY, &text);
    }
    for (z, text) in [(-LATENT_END, "−√3"), (0.0, "0"), (LATENT_END, "√3")] {
        let at = [scales.z(z), base + 13.0];
        drawing.text(at, Anchor::Middle, 10.0, GREY, text);
    }
    for (y, name) in [(floor, "x"), (base, "z")] {
        drawing.text([left - 7.0, y + 4.0], Anchor::End, 13.0, INK, name);
    }
}

fn arrow(drawing: &mut Drawing, from: Point, to: Point) {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let length = dx.hypot(dy);
    let [ux, uy] = [dx / length, dy / length];
    let side = |turn: f64| {
        [
            to[0] - 6.0 * ux + turn * 2.2 * uy,
            to[1] - 6.0 * uy - turn * 2.2 * ux,
        ]
    };
    drawing.line(vec![from, [to[0] - 4.0 * ux, to[1] - 4.0 * uy]], MAP);
    drawing.area(vec![to, side(1.0), side(-1.0)], GREY, 1.0);
}

/// The legend from `at` on, to the right.
pub(super) fn legend(drawing: &mut Drawing, at: Point) {
    let [mut x, y] = at;
    for (name, stroke) in ENTRIES {
        drawing.line(vec![[x, y - 4.5], [x + 30.0, y - 4.5]], stroke);
        drawing.text([x + 38.0, y], Anchor::Start, 13.0, INK, name);
        x += 38.0 + text_width(name, 13.0) + 28.0;
    }
}

/// Who moved, in words.
pub(super) fn who(moves: Moves) -> &'static str {
    match moves {
        Moves::Both => "both move",
        Moves::Discriminator => "D moves alone",
        Moves::Generator => "G moves alone",
    }
}
