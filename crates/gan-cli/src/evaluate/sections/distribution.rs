//! Whether records and samples are of one distribution, and how far off they are.

use gan_eval::{
    DIRECTIONS, Kind, Mmd, NEIGHBOURS, Neighbourhood, Points, Row, Section, SlicedWasserstein,
    Training, TwoSample, Uncertainty, mmd, neighbourhood, sliced_wasserstein, two_sample,
};
use gan_kernels::Backend;

use super::{PAIRS, Sections};
use crate::evaluate::sets::equal;
use crate::progress::Stage;

/// Of each in the kernel matrix of MMD's permutation test: a second.
const KERNEL: usize = 1_000;
/// Permutations: the smallest p-value is 1 in 501.
const PERMUTATIONS: usize = 500;
/// Updates of the two-sample test's classifier, whatever the number of records.
const UPDATES: usize = 1_500;

impl<B: Backend> Sections<'_, B> {
    pub(super) fn mmd(&mut self) -> anyhow::Result<Section> {
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

    pub(super) fn prdc(&mut self) -> anyhow::Result<Section> {
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

    pub(super) fn nn(&mut self) -> anyhow::Result<Section> {
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

    pub(super) fn c2st(&mut self) -> anyhow::Result<Section> {
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

    pub(super) fn wasserstein(&mut self) -> anyhow::Result<Section> {
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
}
