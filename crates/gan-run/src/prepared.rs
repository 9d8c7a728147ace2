//! A run between its configuration and its game: the records as the players see them, and what a
//! checkpoint says beside its tensors.

use std::collections::BTreeMap;
use std::path::Path;

use gan_data::{Dataset, Records};
use gan_kernels::{Monitor, MonitorSums};
use gan_model::{ActivationKind, Checkpoint, TrainingData};

use crate::config::RunConfig;
use crate::given::{GivenColumns, with_labels};
use crate::probe::Probe;
use crate::problem::Problem;
use crate::record::RecordInfo;

/// The end of the name of a checkpoint's file.
pub(crate) const CHECKPOINT_EXTENSION: &str = "safetensors";

/// The name of the file of the checkpoint of `step`.
pub(crate) fn checkpoint_name(step: u64) -> String {
    format!("step-{step:06}.{CHECKPOINT_EXTENSION}")
}

/// The annotation of a checkpoint that is the step of the last reading before it.
const LAST_READING: &str = "last_reading";
/// The annotation of a checkpoint in the middle of a reading: the sums of its monitors, one
/// microbatch's after the other's, by their bits, since a number that becomes text may lose its last
/// one.
const SUMS: &str = "reading";

/// The sums of the reading that was begun when `checkpoint` of `microbatches` microbatches, called
/// `name` in messages, was written: those of each.
///
/// # Errors
/// If they are something else.
pub(crate) fn begun_reading(
    checkpoint: &Checkpoint,
    microbatches: usize,
    name: &str,
) -> Result<Vec<MonitorSums>, Problem> {
    let Some(text) = checkpoint.annotations.get(SUMS) else {
        return Ok(vec![MonitorSums::default(); microbatches]);
    };
    let damaged =
        |why: String| Problem::failed(format!("{name}: annotation {SUMS} is damaged: {why}"));
    let bits: Vec<u64> = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let (found, expected) = (bits.len(), microbatches * Monitor::COUNT);
    if found != expected {
        return Err(damaged(format!("{found} sums, expected {expected}")));
    }
    let (sums, _) = bits.as_chunks::<{ Monitor::COUNT }>();
    let sums = sums
        .iter()
        .map(|bits| MonitorSums(bits.map(f64::from_bits)));
    Ok(sums.collect())
}

/// The annotations of a checkpoint of a run on such records: the step of the last reading before it,
/// and the sums of the one that has begun.
pub(crate) fn annotations(
    record: &RecordInfo,
    last_reading: Option<u64>,
    sums: &[MonitorSums],
) -> Result<BTreeMap<String, String>, Problem> {
    let mut annotations = record.to_annotations()?;
    annotations.extend(last_reading.map(|step| (LAST_READING.into(), step.to_string())));
    // Only a run that is stopped is saved in the middle of a reading.
    if sums.iter().any(|sums| *sums != MonitorSums::default()) {
        let bits = sums.iter().flat_map(|sums| sums.0);
        let bits: Vec<_> = bits.map(|sum| sum.to_bits().to_string()).collect();
        annotations.insert(SUMS.into(), format!("[{}]", bits.join(",")));
    }
    Ok(annotations)
}

/// The records of a game as its players and its probe see them.
pub(crate) struct Prepared {
    pub(crate) record: RecordInfo,
    pub(crate) probe: Probe,
    pub(crate) data: TrainingData,
}

impl Prepared {
    /// Those of a run of the preset or file `name` on `dataset`, whose training records are `train`.
    pub(crate) fn of(
        config: &RunConfig,
        name: &str,
        dataset: &Dataset,
        train: Records,
    ) -> Result<Self, Problem> {
        let (mut record, mean) = RecordInfo::with_mean(name, dataset, &train);
        let given = GivenColumns::of(&config.game.condition, dataset)?;
        record.labels = given.labels;
        let discrete = record.discrete_columns(&train);
        // As the players see them.
        let records = match (given.labels, &dataset.labels) {
            (Some(classes), Some(labels)) => with_labels(train, labels, classes),
            _ => train,
        };
        let probe = Probe::new(config.seed, &records, discrete);
        let data = TrainingData {
            mean: match given.labels {
                None => mean,
                Some(_) => TrainingData::new(records.clone()).mean,
            },
            records,
            heads: dataset.transform.heads(),
            given: given.places,
        };
        Ok(Self {
            record,
            probe,
            data,
        })
    }
}

/// What is odd about a new run, and does not keep it from training.
pub(crate) fn warnings(
    config: &RunConfig,
    dataset: &Dataset,
    record: &RecordInfo,
) -> impl Iterator<Item = String> {
    let few = dataset.mixture.is_none().then(|| few_records(record));
    [sigmoid(config, record), few.flatten()]
        .into_iter()
        .flatten()
}

/// The output of a sigmoid is between 0 and 1, as images are; columns are standardised.
fn sigmoid(config: &RunConfig, record: &RecordInfo) -> Option<String> {
    let last = config.generator.layers.last();
    let is_sigmoid = last.is_some_and(|layer| layer.activation == ActivationKind::Sigmoid);
    (is_sigmoid && record.shape.image().is_none()).then(|| {
        "G's output is a sigmoid, between 0 and 1, as images are; columns have mean 0 and \
         deviation 1 in training. Data that is no image has a preset: gan-cli train table \
         --data PATH"
            .into()
    })
}

/// A table of a few rows is learnt by heart, and too little of it is held out to notice.
fn few_records(record: &RecordInfo) -> Option<String> {
    /// Training records from which on a table is not small.
    const ENOUGH: usize = 500;
    let found = record.train_records;
    (found < ENOUGH && record.shape.image().is_none()).then(|| {
        format!(
            "{found} training records are few: G may repeat them rather than learn their \
             distribution, and what is held out hardly tells; expected {ENOUGH} or more"
        )
    })
}

pub(crate) fn refuse_other_data(
    old: &RecordInfo,
    record: &RecordInfo,
    run: &Path,
) -> Result<(), Problem> {
    if old.fingerprint == record.fingerprint && old.shape == record.shape {
        return Ok(());
    }
    Err(Problem::failed(format!(
        "{}: found other training records in {} than the run began with ({}, {} records)",
        run.display(),
        record.data,
        old.data,
        old.train_records
    ))
    .hint("say where the records are now with --data PATH"))
}

/// The step of the last reading that a run had when `checkpoint` was written.
pub(crate) fn last_reading(checkpoint: &Checkpoint) -> Option<u64> {
    checkpoint.annotations.get(LAST_READING)?.parse().ok()
}
