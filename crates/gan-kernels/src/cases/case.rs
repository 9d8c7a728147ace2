//! What a case is, and its name.

use std::fmt;

use super::Op;
use crate::random::{Purpose, Stream};
use crate::{Activation, Dropout};

/// A call of an operation, what its operands hold, and how closely it must follow the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// The call: shapes and variant.
    pub op: Op,
    /// The values of the operands.
    pub inputs: Inputs,
    /// Rows that the operands' matrices have above and below the rows that take part.
    ///
    /// Those of inputs are NaN; those of outputs must not change.
    pub margin: usize,
    /// The purpose of the case.
    pub role: Role,
    /// The error that an element may have.
    pub tolerance: Tolerance,
}

/// The letters of a product, as the operation itself defines them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the minibatch.
    pub m: usize,
    /// Columns.
    pub n: usize,
    /// Inputs.
    pub k: usize,
}

impl Shape {
    /// Floating-point operations of the product: two per multiply-add.
    #[must_use]
    pub fn flop(self) -> u64 {
        2 * (self.m * self.n * self.k) as u64
    }
}

/// `m×n×k`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.m, self.n, self.k)
    }
}

/// The values of operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inputs {
    /// Uniform on (−1, 1), weights divided by a power of two near √k.
    Uniform,
    /// Integers from −2 to 2: sums are exact, ties and zeros are frequent.
    Integers,
    /// Like `Uniform`, but of a layer's input and of the gradient only so many of a hundred values
    /// are other than zero, as after rectifiers, dropout and maxout.
    Sparse {
        /// Values of a layer's input other than zero, of a hundred.
        x: u8,
        /// Values of dZ other than zero, of a hundred.
        dz: u8,
    },
}

/// The purpose of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An edge: a shape or a value at which code goes wrong.
    Edge,
    /// A shape of the paper's MNIST networks, worth timing.
    Paper,
}

/// The error that an element may have, in roundings of its magnitude, and the reason.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Multiple of ε · magnitude.
    pub factor: f64,
    /// Why this much.
    pub reason: &'static str,
}

impl Tolerance {
    /// The tolerance of sums of products.
    pub(crate) const PRODUCT: Self = Self {
        factor: 4.0,
        reason: "k roundings of random sign grow like √k; the worst of a million elements is five \
                 standard deviations out",
    };
    /// The tolerance of a few operations on each element.
    pub(crate) const ELEMENTWISE: Self = Self {
        factor: 4.0,
        reason: "a few roundings and two ulp of a sine, a logarithm or an exponential",
    };
    /// The tolerance of objectives and their gradients.
    pub(crate) const LOSS: Self = Self {
        factor: 8.0,
        reason: "an exponential within 2 ulp, a quotient within the 2.5 ulp that WGSL allows, and \
                 a few roundings",
    };
    /// The tolerance of quotients by a norm.
    pub(crate) const NORM: Self = Self {
        factor: 4.0,
        reason: "sums as those of products; a root and quotients within the 2.5 ulp that WGSL \
                 allows",
    };
    /// The tolerance of copies.
    pub(crate) const COPY: Self = Self {
        factor: 0.0,
        reason: "values are copied",
    };
    /// The tolerance of results of small integers.
    const EXACT: Self = Self {
        factor: 0.0,
        reason: "sums of small integers are exact in any order",
    };
}

impl Case {
    pub(crate) const fn new(op: Op, tolerance: Tolerance) -> Self {
        Self {
            op,
            inputs: Inputs::Uniform,
            margin: 0,
            role: Role::Edge,
            tolerance,
        }
    }

    /// Integers, where all that follows the sums is exact as well.
    pub(crate) const fn exact(self) -> Self {
        Self {
            tolerance: Tolerance::EXACT,
            ..self.integers()
        }
    }

    /// Integers where what follows the sums rounds all the same.
    pub(crate) const fn integers(self) -> Self {
        Self {
            inputs: Inputs::Integers,
            ..self
        }
    }

    /// Another factor than the operation's usual one; the row says why.
    pub(crate) const fn factor(mut self, factor: f64) -> Self {
        self.tolerance.factor = factor;
        self
    }

    /// Zeros as activations and masks leave them.
    pub(crate) const fn sparse(self, x: u8, dz: u8) -> Self {
        Self {
            inputs: Inputs::Sparse { x, dz },
            ..self
        }
    }

    pub(crate) const fn paper(self) -> Self {
        Self {
            role: Role::Paper,
            ..self
        }
    }

    pub(crate) const fn margin(self, margin: usize) -> Self {
        Self { margin, ..self }
    }

    /// Floating-point operations of the products in one run; 0 where there is none.
    #[must_use]
    pub fn flop(&self) -> u64 {
        self.op.flop()
    }
}

/// `op/m×n×k/variant`, as benches and reports name it.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.op)?;
        match self.inputs {
            Inputs::Uniform => {}
            Inputs::Integers => write!(f, "+integers")?,
            Inputs::Sparse { x, dz } => {
                for (name, kept) in [("x", x), ("dz", dz)] {
                    if kept < 100 {
                        write!(f, "+{name}{kept}%")?;
                    }
                }
            }
        }
        if self.margin > 0 {
            write!(f, "+margin{}", self.margin)?;
        }
        Ok(())
    }
}

/// The variant of a layer, as a case's name has it.
pub(crate) fn variant(act: Activation, dropout: Option<Dropout>) -> String {
    let act = match act {
        Activation::Identity => "identity".into(),
        Activation::Relu => "relu".into(),
        Activation::LeakyRelu { slope } => format!("leaky{slope}"),
        Activation::Sigmoid => "sigmoid".into(),
        Activation::Tanh => "tanh".into(),
        Activation::Maxout { pieces } => format!("maxout{pieces}"),
    };
    let dropout = if dropout.is_some() { "+dropout" } else { "" };
    format!("{act}{dropout}")
}

pub(crate) const LEAKY: Activation = Activation::LeakyRelu { slope: 0.25 };
pub(crate) const MAXOUT_2: Activation = Activation::Maxout { pieces: 2 };
pub(crate) const MAXOUT_3: Activation = Activation::Maxout { pieces: 3 };
pub(crate) const MAXOUT_5: Activation = Activation::Maxout { pieces: 5 };

/// Dropout of a hidden layer, in the lower half of a stacked minibatch.
pub(crate) const HALF: Dropout = Dropout {
    keep: 0.5,
    scale: 2.0,
    stream: Stream::new(Purpose::Dropout, 1, 2),
    first_row: 100,
};
/// Dropout of an input.
pub(crate) const MOST: Dropout = Dropout {
    keep: 0.8,
    scale: 1.25,
    stream: Stream::new(Purpose::Dropout, 0, 0),
    first_row: 0,
};
