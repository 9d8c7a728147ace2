//! Pages about runs: the report that each ends with, comparisons, and what `watch` serves; as they are
//! written, and as a browser shows them.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // What a test cannot unwrap has failed it.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use common::{Folder, assert_contains};

/// A server that is ended with the test.
struct Watched {
    server: Child,
    /// `127.0.0.1:PORT`.
    address: String,
}

impl Watched {
    /// `gan-cli watch <line>`, on a free port.
    fn start(folder: &Folder, line: &str) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_gan-cli"))
            .args(["watch", "--port", "0"])
            .args(line.split(' '))
            .current_dir(folder.path(""))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        stdout.read_line(&mut said).unwrap();
        let address = said.trim_end().strip_prefix("watch    http://").unwrap();
        let address = address.trim_end_matches('/').to_owned();
        Self { server, address }
    }

    /// The answer to `GET path`, head and body.
    fn get(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What headless Chromium makes of the page at `url`, some seconds of its time later; `None`, with a
/// word, where there is no Chromium.
fn shown(folder: &Folder, url: &str) -> Option<String> {
    let named = std::env::var("CHROMIUM").ok();
    let names = ["chromium", "chromium-browser", "google-chrome"].map(str::to_owned);
    let mut commands = named.into_iter().chain(names).map(|name| {
        let profile = format!("--user-data-dir={}", folder.path("profile").display());
        Command::new(name)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", &profile])
            .args(["--virtual-time-budget=9000", "--dump-dom", url])
            .stderr(Stdio::null())
            .output()
    });
    let Some(output) = commands.find_map(Result::ok) else {
        assert!(std::env::var_os("CI").is_none(), "there is no Chromium");
        eprintln!("skipped: there is no Chromium");
        return None;
    };
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && page.contains("<h1>"),
        "{url}: {page}"
    );
    Some(page)
}

#[test]
fn every_run_ends_with_a_report_of_how_it_ended() {
    let folder = Folder::new();
    let wild = "--set optimizer={kind=\"momentum\",learning_rate=1e30}";
    folder.check(&format!(
        "
        0 train tiny.toml --out run --set run.sample_every=100 | report        run/report.html
        1 train tiny.toml --out wild {wild} | has diverged
        "
    ));
    let report = |run: &str| folder.read(&format!("{run}/report.html"));
    assert_contains(
        &report("run"),
        &[
            "done after 300 steps",
            "ring8",
            "SHA-256",
            "data-step=\"100\"",
            "data-step=\"300\"",
            "Not evaluated yet",
            "gan-cli train run/config.toml --out run-again --device cpu",
            concat!("gan-cli ", env!("CARGO_PKG_VERSION")),
        ],
    );
    assert_contains(&report("wild"), &["diverged after"]);

    // An evaluation and a continuation make it anew.
    folder.check(
        "
        0 evaluate run --metrics prdc,modes --samples 500 | run/report.html
        0 report run | wrote    run/report.html
        ",
    );
    assert_contains(
        &report("run"),
        &["500 samples of step 300", "class=\"verdict\"", "control"],
    );
    let mut started = folder.start_and_wait("train --resume run --steps 1000000000", "run", 400);
    assert!(!folder.has("run/report.html"));
    assert_eq!(started.signal("-INT"), Some(130));
    assert_contains(
        &report("run"),
        &["interrupted after", "of 1,000,000,000 steps"],
    );
}

#[test]
fn report_that_cannot_be_written_is_a_warning() {
    let folder = Folder::new();
    folder.check("0 train tiny.toml --out run --steps 20");
    std::fs::remove_file(folder.path("run/report.html")).unwrap();
    std::fs::create_dir(folder.path("run/report.html")).unwrap();
    folder.check(
        "0 train --resume run --steps 40 | warning: run/report.html: cannot be written
            | to make the report later: gan-cli report run | done: 40 steps",
    );
    assert_contains(
        &folder.read("run/run.log"),
        &["WARN run/report.html: cannot be"],
    );
    // As it says.
    std::fs::remove_dir(folder.path("run/report.html")).unwrap();
    folder.check("0 report run | wrote    run/report.html");
    assert_contains(&folder.read("run/report.html"), &["done after 40 steps"]);
}

#[test]
fn runs_are_compared_on_one_page() {
    let folder = Folder::new();
    folder.check(
        "
        0 train tiny.toml --out one --steps 20
        0 train tiny.toml --out two --steps 20 --seed 7
        0 report one two | wrote    comparison.html
        2 report one two | comparison.html: is there already | hint: --overwrite
        0 report one two --overwrite | wrote    comparison.html
        0 report one two --out page.html | wrote    page.html
        2 report one gone | gone: not the directory of a run
        2 report one --out gone/page.html | found no folder gone | hint: mkdir -p gone
        2 report | <RUN>
        ",
    );
    let page = folder.read("comparison.html");
    assert_contains(
        &page,
        &[
            "<strong>two</strong>",
            "<th scope=\"row\">seed</th><td class=\"number\">1</td><td class=\"number\">7</td>",
        ],
    );
    assert!(!page.contains(">game.minibatch<"), "{page}");
    assert_eq!(page, folder.read("page.html"));
}

