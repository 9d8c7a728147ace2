//! `gan-cli train`: from the command line to a game that is ready to be played.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gan_data::{Dataset, RecordShape};
use gan_kernels::Backend;
use gan_model::{ActivationConfig, Checkpoint, CheckpointError, Trainer, TrainingData};
use tracing::info;

use crate::cli::TrainArgs;
use crate::config::{Layers, Overrides, RunConfig, differences};
use crate::devices::{Device, PrecisionChoice};
use crate::interrupt;
use crate::output::{Output, word};
use crate::pictures::{self, Backdrop};
use crate::presets;
use crate::probe::Probe;
use crate::problem::{INTERRUPTED, Problem};
use crate::record::RecordInfo;
use crate::run_dir::{self, DEVICE_MARK, Existing, RunDir};
use crate::train::{Ending, Seen, Training};

/// What is to be trained.
struct Plan {
    config: RunConfig,
    /// Where the configuration comes from, for messages.
    layers: Layers,
    /// Name of the preset or file.
    name: String,
    /// The run to continue, and from where.
    resumed: Option<(RunDir, Checkpoint)>,
}

/// `gan-cli train`.
pub(crate) fn run(args: &TrainArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let overrides = overrides(args)?;
    let plan = match &args.resume {
        None => Plan::fresh(args, &overrides)?,
        Some(which) => Plan::resumed(which.as_deref(), &overrides, output)?,
    };
    interrupt::listen()?;
    let (device, why) = Device::open(args.device, args.precision, args.threads)?;
    output.line(format!("device   {} ({why})", device.description()));
    match device {
        Device::Cpu(backend) => start(backend, plan, args, output),
        #[cfg(feature = "gpu")]
        Device::Gpu(backend) => start(backend, plan, args, output),
    }
}

fn overrides(args: &TrainArgs) -> Result<Overrides, Problem> {
    let mut overrides = Overrides::default();
    if let Some(seed) = args.seed {
        overrides.flag("--seed", "seed", seed as i64);
    }
    if let Some(epochs) = args.epochs {
        overrides.flag("--epochs", "run.epochs", epochs);
    }
    if let Some(steps) = args.steps {
        overrides.flag("--steps", "run.steps", steps as i64);
    }
    if let Some(data) = &args.data {
        overrides.flag("--data", "data.source", named_data(data));
    }
    args.set.iter().try_for_each(|set| overrides.set(set))?;
    Ok(overrides)
}

/// What `--data` means: typed here, `mnist` is a folder of that name if there is one, and not the
/// data set that a preset means by it.
pub(crate) fn named_data(given: &str) -> String {
    let path = Path::new(".").join(given);
    if presets::data_set(given).is_some() && path.exists() {
        path.display().to_string()
    } else {
        given.to_owned()
    }
}

impl Plan {
    fn fresh(args: &TrainArgs, overrides: &Overrides) -> Result<Self, Problem> {
        let what = args.config.as_deref().unwrap_or(presets::DEFAULT);
        let layers = Layers::read(what, overrides)?;
        let mut config = layers.resolve()?;
        bring_data(&mut config, what)?;
        Ok(Self {
            name: layers.name.clone(),
            config,
            layers,
            resumed: None,
        })
    }

    fn resumed(
        which: Option<&Path>,
        overrides: &Overrides,
        output: &Output,
    ) -> anyhow::Result<Self> {
        let path = match which {
            Some(path) => run_dir::find(path),
            None => run_dir::newest()?,
        };
        let dir = RunDir::open(&path)?;
        let checkpoint = last_good_checkpoint(&path, output)?;
        let file = dir.config();
        let text = std::fs::read_to_string(&file).map_err(|error| {
            Problem::failed(format!("{}: cannot be read: {error}", file.display()))
        })?;
        let layers = Layers::of_run(&file, text, overrides)?;
        let mut config = layers.resolve()?;
        bring_data(&mut config, &path.display().to_string())?;
        refuse_other_game(&config, &checkpoint, &path)?;
        let name = RecordInfo::from_annotations(&checkpoint.annotations, "checkpoint")?.preset;
        Ok(Self {
            config,
            layers,
            name,
            resumed: Some((dir, checkpoint)),
        })
    }
}

