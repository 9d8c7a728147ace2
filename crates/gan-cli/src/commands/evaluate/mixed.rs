//! The evaluation of a mixed table: of numbers, dates and categories, with blanks.

use std::ops::Range;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use gan_data::{TableShape, UserRows};
use gan_eval::table::{Column, PairScore, Subject, Table, evaluate};
use gan_pictures::{CorrelationMap, CorrelationMaps, Drawing};
use gan_run::model::{Model, check_amount};
use gan_run::pictures::{columns_of, histograms};
use gan_run::problem::Problem;
use gan_run::run_data::RunData;
use gan_run::text::{nearest_word, thousands};

use super::data::{DataFacts, nothing_held_out};
use super::report::{Report, TableScores};
use super::{EvaluateArgs, draw, finish};
use crate::output::Output;
use crate::progress::Stages;

/// Samples that are taken unless the user says how many: as many as training rows, up to this.
const MOST_SAMPLES: usize = 50_000;
/// Columns that a picture shows at most.
const DRAWN_COLUMNS: usize = 60;

/// `gan-cli evaluate` of a model of a mixed table.
pub(super) fn run(
    args: &EvaluateArgs,
    model: &Model,
    shape: &TableShape,
    output: Output,
) -> Result<ExitCode, Problem> {
    for (flag, given) in [
        ("--metrics", !args.metrics.is_empty()),
        ("--sigma", args.sigma.is_some()),
        ("--quick-controls", args.quick_controls),
    ] {
        if given {
            return Err(Problem::usage(format!(
                "{flag}: found a mixed table, which has measurements of its own"
            ))
            .hint(format!("leave {flag} out")));
        }
    }
    let columns = columns_of(shape);
    let target = target(&columns, args.target.as_deref())?;
    let data = RunData::load(model, args.data.as_deref())?;
    let (splits, source) = (&data.dataset.splits, &data.dataset.source);
    let held_out = match splits.test.is_empty() {
        false => splits.test.clone(),
        true => splits.valid.clone(),
    };
    let Some(rows) = data
        .dataset
        .user_rows
        .as_ref()
        .filter(|_| !held_out.is_empty())
    else {
        return Err(nothing_held_out(source));
    };
    let number = args
        .samples
        .unwrap_or(splits.train.len().clamp(2, MOST_SAMPLES));
    check_amount("--samples", number, model.cols)?;
    output.line(format!("model    {}", model.path.display()));
    output.line(format!(
        "data     {source}: {} to train, {} held out; {} columns, target {}",
        thousands(splits.train.len()),
        thousands(held_out.len()),
        columns.len(),
        columns[target].name
    ));
    let device = args.device.open_and_say(output)?;
    if let Some(warning) = &data.warning {
        output.notice(format!("warning: {warning}"));
    }

    let start = Instant::now();
    let seed = args.seed.unwrap_or(model.checkpoint.seed);
    let samples = draw(&device, model, seed, number, output, |rows| {
        model.record.written(&rows, model.cols)
    })?;
    let samples = Table::new(&columns, &samples);
    let [train, known, held_out] = [splits.train.clone(), splits.encoded(), held_out]
        .map(|range| Table::new(&columns, slice(rows, range)));
    let all = || thread::available_parallelism().map_or(1, usize::from);
    let threads = args.device.threads.unwrap_or_else(all);
    let mut stages = Stages::new(output);
    let subject = Subject {
        train: &train,
        known: &known,
        held_out: &held_out,
        samples: &samples,
        target,
        threads,
    };
    let found = evaluate(&subject, &mut |stage, done| stages.show(stage, done));
    drop(stages);

    let step = model.checkpoint.step;
    let name = format!("{}, step {step}", model.record.preset);
    let title = |what: &str| format!("{name}: {what}");
    let pictures = [
        (
            "columns",
            histograms(
                &title("the columns"),
                ["training rows", "samples"],
                shape,
                [&train, &samples],
            ),
        ),
        (
            "correlations",
            correlations(&columns, &found.pairs, &title("how columns are related")),
        ),
    ];
    let report = Report {
        checkpoint: model.path.clone(),
        run: model.run.clone(),
        preset: model.record.preset.clone(),
        step,
        seed,
        samples: number,
        data: DataFacts::of_table(&data),
        device: device.description(),
        seconds: start.elapsed().as_secs_f64(),
        sections: found.sections,
        verdict: found.verdict,
        table: Some(TableScores {
            target: columns[target].name.clone(),
            columns: found.columns,
            pairs: found.pairs,
            validity: found.validity,
        }),
    };
    finish(&report, model, &pictures, args, output)
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
