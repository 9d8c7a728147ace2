//! Contests against peers of a few lines of shell.

use std::process::Command;

use super::contest::gap;
use super::*;

const LOSSES: [[f64; 2]; 2] = [[1.36, 0.69], [1.35, 0.7]];
const FAKE: Peer = peer("fake", "shell", Program::Rust);

/// The row of the peer that `command` starts, where ours takes 2 ms.
fn row_of(command: &mut Command) -> Comparison {
    let folder = tempfile::tempdir().unwrap();
    let expected: Vec<Vec<f64>> = LOSSES.iter().map(Vec::from).collect();
    let contest = Contest {
        expected: &expected,
        tolerance: 1e-4,
        turn: 3,
        settle: 1,
        effort: Effort::few(4),
        until: None,
    };
    let row = FAKE.comparison(3, "f32", Outcome::Skipped(String::new()));
    contest.run(
        row,
        command,
        &folder.path().join("log"),
        Box::new(|| Ok(2e-3)),
    )
}

/// The row of a peer whose answers to `check` and `run N` are given.
fn row_of_answers(check: &str, run: &str) -> Comparison {
    let script = format!(
        r#"echo '{{"ready": "fake", "versions": {{"sh": "1"}}}}'
        while read line; do case $line in
        check) echo '{check}';;
        run*) echo '{run}';;
        esac; done"#
    );
    row_of(Command::new("sh").args(["-c", &script]))
}

fn reason(row: Comparison) -> String {
    match row.outcome {
        Outcome::Skipped(reason) => reason,
        measured => panic!("{measured:?}"),
    }
}

#[test]
fn contest_of_a_peer_that_agrees_gives_ratio_and_gap() {
    let losses = r#"{"losses": [[1.36, 0.69], [1.35, 0.70007]]}"#;
    let row = row_of_answers(losses, r#"{"ms": [5, 7]}"#);
    assert_eq!((row.name.as_str(), row.threads), ("fake", 3));
    assert_eq!(row.versions["sh"], "1");
    let found = row.measured().unwrap();
    assert_eq!((found.ours_ms, found.theirs_ms), (2.0, 6.0));
    assert_eq!(found.theirs_spread, 0.0);
    assert!((found.ratio - 3.0).abs() < 1e-12);
    let gap = found.loss_gap.unwrap();
    assert!((gap - 1e-4).abs() < 1e-9, "{gap}");
}

#[test]
fn contest_of_a_peer_with_other_losses_is_not_timed() {
    let other = reason(row_of_answers(
        r#"{"losses": [[1.36, 0.69], [1.35, 0.7002]]}"#,
        "",
    ));
    assert!(other.starts_with("computes another game"), "{other}");
    let short = reason(row_of_answers(r#"{"losses": [[1.36, 0.69]]}"#, ""));
    assert!(short.contains("expected 2 rows of 2"), "{short}");
}

#[test]
fn gap_of_a_loss_that_is_no_number_is_no_number() {
    let [found, expected] = [[1.0, f64::NAN], [1.0, 2.0]].map(|row| vec![row.to_vec()]);
    assert!(gap(&found, &expected).unwrap().is_nan());
}

#[test]
fn peer_without_its_program_is_skipped_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::new(folder.path(), 1).unwrap();
    let reason = reason(row_of(&mut environment.command(&FAKE)));
    assert!(reason.contains("cannot start"), "{reason}");
}

#[test]
fn device_that_no_peer_knows_is_skipped_without_a_game() {
    // Not even the folder of the start is written, nor the device opened.
    let nowhere = Path::new("/no/such/folder");
    let rows = measure(1, "f32", "wgpu:7", Duration::ZERO, None, nowhere).unwrap();
    assert_eq!(rows.len(), ON_GPUS.len());
    let skipped = Outcome::Skipped("PyTorch has no device wgpu".into());
    assert_eq!(rows[0].outcome, skipped);
}

#[test]
fn peer_whose_time_is_over_is_skipped_without_a_game() {
    let nowhere = Path::new("/no/such/folder");
    let over = Some(Instant::now());
    let rows = measure(1, "f32", "cuda", Duration::ZERO, over, nowhere).unwrap();
    let skipped = Outcome::Skipped("no time was left for it".into());
    assert!(rows.iter().all(|row| row.outcome == skipped), "{rows:?}");
}
