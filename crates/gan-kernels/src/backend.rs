//! What a machine can do: the [`Backend`] trait and the memory its operations work on.

use std::sync::Arc;

use crate::ops::{LinearBwdParams, for_each_operation};
use crate::{DirectExchange, DirectName, INSTRUCTIONS, Real, Records, Schedule, StepState};

/// One method for each operation, named after its module.
macro_rules! declare {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(
            #[doc = concat!("See [`", stringify!($Arguments), "`](crate::", stringify!($Arguments), ").")]
            #[track_caller]
            fn $module(&self, op: crate::ops::$Arguments<'_, Self>) $(-> $Result)?;
        )*
    };
}

/// Fused operations over row-major matrices.
///
/// Each operation takes one struct of arguments, whose documentation states its algebra and shapes.
/// Operations panic if the shapes of their arguments disagree; that is the caller's mistake.
/// What can fail on a device (a lost device, memory, a refused kernel) is reported by the reads,
/// which are the only calls that wait.
///
/// Clones share the device, and are cheap.
pub trait Backend: Clone + 'static {
    /// Type of a matrix element on the host.
    type Elem: Real;
    /// Elements on the device.
    type Storage;
    /// Bytes on the device.
    type Bytes;
    /// A [`StepState`] on the device.
    type State;
    /// Sums for monitoring on the device, one per [`Monitor`].
    type Monitors;
    /// A resident data set.
    type Resident;
    /// An iteration that [`Backend::repeat`] has recorded.
    type Recording: Default;

    /// The device for people to read: processor or GPU, instruction set, threads.
    fn description(&self) -> String;

    /// A matrix of zeros.
    fn matrix(&self, rows: usize, cols: usize) -> Matrix<Self>;
    /// Overwrites `matrix` with `rows × cols` values, row-major.
    ///
    /// # Panics
    /// If `values` has another length.
    fn write(&self, matrix: &mut Matrix<Self>, values: &[Self::Elem]);
    /// Copies the rows to the host, row-major.
    ///
    /// # Errors
    /// If something went wrong on the device in computing them.
    fn read(&self, rows: Rows<'_, Self>) -> Result<Vec<Self::Elem>, BackendError>;
    /// What `work` makes of the values of whole `matrix`, row-major, which are not copied where they are
    /// on the host already.
    ///
    /// # Errors
    /// As of [`Backend::read`].
    fn read_with<R>(
        &self,
        matrix: &Matrix<Self>,
        work: impl FnOnce(&[Self::Elem]) -> R,
    ) -> Result<R, BackendError> {
        self.read(matrix.all()).map(|values| work(&values))
    }
    /// Overwrites `matrix` by `work`, which gets room for all its values, row-major, with any content.
    fn write_with(&self, matrix: &mut Matrix<Self>, work: impl FnOnce(&mut [Self::Elem])) {
        let mut values = vec![Self::Elem::ZERO; matrix.rows * matrix.cols];
        work(&mut values);
        self.write(matrix, &values);
    }
    /// Room for the winning pieces of `rows × cols` maxout units.
    fn winners(&self, rows: usize, cols: usize) -> Winners<Self>;
    /// Makes a data set resident.
    fn resident(&self, records: Records) -> Self::Resident;
    /// Puts a state on the device.
    fn state(&self, state: StepState) -> Self::State;
    /// Gives the device the rates of the iterations from `step` on, unless it has them already.
    ///
    /// To be called before each iteration, outside of what [`Backend::repeat`] records.
    fn upload_rates(&self, state: &mut Self::State, schedule: &Schedule, step: u64);
    /// Sums that are all zero.
    fn monitors(&self) -> Self::Monitors;
    /// Takes the sums to the host and sets them to zero.
    ///
    /// # Errors
    /// If something went wrong on the device in computing them.
    fn take_monitors(&self, monitors: &mut Self::Monitors) -> Result<MonitorSums, BackendError>;
    /// Gives back what [`Backend::take_monitors`] took, so that sums that are all zero go on from
    /// there.
    fn give_back_monitors(&self, monitors: &mut Self::Monitors, sums: MonitorSums);

    for_each_operation!(declare);

    /// [`LinearBwdParams`] of several layers, none of whose operands is another's result, and where
    /// the gradients of all are summed; as provided, one after the other.
    ///
    /// The operations' own monitors are not asked for.
    #[track_caller]
    fn linear_bwd_params_each<'a>(
        &self,
        ops: impl Iterator<Item = LinearBwdParams<'a, Self>>,
        mut monitor: Option<(&mut Self::Monitors, Monitor)>,
    ) where
        Self: 'a,
    {
        for op in ops {
            let monitor = monitor.as_mut().map(|(sums, which)| (&mut **sums, *which));
            self.linear_bwd_params(LinearBwdParams { monitor, ..op });
        }
    }

    /// True if devices of several processes may reach each other without their hosts.
    fn can_exchange_directly(&self) -> bool {
        false
    }

    /// A new name for [`Backend::direct`], for all processes.
    ///
    /// # Errors
    /// If devices cannot reach each other.
    fn direct_name(&self) -> Result<DirectName, BackendError> {
        Err(no_direct_way())
    }

    /// Joins `size` processes that have the same name, as number `rank`; waits for all of them.
    ///
    /// # Errors
    /// If devices cannot reach each other.
    fn direct(
        &self,
        _name: &DirectName,
        _rank: usize,
        _size: usize,
    ) -> Result<Box<dyn DirectExchange<Self>>, BackendError> {
        Err(no_direct_way())
    }

    /// Runs `iteration`, a list of operations that is the same at every call.
    ///
    /// A back end that can records the list at the first call, of which it then runs `iteration`
    /// twice but the operations once, and replays it at later calls without running `iteration`.
    /// So nothing in it may read, allocate, or depend on anything but what the device keeps, and
    /// all that it names must outlive `recording`.
    fn repeat(&self, recording: &mut Self::Recording, iteration: impl FnMut());
    /// The way in which the iterations under `recording` are run; `None` before the first.
    fn execution(&self, recording: &Self::Recording) -> Option<Execution>;
    /// Waits for the device.
    ///
    /// # Errors
    /// If something has gone wrong so far; the reads that depend on a failed operation tell as well.
    fn check(&self) -> Result<(), BackendError>;
}

