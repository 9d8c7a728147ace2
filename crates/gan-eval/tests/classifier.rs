//! The classifier on real digits, if `GAN_DATA_DIR` says where MNIST is: `mnist/` in it.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

use std::path::PathBuf;

use gan_data::DataConfig;
use gan_eval::{Classifier, Points, Training, gather};
use gan_kernels::Native;

#[test]
#[allow(clippy::print_stdout, reason = "a test that did not run says so")]
fn classifier_is_right_on_97_percent_of_mnist() {
    let Some(directory) = std::env::var_os("GAN_DATA_DIR") else {
        println!("skipped: GAN_DATA_DIR is not set, the classifier is not tested on MNIST");
        return;
    };
    let path = PathBuf::from(directory).join("mnist");
    let dataset = gan_data::load(&DataConfig::new(path.display().to_string()), 0).unwrap();
    let (labels, splits) = (dataset.labels.unwrap(), dataset.splits);
    let [train, test] =
        [&splits.train, &splits.test].map(|split| gather(&dataset.records, split.clone()));
    let [train, test] = [&train, &test].map(|rows| Points::new(rows, 784));
    let backend = Native::<f32>::new(None).unwrap();
    let training = Training::new(3, 0);
    let classifier =
        Classifier::fit(backend, &training, train, &labels[splits.train.clone()], 10).unwrap();
    let accuracy = classifier
        .accuracy(test, &labels[splits.test.clone()])
        .unwrap();
    assert!(accuracy >= 0.97, "{accuracy}");
}
