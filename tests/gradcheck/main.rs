//! `cargo xtask gradcheck`: every operation and whole players on one device, as a table.
//!
//! Exit code 0 where all is within its tolerance, 1 where something is off or the device fails, 2
//! where the command line cannot be meant.

mod arguments;
mod players;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gan_kernels::cases::{self, Checker};
use gan_kernels::cube::{Cube, Precision};
use gan_kernels::{Backend, BackendError, Native};

use arguments::{Arguments, Device};
use table::{Row, Table};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = arguments.validate() {
        error.exit();
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let hint = error
                .downcast_ref::<BackendError>()
                .and_then(BackendError::hint);
            let hint = hint.map_or(String::new(), |hint| format!("hint: {hint}\n"));
            // Nobody is left to hear of it where stderr is closed.
            let _ = write!(io::stderr(), "error: {error:#}\n{hint}");
            ExitCode::FAILURE
        }
    }
}

/// Opens the device and checks it; whether everything is within its tolerance.
fn run(arguments: &Arguments) -> Result<bool> {
    let Arguments {
        device, precision, ..
    } = *arguments;
    match device {
        Device::Cpu if precision == Precision::Bf16 => {
            check(&Native::<f32>::new(None)?.with_bf16()?, precision)
        }
        Device::Cpu => check(&Native::<f32>::new(None)?, precision),
        Device::Gpu(name) if arguments.emulated => {
            check(&Cube::open_emulated(name, precision)?, precision)
        }
        Device::Gpu(name) => check(&Cube::open(name, precision)?, precision),
    }
}

/// Prints the table as it comes into being, and what it amounts to.
fn check<B: Backend>(backend: &B, precision: Precision) -> Result<bool> {
    let factor_epsilon = factor_epsilon(precision);
    let matrix = |rows, cols| backend.matrix(rows, cols);
    let checker = Checker {
        factor_epsilon,
        ..Checker::new(backend, &matrix)
    };
    let mut table = Table::new(io::stdout().lock());
    table.head(&backend.description())?;
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

/// ε of the format that `precision` rounds factors to; 0 where it rounds none.
fn factor_epsilon(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 0.0,
        rounded => rounded.epsilon(),
    }
}
