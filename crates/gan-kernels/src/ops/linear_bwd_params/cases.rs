//! The cases of [`LinearBwdParams`].

use super::reference::{gradients, limit_columns, updated};
use super::{Adam, LinearBwdParams, Update};
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, RATES, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Shape, Tolerance};
use crate::ops::reference::Table;
use crate::recorder::{Recorder, percent};
use crate::{Backend, BackendError, Matrix, Monitor};

use Update::{Momentum, Store};

pub(crate) const CASES: &[Case] = &[
    call(7, 13, 11, Store).case(),
    watched(7, 13, 11, Store).case().exact(),
    watched(7, 13, 11, Momentum).case(),
    watched(7, 13, 11, ADAM).case(),
    call(7, 13, 11, ADAM).started_at_zero().case(),
    call(1, 13, 11, Momentum).case(),
    watched(7, 1, 11, ADAM).case(),
    watched(7, 13, 1, Momentum).case(),
    call(1, 1, 1, ADAM).case(),
    watched(19, 5, 17, Momentum).limit(1.9365).case().margin(3),
    call(19, 5, 17, Momentum).limit(0.25).case(),
    call(19, 5, 17, Momentum).limit(1e9).case(),
    watched(19, 47, 23, ADAM).limit(2.7).case().margin(1),
    watched(37, 97, 131, Momentum).case(),
    watched(37, 97, 131, Momentum).limit(6.6).case(),
    watched(7001, 37, 13, ADAM).case(),
    watched(3079, 19, 101, Store).case().exact(),
    call(6151, 5, 29, Momentum).limit(3.0).case().margin(1),
    watched(150, 330, 131, ADAM).case().sparse(80, 10).margin(1),
    watched(150, 331, 130, Momentum).case().sparse(20, 100),
    watched(100, 1200, 100, Momentum).case().paper(),
    watched(100, 1200, 1200, Momentum).case().paper(),
    watched(100, 784, 1200, Momentum).case().paper(),
    watched(200, 1200, 784, Momentum).case().paper(),
    watched(200, 1200, 240, Momentum)
        .limit(1.9365)
        .case()
        .paper(),
    watched(200, 1, 240, Momentum).case().paper(),
    watched(200, 1200, 784, ADAM).case().paper(),
    // The bias's rows count differently.
    watched(7, 13, 11, Store).weighted().case().exact(),
    watched(7, 13, 11, ADAM).weighted().case().margin(2),
    watched(7, 1, 12, Momentum).weighted().case(),
    call(1, 1, 1, Store).weighted().case(),
    watched(19, 47, 23, ADAM)
        .limit(2.7)
        .weighted()
        .case()
        .margin(1),
    watched(37, 97, 131, Momentum).weighted().case(),
    call(3079, 19, 101, Store).weighted().case().exact(),
    watched(300, 1200, 784, ADAM).weighted().case().paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::PRODUCT;

pub(crate) const ADAM: Update = Update::Adam(Adam {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
});
/// A monitor that nothing else adds to.
const MONITOR: Monitor = Monitor::GeneratorGradient;

/// The gradient and update of W of k × n, from m rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m, n, k.
    pub shape: Shape,
    /// The rule by which W and b follow the gradient.
    pub update: Update,
    /// True if the moments are zero, as before the first update.
    pub from_zero: bool,
    /// Largest norm of a column of W after an update; `Store` has none.
    pub max_column_norm: Option<f64>,
    /// True if the gradient's squared norm is added to a monitor.
    pub is_watched: bool,
    /// True if each row of dZ has a factor of its own in the gradient of the bias.
    pub is_weighted: bool,
}

const fn call(m: usize, n: usize, k: usize, update: Update) -> Call {
    Call {
        shape: Shape { m, n, k },
        update,
        from_zero: false,
        max_column_norm: None,
        is_watched: false,
        is_weighted: false,
    }
}

const fn watched(m: usize, n: usize, k: usize, update: Update) -> Call {
    Call {
        is_watched: true,
        ..call(m, n, k, update)
    }
}

impl Call {
    const fn started_at_zero(self) -> Self {
        Self {
            from_zero: true,
            ..self
        }
    }

    const fn limit(self, limit: f64) -> Self {
        Self {
            max_column_norm: Some(limit),
            ..self
        }
    }

