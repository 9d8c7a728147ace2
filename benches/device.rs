//! `cargo xtask bench --device cuda|wgpu|vulkan|hip`: measures a GPU, prints what it found, and
//! keeps it if asked to.
//!
//! `--part` measures one part, of which `--results` joins the others' in the same folder;
//! `--bars` measures nothing and tells what those amount to: so `benches/gpu.sh` can give each part
//! a limit of its own.
//!
//! Processors in disguise are measured with tiny budgets, to see that everything runs; their
//! numbers say nothing and are not kept beside others.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

/// What a processor in disguise is called by.
const DISGUISE: &str = ", the processor in disguise: a smoke test";

/// Parts of a report in their order: the floor before the times that stand beside it.
const PARTS: [&str; 9] = [
    "limits",
    "facts",
    "mnist",
    "cifar10-fc",
    "large",
    "products",
    "operations",
    "parzen",
    "records",
];

/// What the command line asks for.
struct Wanted {
    /// What it asks of any report.
    all: Arguments,
    /// One of [`PARTS`] alone.
    part: Option<String>,
    /// Where results go that are not kept in the repository.
    results: Option<PathBuf>,
    /// When other frameworks, and other libraries' products, must have answered.
    until: Option<Instant>,
    /// Tell what was asked and found, from the results alone.
    bars: bool,
}

impl Wanted {
    fn parse(mut words: Vec<String>) -> Result<Self> {
        let part = take(&mut words, "--part")?;
        if let Some(part) = part.as_deref() {
            let known = PARTS.join(", ");
            ensure!(
                PARTS.contains(&part),
                "--part {part}: expected one of {known}"
            );
        }
        let results = take(&mut words, "--results")?.map(PathBuf::from);
        let seconds = take(&mut words, "--seconds")?;
        let seconds = seconds
            .map(|text| {
                text.parse()
                    .with_context(|| format!("--seconds {text}: expected a whole number"))
            })
            .transpose()?;
        let count = words.len();
        words.retain(|word| word != "--bars");
        Ok(Self {
            bars: words.len() < count,
            part,
            results,
            until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            all: Arguments::parse(words)?,
        })
    }

    fn wants(&self, part: &str) -> bool {
        match &self.part {
            Some(wanted) => wanted == part,
            None => !self.all.only,
        }
    }
}

/// The value behind `flag`, both taken out of `words`.
fn take(words: &mut Vec<String>, flag: &str) -> Result<Option<String>> {
    let Some(at) = words.iter().position(|word| word == flag) else {
        return Ok(None);
    };
    words.remove(at);
    ensure!(at < words.len(), "{flag}: a value is missing");
    Ok(Some(words.remove(at)))
}

// The report is what this program is for.
#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let wanted = Wanted::parse(std::env::args().skip(1).collect())?;
    if wanted.bars {
        let folder = wanted.results.context("--bars: --results is missing")?;
        tell(&Results::read_all(&folder)?);
        return Ok(());
    }
    let (device, write) = (&wanted.all.device, wanted.all.write);
    ensure!(device != "cpu", "--device cpu: this program knows GPUs");
    let gpu = Gpu::find(device, wanted.all.quick)?;
    ensure!(
        !(gpu.report.is_software && write),
        "--write: {} is the processor in disguise, whose numbers are not kept",
        gpu.report.description
    );
    let mut files = measure(&gpu, &wanted)?;
    println!("{}", render::terminal(&files));
    tell(&files);
    let folder = if write {
        Some(root().join("benches/results"))
    } else {
        wanted.results
    };
    if let Some(folder) = folder {
        for file in &mut files {
            if wanted.part.is_some() || wanted.all.only {
                *file = joined(&folder, file.clone())?;
            }
            println!("wrote {}", file.write(&folder)?.display());
        }
    }
    if write {
        render::write(&root())?;
        println!("rendered docs/benchmarks.md");
    }
    Ok(())
}

/// What was asked and what came of it.
#[allow(clippy::print_stdout)]
fn tell(files: &[Results]) {
    if files.iter().any(|it| it.machine.device.ends_with(DISGUISE)) {
        println!("a smoke test: that something is reached or not says nothing\n");
    }
    for bar in bars::gpu_bars(&files.iter().collect::<Vec<_>>()) {
        let found = bar.found_text().replace("**", "");
        println!("{}: {}, {found}", bar.name, bar.wanted_text());
    }
}

/// What is in `folder` of the same device and purpose, with `newer` in it.
fn joined(folder: &Path, newer: Results) -> Result<Results> {
    if !folder.is_dir() {
        return Ok(newer);
    }
    let mut all = Results::read_all(folder)?.into_iter();
    let older = all.find(|older| older.file_name() == newer.file_name());
    let mut all = match older {
        Some(older) => gpu::join(older, newer),
        None => newer,
    };
    floors(&mut all);
    Ok(all)
}

