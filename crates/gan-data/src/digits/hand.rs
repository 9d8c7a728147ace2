//! One hand's version of a skeleton: nobody writes a digit twice alike.

// Not the system's functions, which differ in the last bit: digits are the same everywhere.
use libm::{expf, hypotf, sincosf, sinf};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::SIDE;
use super::skeletons::{self, Skeleton};

/// Longer side of the box that holds the ink, in pixels, as MNIST.
const BOX: f32 = 20.0;

/// Straight pieces between two points of a skeleton.
const PIECES: usize = 6;

/// x to the right, y down, the digit 1 high.
type Point = [f32; 2];

/// A point that the pen passes through, in pixels from the top left of the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    pub(super) x: f32,
    pub(super) y: f32,
    /// Half the width of the line.
    pub(super) radius: f32,
}

/// Writes a skeleton: the strokes as polylines.
pub(super) fn write(skeleton: Skeleton, rng: &mut impl Rng) -> Vec<Vec<Touch>> {
    let jitter = 0.012 + 0.034 * rng.random::<f32>();
    let bend = Bend::draw(rng);
    let mut curve = |stroke: &&[skeletons::Point]| {
        let points = shake(stroke, jitter, rng).into_iter();
        smooth(&points.map(|point| bend.apply(point)).collect::<Vec<_>>())
    };
    let curves: Vec<Vec<Point>> = skeleton.iter().map(&mut curve).collect();
    let pen = Pen::draw(rng);
    let mut strokes: Vec<Vec<Touch>> = curves.iter().map(|curve| pen.touch(curve)).collect();
    place(&mut strokes, rng);
    strokes
}

fn normal(rng: &mut impl Rng) -> f32 {
    StandardNormal.sample(rng)
}

/// Moves each point a little, much as the point before it, so that bows stay round.
///
/// The two copies of a corner move together.
fn shake(stroke: &[skeletons::Point], jitter: f32, rng: &mut impl Rng) -> Vec<Point> {
    // A moving average of independent steps, 0.6² + 0.8² = 1, keeps their spread.
    const MEMORY: f32 = 0.6;
    const NEWS: f32 = 0.8;
    let mut offset = [jitter * normal(rng), jitter * normal(rng)];
    let mut before = None;
    let mut shaken = Vec::with_capacity(stroke.len());
    for &point in stroke {
        if before.replace(point) != Some(point) {
            offset = offset.map(|moved| MEMORY * moved + NEWS * jitter * normal(rng));
        }
        let [x, y] = point.map(|hundredths| 0.01 * f32::from(hundredths));
        shaken.push([x + offset[0], y + offset[1]]);
    }
    shaken
}

/// A hand's effect on the whole digit: proportions, slant, turn, and smooth waves.
struct Bend {
    width: f32,
    slant: f32,
    taper: f32,
    turn: (f32, f32),
    /// Amplitude, phase and direction of two slow waves per axis.
    waves: [[Wave; 2]; 2],
}

#[derive(Clone, Copy)]
struct Wave {
    amplitude: f32,
    frequency: [f32; 2],
    phase: f32,
}

impl Bend {
    fn draw(rng: &mut impl Rng) -> Self {
        let mut wave = || Wave {
            amplitude: 0.026 * normal(rng),
            frequency: [5.0 * normal(rng), 5.0 * normal(rng)],
            phase: std::f32::consts::TAU * rng.random::<f32>(),
        };
        let waves = [[wave(), wave()], [wave(), wave()]];
        Self {
            width: expf((0.1 + 0.26 * normal(rng)).clamp(-0.5, 0.65)),
            // Right-handed writers lean to the right.
            slant: (0.18 + 0.24 * normal(rng)).clamp(-0.4, 0.8),
            taper: (0.16 * normal(rng)).clamp(-0.35, 0.35),
            turn: sincosf((0.1 * normal(rng)).clamp(-0.28, 0.28)),
            waves,
        }
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let [dx, dy] = self.waves.map(|pair| {
            let wave =
                |w: Wave| w.amplitude * sinf(w.frequency[0] * x + w.frequency[1] * y + w.phase);
            wave(pair[0]) + wave(pair[1])
        });
        let (x, y) = (x - 0.32 + dx, y - 0.5 + dy);
        let x = x * self.width * (1.0 + self.taper * y * 2.0) - self.slant * y;
        let (sin, cos) = self.turn;
        [x * cos - y * sin, x * sin + y * cos]
    }
}

