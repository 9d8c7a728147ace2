//! `cargo xtask bench --device cuda|wgpu|vulkan|hip`: measures a GPU, prints what it found, and
//! keeps it if asked to.
//!
//! Processors in disguise are measured with tiny budgets, to see that everything runs; their
//! numbers say nothing and are not kept beside others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use benches::arguments::Arguments;
use benches::game::root;
use benches::gpu::{self, Gpu};
use benches::memory::Counting;
use benches::results::{Fact, LimitKind, Purpose, Results};
use benches::{bars, peers, provenance, render};
use gan_kernels::cube::Precision;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Where results go that are not kept in the repository.
const RESULTS: &str = "--results";

// The report is what this program is for.
#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut folder = None;
    if let Some(at) = words.iter().position(|word| word == RESULTS) {
        words.remove(at);
        ensure!(at < words.len(), "{RESULTS}: a folder is missing");
        folder = Some(PathBuf::from(words.remove(at)));
    }
    let wanted = Arguments::parse(words)?;
    let device = &wanted.device;
    ensure!(device != "cpu", "--device cpu: this program knows GPUs");
    let gpu = Gpu::find(device, wanted.quick)?;
    let software = gpu.report.is_software;
    ensure!(
        !(software && wanted.write),
        "--write: {} is the processor in disguise, whose numbers are not kept",
        gpu.report.description
    );
    let files = measure(&gpu, &wanted)?;
    println!("{}", render::terminal(&files));
    if software {
        println!("a smoke test: that something is reached or not says nothing\n");
    }
    for bar in bars::gpu_bars(&files.iter().collect::<Vec<_>>()) {
        println!(
            "{}: {}, {}",
            bar.name,
            bar.wanted_text(),
            bar.found_text().replace("**", "")
        );
    }
    if wanted.write {
        folder = Some(root().join("benches/results"));
    }
    if let Some(folder) = folder {
        for file in &files {
            println!("wrote {}", file.write(&folder)?.display());
        }
    }
    if wanted.write {
        render::write(&root())?;
        println!("rendered docs/benchmarks.md");
    }
    Ok(())
}

/// What takes a while, on the terminal alone.
#[allow(clippy::print_stderr)]
fn say(what: &str) {
    eprintln!("  {what}");
}

fn measure(gpu: &Gpu, wanted: &Arguments) -> Result<Vec<Results>> {
    let mut files = Vec::new();
    let precisions: Vec<Precision> = match &wanted.precision {
        None => gpu.report.precisions.clone(),
        Some(name) => vec![name.parse().map_err(anyhow::Error::msg)?],
    };
    let mut file = |purpose, fill: &dyn Fn(&mut Results) -> Result<()>| -> Result<()> {
        let mut machine = provenance::here();
        machine.device.clone_from(&gpu.report.description);
        if gpu.report.is_software {
            machine.device += ", the processor in disguise: a smoke test";
        }
        machine.backend = gpu.name.to_string();
        let mut results = Results::new(purpose, machine);
        fill(&mut results)?;
        provenance::finish(&mut results.machine);
        files.push(results);
        Ok(())
    };
    if !wanted.only {
        file(Purpose::Report, &|results| {
            report(gpu, &precisions, results)
        })?;
    }
    if wanted.peers {
        file(Purpose::Peers, &|results| {
            others(gpu, &precisions, wanted, results)
        })?;
    }
    Ok(files)
}

fn report(gpu: &Gpu, precisions: &[Precision], results: &mut Results) -> Result<()> {
    say("limits");
    let (limits, launches) = gpu::limits(gpu, precisions)?;
    results.limits = limits;
    let launch = launches.last().and_then(|row| row.seconds());
    results.rows = launches;
    // The floor before the times that stand beside it.
    results.facts = gpu::facts(gpu, precisions.first().copied().unwrap_or_default())?;
    for &precision in precisions {
        let rate = |kind| results.limit(kind, None, precision.name());
        let floor = (|| {
            let (product, copy) = (rate(LimitKind::Product)?, rate(LimitKind::Copy)?);
            gpu::floor(&results.facts, product, copy, launch?)
        })();
        results.facts.push(Fact {
            name: format!("mnist/floor in {precision}"),
            value: floor,
            unit: "s".into(),
        });
    }
    for &precision in precisions {
        say(&format!("{precision}: iterations"));
        results.rows.extend(gpu::iterations(gpu, precision)?);
        say(&format!("{precision}: each operation alone"));
        let timeline = gpu::timeline(gpu, precision);
        results.rows.extend(timeline.context("each operation")?);
    }
    say("Parzen window");
    results.rows.extend(gpu::parzen(gpu)?);
    say("data sets of several sizes");
    let precision = precisions.first().copied().unwrap_or_default();
    results.curves = vec![gpu::over_records(gpu, precision)?];
    Ok(())
}

fn others(
    gpu: &Gpu,
    precisions: &[Precision],
    wanted: &Arguments,
    results: &mut Results,
) -> Result<()> {
    let budget = Duration::from_secs(if gpu.quick { 0 } else { 2 });
    // Those that something is asked of; the frameworks take a minute each to compile.
    let asked = precisions
        .iter()
        .filter(|it| wanted.precision.is_some() || [Precision::F32, Precision::Tf32].contains(it));
    for &precision in asked {
        say(&format!("{precision}: other frameworks"));
        let root: &Path = &root();
        let rows = peers::measure(1, precision.name(), &wanted.device, budget, root)?;
        results.peers.extend(rows);
    }
    Ok(())
}
