//! The verdict: all numbers of an evaluation read together, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metrics::Classes;
use crate::metrics::memorisation::Memorisation;
use crate::metrics::mmd::Mmd;
use crate::metrics::modes::Modes;
use crate::metrics::neighbourhood::Neighbourhood;
use crate::metrics::two_sample::TwoSample;
use crate::metrics::values::ValueShare;
use crate::report::Estimate;

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
pub(crate) const SIGNIFICANT: f64 = 0.01;

/// The numbers of one evaluation that were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// Log-likelihood of the samples, and that of as many training records, in nats.
    pub(crate) log_likelihood: Option<[Estimate; 2]>,
    /// Distances to the closest records.
    pub(crate) memorisation: Option<Memorisation>,
    /// Precision and its kin of the samples, and those of training records in their place, against
    /// held-out records.
    pub(crate) neighbourhood: Option<[Neighbourhood; 2]>,
    /// Kernel two-sample test.
    pub(crate) mmd: Option<Mmd>,
    /// Classifier two-sample test.
    pub(crate) two_sample: Option<TwoSample>,
    /// Modes of a known mixture.
    pub(crate) modes: Option<Modes>,
    /// Values of discrete columns that hardly occur among the samples, the most frequent first.
    pub(crate) lost_values: Vec<ValueShare>,
    /// Classes in a classifier's eyes.
    pub(crate) classes: Option<Classes>,
}

/// The quality of samples: a fault, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quality {
    /// Samples repeat training records.
    Memorising,
    /// Samples have values that the data cannot have.
    Invalid,
    /// Parts of the data never occur.
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

impl Quality {
    /// The quality in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.names()[0]
    }

    /// A clause that says what it means, for readers who know no metric.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.names()[1]
    }

    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Memorising => ["memorising", "samples repeat training records"],
            Self::Invalid => ["invalid", "samples have values that the data cannot have"],
            Self::Collapsed => [
                "collapsed",
                "parts of the data occur far too rarely, or never, among the samples",
            ],
            Self::OverSmoothed => [
                "over-smoothed",
                "samples are like averages of records, nearer to the middle of the data than records",
            ],
            Self::UnderTrained => ["under-trained", "most samples are not like the data yet"],
            Self::Distinguishable => ["distinguishable", "samples can still be told from the data"],
            Self::Good => ["good", "nothing measured here tells samples from the data"],
        }
    }
}

/// One finding and the number behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The quality found.
    pub finds: Quality,
    /// The number, and its value for samples as good as data.
    pub because: String,
}

/// `collapsed: 6 of 8 modes`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.finds.word();
        write!(f, "{word}: {}", self.because)
    }
}

/// All findings of `evidence`, the gravest first; none where no number could have found fault.
///
/// [`Quality::Good`] stands alone, and says that none of the numbers taken finds fault: fewer
/// numbers find less.
pub(crate) fn verdict(evidence: &Evidence) -> Vec<Finding> {
    let (memorises, crowded) = (memorises(evidence), crowded(evidence));
    // The likelihood of copies is as high as that of smooth samples, and they are sharp.
    let explained = memorises.is_some() || crowded.is_some();
    let likely = likely(evidence).filter(|_| !explained);
    let unlike = unlike(evidence);
    let told_apart = told_apart(evidence).filter(|_| unlike.is_none());
    let findings: Vec<Finding> = [
        (Quality::Memorising, memorises),
        (Quality::Collapsed, collapsed(evidence)),
        (Quality::OverSmoothed, crowded.or(likely)),
        (Quality::UnderTrained, unlike),
        (Quality::Distinguishable, told_apart),
    ]
    .into_iter()
    .filter_map(|(finds, because)| because.map(|because| Finding { finds, because }))
    .collect();
    if findings.is_empty() {
        return good(evidence).into_iter().collect();
    }
    findings
}

