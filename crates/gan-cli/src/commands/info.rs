//! `gan-cli info`: what a run or a checkpoint is, and what this machine offers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gan_data::RecordShape;
use gan_run::device::{self, DeviceChoice, DeviceInfo};
use gan_run::diagnosis::{Diagnosis, Finding};
use gan_run::model::Model;
use gan_run::run_dir::{self, DEVICE_MARK, EXECUTION_MARK};
use gan_run::text::{bytes, thousands};
use serde_json::{Value, json};

use crate::output::Output;

/// `gan-cli info`.
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    from: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gan-cli info`.
pub(crate) fn run(args: &InfoArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let facts = match &args.from {
        None => machine()?,
        Some(from) => model(&Model::load(from)?),
    };
    if output.is_json() {
        output.event(&facts.iter().cloned().collect::<BTreeMap<_, _>>());
    } else {
        for (name, value) in &facts {
            match value {
                // A line each: they are too long to stand side by side.
                Value::Array(items)
                    if ["devices", FINDINGS].contains(name) && !items.is_empty() =>
                {
                    items
                        .iter()
                        .for_each(|item| output.line(format!("{name:<26}{}", shown(name, item))));
                }
                _ => output.line(format!("{name:<26}{}", shown(name, value))),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the diagnosis of a run has found, open or over.
const FINDINGS: &str = "findings";

/// A name and a value, in the order in which they are printed.
type Facts = Vec<(&'static str, Value)>;

fn machine() -> anyhow::Result<Facts> {
    let (best, why) = device::resolve(DeviceChoice::Auto);
    Ok(vec![
        ("gan-cli", json!(env!("CARGO_PKG_VERSION"))),
        ("checkpoint_format", json!(gan_model::FORMAT_VERSION)),
        ("device", json!(format!("{best} ({why})"))),
        ("processor", json!(processor())),
        ("features", json!(device::features())),
        ("devices", json!(device::all()?)),
    ])
}

fn model(model: &Model) -> Facts {
    let (checkpoint, record) = (&model.checkpoint, &model.record);
    let mut parameters = [0usize; 2];
    for (name, shape) in checkpoint.tensors() {
        // A player's parameters and not what its optimiser keeps.
        let player = usize::from(name.starts_with("discriminator."));
        if !name.contains(".moment") {
            parameters[player] += shape[0] * shape[1];
        }
    }
    let mut facts = vec![
        ("preset", json!(record.preset)),
        ("checkpoint", json!(model.path)),
        ("run", json!(model.run)),
        ("step", json!(checkpoint.step)),
        ("seed", json!(checkpoint.seed)),
        ("generator_parameters", json!(parameters[0])),
        ("discriminator_parameters", json!(parameters[1])),
        ("records", json!(record.shape)),
        ("data", json!(record.data)),
        ("train_records", json!(record.train_records)),
        ("data_sha256", json!(record.fingerprint)),
        ("config_sha256", json!(checkpoint.config_hash())),
        ("written_by", json!(checkpoint.annotations.get("program"))),
    ];
    if let Some(run) = &model.run {
        let checkpoints = run_dir::checkpoints(run);
        let steps: Vec<u64> = checkpoints.iter().map(|(step, _)| *step).collect();
        let logged = |mark| json!(run_dir::last_logged(run, mark));
        facts.push(("device", logged(DEVICE_MARK)));
        facts.push(("execution", logged(EXECUTION_MARK)));
        facts.push(("checkpoints", json!(steps)));
        let lines = run_dir::metrics(run);
        if let Some(last) = lines.last() {
            for key in ["epoch", "value", "d_data", "d_samples", "seconds"] {
                facts.push((key, last[key].clone()));
            }
        }
        let diagnosis = Diagnosis::of(model.config.game.loss, &lines);
        let findings = diagnosis.findings().iter().map(Finding::to_string);
        facts.push((FINDINGS, json!(findings.collect::<Vec<_>>())));
    }
    facts
}

/// The model name as the system has it; the architecture where it has none.
fn processor() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| {
        let (key, model) = line.split_once(':')?;
        (key.trim() == "model name").then(|| model.trim().to_owned())
    });
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// What a record is, in words.
fn shape_in_words(shape: &RecordShape) -> String {
    match shape {
        RecordShape::Image {
            height,
            width,
            channels,
        } => {
            let kind = if *channels == 3 { "colour " } else { "" };
            format!("{height}×{width} {kind}images")
        }
        RecordShape::Vector {
            columns: Some(names),
        } => {
            let unit = if names.len() == 1 {
                "column"
            } else {
                "columns"
            };
            format!("{} {unit}: {}", names.len(), names.join(", "))
        }
        _ => "numbers in columns without names".into(),
    }
}

/// A device and what it can do, in words.
fn device_in_words(device: &DeviceInfo) -> String {
    let mut words = vec![format!("{}: {}", device.name, device.description)];
    words.extend(
        device
            .memory
            .map(|count| format!("memory {}", bytes(count))),
    );
    let largest = device.largest_buffer;
    words.extend(largest.map(|count| format!("buffers up to {}", bytes(count))));
    words.push(device.precisions.join(" "));
    if device.replays {
        words.push("replays iterations".into());
    }
    if device.software {
        words.push("software rasteriser, never chosen by auto".into());
    }
    words.join("; ")
}

/// The value of `name` for people.
fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            // A seed is a name and not an amount: it is there to be typed again.
            Some(number) if name == "seed" => number.to_string(),
            Some(number) => thousands(number as usize),
            None => format!("{:.4}", number.as_f64().unwrap_or(f64::NAN)),
        },
        // As of a build without features.
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shown(name, item)).collect();
            items.join(", ")
        }
        Value::Object(_) if name == "devices" => {
            let device = serde_json::from_value(value.clone());
            device.map_or_else(|_| value.to_string(), |device| device_in_words(&device))
        }
        Value::Object(_) if name == "records" => {
            let shape = serde_json::from_value(value.clone());
            shape.map_or_else(|_| value.to_string(), |shape| shape_in_words(&shape))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_people_read_them() {
        assert_eq!(shown("train_records", &json!(50000)), "50,000");
        assert_eq!(shown("seed", &json!(20141)), "20141");
        let image = |channels| RecordShape::Image {
            height: 28,
            width: 20,
            channels,
        };
        assert_eq!(shown("records", &json!(image(1))), "28×20 images");
        assert_eq!(shown("records", &json!(image(3))), "28×20 colour images");
        let columns = Some(["a", "b", "c"].map(String::from).to_vec());
        let table = RecordShape::Vector { columns };
        assert_eq!(shown("records", &json!(table)), "3 columns: a, b, c");
        let device = json!({
            "name": "wgpu:0", "description": "a rasteriser", "memory": null,
            "largest_buffer": 2_147_483_647u64, "precisions": ["f32"], "replays": false,
            "software": true,
        });
        assert_eq!(
            shown("devices", &device),
            "wgpu:0: a rasteriser; buffers up to 2.0 GiB; f32; \
             software rasteriser, never chosen by auto"
        );
        let unnamed = RecordShape::Vector { columns: None };
        assert!(shown("records", &json!(unnamed)).starts_with("numbers"));
    }
}
