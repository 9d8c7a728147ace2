//! Affine maps of points on a device: the product that distances, draws and projections are made of.

use gan_kernels::{Backend, BackendError, LinearFwd, Matrix, Real, StepState};

use crate::Points;

/// `X·W + b`, of any number of rows at a time.
pub(crate) struct Affine<'a, B: Backend> {
    backend: &'a B,
    w: Matrix<B>,
    b: Matrix<B>,
    state: B::State,
}

impl<'a, B: Backend> Affine<'a, B> {
    /// The map from x to −2·x·r + ‖r‖² for each of `points` r less `mean`: all of ‖x − r‖² that
    /// differs between the points. `centred` gives a value less the mean.
    pub(crate) fn to_points(
        backend: &'a B,
        points: Points<'_>,
        mean: &[f64],
        centred: impl Fn(f32, f64) -> f64,
    ) -> Self {
        let (count, cols) = (points.rows(), points.cols());
        let mut weights = vec![B::Elem::ZERO; cols * count];
        let mut squares = Vec::with_capacity(count);
        for (index, row) in points.iter().enumerate() {
            let mut square = 0.0;
            for (col, (&value, &mean)) in row.iter().zip(mean).enumerate() {
                let value = centred(value, mean);
                square += value * value;
                weights[col * count + index] = B::Elem::from_f64(-2.0 * value);
            }
            squares.push(B::Elem::from_f64(square));
        }
        Self::new(backend, &weights, &squares)
    }

    /// The map with the weights `w`, k × n and row-major, and the bias `b` of n values.
    pub(crate) fn new(backend: &'a B, w: &[B::Elem], b: &[B::Elem]) -> Self {
        let n = b.len();
        let matrix = |values: &[B::Elem]| {
            let mut matrix = backend.matrix(values.len() / n, n);
            backend.write(&mut matrix, values);
            matrix
        };
        Self {
            backend,
            w: matrix(w),
            b: matrix(b),
            state: backend.state(stateless()),
        }
    }

    /// `X·W + b` of the first `rows` of `x`, row-major; `y` is room for as many rows of n columns.
    pub(crate) fn apply(
        &self,
        x: &Matrix<B>,
        rows: usize,
        y: &mut Matrix<B>,
    ) -> Result<Vec<B::Elem>, BackendError> {
        self.backend.linear_fwd(LinearFwd::affine(
            x.rows(0, rows),
            &self.w,
            &self.b,
            y.rows_mut(0, rows),
            &self.state,
        ));
        self.backend.read(y.rows(0, rows))
    }
}

/// Writes `points − mean` into the first rows of `x`, zeros below; returns the squared lengths.
pub(crate) fn write_centred<B: Backend>(
    backend: &B,
    x: &mut Matrix<B>,
    points: Points<'_>,
    mean: &[f64],
) -> Vec<f64> {
    let mut values = Vec::with_capacity(x.row_count() * x.cols());
    let mut squares = Vec::with_capacity(points.rows());
    for row in points.iter() {
        let mut square = 0.0;
        for (&value, mean) in row.iter().zip(mean) {
            let value = B::Elem::from_f64(f64::from(value) - mean);
            square += value.to_f64() * value.to_f64();
            values.push(value);
        }
        squares.push(square);
    }
    values.resize(x.row_count() * x.cols(), B::Elem::ZERO);
    backend.write(x, &values);
    squares
}

/// The points less `mean`, on the device.
pub(crate) fn centred<B: Backend>(backend: &B, points: Points<'_>, mean: &[f64]) -> Matrix<B> {
    let mut matrix = backend.matrix(points.rows(), points.cols());
    write_centred(backend, &mut matrix, points, mean);
    matrix
}

/// The state of operations that need none.
pub(crate) fn stateless() -> StepState {
    StepState::without_rates(0, 0)
}
