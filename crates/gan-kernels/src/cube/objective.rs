//! The objectives on D's logits, and the sums of a cube's rows for monitoring: the epilogue of D's
//! output layer.
//!
//! The kernels are those of [`LogitLoss`](crate::LogitLoss) and
//! [`LinearLogitLoss`](crate::LinearLogitLoss).

use cubecl::prelude::*;

use super::math::{is_finite, sigmoid, softplus};
use super::operand::{buffer, now};
use super::philox::STEP;
use super::sums::{PER_ROW, add_to_pair};
use super::{Cube, DeviceMonitors, DeviceState, Summed};
use crate::{Monitor, Objective};

/// Rows of a cube, and its units.
pub(crate) const ROWS: usize = 8;
pub(crate) const UNITS: usize = ROWS * PER_ROW;

/// An objective as kernels take it, and where their cubes add to the monitors.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Loss {
    #[cube(comptime)]
    pub(crate) objective: Objective,
    /// Rows of data, which the samples follow; 0 where there are none.
    pub(crate) data: u32,
    /// Factor of each row's term and slope: the objective's, over the rows of a mean.
    share: f32,
    /// A block of sums for each cube.
    sums: Box<[f32]>,
    /// The same memory, for what is a number of steps.
    words: Box<[u32]>,
    state: Box<[u32]>,
}

/// `weight` times the objective of `m` rows.
pub(crate) fn loss(
    cube: &Cube,
    objective: Objective,
    weight: f64,
    m: usize,
    monitors: &mut DeviceMonitors,
    state: &DeviceState,
) -> LossLaunch {
    let data = if objective.sees_data() { m / 2 } else { 0 };
    // Taken on the host: not every device divides to the last digit.
    let share = weight / (m - data) as f64;
    let cubes = m.div_ceil(ROWS);
    let sums = monitors.partial(cube, Summed::All, cubes);
    let sums = || buffer(&sums, cubes * Summed::All.words());
    LossLaunch::new(
        objective,
        data as u32,
        share as f32,
        sums(),
        sums(),
        now(state),
    )
}

/// The terms of a cube's rows: for each term, one number a row.
#[cube]
pub(crate) fn new_terms() -> Shared<[f32]> {
    Shared::<[f32]>::new_slice(comptime!(ROWS * (TERMS + 1)))
}

/// Puts a row's terms beside those of the cube's other rows, and returns the gradient of its logit
/// `l`; `other` is the logit of the row that it is paired with.
///
/// One unit of each row comes here, also where the row is not `inside` the minibatch.
#[cube]
pub(crate) fn row_objective(
    loss: &Loss,
    terms: &mut [f32],
    l: f32,
    other: f32,
    row: usize,
    inside: bool,
) -> f32 {
    let in_cube = row % ROWS;
    #[unroll]
    for term in 0..comptime!(TERMS + 1) {
        terms[term * ROWS + in_cube] = 0.0f32;
    }
    let mut gradient = 0.0f32;
    if inside {
        let is_data = row < loss.data as usize;
        if comptime!(loss.objective.is_discriminator()) {
            describe(terms, l, in_cube, is_data);
        }
        let (term, slope) = loss_and_slope(l, other, is_data, loss.objective);
        terms[TERMS * ROWS + in_cube] = term;
        gradient = slope * loss.share;
    }
    gradient
}

/// Puts what a row says of D beside what the cube's other rows do.
#[cube]
fn describe(terms: &mut [f32], l: f32, in_cube: usize, is_data: bool) {
    let first = select(is_data, DATA.runtime(), SAMPLES.runtime());
    // Of data where D takes it for a sample, and of samples the other way round.
    let against = select(is_data, -l, l);
    terms[first * ROWS + in_cube] = 1.0f32;
    terms[(first + LOG) * ROWS + in_cube] = -softplus(against);
    terms[(first + PROBABILITY) * ROWS + in_cube] = sigmoid(l);
    terms[(first + WRONG) * ROWS + in_cube] = select(against > 0.0f32, 1.0f32, 0.0f32);
}

/// A row's term of the objective, and its slope by the row's own logit `l`.
#[cube]
fn loss_and_slope(
    l: f32,
    other: f32,
    is_data: bool,
    #[comptime] objective: Objective,
) -> (f32, f32) {
    // The sign of a data row's logit where data and samples pull in opposite directions.
    let sign = select(is_data, -1.0f32, 1.0f32);
    // By how much a pair's data is ahead of its sample.
    let ahead = sign * (other - l);
    match objective {
        // −D(−l) for data and not D − 1, which is 0 where D rounds to 1.
        Objective::Discriminator => (softplus(sign * l), sign * sigmoid(sign * l)),
        Objective::NonSaturating => (softplus(-l), -sigmoid(-l)),
        Objective::Minimax => (-softplus(l), -sigmoid(l)),
        // The pair's one term stands in its data row.
        Objective::RelativisticDiscriminator => {
            let term = select(is_data, softplus(-ahead), 0.0f32);
            (term, sign * sigmoid(-ahead))
        }
        Objective::RelativisticGenerator => {
            let term = select(is_data, softplus(ahead), 0.0f32);
            (term, -sign * sigmoid(ahead))
        }
        Objective::HingeDiscriminator => {
            // NaN is on neither side of the kink, and stays.
            let short = 1.0f32 + sign * l;
            let beyond = short <= 0.0f32;
            (select(beyond, 0.0f32, short), select(beyond, 0.0f32, sign))
        }
        Objective::LeastSquaresDiscriminator => {
            let off = select(is_data, l - 1.0f32, l);
            (0.5f32 * off * off, off)
        }
        Objective::LeastSquaresGenerator => {
            let off = l - 1.0f32;
            (0.5f32 * off * off, off)
        }
        Objective::WassersteinDiscriminator => (sign * l, sign),
        Objective::WassersteinGenerator => (-l, DOWNHILL.runtime()),
    }
}

