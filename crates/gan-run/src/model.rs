//! A trained generator: a checkpoint file, and what it says about itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gan_data::{DataConfig, Encoding, Transform};
#[cfg(feature = "gpu")]
use gan_kernels::cube::Cube;
use gan_kernels::{Native, free_memory};
use gan_model::{Checkpoint, Conditions, Sampler};

use crate::calibration::{Calibrated, MOST_DRAWS};
use crate::config::RunConfig;
use crate::device::Device;
use crate::problem::{OTHER_CHECKPOINT, Problem};
use crate::record::RecordInfo;
use crate::rival::{Chains, RivalRun, of_checkpoint};
use crate::run_dir;
use crate::stopping::Checks;

/// All samples are in memory at once: 1.2 GB of it with the copy that is written.
const MOST_VALUES: usize = 100_000_000;

/// A checkpoint and what it says about itself.
pub struct Model {
    /// The file.
    pub path: PathBuf,
    /// The run that it lies in, if any.
    pub run: Option<PathBuf>,
    /// The contents of the file.
    pub checkpoint: Checkpoint,
    /// The configuration of its run.
    pub config: ModelConfig,
    /// The records that it makes.
    pub record: RecordInfo,
    /// Values per sample.
    pub cols: usize,
    /// The conditions that it is given, if it is given some.
    pub conditions: Option<Conditions>,
    /// What is wrong with newer checkpoints of the run, which were passed over.
    pub warnings: Vec<String>,
}

/// The configuration of the run that made a model.
pub enum ModelConfig {
    /// A game, of whose players the generator makes samples.
    Game(Box<RunConfig>),
    /// A rival of `gan-rivals`, which has no players.
    Rival(Box<RivalRun>),
}

impl ModelConfig {
    /// From the TOML that a run or a checkpoint carries, called `name` in messages.
    ///
    /// # Errors
    /// If it is the configuration neither of a game nor of a rival.
    pub(crate) fn from_toml(text: &str, name: &str) -> Result<Self, Problem> {
        Ok(match RivalRun::is_in(text) {
            true => Self::Rival(Box::new(RivalRun::from_toml(text, name)?)),
            false => Self::Game(Box::new(RunConfig::from_toml(text, name)?)),
        })
    }

    /// The game, if it is one.
    #[must_use]
    pub fn game(&self) -> Option<&RunConfig> {
        match self {
            Self::Game(config) => Some(config),
            Self::Rival(_) => None,
        }
    }

    /// The rival, if it is one.
    #[must_use]
    pub fn rival(&self) -> Option<&RivalRun> {
        match self {
            Self::Game(_) => None,
            Self::Rival(run) => Some(run),
        }
    }
}

