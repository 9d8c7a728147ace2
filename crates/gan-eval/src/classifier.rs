//! A classifier of records, the same multilayer perceptron as the players are.

#[cfg(test)]
mod tests;

use gan_kernels::{
    Activation, Adam, Advance, Backend, BackendError, LearningRate, Matrix, Momentum, Real,
    Schedule, SlotSchedule, Update,
};
use gan_model::{LayerSpec, Mlp, Optimizer, Pass, Tape};

use crate::affine::{stateless, write_centred};
use crate::draws::Draw;
use crate::points::{OwnedPoints, Points};

/// Rows of one forward pass outside of training.
const CHUNK: usize = 256;
/// Adam's last learning rate, as a share of its first.
const LAST_RATE: f64 = 0.05;

/// Records per update.
pub(crate) const MINIBATCH: usize = 100;
/// Adam's η at the start; it falls linearly to a twentieth.
const LEARNING_RATE: f64 = 2e-3;

/// Layers and training of a [`Classifier`].
pub(crate) struct Training {
    /// Units of each hidden layer, rectifiers all.
    hidden: Vec<usize>,
    /// Times that every record is visited.
    epochs: usize,
    /// Seed of the first weights and of the order of records.
    seed: u64,
}

impl Training {
    /// 256 and 128 rectifiers: three epochs on MNIST reach 97.6 % in seconds.
    pub(crate) fn new(epochs: usize, seed: u64) -> Self {
        Self {
            hidden: vec![256, 128],
            epochs,
            seed,
        }
    }
}

/// A trained multilayer perceptron with one logit per class.
pub(crate) struct Classifier<B: Backend> {
    backend: B,
    /// Mean record, subtracted before the first layer.
    mean: Vec<f64>,
    mlp: Mlp<B>,
}

impl<B: Backend> Classifier<B> {
    /// Trains on `points`, whose classes are `labels`, below `classes`; minimises the mean
    /// cross-entropy of the softmax of the logits.
    ///
    /// Columns should be of like scale, as the players' units are.
    #[track_caller]
    pub(crate) fn fit(
        backend: B,
        training: &Training,
        points: Points<'_>,
        labels: &[u8],
        classes: usize,
    ) -> Result<Self, BackendError> {
        assert_eq!(labels.len(), points.rows(), "classifier: labels for points");
        // There is none, or it is too large.
        let largest = labels.iter().max().map_or(classes, |&label| label.into());
        assert!(
            largest < classes,
            "classifier: label {largest}, expected below {classes}"
        );
        let optimizer = Optimizer {
            update: Update::Adam(ADAM),
            max_column_norm: None,
        };
        let mut classifier = Self {
            mlp: Mlp::new(&backend, layers(training, points, classes), optimizer),
            mean: points.mean(),
            backend,
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
        let minibatch = MINIBATCH.min(points.rows());
        let updates = training.epochs * (points.rows() / minibatch);
        let schedule = schedule(updates);
        let mut state = self.backend.state(schedule.state(training.seed, 0));
        let mut tape = Tape::new(&self.backend, &self.mlp, minibatch, minibatch);
        let mut x = self.backend.matrix(minibatch, points.cols());
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
                write_centred(&self.backend, &mut x, rows, &self.mean);
                self.update(&x, &classes, &mut tape, &state)?;
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
        x: &Matrix<B>,
        classes: &[u8],
        tape: &mut Tape<B>,
        state: &B::State,
    ) -> Result<(), BackendError> {
        let pass = Pass::without_dropout(&self.backend, state, classes.len());
        self.mlp.forward(&pass, x.all(), tape);
        let logits = self.backend.read(tape.output(self.last()).all())?;
        let dz = logits_gradient::<B::Elem>(&logits, classes);
        self.backend.write(tape.gradient_mut(), &dz);
        self.mlp.backward(&pass, tape);
        self.mlp.update(&pass, x.all(), tape, 0, None);
        Ok(())
    }

    /// Number of the last layer.
    fn last(&self) -> usize {
        self.mlp.units().count() - 1
    }

    /// Number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.mlp.units().next_back().unwrap_or(0)
    }

    /// p(class | point), one row of [`Classifier::classes`] per point, in f64.
    #[track_caller]
    pub(crate) fn posteriors(&self, points: Points<'_>) -> Result<Vec<f64>, BackendError> {
        let logits = self.outputs(points, self.last())?.into_iter();
        let mut posteriors: Vec<f64> = logits.map(Real::to_f64).collect();
        let rows = posteriors.chunks_exact_mut(self.classes());
        rows.for_each(softmax);
        Ok(posteriors)
    }

