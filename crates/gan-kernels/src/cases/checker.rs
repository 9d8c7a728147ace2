//! The checker: draws a case's operands, runs the operation, and compares with the reference.

use super::{Case, Comparison, Inputs, Mismatch, Report, Shape};
use crate::ops::reference::Table;
use crate::random::{Address, Purpose, Stream, unit_open};
use crate::{Backend, BackendError, Matrix, Rates, Real, Rows, RowsMut, StepState};

/// Checks cases on a back end.
pub struct Checker<'a, B: Backend> {
    /// The back end under test.
    pub backend: &'a B,
    /// ε of the format that factors are rounded to before they are multiplied; 0 where they are
    /// not.
    pub factor_epsilon: f64,
}

impl<'a, B: Backend> Checker<'a, B> {
    /// A checker that expects the element type's own rounding.
    pub fn new(backend: &'a B) -> Self {
        Self {
            backend,
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

    /// Draws the operands of `case`.
    #[must_use]
    pub fn prepare(&self, case: &Case) -> Prepared<B> {
        Prepared {
            case: *case,
            operands: case.op.prepare(&self.draw_of(case)),
        }
    }

    pub(crate) fn draw_of(&self, case: &Case) -> Draw<'_, B> {
        Draw {
            checker: self,
            inputs: case.inputs,
            margin: case.margin,
        }
    }

    /// For operands that a check needs beside those of its case.
    pub(crate) fn draw(&self) -> Draw<'_, B> {
        Draw {
            checker: self,
            inputs: Inputs::Uniform,
            margin: 0,
        }
    }

    pub(crate) fn rounding(&self, case: &Case) -> Rounding {
        Rounding {
            factor: case.tolerance.factor,
            epsilon: B::Elem::EPSILON.to_f64(),
            factor_epsilon: self.factor_epsilon,
        }
    }
}

/// A case's operands on the device, ready to run any number of times.
pub struct Prepared<B: Backend> {
    case: Case,
    operands: Box<dyn Operands<B>>,
}

/// The operands of one operation.
pub(crate) trait Operands<B: Backend> {
    /// Runs the operation once.
    fn run(&mut self, backend: &B) -> Result<(), BackendError>;

    /// Everything that the operation has written.
    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError>;

    /// Compares the results of exactly one run with the reference.
    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison>;
}

impl<B: Backend> Prepared<B> {
    /// Runs the operation once.
    ///
    /// # Errors
    /// If the device fails in an operation that reads back.
    pub fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        self.operands.run(backend)
    }

    /// Everything that the operation has written, in f64, which both element types fit into.
    ///
    /// For comparing two runs bit by bit.
    ///
    /// # Errors
    /// If the device fails.
    pub fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<f64>, BackendError> {
        let found = self.operands.results(checker)?;
        Ok(found.into_iter().flat_map(|found| found.values).collect())
    }

    /// Says how close the results of exactly one run are to the reference's.
    ///
    /// # Errors
    /// If the device fails.
    pub fn report(&mut self, checker: &Checker<'_, B>) -> Result<Report, BackendError> {
        let found = self.operands.results(checker)?;
        let rounding = checker.rounding(&self.case);
        Ok(Report {
            case: self.case.to_string(),
            comparisons: self.operands.compare(rounding, &found),
        })
    }
}

/// The value around the rows that an operation writes.
const OUTSIDE: f64 = 7.25;

/// The rates of slot 1, which the operations of a case use.
pub(crate) const RATES: Rates = Rates {
    learning_rate: 0.05,
    momentum: 0.7,
    first_correction: 3.2,
    second_correction: 250.0,
};

/// The state of the operations of a case.
pub(crate) fn state() -> StepState {
    // Slot 0 would be noticed.
    let wrong = Rates {
        learning_rate: f64::NAN,
        momentum: f64::NAN,
        first_correction: f64::NAN,
        second_correction: f64::NAN,
    };
    StepState {
        seed: 0x5eed_0000_0014_0661,
        step: 3,
        rates: vec![wrong, RATES],
    }
}

/// The address of an operand's values.
pub(crate) fn address(operand: usize) -> Address {
    let stream = Stream::new(Purpose::Data, 0, operand);
    StepState::without_rates(state().seed, 0).address(stream)
}

/// Draws the operands of one case: by address, so that they are the same on every back end.
pub(crate) struct Draw<'d, B: Backend> {
    checker: &'d Checker<'d, B>,
    pub(crate) inputs: Inputs,
    margin: usize,
}

