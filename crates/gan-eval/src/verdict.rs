//! From numbers to words: what they say together, and which of them says so.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Classes, Memorisation, Mmd, Modes, Neighbourhood, TwoSample};

/// Share of samples closer to training than to held-out records, above 1/2, that is memorising.
///
/// A tenth of copies has 0.05; less is lost in how far two sets of records differ, which on MNIST
/// is about 0.01 between writers.
const COPIES: f64 = 0.05;
/// So many standard errors are no accident: one in 30,000 is beyond four.
const NO_ACCIDENT: f64 = 4.0;
/// Reverse KL in nats of mode counts that is uneven; a quarter of the modes missed has log 4/3 = 0.29,
/// and 2,500 even draws of 25 modes have 0.005.
const UNEVEN: f64 = 0.25;
/// Coverage below this share of precision is a part of the data only.
///
/// Where samples are draws of a share c of the data, coverage is near c and precision near 1;
/// where they are merely bad, both are low together.
const PART_COVERED: f64 = 0.5;
/// Precision, or share of high quality, below which samples are not yet of the data's kind.
const UNLIKE: f64 = 0.5;
/// Density above which samples crowd about the middle of the data: that of records is 1, and on
/// MNIST the means of two records of one class have 4, of four records 10.
const CROWDED: f64 = 1.5;
/// Accuracy of a fresh classifier that tells samples from records; two sets of MNIST's own records,
/// 10,000 of other writers each, are told with 0.53 to 0.56.
const TOLD: f64 = 0.6;
/// Accuracy from which that takes no effort.
const TOLD_EASILY: f64 = 0.75;
/// p-values below this are evidence.
const SIGNIFICANT: f64 = 0.01;

/// Numbers of one evaluation, those that were taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// Log-likelihood of the samples, and that of as many training records, in nats.
    pub log_likelihood: Option<[Estimate; 2]>,
    /// Distance to the closest records.
    pub memorisation: Option<Memorisation>,
    /// Precision and its kin, against held-out records.
    pub neighbourhood: Option<Neighbourhood>,
    /// Kernel test.
    pub mmd: Option<Mmd>,
    /// Classifier's test.
    pub two_sample: Option<TwoSample>,
    /// Modes of a known mixture.
    pub modes: Option<&'a Modes>,
    /// Classes in a classifier's eyes.
    pub classes: Option<&'a Classes>,
}

/// A number and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// How far to trust it.
    pub standard_error: f64,
}

/// What is wrong with samples, or that nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finds {
    /// Samples repeat training records.
    Memorising,
    /// Parts of the data never come.
    Collapsed,
    /// Samples are means of records more than records.
    OverSmoothed,
    /// Samples are not of the data's kind yet.
    UnderTrained,
    /// Samples are of the data's kind and still told from them.
    Distinguishable,
    /// No metric finds fault.
    Good,
}

/// One finding and the number behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub finds: Finds,
    /// The number, and what it would be for samples as good as data.
    pub because: String,
}

/// `collapsed: 6 of 8 modes`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.finds {
            Finds::Memorising => "memorising",
            Finds::Collapsed => "collapsed",
            Finds::OverSmoothed => "over-smoothed",
            Finds::UnderTrained => "under-trained",
            Finds::Distinguishable => "distinguishable",
            Finds::Good => "good",
        };
        write!(f, "{word}: {}", self.because)
    }
}

