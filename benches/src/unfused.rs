//! The same operations as separate passes: a product by the `gemm` crate, then bias, then
//! activation, then dropout, then the update, each over memory.
//!
//! What fusing is worth; on one thread, with masks drawn as the fused operations draw theirs.

use gan_kernels::Activation;
use gan_kernels::cases::{Case, Op, Shape, linear_bwd_data, linear_bwd_params, linear_fwd};
use gan_kernels::random::{Address, Purpose, Stream, keep_threshold};

/// One operation with its buffers.
pub struct Unfused {
    op: Op,
    a: Vec<f32>,
    b: Vec<f32>,
    product: Vec<f32>,
    result: Vec<f32>,
    winners: Vec<u8>,
    theta: Vec<f32>,
    velocity: Vec<f32>,
    words: Vec<u32>,
}

impl Unfused {
    /// The case as separate passes, if it is a linear operation.
    #[must_use]
    pub fn new(case: &Case) -> Option<Self> {
        // Operands of the product, its result, and what the result becomes.
        let (a, b, product, result) = match case.op {
            Op::LinearFwd(linear_fwd::Call {
                shape: Shape { m, n, k },
                act,
                ..
            }) => {
                let cols = n * act.pieces();
                (m * k, k * cols, m * cols, m * n)
            }
            Op::LinearBwdData(linear_bwd_data::Call {
                shape: Shape { m, n, k },
                act,
                ..
            }) => (m * n, k * n, m * k, m * k * act.pieces()),
            Op::LinearBwdParams(linear_bwd_params::Call {
                shape: Shape { m, n, k },
                ..
            }) => (m * k, m * n, k * n, k * n),
            _ => return None,
        };
        let fill = |len: usize| (0..len).map(|i| (i % 17) as f32 * 0.01 - 0.08).collect();
        Some(Self {
            op: case.op,
            a: fill(a),
            b: fill(b),
            product: vec![0.0; product],
            result: fill(result),
            winners: vec![0; result.max(product)],
            theta: fill(product),
            velocity: vec![0.0; product],
            words: vec![0; result.max(product)],
        })
    }

    /// All passes, once.
    pub fn run(&mut self) {
        match self.op {
            Op::LinearFwd(linear_fwd::Call {
                shape: Shape { m, n, k },
                act,
                dropout,
            }) => {
                let cols = n * act.pieces();
                multiply(
                    m,
                    cols,
                    k,
                    (&self.a, k, 1),
                    (&self.b, cols, 1),
                    &mut self.product,
                );
                let bias = &self.theta[..cols];
                for row in self.product.chunks_exact_mut(cols) {
                    row.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
                }
                self.activate(act);
                if let Some(dropout) = dropout {
                    self.mask(m * n, dropout.keep);
                }
            }
            Op::LinearBwdData(linear_bwd_data::Call {
                shape: Shape { m, n, k },
                act,
                dropout,
            }) => {
                multiply(m, k, n, (&self.a, n, 1), (&self.b, 1, n), &mut self.product);
                if let Some(dropout) = dropout {
                    std::mem::swap(&mut self.product, &mut self.result);
                    self.mask(m * k, dropout.keep);
                    std::mem::swap(&mut self.product, &mut self.result);
                }
                self.differentiate(act);
            }
            Op::LinearBwdParams(linear_bwd_params::Call {
                shape: Shape { m, n, k },
                ..
            }) => {
                multiply(k, n, m, (&self.a, 1, k), (&self.b, n, 1), &mut self.product);
                let (mu, eta) = (0.5, 0.1);
                self.velocity
                    .iter_mut()
                    .zip(&self.product)
                    .for_each(|(v, g)| *v = mu * *v - eta * g);
                self.theta
                    .iter_mut()
                    .zip(&self.velocity)
                    .for_each(|(t, v)| *t += v);
            }
            _ => {}
        }
    }

    fn activate(&mut self, act: Activation) {
        let (z, y) = (&self.product, &mut self.result);
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
        let (g, dz) = (&self.product, &mut self.result);
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

    fn mask(&mut self, len: usize, keep: f64) {
        let address = Address {
            seed: 1,
            stream: Stream::new(Purpose::Dropout, 0, 0),
            step: 0,
        };
        let words = &mut self.words[..len];
        address.fill_words(0, words);
        let (threshold, scale) = (keep_threshold(keep), (1.0 / keep) as f32);
        for (y, &word) in self.result.iter_mut().zip(&*words) {
            *y = if word < threshold { *y * scale } else { 0.0 };
        }
    }
}

/// C = A·B on one thread; each factor with its strides from row to row and column to column.
fn multiply(
    m: usize,
    n: usize,
    k: usize,
    (a, a_row, a_col): (&[f32], usize, usize),
    (b, b_row, b_col): (&[f32], usize, usize),
    c: &mut [f32],
) {
    // SAFETY: the buffers were made for these shapes and strides.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            a_col as isize,
            a_row as isize,
            b.as_ptr(),
            b_col as isize,
            b_row as isize,
            0.0_f32,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