impl<B: Backend> Draw<'_, B> {
    pub(crate) fn backend(&self) -> &B {
        self.checker.backend
    }

    /// The state of the operations of a case, on the device.
    pub(crate) fn state(&self) -> B::State {
        self.backend().state(state())
    }

    /// Values for the operand of that number, of which `kept` of a hundred are other than zero.
    fn kept(&self, operand: usize, rows: usize, cols: usize, kept: u8) -> Table {
        let mut words = vec![0; rows * cols];
        address(operand).fill_words(0, &mut words);
        let value = |word: u32| match self.inputs {
            Inputs::Integers => f64::from(word % 5) - 2.0,
            // A value is made of a word's high bits.
            _ if word % 100 >= u32::from(kept) => 0.0,
            _ => 2.0 * f64::from(unit_open(word)) - 1.0,
        };
        Table::new(rows, cols, words.into_iter().map(value).collect())
    }

    /// Values for the operand of that number.
    pub(crate) fn values(&self, operand: usize, rows: usize, cols: usize) -> Table {
        self.kept(operand, rows, cols, 100)
    }

    /// Values for the input of a layer.
    pub(crate) fn layer_input(&self, operand: usize, rows: usize, cols: usize) -> Table {
        match self.inputs {
            Inputs::Sparse { x, .. } => self.kept(operand, rows, cols, x),
            _ => self.values(operand, rows, cols),
        }
    }

    /// Values for the gradient of a layer's pre-activation.
    pub(crate) fn gradient(&self, operand: usize, rows: usize, cols: usize) -> Table {
        match self.inputs {
            Inputs::Sparse { dz, .. } => self.kept(operand, rows, cols, dz),
            _ => self.values(operand, rows, cols),
        }
    }

    /// Values for the weights of `inputs` inputs.
    pub(crate) fn weights(&self, operand: usize, rows: usize, cols: usize, inputs: usize) -> Table {
        let mut w = self.values(operand, rows, cols);
        let scale = self.weight_scale(inputs);
        w.values.iter_mut().for_each(|w| *w *= scale);
        w
    }

    /// The power of two that brings the weights of so many inputs near one over its root.
    pub(crate) fn weight_scale(&self, inputs: usize) -> f64 {
        match self.inputs {
            Inputs::Integers => 1.0,
            _ => 0.5_f64.powi((inputs.max(1).ilog2() / 2) as i32),
        }
    }

    /// An input that is some rows of a matrix: around them is NaN.
    pub(crate) fn input(&self, host: Table) -> Operand<B> {
        self.upload(host, self.margin, f64::NAN)
    }

    /// An input with more rows around it than the others have: each operand has its own.
    pub(crate) fn input_elsewhere(&self, host: Table) -> Operand<B> {
        self.upload(host, self.margin + 1, f64::NAN)
    }

    /// An operand that is a whole matrix.
    pub(crate) fn whole(&self, host: Table) -> Operand<B> {
        self.upload(host, 0, f64::NAN)
    }

    /// An output that is some rows of a matrix: NaN, so that each must be overwritten, between rows
    /// that must not change.
    pub(crate) fn output(&self, rows: usize, cols: usize) -> Operand<B> {
        let nan = Table::new(rows, cols, vec![f64::NAN; rows * cols]);
        self.upload(nan, self.margin, OUTSIDE)
    }

    /// Values that an operation overwrites with others, between rows that must not change.
    pub(crate) fn in_place(&self, host: Table) -> Operand<B> {
        self.upload(host, self.margin, OUTSIDE)
    }

    /// A whole matrix that holds these values.
    pub(crate) fn matrix(&self, host: &Table) -> Matrix<B> {
        self.surrounded(host, 0, f64::NAN)
    }

    fn upload(&self, host: Table, margin: usize, around: f64) -> Operand<B> {
        Operand {
            matrix: self.surrounded(&host, margin, around),
            host,
            margin,
        }
    }

    fn surrounded(&self, host: &Table, margin: usize, around: f64) -> Matrix<B> {
        let mut matrix = self.backend().matrix(host.rows + 2 * margin, host.cols);
        let around = std::iter::repeat_n(around, margin * host.cols);
        let values = host.values.iter().copied();
        let values: Vec<_> = around
            .clone()
            .chain(values)
            .chain(around)
            .map(B::Elem::from_f64)
            .collect();
        self.backend().write(&mut matrix, &values);
        matrix
    }

    /// The margin of winners, which have rows above alone.
    pub(crate) fn margin(&self) -> usize {
        self.margin
    }
}

/// An operand on the device, with its values before the operation.
pub(crate) struct Operand<B: Backend> {
    /// The values of the rows that take part.
    pub(crate) host: Table,
    pub(crate) matrix: Matrix<B>,
    margin: usize,
}

impl<B: Backend> Operand<B> {
    /// The rows that take part, to read.
    pub(crate) fn rows(&self) -> Rows<'_, B> {
        self.matrix.rows(self.margin, self.host.rows)
    }

    /// The rows that take part, to write.
    pub(crate) fn rows_mut(&mut self) -> RowsMut<'_, B> {
        self.matrix.rows_mut(self.margin, self.host.rows)
    }

    /// The values of the matrix by now.
    pub(crate) fn read(&self, name: &'static str, backend: &B) -> Result<Found, BackendError> {
        Ok(Found::whole(name, &self.matrix, backend)?.within(self.margin))
    }
}

