//! The table itself.

use super::{BiasRows, Case, Inputs, Kept, Norm, Op, Role, Rule, Shape, Tolerance};
use crate::random::{Purpose, Stream};
use crate::{Activation, Dropout, Objective, Penalty, Prior};

use Activation::{Identity, LeakyRelu, Maxout, Relu, Sigmoid, Tanh};

/// All cases: of each operation first the edges, then the shapes of the paper's MNIST networks.
pub const CASES: &[Case] = &[
    // Forward.
    fwd(7, 13, 11, Identity),
    fwd(7, 13, 11, Relu).exact(),
    fwd(7, 13, 11, LEAKY).exact(),
    fwd(7, 13, 11, Sigmoid),
    fwd(7, 13, 11, Tanh),
    fwd(7, 13, 11, MAXOUT_2).exact(),
    fwd(7, 13, 11, MAXOUT_3).exact(),
    fwd(7, 13, 11, MAXOUT_5).exact(),
    fwd(7, 13, 11, MAXOUT_5),
    fwd(5, 3, 2, Maxout { pieces: 255 }),
    fwd(1, 13, 11, Relu),
    fwd(7, 1, 11, Identity),
    fwd(7, 13, 1, Tanh),
    fwd(1, 1, 1, Sigmoid),
    fwd(1, 1, 5, MAXOUT_2).exact(),
    fwd(11, 17, 5, Identity).drop(HALF),
    fwd(11, 17, 5, Relu).drop(HALF).exact(),
    fwd(11, 19, 5, Sigmoid).drop(MOST),
    fwd(11, 35, 5, Tanh).drop(MOST).margin(3),
    fwd(11, 9, 5, MAXOUT_5).drop(HALF).exact(),
    fwd(11, 9, 5, MAXOUT_3).drop(HALF).margin(2),
    // Several blocks of rows, several strips, several passes over the depth.
    fwd(131, 7, 37, MAXOUT_5).exact(),
    fwd(131, 97, 37, LEAKY).drop(MOST),
    fwd(13, 37, 7001, Relu),
    fwd(101, 19, 3079, Identity).exact(),
    fwd(29, 5, 6151, MAXOUT_3).margin(1),
    // Zeros enough to leave them out.
    fwd(131, 97, 370, LEAKY).sparse(50, 100),
    fwd(200, 60, 150, MAXOUT_5)
        .drop(HALF)
        .sparse(30, 100)
        .margin(1),
    fwd(100, 1200, 100, Relu).paper(),
    fwd(100, 1200, 1200, Relu).paper(),
    fwd(100, 784, 1200, Sigmoid).drop(MOST).paper(),
    fwd(200, 240, 784, MAXOUT_5).drop(HALF).paper(),
    fwd(200, 240, 240, MAXOUT_5).drop(HALF).paper(),
    fwd(200, 1, 240, Identity).paper(),
    // Backward to the layer below.
    data(7, 11, 13, Identity),
    data(7, 11, 13, Relu).exact(),
    data(7, 11, 13, LEAKY).exact(),
    data(7, 11, 13, Sigmoid),
    data(7, 11, 13, Tanh),
    data(7, 11, 13, MAXOUT_2).exact(),
    data(7, 11, 13, MAXOUT_3),
    data(7, 11, 13, MAXOUT_5),
    data(5, 2, 3, Maxout { pieces: 255 }),
    data(1, 11, 13, Relu),
    data(7, 1, 13, MAXOUT_5),
    data(7, 11, 1, Tanh),
    data(1, 1, 1, Sigmoid),
    data(11, 5, 17, Identity).drop(HALF),
    data(11, 5, 17, Relu).drop(HALF).exact(),
    data(11, 5, 19, Sigmoid).drop(MOST),
    data(11, 5, 35, Tanh).drop(MOST).margin(3),
    data(11, 5, 9, LEAKY).drop(MOST).margin(1),
    data(11, 5, 9, MAXOUT_5).drop(HALF).exact().margin(2),
    data(131, 37, 97, LEAKY).drop(MOST),
    data(13, 7001, 37, Relu),
    data(101, 3079, 19, Identity).exact(),
    data(29, 6151, 5, MAXOUT_3).margin(1),
    data(131, 370, 97, Tanh).sparse(100, 10).margin(2),
    data(200, 150, 300, MAXOUT_5).drop(HALF).sparse(100, 50),
    data(100, 1200, 1200, Relu).paper(),
    data(100, 784, 1200, Relu).paper(),
    data(200, 1, 240, MAXOUT_5).drop(HALF).paper(),
    data(200, 1200, 240, MAXOUT_5).drop(HALF).paper(),
    data(100, 1200, 784, Sigmoid).drop(MOST).paper(),
    // Gradient of the parameters and their update.
    params(7, 13, 11, Rule::Store),
    params(7, 13, 11, Rule::Store).norm().exact(),
    params(7, 13, 11, Rule::Momentum).norm(),
    params(7, 13, 11, Rule::Adam).norm(),
    params(7, 13, 11, Rule::AdamFromZero),
    params(1, 13, 11, Rule::Momentum),
    params(7, 1, 11, Rule::Adam).norm(),
    params(7, 13, 1, Rule::Momentum).norm(),
    params(1, 1, 1, Rule::Adam),
    params(19, 5, 17, Rule::Momentum)
        .limit(1.9365)
        .norm()
        .margin(3),
    params(19, 5, 17, Rule::Momentum).limit(0.25),
    params(19, 5, 17, Rule::Momentum).limit(1e9),
    params(19, 47, 23, Rule::Adam).limit(2.7).norm().margin(1),
    params(37, 97, 131, Rule::Momentum).norm(),
    params(37, 97, 131, Rule::Momentum).limit(6.6).norm(),
    params(7001, 37, 13, Rule::Adam).norm(),
    params(3079, 19, 101, Rule::Store).norm().exact(),
    params(6151, 5, 29, Rule::Momentum).limit(3.0).margin(1),
    params(150, 330, 131, Rule::Adam)
        .norm()
        .sparse(80, 10)
        .margin(1),
    params(150, 331, 130, Rule::Momentum).norm().sparse(20, 100),
    params(100, 1200, 100, Rule::Momentum).norm().paper(),
    params(100, 1200, 1200, Rule::Momentum).norm().paper(),
    params(100, 784, 1200, Rule::Momentum).norm().paper(),
    params(200, 1200, 784, Rule::Momentum).norm().paper(),
    params(200, 1200, 240, Rule::Momentum)
        .limit(1.9365)
        .norm()
        .paper(),
    params(200, 1, 240, Rule::Momentum).norm().paper(),
    params(200, 1200, 784, Rule::Adam).norm().paper(),
    // The bias's rows count differently.
    params(7, 13, 11, Rule::Store).norm().weighted().exact(),
    params(7, 13, 11, Rule::Adam).norm().weighted().margin(2),
    params(7, 1, 12, Rule::Momentum).norm().weighted(),
    params(1, 1, 1, Rule::Store).weighted(),
    params(19, 47, 23, Rule::Adam)
        .limit(2.7)
        .norm()
        .weighted()
        .margin(1),
    params(37, 97, 131, Rule::Momentum).norm().weighted(),
    params(3079, 19, 101, Rule::Store).weighted().exact(),
    params(300, 1200, 784, Rule::Adam).norm().weighted().paper(),
    // Objectives.
    loss(2, Objective::Discriminator),
    loss(46, Objective::Discriminator).weight(0.5),
    loss(62, Objective::Discriminator).margin(2),
    loss(1, Objective::Minimax),
    loss(61, Objective::Minimax),
    loss(1, Objective::NonSaturating),
    loss(61, Objective::NonSaturating).margin(1),
    loss(200, Objective::Discriminator).weight(0.5).paper(),
    loss(100, Objective::Minimax).paper(),
    loss(100, Objective::NonSaturating).paper(),
    loss(2, Objective::RelativisticDiscriminator),
    loss(62, Objective::RelativisticDiscriminator).margin(1),
    loss(46, Objective::RelativisticGenerator),
    loss(2, Objective::RelativisticGenerator).margin(2),
    loss(62, Objective::HingeDiscriminator).margin(1),
    // Every second logit is at a kink or at zero.
    loss(46, Objective::HingeDiscriminator).integers(),
    loss(46, Objective::LeastSquaresDiscriminator),
    loss(61, Objective::LeastSquaresGenerator).margin(2),
    loss(62, Objective::WassersteinDiscriminator),
    loss(46, Objective::WassersteinDiscriminator).integers(),
    loss(61, Objective::WassersteinGenerator),
    loss(200, Objective::RelativisticDiscriminator).paper(),
    loss(200, Objective::RelativisticGenerator).paper(),
    loss(200, Objective::HingeDiscriminator).paper(),
    // The same behind the layer that computes the logits, and back to the layer below.
    head(2, 1, Objective::Discriminator),
    head(46, 13, Objective::Discriminator).weight(0.5),
    head(1, 131, Objective::Minimax),
    head(61, 3, Objective::NonSaturating).margin(1),
    head(13, 1, Objective::NonSaturating).below(Relu),
    head(7, 11, Objective::Minimax).below(Identity),
    head(30, 17, Objective::Discriminator).below(LEAKY),
    head(6, 129, Objective::Discriminator).below(Sigmoid),
    head(9, 6, Objective::NonSaturating).below(Tanh),
    head(11, 5, Objective::Minimax).below(MAXOUT_3),
    head(22, 35, Objective::Discriminator)
        .weight(0.5)
        .below(Tanh)
        .drop(MOST)
        .margin(3),
    head(11, 19, Objective::NonSaturating)
        .below(Relu)
        .drop(HALF),
    head(10, 9, Objective::Discriminator)
        .below(MAXOUT_5)
        .drop(HALF)
        .margin(2),
    head(3, 3079, Objective::Minimax).below(MAXOUT_2),
    head(200, 240, Objective::Discriminator)
        .weight(0.5)
        .below(MAXOUT_5)
        .drop(HALF)
        .paper(),
    head(100, 240, Objective::NonSaturating)
        .below(MAXOUT_5)
        .drop(HALF)
        .paper(),
    head(2, 1, Objective::RelativisticDiscriminator),
    head(46, 13, Objective::RelativisticDiscriminator)
        .below(LEAKY)
        .margin(3),
    head(30, 37, Objective::RelativisticGenerator)
        .below(MAXOUT_3)
        .drop(HALF),
    head(62, 5, Objective::HingeDiscriminator).below(Relu),
    head(46, 3, Objective::HingeDiscriminator)
        .below(Relu)
        .integers(),
    head(22, 35, Objective::LeastSquaresDiscriminator).below(Tanh),
    head(13, 9, Objective::LeastSquaresGenerator)
        .below(Relu)
        .margin(1),
    head(10, 131, Objective::WassersteinDiscriminator).below(LEAKY),
    head(7, 11, Objective::WassersteinGenerator).below(MAXOUT_5),
    head(200, 240, Objective::RelativisticDiscriminator)
        .below(MAXOUT_5)
        .paper(),
    head(200, 240, Objective::RelativisticGenerator)
        .below(LEAKY)
        .paper(),
    // Latents.
    latent(7, 13, Prior::Uniform),
    latent(7, 13, Prior::Normal),
    latent(7, 13, Prior::Spherical),
    latent(5, 1, Prior::Uniform),
    latent(5, 1, Prior::Normal),
    latent(5, 1, Prior::Spherical),
    latent(3, 131, Prior::Normal).margin(2),
    latent(3, 67, Prior::Spherical).first_row(12_345),
    latent(101, 43, Prior::Uniform).first_row(1_000_000),
    latent(100, 100, Prior::Uniform).paper(),
    latent(100, 100, Prior::Normal).paper(),
    latent(100, 100, Prior::Spherical).paper(),
    // Minibatches.
    gather(7, 19, 13, Kept::Bytes),
    gather(7, 19, 13, Kept::BytesPerRow),
    gather(7, 19, 13, Kept::Floats),
    gather(7, 19, 13, Kept::Floats).step(1_000_003),
    gather(47, 19, 3, Kept::Floats).step(2).margin(2),
    gather(5, 1, 1, Kept::Floats),
    gather(11, 19, 37, Kept::BytesPerRow).drop(HALF),
    gather(101, 307, 53, Kept::Floats).drop(MOST).step(8),
    gather(100, 5000, 784, Kept::Bytes).paper(),
    gather(100, 5000, 784, Kept::Bytes).drop(MOST).paper(),
    // Log-likelihoods.
    parzen(7, 13, 11, &[0.3]),
    parzen(7, 13, 11, &[0.1, 0.2154, 1.0]),
    parzen(1, 13, 11, &[0.5]),
    parzen(7, 1, 11, &[0.1668, 3.0]),
    parzen(7, 13, 1, &[0.01, 0.3]),
    parzen(1, 1, 1, &[1.0]),
    parzen(101, 131, 37, &[0.05, 0.1, 0.2, 0.4, 0.8]).margin(2),
    // The sums of 6,151 squares round as well, on both sides.
    parzen(3, 19, 6151, &[0.3]).factor(16.0),
    parzen(211, 503, 784, &[0.1668]),
    parzen(200, 1000, 784, TEN_SIGMAS).paper(),
    // The iteration's own numbers.
    advance(0, 1),
    advance(5, 7),
    advance(40, 30),
    // Changes of a layer along a direction.
    tangent(7, 13, 11, Identity),
    tangent(7, 13, 11, Relu).exact(),
    tangent(7, 13, 11, LEAKY).exact(),
    tangent(7, 13, 11, Sigmoid),
    tangent(7, 13, 11, Tanh),
    tangent(7, 13, 11, MAXOUT_2).exact(),
    tangent(7, 13, 11, MAXOUT_3).exact(),
    tangent(7, 13, 11, MAXOUT_5).exact(),
    tangent(7, 13, 11, MAXOUT_5).margin(2),
    tangent(5, 3, 2, Maxout { pieces: 255 }),
    tangent(1, 13, 11, Relu),
    tangent(7, 1, 11, Identity),
    tangent(7, 13, 1, Tanh).margin(3),
    tangent(1, 1, 1, Sigmoid),
    tangent(1, 1, 5, MAXOUT_2).exact(),
    tangent(131, 7, 37, MAXOUT_5).exact(),
    tangent(131, 97, 37, LEAKY).margin(1),
    tangent(13, 37, 7001, Relu),
    tangent(29, 5, 6151, MAXOUT_3).margin(1),
    tangent(131, 97, 370, Tanh).sparse(40, 100),
    tangent(300, 240, 784, MAXOUT_5).paper(),
    tangent(300, 1200, 784, LEAKY).paper(),
    tangent(300, 1, 240, Identity).paper(),
    // Penalties on D's gradient by its input.
    penalty(6, 13, R1),
    penalty(6, 13, R2).margin(2),
    penalty(46, 37, R1_AND_R2),
    // A mean over eight rows with γ of 8 and 4: all sums are exact.
    penalty(16, 13, R1_AND_R2).exact(),
    penalty(2, 1, R1_AND_R2),
    penalty(22, 131, NO_PENALTY).margin(1),
    penalty(9, 13, UNIT),
    penalty(3, 1, UNIT),
    penalty(51, 37, UNIT).margin(2),
    penalty(6, 3079, UNIT),
    penalty(10, 6151, R1),
    penalty(200, 784, R1_AND_R2).paper(),
    penalty(300, 784, UNIT).paper(),
    // Points between data and samples.
    between(7, 13),
    between(1, 1),
    between(11, 67).margin(3),
    between(5, 259).margin(1),
    between(100, 784).paper(),
    // Rows of another length, both ways and where neither length divides the other.
    repack(12, 5, 15),
    repack(4, 15, 5).margin(2),
    repack(6, 35, 21).margin(1),
    repack(10, 21, 35),
    repack(9, 1, 3),
    repack(3, 4, 1).margin(3),
    repack(1, 7, 7),
    repack(200, 784, 1568).paper(),
    repack(100, 1568, 784).paper(),
    // Running means of parameters.
    average(7, 13, 0.999),
    average(1, 1, 0.5),
    average(13, 67, 0.9),
    average(131, 3, 0.0),
    // Halves of small integers are exact.
    average(11, 7, 0.5).exact(),
    average(784, 1200, 0.999).paper(),
    // Limits below the largest singular value and above it.
    spectrum(13, 11, 0.5),
    spectrum(13, 11, 1e3),
    spectrum(1, 7, 0.125),
    spectrum(7, 1, 0.25),
    spectrum(1, 1, 1e-3),
    spectrum(37, 131, 0.75),
    spectrum(259, 67, 1e3),
    spectrum(3079, 5, 0.25),
    spectrum(784, 1200, 1.0).paper(),
    spectrum(240, 1, 1.0).paper(),
];

