//! The report of an evaluation: a table, a JSON document and charts.

use std::fs;
use std::path::{Path, PathBuf};

use gan_eval::table::{ColumnScore, PairScore, Validity};
use gan_eval::{Finding, Row, RowKind, Section, Uncertainty};
use gan_pictures::{BLUE, Bar, BarChart, BarGroup, BarSeries, Drawing, ORANGE, SILVER};
use gan_run::evaluation::value_in_words;
use gan_run::problem::Problem;
use gan_run::run_dir::{self, EVALUATION_REPORT};
use gan_run::text::{four_digits, path_as_text, path_as_text_if_any};
use serde::{Deserialize, Serialize};

use super::data::DataFacts;
use crate::output::Output;

/// Pixels of a chart per unit, so that it is sharp on today's screens.
const SCALE: f64 = 2.0;
/// Sections whose rows are one quantity, so that their bars compare.
const CHARTED: [&str; 2] = ["parzen", "wasserstein"];

/// The findings of an evaluation, and their subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The checkpoint's file.
    #[serde(serialize_with = "path_as_text")]
    pub(super) checkpoint: PathBuf,
    /// The run that it lies in, if any.
    #[serde(serialize_with = "path_as_text_if_any")]
    pub(super) run: Option<PathBuf>,
    /// The preset that the run was started from.
    pub(super) preset: String,
    /// Iterations that the generator was trained for.
    pub(super) step: u64,
    /// Seed of the latents.
    pub(super) seed: u64,
    /// Number of samples.
    pub(super) samples: usize,
    /// The records that they were compared with.
    pub(super) data: DataFacts,
    /// The device that computed.
    pub(super) device: String,
    /// Duration of the evaluation.
    pub(super) seconds: f64,
    /// The findings of each metric.
    pub(super) sections: Vec<Section>,
    /// Their meaning, the gravest finding first.
    #[serde(default)]
    pub(super) verdict: Vec<Finding>,
    /// What is known of every column and pair of columns of a mixed table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) table: Option<TableScores>,
}

/// The scores of a mixed table's columns and pairs of columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TableScores {
    /// The column that models learnt.
    pub(super) target: String,
    /// Each column, in the order of the file.
    pub(super) columns: Vec<ColumnScore>,
    /// Each pair of columns.
    pub(super) pairs: Vec<PairScore>,
    /// Values that are invalid, and levels that are lost.
    pub(super) validity: Validity,
}

impl Report {
    /// Writes `evaluation.json`, charts of sections and `pictures` by name into `folder`, and returns
    /// their paths.
    pub(super) fn write(
        &self,
        folder: &Path,
        pictures: &[(&str, Drawing)],
    ) -> Result<Vec<PathBuf>, Problem> {
        fs::create_dir_all(folder).map_err(|error| {
            Problem::failed(format!("{}: cannot be written: {error}", folder.display()))
                .hint("choose a directory that you may write with --out DIR")
        })?;
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| Problem::failed(format!("cannot write the evaluation: {error}")))?;
        let mut files = vec![(folder.join(EVALUATION_REPORT), json)];
        let charted = |section: &&Section| CHARTED.contains(&section.id.as_str());
        let charts = self.sections.iter().filter(charted).map(|section| {
            let title = format!("{}, step {}: {}", self.preset, self.step, head(section));
            (section.id.clone(), chart(section, &title).draw())
        });
        let pictures = pictures.iter().cloned();
        let pictures = pictures.map(|(name, drawing)| (name.to_owned(), drawing));
        for (name, drawing) in charts.chain(pictures) {
            let picture = |extension| folder.join(format!("{name}.{extension}"));
            let png = picture("png");
            let pixels = drawing.to_png(SCALE).map_err(Problem::undrawn(&png))?;
            files.push((picture("svg"), drawing.to_svg().into_bytes()));
            files.push((png, pixels));
        }
        for (path, bytes) in &files {
            run_dir::replace(path, bytes)?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    /// Prints the tables, or the JSON document.
    pub(super) fn print(&self, files: &[PathBuf], output: Output) {
        output.event(self);
        for (index, finding) in self.verdict.iter().enumerate() {
            let (head, finds) = (if index == 0 { "verdict" } else { "" }, finding.finds);
            output.line(format!("{head:<9}{}: {}", finds.word(), finds.meaning()));
            output.line(format!("{:<9}  {}", "", finding.because));
        }
        for section in &self.sections {
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
        for file in files {
            output.line(format!("wrote    {}", file.display()));
        }
    }
}

/// The title without what stands in brackets.
fn head(section: &Section) -> &str {
    section
        .title
        .split_once(" (")
        .map_or(section.title.as_str(), |(head, _)| head)
}

/// The rows of a section as bars, the longest first.
fn chart<'a>(section: &Section, title: &'a str) -> BarChart<'a> {
    let series = [
        ("samples", ORANGE),
        ("controls, measured in the same way", BLUE),
        ("published", SILVER),
    ];
    let group = |row: &Row| BarGroup {
        name: row.name.clone(),
        bars: vec![Bar {
            series: match row.kind {
                RowKind::Model => 0,
                RowKind::Control => 1,
                RowKind::Published => 2,
            },
            value: row.value,
            error: match row.uncertainty {
                Some(Uncertainty::StandardError(error)) => error,
                _ => 0.0,
            },
            text: value_in_words(row),
        }],
    };
    let mut rows: Vec<&Row> = section.rows.iter().collect();
    rows.sort_by(|a, b| b.value.total_cmp(&a.value));
    BarChart {
        title,
        series: series
            .map(|(name, color)| BarSeries {
                name: name.to_owned(),
                color,
            })
            .into(),
        groups: rows.into_iter().map(group).collect(),
        reference: None,
    }
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
