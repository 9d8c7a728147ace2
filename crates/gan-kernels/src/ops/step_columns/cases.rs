//! The cases of [`StepColumns`].

use super::StepColumns;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, RATES, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::ops::Update;
use crate::ops::linear_bwd_params::cases::{ADAM, blur, blur_of_limit};
use crate::ops::linear_bwd_params::reference::{limit_columns, updated};
use crate::ops::reference::Table;
use crate::recorder::Recorder;
use crate::{Backend, BackendError, Matrix, Monitor};

use Update::{Momentum, Store};

pub(crate) const CASES: &[Case] = &[
    call(1, 8, 13, Store).case().exact(),
    call(3, 8, 13, Store).case().exact().margin(8),
    call(2, 8, 13, Store).onto().case().exact(),
    call(2, 8, 13, Momentum).watched().case().margin(16),
    call(4, 8, 13, ADAM).watched().onto().case().margin(8),
    call(1, 2, 1, ADAM).case(),
    call(3, 2, 1, Momentum).limit(0.3).case(),
    call(2, 38, 5, Momentum)
        .watched()
        .limit(1.5)
        .case()
        .margin(3),
    call(2, 38, 5, Momentum).limit(1e9).case(),
    call(4, 131, 67, ADAM).watched().limit(6.6).case(),
    call(2, 131, 67, Momentum).watched().case(),
    call(2, 700, 9, ADAM).watched().onto().case().margin(1),
    call(2, 1201, 392, Momentum).watched().case().paper(),
    call(2, 785, 600, Momentum)
        .watched()
        .limit(1.9365)
        .case()
        .paper(),
    call(2, 1201, 392, ADAM).watched().case().paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::PRODUCT;

/// A monitor that nothing else adds to.
const MONITOR: Monitor = Monitor::GeneratorGradient;

/// The update of W over b of k + 1 rows by the sum of several gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// Number of gradients.
    pub gradients: usize,
    /// k + 1.
    pub rows: usize,
    /// n.
    pub cols: usize,
    /// True if there is a sum that comes before them.
    pub is_onto: bool,
    /// The rule by which W and b follow the gradient.
    pub update: Update,
    /// Largest norm of a column of W after an update; `Store` has none.
    pub max_column_norm: Option<f64>,
    /// True if the gradient's squared norm is added to a monitor.
    pub is_watched: bool,
}

const fn call(gradients: usize, rows: usize, cols: usize, update: Update) -> Call {
    Call {
        gradients,
        rows,
        cols,
        is_onto: false,
        update,
        max_column_norm: None,
        is_watched: false,
    }
}

impl Call {
    const fn onto(self) -> Self {
        Self {
            is_onto: true,
            ..self
        }
    }

    const fn watched(self) -> Self {
        Self {
            is_watched: true,
            ..self
        }
    }

    const fn limit(self, limit: f64) -> Self {
        Self {
            max_column_norm: Some(limit),
            ..self
        }
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        let update = match self.update {
            Update::Store => "Store",
            Update::Momentum => "Momentum",
            Update::Adam(_) => "Adam",
        };
        let onto = if self.is_onto { "+1" } else { "" };
        let (rows, cols) = (self.rows, self.cols);
        let mut name = format!("{}{onto} of {rows}x{cols}/{update}", self.gradients);
        if let Some(limit) = self.max_column_norm {
            name += &format!("+limit{limit}");
        }
        if self.is_watched {
            name += "+norm";
        }
        name
    }

