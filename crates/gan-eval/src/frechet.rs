//! Fréchet distance between Gaussians fitted to two sets of points.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::Points;

/// `‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2·(C₁^½·C₂·C₁^½)^½)`: the squared 2-Wasserstein distance between the
/// Gaussians with the means and covariances of `a` and `b`, in squared units of the points.
///
/// On the features of a classifier it is what FID is on Inception's; numbers of different
/// classifiers do not compare.
/// It is biased upwards by about the number of columns over the number of rows, so rows should
/// be many.
///
/// # Numerics
/// All in f64 on the host; roots by symmetric eigendecomposition, whose negative eigenvalues are
/// rounding and taken for zero, so covariances may be singular.
/// # Source
/// Dowson and Landau 1982; Heusel et al. 2017.
#[track_caller]
pub(crate) fn frechet(a: Points<'_>, b: Points<'_>) -> f64 {
    a.check_cols("frechet", b);
    let rows = a.rows().min(b.rows());
    assert!(rows >= 2, "frechet: {rows} rows, expected two or more");
    let ((mean_a, a), (mean_b, b)) = (moments(a), moments(b));
    let root = square_root(a.clone());
    let inner = &root * &b * &root;
    let eigen = SymmetricEigen::new(0.5 * (&inner + inner.transpose()));
    let roots = eigen.eigenvalues.iter().map(|value| value.max(0.0).sqrt());
    let cross: f64 = roots.sum();
    let distance = (mean_a - mean_b).norm_squared() + a.trace() + b.trace() - 2.0 * cross;
    distance.max(0.0)
}

/// Mean and unbiased covariance.
fn moments(points: Points<'_>) -> (DVector<f64>, DMatrix<f64>) {
    let mean = points.mean();
    let cols = points.cols();
    let mut sums = vec![0.0; cols * cols];
    let mut centred = vec![0.0; cols];
    for row in points.iter() {
        for (c, (&x, mean)) in centred.iter_mut().zip(row.iter().zip(&mean)) {
            *c = f64::from(x) - mean;
        }
        for (i, &x) in centred.iter().enumerate() {
            for (sum, y) in sums[i * cols..][..=i].iter_mut().zip(&centred) {
                *sum += x * y;
            }
        }
    }
    let over = (points.rows() - 1) as f64;
    let covariance = DMatrix::from_fn(cols, cols, |i, j| sums[i.max(j) * cols + i.min(j)] / over);
    (DVector::from_vec(mean), covariance)
}

/// The symmetric root of a positive semidefinite matrix.
fn square_root(matrix: DMatrix<f64>) -> DMatrix<f64> {
    let eigen = SymmetricEigen::new(matrix);
    let roots = eigen.eigenvalues.map(|value| value.max(0.0).sqrt());
    &eigen.eigenvectors * DMatrix::from_diagonal(&roots) * eigen.eigenvectors.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, normal};

    #[test]
    fn frechet_of_a_shift_is_its_square_and_of_itself_zero() {
        let points = normal(700, 9, 1, 0.0);
        let shifted: Vec<f32> = points.iter().map(|x| x + 2.0).collect();
        let (a, b) = (Points::new(&points, 9), Points::new(&shifted, 9));
        close(frechet(a, a), 0.0, 1e-9);
        close(frechet(a, b), 36.0, 1e-4);
    }

    #[test]
    fn frechet_of_scaled_points_is_the_trace_of_the_difference_of_roots() {
        // C₂ = s²·C₁, so the distance is (s − 1)²·(tr C₁ + ‖μ₁‖²).
        let points = normal(900, 6, 1, 0.0);
        let scaled: Vec<f32> = points.iter().map(|x| 3.0 * x).collect();
        let (mean, covariance) = moments(Points::new(&points, 6));
        let expected = 4.0 * (covariance.trace() + mean.norm_squared());
        let found = frechet(Points::new(&points, 6), Points::new(&scaled, 6));
        close(found / expected, 1.0, 1e-6);
    }

    #[test]
    fn frechet_of_covariances_that_do_not_commute_equals_the_closed_form() {
        // In two dimensions tr (C₁C₂)^½ = √(tr C₁C₂ + 2·√(det C₁C₂)).
        let draws = normal(2000, 2, 1, 0.0);
        let mix = |m: [f32; 4]| -> Vec<f32> {
            let rows = draws.chunks_exact(2);
            rows.flat_map(|x| [m[0] * x[0] + m[1] * x[1], m[2] * x[0] + m[3] * x[1]])
                .collect()
        };
        let (a, b) = (mix([2.0, 0.3, 0.0, 0.5]), mix([0.7, 0.0, 1.1, 1.5]));
        let (a, b) = (Points::new(&a, 2), Points::new(&b, 2));
        let ((mean_a, c), (mean_b, d)) = (moments(a), moments(b));
        let cross = ((&c * &d).trace() + 2.0 * (c.determinant() * d.determinant()).sqrt()).sqrt();
        let expected = (mean_a - mean_b).norm_squared() + c.trace() + d.trace() - 2.0 * cross;
        close(frechet(a, b), expected, 1e-9);
    }

    #[test]
    fn frechet_of_two_draws_nears_that_of_their_gaussians() {
        let (a, b) = (normal(4000, 5, 1, 0.0), normal(3000, 5, 2, 1.0));
        let found = frechet(Points::new(&a, 5), Points::new(&b, 5));
        close(found, 5.0, 0.3);
    }

    #[test]
    fn frechet_with_constant_columns_is_finite() {
        let mut points = normal(50, 4, 1, 0.0);
        points.iter_mut().step_by(4).for_each(|x| *x = 0.0);
        let points = Points::new(&points, 4);
        close(frechet(points, points), 0.0, 1e-9);
    }
}