impl Model {
    /// The newest checkpoint of a run that can be read, or the one that it says is the best; or a
    /// checkpoint file.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn load(from: &Path) -> Result<Self, Problem> {
        let from = run_dir::find(from);
        if !from.is_dir() {
            return Self::load_file(&from);
        }
        let newest = run_dir::newest_readable(&from, Self::load_file)?;
        let (model, warnings) = newest.ok_or_else(|| {
            Problem::usage(format!("{}: found no checkpoint in it", from.display()))
                .hint("give the directory of a run, or a .safetensors file")
        })?;
        let checks = Checks::of(&model.checkpoint, &model.path.display().to_string())?;
        let best = checks
            .map(|checks| checks.best)
            .filter(|best| *best != model.checkpoint.step);
        // Without it the newest is the best that there is.
        let path = |step| {
            let mut all = run_dir::checkpoints(&from).into_iter();
            all.find(|(found, _)| *found == step)
        };
        let best = best.and_then(path);
        let best = best.and_then(|(_, path)| Self::load_file(&path).ok());
        let model = best.unwrap_or(model);
        Ok(Self { warnings, ..model })
    }

    fn load_file(path: &Path) -> Result<Self, Problem> {
        let checkpoint = Checkpoint::load(path)?;
        let name = path.display().to_string();
        let config = ModelConfig::from_toml(&checkpoint.config, &name)?;
        let (made, conditions) = match &config {
            ModelConfig::Game(config) => form_of_generator(config, &checkpoint, path)?,
            ModelConfig::Rival(run) => {
                let native = Native::<f32>::new(Some(1))?;
                let rival = of_checkpoint(&native, &run.rival, &checkpoint, path)?;
                (rival.cols(), None)
            }
        };
        let record = RecordInfo::from_annotations(&checkpoint.annotations, &name)?;
        let cols = check_labels(&record, conditions.as_ref(), made, &name)?;
        record.check(cols, &name)?;
        Ok(Self {
            run: run_dir::of_checkpoint(path),
            config,
            record,
            cols,
            conditions,
            checkpoint,
            path: path.to_path_buf(),
            warnings: Vec::new(),
        })
    }

    /// The game that its run plays.
    ///
    /// # Errors
    /// If it is a rival, which has no players.
    pub fn game(&self) -> Result<&RunConfig, Problem> {
        match &self.config {
            ModelConfig::Game(config) => Ok(config),
            ModelConfig::Rival(run) => Err(Problem::usage(format!(
                "{}: found a {}, expected a generator, which makes samples from latents",
                self.path.display(),
                run.rival.in_words()
            ))
            .hint("its samples come from chains: gan-cli sample and gan-cli evaluate know them")),
        }
    }

    /// The rival that it is, if it is one.
    #[must_use]
    pub fn rival(&self) -> Option<&RivalRun> {
        self.config.rival()
    }

    /// The data that it was trained on, and the seed of its run.
    #[must_use]
    pub fn data(&self) -> (DataConfig, u64) {
        match &self.config {
            ModelConfig::Game(config) => (config.data_config(), config.seed),
            ModelConfig::Rival(run) => (run.data.clone(), run.seed),
        }
    }

    /// Numbers of parameters of G and of D; all of a rival's stand in the place of G's.
    #[must_use]
    pub fn parameter_counts(&self) -> [usize; 2] {
        let mut counts = [0; 2];
        for (name, [rows, cols]) in self.checkpoint.tensors() {
            // A player's parameters, and neither their mean nor what its optimiser keeps.
            if !name.contains(".moment") && !name.contains(".average.") {
                counts[usize::from(name.starts_with("discriminator."))] += rows * cols;
            }
        }
        counts
    }

    /// The generator, on `device`; one of a mixed table gives each level its share and each number
    /// its distribution among the training records.
    ///
    /// # Errors
    /// If the checkpoint does not fit its configuration, or the device fails.
    pub fn generator(&self, device: &Device) -> Result<Generator, Problem> {
        let mut generator = self.generator_as_trained(device)?;
        if let (Transform::Columns(encoding), Source::Game(game)) =
            (&self.record.transform, &mut generator.0)
        {
            game.calibrate(encoding)?;
        }
        Ok(generator)
    }

    /// The generator, on `device`, without a calibration.
    ///
    /// # Errors
    /// If the checkpoint does not fit its configuration.
    pub fn generator_as_trained(&self, device: &Device) -> Result<Generator, Problem> {
        let checkpoint = &self.checkpoint;
        let config = match &self.config {
            ModelConfig::Game(config) => &config.generator,
            ModelConfig::Rival(run) => {
                let chains = Chains::of(device, &run.rival, checkpoint, &self.path)?;
                return Ok(Generator(Source::Rival(Box::new(chains))));
            }
        };
        let sampler = match device {
            Device::Cpu(native) => {
                let sampler = Sampler::new(native.clone(), config, checkpoint);
                OnDevice::Cpu(sampler.map_err(Problem::of_checkpoint(&self.path))?)
            }
            #[cfg(feature = "gpu")]
            Device::Gpu(cube) => {
                let sampler = Sampler::new(cube.clone(), config, checkpoint);
                OnDevice::Gpu(sampler.map_err(Problem::of_checkpoint(&self.path))?)
            }
        };
        Ok(Generator(Source::Game(Box::new(GameGenerator {
            sampler,
            calibrated: None,
            labels: self.record.labels.unwrap_or(0),
        }))))
    }
}

/// A trained generator, or a rival, on a device.
pub struct Generator(Source);

/// What samples come from.
enum Source {
    /// The generator of a game.
    Game(Box<GameGenerator>),
    /// The chains of a rival.
    Rival(Box<Chains>),
}

impl Generator {
    /// Samples number `first .. first + count` of `seed`, row-major, in the players' units.
    ///
    /// # Errors
    /// If the device fails.
    pub fn sample(&mut self, seed: u64, first: usize, count: usize) -> Result<Vec<f32>, Problem> {
        match &mut self.0 {
            Source::Game(game) => game.sample(seed, first, count),
            Source::Rival(chains) => chains.sample(seed, first, count),
        }
    }

    /// Gives the samples that are drawn from now on only conditions that `keep` keeps, by the level of
    /// each; returns the number of training records that have such, and changes nothing if none has.
    pub(crate) fn restrict(&mut self, keep: impl Fn(&[u32]) -> bool) -> u64 {
        match &mut self.0 {
            Source::Game(game) => game.restrict(keep),
            Source::Rival(_) => 0,
        }
    }

