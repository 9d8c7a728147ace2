//! Remedies: flags of `gan-cli train` that usually help, fitted to the configuration.

use gan_model::{
    GeneratorObjective, LossConfig, MOST_DISCRIMINATOR_STEPS, OptimizerConfig, ScheduleConfig,
};

use super::ailment::Ailment;
use crate::config::RunConfig;
use crate::problem::Problem;

/// A player's rate is changed by this factor where its balance with the other is wrong.
const BALANCE: f64 = 4.0;
/// And by this one where numbers blow up.
const CALM: f64 = 10.0;

/// The flag that usually helps against `ailment` in a game like `config`.
pub(crate) fn remedy(ailment: Ailment, config: &RunConfig) -> String {
    let [of_g, of_d] = [Player::Generator, Player::Discriminator]
        .map(|player| player.optimizer(config).initial_rate());
    match ailment {
        Ailment::Diverging => lower_rates(config),
        Ailment::GradientVanished | Ailment::DiscriminatorWins => hold_back(config),
        Ailment::DiscriminatorBlind if of_d < of_g => {
            scale_rate(Player::Discriminator, config, BALANCE)
        }
        // PacGAN: of two records at once D sees that they differ too little. Of the plain game on four
        // categories it restored all on both of two seeds, where more updates of D did on neither.
        Ailment::ValuesLost if can_pack(config) => "--set game.pack=2".into(),
        // The paper's Helvetica scenario, §6: G must not be trained too much without updating D.
        Ailment::GeneratorCollapsed | Ailment::ModesLost | Ailment::ValuesLost if of_g > of_d => {
            scale_rate(Player::Generator, config, 1.0 / BALANCE)
        }
        Ailment::DiscriminatorBlind
        | Ailment::GeneratorCollapsed
        | Ailment::ModesLost
        | Ailment::ValuesLost => more_steps(config),
    }
}

/// What is said, and logged, of numbers that have left the finite ones.
pub(crate) const DIVERGED_MARK: &str = " is not a finite number";

/// The error for a game of which `what` has left the finite numbers; `more` ends its hint.
pub(crate) fn diverged(what: &str, config: &RunConfig, more: &str) -> Problem {
    let text = format!("{what}{DIVERGED_MARK}: the game has diverged");
    Problem::failed(text).hint(format!(
        "the learning rate is probably too high; try {}{more}",
        lower_rates(config)
    ))
}

/// Flags that take every learning rate down to a tenth.
fn lower_rates(config: &RunConfig) -> String {
    let own = [Player::Generator, Player::Discriminator]
        .map(|player| (player.table(), player.own_optimizer(config)));
    // The common one counts only for a player without its own.
    let common = own.iter().any(|(_, optimizer)| optimizer.is_none());
    let common = ("optimizer", common.then_some(&config.optimizer));
    let lower: Vec<String> = [common]
        .into_iter()
        .chain(own)
        .filter_map(|(table, optimizer)| Some(scale_table(table, optimizer?, 1.0 / CALM)))
        .collect();
    lower.join(" ")
}

/// The flag against a D that is too far ahead.
fn hold_back(config: &RunConfig) -> String {
    let layers = &config.discriminator.layers;
    let cross_entropy = config.game.loss == LossConfig::CrossEntropy;
    if cross_entropy && config.game.generator_objective == GeneratorObjective::Minimax {
        // §3: log(1 − D(G(z))) saturates where D rejects samples with high confidence.
        "--set game.generator_objective=non-saturating".into()
    } else if config.game.discriminator_steps > 1 {
        "--set game.discriminator_steps=1".into()
    } else if config.game.penalty.is_none()
        && layers.len() > 1
        && layers.iter().all(|layer| layer.keep == 1.0)
    {
        format!("--set discriminator.layers.{}.keep=0.5", layers.len() - 1)
    } else {
        scale_rate(Player::Discriminator, config, 1.0 / BALANCE)
    }
}

/// True if D sees one record at a time and can see two: minibatches are even, and no record is dropped
/// out.
fn can_pack(config: &RunConfig) -> bool {
    let whole = config.discriminator.layers.first();
    let whole = whole.is_none_or(|layer| layer.keep == 1.0);
    config.game.pack == 1 && config.game.minibatch.is_multiple_of(2) && whole
}

