//! Copies of training records among the samples, by the distance to the closest record.

use gan_kernels::{Backend, BackendError};
use serde::{Deserialize, Serialize};

use crate::distances::{median, share_closer};
use crate::evaluation::{Evaluation, PAIRS, equal, thousands};
use crate::metrics::mmd::{KERNEL, Mmd, PERMUTATIONS, mmd};
use crate::report::{Row, RowKind};
use crate::verdict::{Evidence, SIGNIFICANT};
use crate::{EvalError, Points, Section, nearest};

/// The metric `memorisation`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    evaluation.progress("closest records", 0.0);
    let (train, valid) = (evaluation.train.view(), evaluation.valid.view());
    let [training, held_out] = equal("memorisation", train, valid, PAIRS)?;
    let samples = evaluation.samples.first(PAIRS);
    let found = memorisation(evaluation.backend, training, held_out, samples)?;
    let parts: Mmd = evaluation.control("memorisation: parts", |this| {
        this.progress("control: held-out against training", 0.0);
        let (train, valid) = (this.train.view(), this.valid.view());
        let [training, held_out] = equal("memorisation", train, valid, KERNEL)?;
        Ok(mmd(this.backend, held_out, training, PERMUTATIONS, 0)?)
    })?;
    // Samples of a model that has learnt its records' distribution are closer to these than to
    // records of another one, without a single copy.
    let are_alike = parts.p_value >= SIGNIFICANT;
    evidence.memorisation = are_alike.then_some(found);
    let reference = evaluation.reference;
    let title = format!(
        "Closest records of {} samples, among {} training and as many {} records",
        thousands(found.samples),
        thousands(found.records),
        reference.only_set.unwrap_or("validation")
    );
    let distance =
        |id, name, kind, value| Row::new(id, name, kind, value).with_note("median distance");
    let (model, control) = (RowKind::Model, RowKind::Control);
    #[rustfmt::skip]
    let rows = vec![
        Row::model("closer_to_training", "share closer to training", found.closer_to_training)
            .with_standard_error(found.standard_error)
            .with_ideal("0.5"),
        distance("to_training", "samples to training", model, found.to_training),
        distance("to_held_out", "samples to held-out", model, found.to_held_out),
        distance("between_records", "held-out to training", control, found.between_records),
        Row::new("parts", "held-out against training", control, parts.squared)
            .with_p_value(parts.p_value)
            .with_note("MMD² of the records"),
    ];
    let mut section = Section::new("memorisation", title, rows);
    if !are_alike {
        section.notes.push(format!(
            "the {} records differ from the training records themselves (p-value {:.3}), so that to \
             be closer to the latter is no sign of copies, and is not judged",
            reference.only_set.unwrap_or("validation"),
            parts.p_value
        ));
    }
    let all = reference.train.rows();
    if all > found.records {
        section.notes.push(format!(
            "{} of {} training records were looked at: of a share c of copies, c·{:.2} is seen",
            thousands(found.records),
            thousands(all),
            found.records as f64 / all as f64
        ));
    }
    Ok(section)
}

/// The result of [`memorisation`]; distances are in the units of the points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memorisation {
    /// Samples.
    pub(crate) samples: usize,
    /// Training records, and as many that were held out.
    pub(crate) records: usize,
    /// Share of samples closer to a training record than to any held-out one; a tie counts half.
    /// 1/2 is ideal, 1 is a copying machine.
    pub(crate) closer_to_training: f64,
    /// Standard error of that share at 1/2.
    pub(crate) standard_error: f64,
    /// Median distance from a sample to the closest training record.
    pub(crate) to_training: f64,
    /// Median distance from a sample to the closest held-out record.
    pub(crate) to_held_out: f64,
    /// Median distance from a held-out record to the closest training record: what is usual between
    /// different records.
    pub(crate) between_records: f64,
}

