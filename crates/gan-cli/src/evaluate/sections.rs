//! One section per metric, and beside each number that of real records.

use gan_eval::{
    Classifier, DIRECTIONS, Estimate, Evidence, Finding, Kind, Memorisation, Mmd, Modes,
    NEIGHBOURS, Neighbourhood, Points, Row, Section, SlicedWasserstein, Training, TwoSample,
    Uncertainty, classes, frechet, memorisation, mmd, neighbourhood, sliced_wasserstein,
    two_sample, verdict,
};
use gan_kernels::Backend;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::cache::Cache;
use super::sets::{Sets, equal};
use super::{Metric, Subject, parzen};
use crate::progress::Stage;
use crate::session::thousands;

/// Records and samples of the metrics that look at every pair: 10,000 as in the literature, half a
/// teraflop of MNIST each.
const PAIRS: usize = 10_000;
/// Of each in the kernel matrix of MMD's permutation test: a second.
const KERNEL: usize = 1_000;
/// Permutations: the smallest p-value is 1 in 501.
const PERMUTATIONS: usize = 500;
/// Updates of the two-sample test's classifier, whatever the number of records.
const UPDATES: usize = 1_500;
/// Epochs over the training records of the classifier that knows classes.
const CLASS_EPOCHS: usize = 3;
/// Version of what the cached numbers of real records are; to be raised when they change.
const VERSION: u32 = 1;

/// Takes the numbers of one evaluation, and keeps what the verdict reads.
pub(super) struct Sections<'a, B: Backend> {
    subject: &'a Subject<'a, B>,
    sets: Sets,
    cache: Cache,
    log_likelihood: Option<[Estimate; 2]>,
    neighbourhood: Option<[Neighbourhood; 2]>,
    memorisation: Option<Memorisation>,
    mmd: Option<Mmd>,
    two_sample: Option<TwoSample>,
    modes: Option<Modes>,
    classes: Option<gan_eval::Classes>,
}

impl<'a, B: Backend> Sections<'a, B> {
    pub(super) fn new(subject: &'a Subject<'a, B>) -> Self {
        let key = json!({
            "version": VERSION, "data_sha256": subject.data.digest(),
            "samples": subject.samples.rows(), "precision": format!("{:?}", subject.precision),
        });
        Self {
            subject,
            sets: Sets::new(subject, PAIRS),
            cache: Cache::open("records-against-records", key, subject.output),
            log_likelihood: None,
            neighbourhood: None,
            memorisation: None,
            mmd: None,
            two_sample: None,
            modes: None,
            classes: None,
        }
    }

    /// Runs one metric.
    ///
    /// # Errors
    /// If the device fails, or there is too little to compare.
    pub(super) fn section(&mut self, metric: Metric) -> anyhow::Result<Section> {
        match metric {
            Metric::Parzen => self.parzen(),
            Metric::Mmd => self.mmd(),
            Metric::Prdc => self.prdc(),
            Metric::C2st => self.c2st(),
            Metric::Nn => self.nn(),
            Metric::Wasserstein => self.wasserstein(),
            Metric::Modes => self.modes(),
            Metric::Memorisation => self.memorisation(),
            Metric::Classes => self.classes(),
        }
    }

    /// What all numbers taken so far say together.
    pub(super) fn verdict(&self) -> Vec<Finding> {
        verdict(&Evidence {
            log_likelihood: self.log_likelihood,
            memorisation: self.memorisation,
            neighbourhood: self.neighbourhood.map(|[samples, _]| samples),
            mmd: self.mmd,
            two_sample: self.two_sample,
            modes: self.modes.as_ref(),
            classes: self.classes.as_ref(),
        })
    }

