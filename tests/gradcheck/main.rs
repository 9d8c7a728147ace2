//! `cargo xtask gradcheck`: every operation and whole players on one device, as a table.
//!
//! Exit code 0 where all is within its tolerance, 1 where something is off or the device fails, 2
//! where the command line cannot be meant.

mod players;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gan_kernels::Backend;
use gan_kernels::cases::{self, Checker};
use gan_kernels::cube::{Cube, Precision};
use gan_run::device::{Device, DeviceChoice, PrecisionChoice};
use gan_run::problem::{Cause, Problem};

use table::{Row, Table};

/// Holds every operation, and the gradients of whole players, to their oracles on one device.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask gradcheck")]
struct Arguments {
    /// cpu, a GPU as cuda, hip, vulkan, wgpu, with or without its number as in cuda:1, or auto.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Rounding of the factors of products: f32 (none), tf32x3, tf32, bf16, f16.
    #[arg(long, default_value_t)]
    precision: PrecisionChoice,
    /// Round as the precision does on a device that does not offer it.
    ///
    /// Hidden: it says nothing of a tensor core, only of this program's tolerances.
    #[arg(long, hide = true)]
    emulated: bool,
    /// Have so many cubes of a GPU share the depth of each product that they may.
    #[arg(long, hide = true)]
    shares: Option<usize>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let problem = error.downcast_ref::<Problem>();
            let hint = problem.and_then(|problem| problem.hint.as_ref());
            let hint = hint.map_or(String::new(), |hint| format!("hint: {hint}\n"));
            // Nobody is left to hear of it where stderr is closed.
            let _ = write!(io::stderr(), "error: {error:#}\n{hint}");
            let is_usage = problem.is_some_and(|problem| problem.cause == Cause::Usage);
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}

/// Opens the device and checks it; whether everything is within its tolerance.
fn run(arguments: &Arguments) -> Result<bool> {
    let precision: Precision = arguments
        .precision
        .name()
        .parse()
        .map_err(Problem::failed)?;
    match open(arguments, precision)? {
        Device::Cpu(native) => check(&native, precision),
        Device::Gpu(cube) => match arguments.shares {
            None => check(&cube, precision),
            Some(shares) => check(&cube.with_shares(shares), precision),
        },
    }
}

fn open(arguments: &Arguments, precision: Precision) -> Result<Device, Problem> {
    if !arguments.emulated {
        return Ok(Device::open(arguments.device, arguments.precision, None)?.0);
    }
    if precision == Precision::F32 {
        let message = "--emulated: found --precision f32, expected one that rounds factors";
        return Err(Problem::usage(message).hint("add --precision tf32x3, tf32, bf16 or f16"));
    }
    let name = arguments.device.to_string().parse();
    let name = name.map_err(|found| Problem::usage(format!("--emulated: {found}")))?;
    Ok(Device::Gpu(Cube::open_emulated(name, precision)?))
}

/// Prints the table as it comes into being, and what it amounts to.
fn check<B: Backend>(backend: &B, precision: Precision) -> Result<bool> {
    // ε of the format that factors are rounded to.
    let factor_epsilon = match precision {
        Precision::F32 => 0.0,
        rounded => rounded.epsilon(),
    };
    let checker = Checker {
        backend,
        factor_epsilon,
    };
    let mut table = Table::new(io::stdout().lock(), &backend.description())?;
    for case in cases::all() {
        table.row(&Row::of_report(&checker.report(case)?))?;
    }
    for game in players::GAMES {
        for row in players::rows(backend, game, factor_epsilon)? {
            table.row(&row)?;
        }
    }
    Ok(table.end()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_cannot_be_meant_say_what_can() {
        for (line, expected) in [
            (
                "--device gpu",
                "expected auto, cpu, cuda, hip, vulkan, wgpu",
            ),
            ("--device cpu:0", "expected auto, cpu, cuda"),
            ("--device wgpu:x", "as in cuda:1"),
            (
                "--precision fp32",
                "expected one of f32, tf32x3, tf32, bf16, f16",
            ),
            ("--precision tf32", "leave --precision away"),
            ("--device wgpu --emulated", "add --precision tf32x3"),
            ("--device cpu --precision bf16 --emulated", "--emulated: "),
            ("--devices wgpu", "--help"),
            ("wgpu", "--help"),
        ] {
            let words = ["gradcheck"].into_iter().chain(line.split(' '));
            let said = match Arguments::try_parse_from(words) {
                Err(error) => {
                    assert_eq!(error.exit_code(), 2, "{line}");
                    error.to_string()
                }
                Ok(arguments) => {
                    let error = run(&arguments).unwrap_err();
                    let problem: &Problem = error.downcast_ref().unwrap();
                    assert_eq!(problem.cause, Cause::Usage, "{line}");
                    format!("{problem} {:?}", problem.hint)
                }
            };
            assert!(said.contains(expected), "{line}: {said}");
        }
    }
}
