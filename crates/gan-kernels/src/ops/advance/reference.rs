//! What [`Advance`](super::Advance) computes, by its formulas.

use crate::{LearningRate, Rates, Schedule, SlotSchedule};

/// The rates of the update in `slot` of iteration `step`.
pub(crate) fn rates(schedule: &Schedule, step: u64, slot: usize) -> Rates {
    let SlotSchedule {
        learning_rate,
        momentum,
        betas,
        updates_per_step,
        position,
    } = schedule.slots[slot];
    // Updates of the same parameters that were made before this one.
    let t = (step * updates_per_step + position) as i32;
    // Epochs count from 1.
    let epoch = (step * schedule.records_per_step / schedule.records) as f64 + 1.0;
    let [first, last] = [momentum.first, momentum.last].map(|epoch| epoch as f64);
    let share = ((epoch - first) / (last - first)).clamp(0.0, 1.0);
    let [first_correction, second_correction] = betas.map(|beta| 1.0 / (1.0 - beta.powi(t + 1)));
    Rates {
        learning_rate: match learning_rate {
            LearningRate::Constant { initial } => initial,
            LearningRate::Exponential {
                initial,
                decay,
                floor,
            } => (initial / decay.powi(t)).max(floor),
            LearningRate::Linear {
                initial,
                floor,
                updates,
            } => initial - (initial - floor) * (f64::from(t) / updates as f64).min(1.0),
        },
        momentum: momentum.initial + (momentum.r#final - momentum.initial) * share,
        first_correction,
        second_correction,
    }
}