fn no_direct_way() -> BackendError {
    BackendError::Failed {
        reason: "no way to other devices but through the hosts".into(),
    }
}

/// The way in which an iteration is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Execution {
    /// Calls on the processor.
    Direct,
    /// Kernels that are launched one by one.
    Eager {
        /// Launches per iteration.
        launches: usize,
    },
    /// A recorded list of kernels.
    Replayed {
        /// Launches per iteration.
        launches: usize,
    },
}

/// For people: `19 launches, replayed`.
impl std::fmt::Display for Execution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Direct => write!(f, "direct"),
            Self::Eager { launches } => write!(f, "{launches} launches, one by one"),
            Self::Replayed { launches } => write!(f, "{launches} launches, replayed"),
        }
    }
}

/// Something went wrong on the device.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// More threads were asked for than can be started.
    #[error("cannot start {threads} worker threads: {source}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The operating system's answer.
        source: Arc<std::io::Error>,
    },
    /// The environment asks for instructions that the processor lacks, or that nobody knows.
    #[error(
        "{}: found {asked:?}, expected one that this processor has: {offered}",
        INSTRUCTIONS
    )]
    Instructions {
        /// The value of the variable.
        asked: String,
        /// The names of those that the processor has.
        offered: String,
    },
    /// The device that was asked for is not there.
    #[error("no device {asked}: found {found}")]
    NoDevice {
        /// Its name, such as `cuda:1`.
        asked: String,
        /// The names of those of its kind, or `none`.
        found: String,
    },
    /// The build does not link what drives the device that was asked for.
    #[error("no device {asked}: this build is without the feature `{feature}`")]
    NotLinked {
        /// Its name.
        asked: String,
        /// The feature that links it.
        feature: &'static str,
    },
    /// The device does not compute in the precision that was asked for.
    #[error("{device}: precision {asked} is not offered, found {found}")]
    Precision {
        /// Name of the device.
        device: String,
        /// The precision that was asked for.
        asked: &'static str,
        /// The precisions that it offers.
        found: String,
    },
    /// One buffer would be larger than the device allows.
    #[error("a buffer of {bytes} bytes: the device allows {largest} bytes in one buffer")]
    BufferTooLarge {
        /// Bytes asked for.
        bytes: u64,
        /// Bytes of the largest buffer.
        largest: u64,
    },
    /// The device has no room left.
    #[error("out of device memory: {needed} bytes needed, {} free", free.map_or("an unknown number".into(), |free| format!("{free} bytes")))]
    OutOfMemory {
        /// Bytes asked for.
        needed: u64,
        /// Bytes free, where the device tells.
        free: Option<u64>,
    },
    /// Records that are computed have to be in the machine's memory once, on their way to the device.
    #[error(
        "records that are not in memory take {needed} bytes of it on their way to the device, {free} \
         are free"
    )]
    HostMemory {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The device or its driver refuses a kernel.
    #[error("the device refuses a kernel: {reason}")]
    Refused {
        /// The runtime's message.
        reason: String,
    },
    /// The device is gone, or no longer answers.
    #[error("the device is lost: {reason}")]
    Lost {
        /// The runtime's message.
        reason: String,
    },
    /// Any other runtime error.
    #[error("the device failed: {reason}")]
    Failed {
        /// The runtime's message.
        reason: String,
    },
}

