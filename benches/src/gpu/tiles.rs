//! The products of an iteration on every tile, with their depth shared among so many cubes, beside
//! what the kernels choose.

use anyhow::Result;
use gan_kernels::Backend;
use gan_kernels::cases::Case;
use gan_kernels::cube::{Cube, Precision, Recording};

use super::{Gpu, RUNS, checker, mean};
use crate::operations::distinct;
use crate::products::Product;
use crate::timing::Times;

/// Depths of a step.
const STEPS: [usize; 2] = [64, 128];
/// Cubes that share a depth.
const SHARES: [usize; 6] = [1, 2, 3, 4, 6, 8];

/// A line for each, with the shortest of a few times: others may use the device meanwhile.
#[allow(clippy::print_stdout)]
pub(super) fn print(gpu: &Gpu<'_>, precision: Precision) -> Result<()> {
    let cube = gpu.open(precision)?;
    let operations = gpu.operations()?;
    for (case, _) in distinct(&operations) {
        if Product::of(case).is_none() {
            continue;
        }
        let chosen = seconds(gpu, &cube, case)?;
        println!("{precision} {case}\tchosen\t{:.2} µs", 1e6 * chosen);
        let on_tiles = (0..Cube::tiles() - 1).flat_map(|tile| STEPS.map(|step| (tile, step)));
        for (tile, step) in on_tiles {
            let Some(cube) = cube.clone().with_tile(tile, step) else {
                continue;
            };
            let mut best = f64::INFINITY;
            for shares in SHARES {
                let seconds = seconds(gpu, &cube.clone().with_shares(shares), case)?;
                println!(
                    "{precision} {case}\ttile {tile}, steps of {step}, {shares} shares\t{:.2} µs",
                    1e6 * seconds
                );
                best = best.min(seconds);
                // Those of parameters have no shares.
                if seconds > 1.1 * best || case.to_string().contains("bwd_params") {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Seconds of one run in a recorded list, the shortest of four times.
fn seconds(gpu: &Gpu<'_>, cube: &Cube, case: &Case) -> Result<f64> {
    let mut prepared = checker(cube, cube.precision()).prepare(case);
    let runs = if gpu.quick { 1 } else { RUNS };
    let mut recording = Recording::default();
    let mut list = || {
        cube.repeat(&mut recording, || {
            (0..runs).for_each(|_| prepared.run(cube).unwrap_or_default());
        });
    };
    mean(cube, 1, &mut list)?;
    let times = (0..4).map(|_| Ok(mean(cube, 5, &mut list)? / runs as f64));
    Ok(Times::new(times.collect::<Result<_>>()?).best())
}
