//! A classifier of records, made of the operations that train the players.

#[cfg(test)]
mod tests;

use gan_kernels::{
    Activation, Adam, Advance, Backend, BackendError, Below, LearningRate, LinearBwdData,
    LinearBwdParams, LinearFwd, Matrix, Momentum, Real, Schedule, SlotSchedule, Update,
};
use rand::RngExt;

use crate::Points;
use crate::affine::{stateless, write_centred};
use crate::draws::Draw;

/// Rows of one forward pass outside of training.
const CHUNK: usize = 256;
/// Where Adam's learning rate ends, as a share of where it starts.
const LAST_RATE: f64 = 0.05;

/// How a [`Classifier`] is built and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Units of each hidden layer, rectifiers all.
    pub hidden: Vec<usize>,
    /// Visits of every record.
    pub epochs: usize,
    /// Records per update.
    pub minibatch: usize,
    /// Adam's η at the start; it falls linearly to a twentieth.
    pub learning_rate: f64,
    /// Of weights and order.
    pub seed: u64,
}

impl Training {
    /// 256 and 128 rectifiers: three epochs on MNIST reach 97.6 % in seconds.
    #[must_use]
    pub fn new(epochs: usize, seed: u64) -> Self {
        Self {
            hidden: vec![256, 128],
            epochs,
            minibatch: 100,
            learning_rate: 2e-3,
            seed,
        }
    }
}

/// A trained multilayer perceptron with one logit per class.
pub struct Classifier<B: Backend> {
    backend: B,
    /// Taken off the records before the first layer.
    mean: Vec<f64>,
    layers: Vec<Layer<B>>,
}

/// `φ(X·W + b)` with Adam's moments.
struct Layer<B: Backend> {
    w: Matrix<B>,
    b: Matrix<B>,
    first: [Matrix<B>; 2],
    second: [Matrix<B>; 2],
    act: Activation,
}

/// What a pass over up to so many rows needs.
struct Tape<B: Backend> {
    x: Matrix<B>,
    /// Outputs of the layers, and gradients of their pre-activations.
    y: Vec<Matrix<B>>,
    dz: Vec<Matrix<B>>,
}

impl<B: Backend> Classifier<B> {
    /// Trains on `points`, whose classes are `labels`, below `classes`; minimises the mean
    /// cross-entropy of the softmax of the logits.
    ///
    /// Columns should be of like scale, as the players' units are.
    ///
    /// # Panics
    /// If there is not one label per point, a label is not below `classes`, or a size is zero.
    /// # Errors
    /// What went wrong on the device.
    #[track_caller]
    pub fn fit(
        backend: B,
        training: &Training,
        points: Points<'_>,
        labels: &[u8],
        classes: usize,
    ) -> Result<Self, BackendError> {
        assert!(
            labels.len() == points.rows() && !labels.is_empty() && training.minibatch > 0,
            "classifier: {} labels for {} points",
            labels.len(),
            points.rows()
        );
        assert!(
            labels.iter().all(|&label| usize::from(label) < classes),
            "classifier: a label is not below {classes}"
        );
        let sizes: Vec<usize> = std::iter::once(points.cols())
            .chain(training.hidden.iter().copied())
            .chain([classes])
            .collect();
        let scale = inverse_deviation(points);
        let layers = sizes.windows(2).enumerate().map(|(index, sizes)| {
            let last = index + 2 == sizes_len(training);
            Layer::new(
                &backend,
                [sizes[0], sizes[1]],
                index,
                last,
                training.seed,
                scale,
            )
        });
        let layers = layers.collect();
        let mut classifier = Self {
            backend,
            mean: points.mean(),
            layers,
        };
        classifier.train(training, points, labels)?;
        Ok(classifier)
    }

    fn train(
        &mut self,
        training: &Training,
        points: Points<'_>,
        labels: &[u8],
    ) -> Result<(), BackendError> {
        let minibatch = training.minibatch.min(points.rows());
        let updates = training.epochs * (points.rows() / minibatch);
        let schedule = schedule(training.learning_rate, updates);
        let mut state = self.backend.state(schedule.state(training.seed, 0));
        let mut tape = self.tape(minibatch);
        let mut rows = vec![0.0; minibatch * points.cols()];
        let mut classes = vec![0; minibatch];
        let mut step = 0;
        for epoch in 0..training.epochs {
            let order = Draw::Order.order(training.seed, epoch, points.rows());
            for chosen in order.chunks_exact(minibatch) {
                let out = rows.chunks_exact_mut(points.cols()).zip(&mut classes);
                for (&index, (row, class)) in chosen.iter().zip(out) {
                    row.copy_from_slice(points.row(index));
                    *class = labels[index];
                }
                self.backend.upload_rates(&mut state, &schedule, step);
                let rows = Points::new(&rows, points.cols());
                self.update(rows, &classes, &mut tape, &state)?;
                self.backend.advance(Advance {
                    state: &mut state,
                    schedule: &schedule,
                });
                step += 1;
            }
        }
        Ok(())
    }

