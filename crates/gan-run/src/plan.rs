//! From a configuration, or a run that is there already, to a game that is ready to be played.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use gan_data::Dataset;
use gan_kernels::Backend;
use gan_model::{ActivationKind, Checkpoint, CheckpointError, Trainer, TrainingData};
use tracing::info;

use crate::config::{Overrides, RunConfig, Sources, differences, presets};
use crate::device::{Device, PrecisionChoice};
use crate::event::{Event, Observer, Parameters};
use crate::pictures::{self, Backdrop};
use crate::probe::Probe;
use crate::problem::Problem;
use crate::record::RecordInfo;
use crate::run_dir::{self, DEVICE_MARK, Existing, RunDir};
use crate::text::shell_word;
use crate::training::{Ending, Shown, Training, last_reading, resume_command};

/// A training that is asked for, checked as far as that is possible without its data.
pub struct Plan {
    config: RunConfig,
    /// Where the configuration comes from, for messages.
    sources: Sources,
    /// Name of the preset or file.
    name: String,
    start: Start,
}

/// Where a training begins.
enum Start {
    /// At the first iteration, in a new directory.
    New {
        out: Option<PathBuf>,
        existing: Existing,
    },
    /// At a checkpoint of a run that is there already.
    Resumed(RunDir, Checkpoint),
}

impl Plan {
    /// A new run of the preset or file `what`, in the directory `out`, or in the next free one of
    /// `runs/`.
    ///
    /// # Errors
    /// If it is neither a preset nor a file, or not a valid configuration, or names data that the
    /// user has to bring.
    pub fn new_run(
        what: &str,
        overrides: &Overrides,
        out: Option<&Path>,
        existing: Existing,
    ) -> Result<Self, Problem> {
        let sources = Sources::read(what, overrides)?;
        let mut config = sources.resolve()?;
        find_data(&mut config, what)?;
        Ok(Self {
            config,
            name: sources.name.clone(),
            sources,
            start: Start::New {
                out: out.map(Path::to_path_buf),
                existing,
            },
        })
    }

    /// The continuation of a run: of `which`, or of the newest in `runs/`.
    ///
    /// A damaged checkpoint is passed over with a warning.
    ///
    /// # Errors
    /// If it is no run, another process trains in it, it has no checkpoint that can be read, or its
    /// game would be another one.
    pub fn resume(
        which: Option<&Path>,
        overrides: &Overrides,
        observer: &mut dyn Observer,
    ) -> Result<Self, Problem> {
        let path = match which {
            Some(path) => run_dir::find(path),
            None => run_dir::newest()?,
        };
        let dir = RunDir::open(&path)?;
        let checkpoint = last_good_checkpoint(&path, observer)?;
        let file = dir.config();
        let text = std::fs::read_to_string(&file).map_err(|error| {
            Problem::failed(format!("{}: cannot be read: {error}", file.display()))
        })?;
        let sources = Sources::of_run(&file, text, overrides)?;
        let mut config = sources.resolve()?;
        find_data(&mut config, &path.display().to_string())?;
        refuse_other_game(&config, &checkpoint, &path)?;
        let name = RecordInfo::from_annotations(&checkpoint.annotations, "checkpoint")?.preset;
        Ok(Self {
            config,
            sources,
            name,
            start: Start::Resumed(dir, checkpoint),
        })
    }

    /// Loads the data, makes the directory and trains on `device` until all iterations are done or
    /// the observer asks to stop.
    ///
    /// `precision` is the one that the device was opened with: a run does not remember it, so that
    /// hints must repeat it.
    ///
    /// # Errors
    /// If the data cannot be loaded, the game does not fit on the device, the directory cannot be
    /// written, or the game diverges; the last good checkpoint stays.
    pub fn train(
        self,
        device: Device,
        precision: PrecisionChoice,
        observer: &mut dyn Observer,
    ) -> Result<Ending, Problem> {
        match device {
            Device::Cpu(native) => self.train_on(native, precision, observer),
            #[cfg(feature = "gpu")]
            Device::Gpu(cube) => self.train_on(cube, precision, observer),
        }
    }

    /// Loads the data, and keeps what a training shows of it.
    fn load(&self, observer: &mut dyn Observer) -> Result<(Shown, TrainingData), Problem> {
        let dataset = gan_data::load(&self.config.data, self.config.seed)?;
        let train = dataset.records.slice(dataset.splits.train.clone());
        observer.event(&Event::Data {
            source: &dataset.source,
            train_records: train.rows(),
            valid_records: dataset.splits.valid.len(),
            test_records: dataset.splits.test.len(),
            notes: &dataset.notes,
        });
        let record = RecordInfo::new(&self.name, &dataset, &train);
        if let Start::New { .. } = self.start {
            warn_of_sigmoid(&self.config, &record, observer);
            if dataset.mixture.is_none() {
                warn_of_few_records(&record, observer);
            }
        }
        let shown = Shown {
            backdrop: backdrop(&dataset, &record),
            probe: Probe::new(self.config.seed, &train, record.discrete_columns(&train)),
            record,
        };
        let data = TrainingData {
            records: train,
            mean: dataset.mean(),
        };
        Ok((shown, data))
    }