    /// The class of each of these samples, where that is a condition.
    #[must_use]
    pub fn labels(&self, seed: u64, first: usize, count: usize) -> Option<Vec<u8>> {
        match &self.0 {
            Source::Game(game) => game.labels(seed, first, count),
            Source::Rival(_) => None,
        }
    }

    /// The latents that these samples are made from, row-major, each followed by its conditions.
    ///
    /// # Errors
    /// If the device fails, or samples come from no latents.
    pub fn latents(&self, seed: u64, first: usize, count: usize) -> Result<Vec<f32>, Problem> {
        match &self.0 {
            Source::Game(game) => game.latents(seed, first, count),
            Source::Rival(_) => Err(without_latents()),
        }
    }

    /// G(z) for each of `latents`, row-major, in the players' units.
    ///
    /// # Panics
    /// If `latents` is no whole number of latents.
    /// # Errors
    /// If the device fails, or samples come from no latents.
    pub fn generate_from(&mut self, latents: &[f32]) -> Result<Vec<f32>, Problem> {
        match &mut self.0 {
            Source::Game(game) => game.generate_from(latents),
            Source::Rival(_) => Err(without_latents()),
        }
    }
}

/// The error for a rival that is asked for latents.
fn without_latents() -> Problem {
    Problem::usage(
        "found a rival, whose samples come from a chain, expected a generator with latents",
    )
    .hint("name the run of a game")
}

/// The generator of a game on a device.
struct GameGenerator {
    sampler: OnDevice,
    calibrated: Option<Calibrated>,
    /// Number of classes, where the class is a condition.
    labels: usize,
}

/// A sampler on a device.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
enum OnDevice {
    /// On the processor.
    Cpu(Sampler<Native<f32>>),
    /// On a GPU.
    #[cfg(feature = "gpu")]
    Gpu(Sampler<Cube>),
}

/// Calls a method of the sampler within a [`GameGenerator`].
macro_rules! with_sampler {
    ($on_device:expr, $sampler:ident => $call:expr) => {
        match $on_device {
            OnDevice::Cpu($sampler) => $call,
            #[cfg(feature = "gpu")]
            OnDevice::Gpu($sampler) => $call,
        }
    };
}

impl GameGenerator {
    fn sample(&mut self, seed: u64, first: usize, count: usize) -> Result<Vec<f32>, Problem> {
        let sampler = &mut self.sampler;
        let samples = match &mut self.calibrated {
            None => with_sampler!(sampler, sampler => sampler.sample(seed, first, count))?,
            Some(calibrated) => {
                with_sampler!(sampler, sampler => calibrated.sample(sampler, seed, first, count))?
            }
        };
        Ok(self.without_labels(samples))
    }

    fn restrict(&mut self, keep: impl Fn(&[u32]) -> bool) -> u64 {
        with_sampler!(&mut self.sampler, sampler => {
            let shares = sampler.conditions().map(|conditions| conditions.shares(keep));
            let records = shares.as_ref().map_or(0, |shares| shares.records());
            if let Some(shares) = shares.filter(|_| records > 0) {
                sampler.draw_from(shares);
            }
            records
        })
    }

    fn labels(&self, seed: u64, first: usize, count: usize) -> Option<Vec<u8>> {
        // It is the last condition of records that have one.
        let levels = |levels: &[u32]| levels.last().map(|&label| label as u8);
        let samples = first..first + count;
        let labels = with_sampler!(&self.sampler, sampler => {
            let labels = samples.map(|index| sampler.levels(seed, index).and_then(levels));
            labels.collect::<Option<_>>()
        });
        labels.filter(|_| self.labels > 0)
    }

    /// Records without the levels of their class.
    fn without_labels(&self, samples: Vec<f32>) -> Vec<f32> {
        if self.labels == 0 {
            return samples;
        }
        let cols = with_sampler!(&self.sampler, sampler => sampler.cols());
        let own = samples.chunks_exact(cols);
        let own = own.flat_map(|row| &row[..cols - self.labels]);
        own.copied().collect()
    }

    /// Fits the corrections of a calibration, which are applied from now on.
    fn calibrate(&mut self, encoding: &Encoding) -> Result<(), Problem> {
        let sampler = &mut self.sampler;
        self.calibrated = Some(
            with_sampler!(sampler, sampler => Calibrated::new(sampler, encoding, MOST_DRAWS))?,
        );
        Ok(())
    }

