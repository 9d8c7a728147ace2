//! Figure 1: plays the game and draws it.

use std::path::PathBuf;
use std::time::Instant;

use clap::builder::RangedU64ValueParser;
use gan_kernels::{Native, Records, Values};
use gan_model::{GameConfig, OptimizerConfig, Prior, ScheduleConfig, TrainingData};
use gan_run::config::{Overrides, RunConfig, Sources};
use gan_run::players::Players;
use gan_run::problem::Problem;
use gan_run::text::duration;

use super::game::{self, Casts, DIVERGENCE_BOUND, Played, UNFAIRNESS_BOUND};
use super::target::{Form, Target};
use super::{animation, panel, stages};
use crate::output::Output;
use crate::progress::Progress;

/// The preset that is played.
const PRESET: &str = "figure1";
/// The data of the rehearsal lie so many standard deviations below those of the game.
const ASIDE: f32 = 0.8;
/// Factors of the learning rates while one player moves alone.
const SLOWER_D: f64 = 0.4;
const SLOWER_G: f64 = 0.05;
/// The central 98 % and 99 % of a normal distribution end so many standard deviations out.
const SIGMAS_98: f64 = 2.3263;
const SIGMAS_99: f64 = 2.5758;
/// Pixels for each unit of a .png.
const SCALE: f64 = 1.5;

/// Arguments of `gan-cli figure 1`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File to write, .png or .svg, or .gif of an animation [default: figure1.png].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file of `--out` that is there already.
    #[arg(long)]
    overwrite: bool,
    /// Write the whole game as an animation of 1280×720 pixels, .png or .gif.
    #[arg(long)]
    animate: bool,
    /// Seed of the game and of its data [default: the preset's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Length of the game in iterations [default: the preset's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    steps: Option<u64>,
    /// Change one key of the preset figure1, such as `game.minibatch=64`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// CPU threads; the numbers do not depend on it, and the game is too small for many.
    #[arg(long, value_name = "N", default_value = "1",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    threads: usize,
}

/// Runs `gan-cli figure 1`.
pub(super) fn run(args: &Args, output: Output) -> Result<(), Problem> {
    let default = if args.animate {
        "figure1-animated.png"
    } else {
        "figure1.png"
    };
    let forms = if args.animate {
        Form::MOVING
    } else {
        Form::STILL
    };
    let target = Target::new((args.out.as_deref(), args.overwrite), default, forms)?;
    let started = Instant::now();
    let played = play(args, output)?;
    if args.animate {
        target.write_animation(|form| animation::encode(&played, form))?;
    } else {
        target.write(&stages::draw(&played), SCALE)?;
    }
    report(&played, output);
    let seconds = started.elapsed().as_secs_f64();
    let shown = target.path.display();
    output.line(format!("{shown}: figure 1, in {}", duration(seconds)));
    Ok(())
}

fn play(args: &Args, output: Output) -> Result<Played, Problem> {
    let mut overrides = Overrides::default();
    let [seed, steps] = [args.seed, args.steps].map(|value| value.map(|value| value as i64));
    overrides.flag("--seed", "seed", seed);
    overrides.flag("--steps", "run.steps", steps);
    args.set.iter().try_for_each(|set| overrides.set(set))?;
    let sources = Sources::read(PRESET, &overrides)?;
    let mut config = sources.resolve()?;
    refuse_other_prior(&config)?;
    let dataset = gan_data::load(&config.data, config.seed)?;
    let known = dataset.mixture.clone();
    let one = known.filter(|mixture| mixture.cols == 1 && mixture.modes() == 1);
    let mixture = one.ok_or_else(|| {
        Problem::usage(format!(
            "data.source: found {}, expected {PRESET}: one dimension of known density",
            config.data.source
        ))
        .hint("begin from its preset: gan-cli presets figure1")
    })?;
    let backend = Native::<f32>::new(Some(args.threads))?;
    let records = dataset.records.slice(dataset.splits.train.clone());
    let per_epoch = config.game().steps_per_epoch(records.rows());
    if let Some(own) = sources.own_length() {
        let note = config.stretch_schedules(&own, per_epoch);
        note.into_iter().for_each(|note| output.line(note));
    }
    let total = config.settle(per_epoch).total;
    let data = |shift: f32| {
        let moved = |row| {
            let mut x = [0.0];
            records.copy_row(row, &mut x);
            x[0] + shift
        };
        let moved = Values::Floats((0..records.rows()).map(moved).collect());
        TrainingData::new(Records::new(1, moved))
    };
    let players = |game: &GameConfig, shift: f32| {
        Players::new(backend.clone(), game, config.seed, data(shift))
            .map_err(|error| sources.explain(&error))
    };
    let casts = Casts {
        rehearsal: players(&config.game(), -ASIDE * mixture.sigma)?,
        alone: players(&careful(config.game()), 0.0)?,
        both: players(&config.game(), 0.0)?,
    };
    let progress = Progress::new(output, 0, 2 * total, per_epoch);
    game::play(casts, mixture, total, progress)
}

/// The same game with steps so small that a lone player's way can be watched.
fn careful(mut game: GameConfig) -> GameConfig {
    let of_all = game.optimizer;
    for (optimizer, factor) in [
        (&mut game.generator.optimizer, SLOWER_G),
        (&mut game.discriminator.optimizer, SLOWER_D),
    ] {
        if let OptimizerConfig::Momentum {
            learning_rate,
            schedule,
            ..
        }
        | OptimizerConfig::Adam {
            learning_rate,
            schedule,
            ..
        } = optimizer.get_or_insert(of_all)
        {
            *learning_rate *= factor;
            *schedule = ScheduleConfig::Constant;
        }
    }
    game
}

/// The axis of z and the density of p_g are those of one uniform latent.
fn refuse_other_prior(config: &RunConfig) -> Result<(), Problem> {
    let generator = &config.generator;
    if generator.latent != 1 {
        return Err(Problem::usage(format!(
            "generator.latent: found {}, expected 1, as in the figure",
            generator.latent
        ))
        .hint("set generator.latent = 1"));
    }
    if generator.prior != Prior::Uniform {
        return Err(Problem::usage(
            "generator.prior: found another, expected uniform, as in the figure",
        )
        .hint("set generator.prior = \"uniform\""));
    }
    Ok(())
}

/// Says what the stages are, and how near the last one comes to what the theory has at the end.
fn report(played: &Played, output: Output) {
    let stages = played.stages();
    for (name, moment) in ["(a)", "(b)", "(c)", "(d)"].into_iter().zip(stages) {
        output.line(format!(
            "{name}  iteration {:>6}  {:<13}  V {:+.4}  JSD {:.4} nats  mean |D - D*| {:.4}",
            moment.step,
            panel::who(moment.moves),
            moment.value,
            moment.divergence,
            played.distance_to_optimum(moment)
        ));
    }
    let last = stages[3];
    for (name, found, bound) in [
        ("JSD(p_data, p_g)", last.divergence, DIVERGENCE_BOUND),
        (
            "largest |D - 1/2| on the central 98 % of p_data",
            played.unfairness(last, SIGMAS_98),
            UNFAIRNESS_BOUND,
        ),
    ] {
        let verdict = if found <= bound {
            "holds"
        } else {
            "does not hold"
        };
        output.line(format!("{name}: {found:.4}; the bound {bound} {verdict}"));
    }
    output.line(format!(
        "on the central 99 %, for comparison: {:.4}",
        played.unfairness(last, SIGMAS_99)
    ));
}
