//! What changes from one iteration to the next, and nothing else does.
//!
//! An iteration is a fixed list of operations.
//! The numbers that differ between iterations (step counter, learning rates, momentum, Adam's
//! corrections) live in one [`StepState`] on the device, which
//! [`advance`](crate::Backend::advance) moves on at the end of each iteration.
//! So a back end may capture the list once and replay it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::random::{Address, Stream};

/// The iteration's own numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct StepState {
    /// Seed of the run.
    pub seed: u64,
    /// Iterations completed.
    pub step: u64,
    /// The rates of each update of the coming iteration, by its slot.
    pub rates: Vec<Rates>,
}

impl StepState {
    /// The state of operations that update no parameters.
    #[must_use]
    pub const fn without_rates(seed: u64, step: u64) -> Self {
        let rates = Vec::new();
        Self { seed, step, rates }
    }

    /// The address of a stream's numbers in the coming iteration.
    #[must_use]
    pub const fn address(&self, stream: Stream) -> Address {
        let (seed, step) = (self.seed, self.step);
        Address { seed, stream, step }
    }
}

/// The numbers of one parameter update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// η.
    pub learning_rate: f64,
    /// μ.
    pub momentum: f64,
    /// Adam's 1 / (1 − β₁ᵗ), t counted from 1.
    pub first_correction: f64,
    /// Adam's 1 / (1 − β₂ᵗ).
    pub second_correction: f64,
}

impl Rates {
    /// η and μ of updates that are not counted: those of [`Update::Momentum`](crate::Update).
    #[must_use]
    pub const fn constant(learning_rate: f64, momentum: f64) -> Self {
        Self {
            learning_rate,
            momentum,
            first_correction: 1.0,
            second_correction: 1.0,
        }
    }
}

/// The [`Rates`] as a function of the step number alone, in closed form, so that resuming a run
/// needs nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// One entry per update of an iteration.
    pub slots: Vec<SlotSchedule>,
    /// Records consumed by one iteration.
    pub records_per_step: u64,
    /// Records in one epoch.
    pub records: u64,
}

/// The schedule of one of an iteration's updates.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotSchedule {
    /// The course of η.
    pub learning_rate: LearningRate,
    /// The course of μ.
    pub momentum: Momentum,
    /// Adam's β₁ and β₂.
    pub betas: [f64; 2],
    /// Updates of the same parameters in one iteration.
    pub updates_per_step: u64,
    /// Index of this update among them.
    pub position: u64,
}

/// η as a function of the number t of updates already made.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LearningRate {
    /// η = `initial`.
    Constant {
        /// η.
        initial: f64,
    },
    /// η = max(`initial` / `decay`ᵗ, `floor`), as in the authors' code.
    Exponential {
        /// η at t = 0.
        initial: f64,
        /// Divisor per update, at least 1.
        decay: f64,
        /// Smallest η.
        floor: f64,
    },
    /// η falls linearly from `initial` to `floor` at update `updates`, and stays there.
    Linear {
        /// η at t = 0.
        initial: f64,
        /// η from t = `updates` on.
        floor: f64,
        /// Length of the fall in updates.
        updates: u64,
    },
}

/// Schedule of the momentum μ, constant within each epoch, as configuration files describe it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Momentum {
    /// μ in the first epochs.
    pub initial: f64,
    /// μ in the last epochs.
    pub r#final: f64,
    /// Epoch, counted from 1, up to which μ is `initial`.
    #[serde(rename = "from_epoch")]
    pub first: u64,
    /// Epoch from which μ is `final`.
    #[serde(rename = "to_epoch")]
    pub last: u64,
}

impl LearningRate {
    /// η after `updates` updates.
    #[must_use]
    pub fn after(self, updates: u64) -> f64 {
        let t = updates as f64;
        match self {
            Self::Constant { initial } => initial,
            Self::Exponential {
                initial,
                decay,
                floor,
            } => (initial * (-t * decay.ln()).exp()).max(floor),
            Self::Linear {
                initial,
                floor,
                updates,
            } => initial + (floor - initial) * (t / updates.max(1) as f64).min(1.0),
        }
    }
}

