//! The classes of the samples, by a classifier's posteriors: how many, how evenly, how sharply.

use gan_kernels::Backend;
use serde::{Deserialize, Serialize};

use super::Needs;
use crate::classifier::{Classifier, Training, most_probable};
use crate::evaluation::{Evaluation, PAIRS, thousands};
use crate::frechet::frechet;
use crate::verdict::Evidence;
use crate::{EvalError, Points, Row, Section};

/// Epochs over the training records of the classifier that knows classes.
const EPOCHS: usize = 3;

/// A class with less than this part of its even share counts as missing: an honest sampler of
/// 1,000 draws from ten classes would fall below with probability under 10⁻¹⁵, and errors of the
/// classifier put a few samples into classes that are not there.
const MISSING_SHARE: f64 = 0.1;

/// The metric `classes`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    evaluation.progress("classifier of classes", 0.0);
    let (backend, reference) = (evaluation.backend, evaluation.reference);
    let labels = Needs::Labels.met("classes", reference.labels)?;
    let count = labels.classes;
    let training = Training::new(EPOCHS, 0);
    let (train, of_train) = (reference.train, labels.train);
    let classifier = Classifier::fit(backend.clone(), &training, train, of_train, count)?;
    let accuracy = classifier.accuracy(reference.test, labels.test)?;
    let look = |points: Points<'_>| -> Result<_, EvalError> {
        let posteriors = classifier.posteriors(points)?;
        Ok((classes(&posteriors, count), classifier.features(points)?))
    };
    let samples = evaluation.samples.first(PAIRS);
    let (found, features) = look(samples)?;
    let (real, real_features) = look(evaluation.test.view())?;
    let (_, train_features) = look(evaluation.train.view())?;

    let row = |id, name, of: fn(&Classes) -> f64, ideal: String| {
        Row::model(id, name, of(&found))
            .with_detail("test records", of(&real))
            .with_ideal(ideal)
    };
    let distance = frechet(real_features.view(), features.view());
    let usual = frechet(real_features.view(), train_features.view());
    let even = format!("{:.3} if even", (count as f64).ln());
    let rows = vec![
        row(
            "found",
            "classes found",
            |c| c.found as f64,
            count.to_string(),
        ),
        row("entropy", "entropy of the histogram", |c| c.entropy, even),
        row("score", "classifier score", |c| c.score, count.to_string()),
        Row::model("frechet", "Fréchet distance", distance)
            .with_detail("training records", usual)
            .with_ideal("0"),
    ];
    let title = format!(
        "Classes of {} samples, in the eyes of a classifier that is right on {:.1} % of test \
         records",
        thousands(samples.rows()),
        100.0 * accuracy
    );
    let histogram: Vec<String> = found.histogram.iter().map(usize::to_string).collect();
    let mut section = Section::new("classes", title, rows);
    section.notes = vec![
        format!("samples by class, from 0: {}", histogram.join(" ")),
        "this classifier is not Inception: score and distance compare with nothing but numbers of \
         this program on this data"
            .into(),
    ];
    evidence.classes = Some(found);
    Ok(section)
}

/// The result of [`classes`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Classes {
    /// Samples by their most probable class.
    pub(crate) histogram: Vec<usize>,
    /// Classes with at least a tenth of an even share of the samples.
    pub(crate) found: usize,
    /// Entropy of the histogram in nats; log of the number of classes if they are even.
    entropy: f64,
    /// exp(E KL(p(y|x) ‖ p(y))): from 1 to the number of classes, high where each sample is surely
    /// of one class and all classes are there.
    score: f64,
}

/// From posteriors p(y|x), a row of `count` per sample; p(y) is their mean.
///
/// # Source
/// Salimans et al. 2016 (the score, there with the classifier called Inception).
#[must_use]
#[track_caller]
fn classes(posteriors: &[f64], count: usize) -> Classes {
    assert!(
        count > 0 && !posteriors.is_empty() && posteriors.len().is_multiple_of(count),
        "classes: {} posteriors are no whole number of rows of {count}",
        posteriors.len()
    );
    let rows = posteriors.len() / count;
    let mut histogram = vec![0; count];
    let mut marginal = vec![0.0; count];
    for row in posteriors.chunks_exact(count) {
        histogram[most_probable(row)] += 1;
        for (sum, p) in marginal.iter_mut().zip(row) {
            *sum += p / rows as f64;
        }
    }
    let divergence: f64 = posteriors
        .chunks_exact(count)
        .flat_map(|row| row.iter().zip(&marginal))
        .filter(|(p, _)| **p > 0.0)
        .map(|(p, marginal)| p * (p / marginal).ln())
        .sum();
    let enough = MISSING_SHARE * rows as f64 / count as f64;
    let is_found = |samples: &&usize| **samples as f64 >= enough;
    Classes {
        found: histogram.iter().filter(is_found).count(),
        entropy: entropy(&histogram),
        score: (divergence / rows as f64).exp(),
        histogram,
    }
}

/// −Σ q log q of counts, in nats.
fn entropy(counts: &[usize]) -> f64 {
    let total: usize = counts.iter().sum();
    let shares = counts.iter().map(|&count| count as f64 / total as f64);
    shares.filter(|&q| q > 0.0).map(|q| -q * q.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::close;

    #[test]
    fn classes_of_sure_and_even_posteriors_reach_their_number() {
        let found = classes(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 3);
        assert_eq!((found.found, found.histogram), (3, vec![1; 3]));
        close(found.entropy, 3.0_f64.ln(), 1e-12);
        close(found.score, 3.0, 1e-12);
    }

    #[test]
    fn score_of_one_class_or_of_unsure_posteriors_is_1() {
        let one = classes(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 2);
        assert_eq!((one.found, one.entropy, one.score), (1, 0.0, 1.0));
        let unsure = classes(&[0.5, 0.5, 0.5, 0.5], 2);
        close(unsure.score, 1.0, 1e-12);
    }

    #[test]
    fn score_of_known_posteriors() {
        // p(y) = (1/2, 1/2); KL of each row is log 2 − H(0.9).
        let h = -(0.9 * 0.9_f64.ln() + 0.1 * 0.1_f64.ln());
        let found = classes(&[0.9, 0.1, 0.1, 0.9], 2);
        close(found.score, (2.0_f64.ln() - h).exp(), 1e-12);
    }
}
