//! `cargo xtask bench`: measures this machine's processor, prints what it found, and keeps it if
//! asked to.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use benches::arguments::Arguments;
use benches::iterations::{GAMES, operations};
use benches::memory::Counting;
use benches::results::{Fact, Limit, LimitKind, Purpose, Results, Row};
use benches::tasks::{Digits, load, parzen, parzen_facts, sample};
use benches::{machine, peers, provenance, render, scaling, spawn};

#[global_allocator]
static COUNTING: Counting = Counting;

// The report is what this program is for.
#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let wanted = Arguments::parse(std::env::args().skip(1))?;
    let device = &wanted.device;
    ensure!(device == "cpu", "--device {device}: this program knows cpu");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if wanted.render {
        return render::write(&root);
    }
    let files = measure(&wanted)?;
    println!("{}", render::terminal(&files));
    if wanted.write {
        for file in &files {
            let path = file.write(&root.join("benches/results"))?;
            println!("wrote {}", path.display());
        }
        render::write(&root)?;
        println!("rendered docs/benchmarks.md");
    }
    Ok(())
}

fn measure(wanted: &Arguments) -> Result<Vec<Results>> {
    let mut files = Vec::new();
    let mut file = |purpose, fill: &dyn Fn(&mut Results) -> Result<()>| -> Result<()> {
        let mut results = Results::new(purpose, provenance::processor());
        let before = round_trip();
        fill(&mut results)?;
        results.facts.extend(handshakes(purpose, before));
        provenance::finish(&mut results.machine);
        files.push(results);
        Ok(())
    };
    if !wanted.facts.is_empty() {
        file(Purpose::Builds, &|results| {
            results.facts.clone_from(&wanted.facts);
            results.rows = starts(wanted)?;
            Ok(())
        })?;
    }
    if !wanted.only {
        file(Purpose::Report, &|results| report(results, wanted))?;
    }
    if wanted.peers {
        file(Purpose::Peers, &|results| others(results, wanted))?;
    }
    if wanted.scaling {
        file(Purpose::Scaling, &|results| {
            say("scaling");
            let threads = wanted.thread_counts().last().copied().unwrap_or(1);
            results.curves = scaling::curves(threads, wanted.quick)?;
            Ok(())
        })?;
    }
    Ok(files)
}

/// What a word takes between two threads, where there are two.
fn round_trip() -> Option<f64> {
    let several = std::thread::available_parallelism().is_ok_and(|threads| threads.get() > 1);
    several.then(machine::round_trip)
}

/// The same at the beginning and at the end of what took long.
fn handshakes(purpose: Purpose, before: Option<f64>) -> Vec<Fact> {
    let fact = |when: &str, seconds: f64| Fact {
        name: format!(
            "two threads/a word there and back, {when} {}",
            purpose.name()
        ),
        value: Some(1e9 * seconds),
        unit: "ns".into(),
    };
    match (purpose, before) {
        (Purpose::Builds, _) | (_, None) => Vec::new(),
        (_, Some(before)) => vec![fact("before", before), fact("after", machine::round_trip())],
    }
}

/// What takes a while, on the terminal alone.
#[allow(clippy::print_stderr)]
fn say(what: &str) {
    eprintln!("  {what}");
}

fn report(results: &mut Results, wanted: &Arguments) -> Result<()> {
    let plan = wanted.plan();
    for threads in wanted.thread_counts() {
        say(&format!("{threads} thread(s): limits"));
        results
            .limits
            .extend(machine::limits(threads, wanted.quick)?);
        for game in &GAMES {
            say(&format!("{threads} thread(s): {} iteration", game.name));
            let effort = if game.heavy {
                plan.heavy(5)
            } else {
                plan.light(Duration::from_secs(3))
            };
            let precisions = wanted.precisions();
            results
                .rows
                .extend(game.rows(threads, &precisions, effort)?);
        }
        say(&format!("{threads} thread(s): operations"));
        let effort = plan.light(Duration::from_millis(250));
        results.rows.extend(operations(threads, effort)?);
    }
    tasks(results, wanted)
}

/// The same work in other frameworks, and their products.
fn others(results: &mut Results, wanted: &Arguments) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let seconds = if wanted.quick { 0 } else { 10 };
    let budget = Duration::from_secs(seconds);
    for threads in wanted.thread_counts() {
        say(&format!("{threads} thread(s): other frameworks"));
        match peers::product_rates(threads, &root) {
            Ok(rates) => results.limits.extend(rates.into_iter().map(|rate| Limit {
                kind: LimitKind::Product,
                name: format!("{} {}", rate.name, rate.version),
                threads: Some(threads),
                precision: "f32".into(),
                rate: rate.flops.clone().ok(),
                skipped: rate.flops.err(),
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

/// Starts of the binaries that were built.
fn starts(wanted: &Arguments) -> Result<Vec<Row>> {
    spawn::rows(&spawn::folder(), if wanted.quick { 3 } else { 50 })
}

fn tasks(results: &mut Results, wanted: &Arguments) -> Result<()> {
    let plan = wanted.plan();
    say("tasks: digits");
    let digits = Digits::new(if wanted.quick { 500 } else { 10_000 })?;
    let counts = wanted.thread_counts();
    for &threads in &counts {
        say(&format!("{threads} thread(s): Parzen window, samples"));
        results
            .rows
            .extend(parzen(&digits, threads, plan.heavy(5))?);
        let effort = plan.light(Duration::from_secs(2));
        results.rows.push(sample(threads, effort)?);
    }
    let all = counts.last().copied().unwrap_or(1);
    results.facts.extend(parzen_facts(&digits, all)?);
    say("starts, loading");
    if wanted.facts.is_empty() {
        results.rows.extend(starts(wanted)?);
    }
    results.rows.extend(load(plan.heavy(5))?);
    Ok(())
}
