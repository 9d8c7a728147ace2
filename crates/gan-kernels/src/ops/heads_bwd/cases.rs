//! The cases of [`HeadsBwd`].

use super::HeadsBwd;
use super::reference::heads_bwd;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::ops::heads_fwd::cases::Columns;
use crate::ops::heads_fwd::reference::{records, relax};
use crate::recorder::Recorder;
use crate::{Backend, BackendError, Heads};

pub(crate) const CASES: &[Case] = &[
    case(7, Columns::new(2, 3, 1, 4), 0.5, true),
    case(7, Columns::new(2, 3, 1, 4), 0.5, false),
    case(5, Columns::new(0, 1, 0, 2), 1.0, true).margin(1),
    case(5, Columns::new(0, 0, 3, 0), 0.2, true),
    case(3, Columns::new(1, 0, 0, 131), 0.5, true).margin(2),
    case(3, Columns::new(0, 2, 0, 300), 0.1, false),
    case(500, Columns::new(6, 8, 0, 7), 0.5, true).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

/// The gradient of the records of m rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// The columns of a record.
    pub columns: Columns,
    /// τ.
    pub temperature: f64,
    /// True if a level is decided.
    pub decided: bool,
}

const fn case(rows: usize, columns: Columns, temperature: f64, decided: bool) -> Case {
    Call {
        rows,
        columns,
        temperature,
        decided,
    }
    .case()
}

impl Operation for Call {
    fn name(&self) -> String {
        let columns = self.columns.name();
        let how = if self.decided { "decided" } else { "relaxed" };
        format!("{}/{columns}/{how} at {}", self.rows, self.temperature)
    }

    fn bytes(&self) -> u64 {
        4 * (4 * self.rows * self.columns.width()) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (m, n, heads) = (self.rows, self.columns.width(), self.columns.heads());
        let z = draw.values(31, m, n);
        let p = relax(&z, &heads, self.temperature, |_, _| 0.0);
        Box::new(Decided {
            call: *self,
            heads: Heads::new(draw.backend(), &heads),
            x: draw.input(records(&p, &heads, self.decided)),
            p: draw.input_elsewhere(p),
            dz: draw.in_place(draw.values(32, m, n)),
        })
    }
}

struct Decided<B: Backend> {
    call: Call,
    heads: Heads<B>,
    p: Operand<B>,
    x: Operand<B>,
    dz: Operand<B>,
}

impl<B: Backend> Operands<B> for Decided<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.heads_bwd(HeadsBwd {
            heads: &self.heads,
            p: self.p.rows(),
            x: self.x.rows(),
            dz: self.dz.rows_mut(),
            temperature: self.call.temperature,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.dz.read("dz", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (p, x, dx) = (&self.p.host, &self.x.host, &self.dz.host);
        let (heads, temperature) = (self.call.columns.heads(), self.call.temperature);
        let dz = heads_bwd(p, x, dx, &heads, temperature);
        // Each d is at most 1 + |s|, of a scalar that is at most 1, and is rounded before the mean
        // of all is subtracted.
        let depth = (dx.cols as f64).sqrt();
        let size = |i, j| 2.0 * depth * p[(i, j)].abs() / temperature;
        vec![found[0].compare(rounding, |i, j| {
            Expected::new(dz[(i, j)], dz[(i, j)].abs() + size(i, j))
        })]
    }
}

impl HeadsBwd<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, _) = self.check();
        self.dz.matrix.storage = 1.0;
        case(rows, Columns::like(self.heads), self.temperature, true)
    }
}