/// On data alone, on samples alone, on both, and on neither.
const R1: Penalty = zero_centred(10.0, 0.0);
const R2: Penalty = zero_centred(0.0, 0.7);
const R1_AND_R2: Penalty = zero_centred(8.0, 4.0);
const NO_PENALTY: Penalty = zero_centred(0.0, 0.0);
const UNIT: Penalty = Penalty::UnitNorm { weight: 10.0 };

const fn zero_centred(data: f64, samples: f64) -> Penalty {
    Penalty::ZeroCentred { data, samples }
}

const LEAKY: Activation = LeakyRelu { slope: 0.25 };
const MAXOUT_2: Activation = Maxout { pieces: 2 };
const MAXOUT_3: Activation = Maxout { pieces: 3 };
const MAXOUT_5: Activation = Maxout { pieces: 5 };

/// Dropout of a hidden layer, in the lower half of a stacked minibatch.
const HALF: Dropout = Dropout {
    keep: 0.5,
    scale: 2.0,
    stream: Stream::new(Purpose::Dropout, 1, 2),
    first_row: 100,
};
/// Dropout of an input.
const MOST: Dropout = Dropout {
    keep: 0.8,
    scale: 1.25,
    stream: Stream::new(Purpose::Dropout, 0, 0),
    first_row: 0,
};
/// The paper's bandwidths: 10 from 0.1 to 1, equally spaced in the logarithm.
const TEN_SIGMAS: &[f64] = &[
    0.1, 0.129_155, 0.166_810, 0.215_443, 0.278_256, 0.359_381, 0.464_159, 0.599_484, 0.774_264,
    1.0,
];

