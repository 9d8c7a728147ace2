//! One table of operations, shapes and variants, and the check that holds a back end to them.
//!
//! The equivalence tests of each back end iterate [`CASES`], and so does `cargo xtask gradcheck`;
//! the benches build the cases of one iteration from the same types, and check them in the same way
//! before they time them.
//! [`check`] draws a case's operands by address, runs the operation on any [`Backend`], reads back
//! and compares with plain loops in f64 that share no code with the operations, apart from
//! [`Activation::define`](crate::Activation::define) and [`random`](crate::random), which published
//! vectors pin.
//!
//! Every tolerance is a number of roundings: an element may differ from the oracle by `factor · ε ·
//! magnitude`, where the magnitude is √depth times the sum of the absolute values that were added,
//! carried to first order through what follows the product.
//! Where a device rounds the factors of products, [`Checker::factor_epsilon`] adds to it.

mod advance;
mod average;
mod case;
mod gather_rows;
mod input_penalty;
mod interpolate;
mod latent;
mod limit_spectrum;
mod linear;
mod linear_logit_loss;
mod linear_tangent;
mod logit_loss;
mod params;
mod parzen;
mod repack;
mod report;
mod table;

pub use case::{BiasRows, Case, Inputs, Kept, Norm, Op, Role, Rule, Shape, Tolerance};
pub use report::{Comparison, Element, Mismatch, Report};
pub use table::CASES;

use crate::random::{Address, Purpose, Stream, unit_open};
use crate::{Backend, BackendError, Dropout, Matrix, Rates, Real, StepState};

/// Checks `case` on `backend`, with matrices as [`Backend::matrix`] makes them and the rounding of
/// the element type.
///
/// # Errors
/// If a result is off, or the device fails.
pub fn check<B: Backend>(backend: &B, case: &Case) -> Result<(), Mismatch> {
    Checker::new(backend, &|rows, cols| backend.matrix(rows, cols)).check(case)
}

/// Operands that are a layer's input (of `linear_fwd`, `linear_bwd_params`, `linear_tangent`), and
/// those that are dZ (of `linear_bwd_data`, `linear_bwd_params`).
const INPUTS: [usize; 3] = [0, 6, 18];
const GRADIENTS: [usize; 2] = [3, 7];

/// Makes a matrix of some rows and columns.
pub type MakeMatrix<'a, B> = dyn Fn(usize, usize) -> Matrix<B> + 'a;

/// Checks cases on a back end.
pub struct Checker<'a, B: Backend> {
    /// What is checked.
    pub backend: &'a B,
    /// Makes the operands, which may have rows further apart than they are long.
    pub matrix: &'a MakeMatrix<'a, B>,
    /// ε of the element type, which tolerances are multiples of.
    pub epsilon: f64,
    /// ε of the format that factors are rounded to before they are multiplied; 0 where they are
    /// not.
    pub factor_epsilon: f64,
}

impl<'a, B: Backend> Checker<'a, B> {
    /// A checker that expects the element type's own rounding.
    pub fn new(backend: &'a B, matrix: &'a MakeMatrix<'a, B>) -> Self {
        let epsilon = B::Elem::EPSILON.to_f64();
        Self {
            backend,
            matrix,
            epsilon,
            factor_epsilon: 0.0,
        }
    }

    /// Draws the operands, runs the operation once and verifies its results.
    ///
    /// # Errors
    /// If a result is off, or the device fails.
    pub fn check(&self, case: &Case) -> Result<(), Mismatch> {
        self.report(case)?.verdict()
    }

    /// Draws the operands, runs the operation once and says how close its results are.
    ///
    /// # Errors
    /// If the device fails.
    pub fn report(&self, case: &Case) -> Result<Report, BackendError> {
        let mut prepared = self.prepare(case);
        prepared.run(self.backend)?;
        prepared.report(self)
    }

    /// What a magnitude is multiplied by.
    fn unit(&self, case: &Case) -> f64 {
        case.tolerance.factor * self.epsilon
    }

