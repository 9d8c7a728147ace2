//! The cases of [`GatherConditions`].

use super::GatherConditions;
use super::reference::gather_conditions;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::ops::gather_rows::cases::{drawn, in_groups, row_groups};
use crate::ops::reference::Table;
use crate::recorder::Recorder;
use crate::{Backend, BackendError, Given, RecordFormat, Records, RowGroups, StepState};

pub(crate) const CASES: &[Case] = &[
    case(7, 5, 3, 19, RecordFormat::Floats, 0, 0),
    case(21, 13, 7, 19, RecordFormat::Bytes, 0, 1_000_003).margin(2),
    case(5, 1, 1, 3, RecordFormat::BytesPerRow, 0, 4).margin(1),
    case(11, 67, 131, 23, RecordFormat::Floats, 5, 2),
    case(101, 3, 2, 307, RecordFormat::Bytes, 97, 9),
    case(200, 100, 10, 5000, RecordFormat::Bytes, 0, 0).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

/// m rows of n latents and c conditions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// n.
    pub latents: usize,
    /// c.
    pub given: usize,
    /// N.
    pub records: usize,
    /// The format of the records.
    pub kept: RecordFormat,
    /// Groups that records are drawn from; 0 where they are visited in turn.
    pub groups: usize,
    /// Iteration.
    pub step: u64,
}

const fn case(
    rows: usize,
    latents: usize,
    given: usize,
    records: usize,
    kept: RecordFormat,
    groups: usize,
    step: u64,
) -> Case {
    Call {
        rows,
        latents,
        given,
        records,
        kept,
        groups,
        step,
    }
    .case()
}

/// Values of a record between two that are given.
const APART: usize = 3;
/// Rows of an iteration, and the first that a case takes: more rows than these are of the next one.
const ROWS_OF_STEP: [usize; 2] = [6, 1];

impl Call {
    fn cols(&self) -> usize {
        APART * self.given + 1
    }

    /// Places that are not evenly spaced.
    fn places(&self) -> Vec<usize> {
        (0..self.given).map(|i| APART * i + i % APART).collect()
    }

    fn state(&self) -> StepState {
        StepState {
            step: self.step,
            ..state()
        }
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        let Self {
            rows,
            latents,
            given,
            records,
            kept,
            ..
        } = self;
        let groups = match self.groups {
            0 => String::new(),
            groups => format!(" in {groups} groups"),
        };
        format!("{rows}x{latents}+{given}/{kept:?} of {records}{groups}")
    }

    fn bytes(&self) -> u64 {
        4 * (2 * self.rows * (self.latents + self.given)) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (backend, cols) = (draw.backend(), self.cols());
        let (values, records) = drawn(self.kept, self.records, cols);
        Box::new(Gather {
            call: *self,
            records,
            resident: backend.resident(Records::new(cols, values)),
            given: Given::new(backend, self.places()),
            groups: row_groups(backend, self.records, self.groups),
            z: draw.input_elsewhere(draw.values(33, self.rows, self.latents)),
            y: draw.output(self.rows, self.latents + self.given),
            state: backend.state(self.state()),
        })
    }
}

struct Gather<B: Backend> {
    call: Call,
    records: Table,
    resident: B::Resident,
    given: Given<B>,
    groups: Option<RowGroups<B>>,
    z: Operand<B>,
    y: Operand<B>,
    state: B::State,
}

impl<B: Backend> Operands<B> for Gather<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let [rows_per_step, first_row] = ROWS_OF_STEP;
        backend.gather_conditions(GatherConditions {
            records: &self.resident,
            given: &self.given,
            z: self.z.rows(),
            y: self.y.rows_mut(),
            rows_per_step,
            first_row,
            groups: self.groups.as_ref(),
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.y.read("y", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (call, z) = (self.call, &self.z.host);
        let groups = in_groups(call.records, call.groups);
        let y = gather_conditions(
            &self.records,
            &call.places(),
            z,
            ROWS_OF_STEP,
            groups.as_ref(),
            &call.state(),
        );
        let expected = |row, col| Expected::new(y[(row, col)], y[(row, col)].abs() + 1.0);
        vec![found[0].compare(rounding, expected)]
    }
}

impl GatherConditions<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let records = self.records.rows();
        let (rows, latents) = self.check(records, self.records.cols());
        self.y.matrix.storage = 1.0;
        case(
            rows,
            latents,
            self.given.width(),
            records,
            self.records.format(),
            self.groups.map_or(0, |groups| groups.groups),
            self.state.step,
        )
    }
}
