//! Gzipped tar archives: those that cargo packs, and those that are handed out.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// The time of every file, as cargo has it in what it packs, so that the same files make the same
/// archive: 24 July 2006. Some programs complain of 1970.
const TIME: u64 = 1_153_704_088;

/// A file in an archive.
pub(crate) struct Entry {
    /// Its path there, with `/` between folders.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    /// True for a program.
    pub(crate) runs: bool,
}

/// The archive of `entries`; the same entries make the same bytes.
///
/// # Errors
/// If a path is too long.
pub(crate) fn pack(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for Entry { path, bytes, runs } in &entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(if *runs { 0o755 } else { 0o644 });
        header.set_mtime(TIME);
        let added = archive.append_data(&mut header, path, bytes.as_slice());
        added.with_context(|| format!("{path}: cannot be packed"))?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// Unpacks the archive `bytes` into `folder`, without the first folder of each path.
///
/// # Errors
/// If it is none, or something cannot be written.
pub(crate) fn unpack(bytes: impl Read, folder: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?;
        let inside: std::path::PathBuf = path.components().skip(1).collect();
        let path = folder.join(inside);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        entry
            .unpack(&path)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Opens a file.
///
/// # Errors
/// If it cannot be, with its name.
pub(crate) fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_its_order_does_not_matter() {
        let entry = |path: &str, runs| Entry {
            path: path.to_owned(),
            bytes: path.as_bytes().to_vec(),
            runs,
        };
        let one = pack(vec![entry("a/b/c", false), entry("a/run", true)]).unwrap();
        let other = pack(vec![entry("a/run", true), entry("a/b/c", false)]).unwrap();
        assert_eq!(one, other);
        let folder = tempfile::tempdir().unwrap();
        unpack(one.as_slice(), folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("b/c")).unwrap();
        assert_eq!(text, "a/b/c");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("run"))
                .unwrap()
                .permissions();
            assert_eq!(mode.mode() & 0o777, 0o755);
        }
    }
}