    /// Draws the operands of `case`.
    #[must_use]
    pub fn prepare(&self, case: &Case) -> Prepared<B> {
        Prepared {
            case: *case,
            operands: match case.op {
                Op::LinearFwd { .. } => Operands::Forward(linear::Forward::new(self, case)),
                Op::LinearBwdData { .. } => Operands::Data(linear::Backward::new(self, case)),
                Op::LinearBwdParams { .. } => Operands::Params(params::Params::new(self, case)),
                Op::LogitLoss { .. } => Operands::Loss(logit_loss::Loss::new(self, case)),
                Op::LinearLogitLoss { .. } => {
                    Operands::Head(linear_logit_loss::Head::new(self, case))
                }
                Op::FillLatent { .. } => Operands::Latent(latent::Latent::new(self, case)),
                Op::GatherRows { .. } => Operands::Gather(gather_rows::Gather::new(self, case)),
                Op::Parzen { .. } => Operands::Parzen(parzen::Points::new(self, case)),
                Op::Advance { .. } => Operands::Advance(advance::Clock::new(self, case)),
                Op::LinearTangent { .. } => {
                    Operands::Tangent(linear_tangent::Tangent::new(self, case))
                }
                Op::InputPenalty { .. } => {
                    Operands::Penalty(input_penalty::Penalised::new(self, case))
                }
                Op::Interpolate { .. } => Operands::Between(interpolate::Between::new(self, case)),
                Op::Repack { .. } => Operands::Repacked(repack::Repacked::new(self, case)),
                Op::Average { .. } => Operands::Averaged(average::Averaged::new(self, case)),
                Op::LimitSpectrum { .. } => {
                    Operands::Spectrum(limit_spectrum::Spectrum::new(self, case))
                }
            },
        }
    }

    /// `rows × cols` values for one operand of a case.
    fn draw(&self, inputs: Inputs, operand: usize, len: usize) -> Vec<f64> {
        let mut words = vec![0; len];
        address(operand).fill_words(0, &mut words);
        let kept = match inputs {
            Inputs::Sparse { x, .. } if INPUTS.contains(&operand) => u32::from(x),
            Inputs::Sparse { dz, .. } if GRADIENTS.contains(&operand) => u32::from(dz),
            _ => 100,
        };
        let value = |word: u32| match inputs {
            Inputs::Integers => f64::from(word % 5) - 2.0,
            // A value is made of a word's high bits.
            _ if word % 100 >= kept => 0.0,
            _ => 2.0 * f64::from(unit_open(word)) - 1.0,
        };
        words.into_iter().map(value).collect()
    }

    /// A matrix of `values` with `margin` rows of `around` above and below.
    fn upload(&self, cols: usize, values: &[f64], margin: usize, around: f64) -> Matrix<B> {
        let rows = values.len().checked_div(cols).unwrap_or(0);
        let mut matrix = (self.matrix)(rows + 2 * margin, cols);
        let around = std::iter::repeat_n(around, margin * cols);
        let values: Vec<_> = around
            .clone()
            .chain(values.iter().copied())
            .chain(around)
            .map(B::Elem::from_f64)
            .collect();
        self.backend.write(&mut matrix, &values);
        matrix
    }

    /// An input of a case: NaN around the rows that take part.
    fn input(&self, cols: usize, values: &[f64], margin: usize) -> Matrix<B> {
        self.upload(cols, values, margin, f64::NAN)
    }

    /// An output of a case: NaN in the rows that take part, so that each must be overwritten.
    fn output(&self, rows: usize, cols: usize, margin: usize) -> Matrix<B> {
        self.upload(cols, &vec![f64::NAN; rows * cols], margin, OUTSIDE)
    }

    /// Compares rows of `matrix` with `expected(row, col)`, a value and its magnitude, and what
    /// lies above and below with what [`Checker::output`] put there.
    fn compare(
        &self,
        case: &Case,
        operand: &'static str,
        matrix: &Matrix<B>,
        expected: impl Fn(usize, usize) -> Expected,
    ) -> Result<Comparison, BackendError> {
        let found = self.backend.read(matrix.all())?;
        let (cols, margin) = (matrix.cols(), case.margin);
        let inside = margin..matrix.row_count() - margin;
        let mut comparison = Comparison::new(operand);
        for (index, found) in found.iter().map(|value| value.to_f64()).enumerate() {
            let (row, col) = (index / cols, index % cols);
            if inside.contains(&row) {
                let expected = expected(row - margin, col);
                comparison.add(expected.beside(row, col, found, self.unit(case)));
            } else {
                comparison.add_outside(Expected::exactly(OUTSIDE).beside(row, col, found, 0.0));
            }
        }
        Ok(comparison)
    }

    fn compare_values(
        &self,
        case: &Case,
        operand: &'static str,
        cols: usize,
        found: impl Iterator<Item = f64>,
        expected: impl Fn(usize, usize) -> Expected,
    ) -> Comparison {
        let mut comparison = Comparison::new(operand);
        for (index, found) in found.enumerate() {
            let (row, col) = (index / cols, index % cols);
            comparison.add(expected(row, col).beside(row, col, found, self.unit(case)));
        }
        comparison
    }

