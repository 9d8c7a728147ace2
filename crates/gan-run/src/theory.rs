//! One dimension in equal bins: the data's probability, G's, and what the paper's theory says of
//! both.

use std::f64::consts::LN_2;

use gan_data::Mixture;

/// A stretch of the x axis, cut into bins of equal width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bins {
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// Number of bins.
    pub count: usize,
}

impl Bins {
    /// Width of a bin.
    #[must_use]
    pub fn width(self) -> f64 {
        (self.high - self.low) / self.count as f64
    }

    /// The middle of each bin.
    #[must_use]
    pub fn centres(self) -> Vec<f64> {
        let centre = |bin| self.low + (f64::from(bin) + 0.5) * self.width();
        (0..self.count as u32).map(centre).collect()
    }

    /// Probability of each bin under `mixture`, which has one dimension; by Simpson's rule.
    ///
    /// # Panics
    /// If it has more.
    #[must_use]
    pub fn data(self, mixture: &Mixture) -> Vec<f64> {
        let half = self.width() / 2.0;
        let density = |x: f64| mixture.density(&[x as f32]);
        let simpson = |x: f64| {
            (density(x - half) + 4.0 * density(x) + density(x + half)) * self.width() / 6.0
        };
        self.centres().into_iter().map(simpson).collect()
    }

    /// Probability of each bin under G's pushforward of a uniform z, where `x` is G on an even grid
    /// over the whole range of z; or of any z, where the grid is of its quantiles.
    ///
    /// G counts as linear between two points of the grid, so each cell of z has the same probability
    /// and spreads it evenly from one of its ends' images to the other's; wherever G folds, the
    /// branches add up.
    /// No probability is lost: what leaves the axis is one less the sum.
    #[must_use]
    pub fn pushforward(self, x: &[f32]) -> Vec<f64> {
        let mut bins = vec![0.0; self.count];
        let cell = 1.0 / (x.len().max(2) - 1) as f64;
        let place = |x: f32| (f64::from(x) - self.low) / self.width();
        for pair in x.windows(2) {
            let (from, to) = (place(pair[0].min(pair[1])), place(pair[0].max(pair[1])));
            let first = from.floor().max(0.0);
            let last = to.floor().min(self.count as f64 - 1.0);
            // An image narrower than rounding is a point.
            let span = to - from;
            if span < 1e-9 {
                if first <= last {
                    bins[first as usize] += cell;
                }
                continue;
            }
            let mut bin = first;
            while bin <= last {
                let shared = to.min(bin + 1.0) - from.max(bin);
                bins[bin as usize] += cell * shared / span;
                bin += 1.0;
            }
        }
        bins
    }
}

/// JSD(p ‖ q) in nats; probability that the bins lack is where the other has none.
#[must_use]
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    let term = |a: f64, b: f64| match a > 0.0 {
        true => 0.5 * a * (2.0 * a / (a + b)).ln(),
        false => 0.0,
    };
    let both = |(&p, &q): (&f64, &f64)| term(p, q) + term(q, p);
    let inside: f64 = p.iter().zip(q).map(both).sum();
    let outside = |p: &[f64]| (1.0 - p.iter().sum::<f64>()).max(0.0);
    inside + 0.5 * LN_2 * (outside(p) + outside(q))
}

/// The optimal D of Proposition 1 in each bin; NaN where neither has a density.
#[must_use]
pub fn optimal_discriminator(data: &[f64], generated: &[f64]) -> Vec<f64> {
    let pairs = data.iter().zip(generated);
    pairs.map(|(&p, &q)| p / (p + q)).collect()
}

