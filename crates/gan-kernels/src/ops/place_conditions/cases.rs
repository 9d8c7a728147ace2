//! The cases of [`PlaceConditions`].

use super::PlaceConditions;
use super::reference::place_conditions;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::recorder::Recorder;
use crate::{Backend, BackendError, Given};

pub(crate) const CASES: &[Case] = &[
    case(7, 5, 3, 17, true),
    case(7, 5, 3, 17, false).margin(1),
    case(101, 0, 1, 2, true).margin(2),
    case(3, 67, 131, 393, true),
    case(3, 67, 131, 393, false),
    case(200, 100, 10, 794, true).paper(),
    case(100, 100, 10, 794, false).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::COPY;

/// c conditions in m records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// n.
    pub latents: usize,
    /// c.
    pub given: usize,
    /// Values of a record.
    pub cols: usize,
    /// True if there is an X.
    pub has_x: bool,
}

const fn case(rows: usize, latents: usize, given: usize, cols: usize, has_x: bool) -> Case {
    Call {
        rows,
        latents,
        given,
        cols,
        has_x,
    }
    .case()
}

impl Call {
    /// Places that are not evenly spaced.
    fn places(&self) -> Vec<usize> {
        let apart = self.cols / self.given;
        (0..self.given).map(|i| apart * i + i % apart).collect()
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        let Self {
            rows,
            latents,
            given,
            cols,
            ..
        } = self;
        match self.has_x {
            true => format!("{rows}x{cols}/{given} beside {latents}"),
            false => format!("{rows}x{cols}/{given} zeros"),
        }
    }

    fn bytes(&self) -> u64 {
        let read = usize::from(self.has_x);
        4 * ((1 + read) * self.rows * self.given) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let inputs = self.latents + self.given;
        let x = || draw.input_elsewhere(draw.values(34, self.rows, inputs));
        Box::new(Placed {
            call: *self,
            given: Given::new(draw.backend(), self.places()),
            x: self.has_x.then(x),
            y: draw.in_place(draw.values(35, self.rows, self.cols)),
        })
    }
}

struct Placed<B: Backend> {
    call: Call,
    given: Given<B>,
    x: Option<Operand<B>>,
    y: Operand<B>,
}

impl<B: Backend> Operands<B> for Placed<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.place_conditions(PlaceConditions {
            given: &self.given,
            x: self.x.as_ref().map(Operand::rows),
            y: self.y.rows_mut(),
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.y.read("y", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let x = self.x.as_ref().map(|x| &x.host);
        let y = place_conditions(&self.call.places(), x, &self.y.host);
        vec![found[0].compare(rounding, |i, j| Expected::exactly(y[(i, j)]))]
    }
}

impl PlaceConditions<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, given, latents) = self.check();
        let cols = self.y.matrix.cols;
        case(rows, latents, given, cols, self.x.is_some())
    }
}
