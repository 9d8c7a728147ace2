//! Whole runs as a library: three learning rates of a preset, each with its directory, checkpoints,
//! pictures and report, the best of them named and drawn from.
//!
//! ```text
//! cargo run --release --example 04-whole-run
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use gan_run::config::Overrides;
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::event::{Event, Observer};
use gan_run::model::Model;
use gan_run::plan::Plan;
use gan_run::report::RunFacts;
use gan_run::run_dir::Existing;

/// Tells what is wrong with a game as soon as the run finds it; says nothing else.
struct Findings;

impl Observer for Findings {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Diagnosis { finding, .. } = event {
            println!("  {finding}");
        }
    }

    fn progress(&mut self, _step: u64) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let precision = PrecisionChoice::F32;
    let open = || Device::open(DeviceChoice::Cpu, precision, None).map(|(device, _why)| device);
    let folder = Path::new("runs/04-whole-run");
    let mut best = None;
    for rate in ["0.02", "0.1", "0.5"] {
        let run = folder.join(rate);
        println!("{}", run.display());
        let mut changes = Overrides::default(); // As after `--set`.
        changes.set(&format!("optimizer.learning_rate={rate}"))?;
        changes.set("run.steps=3000")?;
        let plan = Plan::new_run("ring8", &changes, Some(&run), Existing::Replace)?;
        plan.train(open()?, precision, &mut Findings)?;

        let measure = RunFacts::read(&run, None)?.outcome().measure;
        let measure = measure.ok_or("ring8 has modes to count")?;
        println!("  {measure}");
        if best
            .as_ref()
            .is_none_or(|(other, _)| measure.compare(*other).is_lt())
        {
            best = Some((measure, run));
        }
    }
    let (measure, run) = best.ok_or("no run")?;
    println!("best: {}, {measure}", run.display());
    let model = Model::load(&run)?;
    let samples = model.generator(&open()?)?.sample(1, 0, 3)?;
    for sample in samples.chunks_exact(model.cols) {
        println!("  {sample:?}");
    }
    Ok(())
}
