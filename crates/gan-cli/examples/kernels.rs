//! `cargo xtask kernels`: writes what the CUDA compilers make of the kernels of one iteration.
//!
//! Needs no device: the iteration is played on paper (`gan_kernels::cube::Paper`).
//! Leaves `PRECISION/NN-OPERATION.ptx` and `.cu` for every distinct kernel, and `kernels.json`,
//! which says what each is.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use gan_kernels::cube::{Launched, Paper, Precision};
use gan_kernels::{Affine, ByteScale, Records, Values};
use gan_model::{Trainer, TrainingData};
use gan_run::config::RunConfig;
use serde::Serialize;

/// Values of a record: those of an MNIST image, unless the preset is of CIFAR-10.
const PIXELS: usize = 784;

#[derive(Parser)]
struct Args {
    /// Where the kernels are written to
    #[arg(long)]
    dump: PathBuf,
    /// Compute capability that they are compiled for: 80 is Ampere's, 90 Hopper's
    #[arg(long, default_value_t = 90)]
    arch: u32,
    /// The game whose iteration it is
    #[arg(long, default_value = "mnist")]
    preset: String,
}

/// A distinct kernel.
#[derive(Serialize)]
struct Row {
    /// Its operation.
    name: &'static str,
    precision: &'static str,
    /// Its places in the iteration, from 1.
    places: Vec<usize>,
    /// Cubes of each launch's grid.
    cubes: Vec<u64>,
    /// Units of a cube.
    units: u32,
    /// Bytes of shared memory that a launch asks for.
    shared_memory: usize,
    /// Its name in the PTX.
    entry: String,
    /// Its PTX and its C++, relative to the folder.
    ptx: String,
    cpp: String,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut rows = Vec::new();
    for precision in Precision::ALL {
        rows.extend(iteration(&args, precision)?);
    }
    let index = serde_json::to_string_pretty(&rows)? + "\n";
    write(&args.dump.join("kernels.json"), &index)
}

/// Writes the kernels of an iteration.
fn iteration(args: &Args, precision: Precision) -> Result<Vec<Row>> {
    let paper = Paper::new(precision)?;
    let mut trainer = trainer(&paper, &args.preset)?;
    trainer.step();
    let launched = paper.launched_by(|| trainer.step())?;
    let mut seen = HashMap::new();
    let mut rows: Vec<Row> = Vec::new();
    for (place, (name, launched)) in launched.iter().enumerate() {
        let number = rows.len();
        let row = *seen.entry(launched.key()).or_insert(number);
        if row == number {
            rows.push(compile(args, precision, number, name, launched)?);
        }
        rows[row].places.push(place + 1);
        rows[row].cubes.push(launched.cubes());
    }
    Ok(rows)
}

fn compile(
    args: &Args,
    precision: Precision,
    number: usize,
    name: &'static str,
    launched: &Launched,
) -> Result<Row> {
    let precision = precision.name();
    let beside = |extension| format!("{precision}/{:02}-{name}.{extension}", number + 1);
    let (ptx, cpp) = (beside("ptx"), beside("cu"));
    let compiled = launched.ptx(args.arch).context(name)?;
    let heading = format!("// {}\n", launched.variant());
    let source = launched.cpp(args.arch).context(name)?.source;
    write(&args.dump.join(&ptx), &(heading.clone() + &compiled.source))?;
    write(&args.dump.join(&cpp), &(heading + &source))?;
    Ok(Row {
        name,
        precision,
        places: Vec::new(),
        cubes: Vec::new(),
        units: launched.units(),
        shared_memory: compiled.shared_memory,
        entry: compiled.entry,
        ptx,
        cpp,
    })
}

/// The game on records of zeros; what is launched does not depend on them.
fn trainer(paper: &Paper, preset: &str) -> Result<Trainer<gan_kernels::cube::Cube>> {
    let game = RunConfig::preset(preset)?.game();
    let size = if preset.starts_with("cifar10") {
        3072
    } else {
        PIXELS
    };
    let scale = ByteScale::Uniform(Affine::PIXELS);
    let data = vec![0; 500 * size];
    let records = Records::new(size, Values::Bytes { data, scale });
    let mean = vec![0.5; size];
    let data = TrainingData {
        records,
        mean,
        heads: Vec::new(),
        given: Vec::new(),
    };
    Ok(Trainer::new(paper.cube(), &game, 1, data)?)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.
mod tests {
    use super::*;

    /// Operations that multiply matrices, by tensor cores where a precision has them.
    const PRODUCTS: [&str; 5] = [
        "linear_fwd",
        "linear_fwd_maxout",
        "linear_bwd_data",
        "linear_bwd_data_maxout",
        "linear_bwd_params",
    ];

    fn launched(preset: &str, precision: Precision) -> Vec<(&'static str, Launched)> {
        let paper = Paper::new(precision).unwrap();
        let mut trainer = trainer(&paper, preset).unwrap();
        trainer.step();
        paper.launched_by(|| trainer.step()).unwrap()
    }

    #[test]
    fn kernels_keep_to_registers_load_16_bytes_and_use_tensor_cores() {
        for (precision, product) in [
            (Precision::F32, None),
            (Precision::Tf32x3, Some("m16n8k8.row.col.f32.tf32.tf32")),
            (Precision::Tf32, Some("m16n8k8.row.col.f32.tf32.tf32")),
            (Precision::Bf16, Some("m16n8k16.row.col.f32.bf16.bf16")),
            (Precision::F16, Some("m16n8k16.row.col.f32.f16.f16")),
        ] {
            let mut keys = std::collections::HashSet::new();
            for (name, launched) in launched("mnist", precision) {
                if !keys.insert(launched.key()) {
                    continue;
                }
                let ptx = launched.ptx(90).unwrap().source;
                let context = format!("{precision}: {name}");
                assert!(
                    !ptx.contains(".local"),
                    "{context}: an array in local memory"
                );
                if !PRODUCTS.contains(&name) {
                    continue;
                }
                // Both factors at least; the launches' other reads may be narrower.
                let wide = ptx.matches("ld.global.nc.v4.b32").count();
                assert!(wide >= 2, "{context}: {wide} loads of 16 bytes");
                let found = ptx.lines().find(|line| line.contains("mma.sync"));
                match product {
                    None => assert_eq!(found, None, "{context}"),
                    Some(product) => {
                        let found = found.unwrap_or_default();
                        assert!(found.contains(product), "{context}: {found}");
                    }
                }
            }
            assert!(keys.len() > 10, "{precision}: {} kernels", keys.len());
        }
    }

    #[test]
    fn launches_are_those_of_the_operations_in_order() {
        let names = |preset| -> Vec<_> {
            let launched = launched(preset, Precision::F32);
            launched.into_iter().map(|(name, _)| name).collect()
        };
        let mnist = names("mnist");
        // `tests/device_runs.rs` holds the list; digits are played by the same game.
        assert_eq!(mnist.len(), 19);
        assert_eq!(mnist, names("digits"));
        assert_eq!(mnist[0], "fill_latent");
        assert_eq!(mnist[18], "advance");
    }
}
