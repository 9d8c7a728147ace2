//! Matrix products without anything fused: the ones that an iteration's operations contain, the
//! check that any library's product passes before it is timed, and the products of this library and
//! of two crates.

use anyhow::{Result, ensure};
use gan_kernels::cases::{Case, Op, linear_bwd_data, linear_bwd_params, linear_fwd};
use gan_kernels::{Backend, LinearFwd, Matrix, StepState};

/// Multiply-adds of a check, half a second of them; more than any product of an iteration has.
const CHECKED: usize = 1 << 29;

/// C = A·B with C of m × n and a depth of k; all of it row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Columns of A and rows of B.
    pub k: usize,
    /// How A and B lie in memory.
    pub factors: Factors,
}

/// How the factors of a product lie in memory, in BLAS's letters: `n` as they are multiplied, `t`
/// transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factors {
    /// X·W of a forward pass.
    Nn,
    /// dZ·Wᵀ of a gradient of data.
    Nt,
    /// Xᵀ·dZ of a gradient of parameters.
    Tn,
}

impl Factors {
    /// BLAS's letters.
    pub(crate) fn letters(self) -> &'static str {
        match self {
            Self::Nn => "nn",
            Self::Nt => "nt",
            Self::Tn => "tn",
        }
    }
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { m, n, k, factors } = self;
        write!(f, "{m} × {n} × {k} {}", factors.letters())
    }
}

impl Product {
    /// The product that a linear operation contains.
    pub(crate) fn of(case: &Case) -> Option<Self> {
        let (m, n, k, factors) = match case.op {
            Op::LinearFwd(linear_fwd::Call { shape, act, .. }) => {
                (shape.m, shape.n * act.pieces(), shape.k, Factors::Nn)
            }
            Op::LinearBwdData(linear_bwd_data::Call { shape, .. }) => {
                (shape.m, shape.k, shape.n, Factors::Nt)
            }
            Op::LinearBwdParams(linear_bwd_params::Call { shape, .. }) => {
                (shape.k, shape.n, shape.m, Factors::Tn)
            }
            _ => return None,
        };
        Some(Self { m, n, k, factors })
    }

    /// The product of two square matrices.
    pub(crate) fn square(side: usize) -> Self {
        Self {
            m: side,
            n: side,
            k: side,
            factors: Factors::Nn,
        }
    }

    /// Two per multiply-add.
    pub(crate) fn flop(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64
    }

    /// Steps from row to row and from column to column of A.
    pub(crate) fn strides_of_a(&self) -> [usize; 2] {
        match self.factors {
            Factors::Tn => [1, self.m],
            _ => [self.k, 1],
        }
    }

    /// Steps from row to row and from column to column of B.
    pub(crate) fn strides_of_b(&self) -> [usize; 2] {
        match self.factors {
            Factors::Nt => [1, self.k],
            _ => [self.n, 1],
        }
    }

    /// Values of A and B, in the order of memory: ±1/64 to ±1, none of them 0.
    ///
    /// They are the same in every precision, and sums of their products are exact in f32 up to a
    /// depth of 4096 and, unless signs conspire, beyond: so an error shows as a difference.
    pub(crate) fn values(&self) -> [Vec<f32>; 2] {
        [(self.m * self.k, 0), (self.k * self.n, 1 << 20)].map(|(len, first)| {
            let words = (first..first + len).map(|i| (i as u32).wrapping_mul(2_654_435_761) >> 25);
            words
                .map(|word| (if word < 64 { 1 } else { -128 } + word as i32) as f32 / 64.0)
                .collect()
        })
    }

    /// Rows of A·B by plain loops in f64, all of them or, of large products, some at equal distances.
    pub(crate) fn expected(&self, a: &[f32], b: &[f32]) -> Vec<f64> {
        let ([a_row, a_col], [b_row, b_col]) = (self.strides_of_a(), self.strides_of_b());
        let mut rows = Vec::new();
        for i in (0..self.m).step_by(self.step()) {
            let mut row = vec![0.0; self.n];
            for l in 0..self.k {
                let a = f64::from(a[i * a_row + l * a_col]);
                let sums = row.iter_mut().enumerate();
                sums.for_each(|(j, sum)| *sum += a * f64::from(b[l * b_row + j * b_col]));
            }
            rows.extend(row);
        }
        rows
    }

    /// Compares the rows of C with those that are [`expected`](Self::expected).
    pub(crate) fn check(&self, expected: &[f64], c: &[f32]) -> Result<()> {
        let rows = (0..self.m).step_by(self.step());
        for (i, row) in rows.zip(expected.chunks_exact(self.n)) {
            for (j, &expected) in row.iter().enumerate() {
                let found = c[i * self.n + j];
                ensure!(
                    f64::from(found) == expected,
                    "the product {self} is wrong in row {i}, column {j}: found {found}, expected \
                     {expected}"
                );
            }
        }
        Ok(())
    }

    /// The distance from one row that is checked to the next.
    fn step(&self) -> usize {
        self.m * self.n * self.k / CHECKED + 1
    }

    /// C by the crate `gemm`, on one thread; panics if a matrix has another size.
    pub(crate) fn by_gemm(&self, a: &[f32], b: &[f32], c: &mut [f32]) {
        let [[a_row, a_col], [b_row, b_col]] = self.checked_strides(a, b, c);
        // SAFETY: the strides stay within the matrices, whose sizes were checked.
        unsafe {
            #[rustfmt::skip]
            gemm::gemm(
                self.m, self.n, self.k,
                c.as_mut_ptr(), 1, self.n as isize, false,
                a.as_ptr(), a_col, a_row,
                b.as_ptr(), b_col, b_row,
                0.0_f32, 1.0, false, false, false, gemm::Parallelism::None,
            );
        }
    }

