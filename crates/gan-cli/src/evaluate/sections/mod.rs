//! One section per metric, and beside each number that of real records.

mod coverage;
mod distribution;

use gan_eval::{
    Classes, Estimate, Evidence, Finding, Memorisation, Mmd, Modes, Neighbourhood, Section,
    TwoSample, Uncertainty, verdict,
};
use gan_kernels::Backend;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::cache::Cache;
use super::sets::Sets;
use super::{Metric, Subject, parzen};
use crate::progress::Stage;
use crate::session::thousands;

/// Records and samples of the metrics that look at every pair: 10,000 as in the literature, half a
/// teraflop of MNIST each.
const PAIRS: usize = 10_000;
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
    classes: Option<Classes>,
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
}