impl Momentum {
    /// The same μ for ever.
    #[must_use]
    pub const fn constant(momentum: f64) -> Self {
        Self {
            initial: momentum,
            r#final: momentum,
            first: 1,
            last: 1,
        }
    }

    /// μ in `epoch`, counted from 1.
    #[must_use]
    pub fn in_epoch(self, epoch: u64) -> f64 {
        if epoch >= self.last {
            return self.r#final;
        }
        let span = self.last.saturating_sub(self.first).max(1) as f64;
        let share = (epoch.saturating_sub(self.first) as f64 / span).clamp(0.0, 1.0);
        self.initial + (self.r#final - self.initial) * share
    }
}

impl Schedule {
    /// The epoch, counted from 1, in which iteration `step` begins.
    #[must_use]
    pub fn epoch(&self, step: u64) -> u64 {
        1 + step * self.records_per_step / self.records.max(1)
    }

    /// The rates of the update in `slot` of iteration `step`.
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub fn rates(&self, step: u64, slot: usize) -> Rates {
        let schedule = &self.slots[slot];
        let done = step * schedule.updates_per_step + schedule.position;
        let correction = |beta: f64| 1.0 / (1.0 - beta.powf((done + 1) as f64));
        Rates {
            learning_rate: schedule.learning_rate.after(done),
            momentum: schedule.momentum.in_epoch(self.epoch(step)),
            first_correction: correction(schedule.betas[0]),
            second_correction: correction(schedule.betas[1]),
        }
    }

    /// The state at the beginning of iteration `step`.
    #[must_use]
    pub fn state(&self, seed: u64, step: u64) -> StepState {
        let rates = (0..self.slots.len())
            .map(|slot| self.rates(step, slot))
            .collect();
        StepState { seed, step, rates }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_learning_rate_decays_per_update_to_its_floor() {
        let rate = LearningRate::Exponential {
            initial: 0.1,
            decay: 1.000_004,
            floor: 1e-6,
        };
        assert_eq!(rate.after(0), 0.1);
        assert!((rate.after(1) - 0.1 / 1.000_004).abs() < 1e-15);
        assert!((rate.after(125_000) - 0.1 / 1.000_004_f64.powi(125_000)).abs() < 1e-12);
        assert_eq!(rate.after(10_000_000), 1e-6);
    }

    #[test]
    fn authors_momentum_rises_from_epoch_1_to_250() {
        let momentum = Momentum {
            initial: 0.5,
            r#final: 0.7,
            first: 1,
            last: 250,
        };
        assert_eq!(momentum.in_epoch(1), 0.5);
        assert!((momentum.in_epoch(2) - (0.5 + 0.2 / 249.0)).abs() < 1e-15);
        assert!((momentum.in_epoch(250) - 0.7).abs() < 1e-15);
        assert!((momentum.in_epoch(9000) - 0.7).abs() < 1e-15);
        assert_eq!(Momentum::constant(0.3).in_epoch(77), 0.3);
    }

    #[test]
    fn adam_corrections_count_the_updates_of_their_own_parameters() {
        let slot = |position| SlotSchedule {
            learning_rate: LearningRate::Constant { initial: 1.0 },
            momentum: Momentum::constant(0.0),
            betas: [0.5, 0.9],
            updates_per_step: 3,
            position,
        };
        let schedule = Schedule {
            slots: vec![slot(0), slot(1)],
            records_per_step: 10,
            records: 25,
        };
        // Update 2·3 + 1 = 7 is the eighth.
        let rates = schedule.rates(2, 1);
        assert!((rates.first_correction - 1.0 / (1.0 - 0.5_f64.powi(8))).abs() < 1e-12);
        assert!((rates.second_correction - 1.0 / (1.0 - 0.9_f64.powi(8))).abs() < 1e-12);
        assert_eq!([0, 2, 3, 5].map(|step| schedule.epoch(step)), [1, 1, 2, 3]);
    }
}
