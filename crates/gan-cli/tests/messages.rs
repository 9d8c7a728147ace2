//! What the program says when it cannot do what it was asked.

mod common;

use common::{Place, TINY};

#[test]
fn no_command_is_a_usage_error() {
    let place = Place::new();
    let ran = place.run("").exits(2);
    assert!(ran.stderr().contains("train"), "{}", ran.stderr());
    place.run("train --epochs 3 --steps 3").exits(2);
    place.run("train ring8 --resume x").exits(2);
}

#[test]
fn unknown_preset_lists_them_and_names_the_nearest() {
    let place = Place::new();
    place.run("train rings8").exits(2).complains(&[
        "rings8",
        "digits, ring8, grid25",
        "hint: did you mean ring8?",
    ]);
    place
        .run("presets zebra")
        .exits(2)
        .complains(&["zebra", "mnist"]);
    place
        .run("train mnits.toml")
        .exits(2)
        .complains(&["mnits.toml: cannot be read", "there is a preset mnist"]);
    assert!(!place.has("runs"));
}

#[test]
fn presets_are_listed_and_printed_to_start_from() {
    let place = Place::new();
    let list = place.run("presets").exits(0).stdout();
    assert_eq!(
        list.lines()
            .filter(|line| line.starts_with("mnist"))
            .count(),
        4
    );
    place.write("mine.toml", &place.run("presets ring8").exits(0).stdout());
    place
        .run("train mine.toml --steps 1 --set data.count=300")
        .exits(0);
}

#[test]
fn unknown_key_names_file_line_and_nearest() {
    let place = Place::new();
    place.write(
        "typo.toml",
        "extends = \"ring8\"\n\n[optimizer]\nlearningrate = 0.1\n",
    );
    place.run("train typo.toml").exits(2).complains(&[
        "typo.toml:4: optimizer.learningrate: unknown key",
        "hint: did you mean learning_rate?",
    ]);
    place.write("layer.toml", &TINY.replace("keep = 0.5", "keep_ = 0.5"));
    place.run("train layer.toml").exits(2).complains(&[
        "layer.toml:17: discriminator.layers.1.keep_: unknown key",
        "keep?",
    ]);
    place
        .run("train ring8 --set game.minibach=3")
        .exits(2)
        .complains(&[
            "--set game.minibach=3: game.minibach: unknown key",
            "did you mean minibatch?",
        ]);
}

#[test]
fn value_out_of_range_names_its_place() {
    let place = Place::new();
    place.write("range.toml", &TINY.replace("keep = 0.5", "keep = 1.5"));
    place.run("train range.toml").exits(2).complains(&[
        "range.toml:17: discriminator.layers.1.keep: found 1.5, expected above 0, at most 1",
    ]);
    place.write(
        "type.toml",
        &TINY.replace("minibatch = 7", "minibatch = \"seven\""),
    );
    place
        .run("train type.toml")
        .exits(2)
        .complains(&["type.toml:11: game.minibatch: found \"seven\", expected a whole number"]);
    place
        .run("train ring8 --set game.updates=simultanous")
        .exits(2)
        .complains(&[
            "--set game.updates=simultanous: game.updates: found \"simultanous\"",
            "did you mean simultaneous?",
        ]);
    place
        .run("train ring8 --set generator.layers.2.units=3")
        .exits(2)
        .complains(&["generator.layers.2.units", "found 3, expected 2"]);
    place
        .run("train ring8 --set generator.layers.7.units=3")
        .exits(2)
        .complains(&["there is no generator.layers.7"]);
    place.run("train ring8 --epochs -1").exits(2);
    place
        .run("train ring8 --set seed")
        .exits(2)
        .complains(&["expected key=value"]);
}

#[test]
fn broken_toml_names_its_line() {
    let place = Place::new();
    place.write("broken.toml", "seed = 1\n[game\n");
    place
        .run("train broken.toml")
        .exits(2)
        .complains(&["broken.toml:2: not TOML"]);
}

#[test]
fn missing_key_is_named() {
    let place = Place::new();
    place.write(
        "half.toml",
        "extends = \"ring8\"\n[optimizer]\nkind = \"momentum\"\n",
    );
    place
        .run("train half.toml")
        .exits(2)
        .complains(&["half.toml:2: optimizer.learning_rate: missing, expected a number"]);
}

#[test]
fn extends_goes_through_files_and_finds_cycles() {
    let place = Place::new();
    std::fs::create_dir(place.path("sub")).unwrap();
    place.write("sub/base.toml", &TINY.replace("steps = 300", "epochs = 9"));
    place.write(
        "top.toml",
        "extends = \"sub/base.toml\"\n[run]\nsteps = 4\n",
    );
    place
        .run("train top.toml --out run --set game.minibatch=5")
        .exits(0);
    let config = place.read("run/config.toml");
    assert!(
        config.contains("steps = 4") && !config.contains("epochs"),
        "{config}"
    );
    assert!(config.contains("minibatch = 5"), "{config}");
    assert!(config.contains("source = \"ring8\""), "{config}");

    place.write("a.toml", "extends = \"b.toml\"\n");
    place.write("b.toml", "extends = \"a.toml\"\n");
    place
        .run("train a.toml")
        .exits(2)
        .complains(&["extends itself", "a.toml -> b.toml"]);
    place.write("c.toml", "seed = 3\nextends = \"minst\"\n");
    place
        .run("train c.toml")
        .exits(2)
        .complains(&["c.toml:2: extends: found \"minst\"", "mnist"]);
}

