//! The cases of [`Average`].

use super::Average;
use super::reference::average;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::recorder::Recorder;
use crate::{Backend, BackendError};

pub(crate) const CASES: &[Case] = &[
    case(7, 13, 0.999),
    case(1, 1, 0.5),
    case(13, 67, 0.9),
    case(131, 3, 0.0),
    // Halves of small integers are exact.
    case(11, 7, 0.5).exact(),
    case(784, 1200, 0.999).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

/// The running mean of a matrix of k × n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// k.
    pub rows: usize,
    /// n.
    pub cols: usize,
    /// β.
    pub decay: f64,
}

const fn case(rows: usize, cols: usize, decay: f64) -> Case {
    Call { rows, cols, decay }.case()
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}x{}/decay{}", self.rows, self.cols, self.decay)
    }

    fn bytes(&self) -> u64 {
        4 * (3 * self.rows * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        Box::new(Averaged {
            decay: self.decay,
            w: draw.whole(draw.values(28, self.rows, self.cols)),
            average: draw.whole(draw.values(29, self.rows, self.cols)),
        })
    }
}

struct Averaged<B: Backend> {
    decay: f64,
    w: Operand<B>,
    average: Operand<B>,
}

impl<B: Backend> Operands<B> for Averaged<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.average(Average {
            w: &self.w.matrix,
            average: &mut self.average.matrix,
            decay: self.decay,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.average.read("average", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (w, before) = (&self.w.host, &self.average.host);
        let after = average(w, before, self.decay);
        let magnitude = |at| w[at].abs() + before[at].abs();
        let expected = |i, j| Expected::new(after[(i, j)], magnitude((i, j)));
        vec![found[0].compare(rounding, expected)]
    }
}

impl Average<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, cols) = self.check();
        case(rows, cols, self.decay)
    }
}
