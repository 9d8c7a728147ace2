//! Exported models, as other programs read them.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use std::path::{Path, PathBuf};

use gan_kernels::random::{Address, Purpose, Stream, unit_open};
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::model::Model;
use serde_json::{Value, json};

use common::{Folder, python_with};

/// Samples that are compared.
const ROWS: usize = 64;
const SEED: u64 = 5;

/// Runs ONNX's checker, and compares `graph` with `case`.
#[track_caller]
fn check(folder: &Folder, graph: &str, case: &Value) {
    folder.write("case.json", &case.to_string());
    run_script(
        "check_onnx.py",
        &[folder.path(graph), folder.path("case.json")],
    );
}

/// Runs a script beside this file, where there is a Python for it.
#[track_caller]
fn run_script(name: &str, arguments: &[PathBuf]) {
    if let Some(python) = python_with("onnx, onnxruntime, numpy") {
        common::run_script(&python, name, arguments);
    }
}

/// What the graph of the generator of `run` must make of the latents of its first samples.
fn case_of_generator(folder: &Folder, run: &str, calibrated: bool) -> Value {
    let model = Model::load(&folder.path(run)).unwrap();
    let (device, _) = Device::open(DeviceChoice::Cpu, PrecisionChoice::F32, None).unwrap();
    let mut generator = match calibrated {
        true => model.generator(&device).unwrap(),
        false => model.generator_as_trained(&device).unwrap(),
    };
    let latents = generator.latents(SEED, 0, ROWS).unwrap();
    let width = latents.len() / ROWS;
    let latent = model.game().unwrap().generator.latent;
    let part = |from: usize, to: usize| -> Vec<Vec<f32>> {
        let rows = latents.chunks_exact(width);
        rows.map(|row| row[from..to].to_vec()).collect()
    };
    let mut inputs = json!({ "latents": part(0, latent) });
    if width > latent {
        inputs["conditions"] = json!(part(latent, width));
    }
    let samples = generator.sample(SEED, 0, ROWS).unwrap();
    let cols = samples.len() / ROWS;
    let rows = samples.chunks_exact(cols).map(|record| {
        let mut row = model.record.transform.user_row(record);
        model.record.shape.round(&mut row);
        row
    });
    let rows: Vec<Vec<f64>> = rows.collect();
    let gan_data::RecordShape::Table(table) = &model.record.shape else {
        let name = match model.record.shape.image() {
            Some(_) => "images",
            None => "samples",
        };
        return json!({ "inputs": inputs, "outputs": [[name, rows]] });
    };
    if model.record.transform.encoding().is_some() {
        inputs["uniforms"] = json!(uniforms(cols, calibrated));
    }
    let outputs = table
        .learnt_columns()
        .enumerate()
        .map(|(at, (column, style))| {
            let cells = rows.iter().map(|row| match (style.levels(), row[at]) {
                (None, value) => json!(value),
                (Some(_), blank) if blank.is_nan() => {
                    json!(column.blank.clone().unwrap_or_default())
                }
                (Some(_), value) => json!(style.write(value)),
            });
            json!([column.name, cells.collect::<Vec<_>>()])
        });
    json!({ "inputs": inputs, "outputs": outputs.collect::<Vec<_>>() })
}

/// The numbers in (0, 1) by which a generator of mixed records decides its levels.
fn uniforms(width: usize, calibrated: bool) -> Vec<Vec<f32>> {
    let (pass, stride) = match calibrated {
        true => (3, width),
        false => (2, width.next_multiple_of(4)),
    };
    let address = Address {
        seed: SEED,
        stream: Stream::new(Purpose::Evaluation, pass, 0),
        step: 0,
    };
    let row = |row: usize| {
        let first = row * stride;
        let words = (first..first + width).map(|index| address.word(index as u64));
        words.map(unit_open).collect()
    };
    (0..ROWS).map(row).collect()
}

/// What the graph of the discriminator of `run` must say of the same records.
fn case_of_discriminator(folder: &Folder, run: &str) -> Value {
    let model = Model::load(&folder.path(run)).unwrap();
    let layers = &model.game().unwrap().discriminator;
    let layers = model.checkpoint.discriminator_layers(layers).unwrap();
    let inputs = layers[0].inputs;
    let record = |row: usize| -> Vec<f32> {
        (0..inputs)
            .map(|col| ((row * inputs + col) as f32).sin())
            .collect()
    };
    let records: Vec<Vec<f32>> = (0..ROWS).map(record).collect();
    let probability = records.iter().map(|record| {
        let mut x: Vec<f64> = record.iter().map(|&value| f64::from(value)).collect();
        for layer in &layers {
            let cols = layer.bias.len();
            let z = (0..cols).map(|j| {
                let own = layer.weights.iter().skip(j).step_by(cols);
                let products = own.zip(&x).map(|(w, x)| f64::from(*w) * x);
                products.sum::<f64>() + f64::from(layer.bias[j])
            });
            let z: Vec<f64> = z.collect();
            let units = z.chunks_exact(layer.activation.pieces());
            x = units
                .map(|pieces| layer.activation.define(pieces).0)
                .collect();
        }
        x
    });
    let probability: Vec<Vec<f64>> = probability.collect();
    json!({ "inputs": { "records": records }, "outputs": [["probability", probability]] })
}

