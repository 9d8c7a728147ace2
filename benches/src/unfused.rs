//! The same operations as separate passes: a product by the `gemm` crate, then bias, then
//! activation, then dropout, then the update, each over memory.
//!
//! This measures what fusing is worth: on one thread, with masks drawn as the fused operations draw
//! theirs.

use gan_kernels::cases::{Case, Op, linear_bwd_data, linear_fwd};
use gan_kernels::random::{Address, Purpose, Stream, keep_threshold};
use gan_kernels::{Activation, Dropout};

use crate::products::Product;

/// One linear operation with its buffers.
pub(crate) struct Unfused {
    op: Op,
    product: Product,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    /// What the product becomes: Y, or dZ of the layer below.
    result: Vec<f32>,
    winners: Vec<u8>,
    /// The bias of a forward pass, or the parameters that are updated.
    theta: Vec<f32>,
    velocity: Vec<f32>,
    words: Vec<u32>,
}

impl Unfused {
    /// The case as separate passes, if it is a linear operation.
    pub(crate) fn new(case: &Case) -> Option<Self> {
        let product = Product::of(case)?;
        let Product { m, n, k, .. } = product;
        let result = match case.op {
            Op::LinearFwd(linear_fwd::Call { act, .. }) => m * n / act.pieces(),
            Op::LinearBwdData(linear_bwd_data::Call { act, .. }) => m * n * act.pieces(),
            _ => 0,
        };
        let fill = |len: usize| (0..len).map(|i| (i % 17) as f32 * 0.01 - 0.08).collect();
        Some(Self {
            op: case.op,
            product,
            a: fill(m * k),
            b: fill(k * n),
            c: vec![0.0; m * n],
            result: fill(result),
            winners: vec![0; m * n],
            theta: fill(m * n),
            velocity: vec![0.0; m * n],
            words: vec![0; m * n],
        })
    }

    /// All passes, once.
    pub(crate) fn run(&mut self) {
        self.product.by_gemm(&self.a, &self.b, &mut self.c);
        match self.op {
            Op::LinearFwd(linear_fwd::Call { act, dropout, .. }) => {
                let bias = &self.theta[..self.product.n];
                for row in self.c.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
                }
                self.activate(act);
                mask(dropout, &mut self.result, &mut self.words);
            }
            Op::LinearBwdData(linear_bwd_data::Call { act, dropout, .. }) => {
                mask(dropout, &mut self.c, &mut self.words);
                self.differentiate(act);
            }
            _ => self.update(),
        }
    }

    fn activate(&mut self, act: Activation) {
        let (z, y) = (&self.c, &mut self.result);
        match act {
            Activation::Relu => y.iter_mut().zip(z).for_each(|(y, z)| *y = z.max(0.0)),
            Activation::Sigmoid => {
                y.iter_mut()
                    .zip(z)
                    .for_each(|(y, z)| *y = 1.0 / (1.0 + (-z).exp()));
            }
            Activation::Maxout { pieces } => {
                let units = z.chunks_exact(pieces).zip(y).zip(&mut self.winners);
                for ((z, y), winner) in units {
                    (*y, *winner) = (z[0], 0);
                    for (piece, &z) in z.iter().enumerate().skip(1) {
                        if z > *y {
                            (*y, *winner) = (z, piece as u8);
                        }
                    }
                }
            }
            _ => y.copy_from_slice(z),
        }
    }

    fn differentiate(&mut self, act: Activation) {
        let (g, dz) = (&self.c, &mut self.result);
        match act {
            Activation::Maxout { pieces } => {
                dz.fill(0.0);
                for (unit, (g, &winner)) in g.iter().zip(&self.winners).enumerate() {
                    dz[unit * pieces + usize::from(winner)] = *g;
                }
            }
            Activation::Sigmoid => {
                dz.iter_mut()
                    .zip(g)
                    .for_each(|(dz, g)| *dz = g * *dz * (1.0 - *dz));
            }
            _ => dz
                .iter_mut()
                .zip(g)
                .for_each(|(dz, g)| *dz = if *dz > 0.0 { *g } else { 0.0 }),
        }
    }

    /// A step with momentum.
    fn update(&mut self) {
        let (momentum, rate) = (0.5, 0.1);
        let velocities = self.velocity.iter_mut().zip(&self.c);
        velocities.for_each(|(v, g)| *v = momentum * *v - rate * g);
        let parameters = self.theta.iter_mut().zip(&self.velocity);
        parameters.for_each(|(theta, v)| *theta += v);
    }
}

fn mask(dropout: Option<Dropout>, values: &mut [f32], words: &mut [u32]) {
    let Some(Dropout { keep, .. }) = dropout else {
        return;
    };
    let address = Address {
        seed: 1,
        stream: Stream::new(Purpose::Dropout, 0, 0),
        step: 0,
    };
    let words = &mut words[..values.len()];
    address.fill_words(0, words);
    let (threshold, scale) = (keep_threshold(keep), (1.0 / keep) as f32);
    for (value, &word) in values.iter_mut().zip(&*words) {
        *value = if word < threshold {
            *value * scale
        } else {
            0.0
        };
    }
}
