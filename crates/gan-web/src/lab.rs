//! The game of a page, and its answers.

use std::path::Path;

use gan_data::builtin_names;
use gan_kernels::Native;
use gan_run::config::{Overrides, RunConfig, Sources, presets};
use gan_run::live::{LiveGame, LiveReading};
use gan_run::problem::Problem;
use gan_run::text::shell_word;
use gan_run::theory::Bins;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::request::{Look, Request, Setup};

/// Readings after which a call ends in any case.
const MOST_READINGS: usize = 64;

/// A page's game.
#[derive(Default)]
pub struct Lab {
    game: Option<LiveGame>,
    floats: Vec<f32>,
    file: Vec<u8>,
}

impl Lab {
    /// The answer, in JSON, to a request in JSON with `file` behind it.
    pub fn answer(&mut self, request: &[u8], file: &[u8]) -> String {
        self.file.clear();
        let answer = serde_json::from_slice(request)
            .map_err(|error| Problem::usage(format!("request: {error}")))
            .and_then(|request| self.carry_out(request, file));
        let (json, floats) = match answer {
            Ok(answer) => answer.into_json(),
            Err(problem) => {
                let error = json!({ "error": answer::problem(&problem) });
                (error.to_string(), Vec::new())
            }
        };
        self.floats = floats;
        json
    }

    /// The floats of the last answer.
    #[must_use]
    pub fn floats(&self) -> &[f32] {
        &self.floats
    }

    /// The file of the last answer.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    fn carry_out(&mut self, request: Request, file: &[u8]) -> Result<Answer, Problem> {
        match request {
            Request::Catalogue => catalogue(),
            Request::Open(setup) => {
                let sources = sources(&setup)?;
                let content = (!file.is_empty()).then(|| file.to_vec());
                let game = LiveGame::new(native()?, &sources, content)?;
                let command = setup.text.is_none().then(|| command(&setup));
                describe(self.game.insert(game), command)
            }
            Request::Resume { name, content } => {
                let (content, checkpoint) = file.split_at(content.min(file.len()));
                let content = (!content.is_empty()).then(|| content.to_vec());
                let game = LiveGame::resume(native()?, (checkpoint, &name), content)?;
                describe(self.game.insert(game), None)
            }
            Request::Play {
                iterations,
                seconds,
                beyond,
            } => play(self.game()?, iterations, seconds, beyond),
            Request::Phase => {
                let game = self.game()?;
                let (phase, reading) = game.step_phase()?;
                let mut answer = Answer::default();
                answer.put("played", phase)?;
                answer.put("step", game.steps_done())?;
                answer.put("readings", readings(reading)?)?;
                Ok(answer)
            }
            Request::Look(wanted) => look(self.game()?, &wanted),
            Request::Save => {
                let game = self.game()?;
                let bytes = game.checkpoint()?;
                let mut answer = Answer::default();
                answer.put("name", game.checkpoint_name())?;
                answer.put("step", game.steps_done())?;
                answer.put("config", game.config_text())?;
                self.file = bytes;
                Ok(answer)
            }
        }
    }

    fn game(&mut self) -> Result<&mut LiveGame, Problem> {
        let game = self.game.as_mut();
        game.ok_or_else(|| Problem::usage("request: found no game, expected one that is open"))
    }
}

/// One thread: a worker has no other.
fn native() -> Result<Native<f32>, Problem> {
    Ok(Native::new(Some(1))?)
}

fn overrides(setup: &Setup) -> Result<Overrides, Problem> {
    let mut overrides = Overrides::default();
    let mut sets = setup.sets.iter();
    sets.try_for_each(|set| overrides.set(set))?;
    Ok(overrides)
}

fn sources(setup: &Setup) -> Result<Sources, Problem> {
    let overrides = overrides(setup)?;
    match &setup.text {
        Some(text) => Sources::of_text(&setup.preset, text.clone(), &overrides),
        None => Sources::read(&setup.preset, &overrides),
    }
}

/// The command that trains the same natively.
fn command(setup: &Setup) -> String {
    // A key and a plain value need no quotes.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "=._-".contains(c);
    let word = |text: &str| match text.chars().all(is_plain) {
        true => text.to_owned(),
        false => shell_word(Path::new(text)),
    };
    let sets = setup.sets.iter().map(|set| format!(" --set {}", word(set)));
    format!(
        "gan-cli train {}{}",
        word(&setup.preset),
        sets.collect::<String>()
    )
}

/// The presets whose data are built in, and the built-in data.
fn catalogue() -> Result<Answer, Problem> {
    let is_built_in = |config: &RunConfig| builtin_names().contains(&config.data.source.as_str());
    let presets = presets::PRESETS.iter().filter_map(|preset| {
        let config = RunConfig::preset(preset.name).ok().filter(is_built_in)?;
        let (name, summary, source) = (preset.name, preset.summary(), config.data.source);
        Some(json!({ "name": name, "summary": summary, "source": source, "text": preset.text }))
    });
    let mut answer = Answer::default();
    answer.put("presets", presets.collect::<Vec<_>>())?;
    answer.put("sources", builtin_names())?;
    answer.put("version", env!("CARGO_PKG_VERSION"))?;
    Ok(answer)
}

/// What a game that has just been opened is.
fn describe(game: &mut LiveGame, command: Option<String>) -> Result<Answer, Problem> {
    let mut answer = Answer::default();
    let config = serde_json::to_value(game.config())
        .map_err(|error| Problem::failed(format!("cannot write the configuration: {error}")))?;
    let image = game.record().shape.image();
    let bounds = match image {
        Some(_) => Vec::new(),
        None => game.bounds(),
    };
    answer.put("config", config)?;
    answer.put("text", game.config_text())?;
    answer.put("command", command)?;
    answer.put("step", game.steps_done())?;
    answer.put("steps", game.steps())?;
    answer.put("notes", &game.notes)?;
    answer.put("cols", game.cols())?;
    answer.put("image", image)?;
    answer.put("bounds", bounds)?;
    answer.put("records", game.record().train_records)?;
    answer.put("parameters", game.parameter_counts())?;
    Ok(answer)
}

