//! The GPU's [`LogitLoss`], in one cube: a few hundred numbers per iteration.

use cubecl::prelude::*;

use super::{LogitLoss, Objective};
use crate::Monitor;
use crate::cube::launch::{add_to_pair, buffer, cube_sum, floats, now, place};
use crate::cube::math::{is_finite, sigmoid, softplus};
use crate::cube::philox::STEP;
use crate::cube::tile::{Place, Vec4};
use crate::cube::{Cube, DeviceMonitors};

/// Units of the cube.
const UNITS: usize = 256;

/// Whose objective, in the compile-time key.
#[derive_cube_comptime]
enum Game {
    Discriminator,
    Minimax,
    NonSaturating,
}

#[track_caller]
pub(crate) fn run(cube: &Cube, op: LogitLoss<'_, Cube>) {
    let m = op.check();
    let (game, weight) = match op.objective {
        Objective::Discriminator { weight } => (Game::Discriminator, weight),
        Objective::Minimax => (Game::Minimax, 1.0),
        Objective::NonSaturating => (Game::NonSaturating, 1.0),
    };
    cube.launch("logit_loss", |client| {
        // SAFETY: the kernel tests every index against the number of rows.
        unsafe {
            loss::launch_unchecked(
                client,
                CubeCount::new_single(),
                CubeDim::new_1d(UNITS as u32),
                floats(op.logits.matrix),
                crate::cube::launch::vectors(op.dz.matrix),
                buffer(&op.monitors.sums, DeviceMonitors::WORDS),
                buffer(&op.monitors.sums, DeviceMonitors::WORDS),
                now(op.state),
                place(&op.logits, 1),
                place(&op.dz.as_rows(), 1),
                m as u32,
                weight as f32,
                // Taken here: not every device divides to the last digit.
                match game {
                    Game::Discriminator => (weight / (m / 2) as f64) as f32,
                    _ => (1.0 / m as f64) as f32,
                },
                game,
            );
        }
    });
}

#[cube(launch_unchecked)]
fn loss(
    logits: &[f32],
    dz: &mut [Vec4],
    sums: &mut [f32],
    words: &mut [u32],
    state: &[u32],
    logits_place: &Place,
    dz_place: &Place,
    rows: u32,
    weight: f32,
    share: f32,
    #[comptime] game: Game,
) {
    let rows = rows as usize;
    let half = rows / 2;
    let mut log_data = 0.0f32;
    let mut log_samples = 0.0f32;
    let mut data = 0.0f32;
    let mut samples = 0.0f32;
    let mut negatives = 0.0f32;
    let mut positives = 0.0f32;
    let mut row = UNIT_POS as usize;
    while row < rows {
        let at = logits_place.first as usize + row * logits_place.stride as usize;
        let l = logits[at * 4];
        let d = sigmoid(l);
        // −D(−l) and not D − 1, which is 0 where D rounds to 1.
        let fake = sigmoid(-l);
        let mut slope = d;
        if comptime!(game == Game::Discriminator) {
            if row < half {
                slope = -fake;
                log_data -= softplus(-l);
                data += d;
                negatives += select(l < 0.0f32, 1.0f32, 0.0f32);
            } else {
                log_samples -= softplus(l);
                samples += d;
                positives += select(l > 0.0f32, 1.0f32, 0.0f32);
            }
            slope *= share;
        } else if comptime!(game == Game::Minimax) {
            log_samples -= softplus(l);
            slope = -d * share;
        } else {
            log_samples += softplus(-l);
            slope = -fake * share;
        }
        let mut v = Vec4::new(0.0f32);
        v.insert(0usize, slope);
        dz[dz_place.first as usize + row * dz_place.stride as usize] = v;
        row += UNITS;
    }
    let mut scratch = Shared::<[f32]>::new_slice(UNITS);
    let log_samples = cube_sum(&mut scratch, log_samples, UNITS);
    if comptime!(game == Game::Discriminator) {
        let log_data = cube_sum(&mut scratch, log_data, UNITS);
        let data = cube_sum(&mut scratch, data, UNITS);
        let samples = cube_sum(&mut scratch, samples, UNITS);
        let negatives = cube_sum(&mut scratch, negatives, UNITS);
        let positives = cube_sum(&mut scratch, positives, UNITS);
        if UNIT_POS == 0 {
            let count = f32::cast_from(half as u32);
            let objective = -weight * (log_data + log_samples) / count;
            add_to_pair(sums, DATA_ROWS, count);
            add_to_pair(sums, LOG_DATA, log_data);
            add_to_pair(sums, DATA, data);
            add_to_pair(sums, FALSE_NEGATIVES, negatives);
            add_to_pair(sums, SAMPLE_ROWS, count);
            add_to_pair(sums, LOG_SAMPLES, log_samples);
            add_to_pair(sums, SAMPLES, samples);
            add_to_pair(sums, FALSE_POSITIVES, positives);
            add_to_pair(sums, DISCRIMINATOR_UPDATES, 1.0f32);
            add_to_pair(sums, DISCRIMINATOR_OBJECTIVE, objective);
            latch_non_finite(words, state, objective);
        }
    } else if UNIT_POS == 0 {
        let objective = log_samples / f32::cast_from(rows as u32);
        add_to_pair(sums, GENERATOR_UPDATES, 1.0f32);
        add_to_pair(sums, GENERATOR_OBJECTIVE, objective);
        latch_non_finite(words, state, objective);
    }
}

/// Keeps 1 + the first step whose objective is not finite.
#[cube]
fn latch_non_finite(words: &mut [u32], state: &[u32], objective: f32) {
    if !is_finite(objective) && words[FIRST] == 0 && words[FIRST + 1] == 0 {
        let low = state[STEP] + 1;
        words[FIRST] = low;
        words[FIRST + 1] = select(low == 0, state[STEP + 1] + 1, state[STEP + 1]);
    }
}

/// Where the monitors lie: two words each.
const DATA_ROWS: usize = 2 * Monitor::DataRows as usize;
const LOG_DATA: usize = 2 * Monitor::LogData as usize;
const DATA: usize = 2 * Monitor::Data as usize;
const FALSE_NEGATIVES: usize = 2 * Monitor::FalseNegatives as usize;
const SAMPLE_ROWS: usize = 2 * Monitor::SampleRows as usize;
const LOG_SAMPLES: usize = 2 * Monitor::LogSamples as usize;
const SAMPLES: usize = 2 * Monitor::Samples as usize;
const FALSE_POSITIVES: usize = 2 * Monitor::FalsePositives as usize;
const DISCRIMINATOR_UPDATES: usize = 2 * Monitor::DiscriminatorUpdates as usize;
const DISCRIMINATOR_OBJECTIVE: usize = 2 * Monitor::DiscriminatorObjective as usize;
const GENERATOR_UPDATES: usize = 2 * Monitor::GeneratorUpdates as usize;
const GENERATOR_OBJECTIVE: usize = 2 * Monitor::GeneratorObjective as usize;
const FIRST: usize = 2 * Monitor::FirstNonFinite as usize;