/// Catmull–Rom curve through the points, broken at corners.
fn smooth(points: &[Point]) -> Vec<Point> {
    let mut curve = vec![points[0]];
    for run in points.chunk_by(|a, b| a != b) {
        for index in 0..run.len().saturating_sub(1) {
            let (from, to) = (run[index], run[index + 1]);
            // Beyond an end the curve goes on as it came.
            let before = match index {
                0 => mirror(to, from),
                _ => run[index - 1],
            };
            let after = run.get(index + 2).copied();
            let after = after.unwrap_or_else(|| mirror(from, to));
            for piece in 1..=PIECES {
                let t = piece as f32 / PIECES as f32;
                curve.push(std::array::from_fn(|axis| {
                    catmull_rom(before[axis], from[axis], to[axis], after[axis], t)
                }));
            }
        }
    }
    curve
}

fn mirror(point: Point, at: Point) -> Point {
    [2.0 * at[0] - point[0], 2.0 * at[1] - point[1]]
}

fn catmull_rom(a: f32, b: f32, c: f32, d: f32, t: f32) -> f32 {
    let linear = c - a;
    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
    let cubic = 3.0 * (b - c) + d - a;
    b + 0.5 * t * (linear + t * (square + t * cubic))
}

/// Width of the line and how the pressure changes along a stroke.
struct Pen {
    radius: f32,
    swing: f32,
    phase: f32,
    taper: f32,
}

impl Pen {
    fn draw(rng: &mut impl Rng) -> Self {
        Self {
            radius: (1.2 * expf(0.26 * normal(rng))).clamp(0.6, 2.2),
            swing: 0.24 * rng.random::<f32>(),
            phase: std::f32::consts::TAU * rng.random::<f32>(),
            taper: 0.45 * rng.random::<f32>(),
        }
    }

    fn touch(&self, curve: &[Point]) -> Vec<Touch> {
        let last = (curve.len() - 1).max(1) as f32;
        let touch = |(index, &[x, y]): (usize, &Point)| {
            let t = index as f32 / last;
            let pressure = 1.0 + self.swing * sinf(5.0 * t + self.phase);
            // The pen lifts as it leaves the paper.
            let lift = 1.0 - self.taper * ((t - 0.8) * 5.0).max(0.0);
            Touch {
                x,
                y,
                radius: self.radius * pressure * lift,
            }
        };
        curve.iter().enumerate().map(touch).collect()
    }
}

/// Scales the digit to MNIST's box and puts the centre of its ink in the centre of the image.
fn place(strokes: &mut [Vec<Touch>], rng: &mut impl Rng) {
    let touches = || strokes.iter().flatten();
    let bounds = |value: fn(&Touch) -> f32| {
        let low = touches().map(value).fold(f32::INFINITY, f32::min);
        let high = touches().map(value).fold(f32::NEG_INFINITY, f32::max);
        high - low
    };
    let radius = touches().map(|touch| touch.radius).fold(0.0, f32::max);
    let [width, height] = [bounds(|touch| touch.x), bounds(|touch| touch.y)];
    let extent = width.max(height).max(0.1);
    let scale = (BOX - 2.0 * radius) / extent;
    for touch in strokes.iter_mut().flatten() {
        touch.x *= scale;
        touch.y *= scale;
    }
    let [x, y] = centre_of_ink(strokes);
    // MNIST centres to whole pixels, so its digits sit anywhere within one.
    let middle = SIDE as f32 / 2.0;
    let [dx, dy] = [x, y].map(|centre| middle - centre + rng.random::<f32>() - 0.5);
    for touch in strokes.iter_mut().flatten() {
        touch.x += dx;
        touch.y += dy;
    }
}

/// Centre of mass of the lines, each piece as heavy as it is long and wide.
fn centre_of_ink(strokes: &[Vec<Touch>]) -> Point {
    let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let [a, b] = [pair[0], pair[1]];
        let weight = hypotf(b.x - a.x, b.y - a.y) * (a.radius + b.radius) + 1e-6;
        mass += weight;
        x += weight * 0.5 * (a.x + b.x);
        y += weight * 0.5 * (a.y + b.y);
    }
    [x / mass, y / mass]
}
