//! Conditions on the columns of a table, such as `age>60`, by which samples are chosen.

use std::cmp::Ordering;

use gan_data::{RecordShape, Style, TableShape, Transform};
use gan_model::Conditions;

use crate::given::LABEL;
use crate::problem::Problem;
use crate::record::RecordInfo;
use crate::text::{excerpt, nearest_word, thousands};

/// Samples that are drawn at most for each that is asked for, and at least in all.
const DRAWS: usize = 1000;
const FEWEST_DRAWS: usize = 1_000_000;
/// Names and levels that a message lists.
const LISTED: usize = 8;

/// What `--where` asks for: conditions, all of which a sample has to satisfy.
///
/// Those on columns that a generator is given choose what it is given; samples are drawn until some
/// satisfy the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Where {
    drawn: Vec<Condition>,
    given: Vec<OnGiven>,
}

/// A condition on a column that a generator is given.
#[derive(Clone, Debug, PartialEq)]
struct OnGiven {
    /// As the user has it.
    text: String,
    /// The place of the column among the generator's conditions.
    place: usize,
    /// For each level of the column, whether it satisfies the condition.
    holds: Vec<bool>,
}

impl OnGiven {
    fn holds(&self, levels: &[u32]) -> bool {
        self.holds[levels[self.place] as usize]
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    /// As the user has it.
    text: String,
    /// The place of the column's value in a record.
    column: usize,
    operator: Operator,
    /// NaN for a blank.
    value: f64,
}

/// What is asked of a value beside another.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// The longer ones first, of which the others are the beginning.
const OPERATORS: [(&str, Operator); 6] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("!=", Operator::Unequal),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

impl Operator {
    /// True if a value that is `order` beside the condition's satisfies it; a blank beside a number has
    /// no order.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order.is_some_and(Ordering::is_eq),
            Self::Unequal => !order.is_some_and(Ordering::is_eq),
            Self::Less => order.is_some_and(Ordering::is_lt),
            Self::AtMost => order.is_some_and(Ordering::is_le),
            Self::Greater => order.is_some_and(Ordering::is_gt),
            Self::AtLeast => order.is_some_and(Ordering::is_ge),
        }
    }

    fn needs_order(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }
}

impl Where {
    /// The conditions `texts`, each a column, an operator and a value, on the records of `record`, of
    /// which a generator is given `given`.
    ///
    /// # Errors
    /// If the records are of no table and have no class that is given, there is no such column or
    /// level, or no sample can ever satisfy one of them.
    pub(crate) fn of(
        texts: &[String],
        record: &RecordInfo,
        given: Option<&Conditions>,
    ) -> Result<Self, Problem> {
        let mut conditions = Self::default();
        for text in texts {
            match (&record.shape, record.labels, given) {
                (RecordShape::Table(table), ..) => {
                    let condition = Condition::of(text, table, record)?;
                    match given.and_then(|given| condition.on_given(record, given)) {
                        None => conditions.drawn.push(condition),
                        Some(one) if !one.holds.contains(&true) => {
                            return Err(condition.of_no_level(table, record));
                        }
                        Some(one) => conditions.given.push(one),
                    }
                }
                (_, Some(classes), Some(given)) => {
                    // The class is the last condition of records that have one.
                    let place = given.columns().len() - 1;
                    conditions.given.push(on_label(text, place, classes)?);
                }
                _ => {
                    let text =
                        "--where: found samples that are no table, expected columns with names";
                    return Err(Problem::usage(text).hint(
                        "leave --where out; images of a label come from a generator that was given \
                         labels in training: gan-cli train mnist-conditional",
                    ));
                }
            }
        }
        given.map_or(Ok(()), |given| conditions.check_given(given))?;
        Ok(conditions)
    }

