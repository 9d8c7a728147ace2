//! The linear operations of an MNIST iteration, everything fused, beside the products alone by other
//! libraries.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use gan_kernels::Backend;
use gan_kernels::cases::{
    Case, Checker, Op, Shape, linear_bwd_data, linear_bwd_params, linear_fwd,
};
use gan_kernels::cube::{Precision, Recording, Runtime};

use super::cubek::{self, Cubek};
use super::timeline::operations;
use super::{Gpu, mean, runs_in};
use crate::game::root;
use crate::peers::{NO_TIME, TorchProducts};
use crate::products::{OtherProduct, Outcome, Product, ProductRow, Turn, in_turn};

/// Products in a recorded list, so that what launching costs the host is not seen.
const RUNS: usize = 20;

/// PyTorch, or why it is not there.
pub(super) type Torch = std::result::Result<TorchProducts, String>;

/// Rows of all distinct products of an iteration in each precision, each checked against plain
/// loops in f64 before it is timed; what is not reached `until` then is skipped.
///
/// # Errors
/// If a result of ours is wrong, or something goes wrong on the device.
pub fn products(
    gpu: &Gpu,
    precisions: &[Precision],
    until: Option<Instant>,
) -> Result<Vec<ProductRow>> {
    let mut torch = torch(gpu, until);
    let mut rows = Vec::new();
    for &precision in precisions {
        for (case, product) in cases(gpu.quick) {
            if until.is_some_and(|until| Instant::now() >= until) {
                rows.push(unreached(gpu, precision, &case, product));
                continue;
            }
            let row = row(gpu, precision, &case, product, &mut torch);
            rows.push(row.with_context(|| format!("{case} in {precision}"))?);
        }
    }
    Ok(rows)
}

/// What PyTorch's products are called: by the library that computes them, where that is known.
pub(super) fn torch_library(gpu: &Gpu) -> &'static str {
    match gpu.name.runtime {
        Runtime::Cuda => "cuBLAS",
        _ => "PyTorch",
    }
}

/// PyTorch on the same device; beside a processor in disguise, on the processor.
pub(super) fn torch(gpu: &Gpu, until: Option<Instant>) -> Torch {
    let device = match gpu.name.runtime {
        // PyTorch calls AMD's devices by the same name.
        Runtime::Cuda | Runtime::Hip => format!("cuda:{}", gpu.name.index),
        _ if gpu.report.is_software => "cpu".into(),
        other => return Err(format!("PyTorch has no device {}", other.name())),
    };
    TorchProducts::start(&device, &root(), until)
}

/// The operations with a product in them, each distinct one once.
fn cases(quick: bool) -> Vec<(Case, Product)> {
    let mut cases: Vec<(Case, Product)> = Vec::new();
    for case in operations() {
        let case = if quick { tiny(case) } else { case };
        let is_known = |(known, _): &(Case, Product)| known.to_string() == case.to_string();
        if let Some(product) = Product::of(&case).filter(|_| !cases.iter().any(is_known)) {
            cases.push((case, product));
        }
    }
    cases
}

/// The same operation at a tenth of the shape.
fn tiny(mut case: Case) -> Case {
    let (Op::LinearFwd(linear_fwd::Call { shape, .. })
    | Op::LinearBwdData(linear_bwd_data::Call { shape, .. })
    | Op::LinearBwdParams(linear_bwd_params::Call { shape, .. })) = &mut case.op
    else {
        return case;
    };
    let tenth = |it: usize| it.div_ceil(10);
    *shape = Shape {
        m: tenth(shape.m),
        n: tenth(shape.n),
        k: tenth(shape.k),
    };
    case
}

fn empty(precision: Precision, case: &Case, product: Product) -> ProductRow {
    ProductRow {
        name: case.to_string(),
        product,
        precision: precision.name().into(),
        seconds: None,
        spread: None,
        others: Vec::new(),
    }
}

