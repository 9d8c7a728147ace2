//! `cargo xtask ci`: every check of a change, in the order that reuses the most.
//!
//! All stages run even when one fails, so that one run tells everything there is to mend.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What to do with the format of the sources.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    /// Fail where a file is not formatted.
    Check,
    /// Format the files.
    Fix,
}

/// One check: a line in the table at the end.
struct Stage {
    name: &'static str,
    /// What the stage is skipped without.
    needs: Option<Need>,
    env: &'static [(&'static str, &'static str)],
    work: Work,
}

/// What not every machine has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Need {
    /// A subcommand of cargo.
    Subcommand(&'static str),
    /// The LLVM that cubecl's CUDA compiler links, which a first build would download.
    Llvm,
}

enum Work {
    Cargo(&'static [&'static str]),
    Tidy,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// What the benches of a GPU are left out without; `gan-cli` links wgpu anyway.
const GPU_BENCH: &str = "--features=benches/wgpu";

/// The stages, in order.
///
/// Warnings are denied by an argument to clippy and never by `RUSTFLAGS`, which would rebuild
/// every dependency for the tests. Lints and documentation share one set of artefacts, unit tests
/// and doc tests another; `--workspace` throughout keeps the features, hence the artefacts, equal.
fn stages(format: Format, has_nextest: bool) -> Vec<Stage> {
    let stage = |name, args| Stage {
        name,
        needs: None,
        env: &[],
        work: Work::Cargo(args),
    };
    vec![
        stage(
            "format",
            match format {
                Format::Check => &["fmt", "--all", "--check"],
                Format::Fix => &["fmt", "--all"],
            },
        ),
        Stage {
            work: Work::Tidy,
            ..stage("tidy", &[])
        },
        stage(
            "lints",
            &[
                "clippy",
                "--workspace",
                GPU_BENCH,
                "--all-targets",
                "--",
                "-Dwarnings",
            ],
        ),
        Stage {
            env: &[("RUSTDOCFLAGS", "-Dwarnings")],
            ..stage(
                "documentation",
                &["doc", "--workspace", GPU_BENCH, "--no-deps"],
            )
        },
        stage(
            "tests",
            if has_nextest {
                &["nextest", "run", "--workspace", GPU_BENCH]
            } else {
                &[
                    "test",
                    "--workspace",
                    GPU_BENCH,
                    "--lib",
                    "--bins",
                    "--tests",
                ]
            },
        ),
        stage("doc tests", &["test", "--workspace", GPU_BENCH, "--doc"]),
        Stage {
            needs: Some(Need::Subcommand("deny")),
            // No advisories: they change without us and need the network, so they would fail
            // changes that are not to blame.
            ..stage(
                "dependencies",
                &[
                    "deny",
                    "check",
                    "--hide-inclusion-graph",
                    "bans",
                    "licenses",
                    "sources",
                ],
            )
        },
        // Last: its features build cubecl anew. The tests look at what the kernels compile to.
        Stage {
            needs: Some(Need::Llvm),
            ..stage(
                "cuda",
                &[
                    "test",
                    "--package=gan-kernels",
                    "--package=gan-cli",
                    "--features=gan-kernels/cuda,gan-cli/cuda",
                    "--lib",
                    "--bins",
                    "--examples",
                ],
            )
        },
    ]
}