    /// Checks that a training record has what a generator is to be given.
    fn check_given(&self, given: &Conditions) -> Result<(), Problem> {
        let records = |holds: &dyn Fn(&[u32]) -> bool| given.shares(holds).records();
        if records(&|levels| self.hold_for(levels)) > 0 {
            return Ok(());
        }
        let each: Vec<_> = self
            .given
            .iter()
            .map(|one| {
                let count = thousands(records(&|levels| one.holds(levels)) as usize);
                format!("{count} have {}", excerpt(&one.text))
            })
            .collect();
        let texts: Vec<_> = self.given.iter().map(|one| one.text.as_str()).collect();
        Err(Problem::usage(format!(
            "--where {}: found no training record that has it, expected a combination of the data: {}",
            texts.join(" and "),
            each.join(", ")
        ))
        .hint("leave one of them out: what no record has was not learnt"))
    }

    /// True if there are none that samples are drawn for until they satisfy them.
    pub(crate) fn is_empty(&self) -> bool {
        self.drawn.is_empty()
    }

    /// True if the record `row`, in the user's units, satisfies all that samples are drawn for.
    pub(crate) fn hold(&self, row: &[f64]) -> bool {
        self.drawn.iter().all(|condition| condition.holds(row))
    }

    /// True if some choose what a generator is given.
    pub(crate) fn choose(&self) -> bool {
        !self.given.is_empty()
    }

    /// True if a generator that is given these levels makes what all of those satisfy.
    pub(crate) fn hold_for(&self, levels: &[u32]) -> bool {
        self.given.iter().all(|one| one.holds(levels))
    }

    /// Samples that are drawn at most to find `wanted`.
    pub(crate) fn most_draws(wanted: usize) -> usize {
        wanted.saturating_mul(DRAWS).max(FEWEST_DRAWS)
    }

    /// The error for `found` of `wanted` samples among `drawn`.
    pub(crate) fn too_rare(&self, found: usize, wanted: usize, drawn: usize) -> Problem {
        let sought = self.drawn.iter().map(|condition| condition.text.as_str());
        let given = self.given.iter().map(|one| one.text.as_str());
        let texts: Vec<_> = sought.chain(given).collect();
        let share = match found {
            0 => format!("rarer than one in {drawn}"),
            found => format!("about one in {}", drawn / found),
        };
        let problem = Problem::failed(format!(
            "--where {}: found {found} of {wanted} samples among {drawn} drawn, the most that are: \
             such records are {share}",
            texts.join(" and ")
        ));
        problem.hint(match found {
            0 => "ask for less, such as a wider range, or leave a condition out".to_owned(),
            found => format!("take as many as there are, -n {found}, or ask for a wider range"),
        })
    }
}

