//! All numbers of a synthetic table, each beside those of real rows and of shuffled columns.

use serde::{Deserialize, Serialize};

use super::Table;
use super::bins::Binning;
use super::pairs::{PairMeans, PairScore, pair_scores};
use super::privacy::{Privacy, privacy, repeated_rows};
use super::shapes::{ColumnScore, column_scores, mean_shape};
use super::two_sample::told_apart;
use super::usefulness::{Task, Usefulness};
use super::validity::{Validity, validity};
use super::verdict::{Evidence, verdict};
use crate::evaluation::thousands;
use crate::report::{Row, Section};
use crate::verdict::Finding;

/// Columns and pairs that a section names, the worst ones.
const WORST: usize = 5;

/// Samples, and the real rows that they are compared with; all tables have the same columns.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Rows that the generator was trained on.
    pub train: &'a Table<'a>,
    /// Rows whose values and shares the samples should have: those of training, and others that the
    /// generator's columns were fitted to.
    pub known: &'a Table<'a>,
    /// Real rows that it has never seen.
    pub held_out: &'a Table<'a>,
    /// The samples, as many as training rows if the numbers are to be compared with published ones.
    pub samples: &'a Table<'a>,
    /// The column that a model should learn from the others.
    pub target: usize,
    /// Threads to compute on; the numbers do not depend on it.
    pub threads: usize,
}

/// The numbers of a synthetic table and what they mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableEvaluation {
    /// The numbers, question by question.
    pub sections: Vec<Section>,
    /// Their meaning, the gravest finding first.
    pub verdict: Vec<Finding>,
    /// The score of every column, in the order of the table.
    pub columns: Vec<ColumnScore>,
    /// The score of every pair of columns.
    pub pairs: Vec<PairScore>,
    /// What is invalid or missing.
    pub validity: Validity,
}

/// The same number of samples, of real rows and of rows with shuffled columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    pub(super) samples: f64,
    pub(super) real: f64,
    pub(super) shuffled: f64,
}

impl Beside {
    fn of<T>(tables: [T; 3], number: impl Fn(T) -> f64) -> Self {
        let [samples, real, shuffled] = tables.map(number);
        Self {
            samples,
            real,
            shuffled,
        }
    }

    fn row(self, id: &str, name: &str) -> Option<Row> {
        let detail = |row: Row, name, value: f64| match value.is_finite() {
            true => row.with_detail(name, value),
            false => row,
        };
        let row = self
            .samples
            .is_finite()
            .then(|| Row::model(id, name, self.samples))?;
        Some(detail(
            detail(row, "real", self.real),
            "shuffled",
            self.shuffled,
        ))
    }
}

/// What a model learns of the target.
pub(super) struct Learnt {
    pub(super) target: String,
    pub(super) task: Task,
    pub(super) score: Beside,
}

impl Learnt {
    /// The share of what real rows teach that is `score`; `None` where they teach nothing.
    pub(super) fn retained(&self, score: f64) -> Option<f64> {
        let floor = self.task.floor();
        let share = (score - floor) / (self.score.real - floor);
        (self.score.real > floor && share.is_finite()).then_some(share)
    }
}

