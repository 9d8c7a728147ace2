//! From a configuration, or a run that is there already, to a game that is ready to be played.

use std::path::{Path, PathBuf};

use gan_data::{DataConfig, Dataset};
use gan_kernels::{Backend, MonitorSums, free_memory};
use gan_model::parallel::{Communicator, ParallelError};
use gan_model::{Checkpoint, GameConfig, Trainer, TrainingData};
use tracing::info;

use crate::config::{Overrides, RunConfig, Sources, presets, read_text};
use crate::device::{Device, PrecisionChoice};
use crate::event::{Event, Observer, Parameters};
use crate::pictures::{self, Backdrop};
use crate::prepared::{Prepared, begun_reading, last_reading, refuse_other_data, warnings};
use crate::problem::Problem;
use crate::record::RecordInfo;
use crate::rival::{self, RivalRun};
use crate::run_data::gone;
use crate::run_dir::{self, DEVICE_MARK, Existing, RunDir};
use crate::stopping::{Checks, Judge};
use crate::text::{bytes, excerpt, shell_word, thousands};
use crate::together;
use crate::training::{Ending, Shown, Training, resume_command};

/// A training that is asked for, checked as far as that is possible without its data.
pub struct Plan {
    config: RunConfig,
    /// Where the configuration comes from, for messages.
    sources: Sources,
    /// Name of the preset or file.
    name: String,
    /// Name of the directory in `runs/`, but for its number.
    folder: String,
    start: Start,
}

/// Where a training begins.
#[allow(clippy::large_enum_variant, reason = "there is one of them, once")]
enum Start {
    /// At the first iteration, in a new directory.
    New {
        out: Option<PathBuf>,
        existing: Existing,
    },
    /// At a checkpoint of a run that is there already, of records like these.
    Resumed {
        dir: RunDir,
        checkpoint: Checkpoint,
        record: RecordInfo,
        /// Of the reading that was begun.
        sums: Vec<MonitorSums>,
        /// Comparisons with held-out records so far.
        checks: Option<Checks>,
    },
}

impl Plan {
    /// A new run of the preset or file `what`, in the directory `out`, or in the next free one of
    /// `runs/`.
    ///
    /// # Errors
    /// If it is neither a preset nor a file, or not a valid configuration, or names data that the
    /// user has to bring.
    pub fn new_run(
        what: impl AsRef<Path>,
        overrides: &Overrides,
        out: Option<&Path>,
        existing: Existing,
    ) -> Result<Self, Problem> {
        let what = what.as_ref();
        let sources = Sources::read(what, overrides)?;
        let mut config = sources.resolve()?;
        find_data(&mut config.data, &what.display().to_string())?;
        Ok(Self {
            config,
            name: sources.name.clone(),
            folder: sources.name.clone(),
            sources,
            start: Start::New {
                out: out.map(Path::to_path_buf),
                existing,
            },
        })
    }

    /// Names the directory of a new run in `runs/`, but for its number, otherwise than the preset.
    #[must_use]
    pub fn in_folder(self, name: impl Into<String>) -> Self {
        Self {
            folder: name.into(),
            ..self
        }
    }