/// Runs every stage and prints a table of them.
///
/// # Errors
/// If a stage failed or was interrupted.
pub(crate) fn run(root: &Path, format: Format) -> Result<()> {
    let mut rows = Vec::new();
    for stage in stages(format, has_subcommand(root, "nextest")) {
        let start = Instant::now();
        let outcome = run_stage(root, &stage)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("   {}: {} in {seconds:.1} s", stage.name, word(&outcome));
        rows.push((stage.name, seconds, outcome));
    }
    print!("\n{}", table(&rows));
    let failed: Vec<_> = rows
        .iter()
        .filter(|(_, _, outcome)| *outcome == Outcome::Failed)
        .map(|(name, _, _)| *name)
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn run_stage(root: &Path, stage: &Stage) -> Result<Outcome> {
    let shown = match &stage.work {
        Work::Cargo(args) => format!("cargo {}", args.join(" ")),
        Work::Tidy => "cargo xtask tidy".to_owned(),
    };
    println!("\n== {}: {shown}", stage.name);
    if let Some(reason) = missing(root, stage.needs) {
        println!("   {reason}");
        return Ok(Outcome::Skipped(reason));
    }
    let passed = match &stage.work {
        Work::Tidy => match super::tidy::run(root) {
            Ok(()) => true,
            Err(err) => {
                eprintln!("error: {err:#}");
                false
            }
        },
        Work::Cargo(args) => {
            let status = super::cargo(root)
                .args(*args)
                .envs(stage.env.iter().copied())
                .status()
                .with_context(|| format!("{shown}: cannot be started"))?;
            // No exit code: killed by a signal, most often Ctrl-C, which ends the whole run.
            status
                .code()
                .with_context(|| format!("{shown}: interrupted, {status}"))?
                == 0
        }
    };
    Ok(if passed {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

/// Why a stage cannot run here, if it cannot.
fn missing(root: &Path, need: Option<Need>) -> Option<String> {
    match need? {
        Need::Subcommand(name) => {
            (!has_subcommand(root, name)).then(|| format!("cargo-{name} is not installed"))
        }
        Need::Llvm => {
            let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
            let home = env::home_dir().map(|home| home.join(".local/share"));
            let found = data.or(home).is_some_and(|data| has_llvm(&data));
            (!found).then(|| "cubecl's LLVM is not in place".to_owned())
        }
    }
}

/// Whether cubecl's build has put an LLVM into a folder of user data, of whatever version.
fn has_llvm(data: &Path) -> bool {
    let Ok(bundles) = data.join("tracel").read_dir() else {
        return false;
    };
    bundles.flatten().any(|bundle| {
        let is_llvm = bundle
            .file_name()
            .to_string_lossy()
            .starts_with("tracel-llvm-");
        is_llvm && bundle.path().join(".tracel-llvm-installed").exists()
    })
}

fn has_subcommand(root: &Path, name: &str) -> bool {
    let mut probe: Command = super::cargo(root);
    probe.args([name, "--version"]);
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "ok",
        Outcome::Failed => "FAILED",
        Outcome::Skipped(_) => "skipped",
    }
}

fn table(rows: &[(&str, f64, Outcome)]) -> String {
    let mut text = format!("{:<16} {:>8}  result\n", "stage", "seconds");
    for (name, seconds, outcome) in rows {
        let reason = match outcome {
            Outcome::Skipped(reason) => format!(": {reason}"),
            Outcome::Passed | Outcome::Failed => String::new(),
        };
        text += &format!("{name:<16} {seconds:>8.1}  {}{reason}\n", word(outcome));
    }
    let total: f64 = rows.iter().map(|(_, seconds, _)| seconds).sum();
    text + &format!("{:<16} {total:>8.1}\n", "total")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_three_outcomes_aligns_and_sums() {
        let rows = [
            ("format", 0.25, Outcome::Passed),
            ("tests", 12.0, Outcome::Failed),
            ("dependencies", 0.0, Outcome::Skipped("no tool".to_owned())),
        ];
        let expected = "\
stage             seconds  result
format                0.2  ok
tests                12.0  FAILED
dependencies          0.0  skipped: no tool
total                12.2
";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn stages_with_fix_format_in_place() {
        let args = |format| match stages(format, true).remove(0).work {
            Work::Cargo(args) => args,
            Work::Tidy => &[],
        };
        assert_eq!(args(Format::Check), ["fmt", "--all", "--check"]);
        assert_eq!(args(Format::Fix), ["fmt", "--all"]);
    }

    #[test]
    fn missing_subcommand_skips_its_stage() {
        let root = Path::new(".");
        assert_eq!(missing(root, None), None);
        let reason = missing(root, Some(Need::Subcommand("no-such-command")));
        assert_eq!(
            reason.as_deref(),
            Some("cargo-no-such-command is not installed")
        );
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
