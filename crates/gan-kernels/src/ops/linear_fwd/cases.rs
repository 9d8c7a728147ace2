//! The cases of [`LinearFwd`].

use super::LinearFwd;
use super::reference::linear_fwd;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{
    Case, Checker, Comparison, HALF, LEAKY, MAXOUT_2, MAXOUT_3, MAXOUT_5, MOST, Operation, Shape,
    Tolerance, variant,
};
use crate::ops::linear_bwd_data::cases::read_winners;
use crate::ops::reference::dropout_factor;
use crate::recorder::{Recorder, percent, share_kept};
use crate::{Activation, Backend, BackendError, Dropout, Winners};

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
    case(7, 13, 11, MAXOUT_5),
    case(5, 3, 2, Maxout { pieces: 255 }),
    case(1, 13, 11, Relu),
    case(7, 1, 11, Identity),
    case(7, 13, 1, Tanh),
    case(1, 1, 1, Sigmoid),
    case(1, 1, 5, MAXOUT_2).exact(),
    dropped(11, 17, 5, Identity, HALF),
    dropped(11, 17, 5, Relu, HALF).exact(),
    dropped(11, 19, 5, Sigmoid, MOST),
    dropped(11, 35, 5, Tanh, MOST).margin(3),
    dropped(11, 9, 5, MAXOUT_5, HALF).exact(),
    dropped(11, 9, 5, MAXOUT_3, HALF).margin(2),
    // Several blocks of rows, several strips, several passes over the depth.
    case(131, 7, 37, MAXOUT_5).exact(),
    dropped(131, 97, 37, LEAKY, MOST),
    case(13, 37, 7001, Relu),
    case(101, 19, 3079, Identity).exact(),
    case(29, 5, 6151, MAXOUT_3).margin(1),
    // Zeros enough to leave them out.
    case(131, 97, 370, LEAKY).sparse(50, 100),
    dropped(200, 60, 150, MAXOUT_5, HALF)
        .sparse(30, 100)
        .margin(1),
    case(100, 1200, 100, Relu).paper(),
    case(100, 1200, 1200, Relu).paper(),
    dropped(100, 784, 1200, Sigmoid, MOST).paper(),
    dropped(200, 240, 784, MAXOUT_5, HALF).paper(),
    dropped(200, 240, 240, MAXOUT_5, HALF).paper(),
    case(200, 1, 240, Identity).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::PRODUCT;

/// A layer's forward pass: m rows, n units, k inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m, n, k.
    pub shape: Shape,
    /// φ.
    pub act: Activation,
    /// Dropout of the output.
    pub dropout: Option<Dropout>,
}

const fn case(m: usize, n: usize, k: usize, act: Activation) -> Case {
    call(Shape { m, n, k }, act, None)
}

const fn dropped(m: usize, n: usize, k: usize, act: Activation, mask: Dropout) -> Case {
    call(Shape { m, n, k }, act, Some(mask))
}

pub(crate) const fn call(shape: Shape, act: Activation, dropout: Option<Dropout>) -> Case {
    Call {
        shape,
        act,
        dropout,
    }
    .case()
}

impl Call {
    /// The product alone, with all pieces of maxout.
    #[must_use]
    pub fn product(&self) -> Shape {
        Shape {
            n: self.shape.n * self.act.pieces(),
            ..self.shape
        }
    }

    pub(super) fn operands<B: Backend>(&self, draw: &Draw<'_, B>) -> Forward<B> {
        let (Shape { m, n, k }, columns) = (self.shape, self.product().n);
        let winners = || draw.backend().winners(m + draw.margin(), n);
        Forward {
            call: *self,
            x: draw.input(draw.layer_input(0, m, k)),
            w: draw.whole(draw.weights(1, k, columns, k)),
            b: draw.whole(draw.values(2, 1, columns)),
            y: draw.output(m, n),
            winners: (self.act.pieces() > 1).then(winners),
            first_winners: draw.margin(),
            state: draw.state(),
        }
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}/{}", self.product(), variant(self.act, self.dropout))
    }

    fn flop(&self) -> u64 {
        self.product().flop()
    }

    fn bytes(&self) -> u64 {
        let Shape { m, n, k } = self.shape;
        4 * (m * (k + n) + k * self.product().n) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        Box::new(self.operands(draw))
    }
}

pub(super) struct Forward<B: Backend> {
    call: Call,
    pub(super) x: Operand<B>,
    pub(super) w: Operand<B>,
    b: Operand<B>,
    y: Operand<B>,
    winners: Option<Winners<B>>,
    /// The first row of the winners.
    first_winners: usize,
    state: B::State,
}