impl Condition {
    fn of(text: &str, table: &TableShape, record: &RecordInfo) -> Result<Self, Problem> {
        let columns: Vec<(&str, &Style)> = table.learnt().collect();
        let (column, operator, word) = split(text, &columns, table)?;
        let (name, style) = columns[column];
        let (word, at) = (word.trim(), format!("--where {}", excerpt(text)));
        let blank = learnt_blank(table, column);
        // A blank may be written as the file does.
        let is_level = style
            .levels()
            .is_some_and(|levels| levels.iter().any(|level| level == word));
        let is_blank = word.is_empty() || (blank == Some(word) && !is_level);
        let of = |value| Self {
            text: text.to_owned(),
            column,
            operator,
            value,
        };
        if is_blank {
            let none = format!("{at}: found no blank in column {name}, expected a value");
            return match blank {
                None => Err(Problem::usage(none).hint("its records have none")),
                Some(_) if operator.needs_order() => {
                    let text = format!("{at}: found an order of blanks, expected = or !=");
                    Err(Problem::usage(text).hint(format!("blanks are --where \"{name}=\"")))
                }
                Some(_) => Ok(of(f64::NAN)),
            };
        }
        if let Some(levels) = style.levels() {
            if operator.needs_order() {
                let text = format!("{at}: found an order of texts, expected = or !=");
                let example = levels.first().map_or("", String::as_str);
                return Err(Problem::usage(text).hint(format!(
                    "for example --where \"{name}={}\"",
                    excerpt(example)
                )));
            }
            let same = |level: &String| level.eq_ignore_ascii_case(word);
            let place = levels.iter().position(|level| level == word);
            let place = place
                .or_else(|| levels.iter().position(same))
                .ok_or_else(|| {
                    let text = format!(
                        "{at}: found no {word:?} in column {name}, expected one of {}",
                        nearest_first(word, levels.iter().map(String::as_str))
                    );
                    let near = nearest_word(word, levels.iter().map(String::as_str));
                    let near = near
                        .or_else(|| levels.first().map(String::as_str))
                        .unwrap_or("");
                    Problem::usage(text)
                        .hint(format!("for example --where \"{name}={}\"", excerpt(near)))
                })?;
            return Ok(of(place as f64));
        }
        let range = range(record, column);
        let value = style.read(word).or_else(|| match style {
            Style::Number(_) => word.parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        });
        let value = value.ok_or_else(|| {
            let example = style.write(range.map_or(0.0, |[low, _]| low));
            let text = format!("{at}: found {word:?}, expected a value such as {example}");
            Problem::usage(text).hint(format!("for example --where \"{name}>={example}\""))
        })?;
        let condition = of(value);
        match range {
            Some([low, high]) if !condition.can_hold([low, high], blank.is_some()) => {
                let [low, high] = [low, high].map(|value| style.write(value));
                Err(Problem::usage(format!(
                    "{at}: found a condition that no sample satisfies: column {name} has values from \
                     {low} to {high}"
                ))
                .hint("ask for values within that range"))
            }
            _ => Ok(condition),
        }
    }

    /// The same on the levels of a column that a generator is given, if it is given this one.
    fn on_given(&self, record: &RecordInfo, given: &Conditions) -> Option<OnGiven> {
        let Transform::Columns(encoding) = &record.transform else {
            return None;
        };
        let columns = encoding.columns();
        let (before, column) = (&columns[..self.column], &columns[self.column]);
        let first: usize = before.iter().map(|column| column.head().width()).sum();
        let own = first..first + column.head().width();
        let place = given.columns().iter().position(|places| *places == own)?;
        // Blanks are the last level.
        let values = column.values().iter().copied();
        let blanks = column.blanks().map(|_| f64::NAN);
        Some(OnGiven {
            text: self.text.clone(),
            place,
            holds: values
                .chain(blanks)
                .map(|value| self.holds_for(value))
                .collect(),
        })
    }

    /// The error for a condition that no level of its column satisfies.
    fn of_no_level(&self, table: &TableShape, record: &RecordInfo) -> Problem {
        let style = table.learnt().nth(self.column).map(|(_, style)| style);
        let values = match (&record.transform, style) {
            (Transform::Columns(encoding), Some(style)) => {
                let values = encoding.columns()[self.column].values().iter();
                values.map(|value| style.write(*value)).collect()
            }
            _ => Vec::new(),
        };
        Problem::usage(format!(
            "--where {}: found no value that satisfies it, expected one of {}",
            excerpt(&self.text),
            values.join(", ")
        ))
        .hint("name one of these values, or a range that has some")
    }

    fn holds(&self, row: &[f64]) -> bool {
        self.holds_for(row[self.column])
    }

    fn holds_for(&self, found: f64) -> bool {
        if self.value.is_nan() {
            return found.is_nan() == (self.operator == Operator::Equal);
        }
        self.operator.holds(found.partial_cmp(&self.value))
    }

    /// True if any value within `range`, or a blank, may satisfy it.
    fn can_hold(&self, [low, high]: [f64; 2], has_blanks: bool) -> bool {
        let at = |value: f64| self.operator.holds(value.partial_cmp(&self.value));
        let is_within = (low..=high).contains(&self.value);
        match self.operator {
            Operator::Equal => is_within,
            Operator::Unequal => has_blanks || low < high || at(low),
            _ => at(low) || at(high),
        }
    }
}

