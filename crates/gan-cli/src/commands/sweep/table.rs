//! What a sweep has come to: its runs side by side, the best first.

use std::collections::BTreeMap;
use std::path::Path;

use gan_run::problem::Problem;
use gan_run::report::{Measure, Outcome};
use gan_run::run_dir;
use gan_run::text::{duration, four_digits, thousands};

use super::settings::{Run, SEED, Settings};

/// Rows that are shown; the file has them all.
const SHOWN: usize = 30;

/// A run and what it has come to.
pub(super) struct Row<'a> {
    pub(super) run: &'a Run,
    /// `None` of a run that was not begun, or whose directory cannot be read.
    pub(super) outcome: Option<Outcome>,
    /// Why it failed.
    pub(super) error: Option<String>,
}

impl Row<'_> {
    pub(super) fn measure(&self) -> Option<Measure> {
        self.outcome
            .as_ref()
            .filter(|outcome| outcome.is_done)?
            .measure
    }

    fn state(&self) -> &'static str {
        match (&self.error, &self.outcome) {
            (Some(_), _) => "failed",
            (None, Some(outcome)) => outcome.state,
            (None, None) => "not begun",
        }
    }

    fn findings(&self) -> String {
        let outcome = self.outcome.as_ref();
        outcome.map_or(String::new(), |outcome| outcome.findings.join(", "))
    }
}

