//! `gan-cli train`: what a person types to train, and what they see of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use gan_model::parallel::Communicator;
use gan_run::config::{Overrides, presets};
use gan_run::device::PrecisionChoice;
use gan_run::event::{Done, Event, Observer};
use gan_run::plan::Plan;
use gan_run::problem::Problem;
use gan_run::run_data::{DataFile, data_file, named_data};
use gan_run::run_dir::Existing;
use gan_run::text::{duration, shell_word, thousands};
use gan_run::training::{Ending, resume_command};

use super::{DeviceArgs, EXPERTS, say_data};
use crate::interrupt;
#[cfg(feature = "mpi")]
use crate::output;
use crate::output::Output;
use crate::processes;
use crate::progress::Progress;

/// `gan-cli train`.
#[derive(Clone, Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    game: GameArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Seed of weights, latents, masks and order; the same seed gives the same run.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Directory of the run [default: `runs/PRESET-N`].
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Continue a run from its last checkpoint [default: the newest in runs/].
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with = "config")]
    pub(crate) resume: Option<Option<PathBuf>>,
    /// Change one key, such as `optimizer.learning_rate=0.05`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print events as JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Replace the run that `--out` already holds.
    #[arg(long, requires = "out", conflicts_with = "resume")]
    overwrite: bool,
    /// End, saved, when standard input ends: for programs that start runs.
    #[arg(long, hide_short_help = true, help_heading = EXPERTS)]
    until_input_ends: bool,
}

/// The game to play: on what data, by which configuration, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct GameArgs {
    /// Data to learn, such as a .csv file; a preset; or a TOML file that may begin with
    /// `extends = "<preset>"` [default: digits].
    #[arg(value_name = "FILE | PRESET | FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Data: a folder of images, a file of a table, images or arrays (`gan-cli data PATH` says what it
    /// is taken for), or a built-in source.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<PathBuf>,
    /// Stop after N passes over the training records.
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "steps",
        allow_negative_numbers = true
    )]
    pub(crate) epochs: Option<f64>,
    /// Stop after N iterations.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) steps: Option<u64>,
}

impl GameArgs {
    /// The file of data that stands in the place of a preset, if one does.
    ///
    /// # Errors
    /// If it is images, for which several presets may be meant.
    pub(crate) fn file(&self) -> Result<Option<DataFile>, Problem> {
        Ok(self.config.as_deref().map(data_file).transpose()?.flatten())
    }

    /// The preset or the configuration, where `file` is the [file](Self::file) of data.
    pub(crate) fn preset<'a>(&'a self, file: Option<&'a DataFile>) -> &'a Path {
        match file {
            Some(file) => Path::new(file.preset),
            None => self
                .config
                .as_deref()
                .unwrap_or(Path::new(presets::DEFAULT)),
        }
    }

    /// The flags, with a seed and the arguments of `--set`.
    ///
    /// # Errors
    /// If one cannot be used.
    pub(crate) fn overrides(
        &self,
        file: Option<&DataFile>,
        seed: Option<u64>,
        sets: &[impl AsRef<str>],
    ) -> Result<Overrides, Problem> {
        let mut overrides = Overrides::default();
        if let (Some(file), Some(data)) = (file, &self.data) {
            return Err(Problem::usage(format!(
                "--data {}: found data beside {}, which is data as well",
                data.display(),
                file.source
            ))
            .hint("leave --data out, or name a preset in the place of the file"));
        }
        overrides.flag("FILE", "data.source", file.map(|file| file.source.clone()));
        let [seed, steps] = [seed, self.steps].map(|value| value.map(|value| value as i64));
        overrides.flag("--seed", "seed", seed);
        overrides.flag("--epochs", "run.epochs", self.epochs);
        overrides.flag("--steps", "run.steps", steps);
        let data = self.data.as_deref().map(named_data).transpose()?;
        overrides.flag("--data", "data.source", data);
        sets.iter()
            .try_for_each(|set| overrides.set(set.as_ref()))?;
        Ok(overrides)
    }
}

/// `gan-cli train`.
#[cfg(not(feature = "mpi"))]
pub(crate) fn run(args: &TrainArgs, output: Output) -> Result<ExitCode, Problem> {
    processes::join()?;
    train(args, output, None)
}

/// `gan-cli train`, in each of the processes that were started.
#[cfg(feature = "mpi")]
pub(crate) fn run(args: &TrainArgs, output: Output) -> Result<ExitCode, Problem> {
    let Some(processes) = processes::join()? else {
        return train(args, output, None);
    };
    let device = args.device.of_process(processes.rank_on_machine());
    let ended = match processes.rank() {
        0 => {
            let args = &TrainArgs {
                device,
                ..args.clone()
            };
            train(args, output, Some(processes.communicator()))
        }
        _ => follow(&device, processes.communicator()),
    };
    ended.map_err(|problem| {
        // The others wait for this process, and would wait for ever.
        output::error(
            &format!("process {}: {}", processes.rank(), problem.message),
            problem.hint.as_deref(),
        );
        processes.abort(crate::exit_code(&problem).into())
    })
}

/// Plays along with process 0.
#[cfg(feature = "mpi")]
fn follow(device: &DeviceArgs, communicator: Box<dyn Communicator>) -> Result<ExitCode, Problem> {
    interrupt::leave_to_another()?;
    gan_run::together::follow(device.open()?, communicator)?;
    Ok(ExitCode::SUCCESS)
}

