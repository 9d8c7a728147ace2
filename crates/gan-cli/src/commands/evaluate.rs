//! `gan-cli evaluate`: measures how good the samples of a checkpoint are, and prints it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use gan_eval::Row;
use gan_run::evaluation::{Document, Settings, Task, value_in_words};
use gan_run::problem::Problem;
use gan_run::text::four_digits;

use super::{DeviceArgs, load_model, positive};
use crate::output::Output;
use crate::progress::Stages;

/// `gan-cli evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    from: PathBuf,
    /// Path of the data, if it has moved since the training.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Number of samples [default: 10,000; of a mixed table, as many as training rows, up to
    /// 50,000].
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=10_000_000))]
    samples: Option<usize>,
    /// Metrics, separated by commas [default: all that apply to the data].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Column of a mixed table that models learn from the others [default: the last].
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Width of the Parzen window [default: the best on the validation records].
    #[arg(long, value_name = "S", value_parser = positive)]
    sigma: Option<f64>,
    /// Leave out the controls that take minutes where there are many records, Gaussians and k-means
    /// centroids, unless they are kept from an earlier evaluation on the same data.
    #[arg(long)]
    quick_controls: bool,
    /// Seed of the latents [default: the run's].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Folder for evaluation.json and the pictures [default: `RUN/evaluation/step-N`].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// `gan-cli evaluate`.
pub(crate) fn run(args: &EvaluateArgs, output: Output) -> Result<ExitCode, Problem> {
    let model = load_model(&args.from, output)?;
    let settings = Settings {
        data: args.data.as_deref(),
        samples: args.samples,
        metrics: &args.metrics,
        target: args.target.as_deref(),
        sigma: args.sigma,
        quick_controls: args.quick_controls,
        seed: args.seed,
        precision: args.device.precision,
        threads: args.device.threads,
    };
    let task = Task::new(&model, settings)?;
    output.line(format!("model    {}", model.path.display()));
    output.line(format!("data     {}", task.in_words()));
    let device = args.device.open_and_say(output)?;
    for warning in task.warnings() {
        output.notice(format!("warning: {warning}"));
    }
    let mut stages = Stages::new(output);
    let document = task.run(&device, &mut |stage, done| stages.show(stage, done))?;
    drop(stages);
    let (files, warning) = document.save(args.out.as_deref())?;
    if let Some(warning) = warning {
        output.notice(format!("warning: {warning}"));
    }
    output.event(&document);
    print(&document, output);
    for file in files {
        output.line(format!("wrote    {}", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the verdict and the tables.
fn print(document: &Document, output: Output) {
    for (index, finding) in document.verdict.iter().enumerate() {
        let (head, finds) = (if index == 0 { "verdict" } else { "" }, finding.finds);
        output.line(format!("{head:<9}{}: {}", finds.word(), finds.meaning()));
        output.line(format!("{:<9}  {}", "", finding.because));
    }
    for section in &document.sections {
        output.line("");
        output.line(&section.title);
        for line in table(&section.rows) {
            output.line(format!("  {line}"));
        }
        for note in &section.notes {
            output.line(format!("  note: {note}"));
        }
    }
    output.line("");
}

/// Lines with columns that stand below each other.
fn table(rows: &[Row]) -> Vec<String> {
    let cells: Vec<[String; 4]> = rows
        .iter()
        .map(|row| {
            let details = row.details.iter();
            let details = details.map(|(name, value)| format!("{name} {}", four_digits(*value)));
            let mut words: Vec<String> = Vec::new();
            words.extend(row.ideal.as_ref().map(|ideal| format!("ideal {ideal}")));
            words.extend(row.note.clone());
            [
                row.name.clone(),
                value_in_words(row),
                details.rev().collect::<Vec<_>>().join("  "),
                words.join("; "),
            ]
        })
        .collect();
    let width = |column: usize| {
        let widths = cells.iter().map(|cells| cells[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let [names, values, details] = [0, 1, 2].map(width);
    cells
        .iter()
        .map(|[name, value, detail, words]| {
            let line = format!("{name:<names$}  {value:>values$}  {detail:<details$}  {words}");
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_eval::RowKind;

    #[test]
    fn table_aligns_its_columns() {
        let rows = [
            Row::new("a", "short", RowKind::Model, 225.345)
                .with_standard_error(1.94)
                .with_detail("sigma", 0.166_81),
            Row::new("b", "a longer name", RowKind::Control, -59.1)
                .with_standard_error(0.96)
                .with_detail("sigma", 0.278_3)
                .with_note("a note"),
            Row::new("c", "test", RowKind::Model, 0.012)
                .with_p_value(0.25)
                .with_ideal("0"),
        ];
        assert_eq!(
            table(&rows),
            [
                "short                225.3 ± 1.9  sigma 0.1668",
                "a longer name        -59.1 ± 1.0  sigma 0.2783  a note",
                "test           0.01200 (p 0.250)                ideal 0",
            ]
        );
    }
}
