//! The oracles of [`LinearFwd`] and [`LinearBwdData`].

use super::{Case, Checker, Comparison, Expected, Op, STEP, Shape, mask, state, weight_scale};
use crate::{
    Activation, Backend, BackendError, Below, Dropout, LinearBwdData, LinearFwd, Matrix, Real,
    RowsMut, Winners,
};

pub(super) struct Forward<B: Backend> {
    shape: Shape,
    act: Activation,
    dropout: Option<Dropout>,
    margin: usize,
    host: [Vec<f64>; 3],
    x: Matrix<B>,
    w: Matrix<B>,
    b: Matrix<B>,
    pub(super) y: Matrix<B>,
    winners: Option<Winners<B>>,
    state: B::State,
}

impl<B: Backend> Forward<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LinearFwd {
            shape,
            act,
            dropout,
        } = case.op
        else {
            unreachable!("linear_fwd: another operation's case")
        };
        let Shape { m, n, k } = shape;
        let (columns, margin) = (n * act.pieces(), case.margin);
        let x = checker.draw(case.inputs, 0, m * k);
        let scale = weight_scale(case.inputs, k);
        let mut w = checker.draw(case.inputs, 1, k * columns);
        w.iter_mut().for_each(|w| *w *= scale);
        let b = checker.draw(case.inputs, 2, columns);
        Self {
            shape,
            act,
            dropout,
            margin,
            x: checker.input(k, &x, margin),
            w: checker.input(columns, &w, 0),
            b: checker.input(columns, &b, 0),
            y: checker.output(m, n, margin),
            winners: (act.pieces() > 1).then(|| checker.backend.winners(m + margin, n)),
            state: checker.backend.state(state(STEP)),
            host: [x, w, b],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (m, margin) = (self.shape.m, self.margin);
        backend.linear_fwd(LinearFwd {
            x: self.x.rows(margin, m),
            w: &self.w,
            b: &self.b,
            y: self.y.rows_mut(margin, m),
            act: self.act,
            winners: self.winners.as_mut().map(|w| w.from_row_mut(margin)),
            dropout: self.dropout,
            state: &self.state,
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let Shape { m, n, k } = self.shape;
        let pieces = self.act.pieces();
        let columns = n * pieces;
        let [x, w, b] = &self.host;
        let whole = Shape { m, n: columns, k };
        let mut z = checker.product(case, whole, |i, l| x[i * k + l], |l, j| w[l * columns + j]);
        for (z, b) in z.iter_mut().zip(b.iter().cycle()) {
            z.value += b;
            z.magnitude += b.abs();
        }
        let unit = |row: usize, col: usize| &z[row * columns + col * pieces..][..pieces];
        let y = checker.compare(case, "y", &self.y, |row, col| {
            let values: Vec<_> = unit(row, col).iter().map(|z| z.value).collect();
            let largest = unit(row, col).iter().map(|z| z.magnitude);
            let factor = mask(self.dropout, STEP, row, col, n);
            Expected {
                value: factor * self.act.define(&values).0,
                // No φ is steeper than 1; sigmoid and tanh are of size 1 themselves.
                magnitude: factor * (largest.fold(0.0, f64::max) + 1.0),
            }
        })?;
        let mut winners = Comparison::new("winners");
        for (index, found) in self.winners(checker)?.into_iter().enumerate() {
            let (row, col) = (index / n, index % n);
            let z = unit(row, col);
            let values: Vec<_> = z.iter().map(|z| z.value).collect();
            let (largest, winner) = self.act.define(&values);
            // Another piece may win only where rounding cannot tell the two apart.
            let apart = z
                .get(found as usize)
                .map_or(f64::INFINITY, |z| largest - z.value);
            let blur = z.iter().map(|z| z.magnitude).fold(0.0, f64::max);
            if found != winner as f64 && apart < 2.0 * checker.unit(case) * blur {
                winners.skip();
                continue;
            }
            winners.add(Expected::exactly(winner as f64).beside(row, col, found, 0.0));
        }
        Ok(vec![y, winners])
    }
}

impl<B: Backend> Forward<B> {
    /// Both factors of the product.
    #[cfg(test)]
    pub(super) fn factors(&mut self) -> [&mut Matrix<B>; 2] {
        [&mut self.x, &mut self.w]
    }

    /// The winning piece of each unit; none without maxout.
    pub(super) fn winners(&self, checker: &Checker<'_, B>) -> Result<Vec<f64>, BackendError> {
        let Some(winners) = &self.winners else {
            return Ok(Vec::new());
        };
        let (m, pieces) = (self.shape.m, self.act.pieces());
        let winners = seen(checker, winners, self.margin, m, pieces)?;
        Ok(winners.into_iter().map(|winner| winner as f64).collect())
    }
}

/// The winning pieces, found by sending ones back to them: nothing reads them directly.
fn seen<B: Backend>(
    checker: &Checker<'_, B>,
    winners: &Winners<B>,
    first: usize,
    m: usize,
    pieces: usize,
) -> Result<Vec<usize>, BackendError> {
    let units = winners.cols();
    let backend = checker.backend;
    let identity: Vec<_> = (0..units * units)
        .map(|i| f64::from(i / units == i % units))
        .collect();
    let mut found = checker.output(m, units * pieces, 0);
    backend.linear_bwd_data(LinearBwdData {
        dz: checker.input(units, &vec![1.0; m * units], 0).all(),
        w: &checker.input(units, &identity, 0),
        below: Below {
            y: checker.input(units, &vec![0.0; m * units], 0).all(),
            act: Activation::Maxout { pieces },
            winners: Some(winners.from_row(first)),
            dropout: None,
        },
        dz_below: found.all_mut(),
        state: &backend.state(state(STEP)),
    });
    let found = backend.read(found.all())?;
    let winner = |pieces: &[B::Elem]| {
        let one = |piece: &B::Elem| *piece == B::Elem::ONE;
        pieces.iter().position(one).unwrap_or(usize::MAX)
    };
    Ok(found.chunks(pieces).map(winner).collect())
}

/// Winners that are known: the forward pass of an identity under weights that say who wins.
fn known<B: Backend>(
    checker: &Checker<'_, B>,
    winners: &mut Winners<B>,
    first: usize,
    m: usize,
    pieces: usize,
    winner: &[usize],
) {
    let units = winners.cols();
    let backend = checker.backend;
    let identity: Vec<_> = (0..m * m).map(|i| f64::from(i / m == i % m)).collect();
    let mut w = vec![0.0; m * units * pieces];
    for (unit, &winner) in winner.iter().enumerate() {
        w[unit * pieces + winner] = 1.0;
    }
    backend.linear_fwd(LinearFwd {
        x: checker.input(m, &identity, 0).all(),
        w: &checker.input(units * pieces, &w, 0),
        b: &checker.input(units * pieces, &vec![0.0; units * pieces], 0),
        y: checker.output(m, units, 0).all_mut(),
        act: Activation::Maxout { pieces },
        winners: Some(winners.from_row_mut(first)),
        dropout: None,
        state: &backend.state(state(STEP)),
    });
}

/// The layer below another one, as its forward pass left it, and room for its gradient.
pub(super) struct Lower<B: Backend> {
    rows: usize,
    units: usize,
    act: Activation,
    dropout: Option<Dropout>,
    margin: usize,
    /// z, of which each unit's winner matters.
    z: Vec<f64>,
    winner: Vec<usize>,
    /// What the device has as [`Lower::y`].
    pub(super) host_y: Vec<f64>,
    pub(super) y: Matrix<B>,
    winners: Option<Winners<B>>,
    pub(super) dz: Matrix<B>,
}

impl<B: Backend> Lower<B> {
    pub(super) fn new(
        checker: &Checker<'_, B>,
        case: &Case,
        [rows, units]: [usize; 2],
        act: Activation,
        dropout: Option<Dropout>,
    ) -> Self {
        let (pieces, margin) = (act.pieces(), case.margin);
        let mut z = checker.draw(case.inputs, 5, rows * units * pieces);
        z.iter_mut().for_each(|z| *z *= 2.0);
        let (outputs, winner): (Vec<_>, Vec<_>) =
            z.chunks(pieces).map(|unit| act.define(unit)).unzip();
        let dropped = |(i, y): (usize, &f64)| {
            let y = y * mask(dropout, STEP, i / units, i % units, units);
            B::Elem::from_f64(y).to_f64()
        };
        let host_y: Vec<_> = outputs.iter().enumerate().map(dropped).collect();
        let winners = (pieces > 1).then(|| {
            let mut winners = checker.backend.winners(rows + margin, units);
            known(checker, &mut winners, margin, rows, pieces, &winner);
            winners
        });
        Self {
            rows,
            units,
            act,
            dropout,
            margin,
            y: checker.input(units, &host_y, margin),
            winners,
            dz: checker.output(rows, units * pieces, margin),
            z,
            winner,
            host_y,
        }
    }

    /// As operations take it.
    pub(super) fn below(&self) -> Below<'_, B> {
        Below {
            y: self.y.rows(self.margin, self.rows),
            act: self.act,
            winners: self.winners.as_ref().map(|w| w.from_row(self.margin)),
            dropout: self.dropout,
        }
    }

    /// The same beside the gradient.
    pub(super) fn operands(&mut self) -> (Below<'_, B>, RowsMut<'_, B>) {
        let below = Below {
            y: self.y.rows(self.margin, self.rows),
            act: self.act,
            winners: self.winners.as_ref().map(|w| w.from_row(self.margin)),
            dropout: self.dropout,
        };
        (below, self.dz.rows_mut(self.margin, self.rows))
    }

    /// The column of z that a unit's output follows in a row, and φ′ there.
    pub(super) fn slope(&self, row: usize, unit: usize) -> (usize, f64) {
        let pieces = self.act.pieces();
        let column = unit * pieces + self.winner[row * self.units + unit];
        let z = self.z[row * self.units * pieces + column];
        (column, slope(self.act, z))
    }

    /// Compares the gradient with what follows from that of Y, given by row and unit.
    pub(super) fn compare(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
        dy: impl Fn(usize, usize) -> Expected,
    ) -> Result<Comparison, BackendError> {
        let (units, pieces) = (self.units, self.act.pieces());
        checker.compare(case, "dz_below", &self.dz, |row, col| {
            let (unit, piece) = (col / pieces, col % pieces);
            if self.winner[row * units + unit] != piece {
                return Expected::exactly(0.0);
            }
            let (_, slope) = self.slope(row, unit);
            let factor = mask(self.dropout, STEP, row, unit, units);
            let dy = dy(row, unit);
            Expected {
                value: dy.value * slope * factor,
                // φ′ comes from an output that was rounded to the element type.
                magnitude: factor * (dy.magnitude + 2.0 * dy.value.abs()),
            }
        })
    }
}

