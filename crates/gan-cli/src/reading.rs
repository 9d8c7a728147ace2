//! The lines of `metrics.jsonl`, read back: what curves and diagnosis are made from.

use serde::Deserialize;

/// One line of `metrics.jsonl`, as far as curves and diagnosis need it; `None` is what was not
/// measured, was no number, or is of a program that did not write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Reading {
    pub(crate) step: u64,
    pub(crate) value: Option<f64>,
    pub(crate) d_data: Option<f64>,
    pub(crate) d_samples: Option<f64>,
    pub(crate) false_negatives: Option<f64>,
    pub(crate) false_positives: Option<f64>,
    pub(crate) discriminator_objective: Option<f64>,
    pub(crate) generator_objective: Option<f64>,
    pub(crate) discriminator_gradient: Option<f64>,
    pub(crate) generator_gradient: Option<f64>,
    pub(crate) first_non_finite: Option<u64>,
    pub(crate) diversity: Option<f64>,
    pub(crate) nearest: Option<f64>,
    pub(crate) saturation: Option<f64>,
    pub(crate) modes_found: Option<f64>,
    pub(crate) modes: Option<f64>,
    pub(crate) high_quality: Option<f64>,
}

impl Reading {
    /// A line of `metrics.jsonl`; `None` if it is of another form.
    pub(crate) fn of(line: &serde_json::Value) -> Option<Self> {
        Self::deserialize(line).ok()
    }

    /// Means over `group`, at the step of its last one.
    fn mean(group: &[Self]) -> Self {
        let of = |part: fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = group.iter().filter_map(part).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Self {
            step: group.last().map_or(0, |reading| reading.step),
            value: of(|r| r.value),
            d_data: of(|r| r.d_data),
            d_samples: of(|r| r.d_samples),
            false_negatives: of(|r| r.false_negatives),
            false_positives: of(|r| r.false_positives),
            discriminator_objective: of(|r| r.discriminator_objective),
            generator_objective: of(|r| r.generator_objective),
            discriminator_gradient: of(|r| r.discriminator_gradient),
            generator_gradient: of(|r| r.generator_gradient),
            first_non_finite: None,
            diversity: of(|r| r.diversity),
            nearest: of(|r| r.nearest),
            saturation: of(|r| r.saturation),
            modes_found: of(|r| r.modes_found),
            modes: of(|r| r.modes),
            high_quality: of(|r| r.high_quality),
        }
    }
}

/// All readings of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Vec<Reading>);

impl History {
    /// Adds the next one.
    pub(crate) fn push(&mut self, reading: Reading) {
        self.0.push(reading);
    }

    /// At most `most` readings, each the mean of some consecutive ones.
    pub(crate) fn thinned(&self, most: usize) -> Vec<Reading> {
        let group = self.0.len().div_ceil(most).max(1);
        self.0.chunks(group).map(Reading::mean).collect()
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

    #[test]
    fn thinned_readings_are_means_of_what_was_measured() {
        let mut history = History::default();
        for step in 1..=6 {
            history.push(Reading {
                step,
                value: Some(step as f64),
                diversity: (step == 2).then_some(0.5),
                ..Reading::default()
            });
        }
        let thinned = history.thinned(2);
        assert_eq!(thinned.len(), 2);
        assert_eq!((thinned[0].step, thinned[0].value), (3, Some(2.0)));
        assert_eq!(
            (thinned[0].diversity, thinned[1].diversity),
            (Some(0.5), None)
        );
    }
}
