//! One table for people: the machine's limit, the iteration, each of its operations.
//!
//! Every operation is checked against the f64 oracle before it is timed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use benches::game::{mnist_iteration, mnist_trainer};
use benches::machine::{SIDE, product_rates};
use benches::timing::{alone, in_turn};
use benches::unfused::Unfused;
use gan_kernels::cases::{Case, Checker};
use gan_kernels::{Backend, Native};

const BUDGET: Duration = Duration::from_millis(600);

// The report is what this program is for.
#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|wanted| !"report".contains(&wanted)) {
        return Ok(());
    }
    println!(
        "\n{}, commit {}\n",
        Native::<f32>::new(None)?.description(),
        commit()
    );
    for threads in [1, all].into_iter().take(if all > 1 { 2 } else { 1 }) {
        let rates = product_rates(threads)?;
        println!(
            "## {threads} thread{}\n",
            if threads > 1 { "s" } else { "" }
        );
        println!("| f32 product {SIDE}³ | GFLOP/s |\n|---|---:|");
        for rate in &rates {
            println!("| {} | {:.1} |", rate.name, rate.flops / 1e9);
        }
        let limit = rates[0].flops;
        report_iteration(threads, limit)?;
        report_operations(threads, limit)?;
    }
    Ok(())
}

/// The commit that is measured, with a mark if files differ from it.
fn commit() -> String {
    let git = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .output();
    let name = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    name.ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

#[allow(clippy::print_stdout)]
fn report_iteration(threads: usize, limit: f64) -> Result<()> {
    let flop: u64 = mnist_iteration().iter().map(Case::flop).sum();
    let mut trainer = mnist_trainer(threads)?;
    let times = alone(BUDGET * 4, || trainer.step());
    let (median, flop) = (times.median(), flop as f64);
    println!(
        "\n| bench | ms | spread | iterations/s | GFLOP/s | of limit |\n|---|---:|---:|---:|---:|---:|"
    );
    println!(
        "| train_step/mnist | {:.2} | ±{:.1} % | {:.1} | {:.1} | {:.0} % |",
        median * 1e3,
        times.spread() * 100.0,
        1.0 / median,
        flop / median / 1e9,
        100.0 * flop / median / limit
    );
    Ok(())
}

/// A table of the operations of an iteration; the unfused baseline runs on one thread alone.
#[allow(clippy::print_stdout)]
fn report_operations(threads: usize, limit: f64) -> Result<()> {
    let native = Native::<f32>::new(Some(threads))?;
    let matrix = |rows, cols| native.matrix(rows, cols);
    let checker = Checker::new(&native, &matrix);
    let cases = mnist_iteration();
    let mut rows = Vec::new();
    let mut seen = BTreeMap::new();
    for case in &cases {
        *seen.entry(case.to_string()).or_insert(0) += 1;
    }
    for case in &cases {
        let name = case.to_string();
        let Some(count) = seen.remove(&name) else {
            continue;
        };
        checker
            .check(case)
            .with_context(|| format!("{name} is wrong"))?;
        let mut fused = checker.prepare(case);
        let mut run = || fused.run(&native).unwrap_or_default();
        let unfused = Unfused::new(case).filter(|_| threads == 1);
        let (times, ratio) = match unfused {
            None => (alone(BUDGET / 4, run), None),
            Some(mut unfused) => {
                let (times, _, ratio) = in_turn(BUDGET / 2, &mut run, || unfused.run());
                (times, Some(1.0 / ratio))
            }
        };
        rows.push((name, count, times, case.flop() as f64, ratio));
    }
    let total: f64 = rows
        .iter()
        .map(|(_, count, times, ..)| *count as f64 * times.median())
        .sum();
    println!("\n| operation | × | µs | spread | share | GFLOP/s | of limit | unfused / fused |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (name, count, times, flop, ratio) in rows {
        let median = times.median();
        let rate = |value: f64, unit: &str| {
            if flop > 0.0 {
                format!("{value:.0}{unit}")
            } else {
                "–".into()
            }
        };
        println!(
            "| {name} | {count} | {:.0} | ±{:.0} % | {:.1} % | {} | {} | {} |",
            median * 1e6,
            times.spread() * 100.0,
            100.0 * count as f64 * median / total,
            rate(flop / median / 1e9, ""),
            rate(100.0 * flop / median / limit, " %"),
            ratio.map_or("–".into(), |ratio| format!("{ratio:.2}")),
        );
    }
    println!(
        "| all operations of an iteration | {} | {:.0} | | 100 % | | | |",
        cases.len(),
        total * 1e6
    );
    Ok(())
}
