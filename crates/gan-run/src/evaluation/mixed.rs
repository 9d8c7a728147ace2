//! The evaluation of a mixed table: of numbers, dates and categories, with blanks.

use std::ops::Range;
use std::thread;

use gan_data::{TableShape, UserRows};
use gan_eval::table::{Column, PairScore, Subject, Table, evaluate};
use gan_pictures::{CorrelationMap, CorrelationMaps, Drawing};

use super::data::{DataFacts, nothing_held_out};
use super::document::{Found, TableScores};
use super::{Settings, draw};
use crate::device::Device;
use crate::model::{Model, check_amount};
use crate::pictures::{columns_of, histograms};
use crate::problem::Problem;
use crate::run_data::RunData;
use crate::text::{nearest_word, thousands};

/// Samples that are taken unless the user says how many: as many as training rows, up to this.
const MOST_SAMPLES: usize = 50_000;
/// Columns that a picture shows at most.
const DRAWN_COLUMNS: usize = 60;

/// A mixed table, as an evaluation needs it.
pub(super) struct MixedTable {
    shape: TableShape,
    columns: Vec<Column>,
    /// The place of the column that models learn.
    target: usize,
    data: RunData,
    rows: UserRows,
    held_out: Range<usize>,
    /// Number of samples.
    number: usize,
    threads: usize,
}

impl MixedTable {
    /// The table of `model`'s run.
    ///
    /// # Errors
    /// As [`super::Task::new`].
    pub(super) fn load(
        model: &Model,
        shape: &TableShape,
        settings: &Settings<'_>,
    ) -> Result<Self, Problem> {
        for (flag, given) in [
            ("--metrics", !settings.metrics.is_empty()),
            ("--sigma", settings.sigma.is_some()),
            ("--quick-controls", settings.quick_controls),
        ] {
            if given {
                return Err(Problem::usage(format!(
                    "{flag}: found a mixed table, which has measurements of its own"
                ))
                .hint(format!("leave {flag} out")));
            }
        }
        let columns = columns_of(shape);
        let target = target(&columns, settings.target)?;
        let mut data = RunData::load(model, settings.data)?;
        let splits = &data.dataset.splits;
        let held_out = match splits.test.is_empty() {
            false => splits.test.clone(),
            true => splits.valid.clone(),
        };
        let number = settings
            .samples
            .unwrap_or(splits.train.len().clamp(2, MOST_SAMPLES));
        let rows = data.dataset.user_rows.take();
        let Some(rows) = rows.filter(|_| !held_out.is_empty()) else {
            return Err(nothing_held_out(&data.dataset.source));
        };
        check_amount("--samples", number, model.cols)?;
        let all = || thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            shape: shape.clone(),
            columns,
            target,
            data,
            rows,
            held_out,
            number,
            threads: settings.threads.unwrap_or_else(all),
        })
    }

    /// The data in one line for people.
    pub(super) fn in_words(&self) -> String {
        format!(
            "{}: {} to train, {} held out; {} columns, target {}",
            self.data.dataset.source,
            thousands(self.data.dataset.splits.train.len()),
            thousands(self.held_out.len()),
            self.columns.len(),
            self.columns[self.target].name
        )
    }

    /// A reason why the numbers may mean less than they say.
    pub(super) fn warning(&self) -> Option<String> {
        self.data.warning.clone()
    }

    /// Compares samples of `seed` with the rows.
    pub(super) fn evaluate(
        &self,
        model: &Model,
        device: &Device,
        seed: u64,
        progress: &mut dyn FnMut(&str, f64),
    ) -> Result<Found, Problem> {
        let columns = &self.columns;
        let samples = draw(device, model, seed, self.number, progress, |rows| {
            model.record.written(&rows, model.cols)
        })?;
        let samples = Table::new(columns, &samples);
        let splits = &self.data.dataset.splits;
        let [train, known, held_out] = [
            splits.train.clone(),
            splits.encoded(),
            self.held_out.clone(),
        ]
        .map(|range| Table::new(columns, slice(&self.rows, range)));
        let subject = Subject {
            train: &train,
            known: &known,
            held_out: &held_out,
            samples: &samples,
            target: self.target,
            threads: self.threads,
        };
        let found = evaluate(&subject, &mut |stage, done| progress(stage, done));
        let name = format!("{}, step {}", model.record.preset, model.checkpoint.step);
        let title = |what: &str| format!("{name}: {what}");
        let pictures = vec![
            (
                "columns",
                histograms(
                    &title("the columns"),
                    ["training rows", "samples"],
                    &self.shape,
                    [&train, &samples],
                ),
            ),
            (
                "correlations",
                correlations(columns, &found.pairs, &title("how columns are related")),
            ),
        ];
        Ok(Found {
            samples: self.number,
            data: DataFacts::of_table(&self.data),
            sections: found.sections,
            verdict: found.verdict,
            table: Some(TableScores {
                target: columns[self.target].name.clone(),
                columns: found.columns,
                pairs: found.pairs,
                validity: found.validity,
            }),
            pictures,
        })
    }
}

