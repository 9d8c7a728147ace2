//! Neighbourhoods of records and samples: precision, recall, density and coverage, and the accuracy
//! of the rule that a point is of its nearest neighbour's kind.

use gan_kernels::{Backend, BackendError};
use serde::{Deserialize, Serialize};

use crate::distances::{nearest_others, share_closer, squared_distances};
use crate::evaluation::{Evaluation, PAIRS};
use crate::verdict::Evidence;
use crate::{EvalError, Nearest, Points, Row, Section};

/// Neighbours that make a ball: Naeem et al. 2020 take 5.
pub(crate) const NEIGHBOURS: usize = 5;

/// The metric `prdc`.
pub(super) fn prdc_section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    let [found, real] = neighbourhoods(evaluation, evidence)?;
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
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    let [Neighbourhood { rows, one_nn, .. }, real] = neighbourhoods(evaluation, evidence)?;
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
    evidence: &mut Evidence,
) -> Result<[Neighbourhood; 2], EvalError> {
    if let Some(found) = evidence.neighbourhood {
        return Ok(found);
    }
    evaluation.progress("neighbours of every sample and record", 0.0);
    let control = "neighbourhood";
    let found = evaluation.compare("prdc", control, PAIRS, |backend, records, samples| {
        neighbourhood(backend, records, samples, NEIGHBOURS)
    })?;
    Ok(*evidence.neighbourhood.insert(found))
}

/// The result of [`neighbourhood`], all shares of one but the density.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Neighbourhood {
    /// Records, and samples.
    pub(crate) rows: usize,
    /// k: a point's ball reaches to its k-th nearest other point of its own kind.
    pub(crate) k: usize,
    /// Share of samples within the ball of at least one record: are samples good?
    pub(crate) precision: f64,
    /// Share of records within the ball of at least one sample: is all of the data there?
    pub(crate) recall: f64,
    /// Mean number of records' balls that a sample is in, over k; 1 for the data themselves, more
    /// where samples crowd about the middle of the data.
    pub(crate) density: f64,
    /// Share of records with a sample in their ball; 1 − 2⁻ᵏ for the data themselves, at most.
    pub(crate) coverage: f64,
    /// Leave-one-out accuracy of the nearest neighbour at telling records from samples.
    pub(crate) one_nn: OneNearestNeighbour,
}

