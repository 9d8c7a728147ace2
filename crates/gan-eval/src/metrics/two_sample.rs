//! Classifier two-sample test: can a fresh net tell records from samples?

use gan_kernels::{Backend, BackendError};
use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, MINIBATCH, Training};
use crate::evaluation::{Evaluation, PAIRS};
use crate::verdict::Evidence;
use crate::{EvalError, Points, Row, Section, tail};

/// Updates of the classifier, whatever the number of records.
const UPDATES: usize = 1_500;

/// The metric `c2st`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    evaluation.progress("classifier of records and samples", 0.0);
    let control = "two_sample";
    let [found, real] =
        evaluation.compare("c2st", control, PAIRS, |backend, records, samples| {
            // Half of each are trained on, so their number is that of one set.
            let epochs = (UPDATES * MINIBATCH / records.rows()).clamp(1, 60);
            two_sample(backend, &Training::new(epochs, 0), records, samples)
        })?;
    evidence.two_sample = Some(found);
    let title = format!(
        "A fresh classifier's accuracy at telling {} from as many samples (half of each to train \
         it)",
        evaluation
            .reference
            .test_records((found.trained_on + found.tested_on) / 2)
    );
    let samples = Row::model("samples", "samples", found.accuracy).with_ideal("0.5");
    let rows = vec![
        samples.with_p_value(found.p_value),
        Row::training_records(real.accuracy).with_p_value(real.p_value),
    ];
    Ok(Section::new("c2st", title, rows))
}

/// The result of [`two_sample`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TwoSample {
    /// Records and samples trained on.
    pub(crate) trained_on: usize,
    /// Records and samples tested on.
    pub(crate) tested_on: usize,
    /// Share of those tested on that are told right; 1/2 is ideal.
    pub(crate) accuracy: f64,
    /// Standard error of that share at 1/2.
    pub(crate) standard_error: f64,
    /// Probability of an accuracy at least this if the distributions are equal.
    pub(crate) p_value: f64,
}

/// Trains a classifier on the first halves of `records` and `samples` and tests it on the second
/// halves.
///
/// At equal distributions the number told right is binomial with 1/2, which the p-value takes for
/// normal.
/// Unlike D, the classifier has had no part in the game.
///
/// # Source
/// Lopez-Paz and Oquab 2017.
#[track_caller]
pub(crate) fn two_sample<B: Backend>(
    backend: &B,
    training: &Training,
    records: Points<'_>,
    samples: Points<'_>,
) -> Result<TwoSample, BackendError> {
    records.check_shape("two_sample", samples);
    let count = records.rows();
    assert!(
        count >= 4,
        "two_sample: {count} records, expected four or more"
    );
    let (train, tested) = (count / 2, count - count / 2);
    let pooled = |range: std::ops::Range<usize>| {
        [records, samples]
            .map(|points| points.slice(range.clone()).values())
            .concat()
    };
    let labels = |rows: usize| [vec![0; rows], vec![1; rows]].concat();
    let (seen, unseen) = (pooled(0..train), pooled(train..count));
    let seen = Points::new(&seen, records.cols());
    let classifier = Classifier::fit(backend.clone(), training, seen, &labels(train), 2)?;
    let unseen = Points::new(&unseen, records.cols());
    let accuracy = classifier.accuracy(unseen, &labels(tested))?;
    let standard_error = (0.25 / (2 * tested) as f64).sqrt();
    Ok(TwoSample {
        trained_on: 2 * train,
        tested_on: 2 * tested,
        accuracy,
        standard_error,
        p_value: tail::above((accuracy - 0.5) / standard_error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{backend, blurred, close, drawn, drawn_modes, normal};

    #[track_caller]
    fn measure(records: &[f32], samples: &[f32], cols: usize, epochs: usize) -> TwoSample {
        let (records, samples) = (Points::new(records, cols), Points::new(samples, cols));
        two_sample(&backend(), &Training::new(epochs, 3), records, samples).unwrap()
    }

    #[test]
    fn accuracy_on_a_shift_is_that_of_the_best_rule() {
        // N(0, I) against N(μ, I): the best rule is right with probability Φ(‖μ‖/2).
        let cols = 5;
        let mean = 2.0 / (cols as f32).sqrt();
        let [x, y] = [(1, 0.0), (2, mean)].map(|(seed, mean)| normal(4000, cols, seed, mean));
        let found = measure(&x, &y, cols, 8);
        close(found.accuracy, 1.0 - tail::above(1.0), 0.03);
        assert!(found.p_value < 1e-10, "{found:?}");
    }

    #[test]
    fn accuracy_on_equal_distributions_is_one_half_and_so_on_copies_of_other_records() {
        let found = measure(&normal(2000, 12, 1, 0.0), &normal(2000, 12, 2, 0.0), 12, 5);
        close(found.accuracy, 0.5, 4.0 * found.standard_error);
        close(found.standard_error, 0.5 / 2000.0_f64.sqrt(), 1e-12);
    }

    #[test]
    fn accuracy_notices_blur_and_a_dropped_mode() {
        let blur = blurred(&drawn("digits", 6000, 2).0, 784, 4);
        let found = measure(&drawn("digits", 1500, 1).0, &blur, 784, 15);
        assert!(found.accuracy > 0.8, "{found:?}");
        // The best rule says "record" in mode 3 and "sample" elsewhere: right with
        // 1/2·1/8 + 1/2 = 0.5625.
        let records = drawn_modes("ring8", 4000, 1, |_| true).0;
        let dropped = drawn_modes("ring8", 4000, 2, |mode| mode != 3).0;
        let found = measure(&records, &dropped, 2, 40);
        close(found.accuracy, 0.5625, 0.03);
    }
}