const PRODUCT: Tolerance = Tolerance {
    factor: 4.0,
    reason: "k roundings of random sign grow like √k; the worst of a million elements is five \
             standard deviations out",
};
const ELEMENTWISE: Tolerance = Tolerance {
    factor: 4.0,
    reason: "a few roundings and two ulp of a sine, a logarithm or an exponential",
};
const LOSS: Tolerance = Tolerance {
    factor: 8.0,
    reason: "an exponential within 2 ulp, a quotient within the 2.5 ulp that WGSL allows, and a few \
             roundings",
};
const NORM: Tolerance = Tolerance {
    factor: 4.0,
    reason: "sums as those of products; a root and quotients within the 2.5 ulp that WGSL allows",
};
const COPY: Tolerance = Tolerance {
    factor: 0.0,
    reason: "values are copied",
};
const EXACT: Tolerance = Tolerance {
    factor: 0.0,
    reason: "sums of small integers are exact in any order",
};

const fn case(op: Op, tolerance: Tolerance) -> Case {
    Case {
        op,
        inputs: Inputs::Uniform,
        margin: 0,
        role: Role::Edge,
        tolerance,
    }
}

const fn fwd(m: usize, n: usize, k: usize, act: Activation) -> Case {
    let op = Op::LinearFwd {
        shape: Shape { m, n, k },
        act,
        dropout: None,
    };
    case(op, PRODUCT)
}

