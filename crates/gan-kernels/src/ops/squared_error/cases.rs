//! The cases of [`SquaredError`].

use super::SquaredError;
use super::reference::squared_error;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, LEAKY, Operation, Tolerance, variant};
use crate::ops::logit_loss::cases::read_monitors;
use crate::recorder::Recorder;
use crate::{Activation, Backend, BackendError, Monitor, Real};

use Activation::{Identity, Relu, Sigmoid, Tanh};

pub(crate) const CASES: &[Case] = &[
    case(7, 13, Identity),
    case(1, 1, Identity),
    case(61, 1, Identity).margin(2),
    case(13, 67, Sigmoid),
    case(11, 5, Tanh).margin(1),
    case(9, 131, Relu),
    case(131, 3, LEAKY).margin(3),
    // Of as many elements as a power of two, so that the mean is exact as well.
    case(4, 32, Relu).exact(),
    case(16, 2, LEAKY).exact(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

/// The squared error of m × n outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// n.
    pub cols: usize,
    /// φ.
    pub act: Activation,
}

const fn case(rows: usize, cols: usize, act: Activation) -> Case {
    Call { rows, cols, act }.case()
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}x{}/{}", self.rows, self.cols, variant(self.act, None))
    }

    fn bytes(&self) -> u64 {
        4 * (3 * self.rows * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let mut y = draw.values(30, self.rows, self.cols);
        for y in &mut y.values {
            let (output, _) = self.act.define(&[2.0 * *y]);
            *y = B::Elem::from_f64(output).to_f64();
        }
        Box::new(Errors {
            act: self.act,
            y: draw.input(y),
            targets: draw.input_elsewhere(draw.values(31, self.rows, self.cols)),
            dz: draw.output(self.rows, self.cols),
            monitors: draw.backend().monitors(),
        })
    }
}

struct Errors<B: Backend> {
    act: Activation,
    y: Operand<B>,
    targets: Operand<B>,
    dz: Operand<B>,
    monitors: B::Monitors,
}

impl<B: Backend> Operands<B> for Errors<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.squared_error(SquaredError {
            y: self.y.rows(),
            targets: self.targets.rows(),
            act: self.act,
            dz: self.dz.rows_mut(),
            monitors: &mut self.monitors,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![
            self.dz.read("dz", checker.backend)?,
            read_monitors(checker, &mut self.monitors)?,
        ])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (y, targets) = (&self.y.host, &self.targets.host);
        let (error, dz) = squared_error(y, targets, self.act);
        let count = (y.rows * y.cols) as f64;
        let magnitude = |at| {
            // Of 1 − y², which is small where y is near ±1, the rounding of y² remains.
            let of_slope = match self.act {
                Tanh => 2.0 * (y[at] - targets[at]).abs() / count * y[at] * y[at],
                _ => 0.0,
            };
            dz[at].abs() + of_slope
        };
        let mut sums = [Expected::exactly(0.0); Monitor::COUNT];
        // Adding up the elements rounds, too.
        let size = (1.0 + count.sqrt()) * error;
        sums[Monitor::SquaredError as usize] = Expected::new(error, size);
        vec![
            found[0].compare(rounding, |i, j| {
                Expected::new(dz[(i, j)], magnitude((i, j)))
            }),
            found[1].compare(rounding, |_, col| sums[col]),
        ]
    }
}

impl SquaredError<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, cols) = self.check();
        self.dz.matrix.storage = 1.0;
        case(rows, cols, self.act)
    }
}
