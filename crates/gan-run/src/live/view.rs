//! What is seen of a live game: samples, D and G over a plane or an axis, and what theory says of them.

use std::f64::consts::LN_2;

use gan_data::normal_quantile;
use gan_eval::{Modes, gather};
use gan_kernels::{ActivationKind, Prior};

use super::LiveGame;
use crate::config::RunConfig;
use crate::probe;
use crate::problem::Problem;
use crate::theory::{Bins, jensen_shannon, optimal_discriminator, value};

/// The most records whose cells are counted.
const COUNTED: usize = 20_000;

/// One dimension: p_data, p_g, D and D* in equal bins, and what the paper says of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The axis.
    pub bins: Bins,
    /// p_data: probability of each bin.
    pub data: Vec<f64>,
    /// p_g: probability of each bin.
    pub generated: Vec<f64>,
    /// D in the middle of each bin.
    pub d: Vec<f32>,
    /// D* of Proposition 1; NaN where neither has a density.
    pub optimum: Vec<f64>,
    /// Latents z and G(z), where z has one dimension.
    pub mapped: Vec<[f32; 2]>,
    /// V(D, G), nats, over all of p_data and p_g.
    pub value: f64,
    /// JSD(p_data ‖ p_g), nats.
    pub divergence: f64,
    /// −log 4 + 2·JSD of Theorem 1: V of the best D.
    pub best_value: f64,
}

/// Two dimensions, in square cells, row by row from below.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// D* of Proposition 1 by the counts of both in each cell; NaN where there is neither.
    pub optimum: Vec<f32>,
    /// JSD of records and samples by these counts, nats.
    pub divergence: f64,
    /// The same of as many records and the others: what two draws of one density have.
    pub floor: f64,
    /// −log 4 + 2·JSD of Theorem 1.
    pub best_value: f64,
}

impl LiveGame {
    /// Samples of the run's seed, the first `count`, in the user's units.
    ///
    /// # Errors
    /// If the back end fails.
    pub fn samples(&mut self, count: usize) -> Result<Vec<f32>, Problem> {
        let samples = self.trainer.sample(self.config.seed, 0, count)?;
        Ok(self.user_values(&samples))
    }

    /// Some training records, in the user's units: the first `count`, as a run's pictures show.
    #[must_use]
    pub fn data(&self, count: usize) -> Vec<f32> {
        let rows = 0..self.records.rows().min(count);
        let cols = self.records.cols();
        let records = gather(&self.records, rows);
        self.record.user_values(&records, cols)
    }

