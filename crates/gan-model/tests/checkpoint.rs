//! Checkpoints that are damaged, foreign or of another game.
#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::fs;
use std::path::{Path, PathBuf};

use gan_kernels::Native;
use gan_model::{
    Checkpoint, CheckpointError, GameConfig, MOST_STEPS, Sampler, Trainer, TrainingData,
};

/// A game of records of 2 values, whose G has so many hidden layers of so many units.
fn game(hidden: usize, hidden_layers: usize) -> GameConfig {
    let hidden = format!("{{ units = {hidden}, activation = 'relu' }},").repeat(hidden_layers);
    let text = format!(
        "generator = {{ latent = 3, prior = 'normal', layers = [{hidden} \
         {{ units = 2, activation = 'identity' }}] }}
         discriminator.layers = [{{ units = 1, activation = 'sigmoid' }}]
         optimizer = {{ kind = 'momentum', learning_rate = 0.1 }}
         game = {{ minibatch = 4, generator_objective = 'minimax' }}"
    );
    GameConfig::from_toml(&text).unwrap()
}

fn trainer(hidden: usize, hidden_layers: usize) -> Trainer<Native<f32>> {
    let data = TrainingData::from_rows(2, vec![0.25; 20]).unwrap();
    let config = game(hidden, hidden_layers);
    Trainer::new(Native::new(Some(1)).unwrap(), &config, 1, data).unwrap()
}

fn checkpoint(hidden: usize, hidden_layers: usize) -> Checkpoint {
    let mut trainer = trainer(hidden, hidden_layers);
    trainer.step();
    let annotations = [("shape".to_owned(), "vector".to_owned())].into();
    trainer
        .checkpoint("seed = 1\n".into(), annotations)
        .unwrap()
}

fn saved(folder: &Path) -> PathBuf {
    let path = folder.join("step-000001.safetensors");
    checkpoint(5, 1).save(&path).unwrap();
    path
}

#[test]
fn load_gives_back_what_was_saved_and_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded, checkpoint(5, 1));
    assert_eq!(loaded.annotations["shape"], "vector");
    let again = folder.path().join("again.safetensors");
    loaded.save(&again).unwrap();
    assert_eq!(fs::read(path).unwrap(), fs::read(again).unwrap());
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 2, "nothing else is left beside the checkpoints");
}

#[test]
fn sampler_needs_nothing_but_the_checkpoint_where_that_carries_its_game() {
    let (mut trainer, config) = (trainer(5, 1), game(5, 1));
    trainer.step();
    let text = config.to_toml().unwrap();
    let run = format!("seed = 1\n{text}[run]\nsteps = 1\n");
    let native = || Native::<f32>::new(Some(1)).unwrap();
    for text in [text, run] {
        let checkpoint = trainer.checkpoint(text, Default::default()).unwrap();
        assert_eq!(checkpoint.config().unwrap(), config);
        let mut sampler = Sampler::from_checkpoint(native(), &checkpoint).unwrap();
        let samples = sampler.sample(7, 0, 3).unwrap();
        assert_eq!(samples, trainer.sample(7, 0, 3).unwrap());
    }
    // One that carries none is loaded all the same, and sampled with a configuration beside it.
    let folder = tempfile::tempdir().unwrap();
    let without = Checkpoint::load(&saved(folder.path())).unwrap();
    let error = Sampler::from_checkpoint(native(), &without).err().unwrap();
    let expected = "checkpoint: its text is not the configuration of a game: ";
    assert!(error.to_string().starts_with(expected), "{error}");
    let mut sampler = Sampler::new(native(), &config.generator, &without).unwrap();
    let samples = sampler.sample(7, 0, 3).unwrap();
    assert_eq!(samples, trainer.sample(7, 0, 3).unwrap());
}

#[test]
fn sampler_of_a_checkpoint_whose_text_is_of_another_game_is_an_error() {
    let change = |change: fn(&mut GameConfig)| {
        let mut config = game(5, 1);
        change(&mut config);
        config.to_toml().unwrap()
    };
    for (text, expected) in [
        (
            change(|c| c.generator.latent = 4),
            "generator.0.w has shape [3, 5], expected [4, 5]",
        ),
        (
            change(|c| c.generator.layers.clear()),
            "generator.0.b is missing",
        ),
        (
            change(|c| c.game.minibatch = 0),
            "its text is game.minibatch: found 0",
        ),
        (change(|c| c.generator.average = Some(0.9)), "is missing"),
    ] {
        let checkpoint = trainer(5, 1).checkpoint(text, Default::default()).unwrap();
        let native = Native::<f32>::new(Some(1)).unwrap();
        let error = Sampler::from_checkpoint(native, &checkpoint).err().unwrap();
        assert!(
            error.to_string().contains(expected),
            "{error}, not {expected}"
        );
    }
}