/// A table with a column of every kind.
fn table() -> String {
    let mut text = "city,income,age,member,since,opened,mark\n".to_owned();
    for row in 0..400 {
        let city = ["Rome", "Zürich", "", "Oslo, N"][row * 7 % 4];
        let income = match row % 5 {
            0 => "0".to_owned(),
            1 if row % 3 == 0 => String::new(),
            // A number that is rounded to the other side is off by less than what is allowed.
            _ => format!("{:.3}", 1e4 * ((row * row) as f64).sin().abs().powi(3)),
        };
        let age = 20 + row * 13 % 60;
        let member = ["yes", "no"][row * row % 7 % 2];
        let (month, day) = (1 + row % 12, 1 + row * 5 % 28);
        let (hour, minute, second) = (row % 24, row * 11 % 60, row * 17 % 60);
        let mark = row * 3 % 10;
        text += &format!(
            "\"{city}\",{income},{age},{member},2024-{month:02}-{day:02},\
             2024-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{mark}\n"
        );
    }
    text
}

/// An array of 300 records: two columns of whole numbers, and one of others.
fn array() -> Vec<u8> {
    let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (300, 3), }";
    // The lengths of magic, version and header add up to a multiple of 64.
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{head:<117}\n").bytes());
    let records =
        (0..300).flat_map(|row| [(row % 7) as f32, (row * row % 5) as f32, 0.3 * row as f32]);
    file.extend(records.flat_map(f32::to_le_bytes));
    file
}

/// Players with maxout and hyperbolic tangents.
const NARROW: &str = r#"
extends = "ring8"
[data]
count = 400
[generator]
layers = [
    { units = 6, activation = "maxout", pieces = 3 },
    { units = 5, activation = "tanh" },
    { activation = "identity" },
]
"#;

#[test]
fn graphs_make_what_the_program_makes() {
    let folder = Folder::new();
    folder.write("narrow.toml", NARROW);
    folder.write("people.csv", &table());
    std::fs::write(folder.path("counts.npy"), array()).unwrap();
    let given = "extends = \"mixed-table\"\ndata.source = \"people.csv\"\n\
                 game.condition = [\"city\", \"member\"]";
    folder.write("given.toml", given);
    for what in [
        // Rectifiers and sigmoids; images; D with maxout.
        "digits --steps 2 --set data.count=400",
        "digits --steps 2 --set data.count=400 --set data.normalize=\"gcn\"",
        // Leaky rectifiers; the running mean of G.
        "ring8-modern --steps 30 --set data.count=400",
        "narrow.toml --steps 5",
        // Within the range of an array, and whole numbers where it has them.
        "table --data counts.npy --steps 20",
        // Every kind of column, some of them conditions, and numbers alone.
        "people.csv --steps 60",
        "given.toml --steps 60",
    ] {
        let ok = |line: &str| folder.run(line).exits(0);
        ok(&format!(
            "train {what} --out run --overwrite --set run.sample_every=0"
        ));
        ok("export run --onnx g.onnx --no-calibration --overwrite");
        check(&folder, "g.onnx", &case_of_generator(&folder, "run", false));
        ok("export run --onnx d.onnx --torch d.st --npz d.npz --discriminator --overwrite");
        check(&folder, "d.onnx", &case_of_discriminator(&folder, "run"));
        // The case of the discriminator is still there.
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/export.md");
        let files = [document, folder.path("d.st"), folder.path("case.json")];
        run_script("check_torch.py", &files);
        if what.contains("people") || what.contains("given") {
            ok("export run --onnx g.onnx --overwrite");
            // But for levels that had come too rarely, and ranks of a few samples.
            let mut case = case_of_generator(&folder, "run", true);
            case["share"] = json!(0.75);
            case["tolerance"] = json!(0.1);
            check(&folder, "g.onnx", &case);
        }
    }
    folder
        .run("export run --onnx g.onnx")
        .exits(2)
        .complains(&["g.onnx: is there already", "--overwrite"]);
    folder
        .run("export run")
        .exits(2)
        .complains(&["--onnx", "--torch", "--npz"]);
}
