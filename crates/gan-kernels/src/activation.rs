//! The functions between the affine maps of two layers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// φ of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// φ(z) = z.
    Identity,
    /// φ(z) = max(0, z).
    Relu,
    /// φ(z) = z where z > 0, else `slope · z`.
    LeakyRelu {
        /// Slope on the negative side; positive, so that the sign of the output tells the side.
        slope: f64,
    },
    /// φ(z) = 1 / (1 + e⁻ᶻ).
    Sigmoid,
    /// φ(z) = tanh z.
    Tanh,
    /// The largest of `pieces` neighbouring columns of z (Goodfellow et al. 2013).
    Maxout {
        /// Linear maps per unit, 2 to 255.
        pieces: usize,
    },
}

/// An [`Activation`] without its numbers, as configuration files name it and kernels are compiled
/// for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ActivationKind {
    /// φ(z) = z.
    Identity,
    /// φ(z) = max(0, z).
    Relu,
    /// φ(z) = z or `slope · z`.
    LeakyRelu,
    /// φ(z) = 1 / (1 + e⁻ᶻ).
    Sigmoid,
    /// φ(z) = tanh z.
    Tanh,
    /// The largest of `pieces` linear maps.
    Maxout,
}

impl ActivationKind {
    /// The activation of this kind; `slope` is leaky relu's, `pieces` maxout's.
    #[must_use]
    pub fn with(self, slope: f64, pieces: usize) -> Activation {
        match self {
            Self::Identity => Activation::Identity,
            Self::Relu => Activation::Relu,
            Self::LeakyRelu => Activation::LeakyRelu { slope },
            Self::Sigmoid => Activation::Sigmoid,
            Self::Tanh => Activation::Tanh,
            Self::Maxout => Activation::Maxout { pieces },
        }
    }
}

impl Activation {
    /// The activation without its numbers.
    #[must_use]
    pub fn kind(self) -> ActivationKind {
        match self {
            Self::Identity => ActivationKind::Identity,
            Self::Relu => ActivationKind::Relu,
            Self::LeakyRelu { .. } => ActivationKind::LeakyRelu,
            Self::Sigmoid => ActivationKind::Sigmoid,
            Self::Tanh => ActivationKind::Tanh,
            Self::Maxout { .. } => ActivationKind::Maxout,
        }
    }

    /// Columns of z per output column.
    #[must_use]
    pub fn pieces(self) -> usize {
        if let Self::Maxout { pieces } = self {
            pieces
        } else {
            1
        }
    }

    /// `φ(z)` in f64: the definition that every kernel is held to.
    ///
    /// `z` holds the pieces of one unit; returns the output and which piece won (the first of
    /// equals).
    ///
    /// # Panics
    /// If `z` does not have [`Activation::pieces`] values.
    #[must_use]
    pub fn define(self, z: &[f64]) -> (f64, usize) {
        assert_eq!(z.len(), self.pieces(), "activation: pieces");
        let x = z[0];
        let y = match self {
            // `max` would turn NaN into 0 and hide a run that has diverged.
            Self::Relu if x < 0.0 => 0.0,
            Self::LeakyRelu { slope } if x <= 0.0 => slope * x,
            Self::Identity | Self::Relu | Self::LeakyRelu { .. } => x,
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Maxout { .. } => {
                let mut winner = 0;
                for piece in 1..z.len() {
                    if z[piece] > z[winner] {
                        winner = piece;
                    }
                }
                return (z[winner], winner);
            }
        };
        (y, 0)
    }
}
