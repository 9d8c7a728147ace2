//! The cases of [`Advance`], which is seen through a latent and two updates that follow it.

use super::Advance;
use super::reference::rates;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::ops::fill_latent::reference::fill_latent;
use crate::ops::linear_bwd_params::reference::updated;
use crate::ops::reference::Table;
use crate::random::{Purpose, Stream};
use crate::recorder::Recorder;
use crate::{
    Adam, Backend, BackendError, FillLatent, LearningRate, LinearBwdParams, Momentum, Prior,
    Schedule, SlotSchedule, StepState, Update,
};

pub(crate) const CASES: &[Case] = &[case(0, 1), case(5, 7), case(40, 30)];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

const ADAM: Adam = Adam {
    beta1: 0.5,
    beta2: 0.9,
    epsilon: 0.0,
};
const STREAM: Stream = Stream::new(Purpose::Noise, 0, 0);

/// The ends of some iterations, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// Iteration that ends first.
    pub step: u64,
    /// Number of iterations that end.
    pub times: u64,
}

const fn case(step: u64, times: u64) -> Case {
    Call { step, times }.case()
}

impl Operation for Call {
    fn name(&self) -> String {
        format!("{}/from step {}", self.times, self.step)
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let slot = |position| SlotSchedule {
            learning_rate: LearningRate::Exponential {
                initial: 0.5,
                decay: 1.01,
                floor: 1e-6,
            },
            momentum: Momentum {
                initial: 0.5,
                r#final: 0.7,
                first: 1,
                last: 11,
            },
            betas: [ADAM.beta1, ADAM.beta2],
            updates_per_step: 2,
            position,
        };
        let schedule = Schedule {
            slots: vec![slot(0), slot(1)],
            records_per_step: 30,
            records: 70,
        };
        Box::new(Clock {
            call: *self,
            state: draw
                .backend()
                .state(schedule.state(state().seed, self.step)),
            schedule,
            theta: [(); 2].map(|()| draw.whole(Table::zeros(1, 1))),
            z: draw.output(1, 1),
        })
    }
}

struct Clock<B: Backend> {
    call: Call,
    schedule: Schedule,
    state: B::State,
    /// θ after an update by momentum and by Adam.
    theta: [Operand<B>; 2],
    z: Operand<B>,
}

impl<B: Backend> Operands<B> for Clock<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        for _ in 0..self.call.times {
            backend.advance(Advance {
                state: &mut self.state,
                schedule: &self.schedule,
            });
        }
        Ok(())
    }

    /// The latent tells the step; with gradient, velocity and moments 1, an update tells its rates.
    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        let (backend, draw) = (checker.backend, checker.draw());
        backend.fill_latent(FillLatent {
            z: self.z.rows_mut(),
            prior: Prior::Uniform,
            stream: STREAM,
            first_row: 0,
            state: &self.state,
        });
        let update = |theta: &mut Operand<B>, update: Update| {
            let one = || draw.matrix(&Table::new(1, 1, vec![1.0]));
            let mut moments: Vec<_> = (0..update.moments()).map(|_| [one(), one()]).collect();
            let [x, dz, mut b] = [(); 3].map(|()| one());
            let w = &mut theta.matrix;
            backend.linear_bwd_params(LinearBwdParams {
                moments: &mut moments,
                update,
                slot: 1,
                ..LinearBwdParams::gradient(x.all(), dz.all(), w, &mut b, &self.state)
            });
        };
        let [by_momentum, by_adam] = &mut self.theta;
        update(by_momentum, Update::Momentum);
        update(by_adam, Update::Adam(ADAM));
        Ok(vec![
            self.z.read("z", backend)?,
            by_momentum.read("θ by momentum", backend)?,
            by_adam.read("θ by Adam", backend)?,
        ])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let after = StepState {
            step: self.call.step + self.call.times,
            ..state()
        };
        let z = fill_latent((1, 1), Prior::Uniform, STREAM, 0, &after);
        let rates = rates(&self.schedule, after.step, 1);
        let before = [0.0, 1.0, 1.0];
        let [momentum, ..] = updated(Update::Momentum, rates, before, 1.0);
        let [adam, ..] = updated(Update::Adam(ADAM), rates, before, 1.0);
        let expected = [z[(0, 0)], momentum, adam];
        let compared = found.iter().zip(expected);
        compared
            .map(|(found, value)| found.compare(rounding, |_, _| Expected::new(value, 2.0)))
            .collect()
    }
}

impl Advance<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        self.state.step += 1;
        case(self.state.step - 1, 1)
    }
}