    const fn weighted(self) -> Self {
        Self {
            is_weighted: true,
            ..self
        }
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        let update = match self.update {
            Update::Store => "Store",
            Update::Momentum => "Momentum",
            Update::Adam(_) if self.from_zero => "AdamFromZero",
            Update::Adam(_) => "Adam",
        };
        let mut name = format!("{}/{update}", self.shape);
        if let Some(limit) = self.max_column_norm {
            name += &format!("+limit{limit}");
        }
        if self.is_watched {
            name += "+norm";
        }
        if self.is_weighted {
            name += "+bias weights";
        }
        name
    }

    fn flop(&self) -> u64 {
        self.shape.flop()
    }

    fn bytes(&self) -> u64 {
        let Shape { m, n, k } = self.shape;
        // θ and each moment are read and written; a gradient is written alone.
        let per_parameter = match self.update {
            Update::Store => 1,
            update => 2 * (1 + update.moments()),
        };
        4 * (m * (k + n) + per_parameter * k * n) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let Shape { m, n, k } = self.shape;
        let s = if self.is_weighted {
            draw.values(32, m, 1)
        } else {
            Table::new(m, 1, vec![1.0; m])
        };
        let parameter = |operand: usize, rows: usize| {
            let mut parameter = [0, 1, 2].map(|i| draw.values(operand + i, rows, n));
            let [_, first, second] = &mut parameter;
            // Second moments are positive.
            second.values.iter_mut().for_each(|v| *v = v.abs() + 0.125);
            if self.from_zero {
                first.values.fill(0.0);
                second.values.fill(0.0);
            }
            parameter
        };
        let before = [parameter(8, k), parameter(11, 1)];
        let whole = |part: usize| before.each_ref().map(|of| draw.matrix(&of[part]));
        Box::new(Params {
            call: *self,
            x: draw.input(draw.layer_input(6, m, k)),
            dz: draw.input(draw.gradient(7, m, n)),
            s: draw.input(s),
            theta: whole(0),
            moments: [whole(1), whole(2)],
            before,
            state: draw.state(),
            monitors: draw.backend().monitors(),
        })
    }
}

struct Params<B: Backend> {
    call: Call,
    x: Operand<B>,
    dz: Operand<B>,
    s: Operand<B>,
    /// θ and the two moments before the update, of W and of b.
    before: [[Table; 3]; 2],
    /// W and b.
    theta: [Matrix<B>; 2],
    /// The first moments of W and of b, and the second.
    moments: [[Matrix<B>; 2]; 2],
    state: B::State,
    monitors: B::Monitors,
}

impl<B: Backend> Operands<B> for Params<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let [w, b] = &mut self.theta;
        let Call {
            update,
            is_watched,
            is_weighted,
            ..
        } = self.call;
        backend.linear_bwd_params(LinearBwdParams {
            x: self.x.rows(),
            dz: self.dz.rows(),
            bias_weights: is_weighted.then_some(self.s.rows()),
            w,
            b,
            moments: &mut self.moments[..update.moments()],
            update,
            slot: 1,
            max_column_norm: self.call.max_column_norm,
            state: &self.state,
            monitor: is_watched.then_some((&mut self.monitors, MONITOR)),
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        const NAMES: [[&str; 2]; 3] = [
            ["w", "b"],
            ["first moment of w", "first moment of b"],
            ["second moment of w", "second moment of b"],
        ];
        let [first, second] = &self.moments;
        let mut found = Vec::new();
        for (names, matrices) in NAMES.iter().zip([&self.theta, first, second]) {
            for (name, matrix) in names.iter().zip(matrices) {
                found.push(Found::whole(name, matrix, checker.backend)?);
            }
        }
        let sums = checker.backend.take_monitors(&mut self.monitors)?;
        found.push(Found::new("gradient norm", Monitor::COUNT, sums.0.into()));
        Ok(found)
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let Shape { m, n, k } = self.call.shape;
        let [x, dz, s] = [&self.x, &self.dz, &self.s].map(|operand| &operand.host);
        let gradients = gradients(x, dz, s);
        let depth = |m, n, k| Shape { m, n, k };
        let sizes = [
            rounding.product(depth(k, n, m), |i, l| x[(l, i)], |l, j| dz[(l, j)]),
            rounding.product(depth(1, n, m), |_, l| s[(l, 0)], |l, j| dz[(l, j)]),
        ];
        let unit = rounding.unit_of_second_order();
        let update = self.call.update;
        let mut comparisons = Vec::new();
        let mut norm = Expected::default();
        for (index, before) in self.before.iter().enumerate() {
            let mut after = before.clone();
            let mut after_sizes = after.clone();
            let gradient = gradients[index].values.iter().zip(&sizes[index].values);
            for (i, (&value, &magnitude)) in gradient.enumerate() {
                let before = [0, 1, 2].map(|part| after[part].values[i]);
                let g = Expected::new(value, magnitude);
                let values = updated(update, RATES, before, value);
                let sizes = blur(update, before, values, g, unit);
                for part in 0..3 {
                    after[part].values[i] = values[part];
                    after_sizes[part].values[i] = sizes[part];
                }
                norm.value += value * value;
                norm.magnitude += (2.0 * value.abs() + unit * magnitude) * magnitude;
            }
            if let (Some(limit), 0) = (self.call.max_column_norm, index) {
                let before = after[0].clone();
                limit_columns(&mut after[0], limit);
                blur_of_limit(&before, &after[0], &mut after_sizes[0], limit);
            }
            for part in 0..3 {
                let (values, sizes) = (&after[part], &after_sizes[part]);
                comparisons.push(found[2 * part + index].compare(rounding, |i, j| {
                    Expected::new(values[(i, j)], sizes[(i, j)])
                }));
            }
        }
        norm.magnitude += norm.value * (k as f64).sqrt();
        if !self.call.is_watched {
            norm = Expected::exactly(0.0);
        }
        comparisons.push(found[6].compare(rounding, |_, monitor| {
            if monitor == MONITOR as usize {
                norm
            } else {
                Expected::exactly(0.0)
            }
        }));
        comparisons
    }
}

