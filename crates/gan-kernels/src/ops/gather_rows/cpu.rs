//! The CPU's [`GatherRows`].

use super::GatherRows;
use crate::native::{Mask, Native};
use crate::random::Permutation;
use crate::{Affine, ByteScale, Real, Values};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: GatherRows<'_, Native<T>>) {
    let (records, state) = (op.records, op.state);
    op.check(records.rows(), records.cols());
    let (m, n) = op.y.shape();
    let mask = op.dropout.map(|dropout| Mask::new(dropout, state, n));
    let minibatches = op.minibatches_per_step as u64;
    let position = (state.step * minibatches + op.minibatch as u64) * m as u64;
    let y = op.y.shared();
    native.over_rows(m, m * n, |row| {
        let position = position + row as u64;
        let (epoch, within) = (
            position / records.rows() as u64,
            position % records.rows() as u64,
        );
        let record = Permutation::new(state.seed, epoch, records.rows()).at(within as usize);
        // SAFETY: each row is written by one task.
        let y = unsafe { y.part(row, 0, n) };
        copy_record(records.values(), record, y);
        if let Some(mask) = &mask {
            mask.apply(row, 0, y);
        }
    });
}

fn copy_record<T: Real>(values: &Values, record: usize, y: &mut [T]) {
    let range = record * y.len()..(record + 1) * y.len();
    match values {
        Values::Floats(data) => {
            y.iter_mut()
                .zip(&data[range])
                .for_each(|(y, &x)| *y = T::from_f64(f64::from(x)));
        }
        Values::Bytes { data, scale } => {
            let Affine { scale, offset } = match scale {
                ByteScale::Uniform(map) => *map,
                ByteScale::PerRow(maps) => maps[record],
            };
            for (y, &byte) in y.iter_mut().zip(&data[range]) {
                // In f32 whatever T is, so that the oracle sees the numbers that training sees.
                *y = T::from_f64(f64::from(f32::from(byte) * scale + offset));
            }
        }
    }
}
