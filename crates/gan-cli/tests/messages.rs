//! The messages of the program when it cannot do what it was asked.

mod common;

use std::path::Path;

use common::{Folder, TINY, edited};

#[test]
fn unknown_command_preset_or_key_names_its_place_and_the_nearest() {
    let folder = Folder::new();
    let ran = folder.run("").exits(2);
    assert!(ran.stderr().contains("train"), "{}", ran.stderr());
    folder.write(
        "typo.toml",
        "extends = \"ring8\"\n\n[optimizer]\nlearningrate = 0.1\n",
    );
    folder.write("layer.toml", &TINY.replace("keep = 0.5", "keep_ = 0.5"));
    folder.check(
        r"
        2 train --epochs 3 --steps 3
        2 train ring8 --resume x
        2 train rings8 | rings8 | digits, ring8, grid25 | hint: did you mean ring8?
        2 presets zebra | zebra | mnist
        2 train mnits.toml | mnits.toml: cannot be read | there is a preset mnist
        2 train typo.toml | typo.toml:4: optimizer.learningrate: unknown key
            | hint: did you mean learning_rate?
        2 train layer.toml | layer.toml:17: discriminator.layers.1.keep_: unknown key | keep?
        2 train ring8 --set game.minibach=3
            | --set game.minibach=3: game.minibach: unknown key | did you mean minibatch?
        ",
    );
    assert!(!folder.has("runs"));
}

#[test]
fn presets_are_listed_and_printed_to_start_from() {
    let folder = Folder::new();
    let list = folder.run("presets").exits(0).stdout();
    let of_mnist = list.lines().filter(|line| line.starts_with("mnist"));
    assert_eq!(of_mnist.count(), 5);
    folder.write("mine.toml", &folder.run("presets ring8").exits(0).stdout());
    folder.check(
        "
        0 train mine.toml --steps 1 --set data.count=300
        2 presets ring8 --schema
        ",
    );
    let schema = folder.run("presets --schema").exits(0).stdout();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["optimizer"].is_object(), "{schema}");
}

#[test]
fn wrong_value_or_missing_key_names_its_place() {
    let folder = Folder::new();
    let half = "extends = \"ring8\"\n[optimizer]\nkind = \"momentum\"\n";
    for (name, text) in [
        ("range.toml", &*TINY.replace("keep = 0.5", "keep = 1.5")),
        (
            "type.toml",
            &*TINY.replace("minibatch = 7", "minibatch = \"seven\""),
        ),
        ("broken.toml", "seed = 1\n[game\n"),
        ("half.toml", half),
    ] {
        folder.write(name, text);
    }
    folder.check(
        r#"
        2 train range.toml
            | range.toml:17: discriminator.layers.1.keep: found 1.5, expected above 0, at most 1
        2 train type.toml
            | type.toml:11: game.minibatch: found "seven", expected a whole number
        2 train broken.toml | broken.toml:2: not TOML
        2 train half.toml | half.toml:2: optimizer.learning_rate: missing, expected a number
        2 train ring8 --set game.updates=simultanous
            | --set game.updates=simultanous: game.updates: found "simultanous"
            | did you mean simultaneous?
        2 train ring8 --set generator.layers.2.units=3
            | generator.layers.2.units | found 3, expected 2
        2 train ring8 --set generator.layers.7.units=3 | there is no generator.layers.7
        2 train ring8 --epochs -1
        2 train ring8 --set seed | expected key=value
        "#,
    );
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
    folder.write("a.toml", "extends = \"b.toml\"\n");
    folder.write("b.toml", "extends = \"a.toml\"\n");
    folder.write("c.toml", "seed = 3\nextends = \"minst\"\n");
    for index in 0..40 {
        let text = format!("extends = \"d{}.toml\"\n", index + 1);
        folder.write(&format!("d{index}.toml"), &text);
    }
    folder.write("d40.toml", "extends = \"ring8\"\n");
    folder.check(
        r#"
        0 train top.toml --out run --set game.minibatch=5
        2 train a.toml | extends itself | a.toml -> b.toml
        2 train c.toml | c.toml:2: extends: found "minst" | mnist
        2 train d0.toml | d32.toml: extends: found a chain of more than 32 files | hint: let a file
        0 train d20.toml --steps 0 --out deep
        "#,
    );
    let config = folder.read("run/config.toml");
    for part in ["steps = 4", "minibatch = 5", "source = \"ring8\""] {
        assert!(config.contains(part), "{config}");
    }
    assert!(!config.contains("epochs"), "{config}");
}