pub(super) struct Backward<B: Backend> {
    shape: Shape,
    margin: usize,
    /// dZ and W.
    host: [Vec<f64>; 2],
    dz: Matrix<B>,
    w: Matrix<B>,
    pub(super) lower: Lower<B>,
    state: B::State,
}

impl<B: Backend> Backward<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::LinearBwdData {
            shape,
            act,
            dropout,
        } = case.op
        else {
            unreachable!("linear_bwd_data: another operation's case")
        };
        let Shape { m, n, k } = shape;
        let dz = checker.draw(case.inputs, 3, m * n);
        let scale = weight_scale(case.inputs, n);
        let mut w = checker.draw(case.inputs, 4, k * n);
        w.iter_mut().for_each(|w| *w *= scale);
        Self {
            shape,
            margin: case.margin,
            dz: checker.input(n, &dz, case.margin),
            w: checker.input(n, &w, 0),
            lower: Lower::new(checker, case, [m, k], act, dropout),
            state: checker.backend.state(state(STEP)),
            host: [dz, w],
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        let (below, dz_below) = self.lower.operands();
        backend.linear_bwd_data(LinearBwdData {
            dz: self.dz.rows(self.margin, self.shape.m),
            w: &self.w,
            below,
            dz_below,
            state: &self.state,
        });
    }

    pub(super) fn verify(
        &self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let Shape { m, n, k } = self.shape;
        let [dz, w] = &self.host;
        let whole = Shape { m, n: k, k: n };
        let dy = checker.product(case, whole, |i, l| dz[i * n + l], |l, j| w[j * n + l]);
        let below = self
            .lower
            .compare(checker, case, |row, unit| dy[row * k + unit])?;
        Ok(vec![below])
    }
}

/// φ′(z), from z where the operation takes it from y.
fn slope(act: Activation, z: f64) -> f64 {
    match act {
        Activation::Identity | Activation::Maxout { .. } => 1.0,
        Activation::Relu => f64::from(z > 0.0),
        Activation::LeakyRelu { slope } => {
            if z > 0.0 {
                1.0
            } else {
                slope
            }
        }
        Activation::Sigmoid => 0.25 / (0.5 * z).cosh().powi(2),
        Activation::Tanh => 1.0 / z.cosh().powi(2),
    }
}