fn unreached(gpu: &Gpu, precision: Precision, case: &Case, product: Product) -> ProductRow {
    let others = [cubek::LIBRARY, torch_library(gpu)].map(|library| OtherProduct {
        library: library.into(),
        outcome: Outcome::Skipped(NO_TIME.into()),
    });
    ProductRow {
        others: others.into(),
        ..empty(precision, case, product)
    }
}

fn row(
    gpu: &Gpu,
    precision: Precision,
    case: &Case,
    product: Product,
    torch: &mut Torch,
) -> Result<ProductRow> {
    let (batch, rounds, runs) = if gpu.quick {
        (Duration::ZERO, 2, 2)
    } else {
        (Duration::from_millis(10), 9, RUNS)
    };
    let cube = gpu.open(precision)?;
    let matrix = |rows, cols| cube.matrix(rows, cols);
    let checker = Checker {
        factor_epsilon: precision.epsilon(),
        ..Checker::new(&cube, &matrix)
    };
    checker.check(case).context("our result is wrong")?;
    let mut prepared = checker.prepare(case);
    let mut recording = Recording::default();
    let mut ours = |lists: usize| -> Result<f64> {
        let seconds = mean(&cube, lists, &mut || {
            cube.repeat(&mut recording, || {
                // None of these operations reads anything back.
                (0..runs).for_each(|_| prepared.run(&cube).unwrap_or_default());
            });
        })?;
        Ok(seconds / runs as f64)
    };
    // Compiles, allocates and records.
    ours(1)?;
    // Of lists, and below of products that the other process makes into lists.
    let lists = runs_in(batch, |lists| Ok(ours(lists)? * runs as f64))?;

    let mut cubek = Cubek::new(gpu, precision, product, runs);
    let torch = prepared_torch(torch, precision, product, runs);
    let hows = [
        cubek.as_ref().map_or(String::new(), Cubek::how),
        torch
            .as_ref()
            .map_or(String::new(), |it| it.versions.clone()),
    ];
    let sides = [
        cubek
            .as_mut()
            .map_err(|error| anyhow!("{error:#}"))
            .and_then(|it| side(batch, runs, move |lists| Ok(it.run(lists)? * runs as f64))),
        torch.and_then(|it| side(batch, 1, move |count| it.run(count))),
    ];
    let (own, theirs) = in_turn(rounds, &mut || ours(lists), sides.into())?;
    let libraries = [cubek::LIBRARY, torch_library(gpu)];
    let others = libraries.iter().zip(hows).zip(theirs);
    Ok(ProductRow {
        seconds: Some(own.median()),
        spread: Some(own.spread()),
        others: others
            .map(|((library, how), found)| OtherProduct {
                library: (*library).into(),
                outcome: Outcome::of(found, how),
            })
            .collect(),
        ..empty(precision, case, product)
    })
}

/// PyTorch with the factors of `product`.
pub(super) fn prepared_torch(
    torch: &mut Torch,
    precision: Precision,
    product: Product,
    runs: usize,
) -> Result<&mut TorchProducts> {
    let torch = torch.as_mut().map_err(|reason| anyhow!("{reason}"))?;
    let prepared = torch.prepare(product, precision.name(), runs);
    prepared.map_err(anyhow::Error::msg)?;
    Ok(torch)
}

/// Turns of batches, of which `mean` times so many runs of `products` each.
fn side<'a>(
    batch: Duration,
    products: usize,
    mut mean: impl FnMut(usize) -> Result<f64> + 'a,
) -> Result<Box<Turn<'a>>> {
    let count = runs_in(batch, &mut mean)?;
    Ok(Box::new(move || Ok(mean(count)? / products as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_the_products_of_an_iteration_each_once() {
        let cases = cases(false);
        // 22 launches, of which a latent, a gather and two heads are no products.
        assert_eq!(cases.len(), 18);
        let flop: f64 = cases.iter().map(|(_, product)| product.flop()).sum();
        assert!((3.5e9..3.6e9).contains(&flop), "{flop:e}");
    }

    #[test]
    fn tiny_cases_are_as_many_and_small() {
        let tiny = cases(true);
        assert_eq!(tiny.len(), cases(false).len());
        assert!(tiny.iter().all(|(_, product)| product.flop() < 1e6));
    }
}
