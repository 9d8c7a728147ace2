//! Neighbourhoods of records and samples: precision, recall, density and coverage, and the accuracy
//! of the rule that a point is of its nearest neighbour's kind.

use gan_kernels::{Backend, BackendError};
use serde::{Deserialize, Serialize};

use crate::distances::share_closer;
use crate::evaluation::{Evaluation, PAIRS};
use crate::{EvalError, Nearest, Points, Row, Section, nearest_others, squared_distances};

/// Neighbours that make a ball: Naeem et al. 2020 take 5.
pub const NEIGHBOURS: usize = 5;

/// The metric `prdc`.
pub(super) fn prdc_section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    result: &mut Option<[Neighbourhood; 2]>,
) -> Result<Section, EvalError> {
    let [found, real] = neighbourhoods(evaluation, result)?;
    let title = format!(
        "Precision, recall, density, coverage against {} (as many samples, k = {})",
        evaluation.reference.test_records(found.rows),
        found.k
    );
    let row = |name, value, real, note| {
        Row::model(name, name, value)
            .with_detail("training records", real)
            .with_note(note)
    };
    #[rustfmt::skip]
    let rows = vec![
        row("precision", found.precision, real.precision, "samples among records"),
        row("recall", found.recall, real.recall, "records among samples"),
        row("density", found.density, real.density, "1 as of data, more in its middle"),
        row("coverage", found.coverage, real.coverage, "records with a sample near"),
    ];
    Ok(Section::new("prdc", title, rows))
}

/// The metric `nn`.
pub(super) fn nn_section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    result: &mut Option<[Neighbourhood; 2]>,
) -> Result<Section, EvalError> {
    let [Neighbourhood { rows, one_nn, .. }, real] = neighbourhoods(evaluation, result)?;
    let title = format!(
        "Nearest neighbour's accuracy at telling {} from as many samples",
        evaluation.reference.test_records(rows)
    );
    let (found, real, error) = (one_nn, real.one_nn, one_nn.standard_error);
    let row = |id, name, value, real, note, error| {
        Row::model(id, name, value)
            .with_standard_error(error)
            .with_detail("training records", real)
            .with_ideal("0.5")
            .with_note(note)
    };
    let half = error * std::f64::consts::SQRT_2;
    #[rustfmt::skip]
    let rows = vec![
        row("both", "both", found.accuracy, real.accuracy, "above: told apart", error),
        row("records", "of records", found.records, real.records, "below: copied", half),
        row("samples", "of samples", found.samples, real.samples, "near 1: crowded", half),
    ];
    Ok(Section::new("nn", title, rows))
}

/// The neighbourhoods of the samples and of training records, computed once for both metrics.
fn neighbourhoods<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    result: &mut Option<[Neighbourhood; 2]>,
) -> Result<[Neighbourhood; 2], EvalError> {
    if let Some(found) = *result {
        return Ok(found);
    }
    evaluation.begin("neighbours of every sample and record");
    let control = "neighbourhood";
    let found = evaluation.compare("prdc", control, PAIRS, |backend, records, samples| {
        neighbourhood(backend, records, samples, NEIGHBOURS)
    })?;
    Ok(*result.insert(found))
}

/// The result of [`neighbourhood`], all shares of one but the density.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbourhood {
    /// Records, and samples.
    pub rows: usize,
    /// k: a point's ball reaches to its k-th nearest other point of its own kind.
    pub k: usize,
    /// Share of samples within the ball of at least one record: are samples good?
    pub precision: f64,
    /// Share of records within the ball of at least one sample: is all of the data there?
    pub recall: f64,
    /// Mean number of records' balls that a sample is in, over k; 1 for the data themselves, more
    /// where samples crowd about the middle of the data.
    pub density: f64,
    /// Share of records with a sample in their ball; 1 − 2⁻ᵏ for the data themselves, at most.
    pub coverage: f64,
    /// Leave-one-out accuracy of the nearest neighbour at telling records from samples.
    pub one_nn: OneNearestNeighbour,
}

/// Accuracy of the rule that a point is what its nearest neighbour is; 1/2 is ideal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneNearestNeighbour {
    /// Accuracy on both.
    pub accuracy: f64,
    /// Accuracy on records: below 1/2 where samples sit on records, which is to memorise them.
    pub records: f64,
    /// Accuracy on samples: near 1 where samples crowd together, as they do in a collapse.
    pub samples: f64,
    /// Standard error of `accuracy` for equal distributions, as if all points were independent.
    pub standard_error: f64,
}

