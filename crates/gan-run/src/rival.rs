//! Runs of the rivals: a model of `gan-rivals` is trained into the directory of a run, as a game is.
//!
//! What a rival shares with a game is the directory, its pictures and its checkpoints; it has no
//! players, so it has a configuration of its own, and is not continued once it has ended.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gan_data::{DataConfig, Dataset, Transform};
#[cfg(feature = "gpu")]
use gan_kernels::cube::Cube;
use gan_kernels::{Backend, Native};
use gan_model::Checkpoint;
use gan_rivals::{ChainSampler, Rival, RivalConfig, RivalError, Training};
use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::config::{Overrides, read_text};
use crate::device::Device;
use crate::diagnosis::DIVERGED_MARK;
use crate::event::{Event, Observer, RivalReading};
use crate::pictures::{self, Backdrop};
use crate::plan::find_data;
use crate::problem::{OTHER_CHECKPOINT, Problem};
use crate::record::{RecordInfo, shape_in_words};
use crate::report;
use crate::run_dir::{self, DEVICE_MARK, DONE_MARK, Existing, INTERRUPTED_MARK, RunDir};
use crate::text::shell_word;
use crate::training::{CHECKPOINT_AGE, Ending};

/// Rows and columns of a sheet of samples.
const GRID: [usize; 2] = [10, 10];
/// Steps of the chains that a picture shows, from left to right.
pub(crate) const SHOWN_STEPS: [u64; 10] = [1, 2, 3, 5, 10, 20, 50, 100, 300, 1000];
/// Readings of a training, about.
const READINGS: u64 = 200;
/// Checkpoints that are kept.
const CHECKPOINTS: usize = 3;

/// Everything that the run of a rival depends on; what its `config.toml` holds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RivalRun {
    /// Seed of weights, states, order and built-in data.
    pub seed: u64,
    /// The data to train on.
    pub data: DataConfig,
    /// The model.
    pub rival: RivalConfig,
}

impl RivalRun {
    /// The run of the kind, or of the file of an earlier one, that `what` names, with flags on top.
    ///
    /// # Errors
    /// If it is neither, cannot be read, or is not a valid configuration.
    pub fn read(what: &Path, overrides: &Overrides) -> Result<Self, Problem> {
        let name = what.display().to_string();
        let unusable = |error: toml::de::Error| {
            let text = format!(
                "{name}: not a configuration of a rival: {}",
                error.message()
            );
            Problem::usage(text).hint("the config.toml of a run of this kind has every key")
        };
        let base = match what.to_str().and_then(RivalConfig::of_kind) {
            Some(rival) => Self {
                seed: 1,
                data: DataConfig::new("digits"),
                rival,
            },
            None if what
                .extension()
                .is_some_and(|extension| extension == "toml") =>
            {
                let text = read_text(what).map_err(|error| {
                    Problem::usage(format!("{name}: cannot be read: {error}"))
                        .hint("name the config.toml of a rival's run, or a kind")
                })?;
                toml::from_str(&text).map_err(unusable)?
            }
            None => {
                return Err(Problem::usage(format!(
                    "{name}: found no rival of this name, expected one of {}",
                    RivalConfig::KINDS.join(", ")
                ))
                .hint("for example: gan-cli rival dbn --data path/to/mnist"));
            }
        };
        let unwritable =
            |error| Problem::failed(format!("cannot write the configuration: {error}"));
        let mut table = toml::Table::try_from(&base).map_err(unwritable)?;
        overrides.apply(&mut table)?;
        let mut run: Self = table.try_into().map_err(unusable)?;
        run.rival.validate().map_err(|error| {
            Problem::usage(format!("{name}: rival.{error}"))
                .hint("give another value with --set rival.KEY=VALUE")
        })?;
        find_data(&mut run.data, &name)?;
        Ok(run)
    }