    /// One step of Adam along the gradient of a minibatch.
    fn update(
        &mut self,
        rows: Points<'_>,
        classes: &[u8],
        tape: &mut Tape<B>,
        state: &B::State,
    ) -> Result<(), BackendError> {
        let last = self.layers.len() - 1;
        self.forward(rows, tape, state);
        let logits = self.backend.read(tape.y[last].all())?;
        let dz = logits_gradient::<B::Elem>(&logits, classes);
        self.backend.write(&mut tape.dz[last], &dz);
        for index in (1..=last).rev() {
            let (below, above) = tape.dz.split_at_mut(index);
            self.backend.linear_bwd_data(LinearBwdData {
                dz: above[0].all(),
                w: &self.layers[index].w,
                below: Below {
                    y: tape.y[index - 1].all(),
                    act: self.layers[index - 1].act,
                    winners: None,
                    dropout: None,
                },
                dz_below: below[index - 1].all_mut(),
                state,
            });
        }
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let x = if index == 0 {
                &tape.x
            } else {
                &tape.y[index - 1]
            };
            self.backend.linear_bwd_params(LinearBwdParams {
                x: x.all(),
                dz: tape.dz[index].all(),
                bias_weights: None,
                w: &mut layer.w,
                b: &mut layer.b,
                update: Update::Adam {
                    first: layer.first.each_mut(),
                    second: layer.second.each_mut(),
                    adam: ADAM,
                    slot: 0,
                    max_column_norm: None,
                },
                state,
                monitor: None,
            });
        }
        Ok(())
    }

    fn tape(&self, rows: usize) -> Tape<B> {
        let matrices = || {
            let layers = self.layers.iter();
            layers
                .map(|layer| self.backend.matrix(rows, layer.b.cols()))
                .collect()
        };
        Tape {
            x: self.backend.matrix(rows, self.mean.len()),
            y: matrices(),
            dz: matrices(),
        }
    }

    /// Leaves the outputs of every layer in the tape.
    fn forward(&self, rows: Points<'_>, tape: &mut Tape<B>, state: &B::State) {
        write_centred(&self.backend, &mut tape.x, rows, &self.mean);
        for (index, layer) in self.layers.iter().enumerate() {
            let (below, above) = tape.y.split_at_mut(index);
            self.backend.linear_fwd(LinearFwd {
                x: below.last().unwrap_or(&tape.x).all(),
                w: &layer.w,
                b: &layer.b,
                y: above[0].all_mut(),
                act: layer.act,
                winners: None,
                dropout: None,
                state,
            });
        }
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.b.cols())
    }

    /// p(class | point), one row of [`Classifier::classes`] per point, in f64.
    ///
    /// # Panics
    /// If the points have other columns than those it was trained on.
    /// # Errors
    /// What went wrong on the device.
    #[track_caller]
    pub fn posteriors(&self, points: Points<'_>) -> Result<Vec<f64>, BackendError> {
        let mut posteriors: Vec<f64> = self
            .outputs(points, self.layers.len() - 1)?
            .into_iter()
            .map(Real::to_f64)
            .collect();
        posteriors
            .chunks_exact_mut(self.classes())
            .for_each(softmax);
        Ok(posteriors)
    }

    /// Outputs of the last hidden layer, a row per point; without hidden layers, the logits.
    ///
    /// # Panics
    /// As [`Classifier::posteriors`].
    /// # Errors
    /// What went wrong on the device.
    #[track_caller]
    pub fn features(&self, points: Points<'_>) -> Result<Features, BackendError> {
        let layer = self.layers.len().saturating_sub(2);
        let values = self.outputs(points, layer)?;
        Ok(Features {
            values: values
                .into_iter()
                .map(|value| value.to_f64() as f32)
                .collect(),
            cols: self.layers[layer].b.cols(),
        })
    }

    /// Share of `points` whose most probable class is their label.
    ///
    /// # Panics
    /// As [`Classifier::posteriors`], or if there is not one label per point.
    /// # Errors
    /// What went wrong on the device.
    #[track_caller]
    pub fn accuracy(&self, points: Points<'_>, labels: &[u8]) -> Result<f64, BackendError> {
        assert!(
            labels.len() == points.rows(),
            "classifier: {} labels for {} points",
            labels.len(),
            points.rows()
        );
        let posteriors = self.posteriors(points)?;
        let rows = posteriors.chunks_exact(self.classes()).zip(labels);
        let right = rows.filter(|(row, label)| most_probable(row) == usize::from(**label));
        Ok(right.count() as f64 / labels.len() as f64)
    }

    #[track_caller]
    fn outputs(&self, points: Points<'_>, layer: usize) -> Result<Vec<B::Elem>, BackendError> {
        assert!(
            points.cols() == self.mean.len(),
            "classifier: points of {} columns, trained on {}",
            points.cols(),
            self.mean.len()
        );
        let state = self.backend.state(stateless());
        let mut tape = self.tape(CHUNK);
        let mut outputs = Vec::with_capacity(points.rows() * tape.y[layer].cols());
        for first in (0..points.rows()).step_by(CHUNK) {
            let count = CHUNK.min(points.rows() - first);
            self.forward(points.slice(first..first + count), &mut tape, &state);
            outputs.extend(self.backend.read(tape.y[layer].rows(0, count))?);
        }
        Ok(outputs)
    }
}