#[test]
fn data_that_must_be_brought_says_which_files_and_what_to_type() {
    let folder = Folder::new();
    folder.check(
        "
        2 train mnist | mnist: this data does not come with the program
            | gan-cli train mnist --data PATH | train-images-idx3-ubyte
        2 train tfd | never public | train tfd --data
        1 train mnist --data nowhere | nowhere: no such file
        ",
    );
    // What happens to bear the name is not the data, unless it is called by its path.
    folder.write("table", "1,2\n3,4\n");
    std::fs::create_dir(folder.path("mnist")).unwrap();
    folder.check(
        "
        2 train table | table: this data does not come with the program | ./table
        2 train mnist | does not come with the program
        1 train mnist --data mnist | mnist | empty directory
        ",
    );
    assert!(!folder.has("runs"));
}

#[test]
fn unwritable_directory_is_found_before_training() {
    let folder = Folder::new();
    folder.write("file", "in the way");
    folder.check("1 train tiny.toml --out file/run | file/run: cannot be written");
    // /proc takes no directories from anyone, root included.
    if cfg!(target_os = "linux") {
        folder.check("1 train tiny.toml --out /proc/run | /proc/run: cannot be written");
    }
}

#[test]
fn refused_write_keeps_what_was_there() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 20").exits(0);
    let kept = folder.bytes("run/checkpoints/step-000020.safetensors");
    // A directory is not replaced by a file.
    std::fs::remove_file(folder.path("run/losses.svg")).unwrap();
    std::fs::create_dir(folder.path("run/losses.svg")).unwrap();
    folder.check("1 train --resume run --steps 30 | run/losses.svg: cannot be written");
    assert!(kept == folder.bytes("run/checkpoints/step-000020.safetensors"));
    assert!(folder.path("run/losses.svg").is_dir());
    // Nor are readings that cannot be read thrown away.
    std::fs::remove_file(folder.path("run/metrics.jsonl")).unwrap();
    std::fs::create_dir(folder.path("run/metrics.jsonl")).unwrap();
    folder.check(
        "1 train --resume run --steps 30 | run/metrics.jsonl: cannot be read: found a directory
            | hint: mend it, or go on without the readings so far: mv run/metrics.jsonl",
    );
    assert!(folder.path("run/metrics.jsonl").is_dir());
    let mut files = std::fs::read_dir(folder.path("run")).unwrap();
    let half = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".part");
    assert!(!files.any(|file| half(file.unwrap().file_name())));
}

/// Messages and JSON show such a path as far as it is text; what is meant is the path itself.
#[test]
#[cfg(target_os = "linux")]
fn paths_that_are_no_text_are_used_as_they_are() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let run = Path::new(OsStr::from_bytes(b"r\xff"));
    let at = |file| run.join(file);
    let [csv, checkpoint] = ["s.csv", "checkpoints/step-000040.safetensors"].map(at);
    let [more, mine] = ["more.toml", "mine.toml"].map(at);
    let table: &[(_, _, &[&Path], &[_])] = &[
        (
            0,
            "train tiny.toml --steps 20 --json --out",
            &[run],
            &[
                r#"{"event":"start","run":"r�""#,
                r#""path":"r�/samples/step-000020.png""#,
                r#""path":"r�/checkpoints/step-000020.safetensors""#,
                r#""samples":"r�/samples/step-000020.png""#,
            ],
        ),
        (
            0,
            "train --steps 40 --resume",
            &[run],
            &["continue r�", r"--resume $'r\xff' --steps 80"],
        ),
        (
            2,
            "train tiny.toml --out",
            &[run],
            &["already holds a run", r"--resume $'r\xff'"],
        ),
        (
            0,
            "info --json",
            &[run],
            &[
                r#""run":"r�""#,
                r#""checkpoint":"r�/checkpoints/step-000040"#,
            ],
        ),
        (0, "info", &[&checkpoint], &["r�/checkpoints/step-000040"]),
        (
            0,
            "sample -n 30",
            &[run, Path::new("--out"), &csv],
            &["r�/s.csv"],
        ),
        (
            0,
            "evaluate --samples 50 --metrics modes --json",
            &[run],
            &[
                r#""run":"r�""#,
                r#""checkpoint":"r�/checkpoints/step-000040"#,
            ],
        ),
        // The configuration that lies there, extended by another one beside it.
        (
            0,
            "train --steps 10 --out again",
            &[&more],
            &["done: 10 steps"],
        ),
        // A configuration is text, so the path of data must be.
        (
            2,
            "train --out x",
            &[&mine],
            &["r�/s.csv: found a path of data that is not UTF-8"],
        ),
        (
            2,
            "train tiny.toml --out x --data",
            &[&csv],
            &[
                "r�/s.csv: found a path of data",
                r"ln -s $'r\xff/s.csv' data",
            ],
        ),
        (2, "data", &[&csv], &[r"ln -s $'r\xff/s.csv' data"]),
    ];
    for (code, line, arguments, parts) in table {
        if folder.path_of(run).is_dir() {
            let write = |path: &Path, text| std::fs::write(folder.path_of(path), text).unwrap();
            write(&more, "extends = 'config.toml'");
            write(&mine, "extends = 'config.toml'\n[data]\nsource = 's.csv'");
        }
        let ran = folder.run_with(line, arguments).exits(*code);
        match code {
            0 => ran.says(parts),
            _ => ran.complains(parts),
        };
    }
    let report = at("evaluation/step-000040/evaluation.json");
    assert!(folder.path_of(&report).is_file());
    assert!(!folder.has("x"));
}

