//! Mixtures of Gaussians: data whose density is known, so that theory can be checked against it.

/// Gaussians of one width and equal weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// Centres, one after another, [`Mixture::cols`] numbers each.
    pub centres: Vec<f32>,
    /// Dimensions of the data.
    pub cols: usize,
    /// Standard deviation of each component in every direction.
    pub sigma: f32,
}

impl Mixture {
    /// The single bell of the paper's Figure 1: mean 1, standard deviation 0.5.
    ///
    /// Off the origin, where an untrained generator puts everything, so that both the place and the
    /// width are to be learnt.
    pub(crate) fn figure1() -> Self {
        Self {
            centres: vec![1.0],
            cols: 1,
            sigma: 0.5,
        }
    }

    /// Eight Gaussians on a circle of radius 1.
    pub(crate) fn ring8() -> Self {
        let angle = |mode: u8| f64::from(mode) * std::f64::consts::TAU / 8.0;
        Self {
            centres: (0..8)
                .flat_map(|mode| [angle(mode).cos(), angle(mode).sin()].map(|at| at as f32))
                .collect(),
            cols: 2,
            sigma: 0.01,
        }
    }

    /// Twenty-five Gaussians on a square grid of spacing 2, centred on the origin.
    pub(crate) fn grid25() -> Self {
        let place = |index: i8| f32::from(2 * (index - 2));
        Self {
            centres: (0..25)
                .flat_map(|mode| [place(mode % 5), place(mode / 5)])
                .collect(),
            cols: 2,
            sigma: 0.05,
        }
    }

    /// Number of components.
    #[must_use]
    pub fn modes(&self) -> usize {
        self.centres.len() / self.cols
    }

    /// The centre of component `mode`.
    ///
    /// # Panics
    /// If `mode` is out of range.
    #[must_use]
    pub fn centre(&self, mode: usize) -> &[f32] {
        &self.centres[mode * self.cols..(mode + 1) * self.cols]
    }

    /// The component whose centre is nearest to `x`, and the distance in units of sigma.
    ///
    /// # Panics
    /// If `x` does not have [`Mixture::cols`] values.
    #[must_use]
    #[track_caller]
    pub fn nearest(&self, x: &[f32]) -> (usize, f32) {
        let mut best = (0, f64::INFINITY);
        for mode in 0..self.modes() {
            let squares = self.squared_distance(mode, x);
            if squares < best.1 {
                best = (mode, squares);
            }
        }
        (best.0, (best.1.sqrt() / f64::from(self.sigma)) as f32)
    }

    /// The density p_data(x), per unit of volume.
    ///
    /// # Panics
    /// If `x` does not have [`Mixture::cols`] values.
    #[must_use]
    #[track_caller]
    pub fn density(&self, x: &[f32]) -> f64 {
        let variance = f64::from(self.sigma).powi(2);
        let bells: f64 = (0..self.modes())
            .map(|mode| (-0.5 * self.squared_distance(mode, x) / variance).exp())
            .sum();
        let volume = (std::f64::consts::TAU * variance).powf(self.cols as f64 / 2.0);
        bells / (self.modes() as f64 * volume)
    }

    #[track_caller]
    fn squared_distance(&self, mode: usize, x: &[f32]) -> f64 {
        assert!(x.len() == self.cols, "mixture: one value per dimension");
        let pairs = self.centre(mode).iter().zip(x);
        pairs
            .map(|(&c, &x)| (f64::from(x) - f64::from(c)).powi(2))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_of_each_mixture_integrates_to_one() {
        let mixture = Mixture::figure1();
        let total: f64 = (0..4000)
            .map(|i| mixture.density(&[i as f32 * 0.002 - 3.0]) * 0.002)
            .sum();
        assert!((total - 1.0).abs() < 1e-6, "{total}");
        // Around one centre of ring8, whose neighbours are 76 sigma away: an eighth.
        let mixture = Mixture::ring8();
        let cell = 0.001;
        let offsets = || (-60..=60).map(|i| i as f32 * cell);
        let total: f64 = offsets()
            .flat_map(|x| offsets().map(move |y| [1.0 + x, y]))
            .map(|x| mixture.density(&x) * f64::from(cell).powi(2))
            .sum();
        assert!((total - 0.125).abs() < 1e-5, "{total}");
    }

    #[test]
    fn centres_lie_on_ring_and_grid() {
        let ring = Mixture::ring8();
        assert_eq!(ring.modes(), 8);
        for mode in 0..8 {
            assert!((ring.centre(mode)[0].hypot(ring.centre(mode)[1]) - 1.0).abs() < 1e-6);
        }
        let grid = Mixture::grid25();
        assert_eq!(grid.modes(), 25);
        assert_eq!(grid.centre(0), [-4.0, -4.0]);
        assert_eq!(grid.centre(7), [0.0, -2.0]);
    }

    #[test]
    fn nearest_counts_in_sigmas() {
        let (mode, sigmas) = Mixture::grid25().nearest(&[0.0, -1.9]);
        assert_eq!(mode, 7);
        assert!((sigmas - 2.0).abs() < 1e-4, "{sigmas}");
    }
}
