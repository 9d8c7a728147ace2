//! The native part of the Python package `gans`: runs and models by path.
//!
//! Everything that is about frames and arrays is written in Python, in `python/gans/`: it hands
//! over files, and reads files back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gan_data::{FileKind, RecordShape, Transform};
use gan_run::config::{Overrides, presets};
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::evaluation::{Settings, Task};
use gan_run::event::{Event, Observer};
use gan_run::plan::Plan;
use gan_run::problem::{Cause, Problem};
use gan_run::run_data::{data_file, named_data};
use gan_run::run_dir::Existing;
use gan_run::sampling::Samples;
use gan_run::training::Ending;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// Time between two looks at Python's signals, for which its lock is taken.
const LOOK: Duration = Duration::from_millis(100);

/// The exception for `problem`, whose hint stands behind the message, both in the words of Python.
fn exception(py: Python<'_>, problem: Problem) -> PyErr {
    let text = match problem.hint {
        Some(hint) => format!("{}\nhint: {hint}", problem.message),
        None => problem.message,
    };
    let words = py.import("gans._words");
    let text: String =
        match words.and_then(|words| words.call_method1("in_python", (&text,))?.extract()) {
            Ok(text) => text,
            Err(error) => return error,
        };
    match problem.cause {
        Cause::Usage | Cause::Data => PyValueError::new_err(text),
        Cause::System => PyOSError::new_err(text),
        Cause::Failure => PyRuntimeError::new_err(text),
    }
}

/// The device called `name`, with so many threads.
fn open(name: &str, threads: Option<usize>) -> Result<Device, Problem> {
    let choice: DeviceChoice = name.parse().map_err(|error| {
        let hint = "for example device=\"cpu\" or device=\"auto\"";
        Problem::usage(format!("device {name:?}: {error}")).hint(hint)
    })?;
    let (device, _) = Device::open(choice, PrecisionChoice::default(), threads)?;
    Ok(device)
}

/// Tells a Python function what happens, and listens to it and to Ctrl-C.
struct Teller {
    /// Called with the JSON of an event; it returns `False` to end the work.
    tell: Py<PyAny>,
    /// What it has raised, or a signal has.
    raised: Option<PyErr>,
    is_over: bool,
    looked: Instant,
}

impl Teller {
    fn new(tell: Py<PyAny>) -> Self {
        Self {
            tell,
            raised: None,
            is_over: false,
            looked: Instant::now(),
        }
    }

    fn call(&mut self, json: &str) {
        let answer = Python::attach(|py| {
            let answer = self.tell.bind(py).call1((json,))?;
            Ok::<_, PyErr>(answer.is_none() || answer.is_truthy()?)
        });
        match answer {
            Ok(goes_on) => self.is_over |= !goes_on,
            Err(error) => self.raised = self.raised.take().or(Some(error)),
        }
    }

    /// Tells the JSON of how far the work is and lets Python handle its signals, if it is time to.
    fn look(&mut self, json: impl FnOnce() -> String) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.call(&json());
        if let Err(error) = Python::attach(|py| py.check_signals()) {
            self.raised = self.raised.take().or(Some(error));
        }
        self.looked = Instant::now();
    }

    /// Leaves the work for [`interruptible`], if something was raised.
    fn leave_if_raised(&mut self) {
        if let Some(error) = self.raised.take() {
            resume_unwind(Box::new(error));
        }
    }
}

impl Observer for Teller {
    fn event(&mut self, event: &Event<'_>) {
        let Ok(mut json) = serde_json::to_value(event) else {
            return;
        };
        if let Event::Diagnosis {
            finding, remedy, ..
        } = event
        {
            json["text"] = finding.with_remedy(remedy).into();
        }
        self.call(&json.to_string());
    }

    fn progress(&mut self, step: u64) {
        self.look(|| format!(r#"{{"event":"progress","step":{step}}}"#));
    }

    fn stop_requested(&self) -> bool {
        self.is_over || self.raised.is_some()
    }
}

/// Does work that has no way to be asked to stop without Python's lock; it leaves by
/// [`Teller::leave_if_raised`].
fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Problem> + Send,
) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(done) => done.map_err(|problem| exception(py, problem)),
        Err(left) => match left.downcast::<PyErr>() {
            Ok(error) => Err(*error),
            Err(panic) => resume_unwind(panic),
        },
    }
}