/// The place of the column that the user names, or of the last.
fn target(columns: &[Column], wanted: Option<&str>) -> Result<usize, Problem> {
    let Some(wanted) = wanted else {
        return Ok(columns.len().saturating_sub(1));
    };
    let names = || columns.iter().map(|column| column.name.as_str());
    names().position(|name| name == wanted).ok_or_else(|| {
        let known = names().collect::<Vec<_>>().join(", ");
        let problem = Problem::usage(format!(
            "--target {wanted}: found no learnt column of this name, expected one of {known}"
        ));
        match nearest_word(wanted, names()) {
            Some(near) => problem.hint(format!("did you mean {near}?")),
            None => problem.hint("without --target, it is the last one"),
        }
    })
}

fn slice(rows: &UserRows, range: Range<usize>) -> &[f64] {
    &rows.values()[range.start * rows.cols()..range.end * rows.cols()]
}

/// Maps of the relations of training rows and of samples, and of their differences.
fn correlations(columns: &[Column], pairs: &[PairScore], title: &str) -> Drawing {
    let shown = columns.len().min(DRAWN_COLUMNS);
    let place = |name: &String| columns.iter().position(|column| column.name == *name);
    let map = |value: &dyn Fn(&PairScore) -> Option<f64>, own: f64| {
        let mut values = vec![f64::NAN; shown * shown];
        for at in 0..shown {
            values[at * shown + at] = own;
        }
        for pair in pairs {
            let [Some(one), Some(other)] = pair.columns.each_ref().map(place) else {
                continue;
            };
            if one.max(other) < shown {
                let value = value(pair).unwrap_or(f64::NAN);
                values[one * shown + other] = value;
                values[other * shown + one] = value;
            }
        }
        values
    };
    let difference = |pair: &PairScore| Some(pair.samples? - pair.real?);
    let maps = [
        ("training rows", map(&|pair| pair.real, 1.0)),
        ("samples", map(&|pair| pair.samples, 1.0)),
        ("samples − training rows", map(&difference, 0.0)),
    ];
    let maps = maps.map(|(name, values)| CorrelationMap { name, values });
    CorrelationMaps {
        title,
        columns: columns
            .iter()
            .take(shown)
            .map(|column| column.name.as_str())
            .collect(),
        maps: maps.into(),
    }
    .draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let kind = gan_eval::table::Kind::Number { decimals: None };
        ["age", "sex", "charges"]
            .map(|name| Column {
                name: name.to_owned(),
                kind: kind.clone(),
            })
            .into()
    }

    #[test]
    fn target_is_named_or_the_last() {
        let columns = columns();
        assert_eq!(target(&columns, None).unwrap(), 2);
        assert_eq!(target(&columns, Some("sex")).unwrap(), 1);
        let error = target(&columns, Some("charge")).unwrap_err().to_string();
        assert!(
            error.contains("expected one of age, sex, charges"),
            "{error}"
        );
    }

    #[test]
    fn maps_are_symmetric_and_show_differences() {
        use gan_eval::table::PairKind;
        let pair = PairScore {
            columns: ["age", "charges"].map(String::from),
            kind: PairKind::Correlation,
            real: Some(1.0),
            samples: None,
            trend: None,
            strong: true,
            fixed_bins: 0.5,
        };
        let svg = correlations(&columns(), &[pair], "people, step 7").to_svg();
        // The pair and the diagonal in one map, the diagonal in the other, and the end of the scale.
        assert_eq!(svg.matches("fill=\"#d65414\"").count(), 2 + 3 + 3 + 1);
    }
}
