//! The CPU: plain Rust, compiled for several instruction sets and chosen at run time.

mod elementwise;
mod isa;
mod lanes;
mod memory;
mod normal;
mod pool;
mod product;
mod shared_rows;
#[cfg(test)]
mod tests;
mod visits;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use elementwise::{Mask, activate, slope_from_output};
use product::Kept;
#[cfg(test)]
use product::Side;
pub(crate) use product::{Cut, Epilogue, Operand, Product, TaskInfo, Zeros, run};
use shared_rows::LINE;
pub(crate) use shared_rows::{SharedRows, Touched};
pub(crate) use visits::Visits;

use crate::ops::for_each_operation;
use crate::{
    Backend, BackendError, Execution, Matrix, Monitor, MonitorSums, Real, Records, Rows, RowsMut,
    Schedule, StepState, Winners,
};
pub(crate) use isa::Isa;
pub use isa::{INSTRUCTIONS, instructions};
pub(crate) use lanes::{Lanes, Registers};
pub use memory::free_memory;
pub(crate) use normal::fill_normal;
use pool::Pool;

/// The back end of a bare CPU: `Native<f32>` trains, `Native<f64>` is the oracle.
///
/// Cheap to clone; clones share the threads.
/// Results are the same bits for any number of threads.
/// Nothing allocates once every operation has run at its largest shape, with and without zeros to
/// leave out.
#[derive(Clone)]
pub struct Native<T: Real> {
    pool: Arc<Pool>,
    isa: Isa,
    zeros: Zeros,
    /// Elements between the rows of new matrices; none but in tests.
    padding: usize,
    scratch: Arc<Mutex<Scratch<T>>>,
    /// Partial sums of gradient norms, one per task.
    norms: Arc<Mutex<Vec<f64>>>,
}

/// Packed operands; grows to what the largest operation needs and stays.
#[derive(Default)]
struct Scratch<T> {
    packed: Vec<T>,
    kept: Kept<T>,
    workers: Vec<T>,
    /// The strip of a product that each worker has packed.
    held: Vec<Option<usize>>,
}

impl<T: Real> Scratch<T> {
    /// Room for a packed operand, and for each of `workers`, from a cache line's beginning on; how
    /// far those of two workers are apart.
    fn reserve(
        &mut self,
        packed: usize,
        workers: usize,
        per_worker: usize,
    ) -> (&mut [T], &mut [T], usize) {
        let per_worker = per_worker.next_multiple_of(LINE / size_of::<T>());
        (
            lines(&mut self.packed, packed),
            lines(&mut self.workers, workers * per_worker),
            per_worker,
        )
    }
}

/// The first `len` elements of `buffer`, which grows if need be, from a cache line's beginning on.
fn lines<T: Real>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    let room = len + LINE / size_of::<T>();
    if buffer.len() < room {
        buffer.resize(room, T::ZERO);
    }
    let skipped = buffer.as_ptr().align_offset(LINE);
    &mut buffer[skipped..][..len]
}

impl<T: Real> Native<T> {
    /// A back end with `threads` threads; `None` takes as many as the machine offers.
    ///
    /// Its code is for the best instruction set that the processor has, or for the one that the
    /// environment variable [`INSTRUCTIONS`] names.
    ///
    /// # Errors
    /// If the threads cannot be started, or the processor lacks those instructions.
    pub fn new(threads: Option<usize>) -> Result<Self, BackendError> {
        let threads = threads
            .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
            .unwrap_or(1)
            .max(1);
        Ok(Self {
            isa: Isa::chosen()?,
            pool: Arc::new(Pool::new(threads)?),
            zeros: Zeros::Measured,
            padding: 0,
            scratch: Arc::default(),
            norms: Arc::new(Mutex::new(Vec::new())),
        })
    }

    /// As if the processor had no more than `isa`, which it must have.
    #[cfg(test)]
    fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    #[cfg(test)]
    fn with_zeros(self, zeros: Zeros) -> Self {
        Self { zeros, ..self }
    }