impl<B: Backend> Operands<B> for Forward<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let first = self.first_winners;
        backend.linear_fwd(LinearFwd {
            x: self.x.rows(),
            w: &self.w.matrix,
            b: &self.b.matrix,
            y: self.y.rows_mut(),
            act: self.call.act,
            winners: self.winners.as_mut().map(|w| w.from_row_mut(first)),
            dropout: self.call.dropout,
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        let y = self.y.read("y", checker.backend)?;
        let Call { shape, act, .. } = self.call;
        let winners = self.winners.as_ref().map(|winners| {
            let winners = winners.from_row(self.first_winners);
            read_winners(checker, winners, shape.m, act)
        });
        let winners = winners.transpose()?.unwrap_or_default();
        Ok(vec![y, Found::new("winners", shape.n, winners)])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let Call { act, dropout, .. } = self.call;
        let (n, pieces) = (self.call.shape.n, act.pieces());
        let [x, w, b] = [&self.x, &self.w, &self.b].map(|operand| &operand.host);
        let expected = linear_fwd(x, w, b, act, dropout, &state());
        let whole = self.call.product();
        let mut sizes = rounding.product(whole, |i, l| x[(i, l)], |l, j| w[(l, j)]);
        for (index, size) in sizes.values.iter_mut().enumerate() {
            *size += b.values[index % whole.n].abs();
        }
        let largest = |row: usize, unit: usize| {
            let sizes = &sizes.row(row)[unit * pieces..][..pieces];
            sizes.iter().copied().fold(0.0, f64::max)
        };
        let y = found[0].compare(rounding, |row, unit| {
            let factor = dropout_factor(dropout, &state(), (row, unit), n);
            Expected::new(
                expected.y[(row, unit)],
                // No φ is steeper than 1; sigmoid and tanh are of size 1 themselves.
                factor * (largest(row, unit) + 1.0),
            )
        });
        let mut winners = Comparison::new("winners");
        for (index, &found) in found[1].values.iter().enumerate() {
            let (row, unit) = (index / n, index % n);
            let winner = expected.winners[(row, unit)];
            // Another piece may win only where rounding cannot tell the two apart.
            let z = &expected.z.row(row)[unit * pieces..][..pieces];
            let behind = |z_found| z[winner as usize] - z_found;
            let behind = z.get(found as usize).map_or(f64::INFINITY, behind);
            if found != winner && behind < 2.0 * rounding.unit() * largest(row, unit) {
                winners.skip();
            } else {
                winners.add(Expected::exactly(winner).beside(row, unit, found, 0.0));
            }
        }
        vec![y, winners]
    }
}

impl LinearFwd<'_, Recorder> {
    /// The call; what it leaves in Y is noted there.
    pub(crate) fn record(&mut self) -> Case {
        let (m, _, k) = self.check();
        let n = self.y.shape().1;
        let relu = if self.act == Relu { 0.5 } else { 1.0 };
        self.y.matrix.storage = relu * share_kept(self.dropout);
        let case = call(Shape { m, n, k }, self.act, self.dropout);
        case.sparse(percent(self.x.matrix.storage), 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Op;
    use crate::{Matrix, Native};

    /// The number of cases that fail at `factor_epsilon` with both factors rounded to `bits` of
    /// mantissa, and the number of all.
    fn failures(bits: u32, factor_epsilon: f64) -> (usize, usize) {
        let native = Native::<f32>::new(Some(2)).unwrap();
        let backend = &native;
        let checker = Checker {
            backend,
            factor_epsilon,
        };
        let (mut failed, mut all) = (0, 0);
        for case in CASES.iter().filter(|case| case.flop() < 1_000_000) {
            let Op::LinearFwd(call) = case.op else {
                unreachable!("linear_fwd: another operation's case")
            };
            let mut operands = call.operands(&checker.draw_of(case));
            // Behind the reference's back, which still sees the values before.
            for factor in [&mut operands.x.matrix, &mut operands.w.matrix] {
                round(&native, factor, bits);
            }
            operands.run(&native).unwrap();
            let found = operands.results(&checker).unwrap();
            let compared = operands.compare(checker.rounding(case), &found);
            all += 1;
            failed += usize::from(compared.iter().any(|result| result.wrong > 0));
        }
        (failed, all)
    }

    /// To the nearest of the numbers with `bits` of mantissa.
    fn round(native: &Native<f32>, matrix: &mut Matrix<Native<f32>>, bits: u32) {
        let dropped = 23 - bits;
        let half = 1 << (dropped - 1);
        let rounded = |value: f32| (value.to_bits() + half) & !((1 << dropped) - 1);
        let values = native.read(matrix.all()).unwrap().into_iter();
        let values: Vec<_> = values.map(|value| f32::from_bits(rounded(value))).collect();
        native.write(matrix, &values);
    }

    #[test]
    fn factors_rounded_to_10_or_7_bits_are_within_their_own_tolerance_and_no_finer_one() {
        for bits in [10, 7] {
            let epsilon = 0.5_f64.powi(bits as i32);
            let (failed, all) = failures(bits, epsilon);
            assert_eq!(failed, 0, "of {all}, {bits} bits");
            // Integers are exact in any format; all others but the smallest must notice.
            let (failed, _) = failures(bits, epsilon / 64.0);
            assert!(3 * failed > all, "{failed} of {all}, {bits} bits");
        }
    }
}
