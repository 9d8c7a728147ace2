//! The layers of a player as plain values: what another program needs to compute it.

use gan_kernels::{Activation, Native};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::config::{DiscriminatorConfig, GeneratorConfig, LayerConfig};
use crate::mlp::RunningMean;

/// `φ(x·W + b)`.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerValues {
    /// φ; a unit of maxout is the largest of neighbouring columns.
    pub activation: Activation,
    /// Values of x, which are the rows of W.
    pub inputs: usize,
    /// W, row-major, `inputs` × `bias.len()`.
    pub weights: Vec<f32>,
    /// b.
    pub bias: Vec<f32>,
}

impl LayerValues {
    /// Outputs; a maxout unit counts once.
    #[must_use]
    pub fn units(&self) -> usize {
        self.bias.len() / self.activation.pieces()
    }
}

impl Checkpoint {
    /// The layers of G from which samples are drawn: of the running mean, where there is one.
    ///
    /// # Errors
    /// If a tensor is missing, or does not fit the one before.
    pub fn generator_layers(
        &self,
        config: &GeneratorConfig,
    ) -> Result<Vec<LayerValues>, CheckpointError> {
        let part = config
            .average
            .map_or("", |_| RunningMean::<Native<f32>>::PART);
        self.layers("generator", part, &config.layers)
    }

    /// The layers of D, the last of which gives the probability that a record is data.
    ///
    /// # Errors
    /// If a tensor is missing, or does not fit the one before.
    pub fn discriminator_layers(
        &self,
        config: &DiscriminatorConfig,
    ) -> Result<Vec<LayerValues>, CheckpointError> {
        self.layers("discriminator", "", &config.layers)
    }

    fn layers(
        &self,
        player: &str,
        part: &str,
        layers: &[LayerConfig],
    ) -> Result<Vec<LayerValues>, CheckpointError> {
        let mut inputs = None;
        let layers = layers.iter().enumerate().map(|(index, layer)| {
            let activation = layer.activation();
            let [weights, bias] = ["w", "b"].map(|name| format!("{player}.{index}{part}.{name}"));
            let (found, weights) = self.matrix(&weights, inputs, None)?;
            let ([_, outputs], bias) = self.matrix(&bias, Some(1), Some(found[1]))?;
            inputs = Some(outputs / activation.pieces());
            Ok(LayerValues {
                activation,
                inputs: found[0],
                weights,
                bias,
            })
        });
        layers.collect()
    }

    /// The shape and the values of a tensor, of which rows or columns may be known.
    fn matrix(
        &self,
        name: &str,
        rows: Option<usize>,
        cols: Option<usize>,
    ) -> Result<([usize; 2], Vec<f32>), CheckpointError> {
        let found = self.tensors().find(|(known, _)| *known == name);
        let found = found.map_or([0, 0], |(_, shape)| shape);
        let expected = [rows.unwrap_or(found[0]), cols.unwrap_or(found[1])];
        let name = name.to_owned();
        match self.tensor(&name) {
            None => Err(CheckpointError::Missing { name, expected }),
            Some(_) if found != expected => Err(CheckpointError::Shape {
                name,
                found,
                expected,
            }),
            Some(values) => Ok((found, values.into_iter().map(|x| x as f32).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GameConfig, Sampler, Trainer, TrainingData};

    #[test]
    fn layers_are_those_that_samples_come_from() {
        let mut config = GameConfig::new(2, &[5]).with_minibatch(4);
        for average in [None, Some(0.5)] {
            config.generator.average = average;
            let rows: Vec<f32> = (0..24).map(|i| (i as f32).sin()).collect();
            let data = TrainingData::from_rows(3, rows).unwrap();
            let backend = Native::<f32>::new(Some(1)).unwrap();
            let mut trainer = Trainer::new(backend.clone(), &config, 1, data).unwrap();
            (0..3).for_each(|_| trainer.step());
            let checkpoint = trainer
                .checkpoint(String::new(), Default::default())
                .unwrap();
            let layers = checkpoint.generator_layers(&config.generator).unwrap();
            let shapes: Vec<_> = layers.iter().map(|it| (it.inputs, it.units())).collect();
            assert_eq!(shapes, [(2, 5), (5, 3)]);
            let sampler = Sampler::new(backend, &config.generator, &checkpoint).unwrap();
            let latents = sampler.latents(1, 0, 1).unwrap();
            let mut x: Vec<f64> = latents.iter().map(|&z| f64::from(z)).collect();
            for layer in &layers {
                let outputs = layer.bias.len();
                let z = (0..outputs).map(|j| {
                    let products = x.iter().enumerate();
                    let sum: f64 = products
                        .map(|(i, x)| x * f64::from(layer.weights[i * outputs + j]))
                        .sum();
                    sum + f64::from(layer.bias[j])
                });
                let z: Vec<f64> = z.collect();
                let pieces = z.chunks_exact(layer.activation.pieces());
                x = pieces.map(|z| layer.activation.define(z).0).collect();
            }
            for (found, expected) in trainer.sample(1, 0, 1).unwrap().into_iter().zip(x) {
                assert!((f64::from(found) - expected).abs() < 1e-6, "{average:?}");
            }
        }
    }

    #[test]
    fn a_missing_tensor_is_named() {
        let mut config = GameConfig::new(2, &[5]).with_minibatch(4);
        config.generator.average = None;
        let data = TrainingData::from_rows(3, vec![0.5; 24]).unwrap();
        let backend = Native::<f32>::new(Some(1)).unwrap();
        let mut trainer = Trainer::new(backend, &config, 1, data).unwrap();
        let checkpoint = trainer
            .checkpoint(String::new(), Default::default())
            .unwrap();
        config.generator.average = Some(0.5);
        let error = checkpoint.generator_layers(&config.generator).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("generator.0.average.w is missing"),
            "{error}"
        );
    }
}
