//! Which modes and classes samples have, and whether they are copies.

use gan_eval::{
    Classifier, Kind, Row, Section, Training, Uncertainty, classes, frechet, memorisation,
};
use gan_kernels::Backend;

use super::{PAIRS, Sections};
use crate::evaluate::sets::equal;
use crate::progress::Stage;
use crate::session::thousands;

/// Epochs over the training records of the classifier that knows classes.
const CLASS_EPOCHS: usize = 3;

impl<B: Backend> Sections<'_, B> {
    pub(super) fn modes(&mut self) -> anyhow::Result<Section> {
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

    pub(super) fn memorisation(&mut self) -> anyhow::Result<Section> {
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

    pub(super) fn classes(&mut self) -> anyhow::Result<Section> {
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