#[test]
fn folder_with_the_name_of_a_data_set_is_data_only_when_asked_for() {
    let place = Place::new();
    std::fs::create_dir(place.path("mnist")).unwrap();
    place
        .run("train mnist")
        .exits(2)
        .complains(&["does not come with the program"]);
    place
        .run("train mnist --data mnist")
        .exits(1)
        .complains(&["mnist", "empty directory"]);
}

#[test]
fn data_that_must_be_brought_says_which_files_and_what_to_type() {
    let place = Place::new();
    place.run("train mnist").exits(2).complains(&[
        "mnist: this data does not come with the program",
        "gan-cli train mnist --data PATH",
        "train-images-idx3-ubyte",
    ]);
    // What happens to bear the name is not the data, unless it is called by its path.
    place.write("table", "1,2\n3,4\n");
    place
        .run("train table")
        .exits(2)
        .complains(&["table: this data does not come with the program", "./table"]);
    place
        .run("train tfd")
        .exits(2)
        .complains(&["never public", "train tfd --data"]);
    place
        .run("train mnist --data nowhere")
        .exits(1)
        .complains(&["nowhere: no such file"]);
    assert!(!place.has("runs"));
}

#[test]
fn unwritable_directory_is_found_before_training() {
    let place = Place::new();
    place.write("file", "in the way");
    place
        .run("train tiny.toml --out file/run")
        .exits(1)
        .complains(&["file/run: cannot be written"]);
    // /proc takes no directories from anyone, root included.
    if cfg!(target_os = "linux") {
        place
            .run("train tiny.toml --out /proc/run")
            .exits(1)
            .complains(&["/proc/run: cannot be written"]);
    }
}

#[test]
fn refused_write_keeps_what_was_there() {
    let place = Place::new();
    place.run("train tiny.toml --out run --steps 20").exits(0);
    let kept = place.bytes("run/checkpoints/step-000020.safetensors");
    // A directory is not replaced by a file.
    std::fs::remove_file(place.path("run/metrics.jsonl")).unwrap();
    std::fs::create_dir(place.path("run/metrics.jsonl")).unwrap();
    place
        .run("train --resume run --steps 30")
        .exits(1)
        .complains(&["run/metrics.jsonl: cannot be written"]);
    assert!(kept == place.bytes("run/checkpoints/step-000020.safetensors"));
    assert!(place.path("run/metrics.jsonl").is_dir());
    let mut files = std::fs::read_dir(place.path("run")).unwrap();
    let half = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".part");
    assert!(!files.any(|file| half(file.unwrap().file_name())));
}

#[test]
fn info_and_sample_of_nothing_say_so() {
    let place = Place::new();
    place.run("sample nowhere").exits(1).complains(&["nowhere"]);
    place
        .run("info .")
        .exits(2)
        .complains(&["found no checkpoint"]);
    place.write("junk.safetensors", "junk");
    place
        .run("sample junk.safetensors")
        .exits(1)
        .complains(&["not a checkpoint"]);
    let text = place.run("info").exits(0).stdout();
    assert!(text.contains("cpu"), "{text}");
    for name in ["gan-cli ", "processor ", "threads"] {
        assert!(text.contains(name), "{text}");
    }
    place
        .run("train --resume nowhere")
        .exits(2)
        .complains(&["not the directory of a run"]);
}

#[test]
fn damaged_checkpoint_is_refused_with_both_sides() {
    let place = Place::new();
    place.write("table.csv", &"1,2\n3,5\n4,4\n7,1\n".repeat(10));
    place
        .run("train tiny.toml --data table.csv --out run --steps 1")
        .exits(0);
    let bytes = place.bytes("run/checkpoints/step-000001.safetensors");
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (head, tensors) = bytes[8..].split_at(length);
    let head: serde_json::Value = serde_json::from_slice(head).unwrap();
    let about = head["__metadata__"]["gan_checkpoint"].as_str().unwrap();
    let about: serde_json::Value = serde_json::from_str(about).unwrap();
    for (annotation, damaged, part) in [
        (
            "transform",
            r#"{"standardize":{"mean":[0.5],"std":[1.0]}}"#,
            "found 1 means and 1 deviations, expected 2",
        ),
        (
            "shape",
            r#"{"image":{"height":0,"width":28,"channels":1}}"#,
            "found images of 1×0×28, expected 2",
        ),
        (
            "shape",
            r#"{"vector":{"columns":["a","b","c"]}}"#,
            "found 3 names of columns, expected 2",
        ),
    ] {
        let (mut head, mut about) = (head.clone(), about.clone());
        about["annotations"][annotation] = damaged.into();
        head["__metadata__"]["gan_checkpoint"] = about.to_string().into();
        let head = head.to_string();
        let mut file = (head.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(head.as_bytes());
        file.extend_from_slice(tensors);
        std::fs::write(place.path("damaged.safetensors"), file).unwrap();
        for out in ["s.png", "s.csv"] {
            place
                .run(&format!("sample damaged.safetensors --out {out}"))
                .exits(1)
                .complains(&["damaged.safetensors: annotation", part]);
        }
    }
}
