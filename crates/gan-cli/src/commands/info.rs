//! `gan-cli info`: what a run or a checkpoint is, and what this machine offers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use gan_kernels::{INSTRUCTIONS, Native};
use gan_run::device::{self, DeviceChoice, DeviceInfo};
use gan_run::diagnosis::{Diagnosis, Finding};
use gan_run::model::Model;
use gan_run::problem::Problem;
use gan_run::record::shape_in_words;
use gan_run::run_dir::{self, DEVICE_MARK, EXECUTION_MARK};
use gan_run::text::{bytes, thousands};
use serde::Serialize;
use serde_json::{Value, json};

use super::load_model;
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
pub(crate) fn run(args: &InfoArgs, output: Output) -> Result<ExitCode, Problem> {
    let facts = match &args.from {
        None => machine()?,
        Some(from) => model(&load_model(from, output)?, output),
    };
    let values: BTreeMap<_, _> = facts.iter().map(|fact| (fact.name, &fact.value)).collect();
    output.event(&values);
    for Fact { name, lines, .. } in &facts {
        lines
            .iter()
            .for_each(|line| output.line(format!("{name:<26}{line}")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Something that is known of a model or of this machine.
struct Fact {
    name: &'static str,
    /// For programs.
    value: Value,
    /// For people, who see the name before each line.
    lines: Vec<String>,
}

impl Fact {
    /// A fact of which people see no more than programs.
    fn new(name: &'static str, value: impl Serialize) -> Self {
        let value = json!(value);
        let lines = vec![in_words(&value)];
        Self { name, value, lines }
    }

    /// A fact that people see as `lines`; none of them means an empty list.
    fn with_lines(name: &'static str, value: impl Serialize, mut lines: Vec<String>) -> Self {
        if lines.is_empty() {
            lines.push("none".into());
        }
        Self {
            name,
            value: json!(value),
            lines,
        }
    }
}

fn machine() -> Result<Vec<Fact>, Problem> {
    let (best, why) = device::resolve(DeviceChoice::Auto);
    let taken = Native::<f32>::new(Some(1))?.instructions();
    let offered = gan_kernels::instructions();
    let instructions = json!({ "taken": taken, "offered": offered });
    let offered = offered.join(", ");
    let in_words = format!("{taken}; {INSTRUCTIONS} chooses one of {offered}");
    let devices = device::all()?;
    let lines = devices.iter().map(device_in_words).collect();
    Ok(vec![
        Fact::new("gan-cli", env!("CARGO_PKG_VERSION")),
        Fact::new("checkpoint_format", gan_model::FORMAT_VERSION),
        Fact::new("device", format!("{best} ({why})")),
        Fact::new("processor", processor()),
        Fact::with_lines("instructions", instructions, vec![in_words]),
        Fact::new("features", device::features()),
        Fact::with_lines("devices", devices, lines),
    ])
}

fn model(model: &Model, output: Output) -> Vec<Fact> {
    let (checkpoint, record) = (&model.checkpoint, &model.record);
    let parameters = model.parameter_counts();
    // A seed is a name and not an amount: it is there to be typed again.
    let seed = checkpoint.seed.to_string();
    let records = shape_in_words(&record.shape);
    let shown = |path: &Path| path.display().to_string();
    let game = model.game().ok();
    let sizes = match model.rival() {
        Some(run) => vec![
            Fact::new("rival", run.rival.in_words()),
            Fact::new("parameters", parameters[0]),
            Fact::new("chain", run.rival.chain()),
        ],
        None => vec![
            Fact::new("generator_parameters", parameters[0]),
            Fact::new("discriminator_parameters", parameters[1]),
        ],
    };
    let mut facts = vec![
        Fact::new("preset", &record.preset),
        Fact::new("checkpoint", shown(&model.path)),
        Fact::new("run", model.run.as_deref().map(shown)),
        Fact::new("step", checkpoint.step),
        Fact::with_lines("seed", checkpoint.seed, vec![seed]),
    ];
    facts.extend(sizes);
    facts.extend([
        Fact::with_lines("records", &record.shape, vec![records]),
        Fact::new("data", &record.data),
        Fact::new("train_records", record.train_records),
        Fact::new("data_sha256", &record.fingerprint),
        Fact::new("config_sha256", checkpoint.config_hash()),
        Fact::new("written_by", checkpoint.annotations.get("program")),
    ]);
    if let (Some(conditions), Some(game)) = (&model.conditions, game) {
        facts.push(Fact::new("conditions", &game.game.condition));
        let combinations = conditions.combinations().count();
        facts.push(Fact::new("condition_combinations", combinations));
    }
    if let Some(run) = &model.run {
        let checkpoints = run_dir::checkpoints(run);
        let steps: Vec<u64> = checkpoints.iter().map(|(step, _)| *step).collect();
        facts.push(Fact::new("device", run_dir::last_logged(run, DEVICE_MARK)));
        let execution = run_dir::last_logged(run, EXECUTION_MARK);
        facts.push(Fact::new("execution", execution));
        facts.push(Fact::new("checkpoints", steps));
        // All findings, those that are over as well.
        let loss = game.map(|game| game.game.loss);
        let mut diagnosis = Diagnosis::new(loss.unwrap_or_default());
        let mut last = None;
        let warning = run_dir::each_reading(run, |line| {
            diagnosis.take(&line);
            last = Some(line);
        });
        if let Some(warning) = warning {
            output.notice(format!("warning: {warning}"));
        }
        if let Some(last) = last {
            let keys: &[_] = match model.rival() {
                Some(_) => &["stage", "reconstruction", "seconds"],
                None => &["epoch", "value", "d_data", "d_samples", "seconds"],
            };
            for key in keys {
                facts.push(Fact::new(key, &last[key]));
            }
        }
        let findings = diagnosis.findings().iter().map(Finding::to_string);
        let findings: Vec<_> = findings.collect();
        facts.push(Fact::with_lines("findings", findings.clone(), findings));
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

/// A value for people.
fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            Some(number) => thousands(number as usize),
            None => format!("{:.4}", number.as_f64().unwrap_or(f64::NAN)),
        },
        // As of a build without features.
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_people_read_them() {
        assert_eq!(Fact::new("train_records", 50000).lines, ["50,000"]);
        assert_eq!(Fact::new("value", -1.25).lines, ["-1.2500"]);
        assert_eq!(
            Fact::new("checkpoints", [1000, 2000]).lines,
            ["1,000, 2,000"]
        );
        assert_eq!(Fact::new("device", None::<&str>).lines, ["-"]);
        assert_eq!(Fact::with_lines("findings", [0; 0], vec![]).lines, ["none"]);
    }

    #[test]
    fn devices_are_said_in_words() {
        let device = DeviceInfo {
            name: "wgpu:0".into(),
            description: "a rasteriser".into(),
            memory: None,
            largest_buffer: Some(2_147_483_647),
            precisions: vec!["f32".into()],
            replays: false,
            software: true,
        };
        assert_eq!(
            device_in_words(&device),
            "wgpu:0: a rasteriser; buffers up to 2.0 GiB; f32; \
             software rasteriser, never chosen by auto"
        );
    }
}