    /// True if `text` is the configuration of a rival's run, and not that of a game.
    #[must_use]
    pub fn is_in(text: &str) -> bool {
        let table: Result<toml::Table, _> = text.parse();
        table.is_ok_and(|table| table.contains_key("rival"))
    }

    /// From the TOML that a run or a checkpoint carries, called `name` in messages.
    ///
    /// # Errors
    /// If it is not the configuration of a rival.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Problem> {
        toml::from_str(text).map_err(|error| {
            Problem::failed(format!(
                "{name}: not a configuration of a rival: {}",
                error.message()
            ))
            .hint(OTHER_CHECKPOINT)
        })
    }

    /// The configuration as TOML.
    ///
    /// # Errors
    /// If a number is too large for TOML.
    pub fn to_toml(&self) -> Result<String, Problem> {
        toml::to_string(self)
            .map_err(|error| Problem::failed(format!("cannot write the configuration: {error}")))
    }

    /// Trains the rival into `out`, or into the next free directory of `runs/`, until all minibatches
    /// are done or the observer asks to stop.
    ///
    /// # Errors
    /// If the data cannot be loaded or is no images, the directory cannot be written, or the device
    /// fails.
    pub fn train(
        self,
        device: Device,
        out: Option<&Path>,
        existing: Existing,
        observer: &mut dyn Observer,
    ) -> Result<Ending, Problem> {
        match device {
            Device::Cpu(native) => self.train_on(native, out, existing, observer),
            #[cfg(feature = "gpu")]
            Device::Gpu(cube) => self.train_on(cube, out, existing, observer),
        }
    }

    fn train_on<B: Backend>(
        self,
        backend: B,
        out: Option<&Path>,
        existing: Existing,
        observer: &mut dyn Observer,
    ) -> Result<Ending, Problem> {
        let device = backend.description();
        let dataset = gan_data::load(&self.data, self.seed)?;
        refuse_other_than_pixels(&dataset)?;
        let train = dataset.records.slice(dataset.splits.train.clone());
        observer.event(&Event::Data {
            source: &dataset.source,
            train_records: train.rows(),
            valid_records: dataset.splits.valid.len(),
            test_records: dataset.splits.test.len(),
            notes: &dataset.notes,
        });
        let (record, shares) = RecordInfo::with_mean(self.rival.kind(), &dataset, &train);
        let training = Training::new(backend, &self.rival, train, &shares, self.seed);
        let dir = RunDir::create(out, self.rival.kind(), existing)?;
        let config_text = self.to_toml()?;
        dir.rewind(0);
        dir.remove_report();
        dir.replace(&dir.config(), config_text.as_bytes())?;
        dir.replace(&dir.metrics(), b"")?;
        tracing::subscriber::with_default(dir.subscriber()?, || {
            info!("{DEVICE_MARK}{device}");
            info!("seed {}, {} steps", self.seed, training.steps());
            observer.event(&Event::RivalStart {
                run: dir.path(),
                device: &device,
                kind: self.rival.kind(),
                steps: training.steps(),
                parameters: training.rival().parameters(),
            });
            let mut session = Session {
                metrics: run_dir::open_to_append(&dir.metrics())?,
                training,
                run: self,
                config_text,
                record,
                dir,
                observer,
                started: Instant::now(),
                saved: Instant::now(),
            };
            session.save()?;
            session.play()
        })
    }
}

/// Units that are on with a probability need values that are one.
fn refuse_other_than_pixels(dataset: &Dataset) -> Result<(), Problem> {
    if dataset.transform == Transform::Pixels {
        return Ok(());
    }
    Err(Problem::usage(format!(
        "{}: found {}, expected images: the units of a rival are on with a probability, which a pixel \
         is and a number of a table is not",
        dataset.source,
        shape_in_words(&dataset.shape)
    ))
    .hint("name images, such as --data digits, or a folder of the MNIST files"))
}

