//! The document about an evaluation: JSON, and charts.

use std::fs;
use std::path::{Path, PathBuf};

use gan_eval::table::{ColumnScore, PairScore, Validity};
use gan_eval::{Finding, Row, RowKind, Section, Uncertainty};
use gan_pictures::{BLUE, Bar, BarChart, BarGroup, BarSeries, Drawing, ORANGE, SILVER};
use serde::Serialize;

use super::data::DataFacts;
use super::value_in_words;
use crate::device::Device;
use crate::model::Model;
use crate::problem::Problem;
use crate::run_dir::{self, EVALUATION_REPORT};
use crate::text::{path_as_text, path_as_text_if_any};

/// Pixels of a chart per unit, so that it is sharp on today's screens.
const SCALE: f64 = 2.0;
/// Sections whose rows are one quantity, so that their bars compare.
const CHARTED: [&str; 2] = ["parzen", "wasserstein"];

/// The findings of an evaluation, and their subject.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// The checkpoint's file.
    #[serde(serialize_with = "path_as_text")]
    checkpoint: PathBuf,
    /// The run that it lies in, if any.
    #[serde(serialize_with = "path_as_text_if_any")]
    run: Option<PathBuf>,
    /// The preset that the run was started from.
    preset: String,
    /// Iterations that the generator was trained for.
    step: u64,
    /// Seed of the latents.
    seed: u64,
    /// Number of samples.
    samples: usize,
    /// The records that they were compared with.
    data: DataFacts,
    /// The device that computed.
    device: String,
    /// Duration of the evaluation.
    seconds: f64,
    /// The findings of each metric.
    pub sections: Vec<Section>,
    /// Their meaning, the gravest finding first.
    pub verdict: Vec<Finding>,
    /// What is known of every column and pair of columns of a mixed table.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<TableScores>,
    /// What is drawn of them beside the charts of sections, by name.
    #[serde(skip)]
    pictures: Vec<(&'static str, Drawing)>,
}

/// What the metrics of one kind of data found.
pub(super) struct Found {
    pub(super) samples: usize,
    pub(super) data: DataFacts,
    pub(super) sections: Vec<Section>,
    pub(super) verdict: Vec<Finding>,
    pub(super) table: Option<TableScores>,
    pub(super) pictures: Vec<(&'static str, Drawing)>,
}

/// The scores of a mixed table's columns and pairs of columns.
#[derive(Clone, Debug, Serialize)]
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

impl Document {
    pub(super) fn new(
        model: &Model,
        seed: u64,
        device: &Device,
        seconds: f64,
        found: Found,
    ) -> Self {
        Self {
            checkpoint: model.path.clone(),
            run: model.run.clone(),
            preset: model.record.preset.clone(),
            step: model.checkpoint.step,
            seed,
            samples: found.samples,
            data: found.data,
            device: device.description(),
            seconds,
            sections: found.sections,
            verdict: found.verdict,
            table: found.table,
            pictures: found.pictures,
        }
    }

    /// Writes `evaluation.json` and pictures into the folder `out`, or without it into that of the
    /// step in the run, whose report is made anew then; of a lone checkpoint into `evaluation/`.
    ///
    /// Returns the paths, and a warning if the report could not be written.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn save(&self, out: Option<&Path>) -> Result<(Vec<PathBuf>, Option<String>), Problem> {
        let step = format!("step-{:06}", self.step);
        let folder = match (out, &self.run) {
            (Some(out), _) => out.to_path_buf(),
            (None, Some(run)) => run_dir::evaluation_folder(run).join(step),
            (None, None) => Path::new("evaluation").join(step),
        };
        let mut files = self.write(&folder)?;
        // A run that is trained makes its own when it ends.
        let run = self.run.as_ref();
        let run = run.filter(|run| out.is_none() && !run_dir::is_training(run));
        let warning = match run.map(|run| crate::report::write(run)) {
            Some(Ok(page)) => {
                files.push(page);
                None
            }
            Some(Err(problem)) => Some(problem.to_string()),
            None => None,
        };
        Ok((files, warning))
    }

    fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Problem> {
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
            (section.id.as_str(), chart(section, &title).draw())
        });
        for (name, drawing) in charts.chain(self.pictures.iter().cloned()) {
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
