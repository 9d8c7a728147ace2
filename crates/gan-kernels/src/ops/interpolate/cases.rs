//! The cases of [`Interpolate`].

use super::Interpolate;
use super::reference::interpolate;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::random::{Purpose, Stream};
use crate::recorder::Recorder;
use crate::{Backend, BackendError};

pub(crate) const CASES: &[Case] = &[
    case(7, 13),
    case(1, 1),
    case(11, 67).margin(3),
    case(5, 259).margin(1),
    case(100, 784).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

const STREAM: Stream = Stream::new(Purpose::Data, 5, 300);

/// Points between two matrices of m × n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// n.
    pub cols: usize,
}

const fn case(rows: usize, cols: usize) -> Case {
    Call { rows, cols }.case()
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}x{}", self.rows, self.cols)
    }

    fn bytes(&self) -> u64 {
        4 * (3 * self.rows * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (m, n) = (self.rows, self.cols);
        Box::new(Between {
            a: draw.input(draw.values(25, m, n)),
            b: draw.input_elsewhere(draw.values(26, m, n)),
            y: draw.output(m, n),
            state: draw.state(),
        })
    }
}

struct Between<B: Backend> {
    a: Operand<B>,
    b: Operand<B>,
    y: Operand<B>,
    state: B::State,
}

impl<B: Backend> Operands<B> for Between<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.interpolate(Interpolate {
            a: self.a.rows(),
            b: self.b.rows(),
            y: self.y.rows_mut(),
            stream: STREAM,
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.y.read("y", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (a, b) = (&self.a.host, &self.b.host);
        let y = interpolate(a, b, STREAM, &state());
        let magnitude = |at| a[at].abs() + b[at].abs();
        let expected = |i, j| Expected::new(y[(i, j)], magnitude((i, j)));
        vec![found[0].compare(rounding, expected)]
    }
}

impl Interpolate<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, cols) = self.check();
        self.y.matrix.storage = 1.0;
        case(rows, cols)
    }
}