/// Trains, and raises what its observer has seen raised.
fn play(
    py: Python<'_>,
    device: &str,
    threads: Option<usize>,
    tell: Py<PyAny>,
    plan: impl FnOnce(&mut Teller) -> Result<Plan, Problem> + Send,
) -> PyResult<bool> {
    let mut teller = Teller::new(tell);
    let ending = py.detach(|| {
        let plan = plan(&mut teller)?;
        plan.train(
            open(device, threads)?,
            PrecisionChoice::default(),
            &mut teller,
        )
    });
    if let Some(error) = teller.raised {
        return Err(error);
    }
    Ok(matches!(
        ending.map_err(|problem| exception(py, problem))?,
        Ending::Done
    ))
}

fn overrides(settings: &[String]) -> Result<Overrides, Problem> {
    let mut overrides = Overrides::default();
    settings.iter().try_for_each(|set| overrides.set(set))?;
    Ok(overrides)
}

/// Trains a new run in the directory `out`: of the preset or configuration `preset`, of the file
/// `source`, or of both; true if it has come to its end.
///
/// `tell` is called with the JSON of every event.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "called by the package alone")]
fn train(
    py: Python<'_>,
    preset: Option<PathBuf>,
    source: Option<PathBuf>,
    settings: Vec<String>,
    out: PathBuf,
    overwrite: bool,
    device: &str,
    threads: Option<usize>,
    tell: Py<PyAny>,
) -> PyResult<bool> {
    play(py, device, threads, tell, |_| {
        let mut overrides = overrides(&settings)?;
        let given = source.as_deref().map(named_data).transpose()?;
        overrides.flag("data", "data.source", given);
        let what = match (preset, &source) {
            (Some(preset), _) => preset,
            (None, None) => presets::DEFAULT.into(),
            (None, Some(source)) => {
                let file = data_file(source)?.ok_or_else(|| Problem {
                    message: format!("{}: found no file of data", source.display()),
                    hint: Some("a preset or a configuration is given as preset=".into()),
                    cause: Cause::System,
                })?;
                file.preset.into()
            }
        };
        let existing = Existing::of_flag(overwrite);
        Plan::new_run(what, &overrides, Some(&out), existing)
    })
}

/// Continues the run in the directory `run`; true if it has come to its end.
#[pyfunction]
fn resume(
    py: Python<'_>,
    run: PathBuf,
    settings: Vec<String>,
    device: &str,
    threads: Option<usize>,
    tell: Py<PyAny>,
) -> PyResult<bool> {
    play(py, device, threads, tell, |teller| {
        Plan::resume(Some(&run), &overrides(&settings)?, teller)
    })
}

/// A trained generator: a checkpoint file, and what it says about itself.
#[pyclass(frozen, module = "gans._gans")]
struct Model(gan_run::model::Model);

