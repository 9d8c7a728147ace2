//! Any of the rivals: what all of them can do.

use gan_kernels::{Activation, Backend, BackendError, Rates, Real};

use crate::Result;
use crate::bond::{Bond, Parameters, decode, encode};
use crate::cae::Cae;
use crate::config::{RivalConfig, RivalError};
use crate::dbm::Dbm;
use crate::dbn::Dbn;
use crate::gsn::Gsn;
use crate::rbm::FIRST_WEIGHTS;
use crate::units::Draws;

/// A rival on a device.
pub struct Rival<B: Backend> {
    config: RivalConfig,
    model: Model<B>,
}

enum Model<B: Backend> {
    /// An RBM as well, which is one of one layer.
    Dbn(Dbn<B>),
    Dbm(Dbm<B>),
    Cae(Cae<B>),
    Gsn(Gsn<B>),
}

/// A matrix of parameters as plain values.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Such as `rival.0.w`.
    pub name: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// The values, row-major.
    pub values: Vec<f32>,
}

/// The state of chains: rows of the layers that a step begins with.
pub(crate) type State<T> = Vec<Vec<T>>;

impl<B: Backend> Rival<B> {
    /// A rival before its training; `shares` are the means of the values of the training records.
    ///
    /// # Panics
    /// If the configuration is not valid.
    #[must_use]
    pub fn new(backend: &B, config: &RivalConfig, shares: &[f32], seed: u64) -> Self {
        let layers = config.layers(shares.len());
        let bond = |layer: usize| {
            let [below, above] = [layers[layer], layers[layer + 1]];
            let bound = match config {
                RivalConfig::Cae(_) => Activation::Sigmoid.initial_bound(below, above),
                RivalConfig::Gsn(_) => Activation::Tanh.initial_bound(below, above),
                _ => FIRST_WEIGHTS,
            };
            let bond = Bond::new(backend, [below, above], bound, (seed, layer));
            match layer {
                0 => bond.begin_at(shares),
                _ => bond,
            }
        };
        let all = || (1..layers.len()).map(|above| bond(above - 1)).collect();
        let model = match config {
            RivalConfig::Rbm(own) | RivalConfig::Dbn(own) => Model::Dbn(Dbn::new(all(), own)),
            RivalConfig::Dbm(own) => Model::Dbm(Dbm::new([bond(0), bond(1)], own)),
            RivalConfig::Cae(own) => Model::Cae(Cae::new(all(), own)),
            RivalConfig::Gsn(own) => Model::Gsn(Gsn::new([bond(0), bond(1)], own)),
        };
        Self {
            config: config.clone(),
            model,
        }
    }

    /// A rival with the parameters of a file: `shape` and `values` are asked for each tensor by its name,
    /// such as `rival.0.w`, and answer nothing where there is none.
    ///
    /// # Errors
    /// If the configuration is not valid, or a tensor is missing or of another shape than it says.
    pub fn from_tensors(
        backend: &B,
        config: &RivalConfig,
        shape: impl Fn(&str) -> Option<[usize; 2]>,
        values: impl Fn(&str) -> Option<Vec<f64>>,
    ) -> std::result::Result<Self, RivalError> {
        config.validate()?;
        // Nothing of these sizes is made before the file has shown that it has them.
        let [_, _, (lowest, _)] = parts(0, [0, 0]);
        let cols = shape(&lowest).map_or(0, |[_, cols]| cols);
        for (bond, sizes) in config.layers(cols).windows(2).enumerate() {
            for (name, expected) in parts(bond, [sizes[0], sizes[1]]) {
                let found = shape(&name);
                if found != Some(expected) || cols == 0 {
                    let found = found.map_or("none".into(), |[r, c]| format!("one of {r}×{c}"));
                    return Err(RivalError::Tensor {
                        name,
                        found,
                        expected,
                    });
                }
            }
        }
        let mut rival = Self::new(backend, config, &vec![0.5; cols], 0);
        for (index, bond) in rival.bonds_mut().into_iter().enumerate() {
            let [w, above, below] = parts(index, bond.sizes()).map(|(name, _)| {
                let values = values(&name).unwrap_or_default().into_iter();
                values.map(Real::from_f64).collect()
            });
            bond.set(&Parameters { w, above, below });
        }
        Ok(rival)
    }

