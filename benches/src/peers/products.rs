//! PyTorch's products, which are cuBLAS's on CUDA devices, as a baseline of each operation.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::process::Process;
use crate::products::Product;

/// `benches/peers/products_gpu.py` while it runs.
pub(crate) struct TorchProducts(Process);

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
    /// Starts PyTorch on its device `device`, such as `cuda:0`; if there is a time limit, it must
    /// answer `until` then.
    pub(crate) fn start(device: &str, root: &Path, until: Option<Instant>) -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let environment = Environment::new(root, threads)?;
        if let Some(reason) = environment.without_python() {
            bail!("{reason}");
        }
        let log = environment.folder("logs")?.join("products.log");
        let mut command = environment.python("products_gpu.py");
        Self::start_command(command.arg(device), &log, until)
    }

    fn start_command(command: &mut Command, log: &Path, until: Option<Instant>) -> Result<Self> {
        Ok(Self(Process::start(command, log, until)?))
    }

    /// Versions that its speed depends on.
    pub(crate) fn versions(&self) -> String {
        let versions = self.0.versions.iter();
        let versions: Vec<_> = versions
            .map(|(of, version)| format!("{of} {version}"))
            .collect();
        versions.join(", ")
    }

    /// Makes the factors of `product`, checks it, and records `runs` of it where it can.
    pub(crate) fn prepare(&mut self, product: Product, precision: &str, runs: usize) -> Result<()> {
        let question = Question {
            product,
            precision: super::theirs(precision),
            runs,
        };
        match self.0.ask(&serde_json::to_string(&question)?)? {
            Answer::Checked { checked } => ensure!(checked, "its product is wrong"),
            Answer::Skip { skip } => bail!("{skip}"),
        }
        Ok(())
    }

    /// Seconds per product, the mean of `count` at least.
    pub(crate) fn run(&mut self, count: usize) -> Result<f64> {
        self.0.run(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::Factors;

    fn torch(script: &str) -> Result<TorchProducts> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        TorchProducts::start_command(&mut command, &folder.path().join("log"), None)
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
        assert_eq!(torch.versions(), "cuda 13, torch 2");
        let product = Product {
            m: 3,
            n: 5,
            k: 7,
            factors: Factors::Nt,
        };
        torch.prepare(product, "tf32", 20).unwrap();
        assert_eq!(torch.run(40).unwrap(), 5e-4);
        for (precision, expected) in [("bf16", "no bf16 here"), ("f16", "its product is wrong")] {
            let error = torch.prepare(product, precision, 20).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn torch_that_is_not_there_says_why() {
        let error = torch(r#"echo '{"skip": "PyTorch finds no CUDA device"}'"#).err();
        assert_eq!(error.unwrap().to_string(), "PyTorch finds no CUDA device");
        let mut ended = torch(r#"echo '{"ready": "PyTorch", "versions": {}}'"#).unwrap();
        let error = ended.prepare(Product::square(3), "f32", 1).unwrap_err();
        assert!(error.to_string().contains("the peer ended"), "{error}");
    }
}
