//! The real program trains the models that the paper compares with, into runs that other commands read.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::Folder;

/// A few images, few units, and chains of a few steps.
const SMALL: &str = "--epochs 1 --set data.count=400 --set rival.learning.minibatch=20 \
                     --set rival.chain.burn_in=3 --set rival.chain.thin=1 --set rival.chain.chains=20";

/// The flags that make the layers of a kind small.
fn sizes(kind: &str) -> &'static str {
    match kind {
        "rbm" => "--set rival.hidden=[9]",
        "dbm" => {
            "--set rival.hidden=[9,7] --set rival.joint.epochs=1 --set rival.joint.minibatch=20"
        }
        _ => "--set rival.hidden=[9,7]",
    }
}

#[test]
fn every_rival_leaves_a_run_that_other_commands_read() {
    for kind in ["rbm", "dbn", "dbm", "cae", "gsn"] {
        let folder = Folder::new();
        let line = format!("rival {kind} {SMALL} {} --out run --seed 2", sizes(kind));
        folder
            .run(&line)
            .exits(0)
            .says(&["done: ", "run/samples/chains-step-"]);
        let files = folder.list("run");
        for part in [
            "config.toml",
            "metrics.jsonl",
            "report.html",
            "run.log",
            "checkpoints/step-",
        ] {
            assert!(files.contains(part), "{kind}: {files}");
        }
        let report = folder.read("run/report.html");
        for part in ["Chains", "parameters", "reconstructions"] {
            assert!(report.contains(part), "{kind}: {part}");
        }
        folder.check(&format!(
            "
            0 sample run -n 30 --out a.npy
            0 sample run -n 29 --out b.npy
            0 sample run -n 4 --out c.png
            0 data a.npy | 30:
            0 info run | reconstruction | parameters
            0 report run
            0 evaluate run --samples 50 --quick-controls --metrics parzen | samples, step
            2 export run --onnx g.onnx | expected a generator | gan-cli sample
            2 figure 3 run | expected a generator
            2 train --resume run | is not continued | gan-cli rival run/config.toml
            2 {line} | already holds a run
            0 rival run/config.toml --out again
            "
        ));
        // Each image is the same however many are drawn with it.
        let values = |name: &str, rows: usize| {
            let bytes = folder.bytes(name);
            let size = (bytes.len() - 128) / rows;
            bytes[128..128 + 29 * size].to_vec()
        };
        assert!(values("a.npy", 30) == values("b.npy", 29), "{kind}");
        // The same configuration gives the same run.
        assert_eq!(folder.metrics("run"), folder.metrics("again"), "{kind}");
        folder.run("sample again -n 30 --out d.npy").exits(0);
        assert!(folder.bytes("a.npy") == folder.bytes("d.npy"), "{kind}");
    }
}

#[test]
fn what_a_rival_cannot_learn_is_refused() {
    let folder = Folder::new();
    folder.check(
        "
        2 rival zebra | found no rival of this name, expected one of rbm, dbn | gan-cli rival dbn
        2 rival rbm --data ring8 | expected images | --data digits
        2 rival rbm --set rival.steps=0 | rival.steps: found 0, expected 1 to 60 | --set
        2 rival rbm --set rival.layers=3 | unknown field `layers`
        2 rival nothing.toml | nothing.toml: cannot be read
        2 rival rbm --data mnist | mnist
        ",
    );
    assert!(!folder.has("runs"));
}

#[test]
fn a_rival_that_is_stopped_has_saved_what_it_has_learnt() {
    let folder = Folder::new();
    let line = "rival rbm --set data.count=2000 --set rival.hidden=[20] --epochs 100000 --out run";
    let mut started = folder.start_and_wait(line, "run", 0);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(started.signal("-INT"), Some(130));
    assert!(folder.last_checkpoint("run").unwrap() > 0);
    folder.check("0 sample run -n 4 --out a.png");
}