/// A training and the directory that it is written to.
struct Session<'a, B: Backend> {
    training: Training<B>,
    run: RivalRun,
    config_text: String,
    record: RecordInfo,
    dir: RunDir,
    metrics: File,
    observer: &'a mut dyn Observer,
    started: Instant,
    saved: Instant,
}

impl<B: Backend> Session<'_, B> {
    fn play(&mut self) -> Result<Ending, Problem> {
        let total = self.training.steps();
        let every = (total / READINGS).max(1);
        while self.training.steps_done() < total {
            if self.observer.stop_requested() {
                return self.stop();
            }
            let (stage, _) = self.training.stage();
            self.training.step()?;
            let step = self.training.steps_done();
            let (next_stage, _) = self.training.stage();
            if step.is_multiple_of(every) || step == total {
                self.read(stage)?;
            }
            if next_stage != stage || self.saved.elapsed() > CHECKPOINT_AGE {
                self.save()?;
            }
            self.observer.progress(step);
        }
        self.conclude()
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn read(&mut self, stage: usize) -> Result<(), Problem> {
        let reading = RivalReading {
            step: self.training.steps_done(),
            stage: stage + 1,
            reconstruction: self.training.reconstruction()?,
            seconds: self.seconds(),
        };
        if !reading.reconstruction.is_finite() {
            let text = format!("the reconstruction of step {}{DIVERGED_MARK}", reading.step);
            error!("{text}");
            return Err(Problem::failed(text)
                .hint("learn slower: --set rival.learning.learning_rate=RATE with a smaller one"));
        }
        self.dir.append_reading(&mut self.metrics, &reading)?;
        self.observer.event(&Event::RivalReading(reading));
        Ok(())
    }

    fn save(&mut self) -> Result<(), Problem> {
        let step = self.training.steps_done();
        let tensors = self.training.rival().tensors()?.into_iter();
        let tensors = tensors.map(|tensor| (tensor.name, tensor.shape, tensor.values));
        let annotations = self.record.to_annotations()?;
        let checkpoint = Checkpoint::of_tensors(
            step,
            self.run.seed,
            self.config_text.clone(),
            annotations,
            tensors,
        );
        let path = self.dir.checkpoint(step);
        run_dir::make_folder_of(&path)?;
        self.dir.sync(&self.metrics)?;
        checkpoint.save(&path)?;
        self.dir.prune_checkpoints(CHECKPOINTS, None);
        self.saved = Instant::now();
        info!("checkpoint of step {step}");
        self.observer
            .event(&Event::Checkpoint { step, path: &path });
        Ok(())
    }

    fn stop(&mut self) -> Result<Ending, Problem> {
        let (step, steps) = (self.training.steps_done(), self.training.steps());
        self.save()?;
        info!("{INTERRUPTED_MARK}{step}");
        report::write_at_end(self.dir.path())?;
        let run = self.dir.path();
        self.observer
            .event(&Event::Interrupted { step, steps, run });
        Ok(Ending::Interrupted)
    }

    /// Draws samples of what was learnt, and chains as they mix.
    fn conclude(&mut self) -> Result<Ending, Problem> {
        let (step, seconds) = (self.training.steps_done(), self.seconds());
        self.save()?;
        let path = self.dir.checkpoint(step);
        let model = Checkpoint::load(&path)?;
        let backend = self.training.backend();
        let mut sampler =
            ChainSampler::new(of_checkpoint(backend, &self.run.rival, &model, &path)?);
        let [rows, cols] = GRID;
        let seed = self.run.seed;
        // A chain in each row, as it moves away from where it began.
        let values = sampler.cols();
        let mut sheet = vec![0.0; rows * cols * values];
        for (col, step) in SHOWN_STEPS.into_iter().enumerate() {
            let pixels = sampler.pixels(seed, step)?;
            for (row, image) in pixels.chunks_exact(values).take(rows).enumerate() {
                sheet[(row * cols + col) * values..][..values].copy_from_slice(image);
            }
        }
        let chains = self.draw(&sheet, &self.dir.chains(step))?;
        let samples = sampler.sample(seed, 0, rows * cols)?;
        let samples = self.draw(&samples, &self.dir.samples(step))?;
        info!("samples of step {step}");
        let quality = None;
        self.observer.event(&Event::Sample {
            step,
            path: &samples,
            quality,
        });
        info!("{DONE_MARK}{step} steps");
        let report = report::write_at_end(self.dir.path())?;
        self.observer.event(&Event::RivalDone {
            step,
            seconds,
            run: self.dir.path(),
            samples: &samples,
            chains: &chains,
            report: &report,
            checkpoint: &path,
        });
        Ok(Ending::Done)
    }

    /// Draws a sheet into the file `path` of the run.
    fn draw(&self, sheet: &[f32], path: &Path) -> Result<PathBuf, Problem> {
        let cols = sheet.len() / (GRID[0] * GRID[1]);
        let values = self.record.user_values(sheet, cols);
        let (shape, backdrop) = (&self.record.shape, Backdrop::default());
        let picture = pictures::draw("", shape, cols, &values, GRID, &backdrop)
            .map_err(Problem::undrawn(path))?;
        self.dir.replace(path, &picture)?;
        Ok(path.to_path_buf())
    }
}

