//! The cases of [`Repack`].

use super::Repack;
use super::reference::repack;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::recorder::Recorder;
use crate::{Backend, BackendError};

pub(crate) const CASES: &[Case] = &[
    case(12, 5, 15),
    case(4, 15, 5).margin(2),
    case(6, 35, 21).margin(1),
    case(10, 21, 35),
    case(9, 1, 3),
    case(3, 4, 1).margin(3),
    case(1, 7, 7),
    case(200, 784, 1568).paper(),
    case(100, 1568, 784).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::COPY;

/// Rows of one length as rows of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// Rows of X.
    pub rows: usize,
    /// Length of X's rows.
    pub from: usize,
    /// Length of Y's rows.
    pub to: usize,
}

const fn case(rows: usize, from: usize, to: usize) -> Case {
    Call { rows, from, to }.case()
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}x{}/to {}", self.rows, self.from, self.to)
    }

    fn bytes(&self) -> u64 {
        4 * (2 * self.rows * self.from) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        Box::new(Repacked {
            x: draw.input(draw.values(27, self.rows, self.from)),
            y: draw.output(self.rows * self.from / self.to, self.to),
        })
    }
}

struct Repacked<B: Backend> {
    x: Operand<B>,
    y: Operand<B>,
}

impl<B: Backend> Operands<B> for Repacked<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.repack(Repack {
            x: self.x.rows(),
            y: self.y.rows_mut(),
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.y.read("y", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let y = repack(&self.x.host, self.y.host.cols);
        vec![found[0].compare(rounding, |i, j| Expected::exactly(y[(i, j)]))]
    }
}

impl Repack<'_, Recorder> {
    /// The call; Y is as sparse as X.
    pub(crate) fn record(&mut self) -> Case {
        self.check();
        self.y.matrix.storage = self.x.matrix.storage;
        let ((rows, from), (_, to)) = (self.x.shape(), self.y.shape());
        case(rows, from, to)
    }
}
