//! What the program says when it cannot do what it was asked.

mod common;

use common::{Folder, TINY};

#[test]
fn no_command_is_a_usage_error() {
    let folder = Folder::new();
    let ran = folder.run("").exits(2);
    assert!(ran.stderr().contains("train"), "{}", ran.stderr());
    folder.run("train --epochs 3 --steps 3").exits(2);
    folder.run("train ring8 --resume x").exits(2);
}

#[test]
fn unknown_preset_lists_them_and_names_the_nearest() {
    let folder = Folder::new();
    folder.run("train rings8").exits(2).complains(&[
        "rings8",
        "digits, ring8, grid25",
        "hint: did you mean ring8?",
    ]);
    folder
        .run("presets zebra")
        .exits(2)
        .complains(&["zebra", "mnist"]);
    folder
        .run("train mnits.toml")
        .exits(2)
        .complains(&["mnits.toml: cannot be read", "there is a preset mnist"]);
    assert!(!folder.has("runs"));
}

#[test]
fn presets_are_listed_and_printed_to_start_from() {
    let folder = Folder::new();
    let list = folder.run("presets").exits(0).stdout();
    assert_eq!(
        list.lines()
            .filter(|line| line.starts_with("mnist"))
            .count(),
        4
    );
    folder.write("mine.toml", &folder.run("presets ring8").exits(0).stdout());
    folder
        .run("train mine.toml --steps 1 --set data.count=300")
        .exits(0);
    let schema = folder.run("presets --schema").exits(0).stdout();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["optimizer"].is_object(), "{schema}");
    folder.run("presets ring8 --schema").exits(2);
}

#[test]
fn unknown_key_names_file_line_and_nearest() {
    let folder = Folder::new();
    folder.write(
        "typo.toml",
        "extends = \"ring8\"\n\n[optimizer]\nlearningrate = 0.1\n",
    );
    folder.run("train typo.toml").exits(2).complains(&[
        "typo.toml:4: optimizer.learningrate: unknown key",
        "hint: did you mean learning_rate?",
    ]);
    folder.write("layer.toml", &TINY.replace("keep = 0.5", "keep_ = 0.5"));
    folder.run("train layer.toml").exits(2).complains(&[
        "layer.toml:17: discriminator.layers.1.keep_: unknown key",
        "keep?",
    ]);
    folder
        .run("train ring8 --set game.minibach=3")
        .exits(2)
        .complains(&[
            "--set game.minibach=3: game.minibach: unknown key",
            "did you mean minibatch?",
        ]);
}

#[test]
fn value_out_of_range_names_its_place() {
    let folder = Folder::new();
    folder.write("range.toml", &TINY.replace("keep = 0.5", "keep = 1.5"));
    folder.run("train range.toml").exits(2).complains(&[
        "range.toml:17: discriminator.layers.1.keep: found 1.5, expected above 0, at most 1",
    ]);
    folder.write(
        "type.toml",
        &TINY.replace("minibatch = 7", "minibatch = \"seven\""),
    );
    folder
        .run("train type.toml")
        .exits(2)
        .complains(&["type.toml:11: game.minibatch: found \"seven\", expected a whole number"]);
    folder
        .run("train ring8 --set game.updates=simultanous")
        .exits(2)
        .complains(&[
            "--set game.updates=simultanous: game.updates: found \"simultanous\"",
            "did you mean simultaneous?",
        ]);
    folder
        .run("train ring8 --set generator.layers.2.units=3")
        .exits(2)
        .complains(&["generator.layers.2.units", "found 3, expected 2"]);
    folder
        .run("train ring8 --set generator.layers.7.units=3")
        .exits(2)
        .complains(&["there is no generator.layers.7"]);
    folder.run("train ring8 --epochs -1").exits(2);
    folder
        .run("train ring8 --set seed")
        .exits(2)
        .complains(&["expected key=value"]);
}

#[test]
fn broken_toml_names_its_line() {
    let folder = Folder::new();
    folder.write("broken.toml", "seed = 1\n[game\n");
    folder
        .run("train broken.toml")
        .exits(2)
        .complains(&["broken.toml:2: not TOML"]);
}

#[test]
fn missing_key_is_named() {
    let folder = Folder::new();
    folder.write(
        "half.toml",
        "extends = \"ring8\"\n[optimizer]\nkind = \"momentum\"\n",
    );
    folder
        .run("train half.toml")
        .exits(2)
        .complains(&["half.toml:2: optimizer.learning_rate: missing, expected a number"]);
}