impl BackendError {
    /// A remedy, if one is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Threads { .. } => Some("ask for fewer threads"),
            Self::Instructions { .. } => Some("without the variable the best of them is taken"),
            Self::NoDevice { .. } => Some("a driver that is missing or too old hides a device"),
            Self::NotLinked { .. } => Some("build with that feature"),
            Self::Precision { .. } => Some("f32 works on every device"),
            Self::BufferTooLarge { .. } => Some("fewer records, or narrower layers"),
            Self::OutOfMemory { .. } => {
                Some("a smaller minibatch, narrower layers, or a device that others do not use")
            }
            Self::HostMemory { .. } => Some("the processor reads them where they are"),
            Self::Refused { .. } => Some("the driver may be too old; the processor always works"),
            Self::Lost { .. } => Some("look at the system's log for the driver's own message"),
            Self::Failed { .. } => None,
        }
    }
}

/// A row-major matrix on the device of `B`.
pub struct Matrix<B: Backend> {
    pub(crate) storage: B::Storage,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Elements from one row to the next, at least `cols`.
    pub(crate) stride: usize,
}

impl<B: Backend> Matrix<B> {
    /// Number of rows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// All rows, to read.
    #[must_use]
    pub fn all(&self) -> Rows<'_, B> {
        self.rows(0, self.rows)
    }

    /// All rows, to write.
    #[must_use]
    pub fn all_mut(&mut self) -> RowsMut<'_, B> {
        let rows = self.rows;
        self.rows_mut(0, rows)
    }

    /// Rows `first .. first + count`, to read.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    #[track_caller]
    pub fn rows(&self, first: usize, count: usize) -> Rows<'_, B> {
        assert!(
            first + count <= self.rows,
            "matrix: rows {first}+{count} of {}",
            self.rows
        );
        Rows {
            matrix: self,
            first,
            count,
        }
    }

    /// Rows `first .. first + count`, to write.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    #[track_caller]
    pub fn rows_mut(&mut self, first: usize, count: usize) -> RowsMut<'_, B> {
        // It has the same rows to write as to read.
        let Rows { first, count, .. } = self.rows(first, count);
        RowsMut {
            matrix: self,
            first,
            count,
        }
    }
}

/// Some rows of a [`Matrix`], to read.
pub struct Rows<'a, B: Backend> {
    pub(crate) matrix: &'a Matrix<B>,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl<B: Backend> Clone for Rows<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for Rows<'_, B> {}

impl<B: Backend> Rows<'_, B> {
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.count, self.matrix.cols)
    }
}

/// Some rows of a [`Matrix`], to write.
pub struct RowsMut<'a, B: Backend> {
    pub(crate) matrix: &'a mut Matrix<B>,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl<B: Backend> RowsMut<'_, B> {
    /// The same rows, to read.
    pub(crate) fn as_rows(&self) -> Rows<'_, B> {
        self.matrix.rows(self.first, self.count)
    }

    /// The same rows, to write, for a while.
    pub(crate) fn reborrow(&mut self) -> RowsMut<'_, B> {
        RowsMut {
            matrix: self.matrix,
            first: self.first,
            count: self.count,
        }
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.count, self.matrix.cols)
    }
}

