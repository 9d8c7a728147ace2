//! The cases of [`LinearBwdData`], and the layer below that other operations' cases have as well.

use super::reference::{LayerBelow, linear_bwd_data, slope_of_unit};
use super::{Below, LinearBwdData};
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{
    Case, Checker, Comparison, HALF, LEAKY, MAXOUT_2, MAXOUT_3, MAXOUT_5, MOST, Operation, Shape,
    Tolerance, variant,
};
use crate::ops::reference::{Table, dropout_factor};
use crate::recorder::{Recorder, percent, share_kept};
use crate::{Activation, Backend, BackendError, Dropout, LinearFwd, Real, Winners, WinnersRows};

use Activation::{Identity, Maxout, Relu, Sigmoid, Tanh};

pub(crate) const CASES: &[Case] = &[
    case(7, 11, 13, Identity),
    case(7, 11, 13, Relu).exact(),
    case(7, 11, 13, LEAKY).exact(),
    case(7, 11, 13, Sigmoid),
    case(7, 11, 13, Tanh),
    case(7, 11, 13, MAXOUT_2).exact(),
    case(7, 11, 13, MAXOUT_3),
    case(7, 11, 13, MAXOUT_5),
    case(5, 2, 3, Maxout { pieces: 255 }),
    case(1, 11, 13, Relu),
    case(7, 1, 13, MAXOUT_5),
    case(7, 11, 1, Tanh),
    case(1, 1, 1, Sigmoid),
    dropped(11, 5, 17, Identity, HALF),
    dropped(11, 5, 17, Relu, HALF).exact(),
    dropped(11, 5, 19, Sigmoid, MOST),
    dropped(11, 5, 35, Tanh, MOST).margin(3),
    dropped(11, 5, 9, LEAKY, MOST).margin(1),
    dropped(11, 5, 9, MAXOUT_5, HALF).exact().margin(2),
    dropped(131, 37, 97, LEAKY, MOST),
    case(13, 7001, 37, Relu),
    case(101, 3079, 19, Identity).exact(),
    case(29, 6151, 5, MAXOUT_3).margin(1),
    case(131, 370, 97, Tanh).sparse(100, 10).margin(2),
    dropped(200, 150, 300, MAXOUT_5, HALF).sparse(100, 50),
    case(100, 1200, 1200, Relu).paper(),
    case(100, 784, 1200, Relu).paper(),
    dropped(200, 1, 240, MAXOUT_5, HALF).paper(),
    dropped(200, 1200, 240, MAXOUT_5, HALF).paper(),
    dropped(100, 1200, 784, Sigmoid, MOST).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::PRODUCT;

/// The way back through a layer: dZ of m × n, k units below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m, n, k.
    pub shape: Shape,
    /// φ of the layer below.
    pub act: Activation,
    /// Dropout that the layer below applied.
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

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}/{}", self.shape, variant(self.act, self.dropout))
    }

    fn flop(&self) -> u64 {
        self.shape.flop()
    }

    fn bytes(&self) -> u64 {
        let (Shape { m, n, k }, pieces) = (self.shape, self.act.pieces());
        4 * (m * (n + k * (1 + pieces)) + k * n) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let Shape { m, n, k } = self.shape;
        Box::new(Backward {
            dz: draw.input(draw.gradient(3, m, n)),
            w: draw.whole(draw.weights(4, k, n, n)),
            lower: Lower::new(draw, [m, k], self.act, self.dropout),
            dz_below: draw.output(m, k * self.act.pieces()),
            state: draw.state(),
        })
    }
}

struct Backward<B: Backend> {
    dz: Operand<B>,
    w: Operand<B>,
    lower: Lower<B>,
    dz_below: Operand<B>,
    state: B::State,
}