    /// Values of a record.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.records.cols()
    }

    /// How samples cover the modes of the data, where there are some.
    #[must_use]
    pub fn quality(&self, samples: &[f32]) -> Option<Modes> {
        let modes = self.modes.as_ref()?;
        Some(probe::modes_of(modes, samples))
    }

    /// Where the data are: for each column the ends of a stretch that holds them and some room, of one
    /// length for all columns.
    #[must_use]
    pub fn bounds(&self) -> Vec<[f64; 2]> {
        /// On each side, as a share of the longest stretch.
        const ROOM: f64 = 0.25;
        let (data, cols) = (self.data(COUNTED), self.cols());
        let of = |column: usize| {
            let values = data.iter().skip(column).step_by(cols);
            let ends = values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &x| {
                [low.min(x.into()), high.max(x.into())]
            });
            [0.5 * (ends[0] + ends[1]), ends[1] - ends[0]]
        };
        let stretches: Vec<[f64; 2]> = (0..cols).map(of).collect();
        let longest = stretches
            .iter()
            .map(|stretch| stretch[1])
            .fold(1e-6, f64::max);
        let half = (0.5 + ROOM) * longest;
        let around = |[middle, _]: [f64; 2]| [middle - half, middle + half];
        stretches.into_iter().map(around).collect()
    }

    /// D at points in the user's units, row by row.
    ///
    /// # Errors
    /// If the back end fails.
    pub fn discriminate(&mut self, points: &[f32]) -> Result<Vec<f32>, Problem> {
        let mut points = points.to_vec();
        self.record
            .to_players_units(&mut points, self.records.cols());
        Ok(self.trainer.discriminate(&points)?)
    }

    /// G over an even grid of latents of one or two dimensions, `side` in each, in the user's units:
    /// between two neighbours lies the same probability. `None` of more dimensions.
    ///
    /// # Errors
    /// If the back end fails.
    pub fn manifold(&mut self, side: usize) -> Result<Option<Vec<f32>>, Problem> {
        let z = latents(&self.config, side);
        let latents: Vec<f32> = match self.config.generator.latent {
            1 => z,
            2 => z
                .iter()
                .flat_map(|&b| z.iter().flat_map(move |&a| [a, b]))
                .collect(),
            _ => return Ok(None),
        };
        if self.trainer.conditions().is_some() {
            return Ok(None);
        }
        let made = self.trainer.generate_from(&latents)?;
        Ok(Some(self.user_values(&made)))
    }

    /// Samples of the last update of G, and where its objective would have them move: minus its
    /// gradient by each of them, both in the user's units. `None` where G's last layer is not linear,
    /// whose gradient is of something else.
    ///
    /// # Errors
    /// If the back end fails.
    pub fn pull(&mut self) -> Result<Option<[Vec<f32>; 2]>, Problem> {
        let last = self.config.generator.layers.last();
        if last.is_none_or(|layer| layer.activation != ActivationKind::Identity) {
            return Ok(None);
        }
        let [samples, gradient] = self.trainer.generator_gradient()?;
        let moved: Vec<f32> = samples.iter().zip(&gradient).map(|(x, g)| x - g).collect();
        let [from, to] = [samples, moved].map(|rows| self.user_values(&rows));
        let pull = to.iter().zip(&from).map(|(to, from)| to - from).collect();
        Ok(Some([from, pull]))
    }

    /// Records of one dimension over `bins`.
    ///
    /// # Panics
    /// If records have more.
    /// # Errors
    /// If the back end fails.
    pub fn axis(&mut self, bins: Bins) -> Result<Axis, Problem> {
        const CELLS: usize = 2000;
        assert!(self.cols() == 1, "axis: records of one value");
        let data = match &self.density {
            Some(density) => bins.data(density),
            None => bins.pushforward(&sorted(self.data(COUNTED))),
        };
        let mut mapped = Vec::new();
        // In the order of equal probabilities of z; of several latents, of samples by size.
        let x = match self.config.generator.latent {
            1 => {
                let z = latents(&self.config, CELLS + 1);
                let x = self.trainer.generate_from(&z)?;
                let x = self.user_values(&x);
                let pairs = z.iter().zip(&x).map(|(&z, &x)| [z, x]);
                mapped = pairs.step_by(CELLS / 100).collect();
                x
            }
            _ => sorted(self.samples(CELLS)?),
        };
        let generated = bins.pushforward(&x);
        let centres: Vec<f32> = bins.centres().iter().map(|&x| x as f32).collect();
        let d = self.discriminate(&centres)?;
        let of_samples = self.discriminate(&x)?;
        let divergence = jensen_shannon(&data, &generated);
        Ok(Axis {
            optimum: optimal_discriminator(&data, &generated),
            value: value(&data, &d, &of_samples),
            best_value: best_value(divergence),
            bins,
            data,
            generated,
            d,
            mapped,
            divergence,
        })
    }

    /// Records of two dimensions over a rectangle of `side` × `side` cells, by `count` samples.
    ///
    /// # Panics
    /// If records have another number of dimensions.
    /// # Errors
    /// If the back end fails.
    pub fn plane(
        &mut self,
        bounds: [[f64; 2]; 2],
        side: usize,
        count: usize,
    ) -> Result<Plane, Problem> {
        assert!(self.cols() == 2, "plane: records of two values");
        let data = self.data(COUNTED);
        let samples = self.samples(count)?;
        // Two parts of the records, one of them as many as samples.
        let (one, other) = data.split_at((2 * count).min(data.len() / 4 * 2));
        let shares = |points: &[f32]| shares(points, bounds, side);
        let (p, q) = (shares(&data), shares(&samples));
        let divergence = jensen_shannon(&p, &q);
        let optimum = optimal_discriminator(&p, &q);
        Ok(Plane {
            optimum: optimum.into_iter().map(|d| d as f32).collect(),
            divergence,
            floor: jensen_shannon(&shares(one), &shares(other)),
            best_value: best_value(divergence),
        })
    }

    fn user_values(&self, rows: &[f32]) -> Vec<f32> {
        let cols = self.records.cols() + self.record.labels.unwrap_or(0);
        let own = self.record.unlabelled(rows, cols);
        self.record.user_values(&own, self.records.cols())
    }
}

/// V of the best D by Theorem 1.
fn best_value(divergence: f64) -> f64 {
    -2.0 * LN_2 + 2.0 * divergence
}

/// Latents of one dimension at even probabilities, `count` of them.
fn latents(config: &RunConfig, count: usize) -> Vec<f32> {
    let is_uniform = config.generator.prior == Prior::Uniform;
    let latent = |i: usize| match is_uniform {
        true => Prior::UNIFORM_END * (2.0 * i as f64 / (count.max(2) - 1) as f64 - 1.0),
        // A normal one has no ends.
        false => normal_quantile((i as f64 + 0.5) / count as f64),
    };
    (0..count).map(|i| latent(i) as f32).collect()
}

fn sorted(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_by(f32::total_cmp);
    values
}

/// The share of `points`, two values each, in every cell of `bounds`; what lies outside is in none.
fn shares(points: &[f32], [x, y]: [[f64; 2]; 2], side: usize) -> Vec<f64> {
    let mut cells = vec![0.0; side * side];
    let each = 2.0 / points.len().max(1) as f64;
    let place = |value: f32, [low, high]: [f64; 2]| {
        let place = (f64::from(value) - low) / (high - low) * side as f64;
        (0.0..side as f64)
            .contains(&place)
            .then_some(place as usize)
    };
    for point in points.as_chunks::<2>().0 {
        if let (Some(column), Some(row)) = (place(point[0], x), place(point[1], y)) {
            cells[row * side + column] += each;
        }
    }
    cells
}
