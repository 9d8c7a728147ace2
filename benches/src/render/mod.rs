//! `docs/benchmarks.md` and its pictures, from the files of `benches/results/`.

mod device;
mod products;
mod scaling;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::bars::bars;
use crate::results::{Results, replace};
use table::{Table, left, right};

/// What is written by hand, with a line for each part that is not.
const TEMPLATE: &str = include_str!("benchmarks.md");

/// What the CUDA compilers make of the kernels: `cargo xtask kernels --write` keeps it there.
const KERNELS: &str = include_str!("../../results/kernels.md");

/// The document and its pictures.
pub struct Document {
    /// `docs/benchmarks.md`.
    pub markdown: String,
    /// Names in `docs/images/`, and contents.
    pub images: Vec<(String, String)>,
}

/// Renders all files.
#[must_use]
pub fn document(files: &[Results]) -> Document {
    let mut images = Vec::new();
    let devices = by_device(files);
    let sections: Vec<String> = devices
        .iter()
        .map(|(device, files)| {
            let mut section = format!("## {device}\n\n");
            section.push_str(&device::section(device, files, &mut images));
            section
        })
        .collect();
    let markdown = TEMPLATE
        .replace("{bars}\n", &bars_table(&devices))
        .replace("{devices}\n", &sections.join("\n"))
        .replace("{kernels}\n", KERNELS);
    Document { markdown, images }
}

/// What one run found, for the terminal.
#[must_use]
pub fn terminal(files: &[Results]) -> String {
    let devices = by_device(files);
    let sections = devices
        .iter()
        .map(|(device, files)| device::section(device, files, &mut Vec::new()));
    let text: String = sections.collect();
    // Nobody sees pictures there.
    let lines = text.lines().filter(|line| !line.starts_with("!["));
    let mut shown = String::new();
    for line in lines {
        if !(line.is_empty() && shown.ends_with("\n\n")) {
            shown.extend([line, "\n"]);
        }
    }
    format!("{shown}\n{}", bars_table(&devices))
}

/// Renders the files of `root/benches/results` into `root/docs`.
///
/// # Errors
/// If a file cannot be read or written.
pub fn write(root: &Path) -> Result<()> {
    let document = document(&Results::read_all(&root.join("benches/results"))?);
    let images = root.join("docs/images");
    fs::create_dir_all(&images).with_context(|| images.display().to_string())?;
    for (name, svg) in &document.images {
        replace(&images.join(name), svg)?;
    }
    replace(&root.join("docs/benchmarks.md"), &document.markdown)
}

/// The files of each device, which follow each other.
fn by_device(files: &[Results]) -> Vec<(&str, Vec<&Results>)> {
    files
        .chunk_by(|a, b| a.machine.device == b.machine.device)
        .map(|files| (files[0].machine.device.as_str(), files.iter().collect()))
        .collect()
}

/// The targets, a column per processor.
fn bars_table(devices: &[(&str, Vec<&Results>)]) -> String {
    // A device that has no threads to choose is none of those that the bars are about.
    let processors = devices.iter().filter(|(_, files)| {
        let mut rows = files.iter().flat_map(|file| &file.rows);
        rows.any(|row| row.threads.is_some())
    });
    let processors: Vec<_> = processors
        .map(|(device, files)| (*device, bars(files)))
        .collect();
    let mut columns = vec![left("target"), right("wanted")];
    columns.extend(processors.iter().map(|(device, _)| left(*device)));
    let mut table = Table::new(columns);
    for (index, bar) in bars(&[]).iter().enumerate() {
        let mut cells = vec![bar.name.to_owned(), bar.wanted_text()];
        cells.extend(processors.iter().map(|(_, bars)| bars[index].found_text()));
        table.row(cells);
    }
    table.to_string()
}