/// A reading as a list of one or none, with its finding.
fn readings(reading: Option<LiveReading>) -> Result<Vec<Value>, Problem> {
    let of = |reading: LiveReading| {
        let mut line = serde_json::to_value(&reading.line)
            .map_err(|error| Problem::failed(format!("cannot write a reading: {error}")))?;
        if let Some((finding, remedy)) = &reading.finding {
            line["finding"] = json!({
                "words": finding.to_string(),
                "kind": finding.kind,
                "over": finding.passed.is_some(),
                "remedy": remedy,
                "cure": flags(remedy),
            });
        }
        if let Some(problem) = &reading.diverged {
            line["diverged"] = answer::problem(problem);
        }
        Ok(line)
    };
    reading.into_iter().map(of).collect()
}

/// The `key=value` of each `--set` of a remedy.
fn flags(remedy: &str) -> Vec<&str> {
    let flags = remedy.split("--set ").skip(1);
    flags.map(|flag| flag.trim().trim_matches('\'')).collect()
}

fn play(
    game: &mut LiveGame,
    iterations: u64,
    seconds: f64,
    beyond: bool,
) -> Result<Answer, Problem> {
    let before = game.steps_done();
    let end = match beyond {
        true => u64::MAX,
        false => game.steps(),
    };
    let mut lines = Vec::new();
    game.seconds = seconds;
    while game.steps_done() < end.min(before + iterations) && lines.len() < MOST_READINGS {
        let reading = game.step()?;
        let diverged = reading.as_ref().is_some_and(|it| it.diverged.is_some());
        lines.extend(readings(reading)?);
        if diverged {
            break;
        }
    }
    let step = game.steps_done();
    let mut answer = Answer::default();
    answer.put("readings", lines)?;
    answer.put("played", step - before)?;
    answer.put("step", step)?;
    answer.put("done", step >= end)?;
    Ok(answer)
}

fn look(game: &mut LiveGame, wanted: &Look) -> Result<Answer, Problem> {
    let mut answer = Answer::default();
    answer.put("step", game.steps_done())?;
    let is_plane = game.cols() == 2 && game.record().shape.image().is_none();
    let is_axis = game.cols() == 1;
    if wanted.samples > 0 {
        let samples = game.samples(wanted.samples)?;
        if let Some(quality) = game.quality(&samples) {
            answer.put("quality", quality)?;
        }
        answer.put_floats("samples", samples);
    }
    if wanted.data > 0 {
        answer.put_floats("data", game.data(wanted.data));
    }
    if is_plane && wanted.surface > 0 {
        let points = grid(&widened(&game.bounds(), wanted.zoom), wanted.surface);
        answer.put_floats("surface", game.discriminate(&points)?);
    }
    if is_plane
        && wanted.manifold > 0
        && let Some(manifold) = game.manifold(wanted.manifold)?
    {
        answer.put_floats("manifold", manifold);
    }
    if is_plane
        && wanted.pull
        && let Some([from, pull]) = game.pull()?
    {
        answer.put_floats("from", from);
        answer.put_floats("pull", pull);
    }
    if is_plane && wanted.optimum > 0 {
        let bounds = game.bounds();
        let plane = game.plane([bounds[0], bounds[1]], wanted.optimum, PLANE_SAMPLES)?;
        answer.put("divergence", plane.divergence)?;
        answer.put("floor", plane.floor)?;
        answer.put("best_value", plane.best_value)?;
        answer.put_floats("optimum", plane.optimum);
    }
    if is_axis && wanted.axis > 0 {
        let [low, high] = game.bounds()[0];
        let count = wanted.axis;
        let axis = game.axis(Bins { low, high, count })?;
        let width = axis.bins.width();
        let densities = |shares: Vec<f64>| shares.into_iter().map(move |p| (p / width) as f32);
        answer.put("divergence", axis.divergence)?;
        answer.put("best_value", axis.best_value)?;
        answer.put("value", axis.value)?;
        answer.put_floats("p_data", densities(axis.data));
        answer.put_floats("p_g", densities(axis.generated));
        answer.put_floats("d", axis.d);
        answer.put_floats("d_best", axis.optimum.into_iter().map(|d| d as f32));
        answer.put_floats("mapped", axis.mapped.into_iter().flatten());
    }
    Ok(answer)
}

/// Samples that D* and JSD of the plane are counted from.
const PLANE_SAMPLES: usize = 4000;

/// So many times as large a rectangle around the same middle.
fn widened(bounds: &[[f64; 2]], factor: f64) -> Vec<[f64; 2]> {
    let around = |[low, high]: &[f64; 2]| {
        let (middle, half) = (0.5 * (low + high), 0.5 * factor * (high - low));
        [middle - half, middle + half]
    };
    bounds.iter().map(around).collect()
}

/// The middles of `side` × `side` cells of a rectangle, row by row from below.
fn grid(bounds: &[[f64; 2]], side: usize) -> Vec<f32> {
    let at = |[low, high]: [f64; 2], i: usize| {
        (low + (high - low) * (i as f64 + 0.5) / side as f64) as f32
    };
    let cells = (0..side * side).map(|cell| (cell % side, cell / side));
    let points = cells.map(|(x, y)| [at(bounds[0], x), at(bounds[1], y)]);
    points.flatten().collect()
}