fn more_steps(config: &RunConfig) -> String {
    let steps = config.game.discriminator_steps;
    if 2 * steps > MOST_DISCRIMINATOR_STEPS {
        return scale_rate(Player::Generator, config, 1.0 / BALANCE);
    }
    format!("--set game.discriminator_steps={}", 2 * steps)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Player {
    Generator,
    Discriminator,
}

impl Player {
    /// The table of an optimiser of its own.
    fn table(self) -> &'static str {
        match self {
            Self::Generator => "generator.optimizer",
            Self::Discriminator => "discriminator.optimizer",
        }
    }

    fn own_optimizer(self, config: &RunConfig) -> Option<&OptimizerConfig> {
        match self {
            Self::Generator => config.generator.optimizer.as_ref(),
            Self::Discriminator => config.discriminator.optimizer.as_ref(),
        }
    }

    fn optimizer(self, config: &RunConfig) -> &OptimizerConfig {
        self.own_optimizer(config).unwrap_or(&config.optimizer)
    }
}

/// The flag that multiplies the learning rate of one player alone.
fn scale_rate(player: Player, config: &RunConfig, factor: f64) -> String {
    let table = player.table();
    if let Some(own) = player.own_optimizer(config) {
        return scale_table(table, own, factor);
    }
    let other = match player {
        Player::Generator => Player::Discriminator,
        Player::Discriminator => Player::Generator,
    };
    let common = &config.optimizer;
    if other.own_optimizer(config).is_some() {
        return scale_table("optimizer", common, factor);
    }
    // A table of its own replaces the common one as a whole, so all its keys are needed.
    let rate = two_digits(factor * common.initial_rate());
    let mut own = toml::Table::try_from(common).unwrap_or_default();
    own.insert("learning_rate".into(), rate.into());
    let schedule = own.get_mut("schedule").and_then(toml::Value::as_table_mut);
    if let (Some(schedule), true) = (schedule, floor(common) > rate) {
        schedule.insert("floor".into(), rate.into());
    }
    format!("--set '{table}={}'", toml::Value::Table(own))
}

/// The flags that multiply the learning rate of the optimiser in `table`.
fn scale_table(table: &str, optimizer: &OptimizerConfig, factor: f64) -> String {
    let rate = two_digits(factor * optimizer.initial_rate());
    let mut flags = format!("--set {table}.learning_rate={rate:.1e}");
    // No schedule may begin below its floor.
    if floor(optimizer) > rate {
        flags += &format!(" --set {table}.schedule.floor={rate:.1e}");
    }
    flags
}

/// So that it can be typed.
fn two_digits(rate: f64) -> f64 {
    format!("{rate:.1e}").parse().unwrap_or(rate)
}

/// The smallest η of its schedule.
fn floor(optimizer: &OptimizerConfig) -> f64 {
    match optimizer.schedule() {
        ScheduleConfig::Exponential { floor, .. } | ScheduleConfig::Linear { floor, .. } => floor,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, presets};

    /// The configuration that preset `name` and flags, as a shell would take them, make.
    fn resolve(name: &str, flags: &str) -> RunConfig {
        let mut overrides = Overrides::default();
        for flag in flags.split("--set ").skip(1) {
            overrides.set(flag.trim().trim_matches('\'')).unwrap();
        }
        let config = RunConfig::read(name, &overrides).unwrap();
        config.validate().unwrap();
        config
    }

    #[test]
    fn remedies_can_be_typed_and_change_the_game() {
        for name in presets::names() {
            for flags in [
                "",
                "--set game.generator_objective=minimax",
                "--set game.discriminator_steps=200",
                "--set discriminator.layers.1.keep=1 --set discriminator.layers.0.keep=1",
            ] {
                let config = resolve(name, flags);
                for kind in Ailment::ALL {
                    let remedy = remedy(kind, &config);
                    let changed = resolve(name, &format!("{flags} {remedy}"));
                    assert!(changed.game() != config.game(), "{name}: {remedy}");
                }
            }
        }
    }

    #[test]
    fn remedies_fit_the_game() {
        let of = |kind, name: &str, flags: &str| remedy(kind, &resolve(name, flags));
        let minimax = "--set game.generator_objective=minimax";
        let won = Ailment::DiscriminatorWins;
        assert!(of(won, "mnist", minimax).contains("generator_objective=non-saturating"));
        assert!(of(won, "figure1", "").contains("discriminator_steps=1"));
        assert!(of(won, "ring8", "").contains("discriminator.layers.2.keep=0.5"));
        // Dropout and k = 1 already: D's rate, without G's.
        let slower = of(won, "mnist", "");
        assert!(slower.starts_with("--set 'discriminator.optimizer={"));
        let config = resolve("mnist", &slower);
        let rate = |player: Player| player.optimizer(&config).initial_rate();
        assert_eq!(rate(Player::Discriminator), 0.025);
        assert_eq!(rate(Player::Generator), 0.1);
        let collapsed = Ailment::GeneratorCollapsed;
        assert!(of(collapsed, "ring8", "").contains("discriminator_steps=2"));
        let faster = "--set optimizer.learning_rate=0.0001";
        assert!(
            of(collapsed, "figure1", faster).contains("generator.optimizer.learning_rate=2.5e-4")
        );
    }
}
