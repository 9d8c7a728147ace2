//! `gan-cli rival`: trains a model that the paper compares adversarial nets with.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gan_run::config::Overrides;
use gan_run::event::{Event, Observer, RivalReading};
use gan_run::problem::Problem;
use gan_run::rival::RivalRun;
use gan_run::run_data::named_data;
use gan_run::run_dir::Existing;
use gan_run::text::{duration, shell_word, thousands};
use gan_run::training::Ending;

use super::{DeviceArgs, say_data};
use crate::interrupt;
use crate::output::Output;
use crate::progress::Stages;

/// `gan-cli rival`.
#[derive(Debug, Args)]
#[command(mut_arg("device", |arg| arg.default_value("cpu")))]
pub(crate) struct RivalArgs {
    /// The model: rbm, dbn, dbm, cae or gsn; or the config.toml of an earlier run of one.
    #[arg(value_name = "KIND | FILE.toml")]
    kind: PathBuf,
    /// Data: images, as a directory (MNIST, CIFAR-10), an IDX or .npy file, or a built-in source
    /// [default: digits].
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Seed of weights, states and order; the same seed gives the same run.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Passes over the training records in each stage of the training; those of a DBM's last one are
    /// `rival.joint.epochs`.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    epochs: Option<f64>,
    /// Directory of the run [default: `runs/KIND-N`].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Change one key, such as `rival.learning.learning_rate=0.01`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print events as JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Replace the run that `--out` already holds.
    #[arg(long, requires = "out")]
    overwrite: bool,
}

/// `gan-cli rival`.
pub(crate) fn run(args: &RivalArgs, output: Output) -> Result<ExitCode, Problem> {
    let mut overrides = Overrides::default();
    let seed = args.seed.map(|seed| seed as i64);
    overrides.flag("--seed", "seed", seed);
    overrides.flag("--epochs", "rival.learning.epochs", args.epochs);
    let data = args.data.as_deref().map(named_data).transpose()?;
    overrides.flag("--data", "data.source", data);
    args.set.iter().try_for_each(|set| overrides.set(set))?;
    let rival = RivalRun::read(&args.kind, &overrides)?;
    let existing = Existing::of_flag(args.overwrite);
    interrupt::listen()?;
    let device = args.device.open_and_say(output)?;
    let mut reporter = Reporter {
        output,
        stages: Stages::new(output),
        steps: 0,
        told: 0,
    };
    Ok(
        match rival.train(device, args.out.as_deref(), existing, &mut reporter)? {
            Ending::Done => ExitCode::SUCCESS,
            Ending::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
        },
    )
}

/// Shows a training to a person, or its events to a program.
struct Reporter {
    output: Output,
    stages: Stages,
    /// Minibatches of the whole training.
    steps: u64,
    /// Tenths of it that a line has told of.
    told: u64,
}

impl Reporter {
    /// Tells of a reading in each tenth of the training.
    fn read(&mut self, reading: &RivalReading) {
        let tenth = 10 * reading.step / self.steps.max(1);
        if tenth > self.told {
            self.told = tenth;
            self.output.line(format!(
                "step {} of {}: stage {}, reconstruction {:.1} nats",
                thousands(reading.step as usize),
                thousands(self.steps as usize),
                reading.stage,
                reading.reconstruction
            ));
        }
    }
}

impl Observer for Reporter {
    fn event(&mut self, event: &Event<'_>) {
        let out = self.output;
        match *event {
            Event::Data {
                source,
                train_records,
                valid_records,
                test_records,
                notes,
            } => {
                let records = [train_records, valid_records, test_records];
                say_data(out, source, records, notes);
                return;
            }
            Event::RivalStart {
                run,
                kind,
                steps,
                parameters,
                ..
            } => {
                let parameters = thousands(parameters);
                out.line(format!("rival    {kind}, {parameters} parameters"));
                out.line(format!("run      {}", run.display()));
                self.steps = steps;
            }
            Event::RivalReading(ref reading) => self.read(reading),
            Event::Interrupted { step, steps, .. } => {
                self.stages = Stages::new(out);
                out.line(format!("interrupted and saved at step {step} of {steps}"));
            }
            Event::RivalDone {
                step,
                seconds,
                run,
                samples,
                chains,
                report,
                checkpoint,
            } => {
                self.stages = Stages::new(out);
                let shown = shell_word(run);
                out.line("");
                out.line(format!("done: {step} steps in {}", duration(seconds)));
                out.line(format!("  samples       {}", samples.display()));
                out.line(format!("  chains        {}", chains.display()));
                out.line(format!("  report        {}", report.display()));
                out.line(format!("  checkpoint    {}", checkpoint.display()));
                out.line(format!(
                    "  more samples  gan-cli sample {shown} -n 100 --seed 2 --out samples.png"
                ));
                out.line(format!("  how good      gan-cli evaluate {shown}"));
            }
            _ => {}
        }
        out.event(event);
    }

    fn progress(&mut self, step: u64) {
        self.stages
            .show("training", step as f64 / self.steps.max(1) as f64);
    }

    fn stop_requested(&self) -> bool {
        interrupt::requested()
    }
}
