//! `gan-cli info`: what a run or a checkpoint is, and what this machine offers.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::InfoArgs;
use crate::devices::{Device, DeviceChoice};
use crate::output::Output;
use crate::run_dir;
use crate::sample::Model;
use crate::session::thousands;

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
            output.line(format!("{name:<24}{}", shown(value)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A name and a value, in the order in which they are printed.
type Facts = Vec<(&'static str, Value)>;

fn machine() -> anyhow::Result<Facts> {
    let device = Device::open(DeviceChoice::Auto, None)?;
    Ok(vec![
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("device", json!(device.description())),
        ("back_ends", json!(["cpu"])),
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
        facts.push(("device", json!(run_dir::last_device(run))));
        facts.push(("checkpoints", json!(steps)));
        if let Some(last) = run_dir::metrics(run).last() {
            for key in ["epoch", "value", "d_data", "d_samples", "seconds"] {
                facts.push((key, last[key].clone()));
            }
        }
    }
    facts
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            Some(number) => thousands(number as usize),
            None => format!("{:.4}", number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