#[test]
#[cfg(target_os = "linux")]
fn game_that_does_not_fit_into_memory_is_refused_with_one_that_does() {
    let folder = Folder::new();
    let line = "train ring8 --steps 1 --threads 1 --set data.count=2000 --out run";
    let wide = format!("{line} --set game.minibatch=262144");
    let ran = folder.run_within(1500, &wide).exits(1);
    let ran = ran.complains(&["the game needs about", "GiB of memory, found"]);
    let stderr = ran.stderr();
    let (_, fits) = stderr
        .split_once("hint: smaller minibatches fit: ")
        .unwrap();
    assert!(!folder.has("run"));
    folder
        .run_within(1500, &format!("{line} {}", fits.trim()))
        .exits(0);
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_is_not_whole_is_a_failure() {
    let full = || std::fs::File::create("/dev/full").unwrap();
    for command in ["presets mnist", "presets --schema", "completions bash"] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_gan-cli"));
        let ran = program
            .args(command.split(' '))
            .stdout(full())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{command}: {stderr}");
        assert!(stderr.contains("stdout: cannot be written"), "{stderr}");
    }
}

#[test]
#[cfg(unix)]
fn what_has_no_end_is_not_read() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 10").exits(0);
    for name in [
        "a.toml",
        "a.safetensors",
        "a.csv",
        "metrics.jsonl",
        "run.log",
    ] {
        std::os::unix::fs::symlink("/dev/zero", folder.path(name)).unwrap();
    }
    folder.check(
        "
        2 train a.toml | a.toml: cannot be read: found a pipe or device, expected a file
        1 info a.safetensors | a.safetensors: cannot read the checkpoint: found a | expected a file
        1 data a.csv | a.csv: found a pipe or device, expected a file
        ",
    );
    for name in ["metrics.jsonl", "run.log"] {
        std::fs::rename(folder.path(name), folder.path("run").join(name)).unwrap();
    }
    folder.check(
        "
        0 info run | warning: run/metrics.jsonl: cannot be read: found a pipe or device | device
        ",
    );
}

#[test]
fn names_from_files_are_shown_and_not_obeyed() {
    let folder = Folder::new();
    let table: String = (0..60)
        .map(|i| format!("{},{}\n", i * i % 7, i % 5))
        .collect();
    folder.write("a\u{1b}[2J.csv", &format!("x\u{7},=y()\n{table}"));
    folder.write("tiny\u{1b}.toml", &TINY.replace("keep = 0.5", "keep = 1.5"));
    for line in [
        "data a\u{1b}[2J.csv",
        "train table --data a\u{1b}[2J.csv --steps 3 --out run --set game.minibatch=6",
        "train table --data a\u{1b}[2J.csv --steps 3 --out run2 --set game.minibatch=6 --json",
        "info run",
        "info run --json",
        "sample run -n 3 --out b.csv",
        "evaluate run",
        "train tiny\u{1b}.toml",
        "train \u{1b}[2J",
    ] {
        let ran = folder.run(line);
        for text in [ran.stdout(), ran.stderr()] {
            let obeyed = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(obeyed), "{line}: {text:?}");
        }
    }
    folder.check("0 info run | 2 columns: x\\u{7}, =y()");
    let header = folder.read("b.csv");
    assert!(header.starts_with("x\\u{7},'=y()\n"), "{header}");
}

