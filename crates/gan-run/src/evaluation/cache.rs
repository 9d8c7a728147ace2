//! Numbers of controls, which depend on the data and not on the model, kept from one evaluation to
//! the next.
//!
//! There is one JSON file per data set, number of samples and precision in the user's cache folder
//! (`GAN_CACHE_DIR`, or else the system's), written beside its place and renamed.
//! A file that is damaged, or that answers another question, counts as absent.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::run_dir;
use crate::text::hexadecimal;

/// The variable by which the user names the folder.
const VARIABLE: &str = "GAN_CACHE_DIR";
/// The name of this program's folder in one that other programs use too.
const FOLDER: &str = "gan-cli";

/// Numbers by name.
pub(super) type Numbers = BTreeMap<String, Value>;

/// The content of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Everything that the numbers depend on.
    key: Value,
    numbers: Numbers,
}

/// The place of the numbers that depend on one key.
pub(super) struct Cache {
    /// `None` where there is no folder to keep them in.
    path: Option<PathBuf>,
    key: Value,
}

impl Cache {
    /// The place of the numbers that depend on `key`.
    pub(super) fn new(key: Value) -> Self {
        let digest = hexadecimal(&Sha256::digest(key.to_string()));
        let name = format!("controls-{}.json", &digest[..16]);
        Self {
            path: folder().map(|folder| folder.join(name)),
            key,
        }
    }

    /// The numbers that an earlier evaluation kept, and a warning if they are damaged.
    pub(super) fn read(&self) -> (Numbers, Option<String>) {
        let path = self.path.as_deref();
        let Some((path, file)) =
            path.and_then(|path| Some((path, gan_data::open_file(path).ok()?)))
        else {
            return Default::default();
        };
        match serde_json::from_reader::<_, Kept>(BufReader::new(file)) {
            Ok(kept) if kept.key == self.key => (kept.numbers, None),
            _ => {
                let path = path.display();
                let text = format!("{path}: is damaged; its numbers are computed again");
                (Numbers::new(), Some(text))
            }
        }
    }

    /// Keeps `numbers`; a folder that cannot be written costs time later and nothing now.
    pub(super) fn write(&self, numbers: &Numbers) {
        let Some(path) = &self.path else { return };
        if let Some(folder) = path.parent() {
            let _ = fs::create_dir_all(folder);
        }
        let (key, numbers) = (self.key.clone(), numbers.clone());
        if let Ok(text) = serde_json::to_vec_pretty(&Kept { key, numbers }) {
            let _ = run_dir::replace(path, &text);
        }
    }
}

/// The folder of such files.
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
