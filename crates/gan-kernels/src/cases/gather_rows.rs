//! The oracle of [`GatherRows`].

use super::{Case, Checker, Comparison, Expected, Kept, Op, SEED, address, mask, state};
use crate::random::Permutation;
use crate::{
    Affine, Backend, BackendError, ByteScale, Dropout, GatherRows, Matrix, Records, Values,
};

/// Minibatches of an iteration, and which of them a case takes.
const MINIBATCHES: [usize; 2] = [3, 1];

pub(super) struct Gather<B: Backend> {
    rows: usize,
    records: usize,
    cols: usize,
    step: u64,
    dropout: Option<Dropout>,
    margin: usize,
    /// The records as values.
    host: Vec<f64>,
    resident: B::Resident,
    pub(super) y: Matrix<B>,
    state: B::State,
}

impl<B: Backend> Gather<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::GatherRows {
            rows,
            records,
            cols,
            kept,
            step,
            dropout,
        } = case.op
        else {
            unreachable!("gather_rows: another operation's case")
        };
        let (values, host) = drawn(kept, records, cols);
        Self {
            rows,
            records,
            cols,
            step,
            dropout,
            margin: case.margin,
            host,
            resident: checker.backend.resident(Records::new(cols, values)),
            y: checker.output(rows, cols, case.margin),
            state: checker.backend.state(state(step)),
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let [minibatches_per_step, minibatch] = MINIBATCHES;
        backend.gather_rows(GatherRows {
            records: &self.resident,
            y: self.y.rows_mut(self.margin, self.rows),
            minibatches_per_step,
            minibatch,
            dropout: self.dropout,
            state: &self.state,
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let [minibatches, minibatch] = MINIBATCHES;
        let before = self.step as usize * minibatches + minibatch;
        let visited: Vec<_> = (0..self.rows)
            .map(|row| {
                let position = before * self.rows + row;
                let epoch = (position / self.records) as u64;
                Permutation::new(SEED, epoch, self.records).at(position % self.records)
            })
            .collect();
        let y = checker.compare(case, "y", &self.y, |row, col| {
            let value = self.host[visited[row] * self.cols + col]
                * mask(self.dropout, self.step, row, col, self.cols);
            Expected {
                value,
                magnitude: value.abs() + 1.0,
            }
        })?;
        Ok(vec![y])
    }
}

/// Records, and their values.
fn drawn(kept: Kept, records: usize, cols: usize) -> (Values, Vec<f64>) {
    let mut words = vec![0; records * cols];
    address(15).fill_words(0, &mut words);
    if kept == Kept::Floats {
        let floats: Vec<_> = words.iter().map(|&w| w as f32 / 2.0_f32.powi(31)).collect();
        let values = floats.iter().map(|&x| f64::from(x)).collect();
        return (Values::Floats(floats), values);
    }
    let data: Vec<_> = words.iter().map(|&word| word as u8).collect();
    let maps: Vec<_> = (0..records)
        .map(|record| match kept {
            Kept::Bytes => Affine::PIXELS,
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
    let values = values.collect();
    let scale = match kept {
        Kept::Bytes => ByteScale::Uniform(Affine::PIXELS),
        _ => ByteScale::PerRow(maps),
    };
    (Values::Bytes { data, scale }, values)
}