/// All that `evidence` finds, the gravest first; nothing where no number could have found fault.
///
/// [`Finds::Good`] stands alone, and says that no number which was taken finds fault: fewer
/// numbers find less.
#[must_use]
pub fn verdict(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |finds, because: Option<String>| {
        findings.extend(because.map(|because| Finding { finds, because }));
    };
    let memorises = memorises(evidence);
    let copies = memorises.is_some();
    found(Finds::Memorising, memorises);
    found(Finds::Collapsed, collapsed(evidence));
    found(Finds::OverSmoothed, crowded(evidence));
    // The likelihood of copies is as high as that of smooth samples, and they are sharp.
    let likely = likely(evidence).filter(|_| !copies && crowded(evidence).is_none());
    found(Finds::OverSmoothed, likely);
    let unlike = unlike(evidence);
    let told = told(evidence).filter(|_| unlike.is_none());
    found(Finds::UnderTrained, unlike);
    found(Finds::Distinguishable, told);
    if findings.is_empty() {
        findings.extend(good(evidence));
    }
    findings
}

fn memorises(evidence: &Evidence<'_>) -> Option<String> {
    let found = evidence.memorisation?;
    let copies = found.closer_to_training - 0.5 > COPIES.max(NO_ACCIDENT * found.standard_error);
    copies.then(|| {
        format!(
            "{} of samples are closer to a training record than to any held-out one, ideal 50 %",
            percent(found.closer_to_training)
        )
    })
}

fn collapsed(evidence: &Evidence<'_>) -> Option<String> {
    let modes = evidence
        .modes
        .filter(|modes| modes.high_quality > 0.0)
        .and_then(|modes| {
            let uneven = modes
                .reverse_kl
                .is_some_and(|divergence| divergence > UNEVEN);
            (modes.modes_found < modes.modes || uneven).then(|| {
                format!(
                    "good samples are in {} of {} modes, reverse KL of their counts {:.3}, ideal 0",
                    modes.modes_found,
                    modes.modes,
                    modes.reverse_kl.unwrap_or(f64::NAN)
                )
            })
        });
    let classes = evidence
        .classes
        .filter(|classes| classes.found < classes.histogram.len());
    let classes = classes.map(|classes| {
        format!(
            "{} of {} classes have a tenth of their share of samples",
            classes.found,
            classes.histogram.len()
        )
    });
    let part = evidence.neighbourhood.filter(|found| {
        found.precision > UNLIKE && found.coverage < PART_COVERED * found.precision
    });
    let part = part.map(|found| {
        format!(
            "{} of records have a sample in their neighbourhood, though {} of samples are among \
             records",
            percent(found.coverage),
            percent(found.precision)
        )
    });
    modes.or(classes).or(part)
}

fn crowded(evidence: &Evidence<'_>) -> Option<String> {
    let found = evidence
        .neighbourhood
        .filter(|found| found.density > CROWDED)?;
    Some(format!(
        "density {:.2}, ideal 1: samples crowd in the middle of the data; {} of records are among \
         them",
        found.density,
        percent(found.recall)
    ))
}

fn likely(evidence: &Evidence<'_>) -> Option<String> {
    let [samples, records] = evidence.log_likelihood?;
    let error = samples.standard_error.hypot(records.standard_error);
    (samples.value - records.value > NO_ACCIDENT * error).then(|| {
        format!(
            "log-likelihood {:.1} nats, above the {:.1} of real records",
            samples.value, records.value
        )
    })
}

fn unlike(evidence: &Evidence<'_>) -> Option<String> {
    let modes = evidence.modes.filter(|modes| modes.high_quality < UNLIKE);
    let modes = modes.map(|modes| {
        format!(
            "{} of samples are within 3 sigma of a mode",
            percent(modes.high_quality)
        )
    });
    let far = evidence
        .neighbourhood
        .filter(|found| found.precision < UNLIKE);
    let far = far.map(|found| {
        format!(
            "{} of samples are in the neighbourhood of a held-out record",
            percent(found.precision)
        )
    });
    modes.or(far)
}