    fn bytes(&self) -> u64 {
        let per_parameter = match self.update {
            Update::Store => 1,
            update => 2 * (1 + update.moments()),
        };
        let read = self.gradients + usize::from(self.is_onto);
        4 * ((read + per_parameter) * self.rows * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let (rows, cols) = (self.rows, self.cols);
        let mut before = [48, 49, 50].map(|operand| draw.values(operand, rows, cols));
        // Second moments are positive.
        let second = before[2].values.iter_mut();
        second.for_each(|v| *v = v.abs() + 0.125);
        let [theta, first, second] = before.clone().map(|table| draw.in_place(table));
        Box::new(Step {
            call: *self,
            onto: draw.input(draw.values(46, rows, cols)),
            gradients: draw.input_elsewhere(draw.values(47, self.gradients * rows, cols)),
            theta,
            moments: [first.matrix, second.matrix],
            before,
            margin: draw.margin(),
            state: draw.state(),
            monitors: draw.backend().monitors(),
        })
    }
}

struct Step<B: Backend> {
    call: Call,
    onto: Operand<B>,
    gradients: Operand<B>,
    theta: Operand<B>,
    /// The first and the second.
    moments: [Matrix<B>; 2],
    /// θ and the two moments before the update.
    before: [Table; 3],
    margin: usize,
    state: B::State,
    monitors: B::Monitors,
}

impl<B: Backend> Operands<B> for Step<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let call = self.call;
        backend.step_columns(StepColumns {
            before: call.is_onto.then_some(self.onto.rows()),
            gradients: self.gradients.rows(),
            parameters: self.theta.rows_mut(),
            moments: &mut self.moments[..call.update.moments()],
            update: call.update,
            slot: 1,
            max_column_norm: call.max_column_norm,
            state: &self.state,
            monitor: call.is_watched.then_some((&mut self.monitors, MONITOR)),
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        let mut found = vec![self.theta.read("parameters", checker.backend)?];
        for (name, moment) in ["first moment", "second moment"].iter().zip(&self.moments) {
            found.push(Found::whole(name, moment, checker.backend)?.within(self.margin));
        }
        let sums = checker.backend.take_monitors(&mut self.monitors)?;
        found.push(Found::new("gradient norm", Monitor::COUNT, sums.0.into()));
        Ok(found)
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let Call { rows, update, .. } = self.call;
        let unit = rounding.unit_of_second_order();
        let gradients = self
            .gradients
            .host
            .values
            .chunks_exact(self.onto.host.values.len());
        let onto = self.call.is_onto.then_some(&self.onto.host.values[..]);
        let terms: Vec<_> = onto.into_iter().chain(gradients).collect();
        let mut after = self.before.clone();
        let mut sizes = after.clone();
        let mut norm = Expected::default();
        for i in 0..after[0].values.len() {
            let of = |f: fn(f64) -> f64| terms.iter().map(|term| f(term[i])).sum::<f64>();
            let g = Expected::new(of(|g| g), (terms.len() as f64).sqrt() * of(f64::abs));
            let before = [0, 1, 2].map(|part| after[part].values[i]);
            let values = updated(update, RATES, before, g.value);
            let blurs = blur(update, before, values, g, unit);
            for part in 0..3 {
                after[part].values[i] = values[part];
                sizes[part].values[i] = blurs[part];
            }
            norm.value += g.value.powi(2);
            norm.magnitude += 2.0 * g.value.abs() * g.magnitude;
        }
        norm.magnitude += norm.value * ((rows * self.call.cols) as f64).sqrt();
        if let Some(limit) = self.call.max_column_norm {
            let mut limited = [&after[0], &sizes[0]].map(|of| {
                let values = of.values[..(rows - 1) * of.cols].to_vec();
                Table::new(rows - 1, of.cols, values)
            });
            let [w, blurs] = &mut limited;
            let before = w.clone();
            limit_columns(w, limit);
            blur_of_limit(&before, w, blurs, limit);
            for (of, limited) in [&mut after[0], &mut sizes[0]].into_iter().zip(limited) {
                of.values[..limited.values.len()].copy_from_slice(&limited.values);
            }
        }
        let mut comparisons: Vec<_> = (0..3)
            .map(|part| {
                let (values, sizes) = (&after[part], &sizes[part]);
                found[part].compare(rounding, |i, j| {
                    Expected::new(values[(i, j)], sizes[(i, j)])
                })
            })
            .collect();
        if !self.call.is_watched {
            norm = Expected::exactly(0.0);
        }
        comparisons.push(found[3].compare(rounding, |_, monitor| {
            if monitor == MONITOR as usize {
                norm
            } else {
                Expected::exactly(0.0)
            }
        }));
        comparisons
    }
}

impl StepColumns<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (rows, cols, gradients) = self.check();
        let call = Call {
            is_onto: self.before.is_some(),
            max_column_norm: self.max_column_norm,
            is_watched: self.monitor.is_some(),
            ..call(gradients, rows, cols, self.update)
        };
        call.case()
    }
}
