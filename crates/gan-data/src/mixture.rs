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
    /// Number of curves, where the components follow each other along curves and are no modes.
    pub curves: Option<usize>,
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
            curves: None,
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
            curves: None,
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
            curves: None,
        }
    }

    /// Two bells on one axis.
    pub(crate) fn bells() -> Self {
        Self {
            centres: vec![-1.0, 1.5],
            cols: 1,
            sigma: 0.4,
            curves: None,
        }
    }

    /// A thin straight line.
    pub(crate) fn line() -> Self {
        Self::along(1, 96, 0.03, |_, at| [2.0 * at - 1.0, at - 0.5])
    }

    /// Two half circles, each of which reaches into the other.
    pub(crate) fn moons() -> Self {
        Self::along(2, 64, 0.06, |moon, at| {
            let (sin, cos) = (std::f64::consts::PI * at).sin_cos();
            match moon {
                0 => [cos - 0.5, sin - 0.25],
                _ => [0.5 - cos, 0.25 - sin],
            }
        })
    }

    /// Two arms that wind once and a quarter around the origin.
    pub(crate) fn spirals() -> Self {
        Self::along(2, 96, 0.04, |arm, at| {
            // So that as many lie on every stretch, however far out.
            let radius = (0.0625 + 1.5 * at).sqrt();
            let turns = 1.25 * (radius - 0.25) + 0.5 * f64::from(arm);
            let (sin, cos) = (std::f64::consts::TAU * turns).sin_cos();
            [radius * cos, radius * sin]
        })
    }

    /// Five round clusters at uneven places.
    pub(crate) fn clusters() -> Self {
        Self {
            centres: vec![-1.2, 0.9, 0.2, 1.2, 1.3, 0.2, 0.1, -0.4, -1.0, -1.1],
            cols: 2,
            sigma: 0.15,
            curves: None,
        }
    }

    /// `each` components along each of `curves` curves, whose points are a function of the curve and
    /// of a number from 0 to 1.
    fn along(curves: u8, each: u8, sigma: f32, point: impl Fn(u8, f64) -> [f64; 2]) -> Self {
        let last = f64::from(each - 1);
        let of = |curve| (0..each).map(move |i| (curve, f64::from(i) / last));
        let points = (0..curves).flat_map(of);
        Self {
            centres: points
                .flat_map(|(curve, at)| point(curve, at).map(|value| value as f32))
                .collect(),
            cols: 2,
            sigma,
            curves: Some(curves.into()),
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
