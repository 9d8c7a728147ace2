//! What [`HeadsBwd`](super::HeadsBwd) computes, as plain loops in f64.

use crate::Head;
use crate::ops::reference::Table;

/// The gradient by Z, m × n, of relaxed levels P, records X and the gradient by X.
pub(crate) fn heads_bwd(
    p: &Table,
    x: &Table,
    dx: &Table,
    heads: &[Head],
    temperature: f64,
) -> Table {
    let mut dz = Table::new(dx.rows, dx.cols, dx.values.clone());
    for i in 0..p.rows {
        let mut begin = 0;
        for head in heads {
            let first = begin + usize::from(head.scalar);
            let end = first + head.levels;
            // Of the levels, the first of which the scalar was multiplied by.
            let d = |j: usize| {
                let of_scalar = match head.scalar && j == first {
                    true => p[(i, begin)] * dx[(i, begin)],
                    false => 0.0,
                };
                dx[(i, j)] + of_scalar
            };
            let mean: f64 = (first..end).map(|j| p[(i, j)] * d(j)).sum();
            for j in first..end {
                dz[(i, j)] = p[(i, j)] * (d(j) - mean) / temperature;
            }
            if head.scalar && head.levels > 0 {
                dz[(i, begin)] = dx[(i, begin)] * x[(i, first)];
            }
            begin = end;
        }
    }
    dz
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::heads_fwd::reference::{records, relax};

    /// Of a record whose levels are relaxed, by central differences.
    #[test]
    fn the_gradient_is_that_of_the_relaxed_levels() {
        let head = |scalar, levels| Head { scalar, levels };
        let heads = [head(true, 3), head(false, 4), head(true, 0), head(true, 2)];
        let n: usize = heads.iter().map(|head| head.width()).sum();
        let value = |seed: usize, i: usize| ((seed * 37 + i * 53) % 29) as f64 / 14.5 - 1.0;
        let z = Table::new(2, n, (0..2 * n).map(|i| 2.0 * value(1, i)).collect());
        let dx = Table::new(2, n, (0..2 * n).map(|i| value(5, i)).collect());
        let noise = |i: usize, j: usize| value(3, i * n + j);
        let temperature = 0.7;
        let record = |z: &Table| {
            let p = relax(z, &heads, temperature, noise);
            let x = records(&p, &heads, false);
            (p, x)
        };
        let (p, x) = record(&z);
        let found = heads_bwd(&p, &x, &dx, &heads, temperature);
        let objective = |z: &Table| -> f64 {
            let (_, x) = record(z);
            x.values.iter().zip(&dx.values).map(|(x, d)| x * d).sum()
        };
        for index in 0..2 * n {
            const STEP: f64 = 1e-5;
            let [above, below] = [STEP, -STEP].map(|step| {
                let mut moved = Table::new(2, n, z.values.clone());
                moved.values[index] += step;
                objective(&moved)
            });
            let expected = (above - below) / (2.0 * STEP);
            let off = (found.values[index] - expected).abs();
            assert!(
                off < 1e-9,
                "{index}: {} and {expected}",
                found.values[index]
            );
        }
    }
}