const fn data(m: usize, n: usize, k: usize, act: Activation) -> Case {
    let op = Op::LinearBwdData {
        shape: Shape { m, n, k },
        act,
        dropout: None,
    };
    case(op, PRODUCT)
}

const fn params(m: usize, n: usize, k: usize, rule: Rule) -> Case {
    let op = Op::LinearBwdParams {
        shape: Shape { m, n, k },
        rule,
        max_column_norm: None,
        norm: Norm::Ignored,
        bias: BiasRows::Alike,
    };
    case(op, PRODUCT)
}

const fn loss(rows: usize, objective: Objective) -> Case {
    let op = Op::LogitLoss {
        rows,
        objective,
        weight: 1.0,
    };
    case(op, LOSS)
}

const fn head(rows: usize, inputs: usize, objective: Objective) -> Case {
    let op = Op::LinearLogitLoss {
        rows,
        inputs,
        objective,
        weight: 1.0,
        below: None,
    };
    case(op, LOSS)
}

const fn latent(rows: usize, cols: usize, prior: Prior) -> Case {
    let op = Op::FillLatent {
        rows,
        cols,
        prior,
        first_row: 0,
    };
    case(op, ELEMENTWISE)
}

const fn gather(rows: usize, records: usize, cols: usize, kept: Kept) -> Case {
    let op = Op::GatherRows {
        rows,
        records,
        cols,
        kept,
        step: 0,
        dropout: None,
    };
    case(op, ELEMENTWISE)
}

