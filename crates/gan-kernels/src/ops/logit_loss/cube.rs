//! The objectives on a GPU: what a row contributes, and the sums of a cube's rows.
//!
//! The kernel is [`LinearLogitLoss`](crate::LinearLogitLoss)'s, of which
//! [`LogitLoss`](crate::LogitLoss) is the middle.

use cubecl::prelude::*;

use super::Objective;
use crate::Monitor;
use crate::cube::Summed;
use crate::cube::launch::add_to_pair;
use crate::cube::math::{is_finite, sigmoid, softplus};
use crate::cube::philox::STEP;
pub(crate) use crate::ops::linear_logit_loss::cube::run_loss as run;

/// Rows of a cube.
pub(crate) const ROWS: usize = 8;

/// Numbers of the objective.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Factors {
    /// Rows of data, which the samples follow; 0 where there are none.
    pub(crate) data: u32,
    /// Factor of each row's term and slope: the objective's, over the rows of a mean.
    pub(crate) share: f32,
}

/// Taken on the host: not every device divides to the last digit.
pub(crate) fn factors(objective: Objective, weight: f64, m: usize) -> FactorsLaunch {
    let data = if objective.sees_data() { m / 2 } else { 0 };
    let share = weight / (m - data) as f64;
    FactorsLaunch::new(data as u32, share as f32)
}

/// Puts what a row says of D beside what the cube's other rows do.
#[cube]
pub(crate) fn describe(terms: &mut [f32], l: f32, in_cube: usize, is_data: bool) {
    let first = select(is_data, DATA.runtime(), SAMPLES.runtime());
    // Of data where D takes it for a sample, and of samples the other way round.
    let against = select(is_data, -l, l);
    terms[first * ROWS + in_cube] = 1.0f32;
    terms[(first + LOG) * ROWS + in_cube] = -softplus(against);
    terms[(first + PROBABILITY) * ROWS + in_cube] = sigmoid(l);
    terms[(first + WRONG) * ROWS + in_cube] = select(against > 0.0f32, 1.0f32, 0.0f32);
}

/// A row's term of the objective and its slope by the row's own logit `l`; `other` is the logit of
/// the row that it is paired with.
#[cube]
pub(crate) fn judge(
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

/// Adds the cube's terms to its own sums, one monitor a unit.
#[cube]
pub(crate) fn watch(
    sums: &mut [f32],
    words: &mut [u32],
    state: &[u32],
    terms: &[f32],
    block: usize,
    factors: &Factors,
    #[comptime] objective: Objective,
) {
    let unit = UNIT_POS as usize;
    let (mean, updates) = comptime!(if objective.is_discriminator() {
        (DISCRIMINATOR_OBJECTIVE, DISCRIMINATOR_UPDATES)
    } else {
        (GENERATOR_OBJECTIVE, GENERATOR_UPDATES)
    });
    if unit == TERMS {
        let value = over_rows(terms, TERMS) * factors.share;
        add_to_pair(sums, block + mean, value);
        latch_non_finite(words, state, block, value);
        if block == 0 {
            add_to_pair(sums, updates, 1.0f32);
        }
    } else if comptime!(objective.is_discriminator()) && unit < TERMS {
        // The terms stand in the order of their monitors.
        add_to_pair(sums, block + 2 * unit, over_rows(terms, unit));
    }
}

/// The sum of one term over the cube's rows.
#[cube]
fn over_rows(terms: &[f32], term: usize) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for row in 0..ROWS {
        sum += terms[term * ROWS + row];
    }
    sum
}

/// Keeps 1 + the first step whose objective is not finite.
#[cube]
fn latch_non_finite(words: &mut [u32], state: &[u32], block: usize, objective: f32) {
    let (low, high) = (block + FIRST, block + FIRST + 1);
    if !is_finite(objective) && words[low] == 0 && words[high] == 0 {
        let step = state[STEP] + 1;
        words[low] = step;
        words[high] = select(step == 0, state[STEP + 1] + 1, state[STEP + 1]);
    }
}

/// Terms of a row that describe D: of data and of samples, four each. Its term of the objective
/// follows them.
pub(crate) const TERMS: usize = 8;
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
pub(crate) const BLOCK: usize = Summed::All.words();
const DISCRIMINATOR_UPDATES: usize = 2 * Monitor::DiscriminatorUpdates as usize;
const DISCRIMINATOR_OBJECTIVE: usize = 2 * Monitor::DiscriminatorObjective as usize;
const GENERATOR_UPDATES: usize = 2 * Monitor::GeneratorUpdates as usize;
const GENERATOR_OBJECTIVE: usize = 2 * Monitor::GeneratorObjective as usize;
const FIRST: usize = 2 * Monitor::FirstNonFinite as usize;
