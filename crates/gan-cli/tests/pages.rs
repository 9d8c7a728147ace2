//! Pages about runs: the report that each ends with, and comparisons.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::{Folder, assert_contains};

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
            "gan-cli train run/config.toml --out again --device cpu",
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
fn runs_are_compared_on_one_page() {
    let folder = Folder::new();
    folder.check(
        "
        0 train tiny.toml --out one --steps 20
        0 train tiny.toml --out two --steps 20 --seed 7
        0 report one two | wrote    comparison.html
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