#[test]
fn extends_goes_through_files_and_finds_cycles() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("sub")).unwrap();
    folder.write("sub/base.toml", &TINY.replace("steps = 300", "epochs = 9"));
    folder.write(
        "top.toml",
        "extends = \"sub/base.toml\"\n[run]\nsteps = 4\n",
    );
    folder
        .run("train top.toml --out run --set game.minibatch=5")
        .exits(0);
    let config = folder.read("run/config.toml");
    assert!(
        config.contains("steps = 4") && !config.contains("epochs"),
        "{config}"
    );
    assert!(config.contains("minibatch = 5"), "{config}");
    assert!(config.contains("source = \"ring8\""), "{config}");

    folder.write("a.toml", "extends = \"b.toml\"\n");
    folder.write("b.toml", "extends = \"a.toml\"\n");
    folder
        .run("train a.toml")
        .exits(2)
        .complains(&["extends itself", "a.toml -> b.toml"]);
    folder.write("c.toml", "seed = 3\nextends = \"minst\"\n");
    folder
        .run("train c.toml")
        .exits(2)
        .complains(&["c.toml:2: extends: found \"minst\"", "mnist"]);
}

#[test]
fn folder_with_the_name_of_a_data_set_is_data_only_when_asked_for() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("mnist")).unwrap();
    folder
        .run("train mnist")
        .exits(2)
        .complains(&["does not come with the program"]);
    folder
        .run("train mnist --data mnist")
        .exits(1)
        .complains(&["mnist", "empty directory"]);
}

#[test]
fn data_that_must_be_brought_says_which_files_and_what_to_type() {
    let folder = Folder::new();
    folder.run("train mnist").exits(2).complains(&[
        "mnist: this data does not come with the program",
        "gan-cli train mnist --data PATH",
        "train-images-idx3-ubyte",
    ]);
    // What happens to bear the name is not the data, unless it is called by its path.
    folder.write("table", "1,2\n3,4\n");
    folder
        .run("train table")
        .exits(2)
        .complains(&["table: this data does not come with the program", "./table"]);
    folder
        .run("train tfd")
        .exits(2)
        .complains(&["never public", "train tfd --data"]);
    folder
        .run("train mnist --data nowhere")
        .exits(1)
        .complains(&["nowhere: no such file"]);
    assert!(!folder.has("runs"));
}

#[test]
fn unwritable_directory_is_found_before_training() {
    let folder = Folder::new();
    folder.write("file", "in the way");
    folder
        .run("train tiny.toml --out file/run")
        .exits(1)
        .complains(&["file/run: cannot be written"]);
    // /proc takes no directories from anyone, root included.
    if cfg!(target_os = "linux") {
        folder
            .run("train tiny.toml --out /proc/run")
            .exits(1)
            .complains(&["/proc/run: cannot be written"]);
    }
}

#[test]
fn refused_write_keeps_what_was_there() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 20").exits(0);
    let kept = folder.bytes("run/checkpoints/step-000020.safetensors");
    // A directory is not replaced by a file.
    std::fs::remove_file(folder.path("run/metrics.jsonl")).unwrap();
    std::fs::create_dir(folder.path("run/metrics.jsonl")).unwrap();
    folder
        .run("train --resume run --steps 30")
        .exits(1)
        .complains(&["run/metrics.jsonl: cannot be written"]);
    assert!(kept == folder.bytes("run/checkpoints/step-000020.safetensors"));
    assert!(folder.path("run/metrics.jsonl").is_dir());
    let mut files = std::fs::read_dir(folder.path("run")).unwrap();
    let half = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".part");
    assert!(!files.any(|file| half(file.unwrap().file_name())));
}

#[test]
fn info_and_sample_of_nothing_say_so() {
    let folder = Folder::new();
    folder
        .run("sample nowhere")
        .exits(1)
        .complains(&["nowhere"]);
    folder
        .run("info .")
        .exits(2)
        .complains(&["found no checkpoint"]);
    folder.write("junk.safetensors", "junk");
    folder
        .run("sample junk.safetensors")
        .exits(1)
        .complains(&["not a checkpoint"]);
    let text = folder.run("info").exits(0).stdout();
    assert!(text.contains("cpu"), "{text}");
    for name in ["gan-cli ", "processor ", "threads"] {
        assert!(text.contains(name), "{text}");
    }
    folder
        .run("train --resume nowhere")
        .exits(2)
        .complains(&["not the directory of a run"]);
}

#[test]
fn damaged_checkpoint_is_refused_with_both_sides() {
    let folder = Folder::new();
    folder.write("table.csv", &"1,2\n3,5\n4,4\n7,1\n".repeat(10));
    folder
        .run("train tiny.toml --data table.csv --out run --steps 1")
        .exits(0);
    let bytes = folder.bytes("run/checkpoints/step-000001.safetensors");
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
        std::fs::write(folder.path("damaged.safetensors"), file).unwrap();
        for out in ["s.png", "s.csv"] {
            folder
                .run(&format!("sample damaged.safetensors --out {out}"))
                .exits(1)
                .complains(&["damaged.safetensors: annotation", part]);
        }
    }
}