/// The magnitudes of θ and the moments after an update; those of `g` are in units of `unit`, which
/// is 0 where the first order suffices.
pub(crate) fn blur(
    update: Update,
    [_, first, _]: [f64; 3],
    [theta, m, v]: [f64; 3],
    g: Expected,
    unit: f64,
) -> [f64; 3] {
    let g_blur = g.magnitude + g.value.abs();
    match update {
        Update::Store => [g_blur, 0.0, 0.0],
        Update::Momentum => {
            let (kept, step) = (RATES.momentum * first, RATES.learning_rate * g.value);
            let velocity_blur = RATES.learning_rate * g_blur + kept.abs() + step.abs();
            [velocity_blur + theta.abs(), velocity_blur, 0.0]
        }
        Update::Adam(adam) => {
            let m_blur = (1.0 - adam.beta1) * g_blur + first.abs();
            // Of a gradient that nearly cancels, the square is all error.
            let square_blur = (2.0 * g.value.abs() + unit * g_blur) * g_blur;
            let v_blur = (1.0 - adam.beta2) * square_blur + v;
            let root = (v * RATES.second_correction).sqrt();
            let root_blur = if v > 0.0 { root * v_blur / v } else { 0.0 };
            let below = root + adam.epsilon;
            let eta = RATES.learning_rate * RATES.first_correction;
            let step_blur = eta * (m_blur / below + m.abs() * root_blur / below.powi(2));
            [step_blur + theta.abs(), m_blur, v_blur]
        }
    }
}

/// Carries the magnitudes of W through the limit on the norms of its columns.
pub(crate) fn blur_of_limit(before: &Table, after: &Table, sizes: &mut Table, limit: f64) {
    let rows = before.rows;
    for j in 0..before.cols {
        let square: f64 = (0..rows).map(|i| before[(i, j)].powi(2)).sum();
        if square.sqrt() <= limit {
            continue;
        }
        let of_terms: f64 = (0..rows)
            .map(|i| before[(i, j)].abs() * sizes[(i, j)])
            .sum();
        let blur = of_terms / square + (rows as f64).sqrt();
        for i in 0..rows {
            let size = limit / square.sqrt() * sizes[(i, j)];
            sizes[(i, j)] = size + after[(i, j)].abs() * blur;
        }
    }
}

impl LinearBwdParams<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (k, n, m) = self.check();
        let call = Call {
            max_column_norm: self.max_column_norm,
            is_watched: self.monitor.is_some(),
            is_weighted: self.bias_weights.is_some(),
            ..call(m, n, k, self.update)
        };
        let [x, dz] = [&self.x, &self.dz].map(|factor| percent(factor.matrix.storage));
        call.case().sparse(x, dz)
    }
}
