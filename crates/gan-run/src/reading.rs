//! The lines of `metrics.jsonl`, read back: curves and diagnosis are made from them.

use gan_eval::ValueShare;
use serde::Deserialize;

/// One line of `metrics.jsonl`, as far as curves and diagnosis need it; `None` is what was not
/// measured, was no number, or is of a program that did not write it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Reading {
    /// Iterations done.
    pub(crate) step: u64,
    /// V(D, G) of eq. 1, in nats.
    pub(crate) value: Option<f64>,
    /// Mean D(x) over data.
    pub(crate) d_data: Option<f64>,
    /// Mean D(G(z)) over samples.
    pub(crate) d_samples: Option<f64>,
    /// Share of data that D takes for samples.
    pub(crate) false_negatives: Option<f64>,
    /// Share of samples that D takes for data.
    pub(crate) false_positives: Option<f64>,
    /// D's objective, mean over the reading's minibatches.
    pub(crate) discriminator_objective: Option<f64>,
    /// G's objective, mean over the reading's minibatches.
    pub(crate) generator_objective: Option<f64>,
    /// Norm of D's gradient.
    pub(crate) discriminator_gradient: Option<f64>,
    /// Norm of G's gradient.
    pub(crate) generator_gradient: Option<f64>,
    /// The first iteration whose objective is not a finite number.
    pub(crate) first_non_finite: Option<u64>,
    /// Root mean square distance of two samples, as a share of that of two records.
    pub(crate) diversity: Option<f64>,
    /// Mean distance of a sample to its nearest neighbour, as a share of that of records.
    pub(crate) nearest: Option<f64>,
    /// How far D is from being undecided, 0 to 1.
    pub(crate) saturation: Option<f64>,
    /// Samples that the numbers below are of.
    pub(crate) probe_samples: Option<usize>,
    /// Modes of the data that the samples find.
    pub(crate) modes_found: Option<f64>,
    /// Modes of the data.
    pub(crate) modes: Option<f64>,
    /// Share of samples close to a mode.
    pub(crate) high_quality: Option<f64>,
    /// Values of discrete columns that hardly occur among the samples.
    pub(crate) lost_values: Option<Vec<ValueShare>>,
}

impl Reading {
    /// The reading of a line of `metrics.jsonl`; `None` if it is of another form.
    pub(crate) fn of(line: &serde_json::Value) -> Option<Self> {
        Self::deserialize(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_older_programs_are_readings() {
        let line = serde_json::json!({ "step": 7, "value": -1.5, "d_data": null, "seconds": 2.0 });
        let expected = Reading {
            step: 7,
            value: Some(-1.5),
            ..Reading::default()
        };
        assert_eq!(Reading::of(&line), Some(expected));
        assert_eq!(Reading::of(&serde_json::json!({ "value": 1.0 })), None);
    }
}