/// Makes the data's path absolute, so that `config.toml` can be used from anywhere; a data set that
/// the user has to bring and did not is an error that says how.
fn bring_data(config: &mut RunConfig, what: &str) -> Result<(), Problem> {
    let source = &config.data.source;
    if gan_data::builtin_names().contains(&source.as_str()) {
        return Ok(());
    }
    // Before the path: a stray file of this name is not the data set; `./mnist` is.
    if let Some(set) = presets::data_set(source) {
        return Err(set.missing(what));
    }
    // A path that leads nowhere is reported by the loader.
    if let Ok(path) = Path::new(source).canonicalize() {
        config.data.source = path.display().to_string();
    }
    Ok(())
}

/// The newest checkpoint that can be read; one that is damaged is passed over with a word.
fn last_good_checkpoint(run: &Path, output: &Output) -> anyhow::Result<Checkpoint> {
    let mut error = None;
    for (_, path) in run_dir::checkpoints(run).into_iter().rev() {
        match Checkpoint::load(&path) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(damaged @ CheckpointError::Format { .. }) => {
                output.notice(format!("warning: {damaged}; trying the one before"));
                error = Some(damaged);
            }
            Err(other) => return Err(other.into()),
        }
    }
    Err(match error {
        Some(error) => error.into(),
        None => Problem::failed(format!(
            "{}: has no checkpoint to continue from",
            run.display()
        ))
        .into(),
    })
}

/// A continued run may be longer, write more often and find its data elsewhere; anything else would
/// make it another run.
fn refuse_other_game(
    config: &RunConfig,
    checkpoint: &Checkpoint,
    run: &Path,
) -> Result<(), Problem> {
    let old = RunConfig::from_toml(&checkpoint.config, "checkpoint")?;
    let table = |config: &RunConfig| {
        toml::Table::try_from(config)
            .map_err(|error| Problem::failed(format!("cannot compare configurations: {error}")))
    };
    let changed: Vec<_> = differences(&table(&old)?, &table(config)?)
        .into_iter()
        .filter(|key| !key.starts_with("run.") && key != "data.source")
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(Problem::usage(format!(
        "{}: {} cannot change when a run is continued",
        run.display(),
        changed.join(", ")
    ))
    .hint(format!(
        "only run.* and --data can; for another game start a new run: gan-cli train {} --set …",
        word(&run.join("config.toml"))
    )))
}