    /// The continuation of a run: of `which`, or of the newest in `runs/`.
    ///
    /// A checkpoint that cannot be read is passed over with a warning, and so is a damaged
    /// `config.toml`, since the checkpoint has its text.
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
        if run_dir::config_text(&path).is_ok_and(|text| RivalRun::is_in(&text)) {
            return Err(rival::not_continued(&path));
        }
        let dir = RunDir::open(&path)?;
        let load = |path: &Path| {
            let checkpoint = Checkpoint::load(path)?;
            let name = path.display().to_string();
            // What it says of itself as well, before it is preferred to an older one.
            let old = RunConfig::from_toml(&checkpoint.config, &name)?;
            let record = RecordInfo::from_annotations(&checkpoint.annotations, &name)?;
            let microbatches = old.game.microbatches;
            let sums = begun_reading(&checkpoint, microbatches, &name)?;
            let checks = Checks::of(&checkpoint, &name)?;
            Ok((checkpoint, old, record, sums, checks))
        };
        let newest = run_dir::newest_readable(&path, load)?;
        let ((checkpoint, old, record, sums, checks), warnings) = newest.ok_or_else(|| {
            let shown = path.display();
            let text =
                format!("{shown}: found no checkpoint to continue from, expected at least one");
            let config = shell_word(&path.join("config.toml"));
            Problem::failed(text).hint(format!("begin again: gan-cli train {config}"))
        })?;
        let mut warn = |text| observer.event(&Event::Warning { text });
        warnings.into_iter().for_each(&mut warn);
        let file = dir.config();
        let read = |text| {
            let sources = Sources::of_run(&file, text, overrides)?;
            let config = sources.resolve()?;
            Ok((sources, config))
        };
        let text = read_text(&file).map_err(|error| {
            Problem::failed(format!("{}: cannot be read: {error}", file.display()))
        });
        let (sources, mut config) = text.and_then(read).or_else(|damaged| {
            // This fails if a flag is wrong, which the file had no part in.
            let kept = read(checkpoint.config.clone())?;
            warn(format!(
                "{damaged}; taking the configuration of the checkpoint"
            ));
            Ok::<_, Problem>(kept)
        })?;
        find_data(&mut config.data, &path.display().to_string())?;
        let source = &config.data.source;
        let is_builtin = gan_data::builtin_names().contains(&source.as_str());
        if !is_builtin && !Path::new(source).exists() {
            return Err(gone(source, &path));
        }
        refuse_other_game(&config, &old, &path)?;
        Ok(Self {
            config,
            sources,
            name: record.preset.clone(),
            folder: record.preset.clone(),
            start: Start::Resumed {
                dir,
                checkpoint,
                record,
                sums,
                checks,
            },
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
        self.train_together(device, precision, observer, None)
    }

    /// The same in process 0 of those of `communicator`, the others of which
    /// [follow](crate::together::follow) it.
    ///
    /// # Errors
    /// As of [`Plan::train`], and if the processes do not fit together or one is gone.
    pub fn train_together(
        self,
        device: Device,
        precision: PrecisionChoice,
        observer: &mut dyn Observer,
        communicator: Option<Box<dyn Communicator>>,
    ) -> Result<Ending, Problem> {
        if let Some(communicator) = &communicator {
            ParallelError::check(communicator.size(), self.config.game.microbatches)?;
        }
        let with = (precision, observer, communicator);
        match device {
            Device::Cpu(native) => self.train_on(native, free_memory, with),
            // A GPU says itself what does not fit on it.
            #[cfg(feature = "gpu")]
            Device::Gpu(cube) => self.train_on(cube, || None, with),
        }
    }

    /// Loads the data, and keeps what a training shows of it.
    fn load(&mut self, observer: &mut dyn Observer) -> Result<(Shown, TrainingData), Problem> {
        let dataset = self.config.load_data()?;
        let train = dataset.records.slice(dataset.splits.train.clone());
        let mut notes = dataset.notes.clone();
        if let Start::New { .. } = &self.start {
            notes.extend(self.sources.fit_length(&mut self.config, train.rows()));
        }
        observer.event(&Event::Data {
            source: &dataset.source,
            train_records: train.rows(),
            valid_records: dataset.splits.valid.len(),
            test_records: dataset.splits.test.len(),
            notes: &notes,
        });
        let Prepared {
            record,
            probe,
            data,
        } = Prepared::of(&self.config, &self.name, &dataset, train)?;
        if let Start::New { .. } = self.start {
            let warnings = warnings(&self.config, &dataset, &record);
            warnings.for_each(|text| observer.event(&Event::Warning { text }));
        }
        let shown = Shown {
            backdrop: backdrop(&dataset, &record),
            probe,
            judge: Judge::new(&dataset, &self.config.generator),
            checks: match self.start {
                Start::Resumed { checks, .. } => checks,
                Start::New { .. } => None,
            },
            record,
        };
        Ok((shown, data))
    }

    fn train_on<B: Backend>(
        mut self,
        backend: B,
        memory: fn() -> Option<u64>,
        (precision, observer, communicator): (
            PrecisionChoice,
            &mut dyn Observer,
            Option<Box<dyn Communicator>>,
        ),
    ) -> Result<Ending, Problem> {
        let device = backend.description();
        let (shown, data) = self.load(observer)?;
        let game = self.config.game();
        let cols = data.records.cols();
        let explain = |error| self.sources.explain(&error);
        game.validate(cols).map_err(explain)?;
        let processes = communicator.as_ref().map_or(1, |all| all.size());
        check_memory(&game, (cols, processes), memory())?;
        let seed = self.config.seed;
        let mut trainer = match communicator {
            None => Trainer::new(backend, &game, seed, data).map_err(explain)?,
            Some(mut communicator) => {
                let checkpoint = match &self.start {
                    Start::Resumed { checkpoint, .. } => Some(checkpoint),
                    Start::New { .. } => None,
                };
                together::open(communicator.as_mut(), &self.config, &self.name, checkpoint)?;
                Trainer::parallel(backend, &game, seed, data, communicator)?
            }
        };
        // What does not fit on the device is found out before there is a directory.
        trainer.check()?;
        let pace = self.config.settle(trainer.steps_per_epoch());
        let resumed = matches!(self.start, Start::Resumed { .. });
        let had = match &self.start {
            Start::Resumed { checkpoint, .. } => last_reading(checkpoint),
            Start::New { .. } => None,
        };
        let dir = match self.start {
            Start::New { out, existing } => RunDir::create(out.as_deref(), &self.folder, existing)?,
            Start::Resumed {
                dir,
                checkpoint,
                record,
                sums,
                checks: _,
            } => {
                refuse_other_data(&record, &shown.record, dir.path())?;
                trainer.restore(&checkpoint)?;
                trainer.give_back_sums(&sums);
                trainer.check()?;
                dir
            }
        };
        let step = trainer.steps_done();
        // The last picture and the report, which follow the checkpoint, may be what is left to do.
        let is_learnt = shown
            .checks
            .is_some_and(|checks| checks.are_over(pace.patience));
        let is_last = step == pace.total || is_learnt;
        let is_shown = dir.samples(step).exists() && run_dir::report(dir.path()).exists();
        let is_done = step > pace.total || (is_last && is_shown);
        if resumed && is_done {
            return Err(nothing_left(dir.path(), step, precision));
        }
        warn_of_rest(&self.config, step, observer);

        let config = self.config;
        tracing::subscriber::with_default(dir.subscriber()?, || {
            info!("{DEVICE_MARK}{device}");
            info!("seed {}, step {step} of {}", config.seed, pace.total);
            if processes > 1 {
                let way = match trainer.exchanges_directly() {
                    true => "from GPU to GPU",
                    false => "through the hosts",
                };
                info!("{processes} processes, gradients {way}");
            }
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

/// Checks that the share of one process in a game on records of `cols` values fits into `free` bytes
/// of memory, before a system that promises more than it has ends the program without a word.
fn check_memory(
    game: &GameConfig,
    (cols, processes): (usize, usize),
    free: Option<u64>,
) -> Result<(), Problem> {
    /// Bytes for each value: its own, and those of what products on a processor pack their factors
    /// into, up to two thirds as much again (`tests/allocations.rs`).
    const BYTES: f64 = 4.0 * 1.65;
    let needed = |game: &GameConfig| (BYTES * game.values(cols, processes)) as u64;
    let Some(free) = free.filter(|free| needed(game) > *free) else {
        return Ok(());
    };
    // What also needs memory, such as threads and what factors are packed into, gets a fifth.
    let room = free / 5 * 4;
    let mut smaller = game.clone();
    // Whole packs in every microbatch, at least one.
    let least = smaller.game.pack * smaller.game.microbatches;
    while needed(&smaller) > room && smaller.game.minibatch > least {
        let packs = smaller.game.minibatch / least / 2;
        smaller.game.minibatch = packs.max(1) * least;
    }
    let hint = match needed(&smaller) <= room {
        true => format!(
            "smaller minibatches fit: --set game.minibatch={}",
            smaller.game.minibatch
        ),
        false => {
            "choose fewer units in the layers of both players, or a machine with more memory".into()
        }
    };
    Err(Problem::failed(format!(
        "the game needs about {} of memory, found {} free: {} values of parameters and minibatches",
        bytes(needed(game)),
        bytes(free),
        thousands(game.values(cols, processes) as usize)
    ))
    .hint(hint))
}

/// Makes the data's path absolute, so that `config.toml` can be used from anywhere; a data set that
/// the user has to bring and did not is an error that says how.
pub(crate) fn find_data(data: &mut DataConfig, what: &str) -> Result<(), Problem> {
    *data = data.clone().with_named_array();
    let source = &data.source;
    if gan_data::builtin_names().contains(&source.as_str()) {
        return Ok(());
    }
    // Before the path: a stray file of this name is not the data set; `./mnist` is.
    if let Some(set) = presets::data_set(source) {
        return Err(set.missing(what));
    }
    // A path that leads nowhere is reported by the loader.
    // One that is no text stays as it was given.
    if let Ok(path) = Path::new(source).canonicalize()
        && let Some(path) = path.to_str()
    {
        data.source = path.to_owned();
    }
    Ok(())
}

/// A continued run may be longer, write more often and find its data elsewhere; anything else would
/// make it another run.
fn refuse_other_game(config: &RunConfig, old: &RunConfig, run: &Path) -> Result<(), Problem> {
    let changed: Vec<_> = config
        .differing_keys(old)?
        .into_iter()
        .filter(|key| !key.starts_with("run.") && !["data.source", "data.array"].contains(&&**key))
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let [found, begun] = [config, old].map(|config| values(config, &changed));
    let [found, begun] = [found?, begun?];
    Err(Problem::usage(format!(
        "{}: {} cannot change when a run is continued: found {found}, expected {begun}",
        run.display(),
        changed.join(", ")
    ))
    .hint(format!(
        "only run.* and --data can; for another game start a new run: gan-cli train {} --set …",
        shell_word(&run.join("config.toml"))
    )))
}

/// The values of `keys` in `config`.
fn values(config: &RunConfig, keys: &[String]) -> Result<String, Problem> {
    let table: toml::Table = config.to_toml()?.parse().unwrap_or_default();
    let values = keys.iter().map(|key| {
        let mut parts = key.split('.');
        let first = table.get(parts.next()?);
        let value = parts.try_fold(first?, |value, part| match part.parse::<usize>() {
            Ok(index) if value.is_array() => value.get(index),
            _ => value.get(part),
        });
        value.map(|value| excerpt(&value.to_string()))
    });
    let values = values.map(|value| value.unwrap_or_else(|| "none".into()));
    Ok(values.collect::<Vec<_>>().join(", "))
}

fn nothing_left(run: &Path, step: u64, precision: PrecisionChoice) -> Problem {
    Problem::usage(format!("{}: is done: {step} steps", run.display())).hint(format!(
        "to go on: {} --steps {}",
        resume_command(run, precision),
        2 * step.max(1)
    ))
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
    let data = gan_eval::gather(&dataset.records, rows);
    Backdrop {
        data: record.user_values(&data, cols),
        is_mixed: dataset.transform.encoding().is_some(),
        mixture: dataset.mixture.clone(),
        discriminator: Vec::new(),
        surface: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_not_there_is_told_with_what_fits() {
        let mut game = RunConfig::preset("ring8").unwrap().game();
        game.game.minibatch = 1 << 18;
        game.game.pack = 2;
        let needed = (6.6 * game.values(2, 1)) as u64;
        assert_eq!(check_memory(&game, (2, 1), None), Ok(()));
        assert_eq!(check_memory(&game, (2, 1), Some(needed)), Ok(()));
        let problem = check_memory(&game, (2, 1), Some(needed / 3)).unwrap_err();
        assert!(
            problem.message.starts_with("the game needs about "),
            "{problem}"
        );
        let hint = problem.hint.unwrap();
        let fits: usize = hint.rsplit_once('=').unwrap().1.parse().unwrap();
        assert!(fits.is_multiple_of(2) && fits >= 1 << 14, "{hint}");
        game.game.minibatch = fits;
        assert_eq!(check_memory(&game, (2, 1), Some(needed / 3)), Ok(()));
        let hint = check_memory(&game, (2, 1), Some(1000))
            .unwrap_err()
            .hint
            .unwrap();
        assert!(hint.contains("fewer units"), "{hint}");
    }
}