    /// Outputs of the last hidden layer, a row per point; without hidden layers, the logits.
    #[track_caller]
    pub(crate) fn features(&self, points: Points<'_>) -> Result<OwnedPoints, BackendError> {
        let layer = self.last().saturating_sub(1);
        let values = self.outputs(points, layer)?.into_iter();
        let values = values.map(|value| value.to_f64() as f32).collect();
        Ok(OwnedPoints::new(
            values,
            self.mlp.units().nth(layer).unwrap_or(0),
        ))
    }

    /// Share of `points` whose most probable class is their label.
    #[track_caller]
    pub(crate) fn accuracy(&self, points: Points<'_>, labels: &[u8]) -> Result<f64, BackendError> {
        assert_eq!(labels.len(), points.rows(), "classifier: labels for points");
        let posteriors = self.posteriors(points)?;
        let rows = posteriors.chunks_exact(self.classes()).zip(labels);
        let right = rows.filter(|(row, label)| most_probable(row) == usize::from(**label));
        Ok(right.count() as f64 / labels.len() as f64)
    }

    #[track_caller]
    fn outputs(&self, points: Points<'_>, layer: usize) -> Result<Vec<B::Elem>, BackendError> {
        assert_eq!(points.cols(), self.mean.len(), "classifier: columns");
        let state = self.backend.state(stateless());
        let mut tape = Tape::new(&self.backend, &self.mlp, CHUNK, 0);
        let mut x = self.backend.matrix(CHUNK, points.cols());
        let mut outputs = Vec::with_capacity(points.rows() * tape.output(layer).cols());
        for first in (0..points.rows()).step_by(CHUNK) {
            let count = CHUNK.min(points.rows() - first);
            let rows = points.slice(first..first + count);
            write_centred(&self.backend, &mut x, rows, &self.mean);
            let pass = Pass::without_dropout(&self.backend, &state, count);
            self.mlp.forward(&pass, x.rows(0, count), &mut tape);
            outputs.extend(self.backend.read(tape.output(layer).rows(0, count))?);
        }
        Ok(outputs)
    }
}

const ADAM: Adam = Adam {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

fn schedule(updates: usize) -> Schedule {
    Schedule {
        slots: vec![SlotSchedule {
            learning_rate: LearningRate::Linear {
                initial: LEARNING_RATE,
                floor: LAST_RATE * LEARNING_RATE,
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

/// Weights uniform on ±√(6/fan-in) (He et al. 2015), the first layer's divided by the deviation of
/// the columns, which stands for scaling the records.
fn layers(training: &Training, points: Points<'_>, classes: usize) -> Vec<LayerSpec> {
    let spread = points.spread();
    // Points that are all equal stay as they are.
    let mut scale = if spread > 0.0 { spread.recip() } else { 1.0 };
    let mut inputs = points.cols();
    let hidden = training.hidden.iter();
    let hidden = hidden.map(|&units| (units, Activation::Relu));
    let layers = hidden.chain([(classes, Activation::Identity)]).enumerate();
    let spec = |(index, (units, act))| {
        let fan_in = std::mem::replace(&mut inputs, units);
        LayerSpec {
            inputs: fan_in,
            units,
            act,
            init: (6.0 / fan_in as f64).sqrt() * std::mem::replace(&mut scale, 1.0),
            address: Draw::Weights.address(training.seed, index),
            bias: 0.0,
            dropout: None,
        }
    };
    layers.map(spec).collect()
}

/// Gradient of the mean of −log softmax(logits)[class] by the logits: (p − 1[class]) / rows.
fn logits_gradient<T: Real>(logits: &[T], classes: &[u8]) -> Vec<T> {
    let width = logits.len() / classes.len();
    let mut gradient = Vec::with_capacity(logits.len());
    let mut row = vec![0.0; width];
    for (logits, &class) in logits.chunks_exact(width).zip(classes) {
        for (p, logit) in row.iter_mut().zip(logits) {
            *p = logit.to_f64();
        }
        softmax(&mut row);
        row[usize::from(class)] -= 1.0;
        gradient.extend(row.iter().map(|dz| T::from_f64(dz / classes.len() as f64)));
    }
    gradient
}

/// Logits to probabilities, in place.
fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|l| *l = (*l - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|p| *p /= sum);
}

/// Index of the largest, the first of equals.
pub(crate) fn most_probable(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best })
}