/// V(D, G) of eq. 1, in nats: `data` weighs D in each bin, and `of_samples` is D on the images of an
/// even grid of a uniform z.
#[must_use]
pub fn value(data: &[f64], of_data: &[f32], of_samples: &[f32]) -> f64 {
    // A probability that f32 has rounded to 0 is not impossible.
    let log = |p: f64| p.max(1e-9).ln();
    let weighed = |(p, &d): (&f64, &f32)| p * log(d.into());
    let first: f64 = data.iter().zip(of_data).map(weighed).sum();
    let total: f64 = data.iter().sum();
    let second = |d: f32| log(1.0 - f64::from(d));
    let cells = of_samples.windows(2);
    let count = cells.len().max(1) as f64;
    let cells: f64 = cells.map(|d| 0.5 * (second(d[0]) + second(d[1]))).sum();
    first / total + cells / count
}

/// True if `x` is within `sigmas` standard deviations of the mean of `mixture`, which has one
/// component and one dimension.
///
/// # Panics
/// If it has more dimensions.
#[must_use]
pub fn is_within(mixture: &Mixture, x: f64, sigmas: f64) -> bool {
    let (_, found) = mixture.nearest(&[x as f32]);
    f64::from(found) <= sigmas
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINS: Bins = Bins {
        low: -1.0,
        high: 3.0,
        count: 80,
    };

    #[test]
    fn pushforward_of_a_fold_adds_its_branches() {
        // G(z) = z² on [−1, 1]: density 1 / (2√x) on [0, 1].
        let square = |i: i32| (f64::from(i) / 2000.0).powi(2) as f32;
        let x: Vec<f32> = (-2000..=2000).map(square).collect();
        let bins = BINS.pushforward(&x);
        assert!((bins.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        for (bin, x) in [(20, 0.05f64), (29, 0.5), (39, 1.0)] {
            let expected = x.sqrt() - (x - 0.05).sqrt();
            assert!((bins[bin] - expected).abs() < 1e-3, "{x}: {}", bins[bin]);
        }
    }

    #[test]
    fn pushforward_counts_points_and_drops_what_leaves_the_axis() {
        assert_eq!(BINS.pushforward(&[1.01; 5])[40], 1.0);
        // From −3 to 3: the axis holds two thirds.
        let line: Vec<f32> = (0..=60).map(|i| -3.0 + 0.1 * i as f32).collect();
        let bins = BINS.pushforward(&line);
        assert!((bins.iter().sum::<f64>() - 4.0 / 6.0).abs() < 1e-6);
        assert!(BINS.pushforward(&[7.0; 3]).iter().all(|&bin| bin == 0.0));
    }

    #[test]
    fn divergence_of_equals_is_0_and_of_strangers_log_2() {
        let p = [0.25, 0.75, 0.0, 0.0];
        let q = [0.0, 0.0, 0.5, 0.5];
        assert_eq!(jensen_shannon(&p, &p), 0.0);
        assert!((jensen_shannon(&p, &q) - LN_2).abs() < 1e-15);
        // All of q off the axis.
        assert!((jensen_shannon(&p, &[0.0; 4]) - LN_2).abs() < 1e-15);
    }

    #[test]
    fn value_of_the_optimal_discriminator_is_theorem_1() {
        // p_data has density 2x on [0, 1], G makes the uniform.
        let bins = Bins {
            low: 0.0,
            high: 1.0,
            count: 2000,
        };
        let x: Vec<f32> = (0..=20_000).map(|i| i as f32 / 20_000.0).collect();
        let generated = bins.pushforward(&x);
        let probability = |x| 2.0 * x * bins.width();
        let data: Vec<f64> = bins.centres().into_iter().map(probability).collect();
        let best = optimal_discriminator(&data, &generated);
        let of_data: Vec<f32> = best.iter().map(|&d| d as f32).collect();
        let of_samples: Vec<f32> = x.iter().map(|&x| 2.0 * x / (2.0 * x + 1.0)).collect();
        let value = value(&data, &of_data, &of_samples);
        let theorem = -2.0 * LN_2 + 2.0 * jensen_shannon(&data, &generated);
        assert!((value - theorem).abs() < 1e-6, "{value} {theorem}");
    }
}
