//! A run whose caller is not the program: it is told what happens, stops the run and goes on with it.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

use std::path::Path;

use gan_run::config::Overrides;
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::event::{Event, Observer};
use gan_run::model::Model;
use gan_run::plan::Plan;
use gan_run::run_dir::Existing;
use gan_run::training::Ending;

/// Writes down the names of events, and stops a run after some iterations.
struct Watcher {
    stop_at: u64,
    step: u64,
    events: Vec<String>,
}

impl Watcher {
    fn new(stop_at: u64) -> Self {
        let (step, events) = (0, Vec::new());
        Self {
            stop_at,
            step,
            events,
        }
    }

    fn watch(&mut self, plan: Plan) -> Ending {
        let precision = PrecisionChoice::F32;
        let (device, _) = Device::open(DeviceChoice::Cpu, precision, Some(1)).unwrap();
        plan.train(device, precision, self).unwrap()
    }
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        let event = serde_json::to_value(event).unwrap();
        self.events
            .push(event["event"].as_str().unwrap().to_owned());
    }

    fn progress(&mut self, step: u64) {
        self.step = step;
    }

    fn stop_requested(&self) -> bool {
        self.step >= self.stop_at
    }
}

/// Removes the checkpoints, and puts a directory in the place of the next.
struct Vandal(std::path::PathBuf);

impl Observer for Vandal {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Metrics { .. } = event {
            let folder = self.0.join("checkpoints");
            std::fs::remove_dir_all(&folder).unwrap();
            std::fs::create_dir_all(folder.join("step-000020.safetensors")).unwrap();
        }
    }

    fn progress(&mut self, _: u64) {}

    fn stop_requested(&self) -> bool {
        false
    }
}

#[test]
fn error_of_a_run_whose_checkpoints_were_removed_does_not_call_them_intact() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut overrides = Overrides::default();
    for set in [
        "data.count=300",
        "game.minibatch=8",
        "run={steps=20,log_every=20}",
    ] {
        overrides.set(set).unwrap();
    }
    let plan = Plan::new_run("ring8", &overrides, Some(&run), Existing::Keep).unwrap();
    let precision = PrecisionChoice::F32;
    let (device, _) = Device::open(DeviceChoice::Cpu, precision, Some(1)).unwrap();
    let problem = plan.train(device, precision, &mut Vandal(run)).unwrap_err();
    assert!(
        problem.message.contains("step-000020.safetensors"),
        "{problem}"
    );
    let hint = problem.hint.unwrap_or_default();
    assert!(!hint.contains("intact"), "{hint}");
}

#[test]
fn observer_is_told_of_a_run_and_may_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut overrides = Overrides::default();
    for set in [
        "data.count=300",
        "game.minibatch=8",
        "run={steps=20,log_every=10,sample_every=0,checkpoint_every=0}",
    ] {
        overrides.set(set).unwrap();
    }
    let plan = Plan::new_run("ring8", &overrides, Some(&run), Existing::Keep).unwrap();
    let mut watcher = Watcher::new(7);
    assert_eq!(watcher.watch(plan), Ending::Interrupted);
    let [data, start, metrics, checkpoint] = ["data", "start", "metrics", "checkpoint"];
    let expected = [data, start, checkpoint, checkpoint, "interrupted"];
    assert_eq!(watcher.events, expected);

    let mut watcher = Watcher::new(u64::MAX);
    let plan = Plan::resume(Some(&run), &Overrides::default(), &mut watcher).unwrap();
    assert_eq!(watcher.watch(plan), Ending::Done);
    assert_eq!(watcher.step, 20);
    let expected = [data, start, metrics, metrics, checkpoint, "sample", "done"];
    assert_eq!(watcher.events, expected);

    // The readings are those of a run that was not stopped.
    let whole = folder.path().join("whole");
    let plan = Plan::new_run("ring8", &overrides, Some(&whole), Existing::Keep).unwrap();
    Watcher::new(u64::MAX).watch(plan);
    let metrics = |run: &Path| {
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("seconds").unwrap();
            line
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(metrics(&run), metrics(&whole));

    // What the run leaves is all that a sampler needs.
    let model = Model::load(&run).unwrap();
    let game = model.game().unwrap().game();
    assert_eq!(model.checkpoint.config().unwrap(), game);
}
