//! The classifier against difference quotients, closed forms and drawn digits.

use super::*;
use crate::testing::{backend, drawn, normal};

#[test]
fn logits_gradient_is_the_difference_quotient_of_the_cross_entropy() {
    let logits = [0.3, -1.2, 0.7, 2.0, 0.1, -0.4];
    let classes = [2, 0];
    let loss = |logits: &[f64]| {
        let rows = logits.chunks_exact(3).zip(classes);
        let terms = rows.map(|(row, class)| {
            let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
            sum.ln() - row[usize::from(class)]
        });
        terms.sum::<f64>() / 2.0
    };
    let gradient = logits_gradient(&logits, &classes);
    for at in 0..logits.len() {
        let step = 1e-5;
        let moved = |by: f64| {
            let mut moved = logits;
            moved[at] += by;
            loss(&moved)
        };
        let quotient = (moved(step) - moved(-step)) / (2.0 * step);
        assert!((gradient[at] - quotient).abs() < 1e-9, "{at}");
    }
}

#[test]
fn softmax_of_large_logits_is_finite() {
    let mut row = [1000.0, 999.0, -1000.0];
    softmax(&mut row);
    assert!((row[0] - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-12);
    assert_eq!(row[2], 0.0);
}

#[test]
fn classifier_learns_drawn_digits_and_is_the_same_for_the_same_seed() {
    let (values, dataset) = drawn("digits", 2600, 1);
    let labels = dataset.labels.unwrap();
    let points = Points::new(&values, 784);
    let (train, test) = (points.slice(0..2000), points.slice(2000..2600));
    let fit = |epochs| {
        let training = Training::new(epochs, 3);
        Classifier::fit(backend(), &training, train, &labels[..2000], 10).unwrap()
    };
    let classifier = fit(6);
    let accuracy = classifier.accuracy(test, &labels[2000..]).unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
    let features = classifier.features(test).unwrap();
    assert_eq!(
        (features.points().rows(), features.points().cols()),
        (600, 128)
    );
    let posteriors = fit(1).posteriors(test).unwrap();
    assert_eq!(posteriors, fit(1).posteriors(test).unwrap());
    for row in posteriors.chunks_exact(10) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn classifier_without_hidden_layers_reaches_the_best_linear_rule() {
    // N(±μ, I) with ‖μ‖ = 1: Φ(1) = 0.841.
    let values = [normal(1500, 3, 1, 0.577_35), normal(1500, 3, 2, -0.577_35)].concat();
    let labels = [vec![0; 1500], vec![1; 1500]].concat();
    let training = Training {
        hidden: Vec::new(),
        ..Training::new(60, 1)
    };
    let points = Points::new(&values, 3);
    let classifier = Classifier::fit(backend(), &training, points, &labels, 2).unwrap();
    let accuracy = classifier.accuracy(points, &labels).unwrap();
    assert!((accuracy - 0.841).abs() < 0.02, "{accuracy}");
}
