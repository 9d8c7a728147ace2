//! The report of a device: what is measured, printed and kept.

use std::io::{stdin, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use crate::arguments::Arguments;
use crate::game::{GAMES, root};
use crate::results::{Device, Fact, Limit, LimitKind, Purpose, Results, Row};
use crate::{
    machine, mapped, operations, peers, provenance, render, scaling, spawn, targets, tasks,
};

/// Measures what the command line asks for, prints it, and keeps it where that is asked for.
// The report is what this program is for.
#[allow(clippy::print_stdout)]
pub fn run() -> Result<()> {
    let arguments = &Arguments::parse();
    let root = root();
    if arguments.render {
        return render::write(&root);
    }
    if arguments.targets {
        let folder = arguments.results.as_ref().context("--results is missing")?;
        print_gpu_targets(&Results::read_all(folder)?);
        return Ok(());
    }
    if let Some(images) = &arguments.play {
        let threads = most_threads(arguments);
        return mapped::play(images, threads, stdin().lock(), stdout().lock());
    }
    let is_gpu = arguments.device != "cpu";
    let files = if is_gpu {
        gpu(arguments)?
    } else {
        processor(arguments)?
    };
    println!("{}", render::terminal(&files));
    if is_gpu {
        print_gpu_targets(&files);
    }
    let kept = arguments.write.then(|| root.join("benches/results"));
    if let Some(folder) = kept.as_ref().or(arguments.results.as_ref()) {
        let is_part = is_gpu && (arguments.only || arguments.part.is_some());
        for file in files {
            let file = if is_part { joined(folder, file)? } else { file };
            println!("wrote {}", file.write(folder)?.display());
        }
    }
    if arguments.write {
        render::write(&root)?;
        println!("rendered docs/benchmarks.md");
    }
    Ok(())
}

#[cfg(feature = "gpu")]
fn gpu(arguments: &Arguments) -> Result<Vec<Results>> {
    crate::gpu::measure(arguments)
}

#[cfg(not(feature = "gpu"))]
fn gpu(arguments: &Arguments) -> Result<Vec<Results>> {
    let device = &arguments.device;
    anyhow::bail!("--device {device}: this build knows cpu alone; build with `--features cuda`")
}

#[allow(clippy::print_stdout)]
fn print_gpu_targets(files: &[Results]) {
    let is_emulated = |file: &Results| file.machine.device.ends_with(provenance::EMULATED);
    if files.iter().any(is_emulated) {
        println!("a smoke test: that something is reached or not says nothing\n");
    }
    for target in targets::on_gpu(Device { files }) {
        let verdict = target.verdict().replace("**", "");
        println!("{}: {}, {verdict}", target.name, target.wanted());
    }
}

/// The results in `folder` of the same device and purpose, with the newer ones in them.
fn joined(folder: &Path, newer: Results) -> Result<Results> {
    let all = if folder.is_dir() {
        Results::read_all(folder)?
    } else {
        Vec::new()
    };
    let mut all = all.into_iter();
    let older = all.find(|older| older.file_name() == newer.file_name());
    Ok(older.map_or(newer.clone(), |older| older.joined(newer)))
}

/// Says on the terminal what takes a while.
#[allow(clippy::print_stderr)]
pub(crate) fn say(what: &str) {
    eprintln!("  {what}");
}

/// Everything of a processor.
fn processor(arguments: &Arguments) -> Result<Vec<Results>> {
    let mut files = Vec::new();
    let mut file = |purpose, fill: &dyn Fn(&mut Results) -> Result<()>| -> Result<()> {
        let mut results = Results::new(purpose, provenance::processor());
        let has_two = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        let is_long = purpose != Purpose::Builds;
        let round_trip = || (has_two && is_long).then(machine::round_trip);
        let before = round_trip();
        fill(&mut results)?;
        for (when, seconds) in [("before", before), ("after", round_trip())] {
            let purpose = purpose.names().0;
            let name = format!("two threads/a word there and back, {when} {purpose}");
            let fact = seconds.map(|seconds| Fact::new(name, 1e9 * seconds, "ns"));
            results.facts.extend(fact);
        }
        provenance::finish(&mut results.machine);
        files.push(results);
        Ok(())
    };
    if !arguments.facts.is_empty() {
        file(Purpose::Builds, &|results| {
            results.facts.clone_from(&arguments.facts);
            results.rows = starts(arguments)?;
            Ok(())
        })?;
    }
    if !arguments.only {
        file(Purpose::Report, &|results| {
            iterations(results, arguments)?;
            whole_tasks(results, arguments)
        })?;
    }
    if arguments.peers {
        file(Purpose::Peers, &|results| others(results, arguments))?;
    }
    if arguments.scaling {
        file(Purpose::Scaling, &|results| {
            say("scaling");
            let threads = most_threads(arguments);
            results.curves = scaling::curves(threads, arguments.quick)?;
            Ok(())
        })?;
    }
    Ok(files)
}

/// The largest of the numbers of threads that are measured.
fn most_threads(arguments: &Arguments) -> usize {
    arguments.thread_counts().last().copied().unwrap_or(1)
}

/// Limits, iterations and their operations.
fn iterations(results: &mut Results, arguments: &Arguments) -> Result<()> {
    for threads in arguments.thread_counts() {
        say(&format!("{threads} thread(s): limits"));
        let limits = machine::limits(threads, arguments.quick)?;
        results.limits.extend(limits);
        for game in &GAMES {
            say(&format!("{threads} thread(s): {} iteration", game.name));
            let effort = if game.is_heavy {
                arguments.heavy(5)
            } else {
                arguments.light(Duration::from_secs(3))
            };
            let rows = game.rows(threads, &arguments.precisions(), effort)?;
            results.rows.extend(rows);
        }
        say(&format!("{threads} thread(s): operations"));
        let effort = arguments.light(Duration::from_millis(250));
        let rows = operations::on_processor(threads, effort)?;
        results.rows.extend(rows);
    }
    Ok(())
}

/// Starts of the binaries that were built.
fn starts(arguments: &Arguments) -> Result<Vec<Row>> {
    spawn::rows(&spawn::folder(), if arguments.quick { 3 } else { 50 })
}

fn whole_tasks(results: &mut Results, arguments: &Arguments) -> Result<()> {
    say("tasks: digits");
    let digits = tasks::digits(if arguments.quick { 500 } else { 10_000 })?;
    let counts = arguments.thread_counts();
    for &threads in &counts {
        say(&format!("{threads} thread(s): Parzen window, samples"));
        let rows = tasks::parzen(&digits, threads, arguments.heavy(5))?;
        results.rows.extend(rows);
        let effort = arguments.light(Duration::from_secs(2));
        results.rows.push(tasks::sample(threads, effort)?);
    }
    let all = most_threads(arguments);
    results.facts.extend(tasks::parzen_facts(&digits, all)?);
    say("a file that is mapped");
    let (rows, facts) = mapped::rows(all, arguments.light(Duration::from_secs(2)))?;
    results.rows.extend(rows);
    results.facts.extend(facts);
    say("starts, loading");
    if arguments.facts.is_empty() {
        results.rows.extend(starts(arguments)?);
    }
    results.rows.extend(tasks::load(arguments.heavy(5))?);
    Ok(())
}

/// The same work in other frameworks, and their products.
fn others(results: &mut Results, arguments: &Arguments) -> Result<()> {
    let root = root();
    let budget = Duration::from_secs(if arguments.quick { 0 } else { 10 });
    for threads in arguments.thread_counts() {
        say(&format!("{threads} thread(s): other frameworks"));
        match peers::product_rates(threads, &root) {
            Ok(rates) => results.limits.extend(rates.into_iter().map(|rate| {
                let name = format!("{} {}", rate.name, rate.version);
                let flops = rate.flops.ok_or(rate.skip.unwrap_or_default());
                Limit::new(LimitKind::Product, name, Some(threads), "f32", flops)
            })),
            // The rows say as well which frameworks are missing.
            Err(error) => say(&format!("their products are not measured: {error:#}")),
        }
        // The peers' programs offer f32 alone on processors.
        let rows = peers::measure(threads, "f32", "cpu", budget, None, &root)?;
        results.peers.extend(rows);
        let rows = peers::measure_parzen(threads, budget, &root)?;
        results.parzen_peers.extend(rows);
    }
    Ok(())
}
