//! Points whose quality is known, to be measured as samples are.
//!
//! A log-likelihood says little by itself: the mean image beats independent pixels, and centroids of
//! the training records, no one of them a record, beat the records themselves.

use gan_kernels::Backend;
use gan_kernels::random::{Address, Permutation, Purpose, Stream};

use crate::gaussian::Moments;
use crate::kmeans::kmeans;
use crate::{EvalError, Points};

/// Seed of all controls; of their own, so that every run on a data set is compared with the same.
const SEED: u64 = 2014;
/// The epoch of the order in which records are taken, which no run reaches.
const EPOCH: u64 = u64::MAX;
/// The pass that controls draw in; 0 is the latents of samples.
const PASS: usize = 1;
/// Principal components of [`Control::PrincipalGaussian`].
const COMPONENTS: usize = 50;
/// Iterations of [`Control::Centroids`].
const ITERATIONS: usize = 12;
/// Training records per centroid at least: with fewer, centroids are records.
const RECORDS_PER_CENTROID: usize = 5;
/// Eigenvectors of more columns than this take minutes.
const MOST_COLUMNS: usize = 4096;

/// A set of points whose quality is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Control {
    /// Training records: what an honest sampler cannot beat.
    Records,
    /// Centroids of the training records by k-means: blurred copies.
    Centroids,
    /// A Gaussian in the largest 50 principal components.
    PrincipalGaussian,
    /// The Gaussian with the training records' mean and covariance.
    Gaussian,
    /// The mean of the training records, once.
    Mean,
}

impl Control {
    /// All of them, the cheap ones first.
    pub(crate) const ALL: [Self; 5] = [
        Self::Records,
        Self::Mean,
        Self::Gaussian,
        Self::PrincipalGaussian,
        Self::Centroids,
    ];

    /// True if drawing it takes next to no time.
    pub(crate) fn is_quick(self) -> bool {
        matches!(self, Self::Records | Self::Mean)
    }

    /// The name for programs.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Records => "training_records",
            Self::Centroids => "kmeans",
            Self::PrincipalGaussian => "gaussian_50",
            Self::Gaussian => "gaussian",
            Self::Mean => "mean",
        }
    }

    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Records => "training records",
            Self::Centroids => "k-means centroids",
            Self::PrincipalGaussian => "Gaussian, 50 components",
            Self::Gaussian => "Gaussian, full covariance",
            Self::Mean => "the mean record",
        }
    }
}

/// Draws controls from training records.
pub(crate) struct Controls<'a, B: Backend> {
    backend: &'a B,
    train: Points<'a>,
    count: usize,
    /// The ends that every value is between, as pixels are.
    range: Option<[f32; 2]>,
    /// Found when first asked for.
    moments: Option<Moments>,
}

impl<'a, B: Backend> Controls<'a, B> {
    /// Controls of `count` points, or as many as `train` has; draws are clipped to `range`.
    pub(crate) fn new(
        backend: &'a B,
        train: Points<'a>,
        count: usize,
        range: Option<[f32; 2]>,
    ) -> Self {
        Self {
            backend,
            train,
            count,
            range,
            moments: None,
        }
    }

    /// Number of points of `control`; 0 if it makes no sense for records like these.
    pub(crate) fn count(&self, control: Control) -> usize {
        let (records, cols) = (self.train.rows(), self.train.cols());
        match control {
            Control::Records => self.count.min(records),
            Control::Mean => 1,
            Control::Gaussian if cols <= MOST_COLUMNS => self.count,
            Control::PrincipalGaussian if cols > COMPONENTS && cols <= MOST_COLUMNS => self.count,
            Control::Gaussian | Control::PrincipalGaussian => 0,
            Control::Centroids => self.count.min(records / RECORDS_PER_CENTROID),
        }
    }

    /// The points of `control`, row-major.
    ///
    /// `progress` is called with the share of the work that is done.
    pub(crate) fn draw(
        &mut self,
        control: Control,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Vec<f32>, EvalError> {
        let count = self.count(control);
        let mut points = match control {
            Control::Records => self.some_records(count),
            Control::Mean => self.train.mean().iter().map(|&x| x as f32).collect(),
            Control::Gaussian => self.gaussian(control, self.train.cols(), count)?,
            Control::PrincipalGaussian => self.gaussian(control, COMPONENTS, count)?,
            Control::Centroids => {
                let initial = self.some_records(count);
                let initial = Points::new(&initial, self.train.cols());
                kmeans(self.backend, self.train, initial, ITERATIONS, progress)?
            }
        };
        if let Some([low, high]) = self.range {
            points.iter_mut().for_each(|x| *x = x.clamp(low, high));
        }
        progress(1.0);
        Ok(points)
    }

    /// `count` training records, none of them twice.
    fn some_records(&self, count: usize) -> Vec<f32> {
        let order = Permutation::new(SEED, EPOCH, self.train.rows());
        (0..count)
            .flat_map(|index| self.train.row(order.at(index)))
            .copied()
            .collect()
    }

    fn gaussian(
        &mut self,
        control: Control,
        components: usize,
        count: usize,
    ) -> Result<Vec<f32>, EvalError> {
        let moments = match self.moments.take() {
            Some(moments) => moments,
            None => Moments::of(self.backend, self.train)?,
        };
        let address = Address {
            seed: SEED,
            stream: Stream::new(Purpose::Evaluation, PASS, control as usize),
            step: 0,
        };
        let draws = moments.draw(self.backend, components, count, address);
        self.moments = Some(moments);
        draws
    }
}

#[cfg(test)]
mod tests;
