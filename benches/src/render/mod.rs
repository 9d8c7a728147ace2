//! `docs/benchmarks.md` and its pictures, from the files of `benches/results/`.

mod scaling;
mod section;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::results::{Device, Results, replace};
use crate::targets::on_processor;
use table::Table;

/// The prose, with a line in braces for each part that is computed.
const TEMPLATE: &str = include_str!("benchmarks.md");

/// What the CUDA compilers make of the kernels: `cargo xtask kernels --write` keeps it there.
const KERNELS: &str = include_str!("../../results/kernels.md");

/// The document and its pictures.
pub(crate) struct Document {
    /// `docs/benchmarks.md`.
    pub markdown: String,
    /// Names in `docs/images/`, and contents.
    pub images: Vec<(String, String)>,
}

/// Renders all files, which are in the order of [`Results::read_all`].
pub(crate) fn document(files: &[Results]) -> Document {
    let mut images = Vec::new();
    let sections = Device::each_of(files).map(|device| {
        let section = section::section(device, &mut images);
        format!("## {}\n\n{section}", device.name())
    });
    let sections: Vec<String> = sections.collect();
    let markdown = TEMPLATE
        .replace("{targets}\n", &targets(files).to_string())
        .replace("{devices}\n", &sections.join("\n"))
        .replace("{kernels}\n", KERNELS);
    Document { markdown, images }
}

/// The results of one run, for the terminal.
pub(crate) fn terminal(files: &[Results]) -> String {
    let sections = Device::each_of(files).map(|device| section::section(device, &mut Vec::new()));
    let text: String = sections.collect();
    // Nobody sees pictures there.
    let lines = text.lines().filter(|line| !line.starts_with("!["));
    let mut shown = String::new();
    for line in lines {
        if !(line.is_empty() && shown.ends_with("\n\n")) {
            shown.extend([line, "\n"]);
        }
    }
    format!("{shown}\n{}", targets(files))
}

/// Renders the files of `root/benches/results` into `root/docs`.
pub(crate) fn write(root: &Path) -> Result<()> {
    let document = document(&Results::read_all(&root.join("benches/results"))?);
    let images = root.join("docs/images");
    fs::create_dir_all(&images).with_context(|| images.display().to_string())?;
    for (name, svg) in &document.images {
        replace(&images.join(name), svg)?;
    }
    replace(&root.join("docs/benchmarks.md"), &document.markdown)
}

/// The targets of processors, a column per processor.
fn targets(files: &[Results]) -> Table {
    // Of no device at all: what is wanted.
    let wanted = on_processor(Device { files: &[] });
    let mut table = Table::new(
        "target | wanted:",
        wanted.iter().map(|it| [it.name.to_owned(), it.wanted()]),
    );
    let is_processor = |device: &Device<'_>| device.rows().any(|row| row.threads.is_some());
    let processors = Device::each_of(files).filter(is_processor);
    for (index, device) in processors.enumerate() {
        let verdicts = on_processor(device).into_iter().map(|it| it.verdict());
        table.insert(2 + index, device.name().into(), verdicts);
    }
    table
}