/// Measures the samples of `subject`, and calls `progress` with the name of what is computed and
/// the share that is done.
///
/// # Panics
/// If the tables have different columns, or there is no such target.
#[must_use]
#[track_caller]
pub fn evaluate(subject: &Subject<'_>, progress: &mut dyn FnMut(&str, f64)) -> TableEvaluation {
    let Subject {
        target, threads, ..
    } = *subject;
    let tables = [
        subject.train,
        subject.held_out,
        subject.samples,
        subject.known,
    ];
    let columns = subject.train.columns();
    assert!(
        tables.iter().all(|table| table.columns() == columns),
        "evaluation: tables of different columns"
    );
    assert!(target < columns.len(), "evaluation: no column {target}");
    let [train, held_out, samples, known] = tables;
    let shuffled = train.shuffled();
    let halves = train.halves();

    progress("columns and pairs", 0.0);
    let against = [
        (train, samples),
        (&halves[0], &halves[1]),
        (train, &shuffled),
    ];
    let scores = against.map(|(real, samples)| column_scores(real, samples));
    let pairs = against.map(|(real, samples)| pair_scores(real, samples, threads));
    progress("telling rows apart", 0.2);
    let told = Beside::of([samples, train, &shuffled], |rows| {
        told_apart(held_out, rows, threads)
    });
    progress("telling rows apart", 0.5);
    let told_from_train = Beside {
        samples: told_apart(train, samples, threads),
        real: told_apart(&halves[0], &halves[1], threads),
        shuffled: f64::NAN,
    };
    progress("learning from samples", 0.7);
    let learnt = learn(
        train,
        held_out,
        [samples, train, &shuffled],
        target,
        threads,
    );
    progress("distances to training rows", 0.9);
    let held_halves = held_out.halves();
    let near = privacy(train, held_out, samples, threads);
    let near_real = privacy(train, &held_halves[0], &held_halves[1], threads);

    let evidence = Evidence {
        columns: scores[0].clone(),
        pairs: pairs[0].clone(),
        told,
        told_from_train,
        learnt,
        near,
        validity: validity(known, samples),
        train_rows: train.rows(),
    };
    let mut sections = vec![quality(&scores, &pairs, train)];
    sections.extend(worst_columns(&scores[0]));
    sections.extend(worst_pairs(&pairs[0]));
    sections.extend(apart(&evidence, held_out.rows()));
    sections.extend(usefulness(&evidence));
    let repeated = [samples, train].map(repeated_rows);
    sections.push(copies(near, near_real, repeated, held_out.rows()));
    sections.push(valid(&evidence.validity));
    progress("distances to training rows", 1.0);
    TableEvaluation {
        sections,
        verdict: verdict(&evidence),
        columns: evidence.columns,
        pairs: evidence.pairs,
        validity: evidence.validity,
    }
}

