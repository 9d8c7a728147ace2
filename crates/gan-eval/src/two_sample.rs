//! Classifier two-sample test: can a fresh net tell records from samples?

use gan_kernels::{Backend, BackendError};
use serde::{Deserialize, Serialize};

use crate::{Classifier, Points, Training, tail};

/// What [`two_sample`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoSample {
    /// Records and samples trained on.
    pub trained_on: usize,
    /// Records and samples judged.
    pub judged: usize,
    /// Share of the judged told right; 1/2 is ideal.
    pub accuracy: f64,
    /// Standard error of that share at 1/2.
    pub standard_error: f64,
    /// Probability of an accuracy at least this if the distributions are equal.
    pub p_value: f64,
}

/// Trains a classifier on the first halves of `records` and `samples` and judges it on the second
/// halves.
///
/// At equal distributions the number told right is binomial with 1/2, which the p-value takes for
/// normal.
/// Unlike D, the classifier has had no part in the game.
///
/// # Panics
/// If the columns or numbers of rows disagree, or there are fewer than four.
/// # Errors
/// What went wrong on the device.
/// # Source
/// Lopez-Paz and Oquab 2017.
#[track_caller]
pub fn two_sample<B: Backend>(
    backend: &B,
    training: &Training,
    records: Points<'_>,
    samples: Points<'_>,
) -> Result<TwoSample, BackendError> {
    records.check_cols("two_sample", samples);
    let count = records.rows();
    assert!(
        count == samples.rows() && count >= 4,
        "two_sample: {count} records and {} samples, expected as many, four or more",
        samples.rows()
    );
    let (train, judged) = (count / 2, count - count / 2);
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
    let accuracy = classifier.accuracy(unseen, &labels(judged))?;
    let standard_error = (0.25 / (2 * judged) as f64).sqrt();
    Ok(TwoSample {
        trained_on: 2 * train,
        judged: 2 * judged,
        accuracy,
        standard_error,
        p_value: tail::above((accuracy - 0.5) / standard_error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{backend, blurred, drawn, drawn_modes, normal};

    #[track_caller]
    fn judge(records: &[f32], samples: &[f32], cols: usize, epochs: usize) -> TwoSample {
        let (records, samples) = (Points::new(records, cols), Points::new(samples, cols));
        two_sample(&backend(), &Training::new(epochs, 3), records, samples).unwrap()
    }

    #[test]
    fn accuracy_on_a_shift_is_that_of_the_best_rule() {
        // N(0, I) against N(μ, I): the best rule is right with probability Φ(‖μ‖/2).
        let cols = 5;
        let mean = 2.0 / (cols as f32).sqrt();
        let found = judge(
            &normal(4000, cols, 1, 0.0),
            &normal(4000, cols, 2, mean),
            cols,
            8,
        );
        let best = 1.0 - tail::above(1.0);
        assert!((found.accuracy - best).abs() < 0.03, "{found:?} {best}");
        assert!(found.p_value < 1e-10, "{found:?}");
    }

    #[test]
    fn accuracy_on_equal_distributions_is_one_half_and_so_on_copies_of_other_records() {
        let found = judge(&normal(2000, 12, 1, 0.0), &normal(2000, 12, 2, 0.0), 12, 5);
        assert!(
            (found.accuracy - 0.5).abs() < 4.0 * found.standard_error,
            "{found:?}"
        );
        assert!((found.standard_error - 0.5 / 2000.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn accuracy_notices_blur_and_a_dropped_mode() {
        let blur = blurred(&drawn("digits", 6000, 2).0, 784, 4);
        let found = judge(&drawn("digits", 1500, 1).0, &blur, 784, 15);
        assert!(found.accuracy > 0.8, "{found:?}");
        // The best rule says "record" in mode 3 and "sample" elsewhere: right with
        // 1/2·1/8 + 1/2 = 0.5625.
        let records = drawn_modes("ring8", 4000, 1, |_| true).0;
        let dropped = drawn_modes("ring8", 4000, 2, |mode| mode != 3).0;
        let found = judge(&records, &dropped, 2, 40);
        assert!((found.accuracy - 0.5625).abs() < 0.03, "{found:?}");
    }
}