/// A result that an operation has written.
pub(crate) struct Found {
    name: &'static str,
    cols: usize,
    /// Rows above and below that it had to leave alone.
    margin: usize,
    pub(crate) values: Vec<f64>,
}

impl Found {
    /// Rows of `cols` values without a margin.
    pub(crate) fn new(name: &'static str, cols: usize, values: Vec<f64>) -> Self {
        Self {
            name,
            cols,
            margin: 0,
            values,
        }
    }

    /// A whole matrix.
    pub(crate) fn whole<B: Backend>(
        name: &'static str,
        matrix: &Matrix<B>,
        backend: &B,
    ) -> Result<Self, BackendError> {
        let values = backend.read(matrix.all())?.into_iter().map(Real::to_f64);
        Ok(Self::new(name, matrix.cols(), values.collect()))
    }

    /// The same with so many rows above and below that had to be left alone.
    pub(crate) fn within(self, margin: usize) -> Self {
        Self { margin, ..self }
    }

    /// The values of the rows that take part.
    pub(crate) fn inside(&self) -> &[f64] {
        let outside = self.margin * self.cols;
        &self.values[outside..self.values.len() - outside]
    }

    /// Compares with what is expected by row and column, and what lies above and below with what
    /// was there before.
    pub(crate) fn compare(
        &self,
        rounding: Rounding,
        expected: impl Fn(usize, usize) -> Expected,
    ) -> Comparison {
        let (cols, margin) = (self.cols, self.margin);
        let rows = self.values.len().checked_div(cols).unwrap_or(0);
        let mut comparison = Comparison::new(self.name);
        for (index, &found) in self.values.iter().enumerate() {
            let (row, col) = (index / cols, index % cols);
            if (margin..rows - margin).contains(&row) {
                let expected = expected(row - margin, col);
                comparison.add(expected.beside(row, col, found, rounding.unit()));
            } else {
                comparison.add_outside(Expected::exactly(OUTSIDE).beside(row, col, found, 0.0));
            }
        }
        comparison
    }
}

/// The value that an element should have, and the size of the numbers that were rounded on the
/// way to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) value: f64,
    pub(crate) magnitude: f64,
}

impl Expected {
    pub(crate) fn new(value: f64, magnitude: f64) -> Self {
        Self { value, magnitude }
    }

    /// A value without rounding.
    pub(crate) fn exactly(value: f64) -> Self {
        Self::new(value, 0.0)
    }
}

/// The roundings that a case allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    factor: f64,
    epsilon: f64,
    factor_epsilon: f64,
}

impl Rounding {
    /// The error that is allowed for each unit of magnitude.
    pub(crate) fn unit(self) -> f64 {
        self.factor * self.epsilon
    }

    /// The same where factors are rounded, which blurs so much that the second order of an error
    /// counts; else 0.
    pub(crate) fn unit_of_second_order(self) -> f64 {
        if self.factor_epsilon > 0.0 {
            self.unit()
        } else {
            0.0
        }
    }

    /// The magnitudes of the sums Σ a(i, l)·b(l, j) of a product of m × k by k × n.
    ///
    /// With f32 factors that is √k·Σ|a·b|.
    /// Rounding both factors adds at most ε′·Σ|a·b|, where ε′ is [`Checker::factor_epsilon`]; and
    /// as the roundings of different terms are independent, hardly more than ε′·√Σ(a·b)² times the
    /// case's factor. Integers as the cases draw them are exact in every format.
    pub(crate) fn product(
        self,
        Shape { m, n, k }: Shape,
        a: impl Fn(usize, usize) -> f64,
        b: impl Fn(usize, usize) -> f64,
    ) -> Table {
        let (mut sizes, mut squares) = (Table::zeros(m, n), Table::zeros(m, n));
        for i in 0..m {
            for l in 0..k {
                let a = a(i, l);
                let sums = sizes.row_mut(i).iter_mut().zip(squares.row_mut(i));
                for (j, (size, square)) in sums.enumerate() {
                    let term = a * b(l, j);
                    *size += term.abs();
                    *square += term * term;
                }
            }
        }
        let depth = (k as f64).sqrt();
        // (1 + ε′/2)² − 1, and not only to first order.
        let of_factors = self.factor_epsilon * (1.0 + 0.25 * self.factor_epsilon);
        for (size, square) in sizes.values.iter_mut().zip(squares.values) {
            let rounded = if self.factor > 0.0 {
                of_factors * (*size / self.factor).min(square.sqrt())
            } else {
                0.0
            };
            *size = depth * *size + rounded / self.epsilon;
        }
        sizes
    }
}
