//! The cases of [`InputPenalty`].

use super::reference::{Row, input_penalty, row};
use super::{InputPenalty, Penalty, UNIT_NORM_EPSILON};
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Inputs, Operation, Tolerance};
use crate::ops::logit_loss::cases::read_monitors;
use crate::recorder::Recorder;
use crate::{Backend, BackendError, Monitor};

pub(crate) const CASES: &[Case] = &[
    case(6, 13, R1),
    case(6, 13, R2).margin(2),
    case(46, 37, R1_AND_R2),
    // A mean over eight rows with γ of 8 and 4: all sums are exact.
    case(16, 13, R1_AND_R2).exact(),
    case(2, 1, R1_AND_R2),
    case(22, 131, NO_PENALTY).margin(1),
    case(9, 13, UNIT),
    case(3, 1, UNIT),
    case(51, 37, UNIT).margin(2),
    case(6, 3079, UNIT),
    case(10, 6151, R1),
    case(200, 784, R1_AND_R2).paper(),
    case(300, 784, UNIT).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::NORM;

/// On data alone, on samples alone, on both, and on neither.
const R1: Penalty = zero_centred(10.0, 0.0);
const R2: Penalty = zero_centred(0.0, 0.7);
const R1_AND_R2: Penalty = zero_centred(8.0, 4.0);
const NO_PENALTY: Penalty = zero_centred(0.0, 0.0);
const UNIT: Penalty = Penalty::UnitNorm { weight: 10.0 };

const fn zero_centred(data: f64, samples: f64) -> Penalty {
    Penalty::ZeroCentred { data, samples }
}

/// A penalty on the gradients of m rows of d values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// d.
    pub cols: usize,
    /// P.
    pub penalty: Penalty,
}

const fn case(rows: usize, cols: usize, penalty: Penalty) -> Case {
    Call {
        rows,
        cols,
        penalty,
    }
    .case()
}

impl Operation for Call {
    fn name(&self) -> String {
        let penalty = match self.penalty {
            Penalty::ZeroCentred { data, samples } => format!("zero-centred {data} and {samples}"),
            Penalty::UnitNorm { weight } => format!("unit norm {weight}"),
        };
        format!("{}x{}/{penalty}", self.rows, self.cols)
    }

    fn bytes(&self) -> u64 {
        4 * (3 * self.rows * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (m, d) = (self.rows, self.cols);
        let mut q = draw.values(23, m, d);
        // Norms on both sides of 1, and one of 0.
        let scale = match draw.inputs {
            Inputs::Integers => 1.0,
            _ => 2.0 * draw.weight_scale(d),
        };
        q.values.iter_mut().for_each(|q| *q *= scale);
        if m > 3 {
            q.row_mut(m - 1).fill(0.0);
        }
        Box::new(Penalised {
            penalty: self.penalty,
            x: draw.input(draw.values(22, m, d)),
            q: draw.input(q),
            s: draw.input(draw.values(24, m, 1)),
            c: draw.output(m, d),
            monitors: draw.backend().monitors(),
        })
    }
}

struct Penalised<B: Backend> {
    penalty: Penalty,
    x: Operand<B>,
    q: Operand<B>,
    s: Operand<B>,
    c: Operand<B>,
    monitors: B::Monitors,
}

impl<B: Backend> Operands<B> for Penalised<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.input_penalty(InputPenalty {
            x: self.x.rows(),
            q: self.q.rows(),
            s: self.s.rows(),
            c: self.c.rows_mut(),
            penalty: self.penalty,
            monitors: &mut self.monitors,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![
            self.c.read("c", checker.backend)?,
            read_monitors(checker, &mut self.monitors)?,
        ])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let [x, q, s] = [&self.x, &self.q, &self.s].map(|operand| &operand.host);
        let c = input_penalty(x, q, s, self.penalty);
        let of_row = |i| {
            let row = row(q, i, self.penalty);
            let sizes = Sizes::new(self.penalty, &row, q.cols, rounding.unit());
            (row, sizes)
        };
        let rows: Vec<_> = (0..q.rows).map(of_row).collect();
        let c = found[0].compare(rounding, |i, j| {
            let (row, sizes) = &rows[i];
            let of_x = 2.0 * (s[(i, 0)] * x[(i, j)]).abs();
            let of_q = (2.0 * row.kappa.abs() + sizes.kappa) * q[(i, j)].abs();
            Expected::new(c[(i, j)], of_x + of_q)
        });
        // Adding up the rows rounds, too.
        let depth = (q.rows as f64).sqrt();
        let sum = |part: fn(&(Row, Sizes)) -> (f64, f64)| {
            let mut sum = Expected::default();
            for (value, magnitude) in rows.iter().filter(|(row, _)| row.is_penalised).map(part) {
                sum.value += value;
                sum.magnitude += magnitude + depth * value.abs();
            }
            sum
        };
        let count = rows.iter().filter(|(row, _)| row.is_penalised).count();
        let mut sums = [Expected::exactly(0.0); Monitor::COUNT];
        sums[Monitor::Penalty as usize] = sum(|(row, sizes)| (row.value, sizes.value));
        sums[Monitor::InputGradient as usize] = sum(|(row, sizes)| (row.square, sizes.square));
        sums[Monitor::PenalisedRows as usize] = Expected::exactly(count as f64);
        vec![c, found[1].compare(rounding, |_, col| sums[col])]
    }
}

/// The magnitudes of what follows from one row's gradient.
struct Sizes {
    square: f64,
    value: f64,
    kappa: f64,
}

impl Sizes {
    fn new(penalty: Penalty, row: &Row, cols: usize, unit: f64) -> Self {
        // The sum's own rounding, as a product's.
        let square = (cols as f64).sqrt() * row.square;
        let weight = row.weight;
        match penalty {
            Penalty::ZeroCentred { .. } => Self {
                square,
                value: weight * (square + row.square),
                kappa: weight,
            },
            Penalty::UnitNorm { .. } => {
                let norm = (row.square + UNIT_NORM_EPSILON).sqrt();
                let off = norm - 1.0;
                let norm_blur = square / (2.0 * norm) + 2.0 * norm;
                let blur = 2.0 * off.abs() * norm_blur + unit * norm_blur * norm_blur;
                let of_norm = 2.0 * weight * norm_blur / norm * (1.0 + off.abs() / norm);
                Self {
                    square,
                    value: weight * (blur + off * off),
                    kappa: of_norm + 2.0 * row.kappa.abs(),
                }
            }
        }
    }
}

impl InputPenalty<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, cols) = self.check();
        self.c.matrix.storage = 1.0;
        case(rows, cols, self.penalty)
    }
}
