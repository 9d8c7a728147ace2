//! The configuration of a run, as its types.

use std::collections::BTreeMap;

use gan_data::{ColumnKind, DataConfig, DataError, Dataset, Normalize};
use gan_model::{
    ConfigError, DiscriminatorConfig, GameConfig, GeneratorConfig, MOST_STEPS, OptimizerConfig,
    RulesConfig, ScheduleConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::merge::differences;
use crate::problem::{OTHER_CHECKPOINT, Problem};
use crate::text::thousands;

/// Everything that a run depends on; what `config.toml` holds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Seed of weights, latents, masks, order and built-in data.
    pub seed: u64,
    /// The data to train on.
    pub data: DataConfig,
    /// What columns of a table are, by name or number, under `data.normalize = "columns"`: told from
    /// the file if left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnKind>,
    /// The length of the run, and the files that it writes.
    pub run: RunSection,
    /// The rules of the game.
    pub game: RulesConfig,
    /// The optimiser of both players.
    pub optimizer: OptimizerConfig,
    /// The generator G.
    pub generator: GeneratorConfig,
    /// The discriminator D.
    pub discriminator: DiscriminatorConfig,
}

/// The length of a run and the files that it writes; defaults follow from the length.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunSection {
    /// Passes over the training records; this or `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Iterations; this or `epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Iterations for each root of the number of training records, 1,000 to 40,000 in all, in the
    /// place of the `steps` beside it; a flag or a file that extends this one and says how long the
    /// run is overrules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_per_root: Option<f64>,
    /// Iterations from one line of `metrics.jsonl` to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_every: Option<u64>,
    /// Iterations from one picture of samples to the next; 0 for none but the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_every: Option<u64>,
    /// Iterations from one checkpoint to the next, rounded up to whole log intervals; 0 for none
    /// but those that time asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u64>,
    /// Iterations from one comparison of samples with held-out records to the next, of a mixed
    /// table; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_every: Option<u64>,
    /// Comparisons in a row that may find nothing better before the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// Number of checkpoints to keep.
    #[serde(default = "three")]
    pub keep_checkpoints: usize,
    /// True to write readings and pictures for TensorBoard as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensorboard: Option<bool>,
    /// Rows of a sheet of samples.
    #[serde(default = "ten")]
    pub rows: usize,
    /// Columns of a sheet of samples.
    #[serde(default = "ten")]
    pub cols: usize,
}

impl RunSection {
    /// Iterations of the run, of which `steps_per_epoch` make an epoch.
    fn total(&self, steps_per_epoch: u64) -> u64 {
        let total = match (self.steps, self.epochs) {
            (Some(steps), _) => steps,
            (None, epochs) => (epochs.unwrap_or(1.0) * steps_per_epoch as f64).ceil() as u64,
        };
        total.min(MOST_STEPS)
    }
}

fn three() -> usize {
    3
}

fn ten() -> usize {
    10
}

/// Comparisons with held-out records in a run, and how many in a row may find nothing better.
const CHECKS: u64 = 20;
const PATIENCE: u64 = 8;
/// Iterations that lie between two of them at least: a comparison may take as long as these.
const SHORTEST_CHECK: u64 = 50;

/// The intervals at which things are due, in iterations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Length of the run.
    pub total: u64,
    /// Between two lines of metrics.
    pub log: u64,
    /// Between two pictures; 0 for the last alone.
    pub sample: u64,
    /// Between two checkpoints, a multiple of `log`; 0 for those that time asks for.
    pub checkpoint: u64,
    /// Between two comparisons with held-out records, a multiple of `log`; 0 for none.
    pub check: u64,
    /// Comparisons in a row that may find nothing better.
    pub patience: u64,
}

impl RunConfig {
    /// Makes the run as long as `run.steps_per_root` says for so many training records; the length
    /// that it had.
    pub(crate) fn fit_length(&mut self, records: usize) -> RunSection {
        let own = self.run.clone();
        if let Some(factor) = self.run.steps_per_root.take() {
            let steps = (factor * (records as f64).sqrt()).clamp(1000.0, 40_000.0);
            // Whole hundreds, so that what is due every so often is due at the end.
            self.run.steps = Some(100 * (steps / 100.0).round() as u64);
        }
        own
    }

    /// The data to train on, with what its columns are.
    pub(crate) fn data_config(&self) -> DataConfig {
        DataConfig {
            kinds: self.columns.clone(),
            ..self.data.clone()
        }
    }

    /// Loads the data to train on.
    ///
    /// # Errors
    /// If it is not there, or not as the configuration says.
    pub fn load_data(&self) -> Result<Dataset, DataError> {
        gan_data::load(&self.data_config(), self.seed)
    }

    /// Both players and their rules.
    pub fn game(&self) -> GameConfig {
        GameConfig {
            generator: self.generator.clone(),
            discriminator: self.discriminator.clone(),
            optimizer: self.optimizer,
            game: self.game.clone(),
        }
    }

