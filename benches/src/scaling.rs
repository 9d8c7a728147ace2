//! Time per iteration against the size of the game, on a processor.

use std::time::Duration;

use anyhow::Result;
use gan_model::{ActivationKind, GameConfig, LayerConfig, Trainer};

use crate::cost;
use crate::game::{PIXELS, SEED, images, native, preset};
use crate::results::{Curve, Point, Row};
use crate::timing::{Effort, turn};

/// For each point.
const EFFORT: Effort = Effort {
    budget: Duration::from_millis(1500),
    rounds: 3,
    warm_up: 1,
};
const MINIBATCHES: [usize; 7] = [10, 30, 100, 300, 1000, 3000, 10_000];
const WIDTHS: [usize; 7] = [128, 256, 512, 1024, 2048, 4096, 8192];
const DEPTHS: [usize; 5] = [1, 2, 4, 6, 8];
const RECORDS: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];
/// Width of the curve over depth.
const WIDTH: usize = 1024;
/// Records of the curves that do not vary them.
const FEW_RECORDS: usize = 10_000;

/// All curves, with `threads` threads but for the one over threads; `quick` takes the small half of
/// each and one run per point.
pub(crate) fn curves(threads: usize, quick: bool) -> Result<Vec<Curve>> {
    let effort = if quick { Effort::few(1) } else { EFFORT };
    let mnist = preset("mnist")?;
    let over = |variable: &str, fixed: &str, values: &[usize], row: &dyn Fn(usize) -> Result<_>| {
        let few = values.len().div_ceil(2);
        let values = if quick { &values[..few] } else { values };
        let points = values.iter().map(|&value| {
            let (at, row) = (value as f64, row(value)?);
            Ok(Point { at, row })
        });
        Ok::<_, anyhow::Error>(Curve {
            variable: variable.into(),
            fixed: fixed.into(),
            points: points.collect::<Result<_>>()?,
        })
    };
    let game = |config: &GameConfig, records, threads| {
        let mut trainer = Trainer::new(
            native(threads, "f32")?,
            config,
            SEED,
            images(records, PIXELS),
        )?;
        let times = effort.alone(turn(|| trainer.step()))?;
        let row = Row::new("train_step", Some(threads), "f32", &times);
        Ok(row.with(cost::iteration(config, PIXELS)?))
    };
    Ok(vec![
        over("minibatch", "the MNIST game", &MINIBATCHES, &|minibatch| {
            let mut config = mnist.clone();
            config.game.minibatch = minibatch;
            game(&config, FEW_RECORDS.max(minibatch), threads)
        })?,
        over(
            "hidden width",
            "two hidden layers of rectifiers in both players, minibatch 100",
            &WIDTHS,
            &|width| game(&rectifiers(&mnist, width, 2), FEW_RECORDS, threads),
        )?,
        over(
            "hidden layers",
            "1,024 rectifiers in each, in both players, minibatch 100",
            &DEPTHS,
            &|depth| game(&rectifiers(&mnist, WIDTH, depth), FEW_RECORDS, threads),
        )?,
        over("records", "the MNIST game", &RECORDS, &|records| {
            game(&mnist, records, threads)
        })?,
        over(
            "threads",
            "the MNIST game",
            &doublings(threads),
            &|threads| game(&mnist, FEW_RECORDS, threads),
        )?,
    ])
}

/// 1, 2, 4 and so on, and `all`.
fn doublings(all: usize) -> Vec<usize> {
    let smaller = std::iter::successors(Some(1), |count| Some(2 * count));
    smaller
        .take_while(|&count| count < all)
        .chain([all])
        .collect()
}

/// The game with `depth` hidden layers of `width` rectifiers in each player.
fn rectifiers(mnist: &GameConfig, width: usize, depth: usize) -> GameConfig {
    let hidden = LayerConfig {
        units: Some(width),
        activation: ActivationKind::Relu,
        pieces: None,
        slope: None,
        init: None,
        bias: 0.0,
        keep: 1.0,
        scale: None,
    };
    let mut config = mnist.clone();
    for layers in [
        &mut config.generator.layers,
        &mut config.discriminator.layers,
    ] {
        let output = layers.pop();
        *layers = vec![hidden.clone(); depth];
        layers.extend(output);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doublings_end_with_all() {
        assert_eq!(doublings(1), [1]);
        assert_eq!(doublings(2), [1, 2]);
        assert_eq!(doublings(12), [1, 2, 4, 8, 12]);
    }

    #[test]
    fn rectifiers_keep_the_output_layers() {
        let mnist = preset("mnist").unwrap();
        let config = rectifiers(&mnist, 32, 3);
        config.validate(PIXELS).unwrap();
        let [g, d] = [&config.generator.layers, &config.discriminator.layers];
        assert_eq!((g.len(), d.len()), (4, 4));
        assert_eq!(g[3], mnist.generator.layers[2]);
        assert_eq!(d[0].units, Some(32));
    }
}
