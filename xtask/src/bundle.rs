//! `cargo xtask bundle-gpu`: what measures a GPU on a machine without cargo and network, in one
//! file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The programs, which `benches/gpu.sh` runs.
const PROGRAMS: [&str; 3] = ["gan-cli", "gradcheck", "device"];

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Wanted {
    folder: PathBuf,
    /// The runtime that the programs link.
    runtime: String,
    release: bool,
}

impl Wanted {
    /// Reads the words; `None` is a usage error.
    pub(crate) fn parse(words: &[Option<&str>]) -> Option<Self> {
        let (mut folder, mut runtime, mut release) = (None, "cuda", true);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (*word)? {
                "--device" => runtime = (*words.next()?)?,
                "--dev" => release = false,
                word if word.starts_with('-') || folder.is_some() => return None,
                word => folder = Some(PathBuf::from(word)),
            }
        }
        Some(Self {
            folder: folder?,
            runtime: runtime.into(),
            release,
        })
    }

    fn cargo_args(&self) -> Vec<String> {
        // One set of features for all three, and that of `cargo test --workspace`.
        let runtime = &self.runtime;
        let mut features = format!("benches/{runtime},gan-cli/{runtime}");
        if runtime != "wgpu" {
            features += &format!(",gan-tests/{runtime}");
        }
        let mut args = vec!["build", "--workspace", "--message-format", "json"];
        args.extend([
            "--bin",
            "gan-cli",
            "--example",
            "gradcheck",
            "--bench",
            "device",
        ]);
        if self.release {
            args.push("--release");
        }
        args.extend(["--features", &features]);
        args.into_iter().map(str::to_owned).collect()
    }
}

/// Builds, strips and packs.
///
/// # Errors
/// If a command fails.
pub(crate) fn run(root: &Path, wanted: &Wanted) -> Result<()> {
    let mut build = super::cargo(root);
    let output = build
        .args(wanted.cargo_args())
        .stderr(Stdio::inherit())
        .output();
    let output = output.context("cargo cannot be started")?;
    ensure!(output.status.success(), "cargo build: {}", output.status);
    let programs = programs(&String::from_utf8_lossy(&output.stdout))?;

    let folder = root.join(&wanted.folder);
    let tree = folder.join("gan-gpu");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| tree.display().to_string())?;
    }
    fs::create_dir_all(&tree).with_context(|| tree.display().to_string())?;
    for (name, built) in &programs {
        let copy = tree.join(name);
        fs::copy(built, &copy).with_context(|| built.display().to_string())?;
        let mut strip = Command::new("strip");
        strip.arg(&copy);
        super::succeed(strip)?;
    }
    copy_files(root, &tree, "configs", "toml")?;
    copy_files(root, &tree, "benches", "sh")?;
    copy_files(root, &tree, "benches/peers", "py")?;

    // The programs have LLVM in common, which a window larger than one of them finds again.
    let packed = folder.join("gan-gpu.tar.xz");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--use-compress-program"])
        .arg("xz --threads=0 --lzma2=preset=6,dict=256MiB")
        .arg("--file")
        .arg(&packed)
        .arg("--directory")
        .arg(&folder)
        .arg("gan-gpu");
    super::succeed(tar)?;
    fs::remove_dir_all(&tree).with_context(|| tree.display().to_string())?;
    let bytes = fs::metadata(&packed)?.len();
    println!(
        "{}: {:.1} MiB",
        packed.display(),
        bytes as f64 / f64::from(1 << 20)
    );
    println!("there: tar xJf gan-gpu.tar.xz && cd gan-gpu && sh benches/gpu.sh");
    Ok(())
}

/// The programs that cargo says it has built.
fn programs(messages: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    let built: Vec<Value> = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let find = |name: &'static str| {
        let mut of_name = built.iter().filter(|message| {
            message["target"]["name"] == name && message["executable"].is_string()
        });
        let executable = of_name
            .next()
            .and_then(|message| message["executable"].as_str());
        let Some(executable) = executable else {
            bail!("cargo has not built {name}");
        };
        Ok((name, PathBuf::from(executable)))
    };
    PROGRAMS.into_iter().map(find).collect()
}

fn copy_files(root: &Path, tree: &Path, folder: &str, extension: &str) -> Result<()> {
    let (from, to) = (root.join(folder), tree.join(folder));
    fs::create_dir_all(&to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(&from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.file_name().unwrap_or_default();
            fs::copy(&path, to.join(name)).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Wanted> {
        let words: Vec<_> = line.split_whitespace().map(Some).collect();
        Wanted::parse(&words)
    }

    #[test]
    fn words_are_read_and_wrong_ones_refused() {
        let wanted = parse("out").unwrap();
        assert_eq!((wanted.runtime.as_str(), wanted.release), ("cuda", true));
        assert!(wanted.cargo_args().contains(&"--release".to_owned()));
        let wanted = parse("--device wgpu out --dev").unwrap();
        let args = wanted.cargo_args().join(" ");
        assert!(
            args.ends_with("--features benches/wgpu,gan-cli/wgpu"),
            "{args}"
        );
        for line in ["", "a b", "a --fast", "a --device"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn programs_are_found_among_messages() {
        let message =
            |name: &str| format!(r#"{{"target":{{"name":"{name}"}},"executable":"/x/{name}-0"}}"#);
        let messages = PROGRAMS.map(message).join("\n");
        assert_eq!(programs(&messages).unwrap()[2].1, Path::new("/x/device-0"));
        assert!(programs(&message("gan-cli")).is_err());
    }
}
