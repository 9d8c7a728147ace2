//! What a case is, and its name.

use std::fmt;

use crate::{Activation, Dropout, Objective, Penalty, Prior};

/// An operation at one shape in one variant, and how closely it must follow the oracle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// What is computed.
    pub op: Op,
    /// What the operands hold.
    pub inputs: Inputs,
    /// Rows that the operands' matrices have above and below the rows that take part.
    ///
    /// Those of inputs are NaN; those of outputs must not change.
    pub margin: usize,
    /// What the case is for.
    pub role: Role,
    /// How far an element may be off.
    pub tolerance: Tolerance,
}

/// What a [`Case`] computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// [`LinearFwd`](crate::LinearFwd) with m rows, n units and k inputs.
    LinearFwd {
        /// m, n, k.
        shape: Shape,
        /// φ.
        act: Activation,
        /// Dropout of the output.
        dropout: Option<Dropout>,
    },
    /// [`LinearBwdData`](crate::LinearBwdData) with dZ of m × n and k units below.
    LinearBwdData {
        /// m, n, k.
        shape: Shape,
        /// φ of the layer below.
        act: Activation,
        /// Dropout that the layer below applied.
        dropout: Option<Dropout>,
    },
    /// [`LinearBwdParams`](crate::LinearBwdParams) with W of k × n and m rows.
    LinearBwdParams {
        /// m, n, k.
        shape: Shape,
        /// What becomes of the gradient.
        rule: Rule,
        /// Largest norm of a column of W after an update; `Store` has none.
        max_column_norm: Option<f64>,
        /// Whether the norm of the gradient is watched.
        norm: Norm,
        /// What the rows count in the gradient of the bias.
        bias: BiasRows,
    },
    /// [`LogitLoss`](crate::LogitLoss).
    LogitLoss {
        /// m.
        rows: usize,
        /// What the player minimises.
        objective: Objective,
        /// Its factor.
        weight: f64,
    },
    /// [`LinearLogitLoss`](crate::LinearLogitLoss).
    LinearLogitLoss {
        /// m.
        rows: usize,
        /// k.
        inputs: usize,
        /// What the player minimises.
        objective: Objective,
        /// Its factor.
        weight: f64,
        /// φ of the layer below and the dropout that it applied; without, nothing goes below.
        below: Option<(Activation, Option<Dropout>)>,
    },
    /// [`FillLatent`](crate::FillLatent).
    FillLatent {
        /// m.
        rows: usize,
        /// n.
        cols: usize,
        /// p_z.
        prior: Prior,
        /// Row of the address space.
        first_row: usize,
    },
    /// [`GatherRows`](crate::GatherRows).
    GatherRows {
        /// m.
        rows: usize,
        /// N.
        records: usize,
        /// n.
        cols: usize,
        /// How the records are kept.
        kept: Kept,
        /// Iteration.
        step: u64,
        /// Dropout of the rows.
        dropout: Option<Dropout>,
    },
    /// [`Parzen`](crate::Parzen).
    Parzen {
        /// N.
        points: usize,
        /// M.
        samples: usize,
        /// d.
        dim: usize,
        /// Bandwidths.
        sigmas: &'static [f64],
    },
    /// [`Advance`](crate::Advance), seen through an update and a latent that follow it.
    Advance {
        /// Iteration that ends first.
        step: u64,
        /// How often the state advances.
        times: u64,
    },
    /// [`LinearTangent`](crate::LinearTangent) with m rows, n units and k inputs.
    LinearTangent {
        /// m, n, k.
        shape: Shape,
        /// φ.
        act: Activation,
    },
    /// [`InputPenalty`](crate::InputPenalty).
    InputPenalty {
        /// m.
        rows: usize,
        /// d.
        cols: usize,
        /// P.
        penalty: Penalty,
    },
    /// [`Interpolate`](crate::Interpolate).
    Interpolate {
        /// m.
        rows: usize,
        /// n.
        cols: usize,
    },
    /// [`Repack`](crate::Repack).
    Repack {
        /// Rows of X.
        rows: usize,
        /// Length of X's rows.
        from: usize,
        /// Length of Y's rows.
        to: usize,
    },
    /// [`Average`](crate::Average).
    Average {
        /// k.
        rows: usize,
        /// n.
        cols: usize,
        /// β.
        decay: f64,
    },
    /// [`LimitSpectrum`](crate::LimitSpectrum).
    LimitSpectrum {
        /// k.
        rows: usize,
        /// n.
        cols: usize,
        /// Largest singular value.
        limit: f64,
    },
}

/// The letters of a product, as the operation's own table defines them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the minibatch.
    pub m: usize,
    /// Columns.
    pub n: usize,
    /// Inputs.
    pub k: usize,
}

/// What becomes of a parameter's gradient, without the memory it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The gradient is stored.
    Store,
    /// Momentum.
    Momentum,
    /// Adam with moments that have seen some updates.
    Adam,
    /// Adam's first update, from moments that are zero.
    AdamFromZero,
}

/// Whether the squared norm of a gradient is added to a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// It is.
    Watched,
    /// It is not.
    Ignored,
}

/// What the rows of dZ count in the gradient of the bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BiasRows {
    /// One each.
    Alike,
    /// Each its own number.
    Weighted,
}

/// How records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// As bytes under one affine map.
    Bytes,
    /// As bytes under one affine map per record.
    BytesPerRow,
    /// As floats.
    Floats,
}

