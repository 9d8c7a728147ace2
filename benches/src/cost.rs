//! What an iteration of a game must compute and move, counted from its configuration.

use std::ops::AddAssign;

use anyhow::{Context, Result, ensure};
use gan_kernels::Update;
use gan_kernels::cases::gather_rows::Kept;
use gan_kernels::cases::{
    Op, Shape, fill_latent, gather_rows, linear_bwd_data, linear_bwd_params, linear_fwd,
};
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
    /// Linear maps per unit of the layer below.
    pieces_below: f64,
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
        // Of the layer below, the output is read and the gradient of every piece written.
        let below = self.inputs * (1.0 + self.pieces_below);
        let elements = rows * (self.outputs + below) + self.inputs * self.outputs;
        self.product(rows, elements)
    }

    fn backward_params(self, rows: f64) -> Cost {
        let parameters = self.per_parameter * self.inputs * self.outputs;
        self.product(rows, rows * (self.inputs + self.outputs) + parameters)
    }
}

/// Of one operation; nothing for those that no iteration of the paper's games has.
#[must_use]
pub fn operation(op: &Op) -> Cost {
    let layer = |shape: Shape, pieces: usize, pieces_below: usize| Layer {
        inputs: shape.k as f64,
        outputs: (shape.n * pieces) as f64,
        units: shape.n as f64,
        pieces_below: pieces_below as f64,
        per_parameter: 4.0,
    };
    let moved = |bytes: usize| Cost {
        flop: 0.0,
        bytes: bytes as f64,
    };
    match *op {
        Op::LinearFwd(linear_fwd::Call { shape, act, .. }) => {
            layer(shape, act.pieces(), 1).forward(shape.m as f64)
        }
        Op::LinearBwdData(linear_bwd_data::Call { shape, act, .. }) => {
            layer(shape, 1, act.pieces()).backward_data(shape.m as f64)
        }
        Op::LinearBwdParams(linear_bwd_params::Call { shape, update, .. }) => {
            let mut layer = layer(shape, 1, 1);
            layer.per_parameter = match update {
                Update::Store => 1.0,
                update => 2.0 * (1 + update.moments()) as f64,
            };
            layer.backward_params(shape.m as f64)
        }
        Op::FillLatent(fill_latent::Call { rows, cols, .. }) => moved(4 * rows * cols),
        Op::GatherRows(gather_rows::Call {
            rows, cols, kept, ..
        }) => {
            let each = if kept == Kept::Floats { 8 } else { 5 };
            moved(each * rows * cols)
        }
        _ => Cost::default(),
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
    let (mut inputs, mut pieces_below) = (inputs, 1);
    let made = layers.iter().map(|layer| {
        let units = layer.units.unwrap_or(outputs);
        let made = Layer {
            inputs: inputs as f64,
            outputs: (units * layer.pieces.unwrap_or(1)) as f64,
            units: units as f64,
            pieces_below: pieces_below as f64,
            per_parameter,
        };
        (inputs, pieces_below) = (units, layer.pieces.unwrap_or(1));
        made
    });
    Ok(made.collect())
}

#[cfg(test)]
mod tests {
    use gan_kernels::Activation;
    use gan_kernels::cases::Case;

    use super::*;
    use crate::game::{PIXELS, mnist_iteration, preset};

    #[test]
    fn iteration_of_mnist_costs_what_its_operations_do() {
        let cases = mnist_iteration();
        let listed: u64 = cases.iter().map(Case::flop).sum();
        let counted = iteration(&preset("mnist").unwrap(), PIXELS).unwrap();
        assert_eq!(counted.flop, listed as f64);
        let products = cases.iter().filter(|case| case.flop() > 0);
        let bytes: f64 = products.map(|case| operation(&case.op).bytes).sum();
        assert_eq!(counted.bytes, bytes);
    }

    #[test]
    fn operation_moves_every_operand_once() {
        let shape = Shape { m: 3, n: 5, k: 7 };
        let (act, dropout) = (Activation::Maxout { pieces: 2 }, None);
        // X and Y of 5 units, W of 5 × 2 maps.
        let forward = Op::LinearFwd(linear_fwd::Call {
            shape,
            act,
            dropout,
        });
        assert_eq!(operation(&forward).bytes, 4.0 * (21.0 + 15.0 + 70.0));
        // dZ, W, the output below, the gradient of 7 × 2 maps below.
        let data = Op::LinearBwdData(linear_bwd_data::Call {
            shape,
            act,
            dropout,
        });
        assert_eq!(operation(&data).bytes, 4.0 * (15.0 + 35.0 + 21.0 + 42.0));
        assert_eq!(operation(&data).flop, 2.0 * 105.0);
    }

    #[test]
    fn iteration_of_a_game_that_is_not_counted_is_refused() {
        let mut config = preset("mnist").unwrap();
        config.game.updates = Updates::Simultaneous;
        assert!(iteration(&config, PIXELS).is_err());
    }
}