/// Compares the distances of `samples` to the closest of the records that were trained on and to
/// the closest of as many that were held out.
///
/// Where the model has learnt the distribution and not the records, both are draws of one
/// distribution.
/// If `training` is a part of the records, copies of the others go unnoticed: of a machine that
/// copies a share c of the training records at random, the share found closer is 1/2 + c/2.
///
/// # Source
/// Distance to the closest record, as the field of synthetic tables calls it (SDMetrics).
#[track_caller]
pub(crate) fn memorisation<B: Backend>(
    backend: &B,
    training: Points<'_>,
    held_out: Points<'_>,
    samples: Points<'_>,
) -> Result<Memorisation, BackendError> {
    training.check_shape("memorisation", held_out);
    assert!(samples.rows() > 0, "memorisation: no samples");
    let closest = |from, to| -> Result<Vec<f64>, BackendError> {
        Ok(nearest(backend, from, to, 1)?.distances().collect())
    };
    let to_training = closest(samples, training)?;
    let to_held_out = closest(samples, held_out)?;
    let between_records = closest(held_out, training)?;
    let closer = share_closer(to_training.iter().copied(), to_held_out.iter().copied());
    Ok(Memorisation {
        samples: samples.rows(),
        records: training.rows(),
        closer_to_training: closer,
        standard_error: (0.25 / samples.rows() as f64).sqrt(),
        to_training: median(to_training),
        to_held_out: median(to_held_out),
        between_records: median(between_records),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::evaluation::{Caller, Reference, Subject, evaluate};
    use crate::testing::{backend, blurred, close, drawn_modes, normal};

    /// Excess of `closer_to_training` over 1/2, in standard errors.
    fn excess(found: &Memorisation) -> f64 {
        (found.closer_to_training - 0.5) / found.standard_error
    }

    #[track_caller]
    fn measure(training: &[f32], held_out: &[f32], samples: &[f32], cols: usize) -> Memorisation {
        let [training, held_out, samples] =
            [training, held_out, samples].map(|values| Points::new(values, cols));
        memorisation(&backend(), training, held_out, samples).unwrap()
    }

    #[test]
    fn memorisation_is_judged_only_between_parts_that_are_alike() {
        // Copies of the training records, with held-out ones of that distribution and of another.
        let copies = |held_out_mean: f32| {
            let training = normal(600, 3, 1, 0.0);
            let held_out = normal(600, 3, 2, held_out_mean);
            let [train, valid] = [&training, &held_out].map(|rows| Points::new(rows, 3));
            let reference = Reference {
                only_set: None,
                ..Reference::new(train, valid)
            };
            let subject = Subject {
                samples: train,
                reference: &reference,
                metrics: &["memorisation"],
                step: 1,
                sigma: None,
                controls: crate::ControlSet::All,
            };
            let caller = Caller {
                progress: &mut |_, _| {},
                kept: BTreeMap::new(),
                keep: &mut |_| {},
            };
            let (sections, findings) = evaluate(&backend(), &subject, caller).unwrap();
            (findings.len(), sections[0].notes.join(" "))
        };
        assert_eq!(copies(0.0), (1, String::new()));
        let (findings, note) = copies(1.0);
        assert_eq!(findings, 0);
        assert!(
            note.starts_with("the validation records differ from the training"),
            "{note}"
        );
    }

    #[test]
    fn memorisation_of_hand_computed_points() {
        let found = measure(&[0.0, 10.0], &[3.0, 7.0], &[1.0, 2.0, 5.0, 8.0, 10.0], 1);
        // Distances to training 1 2 5 2 0, to the hold-out 2 1 2 1 3: two closer to training.
        close(found.closer_to_training, 0.4, 1e-12);
        assert_eq!((found.to_training, found.to_held_out), (2.0, 2.0));
        assert_eq!(found.between_records, 3.0);
        close(found.standard_error, (0.25_f64 / 5.0).sqrt(), 1e-12);
    }

    #[test]
    fn memorisation_notices_copies_and_a_tenth_of_copies() {
        let [training, held_out, fresh] = [1, 2, 3].map(|seed| normal(1500, 20, seed, 0.0));
        let honest = measure(&training, &held_out, &fresh, 20);
        assert!(excess(&honest).abs() < 3.0, "{honest:?}");
        close(honest.to_training / honest.between_records, 1.0, 0.03);
        let copied = measure(&training, &held_out, &training, 20);
        assert_eq!((copied.closer_to_training, copied.to_training), (1.0, 0.0));
        let mut mixed = fresh.clone();
        mixed[..150 * 20].copy_from_slice(&training[..150 * 20]);
        let mixed = measure(&training, &held_out, &mixed, 20);
        close(
            mixed.closer_to_training,
            honest.closer_to_training + 0.05,
            0.02,
        );
    }

    #[test]
    fn memorisation_does_not_mistake_blur_or_a_dropped_mode_for_copies() {
        let [training, held_out, fresh] = [1, 2, 3].map(|seed| normal(1200, 20, seed, 0.0));
        let blur = measure(&training, &held_out, &blurred(&fresh, 20, 3), 20);
        assert!(excess(&blur) < 3.5, "{blur:?}");
        // Blur is nearer to unseen records than they are to each other.
        assert!(blur.to_held_out < 0.9 * blur.between_records, "{blur:?}");
        let [training, held_out] = [1, 2].map(|seed| drawn_modes("ring8", 1000, seed, |_| true).0);
        let (samples, _) = drawn_modes("ring8", 1000, 3, |mode| mode > 3);
        let collapsed = measure(&training, &held_out, &samples, 2);
        assert!(excess(&collapsed).abs() < 3.5, "{collapsed:?}");
    }
}
