//! The first record of a table: names of its columns, or data.

use std::borrow::Cow;
use std::collections::HashSet;

use super::cell::{self, MARKS};
use super::column;
use super::column::{Kind, Scan};
use super::text::Text;
use crate::error::DataProblem;

/// Records behind the first that are looked at.
const LOOKED_AT: usize = 1000;

/// The most columns of a table; a file with more is none.
const MOST_COLUMNS: usize = 100_000;
/// Fewer records tell nothing about a header of numbers.
const FEWEST: usize = 3;

/// What stands where in a table.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    /// The names of the columns, empty where the header has none; none without a header.
    pub(super) names: Option<Vec<String>>,
    /// Records before the data: the header, if it is none of the comments.
    pub(super) skip: usize,
    /// Number of columns.
    pub(super) cols: usize,
    /// The columns that are called otherwise than in the header.
    pub(super) renamed: Vec<String>,
}

/// The layout of `text`; `asked` is the user's word on whether there is a header.
///
/// # Errors
/// If there are no records, more columns than a table has, or names of other columns than there are.
pub(super) fn layout(text: &Text<'_>, asked: Option<bool>) -> Result<Layout, DataProblem> {
    let mut counts = text.records(None).map(|(line, cells)| (line, cells.len()));
    let Some((line, found)) = counts.next() else {
        return Err(DataProblem::NoRecords);
    };
    let counts = counts.take(LOOKED_AT).map(|(_, count)| count);
    let cols = most_frequent(counts).unwrap_or(found);
    if cols > MOST_COLUMNS {
        return Err(DataProblem::TooManyColumns {
            found: cols,
            expected: MOST_COLUMNS,
        });
    }
    // Those that begin with `#` are known only now.
    let mut records = text.records(Some(cols)).map(|(_, cells)| cells);
    let first = records.next().unwrap_or_default();
    let below: Vec<_> = records.take(LOOKED_AT).collect();
    let mut scans: Vec<_> = (0..cols).map(|_| Scan::default()).collect();
    for cells in &below {
        for (scan, cell) in scans.iter_mut().zip(cells) {
            scan.take(0, cell);
        }
    }
    let kinds: Vec<_> = scans.iter().map(Scan::kind).collect();
    let (first, fits) = over(first, &kinds);
    let is_header = asked.unwrap_or_else(|| match below.is_empty() {
        true => !first.iter().any(|cell| is_number(cell)),
        false => is_header(&first, &kinds, &below),
    });
    if is_header {
        if !fits {
            return Err(DataProblem::Names {
                line,
                found,
                expected: cols,
            });
        }
        let names = column::names(&first);
        return Ok(Layout {
            renamed: renamed(&first, &names, &kinds),
            names: Some(names),
            skip: 1,
            cols,
        });
    }
    let comment = text.comment.map(|comment| text.cells(comment));
    let comment = comment.filter(|cells| {
        asked != Some(false) && cells.len() == cols && !cells.iter().any(|cell| is_number(cell))
    });
    Ok(Layout {
        names: comment.map(|cells| column::names(&cells)),
        skip: 0,
        cols,
        renamed: Vec::new(),
    })
}

/// The columns that share their name with one before, or have none and are no index.
fn renamed(first: &[Cow<'_, str>], names: &[String], kinds: &[Kind]) -> Vec<String> {
    let columns = names.iter().zip(first).zip(kinds).enumerate();
    let renamed = columns.filter_map(|(index, ((name, cell), kind))| match kind {
        Kind::Empty | Kind::Index(_) if name.is_empty() => None,
        _ if name.is_empty() => Some(format!("{0} (column {0})", index + 1)),
        _ if name != cell::unguarded(cell) => Some(format!("{name} (column {})", index + 1)),
        _ => None,
    });
    renamed.collect()
}

/// The first record's cells over the columns of the others, and whether they can be their names: R
/// leaves out the name of the row names, spreadsheets write commas behind the last column.
fn over<'a>(mut first: Vec<Cow<'a, str>>, kinds: &[Kind]) -> (Vec<Cow<'a, str>>, bool) {
    let cols = kinds.len();
    if first.len() + 1 == cols && kinds.last() != Some(&Kind::Empty) {
        first.insert(0, Cow::Borrowed(""));
    }
    let is_named = |cell: &Cow<'_, str>| !cell.is_empty();
    let fits = match first.get(cols..) {
        Some(more) => !more.iter().any(is_named),
        None => kinds[first.len()..].iter().all(|kind| *kind == Kind::Empty),
    };
    first.resize(cols, Cow::Borrowed(""));
    (first, fits)
}