const fn parzen(points: usize, samples: usize, dim: usize, sigmas: &'static [f64]) -> Case {
    let op = Op::Parzen {
        points,
        samples,
        dim,
        sigmas,
    };
    case(op, PRODUCT)
}

const fn advance(step: u64, times: u64) -> Case {
    case(Op::Advance { step, times }, ELEMENTWISE)
}

const fn tangent(m: usize, n: usize, k: usize, act: Activation) -> Case {
    let shape = Shape { m, n, k };
    case(Op::LinearTangent { shape, act }, PRODUCT)
}

const fn penalty(rows: usize, cols: usize, penalty: Penalty) -> Case {
    let op = Op::InputPenalty {
        rows,
        cols,
        penalty,
    };
    case(op, NORM)
}

const fn between(rows: usize, cols: usize) -> Case {
    case(Op::Interpolate { rows, cols }, ELEMENTWISE)
}

const fn repack(rows: usize, from: usize, to: usize) -> Case {
    case(Op::Repack { rows, from, to }, COPY)
}

const fn average(rows: usize, cols: usize, decay: f64) -> Case {
    case(Op::Average { rows, cols, decay }, ELEMENTWISE)
}

const fn spectrum(rows: usize, cols: usize, limit: f64) -> Case {
    case(Op::LimitSpectrum { rows, cols, limit }, NORM)
}