/// Readings are looked at one after the other: all at once, these would take 150 MB.
#[test]
#[cfg(target_os = "linux")]
fn info_on_many_readings_needs_little_memory() {
    let folder = Folder::new();
    folder.run("train tiny.toml --out run --steps 10").exits(0);
    let line = folder.read("run/metrics.jsonl");
    let lines = (1..=60_000).map(|step| line.replace("\"step\":10,", &format!("\"step\":{step},")));
    folder.write("run/metrics.jsonl", &lines.collect::<String>());
    let info = &folder.run_within(100, "info run --json").exits(0).json()[0];
    let last: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(info["value"], last["value"]);
}

#[test]
fn info_and_sample_of_nothing_say_so() {
    let folder = Folder::new();
    folder.write("junk.safetensors", "junk");
    folder.check(
        "
        1 sample nowhere | nowhere
        2 info . | found no checkpoint
        1 sample junk.safetensors | not a checkpoint
        2 train --resume nowhere | not the directory of a run
        0 info | cpu | threads | processor | gan-cli
        ",
    );
}

#[test]
fn damaged_checkpoint_is_refused_with_both_sides() {
    let folder = Folder::new();
    folder.write("table.csv", &"1,2\n3,5\n4,4\n7,1\n".repeat(10));
    folder.check("0 train tiny.toml --data table.csv --out run --steps 1");
    let bytes = folder.bytes("run/checkpoints/step-000001.safetensors");
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
        let file = edited(&bytes, |about, _| {
            about["annotations"][annotation] = damaged.into();
        });
        std::fs::write(folder.path("damaged.safetensors"), file).unwrap();
        for out in ["s.png", "s.csv"] {
            folder.check(&format!(
                "1 sample damaged.safetensors --out {out}
                    | damaged.safetensors: annotation | {part}"
            ));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn bash_completes_what_the_program_says_it_can() {
    let folder = Folder::new();
    let script = folder.run("completions bash").exits(0).stdout();
    folder.write("completions", &script);
    for (words, expected) in [
        (&["gan-cli", "ev"][..], "evaluate"),
        (&["gan-cli", "train", "--overw"], "--overwrite"),
        (&["gan-cli", "completions", "z"], "zsh"),
    ] {
        let (line, last) = (words.join(" "), words.len() - 1);
        let ask = format!(
            "source ./completions && COMP_WORDS=({line}) COMP_CWORD={last} && \
             known=$(complete -p gan-cli) && known=${{known#*-F }} && \
             ${{known%% *}} gan-cli {} && echo \"${{COMPREPLY[*]}}\"",
            words[last]
        );
        let said = std::process::Command::new("bash")
            .args(["--norc", "-c", &ask])
            .current_dir(folder.path(""))
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(said.stdout).unwrap().trim(),
            expected,
            "{line}"
        );
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = folder
            .run(&format!("completions {shell}"))
            .exits(0)
            .stdout();
        assert!(
            script.contains("gan-cli") && script.contains("evaluate"),
            "{shell}"
        );
    }
}

#[test]
fn manual_has_a_page_for_each_command() {
    let folder = Folder::new();
    folder.check("2 man pages | pages: found no folder | hint: mkdir -p pages");
    std::fs::create_dir(folder.path("pages")).unwrap();
    folder.check("0 man pages | pages/gan-cli.1");
    let help = folder.run("--help").exits(0).stdout();
    let commands = help.split_once("Commands:\n").unwrap().1;
    let commands = commands.split_once("\n\n").unwrap().0;
    let names = commands.lines().filter_map(|line| line.strip_prefix("  "));
    let names: Vec<&str> = names
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(names.len() > 8, "{help}");
    for name in names {
        let page = folder.read(&format!("pages/gan-cli-{name}.1"));
        assert!(page.contains(".TH gan-cli-"), "{name}: {page}");
    }
}
