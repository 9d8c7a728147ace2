//! `gan-cli data`: what a file is taken for, before anything is trained on it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gan_data::{
    ColumnEncoding, Dataset, FileContents, HeldOut, RecordShape, Role, Style, TableShape, Transform,
};
use gan_run::config::{Overrides, RunConfig};
use gan_run::pictures::{self, Backdrop};
use gan_run::problem::Problem;
use gan_run::run_data::named_data;
use gan_run::run_dir;
use gan_run::text::{excerpt, five_digits, shell_word, thousands};

use crate::output::Output;

/// The preset whose `[data]` table is that of a path that is no table.
const PRESET: &str = "table";
/// The preset of a table.
const MIXED: &str = "mixed-table";
/// Rows and columns of the sheet of records.
const SHEET: [usize; 2] = [10, 10];

/// `gan-cli data`.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Data as for `train --data`: a table, an array, a directory, or a built-in source.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Change one key of `[data]`, such as `data.split="tail"`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Seed that draws the records that are held out.
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Draw the first training records into this .png.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file of `--out` that is there already.
    #[arg(long)]
    overwrite: bool,
}

/// `gan-cli data`.
pub(crate) fn run(args: &DataArgs, output: Output) -> Result<ExitCode, Problem> {
    if let Some(out) = &args.out {
        let found = out.extension().unwrap_or_default();
        if !found.eq_ignore_ascii_case("png") {
            let text = format!(
                "--out {}: found extension {found:?}, expected png",
                out.display()
            );
            return Err(Problem::usage(text).hint("end the name in .png"));
        }
        run_dir::check_folder(out)?;
        run_dir::refuse_existing(out, args.overwrite)?;
    }
    let mut overrides = Overrides::default();
    overrides.flag("--seed", "seed", args.seed.map(|seed| seed as i64));
    overrides.flag("PATH", "data.source", Some(named_data(&args.path)?));
    args.set.iter().try_for_each(|set| overrides.set(set))?;
    // As `gan-cli train PATH` takes it.
    let preset = match gan_data::contents_of(&args.path) {
        Some(FileContents::Table) => MIXED,
        _ => PRESET,
    };
    let config = RunConfig::read(preset, &overrides)?;
    let dataset = config.load_data()?;
    let splits = &dataset.splits;
    output.line(format!("source   {}", dataset.source));
    output.line(format!(
        "records  {}: {} to train, {} to validate, {} to test",
        thousands(dataset.records.rows()),
        thousands(splits.train.len()),
        thousands(splits.valid.len()),
        thousands(splits.test.len()),
    ));
    let held_out = match dataset.held_out {
        _ if splits.valid.is_empty() && splits.test.is_empty() => "all records train".to_owned(),
        HeldOut::Own => "the test set is its own, the last of the others validate".into(),
        HeldOut::Tail => "the last records of the file are held out".into(),
        _ => format!("those held out are drawn by the seed {}", config.seed),
    };
    output.line(format!("split    {held_out}"));
    if let Some(classes) = dataset.classes {
        output.line(format!("labels   {classes} classes"));
    }
    for note in &dataset.notes {
        output.line(format!("note     {note}"));
    }
    match (&dataset.shape, dataset.shape.image()) {
        (RecordShape::Table(table), _) => columns(table, &dataset.transform, output),
        (_, Some([height, width, channels])) => {
            let colour = if channels == 3 { "colour" } else { "grey" };
            output.line(format!("images   {height}×{width}, {colour}"));
        }
        _ => output.line(format!(
            "vectors  {} values each, {}",
            dataset.records.cols(),
            range(&dataset)
        )),
    }
    let learnt = match dataset.transform {
        Transform::Pixels => "pixels from 0 to 1",
        Transform::Standardize { .. } => {
            "columns of mean 0 and deviation 1 over the training records"
        }
        Transform::Columns(_) => "each column as what it is: ranks of numbers, and levels",
        Transform::Gcn { .. } => "images of mean 0 and one contrast",
        _ => "values as they are",
    };
    output.line(format!("learnt   {learnt}"));
    if let Some(out) = &args.out {
        draw(&dataset, out)?;
        output.line(format!("picture  {}", out.display()));
    } else if dataset.shape.image().is_some() {
        let again = args.again();
        output.line(format!(
            "picture  {again} --out records.png draws the first training records"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

impl DataArgs {
    /// What was typed, for a shell.
    fn again(&self) -> String {
        let mut words = vec!["gan-cli data".to_owned(), shell_word(&self.path)];
        for set in &self.set {
            words.extend(["--set".to_owned(), shell_word(set.as_ref())]);
        }
        words.extend(self.seed.map(|seed| format!("--seed {seed}")));
        words.join(" ")
    }
}

/// The smallest and the largest value of the training records.
fn range(dataset: &Dataset) -> String {
    let mut row = vec![0.0_f32; dataset.records.cols()];
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let train = dataset.splits.train.clone();
    dataset.records.each_part(train, |part, rows| {
        for index in rows {
            part.copy_row(index, &mut row);
            for value in dataset.transform.user_row(&row) {
                (low, high) = (low.min(value), high.max(value));
            }
        }
    });
    format!("{} to {}", five_digits(low), five_digits(high))
}

/// The columns of a table, and what their training records hold.
fn columns(table: &TableShape, transform: &Transform, output: Output) {
    let (limits, encodings): (&[_], &[_]) = match transform {
        Transform::Standardize { limits, .. } => (limits, &[]),
        Transform::Columns(encoding) => (&[], encoding.columns()),
        _ => (&[], &[]),
    };
    let (mut limits, mut encodings) = (limits.iter(), encodings.iter());
    let rows = table.columns.iter().map(|column| {
        let words = match &column.role {
            Role::Constant(text) => format!("always {text}"),
            Role::Counted(first) => format!("counts the records from {first} on"),
            Role::Values(style) => {
                let encoding = encodings.next();
                let range = limits.next().copied().or_else(|| encoding?.range());
                let range = range
                    .filter(|_| style.levels().is_none())
                    .map(|[low, high]| format!(", {} to {}", style.write(low), style.write(high)));
                let more = encoding.map(|encoding| levels(style, encoding));
                in_words(style) + &range.unwrap_or_default() + &more.unwrap_or_default()
            }
        };
        (&column.name, words)
    });
    let rows: Vec<_> = rows.collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0).min(30);
    for (name, words) in rows {
        output.line(format!("column   {name:width$}  {words}"));
    }
}

/// What a column is learnt as, beside its kind and range: its levels, those that many records share,
/// and blanks.
fn levels(style: &Style, encoding: &ColumnEncoding) -> String {
    const SHOWN: usize = 6;
    let percent = |share: f64| match 100.0 * share {
        small if small < 0.1 => format!("{small:.2} %"),
        percent => format!("{percent:.1} %"),
    };
    let (head, values) = (encoding.head(), encoding.values());
    let shares = encoding.shares().iter().skip(usize::from(head.scalar));
    let mut levels: Vec<_> = values.iter().zip(shares).collect();
    // The most frequent first.
    levels.sort_by(|a, b| b.1.total_cmp(a.1));
    let level = |(value, share): &(&f64, &f64)| {
        format!("{} {}", excerpt(&style.write(**value)), percent(**share))
    };
    let shown: Vec<_> = levels.iter().take(SHOWN).map(level).collect();
    let more = if levels.len() > SHOWN { ", …" } else { "" };
    let shown = format!("{}{more}", shown.join(", "));
    let levels = match (head.scalar, values.len()) {
        (true, 0) => String::new(),
        (true, _) => format!("; often {shown}"),
        (false, count) => format!("; {count} levels: {shown}"),
    };
    let blanks = encoding
        .blanks()
        .map(|share| format!("; {} blank", percent(share)));
    levels + &blanks.unwrap_or_default()
}

fn in_words(style: &Style) -> String {
    match style {
        Style::Number(number) if number.scientific => "numbers with powers of ten".into(),
        Style::Number(number) if number.decimals == 0 => "whole numbers".into(),
        Style::Number(number) => format!("numbers of up to {} decimals", number.decimals),
        Style::Truth(_) => "one of two words".into(),
        Style::Time(pattern) => format!("times as {pattern}"),
        Style::Category(_) => "category".into(),
    }
}

/// A picture of the first training records.
fn draw(dataset: &Dataset, out: &std::path::Path) -> Result<(), Problem> {
    let cols = dataset.records.cols();
    let images = SHEET[0] * SHEET[1];
    let count = match dataset.shape.image() {
        Some(_) => images,
        None => 10 * images,
    };
    let rows = gan_eval::gather(&dataset.records, dataset.splits.train.clone().take(count));
    let rows = dataset.transform.user_values(&rows, cols);
    let cols = dataset.transform.user_cols(cols);
    let title = format!("{}: training records", dataset.name);
    let backdrop = Backdrop::default();
    let picture = pictures::draw(&title, &dataset.shape, cols, &rows, SHEET, &backdrop)
        .map_err(Problem::undrawn(out))?;
    run_dir::replace(out, &picture)
}