/// Accuracy of the rule that a point is what its nearest neighbour is; 1/2 is ideal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OneNearestNeighbour {
    /// Accuracy on both.
    pub(crate) accuracy: f64,
    /// Accuracy on records: below 1/2 where samples sit on records, which is to memorise them.
    pub(crate) records: f64,
    /// Accuracy on samples: near 1 where samples crowd together, as they do in a collapse.
    pub(crate) samples: f64,
    /// Standard error of `accuracy` for equal distributions, as if all points were independent.
    pub(crate) standard_error: f64,
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
/// # Source
/// Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density, coverage);
/// Lopez-Paz and Oquab 2017, Xu et al. 2018 (nearest neighbour).
#[track_caller]
pub(crate) fn neighbourhood<B: Backend>(
    backend: &B,
    records: Points<'_>,
    samples: Points<'_>,
    k: usize,
) -> Result<Neighbourhood, BackendError> {
    records.check_shape("neighbourhood", samples);
    let among_records = nearest_others(backend, records, k)?;
    let among_samples = nearest_others(backend, samples, k)?;
    let squared = |nearest: &Nearest| nearest.radii().map(|r| r * r).collect::<Vec<_>>();
    let (record_radii, sample_radii) = (squared(&among_records), squared(&among_samples));
    let rows = records.rows();
    // Squares of distances to the other kind.
    let mut nearest_sample = vec![f64::INFINITY; rows];
    let mut nearest_record = vec![f64::INFINITY; rows];
    // Records in a sample's ball, and the number of records' balls that each sample is in.
    let mut recalled = vec![false; rows];
    let mut inside = vec![0; rows];
    squared_distances(backend, samples, records, |sample, first, distances| {
        let range = first..first + distances.len();
        let of_records = record_radii[range.clone()]
            .iter()
            .zip(&mut nearest_sample[range.clone()])
            .zip(&mut recalled[range]);
        let (mut balls, mut nearest) = (0, nearest_record[sample]);
        for (&distance, ((&radius, nearest_sample), recalled)) in distances.iter().zip(of_records) {
            balls += usize::from(distance < radius);
            *recalled |= distance < sample_radii[sample];
            *nearest_sample = nearest_sample.min(distance);
            nearest = nearest.min(distance);
        }
        inside[sample] += balls;
        nearest_record[sample] = nearest;
    })?;
    let share = |count: usize| count as f64 / rows as f64;
    let covered = nearest_sample.iter().zip(&record_radii);
    let own_kind = |own: &Nearest, squared_to_others: &[f64]| {
        let to_others = squared_to_others.iter().map(|squared| squared.sqrt());
        share_closer(own.distances(), to_others)
    };
    let of_records = own_kind(&among_records, &nearest_sample);
    let of_samples = own_kind(&among_samples, &nearest_record);
    Ok(Neighbourhood {
        rows,
        k,
        precision: share(inside.iter().filter(|&&balls| balls > 0).count()),
        recall: share(recalled.iter().filter(|&&recalled| recalled).count()),
        density: share(inside.iter().sum()) / k as f64,
        coverage: share(covered.filter(|(nearest, radius)| nearest < radius).count()),
        one_nn: OneNearestNeighbour {
            accuracy: 0.5 * (of_records + of_samples),
            records: of_records,
            samples: of_samples,
            standard_error: (0.25 / (2 * rows) as f64).sqrt(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distances::squared_distance;
    use crate::testing::{backend, blurred, close, drawn, drawn_modes, normal};

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
        // For each point the number of the others' balls that it is in.
        let balls = |points: Points<'_>, others: Points<'_>| -> Vec<usize> {
            let balls: Vec<_> = others.iter().map(|r| (r, radius(r, others))).collect();
            let is_in = |x: &[f32], (r, radius): &(&[f32], f64)| squared_distance(x, r) < *radius;
            let count = |x| balls.iter().filter(|ball| is_in(x, ball)).count();
            points.iter().map(count).collect()
        };
        let any = |counts: &[usize]| counts.iter().filter(|&&count| count > 0).count() as f64 / n;
        let covered = |r: &&[f32]| to(r, samples)[0] < radius(r, records);
        let right = |x: Points<'_>, y: Points<'_>| {
            x.iter().filter(|p| to(p, x)[1] < to(p, y)[0]).count() as f64 / n
        };
        let inside = balls(samples, records);
        [
            any(&inside),
            any(&balls(records, samples)),
            inside.iter().sum::<usize>() as f64 / (n * k as f64),
            records.iter().filter(covered).count() as f64 / n,
            right(records, samples),
            right(samples, records),
        ]
    }

    #[test]
    fn neighbourhood_equals_the_definition() {
        for cols in [2, 24] {
            let (records, samples) = (normal(211, cols, 1, 0.0), normal(211, cols, 2, 0.3));
            let found = measure(&records, &samples, cols);
            let [x, y] = [&records, &samples].map(|values| Points::new(values, cols));
            let expected = by_definition(x, y, NEIGHBOURS);
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
        close(found.coverage, 0.969, 0.02);
        close(found.density, 1.0, 0.1);
        let one_nn = found.one_nn;
        close(one_nn.accuracy, 0.5, 0.05);
        close(one_nn.records, 0.5, 0.05);
    }

    #[test]
    fn recall_and_coverage_notice_a_dropped_mode_and_precision_does_not() {
        let (records, _) = drawn_modes("ring8", 1000, 1, |_| true);
        let (samples, _) = drawn_modes("ring8", 1000, 2, |mode| mode != 3);
        let found = measure(&records, &samples, 2);
        let dropped = 1.0 / 8.0;
        assert!(found.precision > 0.97, "{found:?}");
        close(found.recall, 1.0 - dropped, 0.04);
        assert!(found.coverage < 0.98 - dropped + 0.03, "{found:?}");
    }

    #[test]
    fn one_nn_of_copies_is_zero_on_records() {
        let records = normal(500, 20, 1, 0.0);
        let found = measure(&records, &records, 20);
        assert_eq!([found.one_nn.records, found.one_nn.samples], [0.0; 2]);
        assert_eq!([found.precision, found.recall, found.coverage], [1.0; 3]);
    }

    #[test]
    fn density_rises_and_recall_falls_with_blur() {
        let records = drawn("digits", 800, 1).0;
        let blur = blurred(&drawn("digits", 2400, 2).0, 784, 3);
        let found = measure(&records, &blur, 784);
        assert!(found.one_nn.samples > 0.95, "{found:?}");
        assert!(found.recall < 0.5, "{found:?}");
        let honest = measure(&records, &drawn("digits", 800, 3).0, 784);
        assert!(honest.recall > 0.8, "{honest:?}");
        assert!(honest.one_nn.samples < 0.6, "{honest:?}");
    }
}