    /// All parameters.
    ///
    /// # Errors
    /// If the device failed.
    pub fn tensors(&self) -> std::result::Result<Vec<Tensor>, BackendError> {
        let mut tensors = Vec::new();
        for (index, bond) in self.bonds().into_iter().enumerate() {
            let Parameters { w, above, below } = bond.parameters()?;
            let named = parts(index, bond.sizes()).into_iter();
            for ((name, shape), values) in named.zip([w, above, below]) {
                let values = values.iter().map(|value| value.to_f64() as f32);
                tensors.push(Tensor {
                    name,
                    shape,
                    values: values.collect(),
                });
            }
        }
        Ok(tensors)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &RivalConfig {
        &self.config
    }

    /// Number of its parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let sizes = self.bonds().into_iter().map(Bond::sizes);
        sizes
            .map(|[below, above]| below * above + below + above)
            .sum()
    }

    /// Values of a record.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.bonds().first().map_or(0, |bond| bond.sizes()[0])
    }

    fn bonds(&self) -> Vec<&Bond<B>> {
        match &self.model {
            Model::Dbn(dbn) => dbn.layers.iter().map(|layer| &layer.bond).collect(),
            Model::Dbm(dbm) => vec![&dbm.lower, &dbm.upper],
            Model::Cae(cae) => cae.layers.iter().collect(),
            Model::Gsn(gsn) => vec![&gsn.lower, &gsn.upper],
        }
    }

    fn bonds_mut(&mut self) -> Vec<&mut Bond<B>> {
        match &mut self.model {
            Model::Dbn(dbn) => dbn.layers.iter_mut().map(|layer| &mut layer.bond).collect(),
            Model::Dbm(dbm) => vec![&mut dbm.lower, &mut dbm.upper],
            Model::Cae(cae) => cae.layers.iter_mut().collect(),
            Model::Gsn(gsn) => vec![&mut gsn.lower, &mut gsn.upper],
        }
    }

    /// A step of training number `stage` on the minibatch `x`.
    pub(crate) fn learn(
        &mut self,
        stage: usize,
        x: &[B::Elem],
        draws: Draws,
        rates: Rates,
    ) -> Result<()> {
        match &mut self.model {
            Model::Dbn(dbn) => dbn.learn(stage, x, draws, rates),
            Model::Dbm(dbm) => dbm.learn(stage, x, draws, rates),
            Model::Cae(cae) => cae.learn(stage, x, rates),
            Model::Gsn(gsn) => gsn.learn(x, draws, rates),
        }
    }

    /// What is left of records after the way up as far as training number `stage` has come, and back.
    pub(crate) fn reconstruct(&self, stage: usize, x: &[B::Elem]) -> Result<Vec<B::Elem>> {
        match &self.model {
            Model::Dbn(_) | Model::Cae(_) => {
                let bonds = &self.bonds()[..=stage];
                let h = encode(bonds.iter().copied(), x)?;
                decode(bonds.iter().copied(), &h)
            }
            Model::Dbm(dbm) => dbm.reconstruct(x),
            Model::Gsn(gsn) => gsn.reconstruct(x),
        }
    }

    /// Where `chains` chains begin.
    pub(crate) fn begin(&self, chains: usize, draws: Draws) -> Result<State<B::Elem>> {
        Ok(match &self.model {
            Model::Dbn(dbn) => vec![dbn.begin(chains, draws)],
            Model::Dbm(dbm) => dbm.begin(chains, draws),
            Model::Cae(cae) => vec![cae.begin(chains, draws)?],
            Model::Gsn(gsn) => gsn.begin(chains, draws),
        })
    }

    /// A step of the chains.
    pub(crate) fn step(&self, state: &State<B::Elem>, draws: Draws) -> Result<State<B::Elem>> {
        Ok(match &self.model {
            Model::Dbn(dbn) => vec![dbn.step(&state[0], draws)?],
            Model::Dbm(dbm) => dbm.step(state, draws)?,
            Model::Cae(cae) => vec![cae.step(&state[0], draws)?],
            Model::Gsn(gsn) => gsn.step(state, draws)?,
        })
    }

    /// The records that chains stand at: the probabilities of their values.
    pub(crate) fn pixels(&self, state: &State<B::Elem>, draws: Draws) -> Result<Vec<B::Elem>> {
        match &self.model {
            Model::Dbn(dbn) => dbn.pixels(&state[0], draws),
            Model::Dbm(dbm) => dbm.pixels(state),
            // The record is the state.
            Model::Cae(_) => Ok(state[0].clone()),
            Model::Gsn(_) => Ok(state[2].clone()),
        }
    }
}

/// Names and shapes of the parts of bond `index`: W, the bias above and the bias below.
fn parts(index: usize, [below, above]: [usize; 2]) -> [(String, [usize; 2]); 3] {
    let part = |part, shape| (format!("rival.{index}.{part}"), shape);
    [
        part("w", [below, above]),
        part("above", [1, above]),
        part("below", [1, below]),
    ]
}
