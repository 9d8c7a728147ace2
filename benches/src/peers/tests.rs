//! Peers of a few lines of shell.

use super::*;

const LOSSES: [[f64; 2]; 2] = [[1.36, 0.69], [1.35, 0.7]];
const READY: &str = r#"echo '{"ready": "fake", "versions": {"sh": "1"}}';"#;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A process that `script` plays.
fn process(script: &str, until: Option<Instant>) -> Result<Process> {
    let folder = tempfile::tempdir().unwrap();
    Process::start(&mut shell(script), &folder.path().join("log"), until)
}

/// A process that answers by the arms of a shell's `case`.
fn answering(arms: &str) -> String {
    format!("{READY} while read line; do case $line in {arms} esac; done")
}

#[test]
fn process_answers_line_by_line() {
    let script = answering(
        r#"check) echo '{"losses": [[1.25, 0.5], [1, 0.75]]}';;
        "run 4") echo '{"ms": [1, 2, 3, 6], "iterations": 4}';;
        "run 9") echo '{"ms": []}';;
        "run 5") echo '{"skip": "not five"}';;"#,
    );
    let mut process = process(&script, None).unwrap();
    assert_eq!(process.versions["sh"], "1");
    assert_eq!(process.check().unwrap(), [[1.25, 0.5], [1.0, 0.75]]);
    assert_eq!(process.run(4).unwrap(), 0.003);
    assert!(process.run(9).is_err());
    assert_eq!(process.run(5).unwrap_err().to_string(), "not five");
}

#[test]
fn process_that_cannot_run_says_why() {
    for (script, until, expected) in [
        (r#"echo '{"skip": "no fakes here"}'"#, None, "no fakes here"),
        ("echo 'no module' >&2", None, "no module"),
        ("echo hello", None, "the peer said \"hello\""),
        ("read line", Some(Instant::now()), "no answer within 0 s"),
    ] {
        let error = process(script, until).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = process(READY, None).unwrap().check().unwrap_err();
    assert!(error.to_string().contains("the peer ended"), "{error}");
}

/// The row of the peer that `command` starts, where ours takes 2 ms.
fn row_of(command: Result<Command>) -> Comparison {
    let folder = tempfile::tempdir().unwrap();
    let expected: Vec<Vec<f64>> = LOSSES.iter().map(Vec::from).collect();
    let contest = Contest {
        threads: 3,
        precision: "f32",
        tolerance: 1e-4,
        turn: 3,
        settle: 1,
        effort: Effort::few(4),
        until: None,
    };
    let fake = peer("fake", "shell", Program::Rust);
    let log = folder.path().join("log");
    contest.with(&fake, command, &log, &expected, Box::new(|| Ok(2e-3)))
}

/// The row of a peer whose answers to `check` and `run N` are given.
fn row_of_answers(check: &str, run: &str) -> Comparison {
    let arms = format!("check) echo '{check}';; run*) echo '{run}';;");
    row_of(Ok(shell(&answering(&arms))))
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
    let losses = r#"{"losses": [[1.36, 0.69], [1.35, 0.7002]]}"#;
    let other = reason(row_of_answers(losses, ""));
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
    let reason = reason(row_of(environment.command(Program::Rust)));
    assert!(reason.contains("cannot start"), "{reason}");
}

#[test]
fn peers_that_cannot_run_are_skipped_without_a_game() {
    // Not even the folder of the start is written, nor the device opened.
    let nowhere = Path::new("/no/such/folder");
    for (device, until, reason) in [
        ("wgpu:7", None, "PyTorch has no device wgpu"),
        ("cuda", Some(Instant::now()), NO_TIME),
    ] {
        let rows = measure(1, "f32", device, Duration::ZERO, until, nowhere).unwrap();
        assert_eq!(rows.len(), ON_GPUS.len());
        assert_eq!(rows[0].outcome, Outcome::Skipped(reason.into()));
    }
}