/// The piece of each maxout unit that won in the forward pass.
pub struct Winners<B: Backend> {
    pub(crate) bytes: B::Bytes,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl<B: Backend> Winners<B> {
    /// Number of units per row.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Rows from `first` on, to read.
    #[must_use]
    pub fn from_row(&self, first: usize) -> WinnersRows<'_, B> {
        WinnersRows {
            winners: self,
            first,
        }
    }

    /// Rows from `first` on, to write.
    #[must_use]
    pub fn from_row_mut(&mut self, first: usize) -> WinnersRowsMut<'_, B> {
        WinnersRowsMut {
            winners: self,
            first,
        }
    }
}

/// Rows of [`Winners`] from one on, to read.
pub struct WinnersRows<'a, B: Backend> {
    pub(crate) winners: &'a Winners<B>,
    pub(crate) first: usize,
}

impl<B: Backend> Clone for WinnersRows<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for WinnersRows<'_, B> {}

impl<B: Backend> WinnersRows<'_, B> {
    /// The rows that there are, and the units of each.
    pub(crate) fn shape(&self) -> (usize, usize) {
        let rows = self.winners.rows.saturating_sub(self.first);
        (rows, self.winners.cols)
    }
}

/// Rows of [`Winners`] from one on, to write.
pub struct WinnersRowsMut<'a, B: Backend> {
    pub(crate) winners: &'a mut Winners<B>,
    pub(crate) first: usize,
}

impl<B: Backend> WinnersRowsMut<'_, B> {
    /// The rows that there are, and the units of each.
    pub(crate) fn shape(&self) -> (usize, usize) {
        let rows = self.winners.rows.saturating_sub(self.first);
        (rows, self.winners.cols)
    }
}

/// The sums that the device keeps between two reads of the monitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Monitor {
    /// Data rows that D has seen.
    DataRows,
    /// Σ log D(x).
    LogData,
    /// Σ D(x).
    Data,
    /// Data rows with D(x) < 1/2: the authors' false negatives.
    FalseNegatives,
    /// Sample rows that D has seen in its own update.
    SampleRows,
    /// Σ log(1 − D(G(z))).
    LogSamples,
    /// Σ D(G(z)).
    Samples,
    /// Sample rows with D(G(z)) > 1/2: the authors' false positives.
    FalsePositives,
    /// Updates of D.
    DiscriminatorUpdates,
    /// Σ of D's objective, a minibatch mean per update.
    DiscriminatorObjective,
    /// Σ ‖∇θ_d‖², one per update.
    DiscriminatorGradient,
    /// Updates of G.
    GeneratorUpdates,
    /// Σ of G's objective, a minibatch mean per update.
    GeneratorObjective,
    /// Σ ‖∇θ_g‖².
    GeneratorGradient,
    /// Σ of the penalty on D's gradient by its input, a minibatch mean per update.
    Penalty,
    /// Σ ‖∂l/∂x‖² over penalised rows, l before D's sigmoid.
    InputGradient,
    /// Rows that were penalised.
    PenalisedRows,
    /// Σ of mean squared errors, one per call of [`SquaredError`](crate::SquaredError).
    SquaredError,
    /// No sum: 1 + the first step whose objective was not finite, or 0.
    FirstNonFinite,
}

impl Monitor {
    /// The number of sums.
    pub const COUNT: usize = Self::FirstNonFinite as usize + 1;
}

/// The sums of one reading, indexed by [`Monitor`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MonitorSums(pub [f64; Monitor::COUNT]);

impl std::ops::Index<Monitor> for MonitorSums {
    type Output = f64;

    fn index(&self, monitor: Monitor) -> &f64 {
        &self.0[monitor as usize]
    }
}

impl std::ops::IndexMut<Monitor> for MonitorSums {
    fn index_mut(&mut self, monitor: Monitor) -> &mut f64 {
        &mut self.0[monitor as usize]
    }
}
