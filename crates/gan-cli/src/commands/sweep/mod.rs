//! `gan-cli sweep`: several seeds or settings, each a run of its own, and a table of what they have
//! come to.

mod plan;
mod play;
mod settings;
mod table;

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, thread};

use clap::Args;
use clap::builder::{RangedU64ValueParser, TypedValueParser};
use gan_run::config::{RunConfig, Sources};
use gan_run::device::DeviceChoice;
use gan_run::problem::Problem;
use gan_run::report::{RunFacts, is_done};
use gan_run::run_data::DataFile;
use gan_run::run_dir;
use gan_run::text::{shell_word, thousands};

use super::DeviceArgs;
use super::train::GameArgs;
use crate::interrupt;
use crate::output::{self, Output};
use crate::progress::Stages;
use plan::Form;
use play::{Job, Message, Slots};
use settings::{Run, SEED, Seeds, Settings};
use table::Row;

/// The folder of sweeps without `--out`.
const SWEEPS: &str = "sweeps";
/// The configuration that all runs of a sweep share, in its folder.
const SHARED: &str = "sweep.toml";
/// What a sweep has come to, in its folder.
const TABLE: &str = "sweep.csv";

/// `gan-cli sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    game: GameArgs,
    /// Seeds, as numbers and ranges with both their ends: 1..8, or 1,2,5..9.
    #[arg(long, value_name = "SEEDS", value_parser = settings::seeds)]
    seeds: Option<Seeds>,
    /// Change one key, such as `optimizer.learning_rate=0.05,0.1`: several values, of which each
    /// makes a run, stand with commas between, those within brackets, braces and quotes aside. May be
    /// repeated: each value of one key is combined with each of the others.
    #[arg(long, value_name = "KEY=VALUE,…")]
    set: Vec<String>,
    /// Runs at once, which share the CPU threads [default: with --device cpu as many as there are
    /// threads, otherwise 1].
    #[arg(long, value_name = "N", conflicts_with = "devices",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    jobs: Option<usize>,
    /// Devices that train one run each at a time, in the place of --device: cuda:0,cuda:1.
    #[arg(long, value_name = "DEVICES", value_delimiter = ',')]
    devices: Vec<DeviceChoice>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Folder of the runs and of their table [default: `sweeps/PRESET`]. Runs that are done there are
    /// kept, and those that were begun are continued.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Train nothing, and print the runs as commands, as a line for GNU parallel, or as a script for
    /// Slurm.
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true,
          default_missing_value = "all")]
    plan: Option<Form>,
    /// Train the N-th run alone, counted from 1, as the plans for clusters do.
    #[arg(long, value_name = "N", conflicts_with = "plan",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..).map(|n: usize| n - 1))]
    only: Option<usize>,
}