/// Scores of models that learnt from each of `sources`, on rows held out.
fn learn(
    train: &Table<'_>,
    held_out: &Table<'_>,
    sources: [&Table<'_>; 3],
    target: usize,
    threads: usize,
) -> Option<Learnt> {
    let column = &train.columns()[target];
    let task = Task::of(column, train.column(target))?;
    let usefulness = Usefulness {
        target,
        task: &task,
        binning: &Binning::of(train),
        test: held_out,
    };
    // As many real rows as samples, or the number of rows is what is compared.
    let rows = train.rows().min(sources[0].rows());
    let score = Beside::of(sources, |source| usefulness.score(source, rows, threads));
    Some(Learnt {
        target: column.name.clone(),
        task,
        score,
    })
}

fn quality(
    scores: &[Vec<ColumnScore>; 3],
    pairs: &[Vec<PairScore>; 3],
    train: &Table<'_>,
) -> Section {
    let shapes = Beside::of(scores.each_ref(), |scores| mean_shape(scores));
    let means = pairs.each_ref().map(|pairs| PairMeans::of(pairs));
    let strong = Beside::of(means, |means| means.strong);
    let half = |a: f64, b: f64| match b.is_finite() {
        true => f64::midpoint(a, b),
        false => a,
    };
    let overall = Beside {
        samples: half(shapes.samples, strong.samples),
        real: half(shapes.real, strong.real),
        shuffled: half(shapes.shuffled, strong.shuffled),
    };
    let strongly = pairs[0].iter().filter(|pair| pair.strong).count();
    let note = format!("of {strongly} strongly related pairs");
    let rows = [
        overall.row("overall", "overall (SDMetrics)"),
        shapes.row("column_shapes", "column shapes"),
        strong
            .row("pair_trends", "pair trends")
            .map(|row| row.with_note(&note)),
        Beside::of(means, |means| means.all).row("pair_trends_all", "trends of all pairs"),
        Beside::of(means, |means| means.fixed_bins).row("pair_fixed_bins", "pairs in fixed bins"),
    ];
    let title = format!(
        "Columns and pairs of columns (1 as {} training rows; real: one half of these against the \
         other)",
        thousands(train.rows())
    );
    Section::new("quality", title, rows.into_iter().flatten().collect())
}

/// The worst of `scores`; a section of none is left out.
fn worst_columns(scores: &[ColumnScore]) -> Option<Section> {
    let mut worst: Vec<&ColumnScore> = scores.iter().collect();
    worst.sort_by(|a, b| a.with_blanks.total_cmp(&b.with_blanks));
    let row = |score: &ColumnScore| {
        let row = Row::model(&score.column, &score.column, score.with_blanks);
        match score.blanks_gap {
            0.0 => row,
            gap => row.with_detail("blanks", gap),
        }
    };
    let rows: Vec<Row> = worst.into_iter().take(WORST).map(row).collect();
    let title = "The columns that are worst kept, with blanks as a value (ideal 1)".to_owned();
    (!rows.is_empty()).then(|| Section::new("columns", title, rows))
}

fn worst_pairs(scores: &[PairScore]) -> Option<Section> {
    let mut worst: Vec<&PairScore> = scores.iter().collect();
    worst.sort_by(|a, b| a.fixed_bins.total_cmp(&b.fixed_bins));
    let row = |score: &PairScore| {
        let name = score.columns.join(" × ");
        let mut row = Row::model(&name, &name, score.fixed_bins);
        let details = [
            ("real", score.real),
            ("samples", score.samples),
            ("trend", score.trend),
        ];
        for (name, value) in details {
            row = value.map_or(row.clone(), |value| row.with_detail(name, value));
        }
        row
    };
    let rows: Vec<Row> = worst.into_iter().take(WORST).map(row).collect();
    let title = "The pairs that are worst kept, in fixed bins (ideal 1; with r of two numbers and \
                 Cramér's V of others)"
        .to_owned();
    (!rows.is_empty()).then(|| Section::new("pairs", title, rows))
}

fn apart(evidence: &Evidence, held_out: usize) -> Option<Section> {
    let ideal = |row: Row| row.with_ideal("0.5");
    let rows = [
        evidence.told.row("held_out", "from rows held out"),
        evidence.told_from_train.row("train", "from training rows"),
    ];
    let rows: Vec<Row> = rows.into_iter().flatten().map(ideal).collect();
    let title = format!(
        "Boosting tells samples from real rows, area under the ROC curve ({} rows held out)",
        thousands(held_out)
    );
    (!rows.is_empty()).then(|| Section::new("c2st", title, rows))
}

fn usefulness(evidence: &Evidence) -> Option<Section> {
    let learnt = evidence.learnt.as_ref()?;
    let score = learnt.task.score_name();
    let mut rows: Vec<Row> = learnt.score.row("score", score).into_iter().collect();
    let retained = learnt.retained(learnt.score.samples).map(|samples| Beside {
        samples,
        real: 1.0,
        shuffled: learnt.retained(learnt.score.shuffled).unwrap_or(f64::NAN),
    });
    let retained = retained.and_then(|it| it.row("retained", "retained"));
    rows.extend(retained.map(|row| row.with_ideal("1")));
    let title = format!(
        "Train on synthetic, test on real: {} learnt by boosting (tested on rows held out)",
        learnt.target
    );
    (!rows.is_empty()).then(|| Section::new("tstr", title, rows))
}

fn copies(near: Privacy, real: Privacy, repeated: [f64; 2], held_out: usize) -> Section {
    let row = |id, name, samples, real| {
        let shuffled = f64::NAN;
        let beside = Beside {
            samples,
            real,
            shuffled,
        };
        beside.row(id, name)
    };
    let rows = [
        row("memorised", "memorised", near.memorised, real.memorised)
            .map(|row| row.with_standard_error(near.standard_error).with_ideal("0")),
        row("copies", "exact copies", near.copies, near.copies_held_out),
        row(
            "distance",
            "distance ratio",
            near.distance_ratio,
            real.distance_ratio,
        )
        .map(|row| row.with_ideal("1")),
        row("repeated", "repeated rows", repeated[0], repeated[1]),
    ];
    let title = format!(
        "Distance to the closest training row against that to the closest of {} held out",
        thousands(held_out)
    );
    Section::new("memorisation", title, rows.into_iter().flatten().collect())
}

fn valid(validity: &Validity) -> Section {
    let row = |id, name, value, ideal: &str| Row::model(id, name, value).with_ideal(ideal);
    let rows = vec![
        row(
            "levels_covered",
            "levels covered",
            validity.levels_covered,
            "1",
        ),
        row("unseen", "unseen levels", validity.unseen, "0"),
        row(
            "out_of_range",
            "numbers out of range",
            validity.out_of_range,
            "0",
        ),
        row(
            "too_many_decimals",
            "too many decimals",
            validity.too_many_decimals,
            "0",
        ),
        row(
            "blanks_mean",
            "gap of blanks, mean",
            validity.blanks_gap_mean,
            "0",
        ),
        row(
            "blanks_max",
            "gap of blanks, largest",
            validity.blanks_gap,
            "0",
        )
        .with_note(&validity.blanks_column),
    ];
    let title = "Shares of values that training rows do not have, and what is missing".to_owned();
    Section::new("validity", title, rows)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{columns, rows};
    use super::*;
    use crate::table::{Column, Kind};
    use crate::testing::close;
    use crate::verdict::Quality;

    /// The evaluation of what `make` makes of the training rows and of fresh ones.
    fn of(make: impl Fn(&Table<'_>, &[f64]) -> Vec<f64>) -> TableEvaluation {
        let columns = columns();
        let [train, held_out, fresh] = [(400, 1), (200, 2), (400, 3)].map(|(n, s)| rows(n, s));
        let [train, held_out] = [train, held_out].map(|values| Table::new(&columns, &values));
        let samples = make(&train, &fresh);
        let subject = Subject {
            train: &train,
            known: &train,
            held_out: &held_out,
            samples: &Table::new(&columns, &samples),
            target: 2,
            threads: 2,
        };
        let mut stages = Vec::new();
        let found = evaluate(&subject, &mut |_, done| stages.push(done));
        assert!(
            stages.is_sorted() && stages.last() == Some(&1.0),
            "{stages:?}"
        );
        found
    }

    fn row_major(table: &Table<'_>) -> Vec<f64> {
        let row = |row| table.iter().map(move |(_, values)| values[row]);
        (0..table.rows()).flat_map(row).collect()
    }

    fn value(found: &TableEvaluation, section: &str, row: &str) -> Row {
        let sections = found.sections.iter().filter(|it| it.id == section);
        let mut rows = sections.flat_map(|section| &section.rows);
        rows.find(|it| it.id == row).unwrap().clone()
    }

    #[test]
    fn fresh_rows_are_good_and_every_number_has_its_controls() {
        let found = of(|_, fresh| fresh.to_vec());
        assert_eq!(found.verdict[0].finds, Quality::Good, "{:?}", found.verdict);
        let ids: Vec<_> = found
            .sections
            .iter()
            .map(|section| section.id.as_str())
            .collect();
        let expected = [
            "quality",
            "columns",
            "pairs",
            "c2st",
            "tstr",
            "memorisation",
            "validity",
        ];
        assert_eq!(ids, expected);
        let told = value(&found, "c2st", "held_out");
        close(told.value, 0.5, 0.1);
        close(told.details["real"], 0.5, 0.1);
        assert!(told.details["shuffled"] > 0.8);
        close(value(&found, "tstr", "retained").value, 1.0, 0.03);
        assert!(value(&found, "tstr", "retained").details["shuffled"] < 0.3);
        assert_eq!((found.columns.len(), found.pairs.len()), (4, 6));
        let json = serde_json::to_string(&found).unwrap();
        let read: TableEvaluation = serde_json::from_str(&json).unwrap();
        assert_eq!(read.verdict, found.verdict);
    }

    #[test]
    fn shuffled_columns_are_told_apart_and_teach_nothing() {
        let found = of(|train, _| row_major(&train.shuffled()));
        let finds: Vec<_> = found.verdict.iter().map(|finding| finding.finds).collect();
        let apart = [Quality::UnderTrained, Quality::Distinguishable];
        assert!(finds.iter().all(|finds| apart.contains(finds)), "{finds:?}");
        assert_eq!(finds.len(), 2, "{finds:?}");
        let words = &found.verdict[0].because;
        assert!(
            words.contains("worst pairs: ") && words.contains(" × "),
            "{words}"
        );
        assert!(
            found.verdict[1]
                .because
                .starts_with("a model of smoker learns")
        );
        close(value(&found, "quality", "column_shapes").value, 1.0, 1e-12);
    }

    #[test]
    fn copies_are_memorising() {
        let found = of(|train, _| row_major(train));
        assert_eq!(found.verdict[0].finds, Quality::Memorising);
        close(value(&found, "memorisation", "memorised").value, 1.0, 0.05);
        close(value(&found, "memorisation", "copies").value, 1.0, 1e-12);
        assert!(value(&found, "c2st", "train").value < 0.2);
    }

    #[test]
    fn a_lost_level_and_half_a_year_are_named() {
        let found = of(|_, fresh| {
            let mut rows = fresh.to_vec();
            for row in rows.chunks_exact_mut(4) {
                row[1] += 0.5;
                row[3] = row[3].min(1.0);
            }
            rows
        });
        let finds: Vec<_> = found.verdict.iter().map(|finding| finding.finds).collect();
        assert_eq!(
            finds[..2],
            [Quality::Invalid, Quality::Collapsed],
            "{finds:?}"
        );
        let lost = &found.verdict[1].because;
        assert_eq!(lost, "no sample has region = islands");
    }

    #[test]
    fn values_that_known_rows_have_are_valid_whether_they_train_or_not() {
        let columns = [Column {
            name: "city".into(),
            kind: Kind::Category {
                levels: ["north", "south"].map(str::to_owned).into(),
            },
        }];
        let rows = |north: usize, south: usize| [vec![0.0; north], vec![1.0; south]].concat();
        let [train, both] = [rows(60, 0), rows(60, 10)];
        let [train, both] = [train, both].map(|rows| Table::new(&columns, &rows));
        for (known, expected) in [(&train, 1.0 / 7.0), (&both, 0.0)] {
            let subject = Subject {
                train: &train,
                known,
                held_out: &both,
                samples: &both,
                target: 0,
                threads: 1,
            };
            let found = evaluate(&subject, &mut |_, _| {});
            assert_eq!(found.validity.unseen, expected);
        }
    }

    #[test]
    fn few_rows_of_one_column_give_what_numbers_there_are() {
        let columns = &columns()[2..3];
        let [one, other] = [[0.0, 1.0, 1.0], [f64::NAN; 3]].map(|rows| Table::new(columns, &rows));
        for (samples, held_out) in [(&one, &one), (&other, &other), (&one, &other)] {
            let subject = Subject {
                train: &one,
                known: &one,
                held_out,
                samples,
                target: 0,
                threads: 1,
            };
            let found = evaluate(&subject, &mut |_, _| {});
            let json = serde_json::to_string(&found).unwrap();
            assert!(
                !json.contains("null") || samples.column(0)[0].is_nan(),
                "{json}"
            );
            assert!(!found.verdict.is_empty());
        }
    }
}