/// What takes a while, on the terminal alone.
#[allow(clippy::print_stderr)]
fn say(what: &str) {
    eprintln!("  {what}");
}

fn measure(gpu: &Gpu, wanted: &Wanted) -> Result<Vec<Results>> {
    let mut files = Vec::new();
    let precisions: Vec<Precision> = match &wanted.all.precision {
        None => gpu.report.precisions.clone(),
        Some(name) => vec![name.parse().map_err(anyhow::Error::msg)?],
    };
    let mut file = |purpose, fill: &dyn Fn(&mut Results) -> Result<()>| -> Result<()> {
        let mut machine = provenance::here();
        machine.device.clone_from(&gpu.report.description);
        if gpu.report.is_software {
            machine.device += DISGUISE;
        }
        machine.backend = gpu.name.to_string();
        let mut results = Results::new(purpose, machine);
        fill(&mut results)?;
        provenance::finish(&mut results.machine);
        files.push(results);
        Ok(())
    };
    if PARTS.iter().any(|part| wanted.wants(part)) {
        file(Purpose::Report, &|results| {
            for part in PARTS.iter().filter(|part| wanted.wants(part)) {
                say(part);
                measure_part(gpu, part, &precisions, wanted.until, results)
                    .with_context(|| (*part).to_owned())?;
            }
            Ok(())
        })?;
    }
    if wanted.all.peers {
        file(Purpose::Peers, &|results| {
            others(gpu, &precisions, wanted, results)
        })?;
    }
    Ok(files)
}

fn measure_part(
    gpu: &Gpu,
    part: &str,
    precisions: &[Precision],
    until: Option<Instant>,
    results: &mut Results,
) -> Result<()> {
    let first = precisions.first().copied().unwrap_or_default();
    match part {
        "limits" => {
            let (limits, launches) = gpu::limits(gpu, precisions, until)?;
            results.limits = limits;
            results.rows.extend(launches);
        }
        "facts" => {
            results.facts = gpu::facts(gpu, first)?;
            floors(results);
        }
        "products" => results.products = gpu::products(gpu, precisions, until)?,
        "operations" => {
            for &precision in precisions {
                results.rows.extend(gpu::timeline(gpu, precision)?);
            }
        }
        "parzen" => results.rows.extend(gpu::parzen(gpu)?),
        "records" => results.curves = vec![gpu::over_records(gpu, first)?],
        game => {
            for &precision in precisions {
                let row = gpu::iteration(gpu, precision, game);
                let row = row.with_context(|| precision.to_string())?;
                results.rows.extend(row);
            }
        }
    }
    Ok(())
}

/// The least time of an iteration in each precision of which the limits are known.
fn floors(results: &mut Results) {
    let launch = results.rows.iter();
    let launch = launch
        .filter(|row| row.name == "launch/empty/replayed")
        .find_map(|row| row.seconds());
    let products = results.limits.iter();
    let products = products.filter(|limit| limit.kind == LimitKind::Product);
    let mut precisions: Vec<String> = products.map(|limit| limit.precision.clone()).collect();
    // In their order, in which those of one follow each other.
    precisions.dedup();
    for precision in precisions {
        let rate = |kind| results.limit(kind, None, &precision);
        let floor = (|| {
            let (product, copy) = (rate(LimitKind::Product)?, rate(LimitKind::Copy)?);
            gpu::floor(&results.facts, product, copy, launch?)
        })();
        let name = format!("mnist/floor in {precision}");
        results.facts.retain(|fact| fact.name != name);
        results.facts.push(Fact {
            name,
            value: floor,
            unit: "s".into(),
        });
    }
}

fn others(
    gpu: &Gpu,
    precisions: &[Precision],
    wanted: &Wanted,
    results: &mut Results,
) -> Result<()> {
    let budget = Duration::from_secs(if gpu.quick { 0 } else { 2 });
    // Those that something is asked of; the frameworks take a minute each to compile.
    let asked = precisions.iter().filter(|it| {
        wanted.all.precision.is_some()
            || [Precision::F32, Precision::Tf32x3, Precision::Tf32].contains(it)
    });
    for &precision in asked {
        say(&format!("{precision}: other frameworks"));
        let root: &Path = &root();
        let rows = peers::measure(
            1,
            precision.name(),
            &wanted.all.device,
            budget,
            wanted.until,
            root,
        )?;
        results.peers.extend(rows);
    }
    Ok(())
}
