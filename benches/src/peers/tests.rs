//! Contests against peers of a few lines of shell.

use std::process::Command;

use super::contest::gap;
use super::*;

const LOSSES: [[f64; 2]; 2] = [[1.36, 0.69], [1.35, 0.7]];

fn contest(expected: &[Vec<f64>]) -> Contest<'_> {
    Contest {
        expected,
        tolerance: 1e-4,
        turn: 3,
        settle: 1,
        pairs: 4,
        budget: Duration::ZERO,
        until: None,
    }
}

/// The row of a peer whose answers to `check` and `run N` are given.
fn row_of(check: &str, run: &str) -> PeerRow {
    let folder = tempfile::tempdir().unwrap();
    let expected: Vec<Vec<f64>> = LOSSES.iter().map(Vec::from).collect();
    let script = format!(
        r#"echo '{{"ready": "fake", "versions": {{"sh": "1"}}}}'
        while read line; do case $line in
        check) echo '{check}';;
        run*) echo '{run}';;
        esac; done"#
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    let fake = kind("fake", "shell", Program::Rust);
    let mut ours = |_| Ok(2.0);
    let log = folder.path().join("log");
    contest(&expected).row(&fake, 3, "f32", &mut command, &log, &mut ours)
}

#[test]
fn contest_of_a_peer_that_agrees_gives_ratio_and_gap() {
    let row = row_of(
        r#"{"losses": [[1.36, 0.69], [1.35, 0.70007]]}"#,
        r#"{"ms": [5, 7]}"#,
    );
    assert_eq!((row.name.as_str(), row.threads), ("fake", 3));
    assert_eq!(row.versions["sh"], "1");
    let Outcome::Measured {
        ours_ms,
        theirs_ms,
        ratio,
        loss_gap,
        theirs_spread,
        ..
    } = row.outcome
    else {
        panic!("{row:?}");
    };
    assert_eq!(
        (ours_ms, theirs_ms, ratio, theirs_spread),
        (2.0, 6.0, 3.0, 0.0)
    );
    assert!((loss_gap - 1e-4).abs() < 1e-9, "{loss_gap}");
}

#[test]
fn contest_of_a_peer_with_other_losses_is_not_timed() {
    let reason = |check: &str| match row_of(check, "").outcome {
        Outcome::Skipped(reason) => reason,
        measured => panic!("{measured:?}"),
    };
    let other = reason(r#"{"losses": [[1.36, 0.69], [1.35, 0.7002]]}"#);
    assert!(other.starts_with("computes another game"), "{other}");
    let short = reason(r#"{"losses": [[1.36, 0.69]]}"#);
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
    let place = Place::new(folder.path(), 1).unwrap();
    let fake = kind("fake", "none", Program::Rust);
    let log = place.log(&fake).unwrap();
    let mut ours = |_| Ok(1.0);
    let row = contest(&[]).row(&fake, 1, "f32", &mut place.command(&fake), &log, &mut ours);
    let Outcome::Skipped(reason) = row.outcome else {
        panic!("{row:?}");
    };
    assert!(reason.contains("cannot start"), "{reason}");
}

#[test]
fn row_survives_json() {
    let row = row_of(
        r#"{"losses": [[1.36, 0.69], [1.35, 0.7]]}"#,
        r#"{"ms": [5]}"#,
    );
    let text = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<PeerRow>(&text).unwrap(), row);
}

#[test]
fn device_that_no_peer_knows_is_skipped_without_a_game() {
    // Not even the folder of the start is written, nor the device opened.
    let nowhere = Path::new("/no/such/folder");
    let rows = measure(1, "f32", "wgpu:7", Duration::ZERO, None, nowhere).unwrap();
    assert_eq!(rows.len(), ON_DEVICES.len());
    let Outcome::Skipped(reason) = &rows[0].outcome else {
        panic!("{:?}", rows[0]);
    };
    assert_eq!(reason, "PyTorch has no device wgpu");
}

#[test]
fn peer_whose_time_is_over_is_skipped_without_a_game() {
    let nowhere = Path::new("/no/such/folder");
    let over = Some(Instant::now());
    let rows = measure(1, "f32", "cuda", Duration::ZERO, over, nowhere).unwrap();
    let skipped = Outcome::Skipped("no time was left for it".into());
    assert!(rows.iter().all(|row| row.outcome == skipped), "{rows:?}");
}
