//! Choosing what computes, and the real program on a GPU or on one in software.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // What a test cannot unwrap has failed it.

mod common;

use common::Folder;

#[test]
fn unknown_device_or_precision_lists_what_there_is() {
    let folder = Folder::new();
    for command in ["train tiny.toml", "sample run"] {
        for device in ["gpu", "cpu:0", "wgpu:x"] {
            folder.check(&format!(
                "2 {command} --device {device}
                    | {device} | auto, cpu, cuda, hip, vulkan, wgpu | cuda:1"
            ));
        }
        folder.check(&format!(
            "2 {command} --precision f64 | f64 | f32, tf32x3, tf32, bf16, f16"
        ));
    }
    assert!(!folder.has("runs"));
}

#[test]
fn cpu_computes_in_f32_and_bf16_alone() {
    let folder = Folder::new();
    folder.check(
        "
        2 train tiny.toml --device cpu --precision tf32
            | --precision tf32 | cpu | offers f32 | hint:
        0 train tiny.toml --device cpu --precision f32 --steps 20 --out run
        2 sample run --device cpu --precision f16 | --precision f16 | offers f32
        0 sample run --device cpu --threads 1 -n 9 --out a.npy
        0 sample run -n 9 --out b.npy
        ",
    );
    assert!(!folder.has("runs"));
    assert!(folder.bytes("a.npy") == folder.bytes("b.npy"));
}

#[test]
fn instructions_are_chosen_by_the_environment_and_give_the_samples_that_the_help_promises() {
    let folder = Folder::new();
    let with = |instructions: &str, line: &str| {
        folder.run_under(&[("GAN_INSTRUCTIONS", instructions)], line)
    };
    let info = |instructions| with(instructions, "info --json").exits(0).json().remove(0);
    let offered = info("")["instructions"]["offered"].clone();
    let offered: Vec<String> = serde_json::from_value(offered).unwrap();
    assert_eq!(offered[0], "portable");
    assert_eq!(info("")["instructions"]["taken"], *offered.last().unwrap());
    folder.run("train tiny.toml --steps 50 --out run").exits(0);
    let samples = offered.iter().map(|name| {
        assert_eq!(info(name)["instructions"]["taken"], *name);
        with(name, &format!("sample run --out {name}.npy")).exits(0);
        folder.bytes(&format!("{name}.npy"))
    });
    let mut samples: Vec<_> = samples.collect();
    // Those of x86-64 that have no fused multiply-add round other numbers.
    if cfg!(target_arch = "x86_64") {
        let unfused = samples.remove(0);
        assert!(samples.iter().all(|fused| *fused != unfused));
    }
    assert!(samples.windows(2).all(|pair| pair[0] == pair[1]));
    for line in ["info", "sample run", "train tiny.toml"] {
        let expected =
            "GAN_INSTRUCTIONS: found \"sse\", expected one that this processor has: portable";
        let ran = with("sse", line).exits(1);
        ran.complains(&[expected, "hint: without the variable"]);
    }
}

#[test]
fn variables_stand_for_flags_that_are_not_given() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 3").exits(0);
    for (variable, value, flag) in [
        ("GAN_DEVICE", "abacus", "--device <DEVICE>"),
        ("GAN_THREADS", "0", "--threads <N>"),
    ] {
        let with = |line: &str| folder.run_under(&[(variable, value)], line);
        with("sample run").exits(2).complains(&[value, flag]);
    }
    let with = |line: &str| folder.run_under(&[("GAN_DEVICE", "abacus")], line);
    with("sample run --device cpu --out a.npy").exits(0);
}

#[test]
fn runtime_that_is_not_linked_names_its_feature() {
    let folder = Folder::new();
    for (runtime, is_linked) in [
        ("cuda", cfg!(feature = "cuda")),
        ("hip", cfg!(feature = "hip")),
        ("wgpu", cfg!(feature = "wgpu")),
    ] {
        if !is_linked {
            folder.check(&format!(
                "1 train tiny.toml --device {runtime}
                    | no device {runtime}:0 | without the feature `{runtime}` | hint:"
            ));
        }
    }
    assert!(!folder.has("runs"));
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let folder = Folder::new();
    let ran = folder.run("train tiny.toml --device auto --steps 3 --out run");
    let said = ran.exits(0).stdout();
    let device = said.lines().find(|line| line.starts_with("device "));
    assert!(device.unwrap().contains("(auto: "), "{said}");
    // Whatever auto takes, a GPU in software it is not.
    assert!(!said.contains("llvmpipe"), "{said}");
}

#[test]
fn processor_runs_iterations_directly() {
    let folder = Folder::new();
    let ran = folder.run("train tiny.toml --device cpu --steps 30 --out run --json");
    assert_eq!(executions(&ran.exits(0)), ["direct"]);
    let info = &folder.run("info run --json").exits(0).json()[0];
    assert_eq!(info["execution"], "direct");
}

/// The ways of running iterations that the metrics events name; the first alone should.
fn executions(ran: &common::Ran) -> Vec<String> {
    let events = ran.json().into_iter();
    events
        .filter_map(|event| Some(event.get("execution")?.as_str()?.to_owned()))
        .collect()
}

