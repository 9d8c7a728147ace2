//! A back end without memory or arithmetic that notes every operation it is asked for.
//!
//! What a game computes, moves and launches is read off the code that plays it: of anything that is
//! generic over [`Backend`], a trainer above all, the [`Recorder`] tells the calls as [`Case`]s,
//! which can then be prepared, checked and timed on any other back end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cases::{Case, Op};
use crate::ops::linear_bwd_params::KernelKey;
use crate::ops::{LinearBwdParams, for_each_operation};
use crate::{
    Backend, BackendError, Dropout, Execution, Matrix, Monitor, MonitorSums, Records, Rows,
    Schedule, StepState, Winners,
};

/// Notes the calls of a [`Backend`]; clones share the notes.
///
/// Reads give zeros, and `parzen` nothing.
/// Each call checks its operands' shapes, as every back end does.
#[derive(Clone, Default)]
pub struct Recorder {
    calls: Arc<Mutex<Vec<RecordedCall>>>,
}

/// The operations of one call: one, or those of
/// [`linear_bwd_params_each`](Backend::linear_bwd_params_each).
///
/// Their operands have as many zeros as rectifiers, maxout and dropout leave on average.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    /// The operations.
    pub cases: Vec<Case>,
}

impl RecordedCall {
    /// Kernels that a GPU launches for the call, where one has room for the operands of all.
    #[must_use]
    pub fn launches(&self) -> usize {
        // One kernel steps all neighbours that are stepped alike.
        let kernel = |case: &Case| match case.op {
            Op::LinearBwdParams(call) => {
                let (update, limit) = (call.update, call.max_column_norm);
                Some(KernelKey::new(update, limit, call.is_weighted))
            }
            _ => None,
        };
        let mut launches = 0;
        let mut last = None;
        for case in &self.cases {
            let this = kernel(case);
            if this.is_none() || this != last {
                launches += case.op.launches();
            }
            last = this;
        }
        launches
    }
}

impl Recorder {
    /// The calls that `work` makes, in their order.
    #[must_use]
    pub fn calls_of(&self, work: impl FnOnce()) -> Vec<RecordedCall> {
        drop(self.take());
        work();
        self.take()
    }

    /// The calls since the last time, in their order.
    #[must_use]
    pub fn take(&self) -> Vec<RecordedCall> {
        std::mem::take(&mut *self.lock())
    }

    fn note(&self, cases: Vec<Case>) {
        self.lock().push(RecordedCall { cases });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RecordedCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

macro_rules! note {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(
            fn $module(&self, mut op: crate::ops::$Arguments<'_, Self>) $(-> $Result)? {
                self.note(vec![op.record().paper()]);
                $(<$Result>::Ok(Default::default()))?
            }
        )*
    };
}

impl Backend for Recorder {
    type Elem = f32;
    /// The share of values other than zero.
    type Storage = f64;
    type Bytes = ();
    type State = StepState;
    type Monitors = MonitorSums;
    type Resident = Records;
    type Recording = ();

    fn description(&self) -> String {
        "none, operations are noted".into()
    }

    fn matrix(&self, rows: usize, cols: usize) -> Matrix<Self> {
        Matrix {
            storage: 1.0,
            rows,
            cols,
            stride: cols,
        }
    }

    fn write(&self, matrix: &mut Matrix<Self>, values: &[f32]) {
        let len = matrix.rows * matrix.cols;
        assert_eq!(values.len(), len, "write: number of values");
    }

    fn read(&self, rows: Rows<'_, Self>) -> Result<Vec<f32>, BackendError> {
        Ok(vec![0.0; rows.count * rows.matrix.cols])
    }

    fn winners(&self, rows: usize, cols: usize) -> Winners<Self> {
        Winners {
            bytes: (),
            rows,
            cols,
        }
    }

    fn resident(&self, records: Records) -> Records {
        records
    }

    fn state(&self, state: StepState) -> StepState {
        state
    }