/// Compares `samples` with as many `records` by their neighbours among both.
///
/// | quantity | definition, with B the ball of a point of its own kind |
/// |---|---|
/// | precision | mean over samples s of 1[s in some B(record)] |
/// | recall | mean over records r of 1[r in some B(sample)] |
/// | density | Σ over both of 1[s in B(r)] / (k · samples) |
/// | coverage | mean over records r of 1[some s in B(r)] |
///
/// A ball is open, and its radius the distance to the `k`-th nearest other point.
/// (The authors' program takes index k of sorted distances that include the point itself, which is
/// the same radius.)
///
/// # Panics
/// If the columns or the numbers of rows disagree, or there are no more than `k` rows.
/// # Errors
/// If the device fails.
/// # Source
/// Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density, coverage);
/// Lopez-Paz and Oquab 2017, Xu et al. 2018 (nearest neighbour).
#[track_caller]
pub fn neighbourhood<B: Backend>(
    backend: &B,
    records: Points<'_>,
    samples: Points<'_>,
    k: usize,
) -> Result<Neighbourhood, BackendError> {
    records.check_cols("neighbourhood", samples);
    assert!(
        records.rows() == samples.rows(),
        "neighbourhood: {} records and {} samples, expected as many",
        records.rows(),
        samples.rows()
    );
    let among_records = nearest_others(backend, records, k)?;
    let among_samples = nearest_others(backend, samples, k)?;
    let pairs = Pairs::new(backend, records, samples, [&among_records, &among_samples])?;
    Ok(pairs.summary(k, [&among_records, &among_samples]))
}

/// Sums and minima over every pair of record and sample.
struct Pairs {
    /// Per record: its squared radius, and the square of its distance to the nearest sample.
    record_radii: Vec<f64>,
    nearest_sample: Vec<f64>,
    /// Per record: whether it is in a sample's ball.
    recalled: Vec<bool>,
    /// Per sample: the square of its distance to the nearest record, and how many records' balls
    /// it is in.
    nearest_record: Vec<f64>,
    inside: Vec<usize>,
}

impl Pairs {
    fn new<B: Backend>(
        backend: &B,
        records: Points<'_>,
        samples: Points<'_>,
        [among_records, among_samples]: [&Nearest; 2],
    ) -> Result<Self, BackendError> {
        let squares = |nearest: &Nearest| nearest.radii().map(|r| r * r).collect::<Vec<_>>();
        let sample_radii = squares(among_samples);
        let mut pairs = Self {
            record_radii: squares(among_records),
            nearest_sample: vec![f64::INFINITY; records.rows()],
            recalled: vec![false; records.rows()],
            nearest_record: vec![f64::INFINITY; samples.rows()],
            inside: vec![0; samples.rows()],
        };
        squared_distances(backend, samples, records, |sample, first, distances| {
            pairs.visit(sample, first, distances, sample_radii[sample]);
        })?;
        Ok(pairs)
    }

    fn visit(&mut self, sample: usize, first: usize, distances: &[f64], sample_radius: f64) {
        let range = first..first + distances.len();
        let mut inside = 0;
        let mut nearest = self.nearest_record[sample];
        let records = self.record_radii[range.clone()]
            .iter()
            .zip(&mut self.nearest_sample[range.clone()])
            .zip(&mut self.recalled[range]);
        for (&distance, ((&radius, nearest_sample), recalled)) in distances.iter().zip(records) {
            inside += usize::from(distance < radius);
            *recalled |= distance < sample_radius;
            *nearest_sample = nearest_sample.min(distance);
            nearest = nearest.min(distance);
        }
        self.inside[sample] += inside;
        self.nearest_record[sample] = nearest;
    }

