//! Checkpoints that are damaged, foreign or of another game.
#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::fs;
use std::path::{Path, PathBuf};

use gan_kernels::{Native, Records, Values};
use gan_model::{Checkpoint, CheckpointError, Trainer, TrainingData};

/// A game on records of 2 values, whose G has so many hidden layers of so many units.
fn trainer(hidden: usize, hidden_layers: usize) -> Trainer<Native<f32>> {
    let hidden = format!("{{ units = {hidden}, activation = 'relu' }},").repeat(hidden_layers);
    let text = format!(
        "generator = {{ latent = 3, prior = 'normal', layers = [{hidden} \
         {{ units = 2, activation = 'identity' }}] }}
         discriminator.layers = [{{ units = 1, activation = 'sigmoid' }}]
         optimizer = {{ kind = 'momentum', learning_rate = 0.1 }}
         game = {{ minibatch = 4, generator_objective = 'minimax' }}"
    );
    let records = Records::new(2, Values::Floats(vec![0.25; 20]));
    let data = TrainingData {
        records,
        mean: vec![0.25; 2],
    };
    let config = toml::from_str(&text).unwrap();
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
fn load_of_any_truncation_or_flipped_byte_is_an_error_or_other_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let bytes = fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(7) {
        fs::write(&path, &bytes[..len]).unwrap();
        let error = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(error.contains("step-000001.safetensors"), "{error}");
    }
    let original = checkpoint(5, 1);
    for index in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x15;
        fs::write(&path, &damaged).unwrap();
        if let Ok(loaded) = Checkpoint::load(&path) {
            assert_ne!(loaded, original, "byte {index} is not read");
        }
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
