//! Train on synthetic, test on real: does a model learn from samples what it learns from real rows?

use serde::{Deserialize, Serialize};

use super::bins::Binning;
use super::boosting::{Boosting, Loss};
use super::two_sample::auc;
use super::{Column, Kind, Table, levels_by_count, mean, sorted, threads};

/// Rows to train on at most.
const ROWS: usize = 50_000;
/// Trees of a model.
const ROUNDS: usize = 150;
/// Numbers of at most so many distinct values are classes.
const FEW_VALUES: usize = 10;
/// Classes that are scored at most, the most frequent ones.
const CLASSES: usize = 10;

/// What is learnt of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    /// Its classes; the score is the area under the ROC curve, the mean over each class against all
    /// others.
    Classes(Vec<f64>),
    /// Its value; the score is R².
    Value,
}

impl Task {
    /// What can be learnt of a target, by its real rows; `None` where it has one value.
    pub(super) fn of(column: &Column, values: &[f64]) -> Option<Self> {
        let classes: Vec<f64> = match &column.kind {
            Kind::Category { levels } => {
                let frequent = levels_by_count(values, levels.len()).into_iter();
                frequent.map(|(level, _)| level as f64).collect()
            }
            Kind::Number { .. } => {
                let mut distinct = sorted(values);
                distinct.dedup();
                if distinct.len() > FEW_VALUES {
                    return Some(Self::Value);
                }
                distinct
            }
        };
        let classes: Vec<f64> = classes.into_iter().take(CLASSES).collect();
        (classes.len() > 1).then_some(Self::Classes(classes))
    }

    /// The score of a model that knows nothing.
    pub(super) fn floor(&self) -> f64 {
        match self {
            Self::Classes(_) => 0.5,
            Self::Value => 0.0,
        }
    }

    /// The name of the score.
    pub(super) fn score_name(&self) -> &'static str {
        match self {
            Self::Classes(_) => "AUC",
            Self::Value => "R²",
        }
    }
}

/// A target to learn from the other columns, and real rows to be tested on.
pub(super) struct Usefulness<'a> {
    pub(super) target: usize,
    pub(super) task: &'a Task,
    pub(super) binning: &'a Binning,
    pub(super) test: &'a Table<'a>,
}

impl Usefulness<'_> {
    /// The rows whose target is no blank.
    fn with_target<'t>(&self, table: &Table<'t>) -> Table<'t> {
        let targets = table.column(self.target).iter().enumerate();
        let known = targets.filter(|(_, target)| !target.is_nan());
        table.select(&known.map(|(row, _)| row).collect::<Vec<_>>())
    }

    /// The score on the real rows of a model of `rows` rows of `source`; rows whose target is blank
    /// are left out.
    pub(super) fn score(&self, source: &Table<'_>, rows: usize, threads: usize) -> f64 {
        let source = self.with_target(&source.drawn(rows.min(ROWS), 5));
        let test = self.with_target(self.test);
        if source.rows() < 2 || test.rows() < 2 {
            return f64::NAN;
        }
        let [learnt, tested] = [&source, &test].map(|it| self.binning.bin(it, Some(self.target)));
        let [answers, truth] = [&source, &test].map(|table| table.column(self.target));
        let all: Vec<usize> = (0..source.rows().max(test.rows())).collect();
        let predicted = |targets: &[f64], loss| {
            let rows = &all[..source.rows()];
            let model = Boosting::fit(self.binning, &learnt, rows, targets, loss, ROUNDS);
            model.predict(&tested, &all[..test.rows()])
        };
        match self.task {
            Task::Value => r_squared(&predicted(answers, Loss::Squares), truth),
            Task::Classes(classes) => {
                // One model tells two classes.
                let models = if classes.len() == 2 { 1 } else { classes.len() };
                let scores = threads::each(threads, models, |at| {
                    let is = |value: f64| value == classes[at];
                    let truth: Vec<bool> = truth.iter().map(|&value| is(value)).collect();
                    let targets = answers.iter().map(|&value| f64::from(u8::from(is(value))));
                    let targets: Vec<f64> = targets.collect();
                    // A class that the source does not have is told by nothing.
                    match targets.iter().all(|&target| target == targets[0]) {
                        true => auc(&vec![0.0; truth.len()], &truth),
                        false => auc(&predicted(&targets, Loss::Logistic), &truth),
                    }
                });
                // A class that no real row has is not tested.
                mean(scores.into_iter().filter(|score| !score.is_nan()))
            }
        }
    }
}

/// 1 − squared error / squared distance from the mean.
fn r_squared(found: &[f64], truth: &[f64]) -> f64 {
    let middle = mean(truth.iter().copied());
    let squares = |values: &mut dyn Iterator<Item = f64>| -> f64 {
        values.zip(truth).map(|(x, y)| (x - y).powi(2)).sum()
    };
    let error = squares(&mut found.iter().copied());
    1.0 - error / squares(&mut std::iter::repeat(middle))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{columns, rows};
    use super::*;
    use crate::testing::close;

    #[test]
    fn shuffled_rows_teach_nothing_and_real_ones_what_there_is() {
        let columns = columns();
        let [real, other, test] = [1, 2, 3].map(|seed| rows(1500, seed));
        let [real, other, test] = [real, other, test].map(|rows| Table::new(&columns, &rows));
        for (target, least) in [(0, 0.9), (2, 0.97)] {
            let task = Task::of(&columns[target], real.column(target)).unwrap();
            let usefulness = Usefulness {
                target,
                task: &task,
                binning: &Binning::of(&real),
                test: &test,
            };
            let score = |source| usefulness.score(source, 1500, 2);
            let found = [score(&real), score(&other)];
            close(found[0], found[1], 0.03);
            assert!(found[0] > least, "{found:?}");
            let shuffled = score(&real.shuffled());
            assert!(shuffled < task.floor() + 0.1, "{shuffled}");
        }
    }

    #[test]
    fn task_follows_from_the_values_of_the_target() {
        let columns = columns();
        let table = Table::new(&columns, &rows(300, 1));
        let of = |at: usize| Task::of(&columns[at], table.column(at));
        assert_eq!(of(0), Some(Task::Value));
        assert_eq!(of(2).map(|task| task.floor()), Some(0.5));
        let Some(Task::Classes(mut classes)) = of(3) else {
            panic!("{:?}", of(3));
        };
        classes.sort_by(f64::total_cmp);
        assert_eq!(classes, [0.0, 1.0, 2.0]);
        assert_eq!(
            Task::of(&columns[0], &[1.0, 2.0, 1.0]),
            Some(Task::Classes(vec![1.0, 2.0]))
        );
        assert_eq!(Task::of(&columns[0], &[1.0, 1.0, f64::NAN]), None);
    }

    #[test]
    fn r_squared_of_the_mean_is_nothing() {
        close(r_squared(&[2.0; 3], &[1.0, 2.0, 3.0]), 0.0, 1e-12);
        close(r_squared(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 1.0, 1e-12);
    }
}