fn most_frequent(counts: impl Iterator<Item = usize>) -> Option<usize> {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_unstable();
    let runs = counts.chunk_by(|a, b| a == b);
    runs.max_by_key(|run| run.len()).map(|run| run[0])
}

fn is_number(cell: &str) -> bool {
    MARKS
        .iter()
        .any(|marks| cell::number(cell, *marks).is_some())
}

/// True if the cells of the first record are names, as the columns below them tell.
fn is_header(first: &[Cow<'_, str>], kinds: &[Kind], below: &[Vec<Cow<'_, str>>]) -> bool {
    let of_columns = || first.iter().zip(kinds);
    let holds_numbers = |kind: &Kind| match kind {
        Kind::Values(_) | Kind::Index(_) | Kind::Strays(_) => true,
        Kind::Constant(text, _) => is_number(text),
        Kind::Empty | Kind::Text(_) => false,
    };
    // A word over numbers, dates or truths.
    let is_name = |cell: &str, kind: &Kind| {
        let fits = match kind {
            Kind::Values(style) => column::Values::new(style.clone()).read(cell).is_some(),
            _ => is_number(cell),
        };
        !cell::is_missing(cell) && !fits
    };
    if of_columns().any(|(cell, kind)| holds_numbers(kind) && is_name(cell, kind)) {
        return true;
    }
    if first.iter().all(|cell| cell.is_empty() || is_number(cell)) {
        return below.len() >= FEWEST
            && counts(first)
            && !below.first().is_some_and(|cells| counts(cells))
            && differ(first, below);
    }
    // Words alone: none of them is a value of its column. Names may be missing or equal, and then the
    // values of a column have to repeat themselves for a word that is none of them to tell anything.
    let texts = of_columns().all(|(_, kind)| !holds_numbers(kind));
    let mut known = HashSet::new();
    let unique = first.iter().all(|cell| known.insert(cell));
    let named = |index: &usize| unique || !first[*index].is_empty();
    let column = |index: usize| below.iter().filter_map(move |cells| cells.get(index));
    let is_value = |index: usize| column(index).any(|cell| *cell == first[index]);
    let repeats = |index: usize| {
        let different: HashSet<_> = column(index).collect();
        2 * different.len() <= below.len()
    };
    let mut indices = (0..first.len()).filter(named);
    texts && !indices.clone().any(is_value) && (unique || indices.any(repeats))
}

/// True of numbers that count the columns, as pandas writes them, and of years in a row.
fn counts(cells: &[Cow<'_, str>]) -> bool {
    // The name of an index may be missing.
    let cells = match cells.split_first() {
        Some((first, rest)) if first.is_empty() => rest,
        _ => cells,
    };
    let numbers: Option<Vec<u32>> = cells.iter().map(|cell| cell.parse().ok()).collect();
    let begins = |first: u32| first == 0 || (1500..=2200).contains(&first);
    numbers.is_some_and(|numbers| {
        numbers.len() > 1
            && begins(numbers[0])
            && numbers.windows(2).all(|two| two[1] == two[0] + 1)
    })
}

/// True if most of the columns hold only numbers that are written otherwise than the first record's
/// or are all larger or all smaller.
fn differ(first: &[Cow<'_, str>], below: &[Vec<Cow<'_, str>>]) -> bool {
    let differs = |(index, cell): &(usize, &Cow<'_, str>)| {
        let column = || {
            below
                .iter()
                .filter_map(|cells| Some(cells.get(*index)?.as_ref()))
        };
        let number = |cell: &str| cell.parse::<f64>().ok();
        let Some(own) = number(cell) else {
            return true;
        };
        let order = |cell: &str| number(cell).map(|number| number.total_cmp(&own));
        let mut orders = column().map(order);
        let first_order = orders.next().flatten();
        column().all(|cell| cell.contains('.'))
            || (first_order.is_some_and(|order| order.is_ne())
                && orders.all(|order| order == first_order))
    };
    2 * first.iter().enumerate().filter(differs).count() > first.len()
}
