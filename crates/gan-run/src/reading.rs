//! The lines of `metrics.jsonl`, read back: curves and diagnosis are made from them.

use serde::Deserialize;

/// One line of `metrics.jsonl`, as far as curves and diagnosis need it; `None` is what was not
/// measured, was no number, or is of a program that did not write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Reading {
    /// Iterations done.
    pub step: u64,
    /// V(D, G) of eq. 1, in nats.
    pub value: Option<f64>,
    /// Mean D(x) over data.
    pub d_data: Option<f64>,
    /// Mean D(G(z)) over samples.
    pub d_samples: Option<f64>,
    /// Share of data that D takes for samples.
    pub false_negatives: Option<f64>,
    /// Share of samples that D takes for data.
    pub false_positives: Option<f64>,
    /// What D minimised, mean over the reading's minibatches.
    pub discriminator_objective: Option<f64>,
    /// What G minimised, mean over the reading's minibatches.
    pub generator_objective: Option<f64>,
    /// Norm of D's gradient.
    pub discriminator_gradient: Option<f64>,
    /// Norm of G's gradient.
    pub generator_gradient: Option<f64>,
    /// The first iteration whose objective is not a finite number.
    pub first_non_finite: Option<u64>,
    /// Root mean square distance of two samples, as a share of that of two records.
    pub diversity: Option<f64>,
    /// Mean distance of a sample to its nearest neighbour, as a share of that of records.
    pub nearest: Option<f64>,
    /// How far D is from being undecided, 0 to 1.
    pub saturation: Option<f64>,
    /// Modes of the data that the samples find.
    pub modes_found: Option<f64>,
    /// Modes of the data.
    pub modes: Option<f64>,
    /// Share of samples close to a mode.
    pub high_quality: Option<f64>,
}

impl Reading {
    /// The reading of a line of `metrics.jsonl`; `None` if it is of another form.
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
pub struct History(Vec<Reading>);

impl FromIterator<Reading> for History {
    fn from_iter<I: IntoIterator<Item = Reading>>(readings: I) -> Self {
        Self(readings.into_iter().collect())
    }
}

impl History {
    /// Adds the next one.
    pub fn push(&mut self, reading: Reading) {
        self.0.push(reading);
    }

    /// At most `most` readings, each the mean of some consecutive ones.
    pub fn thinned(&self, most: usize) -> Vec<Reading> {
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
