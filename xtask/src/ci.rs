//! `cargo xtask ci`: every check of a change, in the order that reuses the most.
//!
//! All stages run even when one fails, so that one run tells everything there is to mend.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// What a stage runs.
#[derive(Debug, PartialEq)]
enum Work {
    /// Cargo with these words.
    Cargo(String),
    Tidy,
    /// The page, tried in a browser.
    Page,
    /// The Python package, tried as a wheel.
    Python,
    /// A crate of somebody else, against the crates as they are published.
    Outside,
    /// Nothing, since this machine lacks something.
    Skip(&'static str),
}

/// A line in the table at the end.
struct Row {
    stage: &'static str,
    seconds: f64,
    /// `ok`, [`FAILED`], or why it was skipped.
    result: String,
}

/// The crates that others may depend on.
const LIBRARIES: [&str; 8] = [
    "gan-kernels",
    "gan-model",
    "gan-data",
    "gan-eval",
    "gan-pictures",
    "gan-rivals",
    "gan-mpi",
    "gan-run",
];

const FAILED: &str = "FAILED";
const SKIPPED: &str = "skipped: ";

/// What this machine has beyond cargo.
#[derive(Clone, Copy)]
struct Machine {
    nextest: bool,
    deny: bool,
    semver: bool,
    /// The LLVM that cubecl's CUDA compiler links, which a first build would download.
    llvm: bool,
    /// A compiler of the page's module.
    wasm: bool,
    /// A browser to try the page in.
    browser: bool,
    /// What builds and tests the Python package.
    python: bool,
    /// An MPI to link and to start processes by.
    mpi: bool,
}

/// The stages, in order.
///
/// Lints and documentation share what they build, for CUDA as well wherever it can be linked. Tests
/// are built without it: LLVM in every test binary costs more than the stage at the end, which looks
/// at what the kernels compile to, without a device. Warnings are denied by an argument to clippy
/// and never by `RUSTFLAGS`, which would rebuild every dependency for the tests.
fn stages(machine: Machine, released: Option<&str>, fix: bool) -> Vec<(&'static str, Work)> {
    let tested = match machine.mpi {
        true => "--features=benches/wgpu,gan-cli/mpi",
        false => super::TESTED_FEATURES,
    };
    let features = match machine.llvm {
        true => format!("{tested},gan-cli/cuda"),
        false => tested.to_owned(),
    };
    let cargo = |words: &str| Work::Cargo(words.to_owned());
    let or_skip = |has: bool, words: &str, reason| match has {
        true => Work::Cargo(words.to_owned()),
        false => Work::Skip(reason),
    };
    let check = if fix { "" } else { " --check" };
    let tests = match machine.nextest {
        true => format!("nextest run --workspace {tested}"),
        false => format!("test --workspace {tested} --lib --bins --tests"),
    };
    // No advisories: they change without us and need the network, so they would fail changes that
    // are not to blame.
    let deny = "deny check --hide-inclusion-graph bans licenses sources";
    let clippy = format!("clippy --workspace {features} --all-targets -- -Dwarnings");
    // What the README builds first, for the processor alone and without what reads Parquet.
    let least = "clippy --package=gan-cli --no-default-features --bins -- -Dwarnings";
    let documentation = format!("doc --workspace {features} --no-deps");
    // Of the kernels alone: above, lints look at all other crates with CUDA. Without the defaults,
    // of which wgpu alone costs minutes here and is tested above.
    let cuda = "test --package=gan-kernels --no-default-features --features=cuda --lib --examples \
                cube::";
    // A stage of its own, since nextest runs none; `--lib` above leaves them out of the tests.
    let doc_tests = format!("test --workspace {tested} --doc");
    let versions = match (machine.semver, released) {
        (false, _) => Work::Skip("cargo-semver-checks is not installed"),
        (_, None) => Work::Skip("no release has a tag yet"),
        (_, Some(tag)) => {
            let packages = LIBRARIES.map(|name| format!(" --package {name}")).concat();
            Work::Cargo(format!("semver-checks --baseline-rev {tag}{packages}"))
        }
    };
    let page = match (machine.wasm, machine.browser) {
        (false, _) => Work::Skip("no standard library for wasm32-unknown-unknown"),
        (_, false) => Work::Skip("no Chromium, Node.js or npm"),
        _ => Work::Page,
    };
    let python = match machine.python {
        true => Work::Python,
        false => Work::Skip("no Python with bindings/python/tests/requirements.txt"),
    };
    let mut stages = vec![
        ("format", cargo(&format!("fmt --all{check}"))),
        ("tidy", Work::Tidy),
        (
            "dependencies",
            or_skip(machine.deny, deny, "cargo-deny is not installed"),
        ),
        ("lints", cargo(&clippy)),
        ("lints, least", cargo(least)),
        ("documentation", cargo(&documentation)),
        ("tests", cargo(&tests)),
        ("doc tests", cargo(&doc_tests)),
        (
            "cuda",
            or_skip(machine.llvm, cuda, "cubecl's LLVM is not in place"),
        ),
        ("outside", Work::Outside),
        ("versions", versions),
        ("page", page),
        ("python", python),
    ];
    // Where they can be started, their tests are among the others.
    if !machine.mpi {
        stages.push(("processes", Work::Skip("no MPI with libclang")));
    }
    stages
}

/// Runs every stage and prints a table of them.
///
/// # Errors
/// If a stage failed or was interrupted.
pub(crate) fn run(root: &Path, fix: bool) -> Result<()> {
    let machine = Machine {
        nextest: has_subcommand(root, "nextest"),
        deny: has_subcommand(root, "deny"),
        semver: has_subcommand(root, "semver-checks"),
        llvm: user_data().is_some_and(|data| has_llvm(&data)),
        wasm: super::web::has_compiler(),
        browser: super::web::has_browser(),
        python: super::python::has_tools(),
        mpi: has_mpi(),
    };
    let mut rows = Vec::new();
    let released = last_release(root);
    for (stage, work) in stages(machine, released.as_deref(), fix) {
        let start = Instant::now();
        let result = run_stage(root, stage, &work)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("   {stage}: {result} in {seconds:.1} s");
        rows.push(Row {
            stage,
            seconds,
            result,
        });
    }
    print!("\n{}{}", table(&rows), left_out(&rows));
    let failed = rows.iter().filter(|row| row.result == FAILED);
    let failed: Vec<_> = failed.map(|row| row.stage).collect();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// A last line that names the stages that were skipped; none if all ran.
fn left_out(rows: &[Row]) -> String {
    let skipped = rows.iter().filter_map(|row| {
        let why = row.result.strip_prefix(SKIPPED)?;
        Some(format!("{} ({why})", row.stage))
    });
    let skipped: Vec<_> = skipped.collect();
    match skipped.is_empty() {
        true => String::new(),
        false => format!("\nnot checked on this machine: {}\n", skipped.join(", ")),
    }
}

/// The result as the table has it.
fn run_stage(root: &Path, name: &str, work: &Work) -> Result<String> {
    let passed = match work {
        Work::Skip(reason) => return Ok(format!("{SKIPPED}{reason}")),
        Work::Tidy => {
            println!("\n== {name}: cargo xtask tidy");
            told(super::tidy::run(root))
        }
        Work::Page => {
            println!("\n== {name}: cargo xtask web --test");
            told(super::web::run(root, &super::web::Args::tested()))
        }
        Work::Python => {
            println!("\n== {name}: cargo xtask python --test");
            told(super::python::run(root, &super::python::Args::tested()))
        }
        Work::Outside => {
            println!("\n== {name}: cargo xtask outside");
            told(super::outside::run(root))
        }
        Work::Cargo(words) => {
            println!("\n== {name}: cargo {words}");
            let mut cargo = super::cargo(root);
            cargo
                .args(words.split_whitespace())
                .env("RUSTDOCFLAGS", "-Dwarnings");
            let status = super::status(&mut cargo)?;
            // No exit code: killed by a signal, most often Ctrl-C, which ends the whole run.
            let code = status.code();
            code.with_context(|| format!("{name}: interrupted, {status}"))? == 0
        }
    };
    Ok(if passed { "ok" } else { FAILED }.to_owned())
}

/// True if it went well; else its error has been printed.
fn told(result: Result<()>) -> bool {
    if let Err(err) = &result {
        eprintln!("error: {err:#}");
    }
    result.is_ok()
}

fn has_subcommand(root: &Path, name: &str) -> bool {
    let mut probe = super::cargo(root);
    probe.args([name, "--version"]);
    super::answers(probe)
}

/// Whether an MPI can be linked, for which its header is read by libclang, and processes started.
fn has_mpi() -> bool {
    let answers = |program: &str| {
        let mut probe = Command::new(program);
        probe.arg("--version");
        super::answers(probe)
    };
    let library = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let folders = ["/usr/lib", "/usr/lib64", &library].map(PathBuf::from);
    let own = env::var_os("LIBCLANG_PATH").map(PathBuf::from);
    let has_libclang = folders.into_iter().chain(own).any(|folder| {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.any(|name| name.starts_with("libclang") && name.contains(".so"))
    });
    has_libclang && answers("mpicc") && answers("mpirun")
}

/// The tag of the last release, `v0.1.0` or so, if there is one.
fn last_release(root: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]);
    let output = git.current_dir(root).output().ok()?;
    let tag = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !tag.is_empty()).then_some(tag)
}

