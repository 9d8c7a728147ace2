//! The verdict on a synthetic table, which names the columns and pairs that are worst kept.

use super::evaluation::{Beside, Learnt};
use super::pairs::PairScore;
use super::privacy::Privacy;
use super::shapes::ColumnScore;
use super::validity::Validity;
use crate::verdict::{Finding, Quality};

/// More than this much memorised, with [`NO_ACCIDENT`], is memorising: 0 is ideal, 1 plain copies.
const MEMORISED: f64 = 0.15;
/// Exact copies beyond those that chance repeats among real rows.
const COPIES: f64 = 0.05;
/// So many standard errors are no accident.
const NO_ACCIDENT: f64 = 4.0;
/// Area under the ROC curve from which samples are told apart; two sets of a few hundred real rows
/// come to 0.45 to 0.55.
const TOLD: f64 = 0.6;
/// The same from which they are told apart nearly always.
const TOLD_EASILY: f64 = 0.9;
/// Below this, samples are nearer to training rows than real rows are to each other.
const TOO_NEAR: f64 = 0.4;
/// What a model should at least learn from samples, as a share of what real rows teach it.
const RETAINED: f64 = 0.8;
/// Share of numbers out of the range of the training rows; held-out rows have some too.
const OUT_OF_RANGE: f64 = 0.01;
/// Columns and pairs that the verdict names.
const NAMED: usize = 3;

/// The numbers of a synthetic table.
pub(super) struct Evidence {
    pub(super) columns: Vec<ColumnScore>,
    pub(super) pairs: Vec<PairScore>,
    pub(super) told: Beside,
    pub(super) told_from_train: Beside,
    pub(super) learnt: Option<Learnt>,
    pub(super) near: Privacy,
    pub(super) validity: Validity,
    pub(super) train_rows: usize,
}

/// All findings, the gravest first.
pub(super) fn verdict(evidence: &Evidence) -> Vec<Finding> {
    let told = told_apart(evidence);
    let easily = evidence.told.samples > TOLD_EASILY;
    let findings: Vec<Finding> = [
        (Quality::Memorising, memorises(evidence)),
        (Quality::Invalid, invalid(&evidence.validity)),
        (Quality::Collapsed, lost(&evidence.validity)),
        (Quality::UnderTrained, told.clone().filter(|_| easily)),
        (Quality::Distinguishable, told.filter(|_| !easily)),
        (Quality::Distinguishable, teaches_little(evidence)),
    ]
    .into_iter()
    .filter_map(|(finds, because)| because.map(|because| Finding { finds, because }))
    .collect();
    if findings.is_empty() {
        return vec![good(evidence)];
    }
    findings
}

fn memorises(evidence: &Evidence) -> Option<String> {
    let near = &evidence.near;
    if near.memorised > MEMORISED.max(NO_ACCIDENT * near.standard_error) {
        return Some(format!(
            "{:.2} of the {} training rows are repeated nearly: 0 is ideal, 1 would be copies",
            near.memorised, evidence.train_rows
        ));
    }
    if near.copies > near.copies_held_out + COPIES {
        return Some(format!(
            "{} of samples are a training row, value by value; of real rows {} are",
            percent(near.copies),
            percent(near.copies_held_out)
        ));
    }
    let told = evidence.told_from_train.samples;
    (told < TOO_NEAR).then(|| {
        format!(
            "samples lie closer to training rows than these to each other: told apart with {told:.2}, \
             ideal 0.5"
        )
    })
}

fn invalid(validity: &Validity) -> Option<String> {
    let faults = [
        (
            validity.too_many_decimals > 0.0,
            validity.too_many_decimals,
            "of numbers have more decimals than their column",
        ),
        (
            validity.unseen > 0.0,
            validity.unseen,
            "of categories are in no training row",
        ),
        (
            validity.out_of_range > OUT_OF_RANGE,
            validity.out_of_range,
            "of numbers are out of their column's range",
        ),
    ];
    let faults = faults.into_iter().filter(|(found, ..)| *found);
    let words: Vec<_> = faults
        .map(|(_, share, words)| format!("{} {words}", percent(share)))
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn lost(validity: &Validity) -> Option<String> {
    let (first, others) = validity.lost_levels.split_first()?;
    let others = match others.len() {
        0 => String::new(),
        1 => "; another level is lost too".to_owned(),
        others => format!("; {others} other levels are lost too"),
    };
    Some(format!("no sample has {} = {}{others}", first[0], first[1]))
}

fn told_apart(evidence: &Evidence) -> Option<String> {
    let told = evidence.told;
    // Where even real rows are told from real rows, the test says little.
    let real = if told.real.is_finite() {
        told.real
    } else {
        0.5
    };
    (told.samples > TOLD.max(real + TOLD - 0.5))
        .then(|| format!("{}; {}", apart(told), worst(evidence)))
}

/// `boosting tells them from real rows with 0.65, ideal 0.5`.
fn apart(told: Beside) -> String {
    let shuffled = match told.shuffled.is_finite() {
        true => format!(", shuffled columns {:.2}", told.shuffled),
        false => String::new(),
    };
    format!(
        "boosting tells samples from real rows with an area under the ROC curve of {:.2}, ideal \
         0.5{shuffled}",
        told.samples
    )
}

fn teaches_little(evidence: &Evidence) -> Option<String> {
    let learnt = evidence.learnt.as_ref()?;
    let retained = learnt.retained(learnt.score.samples)?;
    (retained < RETAINED).then(|| {
        format!(
            "a model of {} learns {} from samples of what it learns from real rows ({} {:.2} and {:.2})",
            learnt.target,
            percent(retained.max(0.0)),
            learnt.task.score_name(),
            learnt.score.samples,
            learnt.score.real
        )
    })
}

fn good(evidence: &Evidence) -> Finding {
    let told = evidence
        .told
        .samples
        .is_finite()
        .then(|| apart(evidence.told));
    let learnt = evidence.learnt.as_ref().and_then(|learnt| {
        let retained = learnt.retained(learnt.score.samples)?;
        let share = percent(retained);
        Some(format!(
            "a model of {} learns {share} of what real rows teach",
            learnt.target
        ))
    });
    let parts = [told, learnt, Some(worst(evidence))];
    Finding {
        finds: Quality::Good,
        because: parts.into_iter().flatten().collect::<Vec<_>>().join("; "),
    }
}

/// The columns and pairs that are worst kept.
fn worst(evidence: &Evidence) -> String {
    let mut columns: Vec<&ColumnScore> = evidence.columns.iter().collect();
    columns.sort_by(|a, b| a.with_blanks.total_cmp(&b.with_blanks));
    let columns = columns.into_iter().take(NAMED);
    let columns = columns.map(|it| format!("{} ({:.2})", it.column, it.with_blanks));
    let mut pairs: Vec<&PairScore> = evidence.pairs.iter().collect();
    pairs.sort_by(|a, b| a.fixed_bins.total_cmp(&b.fixed_bins));
    let pairs = pairs.into_iter().take(NAMED);
    let pairs: Vec<_> = pairs
        .map(|it| {
            format!(
                "{} × {} ({:.2})",
                it.columns[0], it.columns[1], it.fixed_bins
            )
        })
        .collect();
    let columns = columns.collect::<Vec<_>>().join(", ");
    match pairs.is_empty() {
        true => format!("worst columns: {columns}"),
        false => format!(
            "worst columns: {columns}; worst pairs: {}",
            pairs.join(", ")
        ),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