fn start<B: Backend>(
    backend: B,
    plan: Plan,
    args: &TrainArgs,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let device = backend.description();
    let Plan {
        mut config,
        layers,
        name,
        resumed,
    } = plan;
    let dataset = gan_data::load(&config.data, config.seed)?;
    let train = dataset.records.slice(dataset.splits.train.clone());
    output.line(format!(
        "data     {}: {} to train",
        dataset.source,
        train.rows()
    ));
    for note in &dataset.notes {
        output.line(format!("note     {note}"));
    }
    let record = RecordInfo::new(&name, &dataset, &train);
    if resumed.is_none() && !matches!(record.shape, RecordShape::Image { .. }) {
        let output_layer = config.generator.layers.last();
        if output_layer.is_some_and(|layer| layer.activation == ActivationConfig::Sigmoid) {
            output.notice(
                "warning: G's output is a sigmoid, between 0 and 1, as images are; columns have \
                 mean 0 and deviation 1 in training. Data that is no image has a preset: \
                 gan-cli train table --data PATH",
            );
        }
    }
    let backdrop = backdrop(&dataset, &record);
    let probe = Probe::new(config.seed, &train);
    let mean = dataset.mean();
    drop(dataset);

    let data = TrainingData {
        records: train,
        mean,
    };
    let mut trainer = Trainer::new(backend, &config.game(), config.seed, data)
        .map_err(|error| layers.explain(&error))?;
    // What does not fit on the device is found out before there is a directory.
    trainer.check()?;
    let pace = config.settle(trainer.steps_per_epoch());
    let fresh = resumed.is_none();
    let dir = match resumed {
        None => {
            let existing = match args.overwrite {
                true => Existing::Replace,
                false => Existing::Keep,
            };
            RunDir::create(args.out.as_deref(), &name, existing)?
        }
        Some((dir, checkpoint)) => {
            refuse_other_data(&checkpoint, &record, dir.path())?;
            trainer.restore(&checkpoint)?;
            trainer.check()?;
            dir
        }
    };
    if !fresh && trainer.steps_done() >= pace.total {
        let done = trainer.steps_done();
        return Err(nothing_left(dir.path(), done, args.precision).into());
    }
    let at_rest = config.at_rest(trainer.steps_done());
    if !at_rest.is_empty() {
        output.notice(format!(
            "warning: the schedule has taken the learning rate of {} to 0, where nothing more \
             is learnt; a new run can have a higher schedule.floor or more schedule.updates",
            at_rest.join(" and ")
        ));
    }
    log_to(&dir)?;
    info!("{}{device}", DEVICE_MARK);
    info!(
        "seed {}, step {} of {}",
        config.seed,
        trainer.steps_done(),
        pace.total
    );
    let [g, d] = trainer.parameter_counts();
    output.line(format!(
        "players  G {}, D {} parameters",
        thousands(g),
        thousands(d)
    ));
    let verb = if fresh { "run     " } else { "continue" };
    output.line(format!("{verb} {}", dir.path().display()));
    output.event(&serde_json::json!({
        "event": "start", "run": dir.path(), "device": device, "preset": name,
        "data": record.data, "train_records": record.train_records, "seed": config.seed,
        "step": trainer.steps_done(), "steps": pace.total, "parameters": { "generator": g, "discriminator": d },
    }));

    let seen = Seen {
        record,
        backdrop,
        probe,
        precision: args.precision,
    };
    let mut training = Training::new(trainer, config, pace, seen, dir, output)?;
    Ok(match training.play()? {
        Ending::Done => ExitCode::SUCCESS,
        Ending::Interrupted => ExitCode::from(INTERRUPTED),
    })
}

fn refuse_other_data(
    checkpoint: &Checkpoint,
    record: &RecordInfo,
    run: &Path,
) -> Result<(), Problem> {
    let old = RecordInfo::from_annotations(&checkpoint.annotations, "checkpoint")?;
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

fn nothing_left(run: &Path, step: u64, precision: PrecisionChoice) -> Problem {
    Problem::usage(format!("{}: is done: {step} steps", run.display())).hint(format!(
        "to go on: gan-cli train --resume {}{} --steps {}",
        word(run),
        precision.flag(),
        2 * step.max(1)
    ))
}

/// Some records to show samples against, in the user's units.
fn backdrop(dataset: &Dataset, record: &RecordInfo) -> Backdrop {
    let cols = dataset.records.cols();
    let wanted = pictures::backdrop_count(&record.shape, cols);
    let mut data = Vec::new();
    let mut row = vec![0.0; cols];
    for index in dataset.splits.train.clone().take(wanted) {
        dataset.records.copy_row(index, &mut row);
        data.extend_from_slice(&row);
    }
    record.to_user_units(&mut data, cols);
    Backdrop {
        data,
        mixture: dataset.mixture.clone(),
        discriminator: Vec::new(),
    }
}

/// Sends what is traced from here on to the run's log.
fn log_to(dir: &RunDir) -> anyhow::Result<()> {
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .with_writer(std::sync::Mutex::new(dir.log()?))
        .finish();
    // Only a second run in one process could find a subscriber there already.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// 1234567 as `1,234,567`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The directory of the run that a checkpoint file belongs to, if it lies in one.
pub(crate) fn run_of(checkpoint: &Path) -> Option<PathBuf> {
    let run = checkpoint.parent()?.parent()?;
    run_dir::is_run(run).then(|| run.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_from_the_right() {
        assert_eq!(thousands(1), "1");
        assert_eq!(thousands(123), "123");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
