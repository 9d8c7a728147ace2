//! `cargo xtask dist`: the program as an archive to hand out, for the platform that this runs on.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::archive::{self, Entry};

/// Files of the repository that go with the program, and their names in the archive.
const FILES: [(&str, &str); 5] = [
    ("crates/gan-cli/README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    // Of the font of the figures, which is in the program.
    (
        "crates/gan-pictures/assets/LICENSE-DejaVu",
        "LICENSE-DejaVu",
    ),
];
/// Shells, and the file that each looks for completions in.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "gan-cli.bash"),
    ("zsh", "_gan-cli"),
    ("fish", "gan-cli.fish"),
];

/// Arguments of `cargo xtask dist`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build the program for the CPU alone, without GPUs and Parquet.
    #[arg(long)]
    no_default_features: bool,
    /// Features of `gan-cli` to build in addition, with commas between.
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,
}

/// Builds the program, packs it with what belongs to it, and tries what was packed.
///
/// # Errors
/// If something cannot be built or written, or the program in the archive does not train.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let mut build = super::cargo(root);
    build.args(["build", "--locked", "--profile", "dist"]);
    build.args(["--package", "gan-cli", "--bin", "gan-cli"]);
    let mut name = format!("gan-cli-{}-{}", env!("CARGO_PKG_VERSION"), super::host()?);
    if args.no_default_features {
        build.arg("--no-default-features");
        name += "-cpu";
    }
    if let Some(features) = &args.features {
        build.args(["--features", features]);
        name += &format!("-{}", features.replace([',', ' ', '/'], "-"));
    }
    super::succeed(build)?;
    let target = super::target(root);
    let program = target.join("dist").join(format!("gan-cli{EXE_SUFFIX}"));
    let folder = target.join("archives");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let bytes = archive::pack(entries(root, &program, &name)?)?;
    let path = folder.join(format!("{name}.tar.gz"));
    fs::write(&path, &bytes).with_context(|| path.display().to_string())?;
    let digest = Sha256::digest(&bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    // As `sha256sum --check` reads it.
    let sum = folder.join(format!("{name}.tar.gz.sha256"));
    fs::write(&sum, format!("{digest}  {name}.tar.gz\n"))
        .with_context(|| sum.display().to_string())?;
    try_out(&path, &folder.join("tried"))?;
    let size = bytes.len() as f64 / 1e6;
    println!(
        "{}: {size:.1} MB, tried; its checksum is beside it",
        path.display()
    );
    Ok(())
}

/// What is in the archive: all of it in one folder called `name`.
fn entries(root: &Path, program: &Path, name: &str) -> Result<Vec<Entry>> {
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    let entry = |path: &str, bytes| Entry {
        path: format!("{name}/{path}"),
        bytes,
        runs: false,
    };
    let mut entries = vec![Entry {
        runs: true,
        ..entry(&format!("gan-cli{EXE_SUFFIX}"), read(program)?)
    }];
    for (from, to) in FILES {
        entries.push(entry(to, read(&root.join(from))?));
    }
    for (shell, file) in SHELLS {
        let script = said(Command::new(program).args(["completions", shell]))?;
        entries.push(entry(&format!("completions/{file}"), script));
    }
    let pages = super::target(root).join("archives/man");
    let _ = fs::remove_dir_all(&pages);
    fs::create_dir_all(&pages).with_context(|| pages.display().to_string())?;
    said(Command::new(program).arg("man").arg(&pages))?;
    for page in fs::read_dir(&pages)? {
        let page = page?;
        let file = page.file_name().to_string_lossy().into_owned();
        entries.push(entry(&format!("man/man1/{file}"), read(&page.path())?));
    }
    Ok(entries)
}

/// Unpacks the archive and trains a few iterations by the program in it.
fn try_out(archive: &Path, folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    archive::unpack(archive::open(archive)?, folder)?;
    let program = folder.join(format!("gan-cli{EXE_SUFFIX}"));
    let version = said(Command::new(&program).arg("--version"))?;
    let expected = concat!("gan-cli ", env!("CARGO_PKG_VERSION"));
    let version = String::from_utf8_lossy(&version);
    ensure!(
        version.trim() == expected,
        "{}: found version {version:?}, expected {expected}",
        program.display()
    );
    let mut train = Command::new(&program);
    train.args(["train", "ring8", "--steps", "20", "--device", "cpu"]);
    train.arg("--out").arg(folder.join("run"));
    said(&mut train)?;
    Ok(())
}

/// What a program writes to its standard output.
fn said(command: &mut Command) -> Result<Vec<u8>> {
    let program = PathBuf::from(command.get_program());
    let shown = program.display();
    let output = command
        .output()
        .with_context(|| format!("{shown}: cannot be started"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{shown}: {}: {stderr}",
        output.status
    );
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn files_that_are_packed_are_there() {
        for (from, _) in FILES {
            assert!(root().join(from).is_file(), "{from}");
        }
    }

    /// Whether the image builds takes an engine to tell; here, that it copies what there is, and builds
    /// with the Rust that the manifest asks for, by the profile that there is.
    #[test]
    fn image_is_made_of_what_is_there() {
        let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
        let (image, manifest, ignored) = (
            read("Dockerfile"),
            read("Cargo.toml"),
            read(".dockerignore"),
        );
        let ignored: Vec<_> = ignored
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let mut instructions = Vec::new();
        for line in image
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let (instruction, rest) = line.split_once(' ').unwrap();
            instructions.push(instruction);
            let words: Vec<_> = rest.split(' ').collect();
            match instruction {
                "COPY" if !words[0].starts_with("--from") => {
                    for file in &words[..words.len() - 1] {
                        assert!(root().join(file).exists(), "{line}");
                        assert!(!ignored.contains(file), "{line}");
                    }
                }
                "COPY" => assert!(words[1].ends_with("/target/dist/gan-cli"), "{line}"),
                "RUN" => assert!(rest.contains("--profile dist --package gan-cli"), "{line}"),
                "FROM" if words[0].starts_with("rust:") => {
                    let version = words[0].strip_prefix("rust:").unwrap().split('-').next();
                    let expected = format!("rust-version = \"{}\"", version.unwrap());
                    assert!(manifest.contains(&expected), "{line}");
                }
                _ => {}
            }
        }
        assert!(manifest.contains("\n[profile.dist]\n"));
        assert_eq!(
            instructions,
            [
                "FROM",
                "WORKDIR",
                "COPY",
                "RUN",
                "FROM",
                "COPY",
                "COPY",
                "WORKDIR",
                "ENTRYPOINT"
            ]
        );
        // Every package of the workspace, whose manifests cargo reads before it builds one of them.
        for package in ["crates", "xtask", "tests", "benches"] {
            assert!(!ignored.contains(&package), "{package}");
        }
    }
}
