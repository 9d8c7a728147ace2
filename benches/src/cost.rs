//! What an iteration of a game must compute and move, counted from its configuration.

use std::ops::AddAssign;

use anyhow::{Context, Result, ensure};
use gan_model::{GameConfig, LayerConfig, OptimizerConfig, Updates};

/// FLOP of products, and bytes of their operands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Two per multiply-add of a product; nothing else is counted.
    pub flop: f64,
    /// Every operand of every operation once, in f32: what has to be moved if no operation finds
    /// anything in a cache.
    pub bytes: f64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.flop += other.flop;
        self.bytes += other.bytes;
    }
}

/// One layer's product: inputs, and outputs with all pieces of maxout.
#[derive(Clone, Copy)]
struct Layer {
    inputs: f64,
    outputs: f64,
    /// Values that come out, one per maxout unit.
    units: f64,
    /// Floats that an update reads and writes for each parameter.
    per_parameter: f64,
}

impl Layer {
    fn product(self, rows: f64, elements: f64) -> Cost {
        Cost {
            flop: 2.0 * rows * self.inputs * self.outputs,
            bytes: 4.0 * elements,
        }
    }

    fn forward(self, rows: f64) -> Cost {
        let elements = rows * (self.inputs + self.units) + self.inputs * self.outputs;
        self.product(rows, elements)
    }

    fn backward_data(self, rows: f64) -> Cost {
        let elements = rows * (self.outputs + 2.0 * self.inputs) + self.inputs * self.outputs;
        self.product(rows, elements)
    }

    fn backward_params(self, rows: f64) -> Cost {
        let parameters = self.per_parameter * self.inputs * self.outputs;
        self.product(rows, rows * (self.inputs + self.outputs) + parameters)
    }
}

/// Of one iteration of a game on records of `cols` values.
///
/// # Errors
/// If it is a game whose operations are not counted here: one with a penalty, packing, or updates
/// that are not alternating.
pub fn iteration(config: &GameConfig, cols: usize) -> Result<Cost> {
    let rules = &config.game;
    ensure!(
        rules.penalty.is_none() && rules.pack == 1 && rules.updates == Updates::Alternating,
        "only alternating games without penalty and packing are counted"
    );
    let (m, steps) = (rules.minibatch as f64, rules.discriminator_steps as f64);
    let [of_g, of_d] = [config.generator.optimizer, config.discriminator.optimizer]
        .map(|own| own.unwrap_or(config.optimizer));
    let g = layers(
        &config.generator.layers,
        config.generator.latent,
        cols,
        of_g,
    )?;
    let d = layers(&config.discriminator.layers, cols, 1, of_d)?;
    let mut cost = Cost::default();
    // G's samples for every step of D and for its own.
    g.iter()
        .for_each(|layer| cost += layer.forward((steps + 1.0) * m));
    for _ in 0..rules.discriminator_steps {
        d.iter().for_each(|layer| cost += layer.forward(2.0 * m));
        d[1..]
            .iter()
            .for_each(|layer| cost += layer.backward_data(2.0 * m));
        d.iter()
            .for_each(|layer| cost += layer.backward_params(2.0 * m));
    }
    d.iter().for_each(|layer| cost += layer.forward(m));
    d.iter().for_each(|layer| cost += layer.backward_data(m));
    g[1..]
        .iter()
        .for_each(|layer| cost += layer.backward_data(m));
    g.iter().for_each(|layer| cost += layer.backward_params(m));
    Ok(cost)
}

/// Of `rows` samples from G.
///
/// # Errors
/// If there is no layer.
pub fn sampling(config: &GameConfig, cols: usize, rows: usize) -> Result<Cost> {
    let generator = &config.generator;
    let layers = layers(&generator.layers, generator.latent, cols, config.optimizer)?;
    let mut cost = Cost::default();
    layers
        .iter()
        .for_each(|layer| cost += layer.forward(rows as f64));
    Ok(cost)
}

/// The layers of a player that turns rows of `inputs` values into rows of `outputs`.
fn layers(
    layers: &[LayerConfig],
    inputs: usize,
    outputs: usize,
    optimizer: OptimizerConfig,
) -> Result<Vec<Layer>> {
    layers.first().context("a player without layers")?;
    let per_parameter = match optimizer {
        OptimizerConfig::Adam { .. } => 6.0,
        _ => 4.0,
    };
    let mut inputs = inputs;
    let made = layers.iter().map(|layer| {
        let units = layer.units.unwrap_or(outputs);
        let made = Layer {
            inputs: inputs as f64,
            outputs: (units * layer.pieces.unwrap_or(1)) as f64,
            units: units as f64,
            per_parameter,
        };
        inputs = units;
        made
    });
    Ok(made.collect())
}

#[cfg(test)]
mod tests {
    use gan_kernels::cases::Case;

    use super::*;
    use crate::game::{PIXELS, mnist_iteration, preset};

    #[test]
    fn iteration_of_mnist_has_the_flop_of_its_operations() {
        let listed: u64 = mnist_iteration().iter().map(Case::flop).sum();
        let counted = iteration(&preset("mnist").unwrap(), PIXELS).unwrap();
        assert_eq!(counted.flop, listed as f64);
    }

    #[test]
    fn iteration_moves_the_parameters_more_than_once() {
        let config = preset("mnist").unwrap();
        let parameters = 100 * 1200 + 1200 * 1200 + 1200 * 784 + 784 * 1200 + 240 * 1200 + 240;
        let bytes = iteration(&config, PIXELS).unwrap().bytes;
        // Read by two forward passes and a backward one, four times in the update.
        let least = 4.0 * 6.0 * f64::from(parameters);
        assert!(bytes > least && bytes < 3.0 * least, "{bytes} of {least}");
    }

    #[test]
    fn iteration_of_a_game_that_is_not_counted_is_refused() {
        let mut config = preset("mnist").unwrap();
        config.game.updates = Updates::Simultaneous;
        assert!(iteration(&config, PIXELS).is_err());
    }
}
