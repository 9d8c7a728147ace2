//! The cases of [`LinearTangent`].

use super::LinearTangent;
use super::reference::linear_tangent;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{
    Case, Checker, Comparison, LEAKY, MAXOUT_2, MAXOUT_3, MAXOUT_5, Operation, Shape, Tolerance,
    variant,
};
use crate::ops::linear_bwd_data::cases::Lower;
use crate::ops::linear_bwd_data::reference::slope_of_unit;
use crate::recorder::{Recorder, percent};
use crate::{Activation, Backend, BackendError};

use Activation::{Identity, Maxout, Relu, Sigmoid, Tanh};

pub(crate) const CASES: &[Case] = &[
    case(7, 13, 11, Identity),
    case(7, 13, 11, Relu).exact(),
    case(7, 13, 11, LEAKY).exact(),
    case(7, 13, 11, Sigmoid),
    case(7, 13, 11, Tanh),
    case(7, 13, 11, MAXOUT_2).exact(),
    case(7, 13, 11, MAXOUT_3).exact(),
    case(7, 13, 11, MAXOUT_5).exact(),
    case(7, 13, 11, MAXOUT_5).margin(2),
    case(5, 3, 2, Maxout { pieces: 255 }),
    case(1, 13, 11, Relu),
    case(7, 1, 11, Identity),
    case(7, 13, 1, Tanh).margin(3),
    case(1, 1, 1, Sigmoid),
    case(1, 1, 5, MAXOUT_2).exact(),
    case(131, 7, 37, MAXOUT_5).exact(),
    case(131, 97, 37, LEAKY).margin(1),
    case(13, 37, 7001, Relu),
    case(29, 5, 6151, MAXOUT_3).margin(1),
    case(131, 97, 370, Tanh).sparse(40, 100),
    case(300, 240, 784, MAXOUT_5).paper(),
    case(300, 1200, 784, LEAKY).paper(),
    case(300, 1, 240, Identity).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::PRODUCT;

/// A layer's derivative along a direction: m rows, n units, k inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m, n, k.
    pub shape: Shape,
    /// φ.
    pub act: Activation,
}

const fn case(m: usize, n: usize, k: usize, act: Activation) -> Case {
    Call {
        shape: Shape { m, n, k },
        act,
    }
    .case()
}

impl Call {
    /// The product alone, with all pieces of maxout.
    fn product(&self) -> Shape {
        Shape {
            n: self.shape.n * self.act.pieces(),
            ..self.shape
        }
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}/{}", self.product(), variant(self.act, None))
    }

    fn flop(&self) -> u64 {
        self.product().flop()
    }

    fn bytes(&self) -> u64 {
        let Shape { m, n, k } = self.shape;
        // C, Y and C′, and W.
        4 * (m * (k + 2 * n) + k * self.product().n) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (Shape { m, n, k }, columns) = (self.shape, self.product().n);
        Box::new(Tangent {
            call: *self,
            c: draw.input(draw.layer_input(18, m, k)),
            s: draw.input(draw.values(19, m, 1)),
            w: draw.whole(draw.weights(20, k, columns, k)),
            b: draw.whole(draw.values(21, 1, columns)),
            layer: Lower::new(draw, [m, n], self.act, None),
            c_above: draw.output(m, n),
        })
    }
}

struct Tangent<B: Backend> {
    call: Call,
    c: Operand<B>,
    s: Operand<B>,
    w: Operand<B>,
    b: Operand<B>,
    /// The layer as a forward pass left it, which need not have been one with these weights.
    layer: Lower<B>,
    c_above: Operand<B>,
}

impl<B: Backend> Operands<B> for Tangent<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let layer = self.layer.below();
        backend.linear_tangent(LinearTangent {
            c: self.c.rows(),
            s: self.s.rows(),
            w: &self.w.matrix,
            b: &self.b.matrix,
            y: layer.y,
            act: self.call.act,
            winners: layer.winners,
            c_above: self.c_above.rows_mut(),
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.c_above.read("c_above", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let operands = [&self.c, &self.s, &self.w, &self.b].map(|operand| &operand.host);
        let [c, s, w, b] = operands;
        let (z, act) = (&self.layer.z, self.call.act);
        let [change, c_above] = linear_tangent(operands, z, act);
        let sizes = rounding.product(self.call.product(), |i, l| c[(i, l)], |l, j| w[(l, j)]);
        let expected = |row, unit| {
            let (column, _) = slope_of_unit(z.row(row), act, unit);
            let of_bias = (s[(row, 0)] * b[(0, column)]).abs();
            // φ′ comes from an output that was rounded to the element type.
            let of_slope = 2.0 * change[(row, column)].abs();
            let magnitude = sizes[(row, column)] + of_bias + of_slope;
            Expected::new(c_above[(row, unit)], magnitude)
        };
        vec![found[0].compare(rounding, expected)]
    }
}

impl LinearTangent<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (m, _, k) = self.check();
        self.c_above.matrix.storage = if self.act == Relu { 0.5 } else { 1.0 };
        let n = self.y.shape().1;
        case(m, n, k, self.act).sparse(percent(self.c.matrix.storage), 100)
    }
}
