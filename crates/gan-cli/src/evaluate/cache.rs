//! Numbers of controls, which depend on the data and not on the model, kept from one evaluation to
//! the next.
//!
//! One JSON file per data set and protocol in the user's cache folder (`GAN_CACHE_DIR`, else the
//! system's), written beside its place and renamed.
//! A file that is damaged, or that answers another question, is as good as none.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::output::Output;
use crate::record::hexadecimal;
use crate::run_dir::RunDir;

/// The folder, if the user names one.
const VARIABLE: &str = "GAN_CACHE_DIR";
/// Ours, in a folder that other programs use too.
const FOLDER: &str = "gan-cli";

/// Numbers by name, and what they depend on.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// All that the numbers depend on.
    key: Value,
    /// The numbers.
    numbers: BTreeMap<String, Value>,
}

/// The numbers of one key.
pub(crate) struct Cache {
    /// None where there is no folder to keep them in.
    path: Option<PathBuf>,
    kept: Kept,
}

impl Cache {
    /// What is kept under `key`; `name` begins the file's.
    pub(crate) fn open(name: &str, key: Value, output: &Output) -> Self {
        let digest = hexadecimal(&Sha256::digest(key.to_string()));
        let path = folder().map(|folder| folder.join(format!("{name}-{}.json", &digest[..16])));
        let numbers = path
            .as_deref()
            .and_then(|path| read(path, &key, output))
            .unwrap_or_default();
        Self {
            path,
            kept: Kept { key, numbers },
        }
    }

    /// The number of this name.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let value = self.kept.numbers.get(name)?;
        serde_json::from_value(value.clone()).ok()
    }

    /// Keeps a number; a folder that cannot be written costs time later and nothing now.
    pub(crate) fn put(&mut self, name: &str, number: &impl Serialize) {
        let Ok(value) = serde_json::to_value(number) else {
            return;
        };
        self.kept.numbers.insert(name.to_owned(), value);
        let Some(path) = &self.path else { return };
        if let Some(folder) = path.parent() {
            let _ = fs::create_dir_all(folder);
        }
        if let Ok(text) = serde_json::to_vec_pretty(&self.kept) {
            let _ = RunDir::replace(path, &text);
        }
    }
}

fn read(path: &Path, key: &Value, output: &Output) -> Option<BTreeMap<String, Value>> {
    let text = fs::read(path).ok()?;
    match serde_json::from_slice::<Kept>(&text) {
        Ok(kept) if kept.key == *key => Some(kept.numbers),
        _ => {
            output.notice(format!(
                "warning: {}: is damaged; its numbers are computed again",
                path.display()
            ));
            None
        }
    }
}

/// Where such files go.
fn folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = variable(VARIABLE) {
        return Some(PathBuf::from(folder));
    }
    let system = if cfg!(windows) {
        PathBuf::from(variable("LOCALAPPDATA")?)
    } else if cfg!(target_os = "macos") {
        Path::new(&variable("HOME")?).join("Library/Caches")
    } else {
        match variable("XDG_CACHE_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(&variable("HOME")?).join(".cache"),
        }
    };
    Some(system.join(FOLDER))
}