/// What a classifier's last hidden layer says of some points.
#[derive(Clone, Debug)]
pub struct Features {
    values: Vec<f32>,
    cols: usize,
}

impl Features {
    /// As points, one row per point that was looked at.
    #[must_use]
    pub fn points(&self) -> Points<'_> {
        Points::new(&self.values, self.cols)
    }
}

const ADAM: Adam = Adam {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

fn schedule(learning_rate: f64, updates: usize) -> Schedule {
    Schedule {
        slots: vec![SlotSchedule {
            learning_rate: LearningRate::Linear {
                initial: learning_rate,
                floor: LAST_RATE * learning_rate,
                updates: updates.max(1) as u64,
            },
            momentum: Momentum::constant(0.0),
            betas: [ADAM.beta1, ADAM.beta2],
            updates_per_step: 1,
            position: 0,
        }],
        records_per_step: 1,
        records: 1,
    }
}

fn sizes_len(training: &Training) -> usize {
    training.hidden.len() + 2
}

/// One over the root of the columns' mean variance; 1 for points that are all equal.
fn inverse_deviation(points: Points<'_>) -> f64 {
    let mean = points.mean();
    let rows = points.iter();
    let squares = rows.flat_map(|row| row.iter().zip(&mean));
    let sum: f64 = squares
        .map(|(&x, mean)| (f64::from(x) - mean).powi(2))
        .sum();
    let variance = sum / points.values().len() as f64;
    if variance > 0.0 {
        variance.sqrt().recip()
    } else {
        1.0
    }
}

impl<B: Backend> Layer<B> {
    /// Weights uniform on ±√(6/fan-in) (He et al. 2015), the first layer's times `scale`, which
    /// stands for scaling the records.
    fn new(
        backend: &B,
        [fan_in, units]: [usize; 2],
        index: usize,
        last: bool,
        seed: u64,
        scale: f64,
    ) -> Self {
        let bound = (6.0 / fan_in as f64).sqrt() * if index == 0 { scale } else { 1.0 };
        let mut rng = Draw::Weights.address(seed, index).rng();
        let weights: Vec<B::Elem> = (0..fan_in * units)
            .map(|_| B::Elem::from_f64(bound * (2.0 * f64::from(rng.random::<f32>()) - 1.0)))
            .collect();
        let mut w = backend.matrix(fan_in, units);
        backend.write(&mut w, &weights);
        let moment = || [backend.matrix(fan_in, units), backend.matrix(1, units)];
        Self {
            w,
            b: backend.matrix(1, units),
            first: moment(),
            second: moment(),
            act: if last {
                Activation::Identity
            } else {
                Activation::Relu
            },
        }
    }
}

/// Gradient of the mean of −log softmax(logits)[class] by the logits: (p − 1[class]) / rows.
fn logits_gradient<T: Real>(logits: &[T], classes: &[u8]) -> Vec<T> {
    let width = logits.len() / classes.len();
    let mut gradient = Vec::with_capacity(logits.len());
    let mut row = vec![0.0; width];
    for (logits, &class) in logits.chunks_exact(width).zip(classes) {
        row.iter_mut()
            .zip(logits)
            .for_each(|(p, logit)| *p = logit.to_f64());
        softmax(&mut row);
        row[usize::from(class)] -= 1.0;
        gradient.extend(row.iter().map(|dz| T::from_f64(dz / classes.len() as f64)));
    }
    gradient
}

/// Logits to probabilities, in place.
fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut()
        .for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|p| *p /= sum);
}

/// Index of the largest, the first of equals.
pub(crate) fn most_probable(row: &[f64]) -> usize {
    let mut best = 0;
    for (index, p) in row.iter().enumerate() {
        if *p > row[best] {
            best = index;
        }
    }
    best
}