/// What operands hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inputs {
    /// Uniform on (−1, 1), weights divided by a power of two near √k.
    Uniform,
    /// Integers from −2 to 2: sums are exact, ties and zeros are frequent.
    Integers,
    /// As `Uniform`, but of a layer's input `x` and of `dz` only so many of a hundred values are
    /// other than zero, as after rectifiers, dropout and maxout.
    Sparse {
        /// Of x.
        x: u8,
        /// Of dZ.
        dz: u8,
    },
}

/// What a case is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An edge: a shape or a value at which code goes wrong.
    Edge,
    /// A shape of the paper's MNIST networks, worth timing.
    Paper,
}

/// How far an element may be off, in roundings of its magnitude, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Multiple of ε · magnitude.
    pub factor: f64,
    /// Why this much.
    pub reason: &'static str,
}

impl Case {
    /// Floating-point operations of the products in one run; 0 where there is none.
    #[must_use]
    pub fn flop(&self) -> u64 {
        let product = |m: usize, n: usize, k: usize| 2 * m as u64 * n as u64 * k as u64;
        match self.op {
            Op::LinearFwd { shape, act, .. } | Op::LinearTangent { shape, act } => {
                product(shape.m, shape.n * act.pieces(), shape.k)
            }
            Op::LinearBwdData { shape, .. } | Op::LinearBwdParams { shape, .. } => {
                product(shape.m, shape.n, shape.k)
            }
            Op::LinearLogitLoss {
                rows,
                inputs,
                below,
                ..
            } => product(rows, 1, inputs) * if below.is_some() { 2 } else { 1 },
            Op::Parzen {
                points,
                samples,
                dim,
                ..
            } => product(points, samples, dim),
            Op::LimitSpectrum { rows, cols, .. } => product(2, cols, rows),
            _ => 0,
        }
    }
}

/// `op/m×n×k/variant`, as benches and reports name it.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op {
            Op::LinearFwd {
                shape: Shape { m, n, k },
                act,
                dropout,
            } => {
                let n = n * act.pieces();
                write!(f, "linear_fwd/{m}x{n}x{k}/{}", variant(act, dropout))?;
            }
            Op::LinearBwdData {
                shape: Shape { m, n, k },
                act,
                dropout,
            } => write!(f, "linear_bwd_data/{m}x{n}x{k}/{}", variant(act, dropout))?,
            Op::LinearBwdParams {
                shape: Shape { m, n, k },
                rule,
                max_column_norm,
                norm,
                bias,
            } => {
                write!(f, "linear_bwd_params/{m}x{n}x{k}/{rule:?}")?;
                if let Some(limit) = max_column_norm {
                    write!(f, "+limit{limit}")?;
                }
                if norm == Norm::Watched {
                    write!(f, "+norm")?;
                }
                if bias == BiasRows::Weighted {
                    write!(f, "+bias weights")?;
                }
            }
            Op::LogitLoss {
                rows,
                objective,
                weight,
            } => write!(f, "logit_loss/{rows}x1/{}", loss(objective, weight))?,
            Op::LinearLogitLoss {
                rows,
                inputs,
                objective,
                weight,
                below,
            } => {
                let loss = loss(objective, weight);
                write!(f, "linear_logit_loss/{rows}x1x{inputs}/{loss}")?;
                if let Some((act, dropout)) = below {
                    write!(f, "+{}", variant(act, dropout))?;
                }
            }
            Op::FillLatent {
                rows,
                cols,
                prior,
                first_row,
            } => write!(f, "fill_latent/{rows}x{cols}/{prior:?}+{first_row}")?,
            Op::GatherRows {
                rows,
                records,
                cols,
                kept,
                dropout,
                ..
            } => {
                write!(f, "gather_rows/{rows}x{cols}/{kept:?} of {records}")?;
                if dropout.is_some() {
                    write!(f, "+dropout")?;
                }
            }
            Op::Parzen {
                points,
                samples,
                dim,
                sigmas,
            } => write!(f, "parzen/{points}x{samples}x{dim}/{} sigmas", sigmas.len())?,
            Op::Advance { step, times } => write!(f, "advance/{times}/from step {step}")?,
            Op::LinearTangent {
                shape: Shape { m, n, k },
                act,
            } => {
                let n = n * act.pieces();
                write!(f, "linear_tangent/{m}x{n}x{k}/{}", variant(act, None))?;
            }
            Op::InputPenalty {
                rows,
                cols,
                penalty,
            } => write!(f, "input_penalty/{rows}x{cols}/{}", name(penalty))?,
            Op::Interpolate { rows, cols } => write!(f, "interpolate/{rows}x{cols}")?,
            Op::Repack { rows, from, to } => write!(f, "repack/{rows}x{from}/to {to}")?,
            Op::Average { rows, cols, decay } => write!(f, "average/{rows}x{cols}/decay{decay}")?,
            Op::LimitSpectrum { rows, cols, limit } => {
                write!(f, "limit_spectrum/{rows}x{cols}/limit{limit}")?;
            }
        }
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

fn name(penalty: Penalty) -> String {
    match penalty {
        Penalty::ZeroCentred { data, samples } => format!("zero-centred {data} and {samples}"),
        Penalty::UnitNorm { weight } => format!("unit norm {weight}"),
    }
}

fn loss(objective: Objective, weight: f64) -> String {
    if weight == 1.0 {
        format!("{objective:?}")
    } else {
        format!("{objective:?}+weight{weight}")
    }
}

fn variant(act: Activation, dropout: Option<Dropout>) -> String {
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