fn told(evidence: &Evidence<'_>) -> Option<String> {
    let by_classifier = evidence.two_sample.and_then(told_by_classifier);
    // Where data are thin sheets, neighbours see what a classifier of few epochs does not.
    let by_neighbours = evidence.neighbourhood.and_then(|found| {
        let nearest = found.one_nn;
        let above = nearest.accuracy - 0.5;
        let told = nearest.accuracy > TOLD && above > NO_ACCIDENT * nearest.standard_error;
        told.then(|| {
            format!(
                "the nearest neighbour tells {} of held-out records and samples right, ideal 50 %",
                percent(nearest.accuracy)
            )
        })
    });
    // The others say how well they are told; the kernel's number only that they are.
    let without_classifier = evidence.mmd.filter(|_| evidence.two_sample.is_none());
    let by_kernel = without_classifier.filter(|mmd| mmd.p_value < SIGNIFICANT);
    let by_kernel = by_kernel.map(|mmd| {
        format!(
            "MMD² {:.2e}, where one in twenty of equal distributions exceeds {:.2e}",
            mmd.squared, mmd.null_95
        )
    });
    by_classifier.or(by_neighbours).or(by_kernel)
}

fn told_by_classifier(test: TwoSample) -> Option<String> {
    let how = match test.accuracy {
        accuracy if accuracy > TOLD_EASILY => "",
        _ => ", not easily",
    };
    (test.accuracy > TOLD && test.p_value < SIGNIFICANT).then(|| {
        format!(
            "a fresh classifier tells {} of unseen records and samples right{how}, ideal 50 %",
            percent(test.accuracy)
        )
    })
}