    #[cfg(test)]
    fn with_padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// The instruction set of its code, as [`INSTRUCTIONS`] names it.
    #[must_use]
    pub fn instructions(&self) -> &'static str {
        self.isa.name()
    }

    /// The instruction set of its code.
    pub(crate) fn isa(&self) -> Isa {
        self.isa
    }

    /// Number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    pub(crate) fn norms(&self) -> MutexGuard<'_, Vec<f64>> {
        self.norms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `body` for each of `rows` rows, over the threads if `values` are worth it.
    pub(crate) fn over_rows(&self, rows: usize, values: usize, body: impl Fn(usize) + Sync) {
        const ROWS_PER_TASK: usize = 8;
        /// Values below which waking other threads costs more than they give.
        const SERIAL_VALUES: usize = 1 << 12;
        if values < SERIAL_VALUES {
            return (0..rows).for_each(body);
        }
        self.pool.run(rows.div_ceil(ROWS_PER_TASK), &|_, task| {
            (task * ROWS_PER_TASK..((task + 1) * ROWS_PER_TASK).min(rows)).for_each(&body);
        });
    }

    /// Runs `body` for each of `rows`, by its number and with its values, likewise.
    pub(crate) fn each_row(
        &self,
        rows: &mut RowsMut<'_, Self>,
        body: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let (count, cols) = rows.shape();
        let rows = rows.shared();
        self.over_rows(count, count * cols, |row| {
            // SAFETY: each row is one call's.
            body(row, unsafe { rows.part(row, 0, cols) });
        });
    }

    fn scratch(&self) -> MutexGuard<'_, Scratch<T>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Native<f32> {
    /// The same with the factors of products rounded to bf16 as they are packed; sums, weights and
    /// everything else stay f32, and so do the products of [`Parzen`](crate::Parzen) and those of
    /// gradients that leave out the zeros of a factor.
    ///
    /// # Errors
    /// If the processor has no AVX-512 with bf16 products.
    pub fn with_bf16(self) -> Result<Self, BackendError> {
        match self.isa.exact().with_bf16() {
            Some(isa) => Ok(Self { isa, ..self }),
            None => Err(BackendError::Precision {
                device: self.description(),
                asked: "bf16",
                found: "f32".into(),
            }),
        }
    }
}

impl<'a, T: Real> Rows<'a, Native<T>> {
    /// The elements from the first row on, and the stride.
    pub(crate) fn data(&self) -> (&'a [T], usize) {
        let matrix = self.matrix;
        (&matrix.storage[self.first * matrix.stride..], matrix.stride)
    }

    /// Row `row` of these.
    pub(crate) fn row(&self, row: usize) -> &'a [T] {
        let matrix = self.matrix;
        &matrix.storage[(self.first + row) * matrix.stride..][..matrix.cols]
    }

    /// As the factor of a product.
    pub(crate) fn operand(&self) -> Operand<'a, T> {
        let (data, stride) = self.data();
        Operand::plain(data, stride)
    }
}

impl<T: Real> RowsMut<'_, Native<T>> {
    /// For tasks that write disjoint parts.
    pub(crate) fn shared(&mut self) -> SharedRows<'_, T> {
        let stride = self.matrix.stride;
        SharedRows::new(&mut self.matrix.storage[self.first * stride..], stride)
    }

    /// Row `row` of these.
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        let matrix = &mut *self.matrix;
        &mut matrix.storage[(self.first + row) * matrix.stride..][..matrix.cols]
    }
}

macro_rules! declare {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        /// The CPU's operations on one element type.
        ///
        /// They are methods of the element type, and not of [`Native`], so that they are compiled
        /// here, once, and not again in every crate that names `Native<f32>`.
        pub trait Kernels: Sized {
            $(
                #[track_caller]
                fn $module(
                    native: &Native<Self>,
                    op: crate::ops::$Arguments<'_, Native<Self>>,
                ) $(-> $Result)?
                where
                    Self: Real;
            )*
        }
    };
}
for_each_operation!(declare);

