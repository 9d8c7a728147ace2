//! The linear operations of an MNIST iteration, everything fused, beside the products alone by other
//! libraries.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use gan_kernels::cases::Case;
use gan_kernels::cube::{Precision, Runtime};
use serde::Deserialize;
use serde_json::json;

use super::cubek::Cubek;
use super::{Gpu, RUNS, checker};
use crate::game::root;
use crate::operations::distinct;
use crate::peers::{Environment, NO_TIME, Process, is_over, theirs};
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
    torch: Result<Process>,
    /// The library that PyTorch calls, where that is known.
    torch_name: &'static str,
}

impl Libraries {
    /// Starts PyTorch on the same device; beside an emulated device, on the processor.
    pub(super) fn start(gpu: &Gpu<'_>) -> Self {
        let torch = || {
            let device = match gpu.name.runtime {
                // PyTorch calls AMD's devices by the same name.
                Runtime::Cuda | Runtime::Hip => format!("cuda:{}", gpu.name.index),
                _ if gpu.report.is_software => "cpu".into(),
                other => bail!("PyTorch has no device {}", other.name()),
            };
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            let environment = Environment::new(&root(), threads)?;
            let mut command = environment.products(&device)?;
            Process::start(&mut command, &environment.log("products")?, gpu.until)
        };
        Self {
            cubek: None,
            torch: torch(),
            torch_name: match gpu.name.runtime {
                Runtime::Cuda => "cuBLAS",
                _ => "PyTorch",
            },
        }
    }

    fn names(&self) -> [&'static str; 2] {
        ["cubek", self.torch_name]
    }

    /// Each library with factors of `product`, `runs` of it in a recorded list where it can; or the
    /// reason why it cannot.
    pub(super) fn candidates(
        &mut self,
        gpu: &Gpu<'_>,
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
            Ok(found) => prepare(found, product, precision.name(), runs).and_then(|()| {
                let versions = [("versions".into(), versions(found))].into();
                let turn = gpu.batches_of(|count| found.run(count))?;
                Ok(Candidate { turn, versions })
            }),
        };
        [(cubek, by_cubek), (torch, by_torch)]
    }
}

/// Has PyTorch make the factors of `product`, check it, and record `runs` of it where it can.
fn prepare(torch: &mut Process, product: Product, precision: &str, runs: usize) -> Result<()> {
    #[derive(Deserialize)]
    struct Answer {
        checked: bool,
    }
    let Product { m, n, k, factors } = product;
    let (factors, precision) = (factors.letters(), theirs(precision));
    let question = json!({
        "m": m, "n": n, "k": k, "factors": factors, "precision": precision, "runs": runs,
    });
    let Answer { checked } = torch.ask(&question.to_string())?;
    ensure!(checked, "its product is wrong");
    Ok(())
}

/// Versions that a peer's speed depends on.
fn versions(peer: &Process) -> String {
    let versions = peer.versions.iter();
    let versions = versions.map(|(of, version)| format!("{of} {version}"));
    versions.collect::<Vec<_>>().join(", ")
}

/// All distinct products of an iteration, each checked against plain loops in f64 before it is timed;
/// what is not reached in time is skipped.
pub(super) fn rows(
    gpu: &Gpu<'_>,
    precision: Precision,
    libraries: &mut Libraries,
) -> Result<Vec<Comparison>> {
    let mut rows = Vec::new();
    for (case, product) in with_products(&gpu.operations()?) {
        let skipped =
            |name| Comparison::skipped(name, case.to_string(), 1, precision.name(), NO_TIME);
        if is_over(gpu.until) {
            rows.extend(libraries.names().map(skipped));
            continue;
        }
        let compared = compare(gpu, precision, &case, product, libraries);
        for (name, versions, outcome) in
            compared.with_context(|| format!("{case} in {precision}"))?
        {
            rows.push(Comparison {
                versions,
                outcome,
                ..skipped(name)
            });
        }
    }
    Ok(rows)
}

/// The operations with a product in them, each distinct one once.
fn with_products(cases: &[Case]) -> Vec<(Case, Product)> {
    let distinct = distinct(cases).into_iter();
    distinct
        .filter_map(|(case, _)| Some((*case, Product::of(case)?)))
        .collect()
}

/// Another library's name, its versions, and its outcome.
type Compared = (&'static str, BTreeMap<String, String>, Outcome);

fn compare(
    gpu: &Gpu<'_>,
    precision: Precision,
    case: &Case,
    product: Product,
    libraries: &mut Libraries,
) -> Result<Vec<Compared>> {
    let cube = gpu.open(precision)?;
    let checker = checker(&cube, precision);
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
    let rows = found.into_iter().zip(others);
    // The results were equal to the last bit.
    let row =
        rows.map(|((name, versions), other)| (name, versions, Outcome::of(&own, other, None)));
    Ok(row.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::mnist_operations;
    use crate::products::Factors;

    #[test]
    fn products_are_those_of_an_iteration_each_once() {
        let products = with_products(&mnist_operations().unwrap());
        // A latent, a gather, two heads and the advance are no products.
        assert_eq!(products.len(), 18);
        let flop: f64 = products.iter().map(|(_, product)| product.flop()).sum();
        assert!((3.5e9..3.6e9).contains(&flop), "{flop:e}");
    }

    #[test]
    fn torch_is_asked_for_products_in_json() {
        let script = r#"echo '{"ready": "PyTorch", "versions": {"cuda": "13", "torch": "2"}}'
            while read line; do case $line in
            *'"factors":"nt"'*'"precision":"tf32"'*)
                echo '{"checked": true}';;
            "run 40") echo '{"ms": [0.5]}';;
            *bf16*) echo '{"skip": "no bf16 here"}';;
            *) echo '{"checked": false}';;
            esac; done"#;
        let folder = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]);
        let mut torch = Process::start(&mut command, &folder.path().join("log"), None).unwrap();
        assert_eq!(versions(&torch), "cuda 13, torch 2");
        let product = Product {
            m: 3,
            n: 5,
            k: 7,
            factors: Factors::Nt,
        };
        prepare(&mut torch, product, "tf32", 20).unwrap();
        assert_eq!(torch.run(40).unwrap(), 5e-4);
        for (precision, expected) in [("bf16", "no bf16 here"), ("f16", "its product is wrong")] {
            let error = prepare(&mut torch, product, precision, 20).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