/// The rival of a checkpoint, on `backend`.
///
/// # Errors
/// If its tensors are not those of `config`.
pub(crate) fn of_checkpoint<B: Backend>(
    backend: &B,
    config: &RivalConfig,
    checkpoint: &Checkpoint,
    path: &Path,
) -> Result<Rival<B>, Problem> {
    let shape = |name: &str| {
        checkpoint
            .tensors()
            .find(|(found, _)| *found == name)
            .map(|(_, s)| s)
    };
    let values = |name: &str| checkpoint.tensor(name);
    Rival::from_tensors(backend, config, shape, values).map_err(|error| match error {
        RivalError::Backend(error) => error.into(),
        error => Problem::failed(format!("{}: {error}", path.display())).hint(OTHER_CHECKPOINT),
    })
}

/// A rival's chains on a device.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub(crate) enum Chains {
    /// On the processor.
    Cpu(ChainSampler<Native<f32>>),
    /// On a GPU.
    #[cfg(feature = "gpu")]
    Gpu(ChainSampler<Cube>),
}

impl Chains {
    /// Those of a checkpoint at `path`.
    ///
    /// # Errors
    /// If its tensors are not those of `config`.
    pub(crate) fn of(
        device: &Device,
        config: &RivalConfig,
        checkpoint: &Checkpoint,
        path: &Path,
    ) -> Result<Self, Problem> {
        Ok(match device {
            Device::Cpu(native) => Self::Cpu(ChainSampler::new(of_checkpoint(
                native, config, checkpoint, path,
            )?)),
            #[cfg(feature = "gpu")]
            Device::Gpu(cube) => Self::Gpu(ChainSampler::new(of_checkpoint(
                cube, config, checkpoint, path,
            )?)),
        })
    }

    /// Samples number `first .. first + count` of `seed`.
    ///
    /// # Errors
    /// If the device failed.
    pub(crate) fn sample(
        &mut self,
        seed: u64,
        first: usize,
        count: usize,
    ) -> Result<Vec<f32>, Problem> {
        Ok(match self {
            Self::Cpu(chains) => chains.sample(seed, first, count)?,
            #[cfg(feature = "gpu")]
            Self::Gpu(chains) => chains.sample(seed, first, count)?,
        })
    }
}

/// The error for a run of a rival that is to be continued.
pub(crate) fn not_continued(run: &Path) -> Problem {
    let config = shell_word(&run.join("config.toml"));
    Problem::usage(format!(
        "{}: found the run of a rival, which is not continued",
        run.display()
    ))
    .hint(format!("train it anew: gan-cli rival {config}"))
}