    /// The triple loop: Σ a(i, l)·b(l, j), and how far it may be off in units of the case.
    ///
    /// With f32 factors that is √k·Σ|a·b|.
    /// Rounding both factors adds at most ε′·Σ|a·b|, where ε′ is [`Checker::factor_epsilon`]; and
    /// as the roundings of different terms are independent, hardly more than ε′·√Σ(a·b)² times the
    /// case's factor. Integers as the cases draw them are exact in every format.
    fn product(
        &self,
        case: &Case,
        Shape { m, n, k }: Shape,
        a: impl Fn(usize, usize) -> f64,
        b: impl Fn(usize, usize) -> f64,
    ) -> Vec<Expected> {
        let mut c = vec![Expected::default(); m * n];
        let mut squares = vec![0.0; m * n];
        for i in 0..m {
            for l in 0..k {
                let a = a(i, l);
                let row = c[i * n..].iter_mut().zip(&mut squares[i * n..]);
                for (j, (c, square)) in row.take(n).enumerate() {
                    let term = a * b(l, j);
                    c.value += term;
                    c.magnitude += term.abs();
                    *square += term * term;
                }
            }
        }
        let depth = (k as f64).sqrt();
        // (1 + ε′/2)² − 1, and not only to first order.
        let of_factors = self.factor_epsilon * (1.0 + 0.25 * self.factor_epsilon);
        let factor = case.tolerance.factor;
        for (c, square) in c.iter_mut().zip(squares) {
            let rounded = if factor > 0.0 {
                of_factors * (c.magnitude / factor).min(square.sqrt())
            } else {
                0.0
            };
            c.magnitude = depth * c.magnitude + rounded / self.epsilon;
        }
        c
    }
}

/// A case's operands on the device, ready to run any number of times.
pub struct Prepared<B: Backend> {
    case: Case,
    operands: Operands<B>,
}

enum Operands<B: Backend> {
    Forward(linear::Forward<B>),
    Data(linear::Backward<B>),
    Params(params::Params<B>),
    Loss(logit_loss::Loss<B>),
    Head(linear_logit_loss::Head<B>),
    Latent(latent::Latent<B>),
    Gather(gather_rows::Gather<B>),
    Parzen(parzen::Points<B>),
    Advance(advance::Clock<B>),
    Tangent(linear_tangent::Tangent<B>),
    Penalty(input_penalty::Penalised<B>),
    Between(interpolate::Between<B>),
    Repacked(repack::Repacked<B>),
    Averaged(average::Averaged<B>),
    Spectrum(limit_spectrum::Spectrum<B>),
}