    fn train_on<B: Backend>(
        mut self,
        backend: B,
        precision: PrecisionChoice,
        observer: &mut dyn Observer,
    ) -> Result<Ending, Problem> {
        let device = backend.description();
        let (shown, data) = self.load(observer)?;
        let mut trainer = Trainer::new(backend, &self.config.game(), self.config.seed, data)
            .map_err(|error| self.sources.explain(&error))?;
        // What does not fit on the device is found out before there is a directory.
        trainer.check()?;
        let pace = self.config.settle(trainer.steps_per_epoch());
        let resumed = matches!(self.start, Start::Resumed(..));
        let had = match &self.start {
            Start::Resumed(_, checkpoint) => last_reading(checkpoint),
            Start::New { .. } => None,
        };
        let dir = match self.start {
            Start::New { out, existing } => RunDir::create(out.as_deref(), &self.name, existing)?,
            Start::Resumed(dir, checkpoint) => {
                let old = RecordInfo::from_annotations(&checkpoint.annotations, "checkpoint")?;
                refuse_other_data(&old, &shown.record, dir.path())?;
                trainer.restore(&checkpoint)?;
                trainer.check()?;
                dir
            }
        };
        let step = trainer.steps_done();
        if resumed && step >= pace.total {
            return Err(nothing_left(dir.path(), step, precision));
        }
        warn_of_rest(&self.config, step, observer);

        let config = self.config;
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .with_writer(Mutex::new(dir.log()?))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            info!("{DEVICE_MARK}{device}");
            info!("seed {}, step {step} of {}", config.seed, pace.total);
            let [generator, discriminator] = trainer.parameter_counts();
            observer.event(&Event::Start {
                run: dir.path(),
                device: &device,
                preset: &self.name,
                data: &shown.record.data,
                train_records: shown.record.train_records,
                seed: config.seed,
                step,
                steps: pace.total,
                steps_per_epoch: trainer.steps_per_epoch(),
                resumed,
                parameters: Parameters {
                    generator,
                    discriminator,
                },
            });
            let mut training =
                Training::new(trainer, config, pace, shown, dir, precision, observer)?;
            training.warn_of_lost_readings(had);
            training.play()
        })
    }
}

/// Makes the data's path absolute, so that `config.toml` can be used from anywhere; a data set that
/// the user has to bring and did not is an error that says how.
fn find_data(config: &mut RunConfig, what: &str) -> Result<(), Problem> {
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

/// The newest checkpoint that can be read; one that is damaged is passed over with a warning.
fn last_good_checkpoint(run: &Path, observer: &mut dyn Observer) -> Result<Checkpoint, Problem> {
    let mut error = None;
    for (_, path) in run_dir::checkpoints(run).into_iter().rev() {
        match Checkpoint::load(&path) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(damaged @ CheckpointError::Format { .. }) => {
                let text = format!("{damaged}; trying the one before");
                observer.event(&Event::Warning { text });
                error = Some(damaged);
            }
            Err(other) => return Err(other.into()),
        }
    }
    let none = || format!("{}: has no checkpoint to continue from", run.display());
    Err(error.map_or_else(|| Problem::failed(none()), Problem::from))
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
        shell_word(&run.join("config.toml"))
    )))
}

fn refuse_other_data(old: &RecordInfo, record: &RecordInfo, run: &Path) -> Result<(), Problem> {
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
        "to go on: {} --steps {}",
        resume_command(run, precision),
        2 * step.max(1)
    ))
}

/// The output of a sigmoid is between 0 and 1, as images are; columns are standardised.
fn warn_of_sigmoid(config: &RunConfig, record: &RecordInfo, observer: &mut dyn Observer) {
    let last = config.generator.layers.last();
    let is_sigmoid = last.is_some_and(|layer| layer.activation == ActivationKind::Sigmoid);
    if is_sigmoid && record.shape.image().is_none() {
        let text = "G's output is a sigmoid, between 0 and 1, as images are; columns have mean 0 and \
                    deviation 1 in training. Data that is no image has a preset: gan-cli train table \
                    --data PATH";
        observer.event(&Event::Warning { text: text.into() });
    }
}

/// A table of a few rows is learnt by heart, and too little of it is held out to notice.
fn warn_of_few_records(record: &RecordInfo, observer: &mut dyn Observer) {
    /// Training records from which on a table is not small.
    const ENOUGH: usize = 500;
    let found = record.train_records;
    if found < ENOUGH && record.shape.image().is_none() {
        let text = format!(
            "{found} training records are few: G may repeat them rather than learn their \
             distribution, and what is held out hardly tells; expected {ENOUGH} or more"
        );
        observer.event(&Event::Warning { text });
    }
}

/// A player whose learning rate is 0 learns nothing more.
fn warn_of_rest(config: &RunConfig, step: u64, observer: &mut dyn Observer) {
    let at_rest = config.at_rest(step);
    if !at_rest.is_empty() {
        let text = format!(
            "the schedule has taken the learning rate of {} to 0, where nothing more is learnt; a \
             new run can have a higher schedule.floor or more schedule.updates",
            at_rest.join(" and ")
        );
        observer.event(&Event::Warning { text });
    }
}

/// Some records to show samples against, in the user's units.
fn backdrop(dataset: &Dataset, record: &RecordInfo) -> Backdrop {
    let cols = dataset.records.cols();
    let wanted = pictures::backdrop_count(&record.shape, cols);
    let rows = dataset.splits.train.clone().take(wanted);
    let mut data = gan_eval::gather(&dataset.records, rows);
    record.to_user_units(&mut data, cols);
    Backdrop {
        data,
        mixture: dataset.mixture.clone(),
        discriminator: Vec::new(),
        surface: None,
    }
}