macro_rules! compile {
    (($Elem:ty) $($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        impl Kernels for $Elem {
            $(
                #[inline(never)]
                fn $module(
                    native: &Native<Self>,
                    op: crate::ops::$Arguments<'_, Native<Self>>,
                ) $(-> $Result)? {
                    crate::ops::$module::cpu::run(native, op)
                }
            )*
        }
    };
}
for_each_operation!(compile(f32));
for_each_operation!(compile(f64));

macro_rules! forward {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(
            fn $module(&self, op: crate::ops::$Arguments<'_, Self>) $(-> $Result)? {
                T::$module(self, op)
            }
        )*
    };
}

impl<T: Real> Backend for Native<T> {
    type Elem = T;
    type Storage = Vec<T>;
    type Bytes = Vec<u8>;
    type State = StepState;
    type Monitors = MonitorSums;
    type Resident = Records;
    type Recording = ();

    fn description(&self) -> String {
        let isa = match self.isa {
            Isa::Baseline => std::env::consts::ARCH,
            Isa::Avx2 => "AVX2",
            Isa::Avx512 | Isa::Avx512Bf16 => "AVX-512",
            #[cfg(test)]
            Isa::WideTile => "wide tiles",
        };
        let precision = match self.isa {
            Isa::Avx512Bf16 => "bf16".into(),
            _ => format!("f{}", 8 * size_of::<T>()),
        };
        let threads = match self.threads() {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        format!("cpu, {isa}, {threads}, {precision}")
    }

    fn matrix(&self, rows: usize, cols: usize) -> Matrix<Self> {
        let stride = cols + self.padding;
        let mut storage = vec![T::ZERO; rows * stride];
        if self.padding > 0 {
            // No operation reads or writes it.
            let rows = storage.chunks_mut(stride);
            rows.for_each(|row| row[cols..].fill(T::from_f64(f64::NAN)));
        }
        Matrix {
            storage,
            rows,
            cols,
            stride,
        }
    }

    fn write(&self, matrix: &mut Matrix<Self>, values: &[T]) {
        assert_eq!(
            values.len(),
            matrix.rows * matrix.cols,
            "write: number of values"
        );
        for row in 0..matrix.rows {
            matrix.storage[row * matrix.stride..][..matrix.cols]
                .copy_from_slice(&values[row * matrix.cols..][..matrix.cols]);
        }
    }

    fn read(&self, rows: Rows<'_, Self>) -> Result<Vec<T>, BackendError> {
        let mut values = Vec::with_capacity(rows.count * rows.matrix.cols);
        (0..rows.count).for_each(|row| values.extend_from_slice(rows.row(row)));
        Ok(values)
    }

    fn read_with<R>(
        &self,
        matrix: &Matrix<Self>,
        work: impl FnOnce(&[T]) -> R,
    ) -> Result<R, BackendError> {
        match self.padding {
            0 => Ok(work(&matrix.storage)),
            _ => self.read(matrix.all()).map(|values| work(&values)),
        }
    }

    fn write_with(&self, matrix: &mut Matrix<Self>, work: impl FnOnce(&mut [T])) {
        if self.padding == 0 {
            return work(&mut matrix.storage);
        }
        let mut values = vec![T::ZERO; matrix.rows * matrix.cols];
        work(&mut values);
        self.write(matrix, &values);
    }

    fn winners(&self, rows: usize, cols: usize) -> Winners<Self> {
        Winners {
            bytes: vec![0; rows * cols],
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

    fn upload_rates(&self, _state: &mut StepState, _schedule: &Schedule, _step: u64) {
        // `advance` computes them where they are needed.
    }

    fn monitors(&self) -> MonitorSums {
        MonitorSums([0.0; Monitor::COUNT])
    }

    fn take_monitors(&self, monitors: &mut MonitorSums) -> Result<MonitorSums, BackendError> {
        Ok(std::mem::take(monitors))
    }

    fn give_back_monitors(&self, monitors: &mut MonitorSums, sums: MonitorSums) {
        *monitors = sums;
    }

    for_each_operation!(forward);

    fn repeat(&self, _recording: &mut (), mut iteration: impl FnMut()) {
        iteration();
    }

    fn execution(&self, _recording: &()) -> Option<Execution> {
        Some(Execution::Direct)
    }

    fn check(&self) -> Result<(), BackendError> {
        Ok(())
    }
}
