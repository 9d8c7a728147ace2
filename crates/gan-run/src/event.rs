//! The events that a run reports to its caller while it trains.

use std::path::Path;

use gan_data::RecordShape;
use gan_eval::Modes;
use gan_model::Metrics;
use serde::Serialize;

use crate::diagnosis::Finding;
use crate::probe::ProbeReading;
use crate::text::{path_as_text, path_as_text_if_any};

/// The caller of a run: is told what happens, and may ask the run to stop.
pub trait Observer {
    /// Something happened that is worth a line.
    fn event(&mut self, event: &Event<'_>);

    /// An iteration is done, the `step`-th.
    fn progress(&mut self, step: u64);

    /// Asked before every iteration; if it returns true, the run saves what it has and ends.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// Something that happens in a run, with a name for programs in `event`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Event<'a> {
    /// The data is loaded.
    Data {
        /// Where it comes from.
        source: &'a str,
        /// Number of training records.
        train_records: usize,
        /// Number of records that are held out to choose settings on.
        valid_records: usize,
        /// Number of records that are held out to report on.
        test_records: usize,
        /// The loader's remarks about the data.
        notes: &'a [String],
    },
    /// Something that the user should know, and that does not keep the run from training.
    Warning {
        /// A sentence without its first capital.
        text: String,
    },
    /// Everything is ready, and training begins.
    Start {
        /// Directory of the run.
        #[serde(serialize_with = "path_as_text")]
        run: &'a Path,
        /// Description of the device.
        device: &'a str,
        /// Name of the preset or file.
        preset: &'a str,
        /// Where the data comes from.
        data: &'a str,
        /// Number of training records.
        train_records: usize,
        /// Seed of the run.
        seed: u64,
        /// Iterations done before.
        step: u64,
        /// Iterations of the whole run.
        steps: u64,
        /// Iterations per epoch.
        #[serde(skip)]
        steps_per_epoch: u64,
        /// True if the run goes on from a checkpoint.
        #[serde(skip)]
        resumed: bool,
        /// Sizes of the players.
        parameters: Parameters,
    },
    /// Everything is ready, and the training of a rival begins.
    #[serde(rename = "rival-start")]
    RivalStart {
        /// Directory of the run.
        #[serde(serialize_with = "path_as_text")]
        run: &'a Path,
        /// Description of the device.
        device: &'a str,
        /// Kind of the model.
        kind: &'a str,
        /// Minibatches of the whole run.
        steps: u64,
        /// Number of its parameters.
        parameters: usize,
    },
    /// A line of `metrics.jsonl` of a rival.
    #[serde(rename = "rival-reading")]
    RivalReading(RivalReading),
    /// The training of a rival is done.
    #[serde(rename = "rival-done")]
    RivalDone {
        /// Minibatches done.
        step: u64,
        /// Seconds of training.
        seconds: f64,
        /// Directory of the run.
        #[serde(serialize_with = "path_as_text")]
        run: &'a Path,
        /// A sheet of samples.
        #[serde(serialize_with = "path_as_text")]
        samples: &'a Path,
        /// A sheet of chains, one in each row, as they move away from where they begin.
        #[serde(serialize_with = "path_as_text")]
        chains: &'a Path,
        /// The page about the run.
        #[serde(serialize_with = "path_as_text")]
        report: &'a Path,
        /// The last checkpoint.
        #[serde(serialize_with = "path_as_text")]
        checkpoint: &'a Path,
    },
    /// The numbers since the last reading: a line of `metrics.jsonl`.
    Metrics {
        /// The line.
        #[serde(flatten)]
        line: &'a MetricsLine,
        /// How iterations are run; in the first of these events alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        execution: Option<String>,
    },
    /// Something is wrong with the game, or no longer.
    Diagnosis {
        /// Step of the reading that told.
        step: u64,
        /// The ailment that the game has, or had.
        #[serde(flatten)]
        finding: &'a Finding,
        /// A flag that usually helps in a new run.
        remedy: &'a str,
    },
    /// A picture of samples is written.
    Sample {
        /// Iterations done.
        step: u64,
        /// The picture.
        #[serde(serialize_with = "path_as_text")]
        path: &'a Path,
        /// How the samples cover the modes of the data, where these are known.
        quality: Option<&'a Modes>,
    },
    /// A checkpoint is written.
    Checkpoint {
        /// Iterations done.
        step: u64,
        /// The file.
        #[serde(serialize_with = "path_as_text")]
        path: &'a Path,
    },
    /// The caller has stopped the run, and it is saved.
    Interrupted {
        /// Iterations done.
        step: u64,
        /// Iterations of the whole run.
        #[serde(skip)]
        steps: u64,
        /// Directory of the run.
        #[serde(serialize_with = "path_as_text")]
        run: &'a Path,
    },
    /// All iterations are done.
    Done(Done<'a>),
}

/// The best step of a run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Best {
    /// Iterations done.
    pub step: u64,
    /// The area under the ROC curve of telling its samples from held-out records.
    pub told_apart: f64,
    /// Comparisons without anything better, if the run ended for that.
    pub ended_after: Option<u64>,
}

/// Numbers of parameters.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Parameters {
    /// Number of G's parameters.
    pub generator: usize,
    /// Number of D's parameters.
    pub discriminator: usize,
}

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct MetricsLine {
    /// Means over the iterations since the last reading.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The numbers of the probe, where it looked.
    #[serde(flatten)]
    pub(crate) probe: Option<ProbeReading>,
    /// Area under the ROC curve of telling samples of a mixed table from held-out records, where
    /// that was computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_apart: Option<f64>,
    /// The same of training records, below 1/2 where samples repeat them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_from_training: Option<f64>,
    /// Seconds of training so far.
    pub seconds: f64,
}

/// A line of `metrics.jsonl` of a rival.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RivalReading {
    /// Minibatches done.
    pub step: u64,
    /// Number of the training that they are of, counted from 1: of a layer, or of all.
    pub stage: usize,
    /// Cross-entropy of the records of the last minibatch after the way to the top and back, in nats.
    pub reconstruction: f64,
    /// Seconds of training so far.
    pub seconds: f64,
}

/// A run that is done, and what there is now.
#[derive(Debug, Serialize)]
pub struct Done<'a> {
    /// Iterations done.
    pub step: u64,
    /// Seconds of training, all sessions of the run together.
    pub seconds: f64,
    /// Seconds of training since this session began.
    #[serde(skip)]
    pub session_seconds: f64,
    /// Directory of the run.
    #[serde(serialize_with = "path_as_text")]
    pub run: &'a Path,
    /// The last picture of samples.
    #[serde(serialize_with = "path_as_text_if_any")]
    pub samples: Option<&'a Path>,
    /// The curves.
    #[serde(skip)]
    pub curves: &'a Path,
    /// The page about the run, if it could be written.
    #[serde(skip)]
    pub report: Option<&'a Path>,
    /// The last checkpoint.
    #[serde(serialize_with = "path_as_text")]
    pub checkpoint: &'a Path,
    /// How the last samples cover the modes of the data, where these are known.
    pub quality: Option<&'a Modes>,
    /// The best step by comparisons with held-out records, where there were some: samples are drawn
    /// from its checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// The findings that are open at its end.
    pub findings: &'a [Finding],
    /// A remedy for each of the findings.
    #[serde(skip)]
    pub remedies: &'a [String],
    /// The form of the samples.
    #[serde(skip)]
    pub shape: &'a RecordShape,
    /// The length of the run in epochs, if that is how it was given.
    #[serde(skip)]
    pub epochs: Option<f64>,
}