    fn summary(&self, k: usize, [among_records, among_samples]: [&Nearest; 2]) -> Neighbourhood {
        let rows = self.inside.len();
        let share = |count: usize| count as f64 / rows as f64;
        let covered = self.nearest_sample.iter().zip(&self.record_radii);
        let own_kind = |own: &Nearest, squared_to_others: &[f64]| {
            let to_others = squared_to_others.iter().map(|squared| squared.sqrt());
            share_closer(own.distances(), to_others)
        };
        let records = own_kind(among_records, &self.nearest_sample);
        let samples = own_kind(among_samples, &self.nearest_record);
        Neighbourhood {
            rows,
            k,
            precision: share(self.inside.iter().filter(|&&inside| inside > 0).count()),
            recall: share(self.recalled.iter().filter(|&&recalled| recalled).count()),
            density: share(self.inside.iter().sum()) / k as f64,
            coverage: share(covered.filter(|(nearest, radius)| nearest < radius).count()),
            one_nn: OneNearestNeighbour {
                accuracy: 0.5 * (records + samples),
                records,
                samples,
                standard_error: (0.25 / (2 * rows) as f64).sqrt(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::squared_distance;
    use crate::testing::{backend, blurred, drawn, drawn_modes, normal};

    #[track_caller]
    fn measure(records: &[f32], samples: &[f32], cols: usize) -> Neighbourhood {
        let (records, samples) = (Points::new(records, cols), Points::new(samples, cols));
        neighbourhood(&backend(), records, samples, NEIGHBOURS).unwrap()
    }

    /// The formulas, over sorted lists of every distance.
    fn by_definition(records: Points<'_>, samples: Points<'_>, k: usize) -> [f64; 6] {
        let to = |x: &[f32], others: Points<'_>| -> Vec<f64> {
            let mut all: Vec<f64> = others.iter().map(|r| squared_distance(x, r)).collect();
            all.sort_by(f64::total_cmp);
            all
        };
        // Index k of distances that include the point itself, as the authors' program has it.
        let radius = |x: &[f32], own: Points<'_>| to(x, own)[k];
        let n = records.rows() as f64;
        let inside = |s: &[f32]| {
            let mut balls = records.iter().map(|r| (r, radius(r, records)));
            balls
                .by_ref()
                .filter(|(r, radius)| squared_distance(s, r) < *radius)
                .count()
        };
        let counts: Vec<usize> = samples.iter().map(inside).collect();
        let balls: Vec<_> = samples.iter().map(|s| (s, radius(s, samples))).collect();
        let recalled = records.iter().filter(|r| {
            balls
                .iter()
                .any(|(s, radius)| squared_distance(s, r) < *radius)
        });
        let covered = records
            .iter()
            .filter(|r| to(r, samples)[0] < radius(r, records));
        let right = |x: Points<'_>, y: Points<'_>| {
            x.iter().filter(|p| to(p, x)[1] < to(p, y)[0]).count() as f64 / n
        };
        [
            counts.iter().filter(|&&count| count > 0).count() as f64 / n,
            recalled.count() as f64 / n,
            counts.iter().sum::<usize>() as f64 / (n * k as f64),
            covered.count() as f64 / n,
            right(records, samples),
            right(samples, records),
        ]
    }

    #[test]
    fn neighbourhood_equals_the_definition() {
        for cols in [2, 24] {
            let (records, samples) = (normal(211, cols, 1, 0.0), normal(211, cols, 2, 0.3));
            let found = measure(&records, &samples, cols);
            let expected = by_definition(
                Points::new(&records, cols),
                Points::new(&samples, cols),
                NEIGHBOURS,
            );
            let found = [
                found.precision,
                found.recall,
                found.density,
                found.coverage,
                found.one_nn.records,
                found.one_nn.samples,
            ];
            assert_eq!(found, expected, "{cols} columns");
        }
    }

    #[test]
    fn neighbourhood_of_fresh_draws_is_ideal() {
        let found = measure(&normal(2000, 20, 1, 0.0), &normal(2000, 20, 2, 0.0), 20);
        // Coverage of equal distributions is 1 − 2⁻⁵ to first order in 1/n (Naeem et al. 2020).
        assert!((found.coverage - 0.969).abs() < 0.02, "{found:?}");
        assert!((found.density - 1.0).abs() < 0.1, "{found:?}");
        let one_nn = found.one_nn;
        assert!((one_nn.accuracy - 0.5).abs() < 0.05, "{found:?}");
        assert!((one_nn.records - 0.5).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn recall_and_coverage_notice_a_dropped_mode_and_precision_does_not() {
        let (records, _) = drawn_modes("ring8", 1000, 1, |_| true);
        let (samples, _) = drawn_modes("ring8", 1000, 2, |mode| mode != 3);
        let found = measure(&records, &samples, 2);
        let dropped = 1.0 / 8.0;
        assert!(found.precision > 0.97, "{found:?}");
        assert!((found.recall - (1.0 - dropped)).abs() < 0.04, "{found:?}");
        assert!(found.coverage < 0.98 - dropped + 0.03, "{found:?}");
    }

    #[test]
    fn one_nn_of_copies_is_zero_on_records() {
        let records = normal(500, 20, 1, 0.0);
        let found = measure(&records, &records, 20);
        assert_eq!((found.one_nn.records, found.one_nn.samples), (0.0, 0.0));
        assert_eq!(
            (found.precision, found.recall, found.coverage),
            (1.0, 1.0, 1.0)
        );
    }

    #[test]
    fn density_rises_and_recall_falls_with_blur() {
        let records = drawn("digits", 800, 1).0;
        let blur = blurred(&drawn("digits", 2400, 2).0, 784, 3);
        let found = measure(&records, &blur, 784);
        assert!(found.one_nn.samples > 0.95, "{found:?}");
        assert!(found.recall < 0.5, "{found:?}");
        let honest = measure(&records, &drawn("digits", 800, 3).0, 784);
        assert!(
            honest.recall > 0.8 && honest.one_nn.samples < 0.6,
            "{honest:?}"
        );
    }
}