    /// C by the crate `matrixmultiply`, on one thread; panics if a matrix has another size.
    pub(crate) fn by_matrixmultiply(&self, a: &[f32], b: &[f32], c: &mut [f32]) {
        let [[a_row, a_col], [b_row, b_col]] = self.checked_strides(a, b, c);
        // SAFETY: the strides stay within the matrices, whose sizes were checked.
        unsafe {
            #[rustfmt::skip]
            matrixmultiply::sgemm(
                self.m, self.k, self.n,
                1.0, a.as_ptr(), a_row, a_col,
                b.as_ptr(), b_row, b_col,
                0.0, c.as_mut_ptr(), self.n as isize, 1,
            );
        }
    }

    fn checked_strides(&self, a: &[f32], b: &[f32], c: &[f32]) -> [[isize; 2]; 2] {
        let Self { m, n, k, .. } = *self;
        assert_eq!([a.len(), b.len(), c.len()], [m * k, k * n, m * n]);
        let strides = [self.strides_of_a(), self.strides_of_b()];
        strides.map(|of| of.map(|it| it as isize))
    }
}

/// A product by a back end of this library: a forward pass without bias or activation.
pub(crate) struct OwnProduct<B: Backend> {
    product: Product,
    backend: B,
    x: Matrix<B>,
    w: Matrix<B>,
    b: Matrix<B>,
    y: Matrix<B>,
    state: B::State,
}

impl<B: Backend<Elem = f32>> OwnProduct<B> {
    /// Of two square matrices, which hold no zeros: leaving them out is faster, and multiplying them
    /// takes less power.
    pub(crate) fn square(backend: B, side: usize) -> Self {
        let product = Product::square(side);
        let [x, w] = product.values().map(|values| {
            let mut matrix = backend.matrix(side, side);
            backend.write(&mut matrix, &values);
            matrix
        });
        let state = StepState::without_rates(1, 0);
        Self {
            product,
            b: backend.matrix(1, side),
            y: backend.matrix(side, side),
            state: backend.state(state),
            x,
            w,
            backend,
        }
    }

    /// Computes it once.
    pub(crate) fn run(&mut self) {
        self.backend.linear_fwd(LinearFwd::affine(
            self.x.all(),
            &self.w,
            &self.b,
            self.y.all_mut(),
            &self.state,
        ));
    }

    /// Compares the last result with plain loops.
    pub(crate) fn check(&self) -> Result<()> {
        let [a, b] = self.product.values();
        let found = self.backend.read(self.y.all())?;
        self.product.check(&self.product.expected(&a, &b), &found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Cost, on_processors};
    use crate::game::mnist_operations;
    use gan_kernels::Native;

    const fn product(m: usize, n: usize, k: usize, factors: Factors) -> Product {
        Product { m, n, k, factors }
    }

    #[test]
    fn products_are_those_of_the_iteration() {
        let cases = on_processors(&mnist_operations().unwrap());
        let products: Vec<_> = cases.iter().filter_map(Product::of).collect();
        for expected in [
            product(200, 1200, 784, Factors::Nn),
            product(200, 240, 1200, Factors::Nt),
            product(784, 1200, 200, Factors::Tn),
            product(1200, 784, 100, Factors::Tn),
        ] {
            assert!(products.contains(&expected), "{expected:?}");
        }
        let flop: f64 = products.iter().map(Product::flop).sum();
        assert!(products.iter().all(|product| product.step() == 1));
        assert_eq!(flop, Cost::of(&cases).flop);
    }

    #[test]
    fn values_are_exact_in_the_coarsest_precision_and_never_zero() {
        for values in product(30, 70, 50, Factors::Nn).values() {
            let wrong = |&&value: &&f32| {
                // bf16's bits, and the range that sums are exact for.
                value == 0.0 || value.abs() > 1.0 || value.to_bits() & 0xffff != 0
            };
            assert_eq!(values.iter().find(wrong), None);
            assert!(values.iter().any(|&it| it < -0.5) && values.iter().any(|&it| it > 0.5));
        }
    }

    #[test]
    fn check_takes_the_product_of_each_layout_and_nothing_else() {
        for factors in [Factors::Nn, Factors::Nt, Factors::Tn] {
            let it = product(3, 5, 7, factors);
            let [a, b] = it.values();
            let mut c = vec![0.0; it.m * it.n];
            for (i, j, l) in (0..it.m * it.n * it.k).map(|at| (at / 35, at / 7 % 5, at % 7)) {
                let a = match factors {
                    Factors::Tn => a[l * it.m + i],
                    _ => a[i * it.k + l],
                };
                let b = match factors {
                    Factors::Nt => b[j * it.k + l],
                    _ => b[l * it.n + j],
                };
                c[i * it.n + j] += a * b;
            }
            let expected = it.expected(&a, &b);
            it.check(&expected, &c).unwrap();
            for by_others in [Product::by_gemm, Product::by_matrixmultiply] {
                let mut theirs = vec![f32::NAN; c.len()];
                by_others(&it, &a, &b, &mut theirs);
                it.check(&expected, &theirs).unwrap();
            }
            c[7] += 1.0;
            let error = it.check(&expected, &c).unwrap_err().to_string();
            assert!(error.contains("row 1, column 2: found"), "{error}");
        }
    }

    #[test]
    fn own_product_is_right_once_it_has_run() {
        let mut own = OwnProduct::square(Native::<f32>::new(Some(1)).unwrap(), 65);
        assert!(own.check().is_err());
        own.run();
        own.check().unwrap();
    }
}