fn good(evidence: &Evidence<'_>) -> Option<Finding> {
    let accuracy = evidence.two_sample.map(|test| {
        format!(
            "a fresh classifier tells {} right, ideal 50 %",
            percent(test.accuracy)
        )
    });
    let kernel = evidence
        .mmd
        .map(|mmd| format!("MMD² has p-value {:.2}", mmd.p_value));
    let near = evidence.neighbourhood.map(|found| {
        format!(
            "precision {} and coverage {}",
            percent(found.precision),
            percent(found.coverage)
        )
    });
    let modes = evidence.modes.map(ToString::to_string);
    let because: Vec<String> = [accuracy, kernel, near, modes]
        .into_iter()
        .flatten()
        .collect();
    (!because.is_empty()).then(|| Finding {
        finds: Finds::Good,
        because: because.join("; "),
    })
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{backend, blurred, drawn_modes, normal};
    use crate::{NEIGHBOURS, Points, Training, memorisation, mmd, neighbourhood, two_sample};

    /// What all metrics say of `samples`, with the words alone.
    fn words(sets: [&[f32]; 3], cols: usize, modes: Option<&Modes>) -> Vec<Finds> {
        let [training, held_out, samples] = sets.map(|values| Points::new(values, cols));
        let backend = backend();
        let (records, few) = (held_out.first(1000), samples.first(1000));
        let evidence = Evidence {
            memorisation: Some(memorisation(&backend, training, held_out, samples).unwrap()),
            neighbourhood: Some(neighbourhood(&backend, records, few, NEIGHBOURS).unwrap()),
            mmd: Some(mmd(&backend, records.first(400), few.first(400), 199, 1).unwrap()),
            two_sample: Some(two_sample(&backend, &Training::new(30, 1), records, few).unwrap()),
            modes,
            ..Evidence::default()
        };
        verdict(&evidence)
            .into_iter()
            .map(|finding| finding.finds)
            .collect()
    }

    #[test]
    fn verdict_on_fresh_draws_is_good() {
        let [training, held_out, samples] = [1, 2, 3].map(|seed| normal(1500, 20, seed, 0.0));
        assert_eq!(
            words([&training, &held_out, &samples], 20, None),
            [Finds::Good]
        );
    }

    #[test]
    fn verdict_on_copies_is_memorising_alone() {
        let [training, held_out] = [1, 2].map(|seed| normal(1500, 20, seed, 0.0));
        assert_eq!(
            words([&training, &held_out, &training], 20, None),
            [Finds::Memorising]
        );
    }

    #[test]
    fn verdict_on_blur_is_over_smoothed() {
        let [training, held_out] = [1, 2].map(|seed| normal(1500, 20, seed, 0.0));
        let blur = blurred(&normal(4500, 20, 3, 0.0), 20, 3);
        let found = words([&training, &held_out, &blur], 20, None);
        assert!(found.contains(&Finds::OverSmoothed), "{found:?}");
        assert!(!found.contains(&Finds::Memorising), "{found:?}");
    }

    #[test]
    fn verdict_on_a_dropped_mode_is_collapsed_and_not_memorising() {
        let [training, held_out] = [1, 2].map(|seed| drawn_modes("ring8", 1500, seed, |_| true).0);
        let (samples, mixture) = drawn_modes("ring8", 1500, 3, |mode| mode != 3);
        let points = Points::new(&samples, 2);
        let modes = Modes::count(8, points, |row| mixture.nearest(row));
        let found = words([&training, &held_out, &samples], 2, Some(&modes));
        assert_eq!(found[0], Finds::Collapsed, "{found:?}");
        let (one, _) = drawn_modes("ring8", 1500, 4, |mode| mode == 0);
        let found = words([&training, &held_out, &one], 2, None);
        assert_eq!(found[0], Finds::Collapsed, "{found:?}");
    }

    #[test]
    fn verdict_on_noise_is_under_trained_and_on_a_shift_distinguishable() {
        let [training, held_out] = [1, 2].map(|seed| normal(1500, 20, seed, 0.0));
        let noise: Vec<f32> = normal(1500, 20, 3, 0.0).iter().map(|x| 4.0 * x).collect();
        let found = words([&training, &held_out, &noise], 20, None);
        assert_eq!(found, [Finds::UnderTrained]);
        let shifted = normal(1500, 20, 3, 0.3);
        let found = words([&training, &held_out, &shifted], 20, None);
        assert_eq!(found, [Finds::Distinguishable]);
    }

    /// Two thin arcs, and samples beside them: near the records, and told by whose neighbours they
    /// are.
    #[test]
    fn verdict_on_samples_beside_thin_data_is_distinguishable() {
        let arcs = |seed, beside: f32| -> Vec<f32> {
            let noise = normal(1500, 3, seed, 0.0);
            let point = |x: &[f32]| {
                let angle = x[0];
                let radius = 1.0 + beside * x[2].signum() + 0.01 * x[1];
                [radius * angle.cos(), radius * angle.sin()]
            };
            noise.chunks_exact(3).flat_map(point).collect()
        };
        let held_out = arcs(2, 0.0);
        let of = |samples: &[f32]| {
            let [records, few] = [&held_out, samples].map(|rows| Points::new(rows, 2).first(1000));
            let found = neighbourhood(&backend(), records, few, NEIGHBOURS).unwrap();
            verdict(&Evidence {
                neighbourhood: Some(found),
                ..Evidence::default()
            })
        };
        let beside = of(&arcs(3, 0.03));
        let neighbours = |finding: &Finding| finding.because.contains("nearest neighbour");
        assert!(beside.iter().any(neighbours), "{beside:?}");
        let fresh = of(&arcs(4, 0.0));
        assert_eq!(fresh[0].finds, Finds::Good, "{fresh:?}");
    }

    #[test]
    fn verdict_without_numbers_is_silent() {
        assert_eq!(verdict(&Evidence::default()), []);
    }

    #[test]
    fn verdict_above_the_records_likelihood_is_over_smoothed() {
        let number = |value| Estimate {
            value,
            standard_error: 2.0,
        };
        let of = |samples| {
            verdict(&Evidence {
                log_likelihood: Some([number(samples), number(243.0)]),
                ..Evidence::default()
            })
        };
        assert_eq!(of(335.0)[0].finds, Finds::OverSmoothed);
        assert_eq!(
            of(335.0)[0].to_string(),
            "over-smoothed: log-likelihood 335.0 nats, above the 243.0 of real records"
        );
        assert_eq!(of(225.0), []);
    }
}
