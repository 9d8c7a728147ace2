//! Models for other programs: ONNX, and a player's tensors for PyTorch and NumPy.

mod graph;
mod onnx;

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;

use gan_data::{Transform, write_arrays};
use gan_kernels::{Activation, Native};
use gan_model::{LayerValues, Sampler};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::calibration::{Calibrated, MOST_DRAWS};
use crate::model::Model;
use crate::problem::Problem;
use crate::run_dir;

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A graph of ONNX, which makes records in the user's units.
    Onnx,
    /// A safetensors file of the layers' tensors as PyTorch's `Linear` has them: `layers.0.weight`,
    /// outputs × inputs, and `layers.0.bias`; its metadata say in JSON what `layers` are. Records
    /// are in the players' units.
    Torch,
    /// The same tensors as an `.npz` file.
    Npz,
}

/// Which player is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// G, by the running mean of its parameters where there is one.
    Generator,
    /// D.
    Discriminator,
}

/// Writes a player of `model` to `path`; with `calibrate`, a graph of a generator of mixed tables has
/// the corrections in it that give levels their shares and numbers their distributions.
///
/// # Errors
/// If the checkpoint does not fit its configuration, or the file cannot be written.
pub fn export(
    model: &Model,
    player: Player,
    form: Form,
    calibrate: bool,
    path: &Path,
) -> Result<(), Problem> {
    let (config, checkpoint) = (model.game()?, &model.checkpoint);
    let layers = match player {
        Player::Generator => checkpoint.generator_layers(&config.generator),
        Player::Discriminator => checkpoint.discriminator_layers(&config.discriminator),
    };
    let layers = layers.map_err(Problem::of_checkpoint(&model.path))?;
    let bytes = match (form, player) {
        (Form::Onnx, Player::Generator) => {
            let calibrated = calibrate.then(|| corrections(model)).transpose()?;
            let graph = graph::generator(model, &layers, calibrated.flatten().as_ref())?;
            graph.encode("generator", &origin(model))
        }
        (Form::Onnx, Player::Discriminator) => {
            graph::discriminator(&layers)?.encode("discriminator", &origin(model))
        }
        (Form::Torch, _) => torch(&layers)?,
        (Form::Npz, _) => {
            let mut bytes = Vec::new();
            write_arrays(&mut bytes, &tensors(&layers)).map_err(unwritable)?;
            bytes
        }
    };
    run_dir::replace(path, &bytes)
}

/// Where a model comes from.
fn origin(model: &Model) -> [(&'static str, String); 3] {
    [
        ("data", model.record.data.clone()),
        ("step", model.checkpoint.step.to_string()),
        ("seed", model.checkpoint.seed.to_string()),
    ]
}

/// A file of memory does not fail.
fn unwritable(error: impl Display) -> Problem {
    Problem::failed(format!("the file cannot be made: {error}"))
}

/// The tensors as a safetensors file that says what the layers are.
fn torch(layers: &[LayerValues]) -> Result<Vec<u8>, Problem> {
    let tensors = tensors(layers);
    let views = tensors.iter().map(|(name, shape, values)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), values);
        view.map(|view| (name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(unwritable)?;
    let layers: Vec<Value> = layers.iter().map(describe).collect();
    let known = HashMap::from([
        ("format".to_owned(), "pt".to_owned()),
        ("layers".to_owned(), json!(layers).to_string()),
    ]);
    safetensors::serialize(views, Some(known)).map_err(unwritable)
}

/// The corrections of a generator of mixed tables.
fn corrections(model: &Model) -> Result<Option<Calibrated>, Problem> {
    let Transform::Columns(encoding) = &model.record.transform else {
        return Ok(None);
    };
    let sampler = Sampler::new(
        Native::<f32>::new(None)?,
        &model.game()?.generator,
        &model.checkpoint,
    );
    let mut sampler = sampler.map_err(Problem::of_checkpoint(&model.path))?;
    Ok(Some(Calibrated::new(&mut sampler, encoding, MOST_DRAWS)?))
}

/// Name, shape and little-endian bytes of every tensor, weights transposed.
fn tensors(layers: &[LayerValues]) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let bytes = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect();
    let layers = layers.iter().enumerate().flat_map(|(index, layer)| {
        let outputs = layer.bias.len();
        let mut transposed = (0..outputs).flat_map(|output| {
            let own = layer.weights.iter().skip(output).step_by(outputs);
            own.copied()
        });
        let weights = bytes(&mut transposed);
        let bias = bytes(&mut layer.bias.iter().copied());
        [
            (
                format!("layers.{index}.weight"),
                vec![outputs, layer.inputs],
                weights,
            ),
            (format!("layers.{index}.bias"), vec![outputs], bias),
        ]
    });
    layers.collect()
}

/// What a layer is, for a program that builds it anew.
fn describe(layer: &LayerValues) -> Value {
    let mut said = json!({
        "inputs": layer.inputs,
        "outputs": layer.bias.len(),
        "activation": layer.activation.kind(),
    });
    match layer.activation {
        Activation::LeakyRelu { slope } => said["slope"] = json!(slope),
        Activation::Maxout { pieces } => said["pieces"] = json!(pieces),
        _ => {}
    }
    said
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    #[test]
    fn tensors_are_as_a_linear_module_has_them() {
        let layer = LayerValues {
            activation: Activation::Maxout { pieces: 2 },
            inputs: 3,
            weights: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            bias: vec![7.0, 8.0],
        };
        let bytes = torch(&[layer]).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let weight = file.tensor("layers.0.weight").unwrap();
        assert_eq!(weight.shape(), [2, 3]);
        let values = [1.0_f32, 3.0, 5.0, 2.0, 4.0, 6.0].map(f32::to_le_bytes);
        assert_eq!(weight.data(), values.as_flattened());
        assert_eq!(file.tensor("layers.0.bias").unwrap().shape(), [2]);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let layers = &header.metadata().as_ref().unwrap()["layers"];
        let expected = r#"[{"activation":"maxout","inputs":3,"outputs":2,"pieces":2}]"#;
        assert_eq!(layers, expected);
    }
}
