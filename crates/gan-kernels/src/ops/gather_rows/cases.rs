//! The cases of [`GatherRows`].

use super::GatherRows;
use super::reference::{Grouped, gather_rows};
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, address, state};
use crate::cases::{Case, Checker, Comparison, HALF, MOST, Operation, Tolerance};
use crate::ops::reference::Table;
use crate::recorder::{Recorder, share_kept};
use crate::{
    Affine, Backend, BackendError, ByteScale, Dropout, RecordFormat, Records, RowGroups, StepState,
    Values,
};

pub(crate) const CASES: &[Case] = &[
    case(7, 19, 13, RecordFormat::Bytes, 0),
    case(7, 19, 13, RecordFormat::BytesPerRow, 0),
    case(7, 19, 13, RecordFormat::Floats, 0),
    case(7, 19, 13, RecordFormat::Floats, 1_000_003),
    case(47, 19, 3, RecordFormat::Floats, 2).margin(2),
    case(5, 1, 1, RecordFormat::Floats, 0),
    dropped(11, 19, 37, RecordFormat::BytesPerRow, 0, HALF),
    dropped(101, 307, 53, RecordFormat::Floats, 8, MOST),
    grouped(13, 19, 3, 4, 1).margin(1),
    grouped(101, 307, 5, 90, 1_000_003),
    grouped(5, 7, 2, 1, 0),
    case(100, 5000, 784, RecordFormat::Bytes, 0).paper(),
    dropped(100, 5000, 784, RecordFormat::Bytes, 0, MOST).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

/// m of N records of n values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// N.
    pub records: usize,
    /// n.
    pub cols: usize,
    /// The format of the records.
    pub kept: RecordFormat,
    /// Iteration.
    pub step: u64,
    /// Groups that records are drawn from; 0 where they are visited in turn.
    pub groups: usize,
    /// Dropout of the rows.
    pub dropout: Option<Dropout>,
}

const fn case(rows: usize, records: usize, cols: usize, kept: RecordFormat, step: u64) -> Case {
    call(rows, records, cols, kept, step, None).case()
}

const fn grouped(rows: usize, records: usize, cols: usize, groups: usize, step: u64) -> Case {
    Call {
        groups,
        ..call(rows, records, cols, RecordFormat::Floats, step, None)
    }
    .case()
}

const fn dropped(
    rows: usize,
    records: usize,
    cols: usize,
    kept: RecordFormat,
    step: u64,
    mask: Dropout,
) -> Case {
    call(rows, records, cols, kept, step, Some(mask)).case()
}

const fn call(
    rows: usize,
    records: usize,
    cols: usize,
    kept: RecordFormat,
    step: u64,
    dropout: Option<Dropout>,
) -> Call {
    Call {
        rows,
        records,
        cols,
        kept,
        step,
        groups: 0,
        dropout,
    }
}

impl Call {
    /// Rows of an iteration, more than twice those of the case, and the first of these.
    fn rows_of_step(&self) -> [usize; 2] {
        [2 * self.rows + 5, self.rows + 2]
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
        let (kept, records) = (self.kept, self.records);
        let groups = match self.groups {
            0 => String::new(),
            groups => format!(" in {groups} groups"),
        };
        let dropout = self.dropout.map_or("", |_| "+dropout");
        let (rows, cols) = (self.rows, self.cols);
        format!("{rows}x{cols}/{kept:?} of {records}{groups}{dropout}")
    }