    /// The number of real records, from the cache or taken now.
    fn of_records<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        take: impl FnOnce(&B, &Sets) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if let Some(kept) = self.cache.get(name) {
            return Ok(kept);
        }
        let _stage = Stage::new(self.subject.output, format!("control: {name}"));
        let found = take(self.subject.backend, &self.sets)?;
        self.cache.put(name, &found);
        Ok(found)
    }

    /// `12 test records`, or what serves for them.
    fn against(&self, count: usize) -> String {
        let set = self.subject.data.only_set().unwrap_or("test");
        format!("{} {set} records", thousands(count))
    }

    fn parzen(&mut self) -> anyhow::Result<Section> {
        let section = parzen::section(self.subject)?;
        let of = |id: &str| {
            let row = section.rows.iter().find(|row| row.id == id)?;
            match row.uncertainty {
                Some(Uncertainty::StandardError(standard_error)) => Some(Estimate {
                    value: row.value,
                    standard_error,
                }),
                _ => None,
            }
        };
        // Fewer records than samples would be no fair comparison.
        let fair = self.subject.data.train().rows() >= self.subject.samples.rows();
        if let (Some(samples), Some(records), true) = (of("samples"), of("training_records"), fair)
        {
            self.log_likelihood = Some([samples, records]);
        }
        Ok(section)
    }

    fn mmd(&mut self) -> anyhow::Result<Section> {
        let subject = self.subject;
        let take = |backend: &B,
                    records: Points<'_>,
                    samples: Points<'_>,
                    most: usize|
         -> anyhow::Result<Mmd> {
            let [records, samples] = equal("mmd", records, samples, most)?;
            Ok(mmd(backend, records, samples, PERMUTATIONS, 0)?)
        };
        let found = take(subject.backend, self.sets.test(), subject.samples, KERNEL)?;
        let real = self.of_records("mmd", |backend, sets| {
            take(backend, sets.test(), sets.train(), found.records)
        })?;
        self.mmd = Some(found);
        let row = |row: Row, found: &Mmd| {
            row.with_uncertainty(Uncertainty::PValue(found.p_value))
                .with_detail("95 % of equal below", found.null_95)
        };
        Ok(Section {
            id: "mmd".into(),
            title: format!(
                "MMD² of {} and as many samples (kernels at 1/2, 1, 2 and 4 times the median \
                 distance, {PERMUTATIONS} permutations)",
                self.against(found.records)
            ),
            rows: vec![
                row(
                    Row::new("samples", "samples", Kind::Model, found.squared),
                    &found,
                )
                .with_ideal("0"),
                row(
                    Row::new(
                        "training_records",
                        "training records",
                        Kind::Control,
                        real.squared,
                    ),
                    &real,
                ),
            ],
            notes: Vec::new(),
        })
    }

    /// Those of the samples and of the training records, taken once for two sections.
    fn neighbourhoods(&mut self) -> anyhow::Result<[Neighbourhood; 2]> {
        if let Some(found) = self.neighbourhood {
            return Ok(found);
        }
        let subject = self.subject;
        let take = |backend: &B,
                    records: Points<'_>,
                    samples: Points<'_>,
                    most: usize|
         -> anyhow::Result<Neighbourhood> {
            let [records, samples] = equal("prdc", records, samples, most)?;
            Ok(neighbourhood(backend, records, samples, NEIGHBOURS)?)
        };
        let stage = Stage::new(subject.output, "neighbours of every sample and record");
        let found = take(subject.backend, self.sets.test(), subject.samples, PAIRS)?;
        drop(stage);
        let real = self.of_records("neighbourhood", |backend, sets| {
            take(backend, sets.test(), sets.train(), found.rows)
        })?;
        Ok(*self.neighbourhood.insert([found, real]))
    }

    fn prdc(&mut self) -> anyhow::Result<Section> {
        let [found, real] = self.neighbourhoods()?;
        let rows = [
            (
                "precision",
                found.precision,
                real.precision,
                "samples among records",
            ),
            ("recall", found.recall, real.recall, "records among samples"),
            (
                "density",
                found.density,
                real.density,
                "1 as of data, more in its middle",
            ),
            (
                "coverage",
                found.coverage,
                real.coverage,
                "records with a sample near",
            ),
        ];
        Ok(Section {
            id: "prdc".into(),
            title: format!(
                "Precision, recall, density, coverage against {} (as many samples, k = {})",
                self.against(found.rows),
                found.k
            ),
            rows: rows
                .into_iter()
                .map(|(name, value, real, note)| {
                    Row::new(name, name, Kind::Model, value)
                        .with_detail("training records", real)
                        .with_note(note)
                })
                .collect(),
            notes: Vec::new(),
        })
    }

    fn nn(&mut self) -> anyhow::Result<Section> {
        let [found, real] = self.neighbourhoods()?;
        let (rows, found, real) = (found.rows, found.one_nn, real.one_nn);
        let error = found.standard_error;
        let row = |id, name, value, real, note, error| {
            Row::new(id, name, Kind::Model, value)
                .with_uncertainty(Uncertainty::StandardError(error))
                .with_detail("training records", real)
                .with_ideal("0.5")
                .with_note(note)
        };
        let half = error * std::f64::consts::SQRT_2;
        Ok(Section {
            id: "nn".into(),
            title: format!(
                "Nearest neighbour's accuracy at telling {} from as many samples",
                self.against(rows)
            ),
            rows: vec![
                row(
                    "both",
                    "both",
                    found.accuracy,
                    real.accuracy,
                    "above: told apart",
                    error,
                ),
                row(
                    "records",
                    "of records",
                    found.records,
                    real.records,
                    "below: copied",
                    half,
                ),
                row(
                    "samples",
                    "of samples",
                    found.samples,
                    real.samples,
                    "near 1: crowded",
                    half,
                ),
            ],
            notes: Vec::new(),
        })
    }

    fn c2st(&mut self) -> anyhow::Result<Section> {
        let subject = self.subject;
        let take = |backend: &B,
                    records: Points<'_>,
                    samples: Points<'_>,
                    most: usize|
         -> anyhow::Result<TwoSample> {
            let [records, samples] = equal("c2st", records, samples, most)?;
            let mut training = Training::new(1, 0);
            // Half of each are trained on, so their number is that of one set.
            let epochs = UPDATES * training.minibatch / records.rows();
            training.epochs = epochs.clamp(1, 60);
            Ok(two_sample(backend, &training, records, samples)?)
        };
        let stage = Stage::new(subject.output, "classifier of records and samples");
        let found = take(subject.backend, self.sets.test(), subject.samples, PAIRS)?;
        drop(stage);
        let real = self.of_records("two_sample", |backend, sets| {
            take(
                backend,
                sets.test(),
                sets.train(),
                (found.trained_on + found.judged) / 2,
            )
        })?;
        self.two_sample = Some(found);
        let row =
            |row: Row, found: &TwoSample| row.with_uncertainty(Uncertainty::PValue(found.p_value));
        let control = Row::new(
            "training_records",
            "training records",
            Kind::Control,
            real.accuracy,
        );
        Ok(Section {
            id: "c2st".into(),
            title: format!(
                "A fresh classifier's accuracy at telling {} from as many samples (half of each \
                 to train it)",
                self.against((found.trained_on + found.judged) / 2)
            ),
            rows: vec![
                row(
                    Row::new("samples", "samples", Kind::Model, found.accuracy),
                    &found,
                )
                .with_ideal("0.5"),
                row(control, &real),
            ],
            notes: Vec::new(),
        })
    }

    fn wasserstein(&mut self) -> anyhow::Result<Section> {
        let subject = self.subject;
        let take = |backend: &B,
                    records: Points<'_>,
                    samples: Points<'_>,
                    most: usize|
         -> anyhow::Result<SlicedWasserstein> {
            let [records, samples] = equal("wasserstein", records, samples, most)?;
            Ok(sliced_wasserstein(
                backend, records, samples, DIRECTIONS, 0,
            )?)
        };
        let stage = Stage::new(subject.output, "projections");
        let found = take(subject.backend, self.sets.test(), subject.samples, PAIRS)?;
        drop(stage);
        let real = self.of_records("wasserstein", |backend, sets| {
            take(backend, sets.test(), sets.train(), found.records)
        })?;
        let row = |id, name, kind, found: &SlicedWasserstein| {
            Row::new(id, name, kind, found.distance)
                .with_uncertainty(Uncertainty::StandardError(found.standard_error))
        };
        Ok(Section {
            id: "wasserstein".into(),
            title: format!(
                "Sliced Wasserstein distance of {} and as many samples ({}; {DIRECTIONS} \
                 directions)",
                self.against(found.records),
                subject.data.units()
            ),
            rows: vec![
                row("samples", "samples", Kind::Model, &found)
                    .with_ideal("that of training records"),
                row("training_records", "training records", Kind::Control, &real),
            ],
            notes: Vec::new(),
        })
    }

    fn modes(&mut self) -> anyhow::Result<Section> {
        let subject = self.subject;
        let found = subject.data.modes(subject.samples);
        let found = found.ok_or_else(|| anyhow::anyhow!("the data has no known modes"))?;
        let section = Section {
            id: "modes".into(),
            title: format!(
                "Modes of a known mixture, in {} samples",
                thousands(subject.samples.rows())
            ),
            rows: vec![
                Row::new(
                    "modes_found",
                    "modes found",
                    Kind::Model,
                    found.modes_found as f64,
                )
                .with_ideal(found.modes.to_string()),
                Row::new(
                    "high_quality",
                    "within 3 sigma",
                    Kind::Model,
                    found.high_quality,
                )
                .with_ideal("0.989 in two dimensions"),
                Row::new(
                    "reverse_kl",
                    "reverse KL of their counts",
                    Kind::Model,
                    found.reverse_kl.unwrap_or(f64::MAX),
                )
                .with_ideal("0")
                .with_note("in nats, over samples within 3 sigma of a mode"),
            ]
            .into_iter()
            .filter(|row| row.value < f64::MAX)
            .collect(),
            notes: Vec::new(),
        };
        self.modes = Some(found);
        Ok(section)
    }

    fn memorisation(&mut self) -> anyhow::Result<Section> {
        let subject = self.subject;
        let [training, held_out] =
            equal("memorisation", self.sets.train(), self.sets.valid(), PAIRS)?;
        let stage = Stage::new(subject.output, "closest records");
        let samples = subject.samples.first(PAIRS);
        let found = memorisation(subject.backend, training, held_out, samples)?;
        drop(stage);
        self.memorisation = Some(found);
        let distance =
            |id, name, kind, value| Row::new(id, name, kind, value).with_note("median distance");
        let between = Row::new(
            "between_records",
            "held-out to training",
            Kind::Control,
            found.between_records,
        );
        let all = subject.data.train().rows();
        let part = (all > found.records).then(|| {
            format!(
                "{} of {} training records were looked at: of a share c of copies, c·{:.2} is seen",
                thousands(found.records),
                thousands(all),
                found.records as f64 / all as f64
            )
        });
        Ok(Section {
            id: "memorisation".into(),
            title: format!(
                "Closest records of {} samples, among {} training and as many {} records",
                thousands(found.samples),
                thousands(found.records),
                subject.data.only_set().unwrap_or("validation")
            ),
            rows: vec![
                Row::new(
                    "closer_to_training",
                    "share closer to training",
                    Kind::Model,
                    found.closer_to_training,
                )
                .with_uncertainty(Uncertainty::StandardError(found.standard_error))
                .with_ideal("0.5"),
                distance(
                    "to_training",
                    "samples to training",
                    Kind::Model,
                    found.to_training,
                ),
                distance(
                    "to_held_out",
                    "samples to held-out",
                    Kind::Model,
                    found.to_held_out,
                ),
                between.with_note("median distance"),
            ],
            notes: part.into_iter().collect(),
        })
    }

    fn classes(&mut self) -> anyhow::Result<Section> {
        let subject = self.subject;
        let (backend, data) = (subject.backend, subject.data);
        let labels = data
            .labels()
            .ok_or_else(|| anyhow::anyhow!("the data has no labels"))?;
        let stage = Stage::new(subject.output, "classifier of classes");
        let training = Training::new(CLASS_EPOCHS, 0);
        let classifier = Classifier::fit(
            backend.clone(),
            &training,
            data.train(),
            labels.train,
            labels.classes,
        )?;
        let accuracy = classifier.accuracy(data.test(), labels.test)?;
        let samples = subject.samples.first(PAIRS);
        let look = |points| -> anyhow::Result<_> {
            let posteriors = classifier.posteriors(points)?;
            Ok((
                classes(&posteriors, labels.classes),
                classifier.features(points)?,
            ))
        };
        let (found, features) = look(samples)?;
        let (real, real_features) = look(self.sets.test())?;
        let (_, train_features) = look(self.sets.train())?;
        drop(stage);
        let row = |id, name, value, real| {
            Row::new(id, name, Kind::Model, value).with_detail("test records", real)
        };
        let even = (labels.classes as f64).ln();
        let rows = vec![
            row(
                "found",
                "classes found",
                found.found as f64,
                real.found as f64,
            )
            .with_ideal(labels.classes.to_string()),
            row(
                "entropy",
                "entropy of the histogram",
                found.entropy,
                real.entropy,
            )
            .with_ideal(format!("{even:.3} if even")),
            row("score", "classifier score", found.score, real.score)
                .with_ideal(labels.classes.to_string()),
            Row::new(
                "frechet",
                "Fréchet distance",
                Kind::Model,
                frechet(real_features.points(), features.points()),
            )
            .with_detail(
                "training records",
                frechet(real_features.points(), train_features.points()),
            )
            .with_ideal("0"),
        ];
        let histogram: Vec<String> = found.histogram.iter().map(usize::to_string).collect();
        self.classes = Some(found);
        Ok(Section {
            id: "classes".into(),
            title: format!(
                "Classes of {} samples, in the eyes of a classifier that is right on {:.1} % of \
                 test records",
                thousands(samples.rows()),
                100.0 * accuracy
            ),
            rows,
            notes: vec![
                format!("samples by class, from 0: {}", histogram.join(" ")),
                "this classifier is not Inception: score and distance compare with nothing but \
                 numbers of this program on this data"
                    .into(),
            ],
        })
    }
}