#[test]
fn watch_serves_this_machine_alone_and_says_so() {
    let folder = Folder::new();
    folder.check(
        "
        0 train tiny.toml --steps 20
        2 watch gone | gone: found no directory | hint: this trains a run to watch
        ",
    );
    let watched = Watched::start(&folder, "runs");
    let (address, port) = (
        &watched.address,
        watched.address.rsplit_once(':').unwrap().1,
    );
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let page = watched.get("/run/tiny-1", address);
    assert_contains(
        &page,
        &[
            "HTTP/1.1 200 OK\r\n",
            "content-security-policy: default-src 'none'; script-src 'self'",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "content-type: text/html; charset=utf-8",
            "etag: \"",
            "done after 20 steps",
        ],
    );
    let picture = watched.get("/run/tiny-1/samples/step-000020.png", address);
    assert_contains(
        &picture,
        &["HTTP/1.1 200 OK", "content-type: image/png", "PNG"],
    );
    for (path, host, status) in [
        ("/", "evil.example", "421"),
        ("http://evil.example/", &**address, "421"),
        ("/run/tiny-1/../../tiny.toml", address, "404"),
        ("/run/tiny-1/run.log", address, "404"),
    ] {
        let answer = watched.get(path, host);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    // The hint works when it is followed.
    folder
        .run(&format!("watch runs --port {port}"))
        .exits(1)
        .complains(&[
            &format!("--port {port}: found another program that listens there"),
            "hint: this takes one that is: gan-cli watch runs --port 0",
        ]);
    // As Ctrl-C does.
    #[cfg(unix)]
    {
        let mut watched = Watched::start(&folder, "runs");
        let pid = watched.server.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(sent.success() && !watched.server.wait().unwrap().success());
    }
}

#[test]
fn browser_leads_through_pictures_and_follows_a_run() {
    let folder = Folder::new();
    let line = "train tiny.toml --out runs/long --steps 1000000000 --set run.sample_every=100";
    let mut training = folder.start_and_wait(line, "runs/long", 200);
    let watched = Watched::start(&folder, "runs/long");
    let url = format!("http://{}/", watched.address);
    let Some(page) = shown(&folder, &format!("{url}#step-100")) else {
        return;
    };
    assert_contains(
        &page,
        &[
            "<main data-live=\"\" data-updates=\"",
            "<li class=\"current\" data-step=\"100\">",
            "after step <output>100</output>",
            "<div class=\"controls\">",
            "training: step ",
        ],
    );
    training.signal("-INT");
    let page = shown(&folder, &url).unwrap();
    assert_contains(&page, &["interrupted after", "<span id=\"lost\" hidden"]);

    // The report does the same without a server.
    let report = folder.path("runs/long/report.html");
    let page = shown(&folder, &format!("file://{}#step-100", report.display())).unwrap();
    assert_contains(
        &page,
        &[
            "<li class=\"current\" data-step=\"100\">",
            "<div class=\"controls\">",
        ],
    );
}

#[test]
fn browser_runs_nothing_that_a_run_brings_along() {
    let folder = Folder::new();
    let evil = "<img src=x onerror=document.title='taken'><script>document.title='taken'<";
    folder.check("0 train tiny.toml --out runs/a --steps 20");
    std::fs::rename(folder.path("runs/a"), folder.path("runs").join(evil)).unwrap();
    let log = format!("runs/{evil}/run.log");
    let config = format!("runs/{evil}/config.toml");
    folder.write(&log, &format!("T  INFO device: {evil}/script>\n"));
    folder.write(
        &config,
        &format!("# </pre>{evil}\n{}", folder.read(&config)),
    );
    let drawn = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"document.title='taken'\"/>";
    let evaluation = format!("runs/{evil}/evaluation/step-000020");
    std::fs::create_dir_all(folder.path(&evaluation)).unwrap();
    folder.write(&format!("{evaluation}/parzen.svg"), drawn);
    folder.write(
        &format!("{evaluation}/evaluation.json"),
        &serde_json::json!({
            "step": 20, "seed": 1, "samples": 9, "device": evil, "seconds": 1,
            "data": { "source": evil, "train": 1, "valid": 1, "test": 1, "units": evil },
            "sections": [{ "id": evil, "title": evil, "notes": [evil], "rows": [] }],
        })
        .to_string(),
    );
    let watched = Watched::start(&folder, "runs");
    let list = watched.get("/", &watched.address);
    let name = list.split("/run/").nth(1).unwrap();
    let name = name.split_once('"').unwrap().0;
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_gan-cli"))
        .arg("report")
        .arg(folder.path("runs").join(evil))
        .args(["--out", "page.html"])
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    for url in [
        format!("http://{}/", watched.address),
        format!("http://{}/run/{name}", watched.address),
        format!("http://{}/compare?run={name}", watched.address),
        format!("file://{}", folder.path("page.html").display()),
    ] {
        let Some(page) = shown(&folder, &url) else {
            return;
        };
        assert!(!page.contains("<title>taken"), "{url}: {page}");
        assert_contains(&page, &["&lt;img src=x onerror=", "– gan</title>"]);
    }
}