impl<B: Backend> Operands<B> for Backward<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.linear_bwd_data(LinearBwdData {
            dz: self.dz.rows(),
            w: &self.w.matrix,
            below: self.lower.below(),
            dz_below: self.dz_below.rows_mut(),
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.dz_below.read("dz_below", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (dz, w) = (&self.dz.host, &self.w.host);
        let shape = Shape {
            m: dz.rows,
            n: w.rows,
            k: dz.cols,
        };
        let sizes = rounding.product(shape, |i, l| dz[(i, l)], |l, j| w[(j, l)]);
        let expected = linear_bwd_data(dz, w, &self.lower.host(), &state());
        vec![self.lower.compare(rounding, &found[0], &expected, &sizes)]
    }
}

/// The layer below another one, as its forward pass left it.
pub(crate) struct Lower<B: Backend> {
    /// Z↓, which the operations do not see.
    pub(crate) z: Table,
    act: Activation,
    dropout: Option<Dropout>,
    pub(crate) y: Operand<B>,
    winners: Option<Winners<B>>,
    /// The first row of the winners.
    first_winners: usize,
}

impl<B: Backend> Lower<B> {
    pub(crate) fn new(
        draw: &Draw<'_, B>,
        [m, units]: [usize; 2],
        act: Activation,
        dropout: Option<Dropout>,
    ) -> Self {
        let pieces = act.pieces();
        let mut z = draw.values(5, m, units * pieces);
        z.values.iter_mut().for_each(|z| *z *= 2.0);
        let (mut y, mut winner) = (Table::zeros(m, units), Vec::new());
        for (index, z) in z.values.chunks(pieces).enumerate() {
            let at = (index / units, index % units);
            let (output, piece) = act.define(z);
            let output = output * dropout_factor(dropout, &state(), at, units);
            y[at] = B::Elem::from_f64(output).to_f64();
            winner.push(piece);
        }
        let winners = (pieces > 1).then(|| {
            let mut winners = draw.backend().winners(m + draw.margin(), units);
            write_winners(draw, &mut winners, m, pieces, &winner);
            winners
        });
        Self {
            z,
            act,
            dropout,
            y: draw.input(y),
            winners,
            first_winners: draw.margin(),
        }
    }

    /// The layer below as operations take it.
    pub(crate) fn below(&self) -> Below<'_, B> {
        let first = self.first_winners;
        Below {
            y: self.y.rows(),
            act: self.act,
            winners: self.winners.as_ref().map(|w| w.from_row(first)),
            dropout: self.dropout,
        }
    }

    /// The layer below as the reference takes it.
    pub(crate) fn host(&self) -> LayerBelow<'_> {
        LayerBelow {
            z: &self.z,
            act: self.act,
            dropout: self.dropout,
        }
    }

    /// Compares the gradient that was found with the reference's; the magnitudes `sizes` are of the
    /// product of dZ and Wᵀ.
    pub(crate) fn compare(
        &self,
        rounding: Rounding,
        found: &Found,
        [dy, dz_below]: &[Table; 2],
        sizes: &Table,
    ) -> Comparison {
        found.compare(rounding, |row, col| {
            let unit = col / self.act.pieces();
            let (winner, _) = slope_of_unit(self.z.row(row), self.act, unit);
            if winner != col {
                return Expected::exactly(0.0);
            }
            let factor = dropout_factor(self.dropout, &state(), (row, unit), sizes.cols);
            // φ′ comes from an output that was rounded to the element type.
            let of_slope = 2.0 * dy[(row, unit)].abs();
            let magnitude = factor * (sizes[(row, unit)] + of_slope);
            Expected::new(dz_below[(row, col)], magnitude)
        })
    }
}

/// The winning pieces, found by sending ones back to them: nothing reads them directly.
pub(crate) fn read_winners<B: Backend>(
    checker: &Checker<'_, B>,
    winners: WinnersRows<'_, B>,
    m: usize,
    act: Activation,
) -> Result<Vec<f64>, BackendError> {
    let (draw, units) = (checker.draw(), winners.winners.cols());
    let mut found = draw.output(m, units * act.pieces());
    checker.backend.linear_bwd_data(LinearBwdData {
        dz: draw
            .whole(Table::new(m, units, vec![1.0; m * units]))
            .rows(),
        w: &draw.whole(identity(units)).matrix,
        below: Below {
            y: draw.whole(Table::zeros(m, units)).rows(),
            act,
            winners: Some(winners),
            dropout: None,
        },
        dz_below: found.rows_mut(),
        state: &draw.state(),
    });
    let found = found.read("winners", checker.backend)?;
    let winner = |pieces: &[f64]| {
        let winner = pieces.iter().position(|&piece| piece == 1.0);
        winner.map_or(f64::INFINITY, |winner| winner as f64)
    };
    Ok(found.values.chunks(act.pieces()).map(winner).collect())
}

/// Makes winners that are known: the forward pass of an identity under weights that say who wins.
fn write_winners<B: Backend>(
    draw: &Draw<'_, B>,
    winners: &mut Winners<B>,
    m: usize,
    pieces: usize,
    winner: &[usize],
) {
    let units = winners.cols();
    let mut w = Table::zeros(m, units * pieces);
    for (unit, &winner) in winner.iter().enumerate() {
        w.values[unit * pieces + winner] = 1.0;
    }
    draw.backend().linear_fwd(LinearFwd {
        x: draw.whole(identity(m)).rows(),
        w: &draw.whole(w).matrix,
        b: &draw.whole(Table::zeros(1, units * pieces)).matrix,
        y: draw.whole(Table::zeros(m, units)).rows_mut(),
        act: Maxout { pieces },
        winners: Some(winners.from_row_mut(draw.margin())),
        dropout: None,
        state: &draw.state(),
    });
}

fn identity(n: usize) -> Table {
    let mut identity = Table::zeros(n, n);
    (0..n).for_each(|i| identity[(i, i)] = 1.0);
    identity
}

impl LinearBwdData<'_, Recorder> {
    /// The call; what it leaves in dZ↓ is noted there.
    pub(crate) fn record(&mut self) -> Case {
        let (m, k, n) = self.check();
        let Below { act, dropout, .. } = self.below;
        self.dz_below.matrix.storage = share_below(act, dropout);
        let case = call(Shape { m, n, k }, act, dropout);
        case.sparse(100, percent(self.dz.matrix.storage))
    }
}

/// The share of a layer's gradient that is other than zero.
pub(crate) fn share_below(act: Activation, dropout: Option<Dropout>) -> f64 {
    let slope = if act == Relu { 0.5 } else { 1.0 };
    slope / act.pieces() as f64 * share_kept(dropout)
}
