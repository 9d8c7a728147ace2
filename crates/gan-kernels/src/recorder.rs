//! A back end without memory or arithmetic that notes every operation it is asked for.
//!
//! What a game computes, moves and launches is read off the code that plays it: of anything that is
//! generic over [`Backend`], a trainer above all, the [`Recorder`] tells the calls as [`Case`]s,
//! which can then be prepared, checked and timed on any other back end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cases::{Case, Op};
use crate::ops::{LinearBwdParams, for_each_operation};
use crate::{
    Backend, BackendError, Dropout, Execution, Matrix, Monitor, MonitorSums, Records, Rows,
    Schedule, StepState, Winners,
};

/// Notes the calls of a [`Backend`]; clones share the notes.
///
/// Reads give zeros.
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
                let update = std::mem::discriminant(&call.update);
                Some((update, call.max_column_norm.is_some(), call.bias))
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