/// The slope of −l.
const DOWNHILL: f32 = -1.0;

/// Adds the cube's terms to its own sums, one monitor a unit; behind a barrier.
#[cube]
pub(crate) fn add_to_monitors(loss: &mut Loss, terms: &[f32]) {
    let unit = UNIT_POS as usize;
    let first = CUBE_POS * BLOCK;
    let (mean, updates) = comptime!(if loss.objective.is_discriminator() {
        (DISCRIMINATOR_OBJECTIVE, DISCRIMINATOR_UPDATES)
    } else {
        (GENERATOR_OBJECTIVE, GENERATOR_UPDATES)
    });
    if unit == TERMS {
        let value = over_rows(terms, TERMS) * loss.share;
        add_to_pair(&mut loss.sums, first + mean, value);
        latch_non_finite(loss, first, value);
        if first == 0 {
            add_to_pair(&mut loss.sums, updates, 1.0f32);
        }
    } else if comptime!(loss.objective.is_discriminator()) && unit < TERMS {
        // The terms stand in the order of their monitors.
        add_to_pair(&mut loss.sums, first + 2 * unit, over_rows(terms, unit));
    }
}

/// The sum of one term over the cube's rows.
#[cube]
pub(crate) fn over_rows(terms: &[f32], term: usize) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for row in 0..ROWS {
        sum += terms[term * ROWS + row];
    }
    sum
}

/// Keeps 1 + the first step whose objective is not finite.
#[cube]
fn latch_non_finite(loss: &mut Loss, block: usize, objective: f32) {
    let (low, high) = (block + FIRST, block + FIRST + 1);
    if !is_finite(objective) && loss.words[low] == 0 && loss.words[high] == 0 {
        let step = loss.state[STEP] + 1;
        let carried = loss.state[STEP + 1];
        loss.words[low] = step;
        loss.words[high] = select(step == 0, carried + 1, carried);
    }
}

/// Terms of a row that describe D: of data and of samples, four each. Its term of the objective
/// follows them.
const TERMS: usize = 8;
const DATA: usize = Monitor::DataRows as usize;
const SAMPLES: usize = Monitor::SampleRows as usize;
/// Places among the four: log D or log(1 − D), D, and whether D is wrong.
const LOG: usize = 1;
const PROBABILITY: usize = 2;
const WRONG: usize = 3;

// The terms are the first monitors, in their order.
const _: () = assert!(DATA == 0 && SAMPLES == 4 && Monitor::DiscriminatorUpdates as usize == TERMS);
const _: () = assert!(Monitor::LogData as usize == DATA + LOG);
const _: () = assert!(Monitor::Data as usize == DATA + PROBABILITY);
const _: () = assert!(Monitor::FalseNegatives as usize == DATA + WRONG);
const _: () = assert!(Monitor::LogSamples as usize == SAMPLES + LOG);
const _: () = assert!(Monitor::Samples as usize == SAMPLES + PROBABILITY);
const _: () = assert!(Monitor::FalsePositives as usize == SAMPLES + WRONG);

/// Words of one cube's sums, and where the monitors lie among them.
const BLOCK: usize = Summed::All.words();
const DISCRIMINATOR_UPDATES: usize = 2 * Monitor::DiscriminatorUpdates as usize;
const DISCRIMINATOR_OBJECTIVE: usize = 2 * Monitor::DiscriminatorObjective as usize;
const GENERATOR_UPDATES: usize = 2 * Monitor::GeneratorUpdates as usize;
const GENERATOR_OBJECTIVE: usize = 2 * Monitor::GeneratorObjective as usize;
const FIRST: usize = 2 * Monitor::FirstNonFinite as usize;

// Sums and words are one memory in two types: no word is a sum as well.
const _: () = {
    assert!(FIRST >= 2 * TERMS && FIRST + 2 <= BLOCK);
    assert!(FIRST != DISCRIMINATOR_UPDATES && FIRST != DISCRIMINATOR_OBJECTIVE);
    assert!(FIRST != GENERATOR_UPDATES && FIRST != GENERATOR_OBJECTIVE);
};
