//! The CPU's [`StepColumns`]: row by row, then the limit column by column.

use super::StepColumns;
use crate::Real;
use crate::native::{Native, SharedRows};
use crate::ops::linear_bwd_params::rule::{Rule, limit_columns};

/// Columns that are summed at once, and whose norms are.
const COLUMNS: usize = 64;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: StepColumns<'_, Native<T>>) {
    let (rows, cols, count) = op.check();
    let rule = Rule::new("step_columns", op.update, op.state, op.slot);
    let monitor = op.monitor.take();
    let first = op.parameters.first;
    let moments = op.moments.iter_mut();
    let mut moments = moments.map(|moment| SharedRows::new(&mut moment.storage, moment.stride));
    let moments = [(); 2].map(|()| moments.next());
    let theta = op.parameters.shared();
    let (before, gradients) = (op.before, op.gradients);
    // One partial sum per row, added in the order of rows: the sum does not depend on threads.
    let mut norms = native.norms();
    norms.clear();
    norms.resize(rows, 0.0);
    let squares = SharedRows::new(&mut norms, 1);
    let step_row = |row: usize| {
        let mut terms = before.iter().map(|before| before.row(row));
        let mut of_row = [T::ZERO; COLUMNS];
        let first_term = terms.next().unwrap_or_else(|| gradients.row(row));
        let rest = usize::from(before.is_none())..count;
        for start in (0..cols).step_by(COLUMNS) {
            let len = COLUMNS.min(cols - start);
            let mut sum = [T::ZERO; COLUMNS];
            let sum = &mut sum[..len];
            sum.copy_from_slice(&first_term[start..][..len]);
            for index in rest.clone() {
                let gradient = &gradients.row(index * rows + row)[start..][..len];
                let terms = sum.iter_mut().zip(gradient);
                terms.for_each(|(sum, &gradient)| *sum += gradient);
            }
            let terms = of_row.iter_mut().zip(&*sum);
            terms.for_each(|(square, &g)| *square += g * g);
            // SAFETY: each row is one call's, of the parameters and of the moments.
            unsafe {
                let moments = moments.each_ref().map(|moment| match moment {
                    Some(moment) => moment.part(first + row, start, len),
                    None => &mut [],
                });
                rule.step(theta.part(row, start, len), moments, sum);
            }
        }
        // SAFETY: likewise.
        unsafe { squares.row(row)[0] = of_row.iter().map(|square| square.to_f64()).sum() };
    };
    native.over_rows(rows, rows * cols, step_row);
    if let Some((monitors, monitor)) = monitor {
        monitors[monitor] += norms.iter().sum::<f64>();
    }
    if let Some(limit) = op.max_column_norm.map(T::from_f64) {
        native.over_rows(cols.div_ceil(COLUMNS), rows * cols, |part| {
            let own = part * COLUMNS..((part + 1) * COLUMNS).min(cols);
            let mut sums = [T::ZERO; COLUMNS];
            // SAFETY: each column is one call's.
            unsafe { limit_columns(&theta, rows - 1, own, limit, &mut sums) };
        });
    }
}