    fn upload_rates(&self, _state: &mut StepState, _schedule: &Schedule, _step: u64) {}

    fn monitors(&self) -> MonitorSums {
        MonitorSums::default()
    }

    fn take_monitors(&self, monitors: &mut MonitorSums) -> Result<MonitorSums, BackendError> {
        Ok(std::mem::take(monitors))
    }

    fn give_back_monitors(&self, monitors: &mut MonitorSums, sums: MonitorSums) {
        *monitors = sums;
    }

    for_each_operation!(note);

    fn linear_bwd_params_each<'a>(
        &self,
        ops: impl Iterator<Item = LinearBwdParams<'a, Self>>,
        mut monitor: Option<(&mut MonitorSums, Monitor)>,
    ) {
        let cases = ops.map(|op| {
            let monitor = monitor.as_mut().map(|(sums, which)| (&mut **sums, *which));
            LinearBwdParams { monitor, ..op }.record().paper()
        });
        self.note(cases.collect());
    }

    fn repeat(&self, _recording: &mut (), mut iteration: impl FnMut()) {
        iteration();
    }

    fn execution(&self, _recording: &()) -> Option<Execution> {
        None
    }

    fn check(&self) -> Result<(), BackendError> {
        Ok(())
    }
}

/// The share of an operand that dropout keeps.
pub(crate) fn share_kept(dropout: Option<Dropout>) -> f64 {
    dropout.map_or(1.0, |dropout| dropout.keep)
}

/// A share as so many of a hundred.
pub(crate) fn percent(share: f64) -> u8 {
    (100.0 * share).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Inputs;
    use crate::{Activation, LimitSpectrum, LinearFwd, Update};

    fn state() -> StepState {
        StepState::without_rates(1, 0)
    }

    #[test]
    fn zeros_that_a_rectifier_leaves_are_seen_by_the_layer_above() {
        let recorder = Recorder::default();
        let forward = |x: &Matrix<Recorder>, units: usize| {
            let mut y = recorder.matrix(x.rows, units);
            recorder.linear_fwd(LinearFwd {
                act: Activation::Relu,
                ..LinearFwd::affine(
                    x.all(),
                    &recorder.matrix(x.cols, units),
                    &recorder.matrix(1, units),
                    y.all_mut(),
                    &state(),
                )
            });
            y
        };
        let hidden = forward(&recorder.matrix(3, 5), 7);
        forward(&hidden, 4);
        let calls = recorder.take();
        let names: Vec<_> = calls.iter().map(|call| call.cases[0].to_string()).collect();
        assert_eq!(
            names,
            ["linear_fwd/3x7x5/relu", "linear_fwd/3x4x7/relu+x50%"]
        );
        assert_eq!(calls[1].cases[0].inputs, Inputs::Sparse { x: 50, dz: 100 });
        assert!(recorder.take().is_empty());
    }

    #[test]
    fn layers_that_are_stepped_alike_are_one_launch() {
        let recorder = Recorder::default();
        let (x, dz, state) = (recorder.matrix(3, 5), recorder.matrix(3, 7), state());
        let pair = || [recorder.matrix(5, 7), recorder.matrix(1, 7)];
        let mut layers = [None, None, Some(1.0)].map(|limit| (limit, pair(), [pair()]));
        let steps = layers
            .iter_mut()
            .map(|(limit, [w, b], moments)| LinearBwdParams {
                moments,
                update: Update::Momentum,
                max_column_norm: *limit,
                ..LinearBwdParams::gradient(x.all(), dz.all(), w, b, &state)
            });
        recorder.linear_bwd_params_each(steps, None);
        recorder.limit_spectrum(LimitSpectrum {
            w: &mut recorder.matrix(5, 7),
            direction: &mut recorder.matrix(1, 7),
            limit: 1.0,
        });
        let launches: Vec<_> = recorder.take().iter().map(RecordedCall::launches).collect();
        assert_eq!(launches, [2, 3]);
    }
}