#[cfg(feature = "wgpu")]
mod on_wgpu {
    use serde_json::Value;

    use super::common::Folder;
    use super::executions;

    /// The entry of `info` for wgpu's first device; `None`, with a word, where there is none.
    fn device(folder: &Folder) -> Option<Value> {
        let info = &folder.run("info --json").exits(0).json()[0];
        let devices = info["devices"].as_array().unwrap();
        let device = devices.iter().find(|device| device["name"] == "wgpu:0");
        if device.is_none() {
            // Where everything is checked, a driver that went missing must not go unnoticed.
            let everything_is_checked = std::env::var("CI").as_deref() == Ok("true");
            assert!(!everything_is_checked, "no adapter for wgpu");
            eprintln!("skipped: no adapter for wgpu");
        }
        device.cloned()
    }

    /// The values that `sample` writes.
    fn samples(folder: &Folder, line: &str) -> Vec<f32> {
        let command = format!("sample {line} --out s.csv --overwrite");
        folder.run(&command).exits(0);
        let text = folder.read("s.csv");
        let values = text.split(['\n', ',']).filter(|value| !value.is_empty());
        values.map(|value| value.parse().unwrap()).collect()
    }

    #[track_caller]
    fn assert_close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        let most = apart.fold(0.0, f32::max);
        assert!(most <= 1e-4, "{most}");
    }

    #[test]
    fn device_that_is_not_there_is_an_error_that_names_those_that_are() {
        let folder = Folder::new();
        folder.check(
            "1 train tiny.toml --device wgpu:99 | no device wgpu:99: found | hint: `gan-cli info`",
        );
        assert!(!folder.has("runs"));
    }

    #[test]
    fn resumed_run_equals_the_uninterrupted_one_and_says_how_it_ran() {
        let folder = Folder::new();
        let Some(device) = device(&folder) else {
            return;
        };
        let line = "train tiny.toml --device wgpu";
        folder.run(&format!("{line} --steps 60 --out a")).exits(0);
        let ran = folder.run("train --resume a --device wgpu --steps 100 --json");
        let executions = executions(&ran.exits(0));
        folder.run(&format!("{line} --steps 100 --out b")).exits(0);
        let last = |run: &str| folder.bytes(&format!("{run}/checkpoints/step-000100.safetensors"));
        // The checkpoints hold the configuration, in which both runs have 100 steps.
        assert!(last("a") == last("b"));
        assert_eq!(folder.metrics("a"), folder.metrics("b"));

        assert_eq!(executions.len(), 1, "{executions:?}");
        let replays = device["replays"].as_bool().unwrap();
        let ending = if replays { "replayed" } else { "one by one" };
        assert!(executions[0].ends_with(ending), "{executions:?}");
        let info = &folder.run("info a --json").exits(0).json()[0];
        assert_eq!(info["execution"], executions[0]);
        assert!(info["device"].as_str().unwrap().starts_with("wgpu:0"));
    }

    #[test]
    fn run_goes_on_on_the_other_device_and_both_sample_alike() {
        let folder = Folder::new();
        if device(&folder).is_none() {
            return;
        }
        for [first, second] in [["cpu", "wgpu"], ["wgpu", "cpu"]] {
            folder.check(&format!(
                "
                0 train tiny.toml --steps 60 --device {first} --out {first}
                0 train --resume {first} --steps 100 --device {second}
                "
            ));
            let [cpu, wgpu] = ["cpu", "wgpu"]
                .map(|device| samples(&folder, &format!("{first} -n 300 --device {device}")));
            assert_eq!(cpu.len(), 600);
            assert_close(&cpu, &wgpu);
        }
        // A hundred iterations apart, the same game is still the same game.
        let [begun, other] = ["cpu", "wgpu"].map(|run| samples(&folder, &format!("{run} -n 50")));
        assert_close(&begun, &other);
    }

    #[test]
    fn what_does_not_fit_is_an_error_before_there_is_a_run() {
        let folder = Folder::new();
        let Some(device) = device(&folder) else {
            return;
        };
        let largest = device["largest_buffer"].as_u64().unwrap();
        // Beyond this a configuration has too many values before a buffer has too many bytes.
        if largest > 1 << 32 {
            return;
        }
        let units = largest / 4_000_000 + 4;
        folder.check(&format!(
            "1 train tiny.toml --device wgpu --set game.minibatch=1000000 \
             --set generator.layers.0.units={units} | bytes in one buffer | hint:"
        ));
        assert!(!folder.has("runs"));
    }

    #[test]
    fn precision_that_is_not_offered_is_an_error_that_lists_those_that_are() {
        let folder = Folder::new();
        let Some(device) = device(&folder) else {
            return;
        };
        let offered = device["precisions"].as_array().unwrap();
        if !offered.contains(&"bf16".into()) {
            folder.check(
                "1 train tiny.toml --device wgpu --precision bf16
                    | precision bf16 is not offered | f32 | hint:",
            );
            assert!(!folder.has("runs"));
        }
    }
}