fn user_data() -> Option<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    data.or_else(|| Some(env::home_dir()?.join(".local/share")))
}

/// Whether cubecl's build has put an LLVM into a folder of user data, of whatever version.
fn has_llvm(data: &Path) -> bool {
    let bundles = data.join("tracel").read_dir();
    bundles.into_iter().flatten().flatten().any(|bundle| {
        let name = bundle.file_name();
        let is_llvm = name.to_string_lossy().starts_with("tracel-llvm-");
        is_llvm && bundle.path().join(".tracel-llvm-installed").exists()
    })
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<16} {:>8}  result\n", "stage", "seconds");
    for row in rows {
        text += &format!("{:<16} {:>8.1}  {}\n", row.stage, row.seconds, row.result);
    }
    let total: f64 = rows.iter().map(|row| row.seconds).sum();
    text + &format!("{:<16} {total:>8.1}\n", "total")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_aligns_and_sums() {
        let row = |stage, seconds, result: &str| Row {
            stage,
            seconds,
            result: result.to_owned(),
        };
        let skipped = row("cuda", 0.0, "skipped: no LLVM");
        let rows = [
            row("format", 0.25, "ok"),
            row("tests", 12.0, FAILED),
            skipped,
        ];
        let expected = "\
stage             seconds  result
format                0.2  ok
tests                12.0  FAILED
cuda                  0.0  skipped: no LLVM
total                12.2
";
        assert_eq!(table(&rows), expected);
        let last = "\nnot checked on this machine: cuda (no LLVM)\n";
        assert_eq!(left_out(&rows), last);
        assert_eq!(left_out(&rows[..2]), "");
    }

    #[test]
    fn stages_skip_what_the_machine_lacks_and_mend_the_format_only_when_asked() {
        for (has_all, fix, format, skipped) in [
            (true, true, "fmt --all", &[][..]),
            (
                false,
                false,
                "fmt --all --check",
                &[
                    "dependencies",
                    "cuda",
                    "versions",
                    "page",
                    "python",
                    "processes",
                ],
            ),
        ] {
            let machine = Machine {
                nextest: has_all,
                deny: has_all,
                semver: has_all,
                llvm: has_all,
                wasm: has_all,
                browser: has_all,
                python: has_all,
                mpi: has_all,
            };
            let released = has_all.then_some("v0.1.0");
            let stages = stages(machine, released, fix);
            assert_eq!(stages[0].1, Work::Cargo(format.to_owned()));
            let found = stages
                .iter()
                .filter(|(_, work)| matches!(work, Work::Skip(_)));
            assert_eq!(found.map(|(name, _)| *name).collect::<Vec<_>>(), skipped);
        }
        // The interface of what was never released may change.
        let machine = Machine {
            nextest: true,
            deny: true,
            semver: true,
            llvm: true,
            wasm: true,
            browser: true,
            python: true,
            mpi: true,
        };
        let stages = stages(machine, None, false);
        let versions = stages.iter().find(|(name, _)| *name == "versions");
        assert!(matches!(versions, Some((_, Work::Skip(_)))));
        assert!(!has_subcommand(Path::new("."), "no-such-command"));
    }

    #[test]
    fn llvm_counts_once_it_is_whole() {
        let data = tempfile::tempdir().unwrap();
        assert!(!has_llvm(data.path()));
        let bundle = data.path().join("tracel/tracel-llvm-1.2.3");
        std::fs::create_dir_all(&bundle).unwrap();
        assert!(!has_llvm(data.path()));
        std::fs::write(bundle.join(".tracel-llvm-installed"), "").unwrap();
        assert!(has_llvm(data.path()));
    }
}
