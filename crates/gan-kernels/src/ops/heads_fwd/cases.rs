//! The cases of [`HeadsFwd`].

use super::HeadsFwd;
use super::reference::{gumbel, records, relax};
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::ops::reference::Table;
use crate::random::{Purpose, Stream};
use crate::recorder::Recorder;
use crate::{Backend, BackendError, Head, Heads};

pub(crate) const CASES: &[Case] = &[
    case(7, Columns::new(2, 3, 1, 4), 0.5, true, 0),
    case(7, Columns::new(2, 3, 1, 4), 0.5, false, 0),
    case(5, Columns::new(0, 1, 0, 2), 1.0, true, 0).margin(1),
    case(5, Columns::new(0, 0, 3, 0), 0.2, true, 0),
    case(3, Columns::new(1, 0, 0, 131), 0.5, true, 12_345).margin(2),
    case(3, Columns::new(0, 2, 0, 300), 0.1, false, 0),
    case(101, Columns::new(1, 5, 2, 7), 0.5, true, 1_000_000),
    case(1000, Columns::new(6, 8, 0, 7), 0.5, true, 0).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

const STREAM: Stream = Stream::new(Purpose::Noise, 1, 3);

/// The records of m rows.
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
    /// Row of the address space.
    pub first_row: usize,
}

/// Columns by number: the heads of a case in few words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Columns {
    /// Heads of a scalar and levels.
    pub mixed: usize,
    /// Heads of levels.
    pub levels: usize,
    /// Heads of a scalar.
    pub scalars: usize,
    /// Levels of every second head that has some; the others have one more.
    pub each: usize,
}

impl Columns {
    pub(crate) const fn new(mixed: usize, levels: usize, scalars: usize, each: usize) -> Self {
        Self {
            mixed,
            levels,
            scalars,
            each,
        }
    }

    /// The heads, one of each kind in turn as long as there are some.
    pub(crate) fn heads(self) -> Vec<Head> {
        let most = self.mixed.max(self.levels).max(self.scalars);
        let turn = |i: usize| {
            let kinds = [
                (self.mixed, true, self.each + i % 2),
                (self.levels, false, self.each + i % 2),
                (self.scalars, true, 0),
            ];
            let kinds = kinds.into_iter().filter(move |(count, ..)| i < *count);
            kinds.map(|(_, scalar, levels)| Head { scalar, levels })
        };
        (0..most).flat_map(turn).collect()
    }

    /// About the same number of heads and levels as these have.
    pub(crate) fn like<B: Backend>(heads: &Heads<B>) -> Self {
        let spans = || heads.spans.iter();
        let has_levels = |span: &&crate::head::HeadSpan| !span.levels.is_empty();
        let mixed = spans().filter(has_levels);
        let mixed = mixed.filter(|span| span.scalar.is_some()).count();
        let with_levels = spans().filter(has_levels).count();
        let levels: usize = spans().map(|span| span.levels.len()).sum();
        Self {
            mixed,
            levels: with_levels - mixed,
            scalars: spans().count() - with_levels,
            each: levels.checked_div(with_levels).unwrap_or(0),
        }
    }

    pub(crate) fn width(self) -> usize {
        self.heads().into_iter().map(Head::width).sum()
    }

    pub(crate) fn name(self) -> String {
        let Self {
            mixed,
            levels,
            scalars,
            each,
        } = self;
        format!("{mixed} mixed {levels} levels {scalars} scalars of {each}")
    }
}

const fn case(
    rows: usize,
    columns: Columns,
    temperature: f64,
    decided: bool,
    first_row: usize,
) -> Case {
    Call {
        rows,
        columns,
        temperature,
        decided,
        first_row,
    }
    .case()
}

impl Operation for Call {
    fn name(&self) -> String {
        let (columns, first_row) = (self.columns.name(), self.first_row);
        let how = if self.decided { "decided" } else { "relaxed" };
        let (rows, temperature) = (self.rows, self.temperature);
        format!("{rows}/{columns}/{how} at {temperature}+{first_row}")
    }

    fn bytes(&self) -> u64 {
        4 * (3 * self.rows * self.columns.width()) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (m, n) = (self.rows, self.columns.width());
        let mut z = draw.values(30, m, n);
        z.values.iter_mut().for_each(|z| *z *= 3.0);
        Box::new(Decided {
            call: *self,
            heads: Heads::new(draw.backend(), &self.columns.heads()),
            z: draw.in_place(z),
            x: draw.output(m, n),
            state: draw.state(),
        })
    }
}

struct Decided<B: Backend> {
    call: Call,
    heads: Heads<B>,
    z: Operand<B>,
    x: Operand<B>,
    state: B::State,
}

impl<B: Backend> Operands<B> for Decided<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.heads_fwd(HeadsFwd {
            heads: &self.heads,
            z: self.z.rows_mut(),
            x: self.x.rows_mut(),
            temperature: self.call.temperature,
            decided: self.call.decided,
            stream: STREAM,
            first_row: self.call.first_row,
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![
            self.z.read("p", checker.backend)?,
            self.x.read("x", checker.backend)?,
        ])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (call, z, heads) = (self.call, &self.z.host, self.call.columns.heads());
        let noise = |i, j| gumbel(STREAM, &state(), (call.first_row + i, j), z.cols);
        let p = relax(z, &heads, call.temperature, noise);
        // A level's relative error is the absolute one of its logit.
        let size = |i, j| (z[(i, j)].abs() + noise(i, j).abs() + 3.0) / call.temperature;
        let largest = |i| (0..z.cols).map(|j| size(i, j)).fold(0.0, f64::max);
        let sizes: Vec<f64> = (0..z.rows).map(largest).collect();
        let depth = (z.cols as f64).sqrt();
        // In f32 what is below 10⁻³⁸ is no normal number.
        let blur = |i: usize, j| p[(i, j)].abs() * (2.0 * sizes[i] + depth) + 1e-30;
        // What is decided follows from the levels as they were found, of which two may be as good
        // as equal.
        let relaxed = found[0].inside();
        let relaxed = Table::new(z.rows, z.cols, relaxed.to_vec());
        let x = records(&relaxed, &heads, call.decided);
        vec![
            found[0].compare(rounding, |i, j| Expected::new(p[(i, j)], blur(i, j))),
            found[1].compare(rounding, |i, j| Expected::new(x[(i, j)], x[(i, j)].abs())),
        ]
    }
}

impl HeadsFwd<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, n) = self.check();
        let columns = Columns::like(self.heads);
        let ones = columns.mixed + columns.levels;
        let share = if self.decided {
            (ones + columns.mixed + columns.scalars) as f64 / n as f64
        } else {
            1.0
        };
        self.x.matrix.storage = share;
        case(
            rows,
            columns,
            self.temperature,
            self.decided,
            self.first_row,
        )
    }
}
