//! Every kind of error names its path, what was found and what was expected, and has a hint that
//! works when it is followed.
//!
//! A kind is a row of a table (`Folder::check` asks each that fails for a hint), and below it stands
//! the command that its hint says to type. The kinds of error of data alone are in `gan-data`.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, TINY, edited};

/// A folder with runs and files that are wrong, each in its own way.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 200").exits(0);
    let last = folder.bytes("run/checkpoints/step-000200.safetensors");
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path(name), bytes).unwrap();
    put("half.safetensors", &last[..last.len() - 8]);
    put("no.safetensors", b"no checkpoint");
    let mut flipped = last.clone();
    *flipped.last_mut().unwrap() ^= 0x40;
    put("flipped.safetensors", &flipped);
    let edit = |name: &str, edit: fn(&mut serde_json::Value, &mut Vec<u8>)| {
        put(name, &edited(&last, edit));
    };
    edit("new.safetensors", |about, _| {
        about["format_version"] = 9.into()
    });
    edit("nan.safetensors", |_, tensors| {
        let end = tensors.len();
        tensors[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    edit("unnamed.safetensors", |about, _| {
        about["annotations"]
            .as_object_mut()
            .unwrap()
            .remove("preset");
    });
    edit("wide.safetensors", |about, _| {
        let config = about["config"].as_str().unwrap();
        about["config"] = config.replace("units = 5", "units = 6").into();
        about["config_sha256"] = sha256(about["config"].as_str().unwrap()).into();
    });
    edit("other.safetensors", |about, _| {
        about["config"] = "seed = 1\n".into();
        about["config_sha256"] = sha256("seed = 1\n").into();
    });
    folder.write("typo.toml", &TINY.replace("ring8", "rnig8"));
    folder.write("broken.toml", "seed = 1\n[game\n");
    folder.write("number.toml", "extends = 3\n");
    folder.write("self.toml", "extends = \"self.toml\"\n");
    let people = "Ada,36\nAlan,41\nEmmy,53\n".repeat(30);
    folder.write("people.csv", &format!("name,age\n{people}"));
    std::fs::create_dir(folder.path("ring8.toml")).unwrap();
    folder
}

/// SHA-256 in hexadecimal.
fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn checkpoints_that_cannot_be_used_say_why_and_what_to_use() {
    folder().check(
        "
        1 info gone.safetensors | gone.safetensors: cannot read the checkpoint: No such file
            | hint: give the directory of a run
        0 info run
        1 info half.safetensors | half.safetensors: not a checkpoint: found | bytes, expected
            | hint: use another checkpoint of its run; this lists what is beside it: ls '.'
        1 info no.safetensors | no.safetensors: not a checkpoint: no safetensors file | ls '.'
        1 sample flipped.safetensors | flipped.safetensors: not a checkpoint: tensor
            | and its hash disagree: the file is damaged | ls '.'
        1 sample new.safetensors | new.safetensors: checkpoint format 9, expected 1 | ls '.'
        1 sample nan.safetensors | nan.safetensors: not a checkpoint: tensor
            | holds values that are no finite numbers | ls '.'
        1 sample unnamed.safetensors | unnamed.safetensors: annotation preset is missing
            | hint: use another checkpoint of its run
        1 sample wide.safetensors | wide.safetensors: tensor generator.0.w: found one of
            | expected one of | hint: use another checkpoint of its run
        1 sample other.safetensors | other.safetensors: not a configuration: missing field
            | hint: use another checkpoint of its run
        0 sample run/checkpoints/step-000200.safetensors
        ",
    );
}

#[test]
fn resume_from_a_checkpoint_of_no_numbers_takes_the_one_before_and_blames_no_rate() {
    let folder = folder();
    let newest = folder.path("run/checkpoints/step-000200.safetensors");
    std::fs::copy(folder.path("nan.safetensors"), newest).unwrap();
    folder.check("0 train --resume run --steps 210 | no finite numbers; trying the one before");
    for name in ["000000", "000100", "000200", "000210"] {
        let checkpoint = folder.path(&format!("run/checkpoints/step-{name}.safetensors"));
        if checkpoint.exists() {
            std::fs::copy(folder.path("nan.safetensors"), checkpoint).unwrap();
        }
    }
    let ran = folder.run("train --resume run --steps 220").exits(1);
    assert!(!ran.stderr().contains("learning rate"), "{}", ran.stderr());
}

#[test]
fn configurations_that_are_wrong_say_where_and_what_to_write() {
    folder().check(
        r#"
        2 train zebra | zebra: found no preset and no file | expected one of
            | hint: this lists the presets: gan-cli presets
        0 presets
        2 train gone.toml | gone.toml: cannot be read: No such file
            | hint: this lists the presets: gan-cli presets
        2 train typo.toml | typo.toml:2: extends: found "rnig8", expected | hint: did you mean ring8?
        2 train number.toml | number.toml: extends: found 3, expected a preset or a file
            | hint: for example extends = "digits"
        2 train self.toml | self.toml: extends itself | hint: remove `extends`
        2 train broken.toml | broken.toml:2: not TOML
            | hint: a preset shows the form: gan-cli presets digits
        0 presets digits
        2 train ring8 --set game.minibatch=0 | game.minibatch: found 0, expected 1 to
            | hint: this prints every key and what it can be: gan-cli presets --schema
        2 train ring8 --set generator.layers.7.units=3 | there is no generator.layers.7
            | gan-cli presets --schema
        0 presets --schema
        2 train ring8 --set seed | found no =, expected key=value
            | hint: for example --set optimizer.learning_rate=0.05
        0 train ring8 --steps 1 --set data.count=300 --set optimizer.learning_rate=0.05
        "#,
    );
}

#[test]
fn hints_about_what_cannot_be_read_or_written_name_nothing_that_does_not_help() {
    let folder = folder();
    // There is a preset of this name, which is not what was meant.
    let ran = folder.run("train ring8.toml").exits(2);
    let ran = ran.complains(&["ring8.toml: cannot be read: found a directory, expected a file"]);
    assert!(
        !ran.stderr().contains("there is a preset"),
        "{}",
        ran.stderr()
    );
    // A run that is resumed cannot be written elsewhere.
    std::fs::remove_file(folder.path("run/losses.svg")).unwrap();
    std::fs::create_dir(folder.path("run/losses.svg")).unwrap();
    let ran = folder.run("train --resume run --steps 220").exits(1);
    let ran = ran.complains(&[
        "run/losses.svg: cannot be written: ",
        "hint: ",
        "ls -ld run",
    ]);
    assert!(!ran.stderr().contains("--out"), "{}", ran.stderr());
    folder.write("file", "in the way");
    std::fs::create_dir(folder.path("site")).unwrap();
    folder.write("site/index.html", "a stranger's");
    folder.check(
        r#"
        1 train tiny.toml --out file/run | file/run: cannot be written: Not a directory
            | hint: write to another directory
        2 train tiny.toml --out run | run: already holds a run | --overwrite
        2 train tiny.toml --out site | site: found files that are no run
            | expected an empty or a new directory | hint: choose another directory with --out DIR
        0 train tiny.toml --steps 1 --out another
        2 train --resume gone | gone: not the directory of a run | ls runs
        2 sample run --out a.gif | found extension "gif", expected one of png, npy, csv
            | hint: a picture is .png, the values are .npy or .csv
        2 sample run --out gone/a.png | found no folder gone | hint: mkdir -p gone
        1 train table --data people.csv | people.csv: found text in name (Ada, Alan, Emmy)
            | expected numbers, dates | hint: leave them out with --set 'data.drop=["name"]'
        0 train table --data people.csv --set data.drop=["name"] --steps 1 --set game.minibatch=8
        2 evaluate run --metrics zebra | found no metric of this name, expected one of
            | hint: without --metrics
        "#,
    );
}