    /// The players that learn nothing after `step` iterations, because their schedule has taken the
    /// learning rate to 0.
    pub(crate) fn at_rest(&self, step: u64) -> Vec<&'static str> {
        let updates_of_d = step.saturating_mul(self.game.discriminator_steps as u64);
        [
            ("generator", self.generator.optimizer, step),
            ("discriminator", self.discriminator.optimizer, updates_of_d),
        ]
        .into_iter()
        .filter(|(_, own, done)| {
            let schedule = own.unwrap_or(self.optimizer).schedule();
            matches!(schedule, ScheduleConfig::Linear { floor: 0.0, updates } if *done >= updates)
        })
        .map(|(player, ..)| player)
        .collect()
    }

    /// Stretches or shortens the learning rate's way down so that this run sees as much of it as one of
    /// the length `own` does; a remark, if that changes anything.
    ///
    /// Only a straight line has an end: an exponential decay, and the way of the momentum, whose
    /// epochs are told one by one, stay as they are.
    pub fn stretch_schedules(&mut self, own: &RunSection, steps_per_epoch: u64) -> Option<String> {
        let [new, old] = [&self.run, own].map(|run| run.total(steps_per_epoch));
        if new == old || new == 0 || old == 0 {
            return None;
        }
        let mut ends = Vec::new();
        let players = [
            &mut self.generator.optimizer,
            &mut self.discriminator.optimizer,
        ];
        let own = players.into_iter().flatten();
        for optimizer in std::iter::once(&mut self.optimizer).chain(own) {
            if let ScheduleConfig::Linear { updates, .. } = optimizer.schedule_mut() {
                let stretched = *updates as f64 * (new as f64 / old as f64);
                *updates = (stretched.round() as u64).max(1);
                ends.push(thousands(*updates as usize));
            }
        }
        (!ends.is_empty()).then(|| {
            format!(
                "the learning rate falls within {} updates, as the run has {} steps instead of {}; \
                 a --set of the schedule overrules",
                ends.join(" and "),
                thousands(new as usize),
                thousands(old as usize)
            )
        })
    }

    /// The pace of a run of `steps_per_epoch` iterations per epoch.
    ///
    /// Intervals that the configuration leaves out are chosen by the length and filled in, so that
    /// `config.toml` is complete and a longer continuation keeps the pace.
    pub fn settle(&mut self, steps_per_epoch: u64) -> Pace {
        let run = &mut self.run;
        let total = run.total(steps_per_epoch);
        let log = *run.log_every.get_or_insert((total / 1000).clamp(1, 100));
        let sample = *run.sample_every.get_or_insert((total / 20).max(1));
        let checkpoint = *run.checkpoint_every.get_or_insert((total / 10).max(1));
        let (mut check, mut patience) = (0, 0);
        if self.generator.heads.is_some() {
            check = *run
                .check_every
                .get_or_insert((total / CHECKS).max(SHORTEST_CHECK));
            patience = *run.patience.get_or_insert(PATIENCE);
        }
        Pace {
            total,
            log,
            sample,
            checkpoint: checkpoint.div_ceil(log) * log,
            check: check.div_ceil(log) * log,
            patience,
        }
    }

    /// Full names of the keys whose values differ between this configuration and `other`.
    ///
    /// # Errors
    /// If a number is too large for TOML.
    pub fn differing_keys(&self, other: &Self) -> Result<Vec<String>, Problem> {
        let table = |config: &Self| {
            toml::Table::try_from(config)
                .map_err(|error| Problem::failed(format!("cannot compare configurations: {error}")))
        };
        Ok(differences(&table(other)?, &table(self)?))
    }

    /// The configuration as TOML.
    ///
    /// # Errors
    /// If a number is too large for TOML.
    pub fn to_toml(&self) -> Result<String, Problem> {
        toml::to_string(self)
            .map_err(|error| Problem::failed(format!("cannot write the configuration: {error}")))
    }

    /// From the TOML of a `config.toml` or a checkpoint, called `name` in messages.
    ///
    /// # Errors
    /// If it is not a configuration.
    pub fn from_toml(text: &str, name: &str) -> Result<Self, Problem> {
        toml::from_str(text).map_err(|error| {
            Problem::failed(format!("{name}: not a configuration: {}", error.message()))
                .hint(OTHER_CHECKPOINT)
        })
    }

    /// Checks what does not depend on the data.
    ///
    /// # Errors
    /// The first key that is missing, or whose value is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let run = &self.run;
        let wrong = |key: &str, found: String, expected: &str| {
            let (key, expected) = (key.into(), expected.into());
            Err(ConfigError::Value {
                key,
                found,
                expected,
            })
        };
        match (run.epochs, run.steps) {
            (None, None) => {
                let (key, expected) = ("run".into(), "epochs or steps".into());
                return Err(ConfigError::Missing { key, expected });
            }
            (Some(_), Some(_)) => {
                return wrong("run", "both epochs and steps".into(), "one of them");
            }
            (Some(epochs), None) if !(0.0..1e12).contains(&epochs) => {
                return wrong("run.epochs", epochs.to_string(), "at least 0");
            }
            (None, Some(steps)) if steps > MOST_STEPS => {
                let expected = format!("at most {MOST_STEPS}");
                return wrong("run.steps", steps.to_string(), &expected);
            }
            _ => {}
        }
        if let Some(factor) = run.steps_per_root
            && !(factor > 0.0 && factor.is_finite())
        {
            return wrong("run.steps_per_root", factor.to_string(), "above 0");
        }
        if !self.columns.is_empty() && self.data.normalize != Normalize::Columns {
            let found = format!(
                "a table beside data.normalize = \"{}\"",
                self.data.normalize
            );
            return wrong("columns", found, "one beside data.normalize = \"columns\"");
        }
        if run.log_every == Some(0) {
            return wrong("run.log_every", "0".into(), "at least 1");
        }
        for (key, found) in [
            ("run.keep_checkpoints", run.keep_checkpoints),
            ("run.rows", run.rows),
            ("run.cols", run.cols),
        ] {
            if !(1..=1000).contains(&found) {
                return wrong(key, found.to_string(), "1 to 1000");
            }
        }
        // The number of columns only matters for G's last layer, whose own number serves here.
        let cols = self.generator.layers.last().and_then(|layer| layer.units);
        self.game().validate(cols.unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Sources, presets};

    #[test]
    fn settle_fills_in_the_pace_and_keeps_it_for_a_longer_run() {
        let mut config = RunConfig::preset("ring8").unwrap();
        config.run = RunSection {
            epochs: Some(2.5),
            ..RunSection::default()
        };
        let pace = config.settle(1000);
        assert_eq!((pace.total, pace.log, pace.sample), (2500, 2, 125));
        assert_eq!(pace.checkpoint, 250);
        config.run.epochs = Some(100.0);
        assert_eq!(config.settle(1000).log, 2);
    }

    #[test]
    fn schedules_are_stretched_with_the_run_unless_a_flag_is_about_them() {
        // One hundred iterations are an epoch.
        for (preset, flags, expected) in [
            (
                "ring8",
                &["run.steps=8000"][..],
                Some("within 8,000 updates"),
            ),
            ("ring8", &["run.epochs=320"], Some("within 32,000 updates")),
            ("digits", &["run.epochs=56"], Some("within 21,000 updates")),
            ("digits", &["run.steps=1400"], Some("within 5,250 updates")),
            (
                "figure1",
                &["run.steps=6000"],
                Some("within 12,000 and 5,000 updates"),
            ),
            ("ring8", &["run.steps=16000"], None),
            ("ring8", &["seed=3"], None),
            ("mnist", &["run.steps=100"], None),
            (
                "ring8",
                &["run.steps=8000", "optimizer.schedule.updates=9"],
                None,
            ),
            (
                "ring8",
                &["run.steps=8000", "optimizer={schedule={kind=\"constant\"}}"],
                None,
            ),
        ] {
            let mut overrides = Overrides::default();
            flags.iter().for_each(|set| overrides.set(set).unwrap());
            let sources = Sources::read(preset, &overrides).unwrap();
            let mut config = sources.resolve().unwrap();
            let before = config.clone();
            let own = sources.own_length();
            let note = own.and_then(|own| config.stretch_schedules(&own, 100));
            match (note, expected) {
                (None, None) => assert_eq!(config, before, "{flags:?}"),
                (Some(note), Some(expected)) => {
                    assert!(note.contains(expected), "{note}");
                    assert_ne!(config, before);
                }
                (note, _) => panic!("{preset} {flags:?}: {note:?}"),
            }
        }
    }

    #[test]
    fn players_at_rest_are_those_whose_rate_has_fallen_to_0() {
        let at_rest = |preset: &str, sets: &[&str], step| {
            let mut overrides = Overrides::default();
            sets.iter().for_each(|set| overrides.set(set).unwrap());
            RunConfig::read(preset, &overrides).unwrap().at_rest(step)
        };
        let to_0 = ["optimizer.schedule.floor=0", "game.discriminator_steps=2"];
        assert_eq!(at_rest("ring8", &to_0, 7999), [""; 0]);
        assert_eq!(at_rest("ring8", &to_0, 8000), ["discriminator"]);
        assert_eq!(
            at_rest("ring8", &to_0, 16000),
            ["generator", "discriminator"]
        );
        // What the program advises after a run of a preset must be of use.
        for preset in presets::names() {
            assert_eq!(at_rest(preset, &[], u64::MAX), [""; 0], "{preset}");
        }
    }

    #[test]
    fn config_survives_a_round_trip_through_toml() {
        for name in presets::names() {
            let mut config = RunConfig::preset(name).unwrap();
            config.settle(77);
            let text = config.to_toml().unwrap();
            assert_eq!(RunConfig::from_toml(&text, name).unwrap(), config, "{text}");
        }
    }
}