impl<B: Backend> Prepared<B> {
    /// Runs the operation once.
    ///
    /// # Errors
    /// If the device fails in an operation that reads back.
    pub fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        match &mut self.operands {
            Operands::Forward(operands) => operands.run(backend),
            Operands::Data(operands) => operands.run(backend),
            Operands::Params(operands) => operands.run(backend),
            Operands::Loss(operands) => operands.run(backend),
            Operands::Head(operands) => operands.run(backend),
            Operands::Latent(operands) => operands.run(backend),
            Operands::Gather(operands) => operands.run(backend),
            Operands::Parzen(operands) => operands.run(backend)?,
            Operands::Advance(operands) => operands.run(backend),
            Operands::Tangent(operands) => operands.run(backend),
            Operands::Penalty(operands) => operands.run(backend),
            Operands::Between(operands) => operands.run(backend),
            Operands::Repacked(operands) => operands.run(backend),
            Operands::Averaged(operands) => operands.run(backend),
            Operands::Spectrum(operands) => operands.run(backend),
        }
        Ok(())
    }

    /// Everything that the operation has written, in f64, which both element types fit into.
    ///
    /// For comparing two runs bit by bit.
    ///
    /// # Errors
    /// If the device fails.
    pub fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<f64>, Mismatch> {
        let mut results = Vec::new();
        let matrices: &[&Matrix<B>] = match &mut self.operands {
            Operands::Forward(operands) => {
                results = operands.winners(checker)?;
                &[&operands.y]
            }
            Operands::Data(operands) => &[&operands.lower.dz],
            Operands::Params(operands) => {
                results.extend(checker.backend.take_monitors(&mut operands.monitors)?.0);
                &operands.matrices()
            }
            Operands::Loss(operands) => {
                results.extend(checker.backend.take_monitors(&mut operands.monitors)?.0);
                &[&operands.dz]
            }
            Operands::Head(operands) => {
                results.extend(checker.backend.take_monitors(&mut operands.monitors)?.0);
                &operands.matrices()
            }
            Operands::Latent(operands) => &[&operands.z],
            Operands::Gather(operands) => &[&operands.y],
            Operands::Parzen(operands) => {
                results.clone_from(&operands.found);
                &[]
            }
            Operands::Advance(operands) => &operands.matrices(checker),
            Operands::Tangent(operands) => &[&operands.c_above],
            Operands::Penalty(operands) => {
                results.extend(checker.backend.take_monitors(&mut operands.monitors)?.0);
                &[&operands.c]
            }
            Operands::Between(operands) => &[&operands.y],
            Operands::Repacked(operands) => &[&operands.y],
            Operands::Averaged(operands) => &[&operands.average],
            Operands::Spectrum(operands) => &operands.matrices(),
        };
        for matrix in matrices {
            let values = checker.backend.read(matrix.all())?;
            results.extend(values.into_iter().map(Real::to_f64));
        }
        Ok(results)
    }

    /// Compares the results of exactly one run with the oracle.
    ///
    /// # Errors
    /// If a result is off, or the device fails.
    pub fn verify(&mut self, checker: &Checker<'_, B>) -> Result<(), Mismatch> {
        self.report(checker)?.verdict()
    }

    /// Says how close the results of exactly one run are to the oracle's.
    ///
    /// # Errors
    /// If the device fails.
    pub fn report(&mut self, checker: &Checker<'_, B>) -> Result<Report, BackendError> {
        let case = &self.case;
        let comparisons = match &mut self.operands {
            Operands::Forward(operands) => operands.verify(checker, case),
            Operands::Data(operands) => operands.verify(checker, case),
            Operands::Params(operands) => operands.verify(checker, case),
            Operands::Loss(operands) => operands.verify(checker, case),
            Operands::Head(operands) => operands.verify(checker, case),
            Operands::Latent(operands) => operands.verify(checker, case),
            Operands::Gather(operands) => operands.verify(checker, case),
            Operands::Parzen(operands) => operands.verify(checker, case),
            Operands::Advance(operands) => operands.verify(checker, case),
            Operands::Tangent(operands) => operands.verify(checker, case),
            Operands::Penalty(operands) => operands.verify(checker, case),
            Operands::Between(operands) => operands.verify(checker, case),
            Operands::Repacked(operands) => operands.verify(checker, case),
            Operands::Averaged(operands) => operands.verify(checker, case),
            Operands::Spectrum(operands) => operands.verify(checker, case),
        }?;
        Ok(Report {
            case: case.to_string(),
            comparisons,
        })
    }

    /// Changes the factors of a forward product on the device, behind the oracle's back.
    #[cfg(test)]
    fn map_factors(&mut self, change: &mut dyn FnMut(&mut Matrix<B>)) {
        if let Operands::Forward(operands) = &mut self.operands {
            operands.factors().into_iter().for_each(change);
        }
    }
}

/// What lies around the rows that an operation writes.
const OUTSIDE: f64 = 7.25;
const SEED: u64 = 0x5eed_0000_0014_0661;
const STEP: u64 = 3;
const RATES: Rates = Rates {
    learning_rate: 0.05,
    momentum: 0.7,
    first_correction: 3.2,
    second_correction: 250.0,
};

fn address(operand: usize) -> Address {
    Address {
        seed: SEED,
        stream: Stream::new(Purpose::Data, 0, operand),
        step: 0,
    }
}

fn state(step: u64) -> StepState {
    // The operations of a case use slot 1; slot 0 would be noticed.
    let wrong = Rates {
        learning_rate: f64::NAN,
        momentum: f64::NAN,
        first_correction: f64::NAN,
        second_correction: f64::NAN,
    };
    StepState {
        seed: SEED,
        step,
        rates: vec![wrong, RATES],
    }
}

/// An oracle's value, and the size of what was rounded to get there.
#[derive(Clone, Copy, Debug, Default)]
struct Expected {
    value: f64,
    magnitude: f64,
}

impl Expected {
    fn exactly(value: f64) -> Self {
        Self {
            value,
            magnitude: 0.0,
        }
    }
}

/// The factor of a dropout mask at an element of an operand with `cols` columns.
fn mask(dropout: Option<Dropout>, step: u64, row: usize, col: usize, cols: usize) -> f64 {
    let Some(dropout) = dropout else {
        return 1.0;
    };
    let address = Address {
        seed: SEED,
        stream: dropout.stream,
        step,
    };
    let row_len = cols.div_ceil(4) * 4;
    let word = address.word(((dropout.first_row + row) * row_len + col) as u64);
    if f64::from(word) < (dropout.keep * 2.0_f64.powi(32)).floor() {
        dropout.scale
    } else {
        0.0
    }
}

/// The power of two that brings k inputs' weights near 1/√k.
fn weight_scale(inputs: Inputs, k: usize) -> f64 {
    match inputs {
        Inputs::Integers => 1.0,
        Inputs::Uniform | Inputs::Sparse { .. } => 0.5_f64.powi((k.max(1).ilog2() / 2) as i32),
    }
}