impl Case {
    const fn exact(self) -> Self {
        Self {
            inputs: Inputs::Integers,
            tolerance: EXACT,
            ..self
        }
    }

    /// Integers where what follows the sums rounds all the same.
    const fn integers(self) -> Self {
        Self {
            inputs: Inputs::Integers,
            ..self
        }
    }

    /// Another factor than the operation's usual one; the row says why.
    const fn factor(mut self, factor: f64) -> Self {
        self.tolerance.factor = factor;
        self
    }

    /// Zeros as activations and masks leave them.
    const fn sparse(self, x: u8, dz: u8) -> Self {
        Self {
            inputs: Inputs::Sparse { x, dz },
            ..self
        }
    }

    const fn paper(self) -> Self {
        Self {
            role: Role::Paper,
            ..self
        }
    }

    const fn margin(self, margin: usize) -> Self {
        Self { margin, ..self }
    }

    const fn drop(mut self, mask: Dropout) -> Self {
        if let Op::LinearFwd { dropout, .. }
        | Op::LinearBwdData { dropout, .. }
        | Op::GatherRows { dropout, .. }
        | Op::LinearLogitLoss {
            below: Some((_, dropout)),
            ..
        } = &mut self.op
        {
            *dropout = Some(mask);
        }
        self
    }

    const fn weight(mut self, factor: f64) -> Self {
        if let Op::LogitLoss { weight, .. } | Op::LinearLogitLoss { weight, .. } = &mut self.op {
            *weight = factor;
        }
        self
    }

    const fn below(mut self, act: Activation) -> Self {
        if let Op::LinearLogitLoss { below, .. } = &mut self.op {
            *below = Some((act, None));
        }
        self
    }

    const fn limit(mut self, limit: f64) -> Self {
        if let Op::LinearBwdParams {
            max_column_norm, ..
        } = &mut self.op
        {
            *max_column_norm = Some(limit);
        }
        self
    }

    const fn norm(mut self) -> Self {
        if let Op::LinearBwdParams { norm, .. } = &mut self.op {
            *norm = Norm::Watched;
        }
        self
    }

    const fn weighted(mut self) -> Self {
        if let Op::LinearBwdParams { bias, .. } = &mut self.op {
            *bias = BiasRows::Weighted;
        }
        self
    }

    const fn first_row(mut self, row: usize) -> Self {
        if let Op::FillLatent { first_row, .. } = &mut self.op {
            *first_row = row;
        }
        self
    }

    const fn step(mut self, at: u64) -> Self {
        if let Op::GatherRows { step, .. } = &mut self.op {
            *step = at;
        }
        self
    }
}
