//! The linear operations of an MNIST iteration, everything fused, beside the products alone by other
//! libraries.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use gan_kernels::Backend;
use gan_kernels::cases::Case;
use gan_kernels::cube::{Precision, Runtime};

use super::cubek::Cubek;
use super::{Gpu, RUNS, checker};
use crate::game::root;
use crate::operations::distinct;
use crate::peers::{NO_TIME, TorchProducts, is_over};
use crate::products::Product;
use crate::results::{Comparison, Outcome};
use crate::timing::{Effort, Turn};

/// Another library's side for one product.
pub(super) struct Candidate<'a> {
    /// Seconds per product.
    pub(super) turn: Turn<'a>,
    versions: BTreeMap<String, String>,
}

/// The libraries that ours is compared with.
pub(super) struct Libraries {
    cubek: Option<Cubek>,
    torch: Result<TorchProducts>,
    /// The library that PyTorch calls, where that is known.
    torch_name: &'static str,
    until: Option<Instant>,
}

impl Libraries {
    /// Starts PyTorch on the same device; beside an emulated device, on the processor.
    pub(super) fn start(gpu: &Gpu, until: Option<Instant>) -> Self {
        let device = match gpu.name.runtime {
            // PyTorch calls AMD's devices by the same name.
            Runtime::Cuda | Runtime::Hip => Ok(format!("cuda:{}", gpu.name.index)),
            _ if gpu.report.is_software => Ok("cpu".into()),
            other => Err(anyhow!("PyTorch has no device {}", other.name())),
        };
        Self {
            cubek: None,
            torch: device.and_then(|device| TorchProducts::start(&device, &root(), until)),
            torch_name: match gpu.name.runtime {
                Runtime::Cuda => "cuBLAS",
                _ => "PyTorch",
            },
            until,
        }
    }

    fn names(&self) -> [&'static str; 2] {
        ["cubek", self.torch_name]
    }

    /// Each library with factors of `product`, `runs` of it in a recorded list where it can; or the
    /// reason why it cannot.
    pub(super) fn candidates(
        &mut self,
        gpu: &Gpu,
        precision: Precision,
        product: Product,
        runs: usize,
    ) -> [(&'static str, Result<Candidate<'_>>); 2] {
        let [cubek, torch] = self.names();
        let by_cubek = Cubek::new(gpu, precision, product, runs).and_then(|found| {
            let found = self.cubek.insert(found);
            let versions = found.versions();
            let turn = gpu.batches_of(|count| found.run(count))?;
            Ok(Candidate { turn, versions })
        });
        let by_torch = match &mut self.torch {
            Err(error) => Err(anyhow!("{error:#}")),
            Ok(found) => found
                .prepare(product, precision.name(), runs)
                .and_then(|()| {
                    let versions = [("versions".into(), found.versions())].into();
                    let turn = gpu.batches_of(|count| found.run(count))?;
                    Ok(Candidate { turn, versions })
                }),
        };
        [(cubek, by_cubek), (torch, by_torch)]
    }
}

/// Pushes rows of all distinct products of an iteration to `rows`, each checked against plain loops
/// in f64 before it is timed; what is not reached in time is skipped.
pub(super) fn push(
    gpu: &Gpu,
    precision: Precision,
    libraries: &mut Libraries,
    rows: &mut Vec<Comparison>,
) -> Result<()> {
    let cases = gpu.operations()?;
    for (case, product) in with_products(&cases) {
        let outcomes = if is_over(libraries.until) {
            let skipped = |name| (name, BTreeMap::new(), Outcome::Skipped(NO_TIME.into()));
            libraries.names().map(skipped).into()
        } else {
            let compared = compare(gpu, precision, case, product, libraries);
            compared.with_context(|| format!("{case} in {precision}"))?
        };
        rows.extend(
            outcomes
                .into_iter()
                .map(|(name, versions, outcome)| Comparison {
                    name: name.into(),
                    variant: case.to_string(),
                    versions,
                    threads: 1,
                    precision: precision.name().into(),
                    outcome,
                }),
        );
    }
    Ok(())
}

/// The operations with a product in them, each distinct one once.
fn with_products(cases: &[Case]) -> impl Iterator<Item = (&Case, Product)> {
    let distinct = distinct(cases).into_iter();
    distinct.filter_map(|(case, _)| Some((case, Product::of(case)?)))
}

type Compared = (&'static str, BTreeMap<String, String>, Outcome);

fn compare(
    gpu: &Gpu,
    precision: Precision,
    case: &Case,
    product: Product,
    libraries: &mut Libraries,
) -> Result<Vec<Compared>> {
    let cube = gpu.open(precision)?;
    let matrix = |rows, cols| cube.matrix(rows, cols);
    let checker = checker(&cube, precision, &matrix);
    checker.check(case).context("our result is wrong")?;
    let mut prepared = checker.prepare(case);
    // None of these operations reads anything back.
    let ours = gpu.replayed(&cube, || prepared.run(&cube).unwrap_or_default())?;
    let runs = if gpu.quick { 1 } else { RUNS };
    let (mut found, mut turns) = (Vec::new(), Vec::new());
    for (name, candidate) in libraries.candidates(gpu, precision, product, runs) {
        let versions = candidate.as_ref().map(|it| it.versions.clone());
        let mut versions = versions.unwrap_or_default();
        versions.insert("product".into(), product.to_string());
        found.push((name, versions));
        turns.push(candidate.map(|candidate| candidate.turn));
    }
    let effort = Effort {
        rounds: if gpu.quick { 2 } else { 9 },
        ..gpu.effort()
    };
    let (own, others) = effort.in_turn(ours, turns)?;
    // The results were equal to the last bit.
    let outcomes = others
        .into_iter()
        .map(|other| Outcome::of(&own, other, None));
    let rows = found.into_iter().zip(outcomes);
    Ok(rows
        .map(|((name, versions), outcome)| (name, versions, outcome))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::mnist_operations;

    #[test]
    fn products_are_those_of_an_iteration_each_once() {
        let cases = mnist_operations().unwrap();
        let products: Vec<_> = with_products(&cases).collect();
        // A latent, a gather, two heads and the advance are no products.
        assert_eq!(products.len(), 18);
        let flop: f64 = products.iter().map(|(_, product)| product.flop()).sum();
        assert!((3.5e9..3.6e9).contains(&flop), "{flop:e}");
    }
}