fn memorises(evidence: &Evidence) -> Option<String> {
    let found = evidence.memorisation?;
    let excess = found.closer_to_training - 0.5;
    (excess > COPIES.max(NO_ACCIDENT * found.standard_error)).then(|| {
        format!(
            "{} of samples are closer to a training record than to any held-out one, ideal 50 %",
            percent(found.closer_to_training)
        )
    })
}

fn collapsed(evidence: &Evidence) -> Option<String> {
    let by_modes = || {
        let modes = evidence.modes.as_ref()?;
        let missed = modes.missed()?;
        let missed = (missed > 0).then(|| {
            format!(
                "{missed} of {} modes have less than a fifth of an even share of the good samples",
                modes.modes
            )
        });
        let divergence = modes.reverse_kl.filter(|&kl| kl > UNEVEN);
        let uneven = divergence.map(|divergence| {
            let (most, all) = (
                modes.counts.iter().max(),
                modes.counts.iter().sum::<usize>(),
            );
            let share = *most.unwrap_or(&0) as f64 / all as f64;
            format!(
                "one of {} modes has {} of the good samples, reverse KL of their counts \
                 {divergence:.3}, ideal 0",
                modes.modes,
                percent(share)
            )
        });
        missed.or(uneven)
    };
    let by_values = || {
        let (first, others) = evidence.lost_values.split_first()?;
        Some(match others.len() {
            0 => first.to_string(),
            1 => format!("{first}; another value is lost too"),
            others => format!("{first}; {others} other values are lost too"),
        })
    };
    let by_classes = || {
        let classes = evidence.classes.as_ref()?;
        let (found, all) = (classes.found, classes.histogram.len());
        let words = || format!("{found} of {all} classes have a tenth of their share of samples");
        (found < all).then(words)
    };
    let by_coverage = || {
        let [found, _] = evidence.neighbourhood?;
        let part = found.precision > UNLIKE && found.coverage < PART_COVERED * found.precision;
        part.then(|| {
            format!(
                "{} of records have a sample in their neighbourhood, though {} of samples are \
                 among records",
                percent(found.coverage),
                percent(found.precision)
            )
        })
    };
    by_modes()
        .or_else(by_values)
        .or_else(by_classes)
        .or_else(by_coverage)
}

fn crowded(evidence: &Evidence) -> Option<String> {
    let [found, _] = evidence.neighbourhood?;
    (found.density > CROWDED).then(|| {
        format!(
            "density {:.2}, ideal 1: samples crowd in the middle of the data; {} of records are \
             among them",
            found.density,
            percent(found.recall)
        )
    })
}

fn likely(evidence: &Evidence) -> Option<String> {
    let [samples, records] = evidence.log_likelihood?;
    let error = samples.standard_error.hypot(records.standard_error);
    (samples.value - records.value > NO_ACCIDENT * error).then(|| {
        format!(
            "as a model of the data they reach {:.1} nats, above the {:.1} of real records",
            samples.value, records.value
        )
    })
}

fn unlike(evidence: &Evidence) -> Option<String> {
    let by_modes = || {
        let share = evidence.modes.as_ref()?.high_quality;
        let share = (share < UNLIKE).then(|| percent(share))?;
        Some(format!(
            "{share} of samples are within 3 standard deviations of a mode"
        ))
    };
    let by_precision = || {
        let share = evidence.neighbourhood?[0].precision;
        let share = (share < UNLIKE).then(|| percent(share))?;
        let words = format!("{share} of samples are in the neighbourhood of a held-out record");
        Some(words)
    };
    by_modes().or_else(by_precision)
}