    fn bytes(&self) -> u64 {
        let each = match self.kept {
            RecordFormat::Bytes | RecordFormat::BytesPerRow => 1 + 4,
            RecordFormat::Floats => 4 + 4,
        };
        (each * self.rows * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (values, records) = drawn(self.kept, self.records, self.cols);
        Box::new(Gather {
            call: *self,
            records,
            groups: row_groups(draw.backend(), self.records, self.groups),
            resident: draw.backend().resident(Records::new(self.cols, values)),
            y: draw.output(self.rows, self.cols),
            state: draw.backend().state(self.state()),
        })
    }
}

struct Gather<B: Backend> {
    call: Call,
    records: Table,
    groups: Option<RowGroups<B>>,
    resident: B::Resident,
    y: Operand<B>,
    state: B::State,
}

impl<B: Backend> Operands<B> for Gather<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let [rows_per_step, first_row] = self.call.rows_of_step();
        backend.gather_rows(GatherRows {
            records: &self.resident,
            y: self.y.rows_mut(),
            rows_per_step,
            first_row,
            groups: self.groups.as_ref(),
            dropout: self.call.dropout,
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.y.read("y", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let Call { rows, dropout, .. } = self.call;
        let state = self.call.state();
        let groups = in_groups(self.call.records, self.call.groups);
        let (groups, of_step) = (groups.as_ref(), self.call.rows_of_step());
        let y = gather_rows(&self.records, rows, of_step, groups, dropout, &state);
        let expected = |row, col| Expected::new(y[(row, col)], y[(row, col)].abs() + 1.0);
        vec![found[0].compare(rounding, expected)]
    }
}

/// So many groups of records, of very different weights; none of 0.
pub(crate) fn in_groups(records: usize, groups: usize) -> Option<Grouped> {
    (groups > 0).then(|| Grouped {
        group_of: (0..records)
            .map(|i| (i * 5 % records % groups) as u32)
            .collect(),
        weights: (0..groups)
            .map(|group| f64::from(group as u32 % 7 + 1))
            .collect(),
    })
}

/// The same, on a device.
pub(crate) fn row_groups<B: Backend>(
    backend: &B,
    records: usize,
    groups: usize,
) -> Option<RowGroups<B>> {
    let grouped = in_groups(records, groups)?;
    Some(RowGroups::new(backend, &grouped.group_of, &grouped.weights))
}

/// Records, and their values.
pub(crate) fn drawn(kept: RecordFormat, records: usize, cols: usize) -> (Values, Table) {
    let mut words = vec![0; records * cols];
    address(15).fill_words(0, &mut words);
    if kept == RecordFormat::Floats {
        let floats: Vec<_> = words.iter().map(|&w| w as f32 / 2.0_f32.powi(31)).collect();
        let values = floats.iter().map(|&x| f64::from(x)).collect();
        return (Values::Floats(floats), Table::new(records, cols, values));
    }
    let data: Vec<_> = words.iter().map(|&word| word as u8).collect();
    let maps: Vec<_> = (0..records)
        .map(|record| match kept {
            RecordFormat::Bytes => Affine::PIXELS,
            _ => Affine {
                scale: 1.0 / (100.0 + record as f32),
                offset: record as f32 * 0.01 - 0.7,
            },
        })
        .collect();
    let values = data.iter().enumerate().map(|(i, &byte)| {
        let Affine { scale, offset } = maps[i / cols];
        // The operation promises f32 arithmetic whatever the element type is.
        f64::from(f32::from(byte) * scale + offset)
    });
    let values = Table::new(records, cols, values.collect());
    let scale = match kept {
        RecordFormat::Bytes => ByteScale::Uniform(Affine::PIXELS),
        _ => ByteScale::PerRow(maps),
    };
    (Values::Bytes { data, scale }, values)
}

impl GatherRows<'_, Recorder> {
    /// The call; what it leaves in Y is noted there.
    pub(crate) fn record(&mut self) -> Case {
        let (records, cols) = (self.records.rows(), self.records.cols());
        self.check(records, cols);
        self.y.matrix.storage = share_kept(self.dropout);
        let ((rows, _), format) = (self.y.shape(), self.records.format());
        let groups = self.groups.map_or(0, |groups| groups.groups);
        Call {
            groups,
            ..call(rows, records, cols, format, self.state.step, self.dropout)
        }
        .case()
    }
}
