//! PyTorch's products, which are cuBLAS's on CUDA devices, for a baseline of each operation.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::place::Place;
use super::process::{Hello, Peer};
use crate::products::{Product, one_line};

/// Runs `benches/peers/products_gpu.py`.
pub struct TorchProducts {
    peer: Peer,
    /// Versions that its speed depends on.
    pub versions: String,
}

#[derive(Serialize)]
struct Question<'a> {
    #[serde(flatten)]
    product: Product,
    precision: &'a str,
    runs: usize,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Checked { checked: bool },
    Skip { skip: String },
}

impl TorchProducts {
    /// Starts PyTorch on its device `device`, such as `cuda:0`; it may answer until then.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start(device: &str, root: &Path, until: Option<Instant>) -> Result<Self, String> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let place = Place::new(root, threads).map_err(|error| one_line(&error))?;
        if let Some(Outcome::Skipped(reason)) = place.without_python() {
            return Err(reason);
        }
        let log = place.folder("logs").map_err(|error| one_line(&error))?;
        let mut command = place.python("products_gpu.py");
        command.arg(device);
        let started = Peer::start(&mut command, &log.join("products.log"), until);
        Self::of(started.map_err(|error| one_line(&error))?)
    }

    fn of((peer, hello): (Peer, Hello)) -> Result<Self, String> {
        match hello {
            Hello::Skip { skip } => Err(skip),
            Hello::Ready { versions, .. } => {
                let versions = versions
                    .iter()
                    .map(|(of, version)| format!("{of} {version}"));
                let versions = versions.collect::<Vec<_>>().join(", ");
                Ok(Self { peer, versions })
            }
        }
    }

    /// Makes the factors of `product`, checks it, and records `runs` of it where it can.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn prepare(
        &mut self,
        product: Product,
        precision: &str,
        runs: usize,
    ) -> Result<(), String> {
        let question = Question {
            product,
            precision: super::theirs(precision),
            runs,
        };
        let line = serde_json::to_string(&question).map_err(|error| one_line(&error.into()))?;
        match self.peer.ask(&line).map_err(|error| one_line(&error))? {
            Answer::Checked { checked: true } => Ok(()),
            Answer::Checked { checked: false } => Err("its product is wrong".into()),
            Answer::Skip { skip } => Err(skip),
        }
    }

    /// Seconds per product, the mean of `count` at least.
    ///
    /// # Errors
    /// If it ends or says something else.
    pub fn run(&mut self, count: usize) -> Result<f64> {
        Ok(self.peer.run(count)? / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::products::Factors;

    fn torch(script: &str) -> Result<TorchProducts, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let started = Peer::start(&mut command, &folder.path().join("log"), None);
        TorchProducts::of(started.unwrap())
    }

    #[test]
    fn products_are_asked_for_in_json_and_timed_in_milliseconds() {
        let script = r#"echo '{"ready": "PyTorch", "versions": {"cuda": "13", "torch": "2"}}'
            while read line; do case $line in
            '{"m":3,"n":5,"k":7,"factors":"nt","precision":"tf32","runs":20}')
                echo '{"checked": true}';;
            "run 40") echo '{"ms": [0.5]}';;
            *bf16*) echo '{"skip": "no bf16 here"}';;
            *) echo '{"checked": false}';;
            esac; done"#;
        let mut torch = torch(script).unwrap();
        assert_eq!(torch.versions, "cuda 13, torch 2");
        let product = Product {
            m: 3,
            n: 5,
            k: 7,
            factors: Factors::Nt,
        };
        assert_eq!(torch.prepare(product, "tf32", 20), Ok(()));
        assert_eq!(torch.run(40).unwrap(), 5e-4);
        let error = torch.prepare(product, "bf16", 20).unwrap_err();
        assert_eq!(error, "no bf16 here");
        let error = torch.prepare(product, "f16", 20).unwrap_err();
        assert_eq!(error, "its product is wrong");
    }

    #[test]
    fn torch_that_is_not_there_says_why() {
        let skipped = torch(r#"echo '{"skip": "PyTorch finds no CUDA device"}'"#);
        assert_eq!(skipped.err().unwrap(), "PyTorch finds no CUDA device");
        let mut ended = torch(r#"echo '{"ready": "PyTorch", "versions": {}}'"#).unwrap();
        let error = ended.prepare(Product::square(3), "f32", 1).unwrap_err();
        assert!(error.contains("the peer ended"), "{error}");
    }
}