/// Sorts the runs: by what they measured of their samples, the best first, then as they were
/// planned.
pub(super) fn sort(rows: &mut [Row<'_>]) {
    rows.sort_by(|a, b| match (a.measure(), b.measure()) {
        (Some(a), Some(b)) => a.compare(b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
}

/// The table, line by line.
pub(super) fn lines(rows: &[Row<'_>]) -> Vec<String> {
    let head = [
        "run", "state", "samples", "at step", "V", "training", "findings",
    ];
    let cells = |row: &Row<'_>| {
        let outcome = row.outcome.as_ref();
        let of =
            |word: &dyn Fn(&Outcome) -> Option<String>| outcome.and_then(word).unwrap_or_default();
        [
            row.run.name.clone(),
            row.state().to_owned(),
            row.measure()
                .map_or(String::new(), |measure| measure.to_string()),
            of(&|outcome| Some(thousands(outcome.step as usize))),
            of(&|outcome| outcome.value.map(four_digits)),
            of(&|outcome| outcome.seconds.map(duration)),
            row.findings(),
        ]
    };
    let mut table = vec![head.map(str::to_owned)];
    table.extend(rows.iter().take(SHOWN).map(cells));
    let mut lines = aligned(&table);
    if rows.len() > SHOWN {
        lines.push(format!("… and {} more", thousands(rows.len() - SHOWN)));
    }
    lines
}

/// Lines with columns that stand below each other; of those from the fourth to the sixth on the right.
fn aligned<const COLUMNS: usize>(table: &[[String; COLUMNS]]) -> Vec<String> {
    let width = |column: usize| {
        let widths = table.iter().map(|cells| cells[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..COLUMNS).map(width).collect();
    let line = |cells: &[String; COLUMNS]| {
        let cells = cells.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match (3..6).contains(&column) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    table.iter().map(line).collect()
}

/// The mean measure of each setting over its seeds, the best first; nothing where that says no more
/// than the table.
pub(super) fn means(settings: &Settings, rows: &[Row<'_>]) -> Vec<String> {
    let Some(seed) = settings.axes.iter().position(|axis| axis.key == SEED) else {
        return Vec::new();
    };
    let mut groups = BTreeMap::<String, Vec<[f64; 2]>>::new();
    let mut is_told = false;
    for row in rows {
        let Some(measure) = row.measure() else {
            continue;
        };
        let values = settings.axes.iter().zip(&row.run.values).enumerate();
        let values = values.filter(|(index, _)| *index != seed);
        let values =
            values.map(|(_, (axis, value))| format!("{}={value}", settings.short(&axis.key)));
        let group = groups
            .entry(values.collect::<Vec<_>>().join(" "))
            .or_default();
        group.push(match measure {
            Measure::ToldApart(area) => {
                is_told = true;
                [area, 0.0]
            }
            Measure::Modes {
                found,
                high_quality,
                ..
            } => [found as f64, 100.0 * high_quality],
        });
    }
    if groups.len() < 2 || groups.values().all(|group| group.len() < 2) {
        return Vec::new();
    }
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|(name, group)| {
            let column = |at: usize| spread(&group.iter().map(|row| row[at]).collect::<Vec<_>>());
            (name, group.len(), [column(0), column(1)])
        })
        .collect();
    groups.sort_by(|(.., a), (.., b)| {
        let order = a[0].0.total_cmp(&b[0].0);
        match is_told {
            true => order,
            false => order.then(a[1].0.total_cmp(&b[1].0)).reverse(),
        }
    });
    let shown = |(mean, deviation): (f64, Option<f64>), digits: usize| match deviation {
        Some(deviation) => format!("{mean:.digits$} ± {deviation:.digits$}"),
        None => format!("{mean:.digits$}"),
    };
    let words = |[a, b]: [(f64, Option<f64>); 2]| match is_told {
        true => format!("told apart {}", shown(a, 3)),
        false => format!("{} modes, {} % close", shown(a, 1), shown(b, 1)),
    };
    let mut table = vec![["mean over seeds", "seeds", "samples"].map(str::to_owned)];
    let row = |(name, count, measure)| [name, format!("{count}"), words(measure)];
    table.extend(groups.into_iter().map(row));
    aligned(&table)
}

/// Mean and standard deviation; one number has none.
fn spread(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    (mean, deviation)
}

/// Writes the table as CSV: a column for each key that varies, and one for each number.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(path: &Path, settings: &Settings, rows: &[Row<'_>]) -> Result<(), Problem> {
    let fixed = [
        "state",
        "steps",
        "samples_of_step",
        "told_apart",
        "modes_found",
        "modes",
        "high_quality",
        "value",
        "seconds",
        "findings",
        "error",
    ];
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys = settings.axes.iter().map(|axis| axis.key.as_str());
    let head = std::iter::once("run").chain(keys).chain(fixed);
    let mut written = writer.write_record(head);
    for row in rows {
        let outcome = row.outcome.as_ref();
        let whole = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
        let real = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
        let (mut told, mut modes) = (None, [None, None]);
        let mut share = None;
        match outcome.and_then(|outcome| outcome.measure) {
            Some(Measure::ToldApart(area)) => told = Some(area),
            Some(Measure::Modes {
                found,
                modes: all,
                high_quality,
            }) => {
                modes = [Some(found as u64), Some(all as u64)];
                share = Some(high_quality);
            }
            _ => {}
        }
        let cells = [
            row.state().to_owned(),
            whole(outcome.map(|outcome| outcome.steps)),
            whole(outcome.map(|outcome| outcome.step)),
            real(told),
            whole(modes[0]),
            whole(modes[1]),
            real(share),
            real(outcome.and_then(|outcome| outcome.value)),
            real(outcome.and_then(|outcome| outcome.seconds)),
            row.findings(),
            row.error.clone().unwrap_or_default(),
        ];
        let first = std::iter::once(&row.run.name).chain(&row.run.values);
        written = written.and_then(|()| writer.write_record(first.chain(&cells)));
    }
    let bytes = written.map_err(|error| error.to_string());
    let bytes = bytes.and_then(|()| writer.into_inner().map_err(|error| error.to_string()));
    let bytes = bytes.map_err(|error| Problem::failed(format!("{}: {error}", path.display())))?;
    run_dir::replace(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(measure: Option<Measure>) -> Outcome {
        Outcome {
            state: "done",
            is_done: true,
            step: 1500,
            steps: 2000,
            measure,
            value: Some(-1.25),
            seconds: Some(61.0),
            findings: Vec::new(),
        }
    }

    fn settings() -> Settings {
        let seeds = super::super::settings::seeds("1..2").unwrap();
        Settings::new(Some(&seeds), &["a.rate=0.1,0.2".to_owned()]).unwrap()
    }

    #[test]
    fn best_measure_comes_first_and_seeds_are_averaged() {
        let settings = settings();
        let runs = settings.runs();
        let told = [0.7, 0.55, 0.8, 0.65].map(Measure::ToldApart);
        let rows = runs.iter().zip(told).map(|(run, measure)| Row {
            run,
            outcome: Some(outcome(Some(measure))),
            error: None,
        });
        let mut rows: Vec<_> = rows.collect();
        rows[0].error = Some("lost, \"all\"".into());
        rows[0].outcome = None;
        sort(&mut rows);
        assert_eq!(
            lines(&rows),
            [
                "run              state   samples           at step       V  training  findings",
                "rate=0.2,seed=1  done    told apart 0.550    1,500  -1.250      1:01",
                "rate=0.2,seed=2  done    told apart 0.650    1,500  -1.250      1:01",
                "rate=0.1,seed=2  done    told apart 0.800    1,500  -1.250      1:01",
                "rate=0.1,seed=1  failed",
            ]
        );
        assert_eq!(
            means(&settings, &rows),
            [
                "mean over seeds  seeds  samples",
                "rate=0.2         2      told apart 0.600 ± 0.071",
                "rate=0.1         1      told apart 0.800",
            ]
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.csv");
        write(&path, &settings, &rows).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1],
            "\"rate=0.2,seed=1\",1,0.2,done,2000,1500,0.55,,,,-1.25,61,,"
        );
        assert!(lines[4].ends_with(",\"lost, \"\"all\"\"\""), "{text}");
    }

    #[test]
    fn more_modes_are_better_and_then_more_samples_close_to_one() {
        let settings = settings();
        let runs = settings.runs();
        let modes = [(7, 0.9), (8, 0.5), (8, 0.7), (6, 1.0)];
        let rows = runs
            .iter()
            .zip(modes)
            .map(|(run, (found, high_quality))| Row {
                run,
                outcome: Some(outcome(Some(Measure::Modes {
                    found,
                    modes: 8,
                    high_quality,
                }))),
                error: None,
            });
        let mut rows: Vec<_> = rows.collect();
        sort(&mut rows);
        let found = rows
            .iter()
            .map(|row| row.measure().map(|measure| measure.to_string()));
        let found: Vec<_> = found.flatten().collect();
        assert_eq!(found[0], "8/8 modes, 70.0 % close");
        assert_eq!(found[3], "6/8 modes, 100.0 % close");
        let means = means(&settings, &rows);
        assert_eq!(
            means[1..],
            [
                "rate=0.1         2      7.5 ± 0.7 modes, 80.0 ± 14.1 % close",
                "rate=0.2         2      7.0 ± 1.4 modes, 75.0 ± 35.4 % close",
            ]
        );
    }
}
