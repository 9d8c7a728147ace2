//! `cargo xtask web`: the page in which a browser trains, as a folder for any static host.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html};

const TARGET: &str = "wasm32-unknown-unknown";
/// Names the rustc to build with, whose sources lie beside it, where the own toolchain has no
/// standard library for the target and cannot fetch one.
const RUSTC: &str = "GAN_WASM_RUSTC";
/// What the module may use: 128-bit lanes, which every browser has had since 2023.
const FLAGS: &str = "-Ctarget-feature=+simd128";
/// Files of `web/` that are served.
const FILES: [&str; 7] = [
    "index.html",
    "style.css",
    "lab.js",
    "controls.js",
    "draw.js",
    "link.js",
    "worker.js",
];

/// Arguments of `cargo xtask web`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to put the page into [default: target/lab].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Then try it in a headless Chromium; needs Node.js, npm and Chromium.
    #[arg(long)]
    test: bool,
}

impl Args {
    /// The page where it usually is, tried.
    pub(crate) fn tested() -> Self {
        Self {
            out: None,
            test: true,
        }
    }
}

/// Builds the page, and tries it where that is asked for.
///
/// # Errors
/// If there is no compiler for it, or the page does not do what it should.
pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let module = build(root)?;
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| root.join("target/lab"));
    assemble(root, &module, &out)?;
    let shown = out.display();
    println!(
        "{shown}: the page, for any static host; to see it here: python3 -m http.server -d {shown}"
    );
    if args.test {
        test(root, &out)?;
    }
    Ok(())
}

/// True if the module can be compiled on this machine.
pub(crate) fn has_compiler() -> bool {
    env::var_os(RUSTC).is_some() || sysroot().is_some_and(|root| has_target(&root))
}

/// True if a browser and what drives it are there.
pub(crate) fn has_browser() -> bool {
    let answers = |program: &str| {
        let mut probe = Command::new(program);
        probe.arg("--version");
        super::answers(probe)
    };
    chromium().exists() && answers("node") && answers("npm")
}

fn chromium() -> PathBuf {
    env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

/// What rustc prints when it is asked for `what`.
pub(crate) fn print(what: &[&str]) -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("--print")
        .args(what)
        .output()
        .ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn sysroot() -> Option<PathBuf> {
    print(&["sysroot"]).map(PathBuf::from)
}

fn has_target(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib")
        .is_dir()
}

/// Compiles the module.
fn build(root: &Path) -> Result<PathBuf> {
    let mut cargo = super::cargo(root);
    cargo.args([
        "build",
        "--locked",
        "--profile",
        "web",
        "--package",
        "gan-web",
        "--target",
        TARGET,
    ]);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", FLAGS);
    let sysroot = sysroot().context("rustc cannot be asked for its sysroot")?;
    if let Some(rustc) = env::var_os(RUSTC) {
        let host = super::host()?;
        let linker = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
        cargo.args(["-Zbuild-std=std,panic_abort"]);
        cargo.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    } else if !has_target(&sysroot) {
        bail!(
            "{}: found no standard library for {TARGET}; hint: rustup target add {TARGET}",
            sysroot.display()
        );
    }
    super::succeed(cargo)?;
    Ok(super::target(root).join(TARGET).join("web/gan_web.wasm"))
}

/// Copies what is served into `out`, which may be there already.
fn assemble(root: &Path, module: &Path, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let copy = |from: &Path, name: &str| {
        let copied = fs::copy(from, out.join(name));
        copied.with_context(|| format!("{}: cannot be copied", from.display()))
    };
    for name in FILES {
        copy(&root.join("web").join(name), name)?;
    }
    copy(module, "gan_web.wasm")?;
    let document = root.join("docs/lessons.md");
    let text = fs::read_to_string(&document).with_context(|| document.display().to_string())?;
    let page = out.join("lessons.html");
    fs::write(&page, lessons(&text)).with_context(|| page.display().to_string())
}

/// The document of the lessons as a page beside the lab.
fn lessons(text: &str) -> String {
    let link = |event| match event {
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            link_type,
            dest_url: from_the_page(&dest_url).into(),
            title,
            id,
        }),
        other => other,
    };
    let mut body = String::new();
    html::push_html(
        &mut body,
        Parser::new_ext(text, Options::ENABLE_TABLES).map(link),
    );
    let title: CowStr<'_> = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("# ")
        .into();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"style.css\">\n\
         </head>\n<body>\n<main class=\"lesson\">\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Where a link of `docs/lessons.md` leads from the page.
fn from_the_page(link: &str) -> String {
    match link.strip_prefix("../web/") {
        Some(page) => page.to_owned(),
        None => link.to_owned(),
    }
}

/// Tries the page in a browser, against the program's own bits.
fn test(root: &Path, out: &Path) -> Result<()> {
    let chromium = chromium();
    ensure!(
        chromium.exists(),
        "{}: found no Chromium; hint: apt-get install chromium, or name it in CHROMIUM",
        chromium.display()
    );
    let folder = root.join("web/test");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder);
    super::succeed(npm)?;
    // As the tests have built it, so that nothing is built twice.
    let mut cargo = super::cargo(root);
    cargo.args([
        "build",
        "--quiet",
        "--workspace",
        super::TESTED_FEATURES,
        "--bin",
        "gan-cli",
    ]);
    super::succeed(cargo)?;
    let target = super::target(root);
    let words: [OsString; 3] = [
        out.into(),
        target.join("debug/gan-cli").into(),
        target.join("lab-test").into(),
    ];
    let mut node = Command::new("node");
    node.arg("lab.mjs")
        .args(words)
        .env("CHROMIUM", chromium)
        .current_dir(&folder);
    super::succeed(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_lead_to_the_lab_beside_them() {
        let text = "# Six lessons\n\n[Open](../web/index.html#preset=ring8&set=seed%3D2), \
                    [more](https://example.org).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        let page = lessons(text);
        assert!(page.contains("<title>Six lessons</title>"));
        assert!(
            page.contains("href=\"index.html#preset=ring8&amp;set=seed%3D2\""),
            "{page}"
        );
        assert!(page.contains("href=\"https://example.org\""));
        assert!(page.contains("<td>2</td>"));
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let served = |name: &str| FILES.contains(&name);
        for entry in fs::read_dir(root.join("web")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            assert!(entry.path().is_dir() || served(&name), "{name}");
        }
        let index = fs::read_to_string(root.join("web/index.html")).unwrap();
        let names: Vec<&str> = index
            .split(['"', '#'])
            .filter(|name| name.ends_with(".js"))
            .collect();
        assert!(names.iter().all(|name| served(name)), "{names:?}");
    }
}