#[pymethods]
impl Model {
    /// The best or newest checkpoint of a run, or a checkpoint file.
    #[new]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let model = py.detach(|| gan_run::model::Model::load(&path));
        model.map(Self).map_err(|problem| exception(py, problem))
    }

    /// The checkpoint file.
    #[getter]
    fn path(&self) -> &Path {
        &self.0.path
    }

    /// Iterations that it was trained for.
    #[getter]
    fn step(&self) -> u64 {
        self.0.checkpoint.step
    }

    /// Seed of its run.
    #[getter]
    fn seed(&self) -> u64 {
        self.0.checkpoint.seed
    }

    /// The preset, or the name of the configuration.
    #[getter]
    fn preset(&self) -> &str {
        &self.0.record.preset
    }

    /// The configuration of its run, in TOML.
    #[getter]
    fn config(&self) -> &str {
        &self.0.checkpoint.config
    }

    /// Where its training data came from.
    #[getter]
    fn source(&self) -> String {
        self.0.data().0.source
    }

    /// What is wrong with newer checkpoints of its run, which were passed over.
    #[getter]
    fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// True if it makes a table of columns with names.
    #[getter]
    fn is_table(&self) -> bool {
        matches!(self.0.record.shape, RecordShape::Table(_))
    }

    /// True if some of its columns are texts, times or have blanks, so that no array holds it.
    #[getter]
    fn is_mixed(&self) -> bool {
        matches!(self.0.record.transform, Transform::Columns(_))
    }

    /// Height, width and channels of the images that it makes, if it makes images.
    #[getter]
    fn image(&self) -> Option<[usize; 3]> {
        self.0.record.shape.image()
    }

    /// What somebody has noted in it under `name`.
    fn note(&self, name: &str) -> Option<&str> {
        self.0.checkpoint.annotations.get(name).map(String::as_str)
    }

    /// Writes it to the file `path`, with a note in it.
    fn save(
        &self,
        py: Python<'_>,
        path: PathBuf,
        name: &str,
        note: Option<String>,
    ) -> PyResult<()> {
        py.detach(|| {
            let mut checkpoint = self.0.checkpoint.clone();
            checkpoint
                .annotations
                .extend(note.map(|note| (name.to_owned(), note)));
            checkpoint.save(&path).map_err(Problem::from)
        })
        .map_err(|problem| exception(py, problem))
    }

    /// Writes `number` samples that satisfy all of `conditions` to a file.
    #[allow(clippy::too_many_arguments, reason = "called by the package alone")]
    fn sample(
        &self,
        py: Python<'_>,
        out: PathBuf,
        number: usize,
        seed: Option<u64>,
        conditions: Vec<String>,
        calibrated: bool,
        device: &str,
        threads: Option<usize>,
        tell: Py<PyAny>,
    ) -> PyResult<()> {
        let mut teller = Teller::new(tell);
        interruptible(py, || {
            let kind = FileKind::of(&out).ok_or_else(|| {
                Problem::usage(format!(
                    "{}: found no kind of file that is written",
                    out.display()
                ))
                .hint(format!("choose one of {}", FileKind::EXTENSIONS.join(", ")))
            })?;
            let seed = seed.unwrap_or(self.0.checkpoint.seed);
            let device = open(device, threads)?;
            let mut samples =
                Samples::new(&self.0, &device, seed, number, &conditions, !calibrated)?;
            samples.write(&out, kind, &mut |done| {
                teller.look(|| stage("samples that satisfy the conditions", done));
                teller.leave_if_raised();
            })
        })
    }

    /// Measures how good its samples are: a document in JSON, which is written into the folder `out`
    /// as well, with its pictures.
    #[allow(clippy::too_many_arguments, reason = "called by the package alone")]
    fn evaluate(
        &self,
        py: Python<'_>,
        data: Option<PathBuf>,
        samples: Option<usize>,
        metrics: Vec<String>,
        target: Option<String>,
        seed: Option<u64>,
        quick_controls: bool,
        out: Option<PathBuf>,
        device: &str,
        threads: Option<usize>,
        tell: Py<PyAny>,
    ) -> PyResult<String> {
        let mut teller = Teller::new(tell);
        interruptible(py, || {
            let settings = Settings {
                data: data.as_deref(),
                samples,
                metrics: &metrics,
                target: target.as_deref(),
                quick_controls,
                seed,
                threads,
                ..Settings::default()
            };
            let task = Task::new(&self.0, settings)?;
            for text in task.warnings() {
                teller.event(&Event::Warning { text: text.clone() });
                teller.leave_if_raised();
            }
            let document = task.run(&open(device, threads)?, &mut |name, done| {
                teller.look(|| stage(name, done));
                teller.leave_if_raised();
            })?;
            if let Some(out) = &out {
                document.save(Some(out))?;
            }
            serde_json::to_string(&document).map_err(|error| Problem::failed(error.to_string()))
        })
    }
}

/// The JSON of how far a stage is.
fn stage(name: &str, done: f64) -> String {
    serde_json::json!({"event": "stage", "stage": name, "done": done}).to_string()
}

/// The names of the presets.
#[pyfunction]
#[pyo3(name = "presets")]
fn names_of_presets() -> Vec<&'static str> {
    presets::names().collect()
}

#[pymodule]
fn _gans(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(train, module)?)?;
    module.add_function(wrap_pyfunction!(resume, module)?)?;
    module.add_function(wrap_pyfunction!(names_of_presets, module)?)?;
    module.add_class::<Model>()?;
    Ok(())
}
