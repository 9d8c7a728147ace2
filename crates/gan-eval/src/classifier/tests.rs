//! The classifier against difference quotients, closed forms and drawn digits.

use super::*;
use crate::testing::{backend, close, drawn, mnist, normal};

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
        close(gradient[at], quotient, 1e-9);
    }
}

#[test]
fn softmax_of_large_logits_is_finite() {
    let mut row = [1000.0, 999.0, -1000.0];
    softmax(&mut row);
    close(row[0], 1.0 / (1.0 + (-1.0_f64).exp()), 1e-12);
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
    let features = features.view();
    assert_eq!((features.rows(), features.cols()), (600, 128));
    let posteriors = fit(1).posteriors(test).unwrap();
    assert_eq!(posteriors, fit(1).posteriors(test).unwrap());
    for row in posteriors.chunks_exact(10) {
        close(row.iter().sum(), 1.0, 1e-12);
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
    close(accuracy, 0.841, 0.02);
}

#[test]
fn classifier_is_right_on_97_percent_of_mnist() {
    let Some((dataset, [train, _, test])) = mnist() else {
        return;
    };
    let (labels, splits) = (dataset.labels.unwrap(), dataset.splits);
    let (of_train, of_test) = (&labels[splits.train], &labels[splits.test]);
    let backend = gan_kernels::Native::<f32>::new(None).unwrap();
    let training = Training::new(3, 0);
    let classifier = Classifier::fit(backend, &training, train.view(), of_train, 10).unwrap();
    let accuracy = classifier.accuracy(test.view(), of_test).unwrap();
    assert!(accuracy >= 0.97, "{accuracy}");
}