#[test]
fn hints_of_the_system_s_errors_fit_the_error() {
    use std::io::{Error, ErrorKind};
    for (kind, expected) in [
        (ErrorKind::NotFound, "give the directory of a run"),
        (ErrorKind::StorageFull, "free some space"),
        (
            ErrorKind::ReadOnlyFilesystem,
            "a directory that can be written",
        ),
        (ErrorKind::TimedOut, "the system's log"),
    ] {
        let error = CheckpointError::Io {
            path: "a.safetensors".into(),
            action: "cannot write the checkpoint",
            source: Error::from(kind),
        };
        let hint = error.hint().unwrap();
        assert!(hint.contains(expected), "{kind}: {hint}");
    }
}

#[test]
fn load_of_any_truncation_or_flipped_bit_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let bytes = fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(7) {
        fs::write(&path, &bytes[..len]).unwrap();
        let error = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(error.contains("step-000001.safetensors"), "{error}");
    }
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 1 << (index % 8);
        fs::write(&path, &damaged).unwrap();
        let loaded = Checkpoint::load(&path);
        assert!(loaded.is_err(), "byte {index}: the damage is taken");
    }
}

#[test]
fn load_names_the_tensor_that_is_damaged_and_takes_files_without_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let bytes = fs::read(&path).unwrap();
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 0x40;
    fs::write(&path, &damaged).unwrap();
    let error = Checkpoint::load(&path).unwrap_err().to_string();
    let expected = "tensor generator.1.w and its hash disagree";
    assert!(error.contains(expected), "{error}, not {expected}");

    // As older programs wrote it.
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, tensors) = bytes[8..].split_at(length);
    let mut header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let about = &mut header["__metadata__"]["gan_checkpoint"];
    let mut fields: serde_json::Value = serde_json::from_str(about.as_str().unwrap()).unwrap();
    for name in ["tensors_sha256", "header_sha256"] {
        assert!(fields.as_object_mut().unwrap().remove(name).is_some());
    }
    *about = fields.to_string().into();
    let header = header.to_string();
    let mut old = (header.len() as u64).to_le_bytes().to_vec();
    old.extend_from_slice(header.as_bytes());
    old.extend_from_slice(tensors);
    fs::write(&path, old).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint(5, 1));
}

#[test]
#[cfg(unix)]
fn load_reads_files_alone_and_no_further_than_their_headers_bear_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let error = Checkpoint::load(&path).unwrap_err().to_string();
    assert!(error.contains("expected a file"), "{error}");
    // A hole of a terabyte, which no machine could hold.
    let path = folder.path().join("b.safetensors");
    fs::write(&path, b"\x02\0\0\0\0\0\0\0{}").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    if file.set_len(1 << 40).is_ok() {
        let error = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(error.contains("bytes, expected 10"), "{error}");
    }
}

#[test]
fn load_names_the_file_that_is_missing_or_foreign() {
    let missing = Checkpoint::load(Path::new("no/such.safetensors")).unwrap_err();
    assert!(matches!(missing, CheckpointError::Io { .. }), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.safetensors");
    fs::write(&path, "this is no checkpoint, only a line of text").unwrap();
    let foreign = Checkpoint::load(&path).unwrap_err();
    let is_format = matches!(foreign, CheckpointError::Format { .. });
    assert!(is_format, "{foreign}");
}

#[test]
fn step_that_no_game_reaches_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("step.safetensors");
    for (step, expected) in [
        (MOST_STEPS, None),
        (
            MOST_STEPS + 1,
            Some("found step 1000000000001, expected at most"),
        ),
        (u64::MAX, Some("found step 18446744073709551615")),
    ] {
        let mut far = checkpoint(5, 1);
        far.step = step;
        far.save(&path).unwrap();
        let found = Checkpoint::load(&path).map(|loaded| loaded.step);
        match expected {
            None => {
                // One more is counted without overflow.
                let mut trainer = trainer(5, 1);
                trainer.restore(&far).unwrap();
                trainer.step();
                assert_eq!(trainer.take_metrics().unwrap().step, step + 1);
                assert_eq!(found.unwrap(), step);
            }
            Some(expected) => {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
                assert!(error.starts_with(&path.display().to_string()), "{error}");
            }
        }
    }
}

#[test]
fn save_into_a_missing_folder_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("step.safetensors");
    let error = checkpoint(5, 1).save(&path).unwrap_err().to_string();
    assert!(error.contains("step.safetensors"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn restore_checks_every_name_and_shape_and_changes_nothing_on_error() {
    let mut target = trainer(5, 1);
    let before = target
        .checkpoint(String::new(), Default::default())
        .unwrap();
    let wider = target.restore(&checkpoint(6, 1)).unwrap_err();
    assert!(
        matches!(&wider, CheckpointError::Shape { name, found: [3, 6], expected: [3, 5] }
            if name == "generator.0.w"),
        "{wider}"
    );
    let shallower = target.restore(&checkpoint(5, 0)).unwrap_err();
    assert!(matches!(
        shallower,
        CheckpointError::Shape { .. } | CheckpointError::Missing { .. }
    ));
    let deeper = trainer(5, 0).restore(&checkpoint(2, 1)).unwrap_err();
    assert!(matches!(
        deeper,
        CheckpointError::Shape { .. } | CheckpointError::Unknown { .. }
    ));
    let after = target.checkpoint(String::new(), Default::default());
    assert_eq!(after.unwrap(), before);
}