fn told_apart(evidence: &Evidence) -> Option<String> {
    let by_classifier = || {
        let TwoSample {
            accuracy, p_value, ..
        } = evidence.two_sample?;
        let easily = accuracy > TOLD_EASILY;
        let effort = if easily { "" } else { ", not easily" };
        (accuracy > TOLD && p_value < SIGNIFICANT).then(|| {
            format!(
                "a fresh classifier tells {} of unseen records and samples right{effort}, ideal \
                 50 %",
                percent(accuracy)
            )
        })
    };
    // Where data are thin sheets, neighbours see what a classifier of few epochs does not.
    let by_neighbours = || {
        let nearest = evidence.neighbourhood?[0].one_nn;
        let accident = NO_ACCIDENT * nearest.standard_error;
        (nearest.accuracy > TOLD && nearest.accuracy - 0.5 > accident).then(|| {
            format!(
                "the nearest neighbour tells {} of held-out records and samples right, ideal 50 %",
                percent(nearest.accuracy)
            )
        })
    };
    // The others say how well they are told; the kernel's number only that they are.
    let by_kernel = || {
        let mmd = evidence.mmd.filter(|_| evidence.two_sample.is_none())?;
        (mmd.p_value < SIGNIFICANT).then(|| {
            format!(
                "a kernel test tells them apart: MMD² {:.2e}, where one in twenty of equal \
                 distributions exceeds {:.2e}",
                mmd.squared, mmd.null_95
            )
        })
    };
    by_classifier().or_else(by_neighbours).or_else(by_kernel)
}