fn train(
    args: &TrainArgs,
    output: Output,
    communicator: Option<Box<dyn Communicator>>,
) -> Result<ExitCode, Problem> {
    let file = args.game.file()?;
    let overrides = (args.game).overrides(file.as_ref(), args.seed, &args.set)?;
    let precision = args.device.precision;
    let mut reporter = Reporter {
        output,
        precision,
        progress: None,
    };
    let plan = match &args.resume {
        Some(run) => Plan::resume(run.as_deref(), &overrides, &mut reporter)?,
        None => {
            let what = args.game.preset(file.as_ref());
            let existing = Existing::of_flag(args.overwrite);
            let plan = Plan::new_run(what, &overrides, args.out.as_deref(), existing)?;
            match file {
                Some(file) => plan.in_folder(file.name),
                None => plan,
            }
        }
    };
    interrupt::listen()?;
    if args.until_input_ends {
        interrupt::listen_to_input();
    }
    let device = args.device.open_and_say(output)?;
    let ending = plan.train_together(device, precision, &mut reporter, communicator);
    // However it ended: what is said next must not run into the bar.
    reporter.end_progress();
    Ok(match ending? {
        Ending::Done => ExitCode::SUCCESS,
        Ending::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
    })
}

/// Shows a run to a person, or its events to a program.
struct Reporter {
    output: Output,
    /// How the device computes, which a command that continues the run must repeat.
    precision: PrecisionChoice,
    /// The bar, while the run trains.
    progress: Option<Progress>,
}

impl Observer for Reporter {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Data { .. } => {}
            Event::Warning { text } => self.output.notice(format!("warning: {text}")),
            _ => self.output.event(event),
        }
        if !self.output.is_json() {
            self.show(event);
        }
    }

    fn progress(&mut self, step: u64) {
        if let Some(progress) = &mut self.progress {
            progress.tick(step);
        }
    }

    fn stop_requested(&self) -> bool {
        interrupt::requested()
    }
}

impl Reporter {
    fn show(&mut self, event: &Event<'_>) {
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
            }
            Event::Start {
                run,
                step,
                steps,
                steps_per_epoch,
                resumed,
                parameters,
                ..
            } => {
                out.line(format!(
                    "players  G {}, D {} parameters",
                    thousands(parameters.generator),
                    thousands(parameters.discriminator)
                ));
                let verb = if resumed { "continue" } else { "run     " };
                out.line(format!("{verb} {}", run.display()));
                self.progress = Some(Progress::new(out, step, steps, steps_per_epoch));
            }
            Event::Metrics { line, .. } => {
                if let Some(progress) = &mut self.progress {
                    progress.reading(line.metrics);
                }
            }
            Event::Diagnosis {
                finding, remedy, ..
            } => {
                if let Some(progress) = &self.progress {
                    progress.say(&format!("finding  {}", finding.with_remedy(remedy)));
                }
            }
            Event::Interrupted { step, steps, run } => {
                self.end_progress();
                out.line(format!("interrupted and saved at step {step} of {steps}"));
                let resume = resume_command(run, self.precision);
                out.line(format!("  go on: {resume}"));
            }
            Event::Done(ref done) => {
                self.end_progress();
                self.show_done(done);
            }
            _ => {}
        }
    }

    /// Says what there is now, and what can be done with it.
    fn show_done(&self, done: &Done<'_>) {
        let out = self.output;
        let (step, run) = (done.step, shell_word(done.run));
        let seconds = duration(done.session_seconds);
        out.line("");
        out.line(format!("done: {step} steps in {seconds}"));
        if let Some(quality) = done.quality {
            out.line(format!("  quality       at step {step}, {quality}"));
        }
        if let Some(best) = done.best {
            let score = best.told_apart;
            let why = best.ended_after.map_or(String::new(), |checks| {
                format!("; ended, since {checks} comparisons in a row found none better")
            });
            out.line(format!(
                "  best step     {}, told from held-out records at {score:.2}, where 0.5 is not at \
                 all{why}",
                best.step
            ));
        }
        for (finding, remedy) in done.findings.iter().zip(done.remedies) {
            out.line(format!("  finding       {}", finding.with_remedy(remedy)));
        }
        if let Some(samples) = done.samples {
            out.line(format!("  samples       {}", samples.display()));
        }
        out.line(format!("  curves        {}", done.curves.display()));
        if let Some(report) = done.report {
            out.line(format!("  report        {}", report.display()));
        }
        out.line(format!("  checkpoint    {}", done.checkpoint.display()));
        let extension = done.shape.image().map_or("csv", |_| "png");
        out.line(format!(
            "  more samples  gan-cli sample {run} -n 100 --seed 2 --out samples.{extension}{}",
            self.precision.flag()
        ));
        let further = match done.epochs {
            Some(epochs) => format!("--epochs {}", 2.0 * epochs.max(1.0)),
            None => format!("--steps {}", 2 * step.max(1)),
        };
        let resume = resume_command(done.run, self.precision);
        out.line(format!("  go on         {resume} {further}"));
    }

    /// Takes the bar away.
    fn end_progress(&mut self) {
        self.progress = None;
    }
}