/// `gan-cli sweep`.
pub(crate) fn run(args: &SweepArgs, output: Output) -> Result<ExitCode, Problem> {
    let file = args.game.file()?;
    let settings = Settings::new(args.seeds.as_ref(), &args.set)?;
    let sweep = Sweep::new(args, file.as_ref(), &settings)?;
    if let Some(form) = args.plan {
        output::raw(&sweep.plan(form));
        return Ok(ExitCode::SUCCESS);
    }
    let (selected, is_whole) = match args.only {
        None => ((0..sweep.runs.len()).collect(), true),
        Some(only) if only < sweep.runs.len() => (vec![only], false),
        Some(only) => {
            return Err(Problem::usage(format!(
                "--only {}: found a sweep of {} runs",
                thousands(only + 1),
                thousands(sweep.runs.len())
            ))
            .hint("this prints its runs: the same command with --plan in the place of --only"));
        }
    };
    sweep.take_folder(output)?;
    interrupt::listen()?;
    let mut errors: Vec<Option<Problem>> = sweep.runs.iter().map(|_| None).collect();
    sweep.play(&selected, &mut errors, output);
    if is_whole {
        sweep.conclude(&errors, output)?;
    }
    let failed = sweep.runs.iter().zip(&errors);
    let failed: Vec<_> = failed
        .filter_map(|(run, error)| Some((run, error.as_ref()?)))
        .collect();
    for (run, problem) in &failed {
        output::error(
            &format!("{}: {}", sweep.dir(run).display(), problem.message),
            problem.hint.as_deref(),
        );
    }
    if interrupt::requested() {
        output.line("interrupted and saved; the same command goes on");
        return Ok(ExitCode::from(interrupt::EXIT_CODE));
    }
    Ok(match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A sweep whose configurations are all right.
struct Sweep<'a> {
    args: &'a SweepArgs,
    settings: &'a Settings,
    runs: Vec<Run>,
    /// What all runs share.
    shared: RunConfig,
    folder: PathBuf,
}

impl<'a> Sweep<'a> {
    /// Reads the configuration of every run, so that a wrong one is found before any is trained.
    ///
    /// # Errors
    /// If one cannot be used.
    fn new(
        args: &'a SweepArgs,
        file: Option<&DataFile>,
        settings: &'a Settings,
    ) -> Result<Self, Problem> {
        let runs = settings.runs();
        let preset = args.game.preset(file);
        let overrides = args.game.overrides(file, None, &settings.fixed)?;
        let sources = Sources::read(preset, &overrides)?;
        for run in &runs {
            let sets: Vec<_> = settings
                .fixed
                .iter()
                .cloned()
                .chain(sets(settings, run))
                .collect();
            RunConfig::read(preset, &args.game.overrides(file, None, &sets)?)?;
        }
        let name = file.map_or(&sources.name, |file| &file.name);
        let folder = (args.out.clone()).unwrap_or_else(|| Path::new(SWEEPS).join(name));
        Ok(Self {
            args,
            settings,
            runs,
            shared: sources.resolve()?,
            folder,
        })
    }

    fn dir(&self, run: &Run) -> PathBuf {
        self.folder.join(&run.name)
    }

    /// What follows the name of the program to begin `run`.
    fn words(&self, run: &Run) -> Vec<OsString> {
        let game = &self.args.game;
        let mut words: Vec<OsString> = vec!["train".into()];
        words.extend(game.config.iter().map(Into::into));
        let mut flag = |name: &str, value: OsString| words.extend([name.into(), value]);
        if let Some(data) = &game.data {
            flag("--data", data.into());
        }
        if let Some(epochs) = game.epochs {
            flag("--epochs", epochs.to_string().into());
        }
        if let Some(steps) = game.steps {
            flag("--steps", steps.to_string().into());
        }
        for set in &self.settings.fixed {
            flag("--set", set.into());
        }
        for (axis, value) in self.settings.axes.iter().zip(&run.values) {
            match axis.key == SEED {
                true => flag("--seed", value.into()),
                false => flag("--set", format!("{}={value}", axis.key).into()),
            }
        }
        flag("--out", self.dir(run).into());
        words
    }

    /// The text for `--plan`.
    fn plan(&self, form: Form) -> String {
        let commands = self.runs.iter().map(|run| self.words(run));
        let commands: Vec<_> = commands.collect();
        let is_plan = |word: &OsString| word.as_encoded_bytes().starts_with(b"--plan");
        let own = std::env::args_os().skip(1).filter(|word| !is_plan(word));
        let name = self.folder.file_name().unwrap_or(self.folder.as_os_str());
        plan::text(
            form,
            &name.to_string_lossy(),
            &commands,
            &own.collect::<Vec<_>>(),
            self.slots(self.runs.len()).devices.len(),
        )
    }

    /// Where `count` runs are trained.
    fn slots(&self, count: usize) -> Slots {
        let args = self.args;
        let own = || thread::available_parallelism().map_or(1, usize::from);
        let threads = args.device.threads.unwrap_or_else(own);
        let is_cpu = match args.device.device {
            DeviceChoice::Cpu => true,
            DeviceChoice::Auto => !cfg!(feature = "gpu"),
            DeviceChoice::Gpu { .. } | DeviceChoice::LocalGpu { .. } => false,
        };
        let jobs = args.jobs.unwrap_or(if is_cpu { threads } else { 1 });
        let mut devices = match args.devices.is_empty() {
            true => vec![args.device.device; jobs],
            false => args.devices.clone(),
        };
        // A run has the same share of the threads whether it is trained beside others or, as in a
        // plan, alone.
        devices.truncate(self.runs.len());
        let share = (threads / devices.len()).max(1);
        devices.truncate(count.max(1));
        Slots {
            threads: share,
            devices,
            precision: args.device.precision.to_string(),
        }
    }

    /// Makes the folder, or checks that the sweep that is in it is this one.
    ///
    /// # Errors
    /// If it is another one, or the folder cannot be written.
    fn take_folder(&self, output: Output) -> Result<(), Problem> {
        let path = self.folder.join(SHARED);
        let shown = shell_word(&self.folder);
        let Ok(text) = fs::read_to_string(&path) else {
            fs::create_dir_all(&self.folder).map_err(|error| {
                let text = format!("{}: cannot be made: {error}", self.folder.display());
                Problem::failed(text).hint("choose another folder with --out DIR")
            })?;
            return run_dir::replace(&path, self.shared.to_toml()?.as_bytes());
        };
        let remove =
            format!("choose another folder with --out DIR, or remove that sweep: rm -r {shown}");
        let old = RunConfig::from_toml(&text, &path.display().to_string());
        let old = old.map_err(|damaged| damaged.hint(&remove))?;
        let differing = self.shared.differing_keys(&old)?;
        if differing.is_empty() {
            let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
            let source = Path::new(&self.shared.data.source);
            if source.is_file() && modified(source) > modified(&path) {
                output.line(format!(
                    "warning  {}: has changed since the sweep began: runs that are done may be of \
                     other records",
                    source.display()
                ));
            }
            return Ok(());
        }
        Err(Problem::usage(format!(
            "{}: found a sweep with another {}, expected the same but for what varies",
            self.folder.display(),
            differing.join(", ")
        ))
        .hint(remove))
    }

    /// Trains those of the `selected` runs that are not done yet.
    fn play(&self, selected: &[usize], errors: &mut [Option<Problem>], output: Output) {
        let is_left = |index: &usize| !is_done(&self.dir(&self.runs[*index]));
        let left: Vec<_> = selected.iter().copied().filter(is_left).collect();
        let slots = self.slots(left.len());
        output.line(format!(
            "sweep    {}: {} runs, {} of them done, {} at once, threads for each: {}",
            self.folder.display(),
            thousands(selected.len()),
            thousands(selected.len() - left.len()),
            thousands(slots.devices.len()),
            thousands(slots.threads),
        ));
        let jobs = left.iter().map(|&index| Job {
            dir: self.dir(&self.runs[index]),
            begin: self.words(&self.runs[index]),
        });
        let jobs: Vec<_> = jobs.collect();
        let mut stages = Stages::new(output);
        let mut shares = vec![0.0; jobs.len()];
        let mut waits = vec![false; jobs.len()];
        let mut warnings = HashSet::new();
        play::play(&jobs, &slots, |index, message| {
            let name = &self.runs[left[index]].name;
            match message {
                Message::Progress(share) => shares[index] = share,
                Message::Waits => {
                    if !std::mem::replace(&mut waits[index], true) {
                        stages.say(&format!("waits    {name}: another process trains it"));
                    }
                }
                // What is wrong with the data is wrong for every run, and said once.
                Message::Warning(text) => {
                    if !warnings.contains(&text) {
                        stages.say(&format!("warning  {name}: {text}"));
                        warnings.insert(text);
                    }
                }
                Message::Done => {
                    shares[index] = 1.0;
                    stages.say(&format!("done     {name}{}", self.measured(left[index])));
                }
                Message::Stopped => stages.say(&format!("saved    {name}")),
                Message::Failed(problem) => {
                    shares[index] = 1.0;
                    stages.say(&format!("failed   {name}: {}", problem.message));
                    errors[left[index]] = Some(problem);
                }
            }
            let done = shares.iter().sum::<f64>() / shares.len() as f64;
            stages.show("all runs", done);
        });
    }

    /// What a run has measured of its samples, behind a colon.
    fn measured(&self, index: usize) -> String {
        let facts = RunFacts::read(&self.dir(&self.runs[index]), None).ok();
        let measure = facts.and_then(|facts| facts.outcome().measure);
        measure.map_or(String::new(), |measure| format!(": {measure}"))
    }

    /// Writes and shows the table, and names the best run.
    ///
    /// # Errors
    /// If the table cannot be written.
    fn conclude(&self, errors: &[Option<Problem>], output: Output) -> Result<(), Problem> {
        let rows = self.runs.iter().zip(errors).map(|(run, error)| {
            let facts = RunFacts::read(&self.dir(run), None).ok();
            Row {
                run,
                outcome: facts.map(|facts| facts.outcome()),
                error: error.as_ref().map(|problem| problem.message.clone()),
            }
        });
        let mut rows: Vec<_> = rows.collect();
        table::sort(&mut rows);
        let path = self.folder.join(TABLE);
        table::write(&path, self.settings, &rows)?;
        output.line("");
        table::lines(&rows)
            .iter()
            .for_each(|line| output.line(line));
        let means = table::means(self.settings, &rows);
        if !means.is_empty() {
            output.line("");
            means.iter().for_each(|line| output.line(line));
        }
        output.line("");
        output.line(format!("  table         {}", path.display()));
        let folder = shell_word(&self.folder);
        output.line(format!("  in a browser  gan-cli watch {folder}"));
        match rows.first().and_then(|row| Some((row, row.measure()?))) {
            Some((best, measure)) => {
                let dir = self.dir(best.run);
                output.line(format!("  best          {}: {measure}", dir.display()));
                let run = shell_word(&dir);
                output.line(format!(
                    "  its samples   gan-cli sample {run} -n 1000 --out samples.csv"
                ));
            }
            None if rows.iter().any(|row| row.outcome.is_some()) => output.line(
                "  no order      runs on such data measure nothing that says which is best; \
                 gan-cli evaluate RUN does",
            ),
            None => {}
        }
        Ok(())
    }
}

/// The settings of `run` as arguments of `--set`.
fn sets<'a>(settings: &'a Settings, run: &'a Run) -> impl Iterator<Item = String> + 'a {
    let pairs = settings.axes.iter().zip(&run.values);
    pairs.map(|(axis, value)| format!("{}={value}", axis.key))
}