fn good(evidence: &Evidence) -> Option<Finding> {
    let accuracy = evidence.two_sample.map(|test| {
        let accuracy = percent(test.accuracy);
        format!("a fresh classifier tells {accuracy} right, ideal 50 %")
    });
    let p_value = evidence.mmd.map(|mmd| mmd.p_value);
    let kernel = p_value.map(|p_value| format!("a kernel test has p-value {p_value:.2}"));
    let near = evidence.neighbourhood.map(|[found, _]| {
        let [precision, coverage] = [found.precision, found.coverage].map(percent);
        format!("precision {precision} and coverage {coverage}")
    });
    let modes = evidence.modes.as_ref().map(ToString::to_string);
    let numbers = [accuracy, kernel, near, modes].into_iter().flatten();
    let because = numbers.collect::<Vec<String>>().join("; ");
    (!because.is_empty()).then_some(Finding {
        finds: Quality::Good,
        because,
    })
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Points;
    use crate::classifier::Training;
    use crate::metrics::memorisation::memorisation;
    use crate::metrics::mmd::mmd;
    use crate::metrics::neighbourhood::{NEIGHBOURS, neighbourhood};
    use crate::metrics::two_sample::two_sample;
    use crate::testing::{backend, blurred, drawn_modes, normal};

    /// The words of the verdict on `samples` by all metrics.
    fn words(sets: [&[f32]; 3], cols: usize, modes: Option<Modes>) -> Vec<Quality> {
        let [training, held_out, samples] = sets.map(|values| Points::new(values, cols));
        let backend = backend();
        let (records, few) = (held_out.first(1000), samples.first(1000));
        let evidence = Evidence {
            memorisation: Some(memorisation(&backend, training, held_out, samples).unwrap()),
            neighbourhood: Some([neighbourhood(&backend, records, few, NEIGHBOURS).unwrap(); 2]),
            mmd: Some(mmd(&backend, records.first(400), few.first(400), 199, 1).unwrap()),
            two_sample: Some(two_sample(&backend, &Training::new(30, 1), records, few).unwrap()),
            modes,
            ..Evidence::default()
        };
        let findings = verdict(&evidence).into_iter();
        findings.map(|finding| finding.finds).collect()
    }

    /// The words on `samples` of a model of N(0, I).
    fn on_normals(samples: &[f32]) -> Vec<Quality> {
        let [training, held_out] = [1, 2].map(|seed| normal(1500, 20, seed, 0.0));
        words([&training, &held_out, samples], 20, None)
    }

    #[test]
    fn verdict_on_fresh_draws_is_good() {
        assert_eq!(on_normals(&normal(1500, 20, 3, 0.0)), [Quality::Good]);
    }

    #[test]
    fn verdict_on_copies_is_memorising_alone() {
        assert_eq!(on_normals(&normal(1500, 20, 1, 0.0)), [Quality::Memorising]);
    }

    #[test]
    fn verdict_on_blur_is_over_smoothed() {
        let found = on_normals(&blurred(&normal(4500, 20, 3, 0.0), 20, 3));
        assert!(found.contains(&Quality::OverSmoothed), "{found:?}");
        assert!(!found.contains(&Quality::Memorising), "{found:?}");
    }

    #[test]
    fn verdict_on_a_dropped_mode_is_collapsed_and_not_memorising() {
        let [training, held_out] = [1, 2].map(|seed| drawn_modes("ring8", 1500, seed, |_| true).0);
        let (samples, mixture) = drawn_modes("ring8", 1500, 3, |mode| mode != 3);
        let points = Points::new(&samples, 2);
        let modes = Modes::count(8, points, |row| mixture.nearest(row));
        let found = words([&training, &held_out, &samples], 2, Some(modes));
        assert_eq!(found[0], Quality::Collapsed, "{found:?}");
        let (one, _) = drawn_modes("ring8", 1500, 4, |mode| mode == 0);
        let found = words([&training, &held_out, &one], 2, None);
        assert_eq!(found[0], Quality::Collapsed, "{found:?}");
    }

    #[test]
    fn verdict_on_noise_is_under_trained_and_on_a_shift_distinguishable() {
        let noise: Vec<f32> = normal(1500, 20, 3, 0.0).iter().map(|x| 4.0 * x).collect();
        assert_eq!(on_normals(&noise), [Quality::UnderTrained]);
        let shifted = normal(1500, 20, 3, 0.3);
        assert_eq!(on_normals(&shifted), [Quality::Distinguishable]);
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
                neighbourhood: Some([found; 2]),
                ..Evidence::default()
            })
        };
        let beside = of(&arcs(3, 0.03));
        let neighbours = |finding: &Finding| finding.because.contains("nearest neighbour");
        assert!(beside.iter().any(neighbours), "{beside:?}");
        let fresh = of(&arcs(4, 0.0));
        assert_eq!(fresh[0].finds, Quality::Good, "{fresh:?}");
    }

    #[test]
    fn verdict_on_a_value_that_vanished_names_it() {
        let share = |value: &str, records| ValueShare {
            column: "job".into(),
            value: value.into(),
            records,
            samples: 0.0,
        };
        let found = verdict(&Evidence {
            lost_values: vec![share("nurse", 0.25), share("clerk", 0.16)],
            ..Evidence::default()
        });
        let words = "collapsed: job = nurse is in 0.0 % of samples, and in 25.0 % of records; \
                     another value is lost too";
        assert_eq!(found[0].to_string(), words);
    }

    #[test]
    fn verdict_on_few_samples_near_modes_is_under_trained_alone() {
        let (_, mixture) = drawn_modes("ring8", 10, 1, |_| true);
        let noise = normal(2000, 2, 3, 0.0);
        let modes = Modes::count(8, Points::new(&noise, 2), |row| mixture.nearest(row));
        assert!(
            modes.high_quality > 0.0 && modes.modes_found == 0,
            "{modes:?}"
        );
        let found = verdict(&Evidence {
            modes: Some(modes),
            ..Evidence::default()
        });
        let finds: Vec<_> = found.iter().map(|finding| finding.finds).collect();
        assert_eq!(finds, [Quality::UnderTrained], "{found:?}");
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
        assert_eq!(of(335.0)[0].finds, Quality::OverSmoothed);
        let words = "over-smoothed: as a model of the data they reach 335.0 nats, above the 243.0 of real \
                     records";
        assert_eq!(of(335.0)[0].to_string(), words);
        assert_eq!(of(225.0), []);
    }
}