/// The condition `text` on the class of records, which is one of so many.
fn on_label(text: &str, place: usize, classes: usize) -> Result<OnGiven, Problem> {
    let at = format!("--where {}", excerpt(text));
    let example = format!("for example --where {LABEL}={}", classes - 1);
    let found = OPERATORS.iter().find_map(|(sign, operator)| {
        let (name, word) = text.split_once(sign)?;
        Some((name.trim(), *operator, word.trim()))
    });
    let Some((_, operator, word)) = found.filter(|(name, ..)| *name == LABEL) else {
        let text = format!("{at}: found another column than {LABEL}, the only one that is given");
        return Err(Problem::usage(text).hint(example));
    };
    let label = word.parse().ok().filter(|label: &usize| *label < classes);
    let Some(label) = label else {
        let labels: Vec<_> = (0..classes).map(|label| label.to_string()).collect();
        let text = format!(
            "{at}: found {word:?}, expected one of {}",
            labels.join(", ")
        );
        return Err(Problem::usage(text).hint(example));
    };
    let holds = (0..classes).map(|level| operator.holds(Some(level.cmp(&label))));
    Ok(OnGiven {
        text: text.to_owned(),
        place,
        holds: holds.collect(),
    })
}

/// The column, the operator and the value that `text` names: a name may have operators in it.
fn split<'a>(
    text: &'a str,
    columns: &[(&str, &Style)],
    table: &TableShape,
) -> Result<(usize, Operator, &'a str), Problem> {
    let mut first = None;
    for (at, _) in text.char_indices() {
        let rest = &text[at..];
        let starts = |(sign, _): &&(&str, Operator)| rest.starts_with(sign);
        let Some((sign, operator)) = OPERATORS.iter().find(starts) else {
            continue;
        };
        let name = text[..at].trim();
        if let Some(column) = columns.iter().position(|(known, _)| *known == name) {
            return Ok((column, *operator, &rest[sign.len()..]));
        }
        first = first.or(Some(name));
    }
    let names = || columns.iter().map(|(name, _)| *name);
    let at = format!("--where {}", excerpt(text));
    let Some(name) = first else {
        let text = format!("{at}: found no =, !=, <, <=, > or >=, expected a column and a value");
        let example = names().next().unwrap_or("age");
        return Err(Problem::usage(text).hint(format!("for example --where \"{example}=…\"")));
    };
    let expected = nearest_first(name, names());
    let is_written = table.columns.iter().any(|column| column.name == name);
    let found = match is_written {
        true => "a column that is not learnt",
        false => "no such column",
    };
    let near = nearest_word(name, names());
    let hint = near.map_or_else(
        || "name a column as the header of the data does".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Err(Problem::usage(format!(
        "{at}: {}: found {found}, expected one of {expected}",
        excerpt(name)
    ))
    .hint(hint))
}

/// What stands for a blank in the column of the `column`-th value, if it has blanks.
fn learnt_blank(table: &TableShape, column: usize) -> Option<&str> {
    let is_learnt = |column: &&gan_data::Column| matches!(column.role, gan_data::Role::Values(_));
    let column = table.columns.iter().filter(is_learnt).nth(column)?;
    column.blank.as_deref()
}

/// The smallest and the largest value that samples have in a column, where that is known.
fn range(record: &RecordInfo, column: usize) -> Option<[f64; 2]> {
    match &record.transform {
        Transform::Columns(encoding) => encoding.columns().get(column)?.range(),
        Transform::Standardize { limits, .. } => limits.get(column).copied(),
        _ => None,
    }
}

/// `known` words, those that are most like `word` first, as many as a message lists.
fn nearest_first<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let word = word.to_lowercase();
    let mut known: Vec<_> = known
        .map(|known| (strsim::jaro_winkler(&word, &known.to_lowercase()), known))
        .collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shown: Vec<_> = known
        .iter()
        .take(LISTED)
        .map(|(_, known)| excerpt(known))
        .collect();
    match known.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests;
