//! `digits`: handwriting drawn from stroke skeletons, for training with no download.
//!
//! A skeleton ([`skeletons`]) is bent into one hand's version of it ([`hand`]) and inked ([`pen`])
//! the way MNIST was made: 28×28 grey pixels, the digit in a box of about 20×20, its centre of mass
//! in the centre of the image.

mod hand;
mod pen;
mod skeletons;

use rand::RngExt;

use crate::draw::{Source, draw_rows};
use crate::record::{Loaded, Raw};

/// Pixels per side, as MNIST.
const SIDE: usize = 28;

/// Pixels of an image.
pub(crate) const PIXELS: usize = SIDE * SIDE;

/// Classes, equally probable.
const CLASSES: u8 = 10;

/// Draws `count` digits; the label of each is the digit.
pub(crate) fn draw(count: usize, seed: u64) -> Loaded {
    let (data, labels) = draw_rows(count, PIXELS, |index, image: &mut [u8]| {
        let mut rng = Source::Digits.rng(seed, index);
        let label = rng.random_range(0..CLASSES);
        let skeleton = skeletons::choose(label, &mut rng);
        pen::ink(&hand::write(skeleton, &mut rng), image);
        label
    });
    Loaded::images([SIDE, SIDE, 1], Raw::Bytes(data)).with_labels(labels, CLASSES.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(count: usize, seed: u64) -> (Vec<u8>, Vec<u8>) {
        let loaded = draw(count, seed);
        let Raw::Bytes(data) = loaded.raw else {
            panic!("bytes expected")
        };
        (data, loaded.labels.unwrap())
    }

    #[test]
    fn digits_of_every_class_are_equally_probable() {
        let labels = images(5000, 1).1;
        for class in 0..CLASSES {
            let count = labels.iter().filter(|&&label| label == class).count();
            // Binomial(5000, 0.1): mean 500, standard deviation 21.
            assert!((400..600).contains(&count), "{class}: {count}");
        }
    }

    #[test]
    fn digits_are_centred_and_inked_like_mnist() {
        let (data, _) = images(1000, 2);
        for image in data.chunks(SIDE * SIDE) {
            let (mut ink, mut x, mut y) = (0.0, 0.0, 0.0);
            for (index, &byte) in image.iter().enumerate() {
                let byte = f64::from(byte);
                ink += byte;
                x += byte * (index % SIDE) as f64;
                y += byte * (index / SIDE) as f64;
            }
            let centre = [x / ink, y / ink];
            let is_near = |at: f64| (at - 13.5).abs() < 1.5;
            assert!(centre.into_iter().all(is_near), "{centre:?}");
            assert!(image.iter().max() > Some(&200));
        }
        let sum: f64 = data.iter().map(|&byte| f64::from(byte)).sum();
        let mean = sum / data.len() as f64 / 255.0;
        // MNIST's is 0.1307.
        assert!((0.10..0.16).contains(&mean), "{mean}");
    }
}
