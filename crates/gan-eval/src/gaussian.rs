//! The Gaussian that fits records best, and draws from it.

use gan_kernels::random::Address;
use gan_kernels::{Backend, BackendError, LinearBwdParams, Real};
use nalgebra::{DMatrix, SymmetricEigen};
use rand_distr::{Distribution, StandardNormal};

use crate::affine::{Affine, centred, stateless};
use crate::{EvalError, Points};

/// Rows on the device at once.
const CHUNK: usize = 4096;

/// Mean and covariance of records, the latter by its eigenvectors.
pub(crate) struct Moments {
    mean: Vec<f64>,
    /// Row i is the unit eigenvector of the i-th largest eigenvalue times its root: the direction
    /// and standard deviation of a principal component.
    components: Vec<Vec<f64>>,
}

impl Moments {
    /// Mean and covariance of `points`.
    ///
    /// Takes time as the cube of the number of columns.
    pub(crate) fn of<B: Backend>(backend: &B, points: Points<'_>) -> Result<Self, EvalError> {
        let mean = points.mean();
        let covariance = covariance(backend, points, &mean)?;
        let eigen = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..mean.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let component = |i: usize| -> Vec<f64> {
            // Rounding may leave a variance of zero a little below it.
            let deviation = eigen.eigenvalues[i].max(0.0).sqrt();
            let direction = eigen.eigenvectors.column(i);
            direction.iter().map(|x| x * deviation).collect()
        };
        Ok(Self {
            components: order.into_iter().map(component).collect(),
            mean,
        })
    }

    /// `count` draws from the Gaussian of this mean and of the covariance of the largest
    /// `components` principal components, row-major; with all of them, from the one that fits.
    pub(crate) fn draw<B: Backend>(
        &self,
        backend: &B,
        components: usize,
        count: usize,
        address: Address,
    ) -> Result<Vec<f32>, EvalError> {
        let cols = self.mean.len();
        let rank = components.clamp(1, cols);
        let components = self.components[..rank].iter().flatten();
        let components: Vec<_> = components.map(|&x| Real::from_f64(x)).collect();
        let mean: Vec<_> = self.mean.iter().map(|&x| Real::from_f64(x)).collect();
        let affine = Affine::new(backend, &components, &mean);

        let mut rng = address.rng();
        let mut draws = Vec::with_capacity(count * cols);
        for first in (0..count).step_by(CHUNK) {
            let rows = CHUNK.min(count - first);
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            let normals = (0..rows * rank).map(|_| Real::from_f64(normal()));
            let normals: Vec<_> = normals.collect();
            let mut z = backend.matrix(rows, rank);
            backend.write(&mut z, &normals);
            let mut x = backend.matrix(rows, cols);
            let values = affine.apply(&z, rows, &mut x)?;
            draws.extend(values.into_iter().map(|value| value.to_f64() as f32));
        }
        Ok(draws)
    }
}

/// (1/n) Σ (x − mean)(x − mean)ᵀ.
///
/// The device multiplies some thousand rows at a time and the host adds up in f64, so that 50,000
/// rows lose no more to rounding than 4,096 do.
fn covariance<B: Backend>(
    backend: &B,
    points: Points<'_>,
    mean: &[f64],
) -> Result<DMatrix<f64>, BackendError> {
    let cols = points.cols();
    let state = backend.state(stateless());
    let [mut w, mut b] = [cols, 1].map(|rows| backend.matrix(rows, cols));
    let mut sum = vec![0.0; cols * cols];
    for chunk in points.values().chunks(CHUNK * cols) {
        let x = centred(backend, Points::new(chunk, cols), mean);
        backend.linear_bwd_params(LinearBwdParams::gradient(
            x.all(),
            x.all(),
            &mut w,
            &mut b,
            &state,
        ));
        let product = backend.read(w.all())?;
        for (sum, x) in sum.iter_mut().zip(product) {
            *sum += x.to_f64();
        }
    }
    let count = points.rows().max(1) as f64;
    let sum = DMatrix::from_vec(cols, cols, sum);
    // The two halves may have been rounded differently.
    Ok((&sum + sum.transpose()) / (2.0 * count))
}
