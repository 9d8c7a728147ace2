//! The oracle of [`LinearTangent`].

use super::linear::Lower;
use super::{Case, Checker, Comparison, Expected, Op, Shape, weight_scale};
use crate::{Activation, Backend, BackendError, LinearTangent, Matrix};

pub(super) struct Tangent<B: Backend> {
    shape: Shape,
    act: Activation,
    margin: usize,
    /// C, s, W and b.
    host: [Vec<f64>; 4],
    c: Matrix<B>,
    s: Matrix<B>,
    w: Matrix<B>,
    b: Matrix<B>,
    /// The layer as a forward pass left it, which need not have been one with these weights.
    layer: Lower<B>,
    pub(super) c_above: Matrix<B>,
}

impl<B: Backend> Tangent<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LinearTangent { shape, act } = case.op else {
            unreachable!("linear_tangent: another operation's case")
        };
        let (Shape { m, n, k }, margin) = (shape, case.margin);
        let columns = n * act.pieces();
        let c = checker.draw(case.inputs, 18, m * k);
        let s = checker.draw(case.inputs, 19, m);
        let scale = weight_scale(case.inputs, k);
        let mut w = checker.draw(case.inputs, 20, k * columns);
        w.iter_mut().for_each(|w| *w *= scale);
        let b = checker.draw(case.inputs, 21, columns);
        Self {
            shape,
            act,
            margin,
            c: checker.input(k, &c, margin),
            s: checker.input(1, &s, margin),
            w: checker.input(columns, &w, 0),
            b: checker.input(columns, &b, 0),
            layer: Lower::new(checker, case, [m, n], act, None),
            c_above: checker.output(m, n, margin),
            host: [c, s, w, b],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (m, margin) = (self.shape.m, self.margin);
        let layer = self.layer.below();
        backend.linear_tangent(LinearTangent {
            c: self.c.rows(margin, m),
            s: self.s.rows(margin, m),
            w: &self.w,
            b: &self.b,
            y: layer.y,
            act: self.act,
            winners: layer.winners,
            c_above: self.c_above.rows_mut(margin, m),
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let Shape { m, n, k } = self.shape;
        let columns = n * self.act.pieces();
        let [c, s, w, b] = &self.host;
        let whole = Shape { m, n: columns, k };
        let mut z = checker.product(case, whole, |i, l| c[i * k + l], |l, j| w[l * columns + j]);
        for (i, z) in z.iter_mut().enumerate() {
            let of_bias = s[i / columns] * b[i % columns];
            z.value += of_bias;
            z.magnitude += of_bias.abs();
        }
        let above = checker.compare(case, "c_above", &self.c_above, |row, unit| {
            let (column, slope) = self.layer.slope(row, unit);
            let z = z[row * columns + column];
            Expected {
                value: z.value * slope,
                // φ′ comes from an output that was rounded to the element type.
                magnitude: z.magnitude + 2.0 * z.value.abs(),
            }
        })?;
        Ok(vec![above])
    }
}