    fn latents(&self, seed: u64, first: usize, count: usize) -> Result<Vec<f32>, Problem> {
        Ok(with_sampler!(&self.sampler, sampler => sampler.latents(seed, first, count))?)
    }

    fn generate_from(&mut self, latents: &[f32]) -> Result<Vec<f32>, Problem> {
        let sampler = &mut self.sampler;
        let samples = with_sampler!(sampler, sampler => sampler.generate_from(latents))?;
        Ok(self.without_labels(samples))
    }
}

/// Values per sample and the conditions that it is given, once configuration and tensors are known to
/// describe the same generator.
///
/// Files come from anywhere, and a generator is built by its configuration: nothing may be believed
/// that the tensors do not bear out.
fn form_of_generator(
    config: &RunConfig,
    checkpoint: &Checkpoint,
    path: &Path,
) -> Result<(usize, Option<Conditions>), Problem> {
    let name = path.display();
    let shapes: BTreeMap<_, _> = checkpoint.tensors().collect();
    let wrong = |tensor: &str, expected: String| {
        let found = shapes.get(tensor);
        let found = found.map_or("none".into(), |[rows, cols]| {
            format!("one of {rows}×{cols} values")
        });
        Problem::failed(format!(
            "{name}: tensor {tensor}: found {found}, expected {expected}"
        ))
        .hint(OTHER_CHECKPOINT)
    };
    let layers = &config.generator.layers;
    let bias = format!("generator.{}.b", layers.len().saturating_sub(1));
    let cols = match shapes.get(bias.as_str()) {
        Some(&[1, cols]) if cols > 0 => cols,
        _ => return Err(wrong(&bias, "one of one row".into())),
    };
    config.game().validate(cols).map_err(|error| {
        let text = format!("{name}: not a configuration: {error}");
        Problem::failed(text).hint(OTHER_CHECKPOINT)
    })?;
    let conditions = checkpoint.conditions(cols);
    let conditions = conditions.map_err(Problem::of_checkpoint(path))?;
    let given = conditions.as_ref().map_or(0, Conditions::width);
    let mut fan_in = config.generator.latent + given;
    for (index, layer) in layers.iter().enumerate() {
        let units = layer.units.unwrap_or(cols);
        let outputs = units.saturating_mul(layer.pieces.unwrap_or(1));
        let weight = format!("generator.{index}.w");
        if shapes.get(weight.as_str()) != Some(&[fan_in, outputs]) {
            return Err(wrong(&weight, format!("one of {fan_in}×{outputs}")));
        }
        fan_in = units;
    }
    Ok((cols, conditions))
}

/// Values per sample as users see them, of the `made` that the generator makes, once the class of its
/// records is known to be its last condition, where it is one.
fn check_labels(
    record: &RecordInfo,
    conditions: Option<&Conditions>,
    made: usize,
    name: &str,
) -> Result<usize, Problem> {
    let Some(classes) = record.labels else {
        return Ok(made);
    };
    let last = conditions.and_then(|conditions| conditions.columns().last());
    match last {
        Some(last) if last.len() == classes && last.end == made && classes < made => {
            Ok(made - classes)
        }
        _ => Err(Problem::failed(format!(
            "{name}: annotation labels is damaged: found {classes} classes, expected those of the \
             last condition"
        ))
        .hint(OTHER_CHECKPOINT)),
    }
}

/// Checks that `number` samples of `cols` values fit into memory; `flag` is what the user typed.
///
/// # Errors
/// If they do not.
pub fn check_amount(flag: &str, number: usize, cols: usize) -> Result<(), Problem> {
    let values = number.saturating_mul(cols);
    // Samples, and what is written of them in double precision.
    let free = free_memory().map_or(MOST_VALUES, |free| (free / 12) as usize);
    let most_values = MOST_VALUES.min(free);
    if values <= most_values {
        return Ok(());
    }
    let most = (most_values / cols).max(1);
    Err(Problem::usage(format!(
        "{flag} {number}: found {values} values, {cols} in each sample, expected at most {most_values}"
    ))
    .hint(format!(
        "take {most} at a time, each time with another --seed and --out"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_is_bounded_by_values_and_not_by_samples() {
        assert!(check_amount("-n", 10_000_000, 2).is_ok());
        let error = check_amount("-n", 10_000_000, 784).unwrap_err().to_string();
        assert!(
            error.contains("-n 10000000: found 7840000000 values"),
            "{error}"
        );
        assert!(check_amount("-n", usize::MAX, 3).is_err());
        assert!(check_amount("-n", MOST_VALUES / 784, 784).is_ok());
    }
}
