//! The oracle of [`Advance`].

use super::{Case, Checker, Comparison, Expected, Op, SEED};
use crate::random::{Address, Purpose, Stream, unit_open};
use crate::{
    Adam, Advance, Backend, BackendError, FillLatent, LearningRate, LinearBwdParams, Matrix,
    Momentum, Prior, Schedule, SlotSchedule, Update,
};

const BETAS: [f64; 2] = [0.5, 0.9];
/// Of the learning rate per update.
const DECAY: f64 = 1.01;

pub(super) struct Clock<B: Backend> {
    step: u64,
    times: u64,
    schedule: Schedule,
    state: B::State,
    /// θ after an update by momentum and by Adam.
    theta: [Matrix<B>; 2],
    z: Matrix<B>,
}

impl<B: Backend> Clock<B> {
    pub(super) fn new(checker: &Checker<'_, B>, case: &Case) -> Self {
        let Op::Advance { step, times } = case.op else {
            unreachable!("advance: another operation's case")
        };
        let slot = |position| SlotSchedule {
            learning_rate: LearningRate::Exponential {
                initial: 0.5,
                decay: DECAY,
                floor: 1e-6,
            },
            momentum: Momentum {
                initial: 0.5,
                r#final: 0.7,
                first: 1,
                last: 11,
            },
            betas: BETAS,
            updates_per_step: 2,
            position,
        };
        let schedule = Schedule {
            slots: vec![slot(0), slot(1)],
            records_per_step: 30,
            records: 70,
        };
        Self {
            step,
            times,
            state: checker.backend.state(schedule.state(SEED, step)),
            schedule,
            theta: [(); 2].map(|()| checker.input(1, &[0.0], 0)),
            z: checker.output(1, 1, 0),
        }
    }

    pub(super) fn run(&mut self, backend: &B) {
        for _ in 0..self.times {
            backend.advance(Advance {
                state: &mut self.state,
                schedule: &self.schedule,
            });
        }
    }

    /// A latent and two updates that tell the step and the rates.
    pub(super) fn matrices(&mut self, checker: &Checker<'_, B>) -> [&Matrix<B>; 3] {
        let backend = checker.backend;
        backend.fill_latent(FillLatent {
            z: self.z.all_mut(),
            prior: Prior::Uniform,
            stream: Stream::new(Purpose::Noise, 0, 0),
            first_row: 0,
            state: &self.state,
        });
        // With gradient, velocity and moments 1, an update tells its rates.
        let [momentum, adam] = &mut self.theta;
        let one = || checker.input(1, &[1.0], 0);
        let update = |w: &mut Matrix<B>, update: Update| {
            let mut moments: Vec<_> = (0..update.moments()).map(|_| [one(), one()]).collect();
            backend.linear_bwd_params(LinearBwdParams {
                x: one().all(),
                dz: one().all(),
                bias_weights: None,
                w,
                b: &mut one(),
                moments: &mut moments,
                update,
                slot: 1,
                max_column_norm: None,
                state: &self.state,
                monitor: None,
            });
        };
        update(momentum, Update::Momentum);
        let constants = Adam {
            beta1: BETAS[0],
            beta2: BETAS[1],
            epsilon: 0.0,
        };
        update(adam, Update::Adam(constants));
        [&self.z, &self.theta[0], &self.theta[1]]
    }

    pub(super) fn verify(
        &mut self,
        checker: &Checker<'_, B>,
        case: &Case,
    ) -> Result<Vec<Comparison>, BackendError> {
        let step = self.step + self.times;
        let address = Address {
            seed: SEED,
            stream: Stream::new(Purpose::Noise, 0, 0),
            step,
        };
        let unit = f64::from(unit_open(address.word(0)));
        let rounded = |value| {
            move |_: usize, _: usize| Expected {
                value,
                magnitude: 2.0,
            }
        };
        let [found_z, by_momentum, by_adam] = self.matrices(checker);
        let z = (2.0 * unit - 1.0) * 3.0_f64.sqrt();
        let z = checker.compare(case, "z", found_z, rounded(z))?;

        // Updates before this one: two per iteration, and the first of this iteration.
        let done = (2 * step + 1) as i32;
        let eta = 0.5 / DECAY.powi(done);
        let epoch = (step * 30 / 70) as f64;
        let mu = 0.5 + 0.2 * (epoch / 10.0).min(1.0);
        let momentum = checker.compare(case, "θ by momentum", by_momentum, rounded(mu - eta))?;
        let [first, second] = BETAS.map(|beta| 1.0 / (1.0 - beta.powi(done + 1)));
        let theta = -eta * first / second.sqrt();
        let adam = checker.compare(case, "θ by Adam", by_adam, rounded(theta))?;
        Ok(vec![z, momentum, adam])
    }
}
