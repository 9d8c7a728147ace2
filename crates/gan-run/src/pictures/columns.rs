//! A mixed table's columns: as an evaluation takes them, and as a histogram each.

use gan_data::{Style, TableShape};
use gan_eval::table::{Column, Kind, Table};
use gan_pictures::{Drawing, Histogram, HistogramValues, Histograms};

/// Columns that are drawn at most.
const MOST: usize = 60;

/// The columns of a table as an evaluation takes them: a date is a number.
pub(crate) fn columns_of(table: &TableShape) -> Vec<Column> {
    let column = |(name, style): (&str, &Style)| Column {
        name: name.to_owned(),
        kind: match style.levels() {
            Some(levels) => Kind::Category {
                levels: levels.to_vec(),
            },
            None => Kind::Number {
                decimals: style.decimals(),
            },
        },
    };
    table.learnt().map(column).collect()
}

/// Histograms of the columns of a table of this shape in both of `tables`, which `names` are of; of
/// many columns the first ones.
///
/// # Panics
/// If one has no rows.
#[must_use]
pub fn histograms(
    title: &str,
    names: [&str; 2],
    shape: &TableShape,
    tables: [&Table<'_>; 2],
) -> Drawing {
    let styles: Vec<&Style> = shape.learnt().map(|(_, style)| style).collect();
    let axis: Vec<_> = styles
        .iter()
        .map(|&style| move |value: f64| style.write(value))
        .collect();
    let columns = tables[0].columns().iter().enumerate().take(MOST);
    let histogram = |(at, column): (usize, &'_ Column)| {
        let values = tables.map(|table| table.column(at));
        let values = match &column.kind {
            Kind::Category { levels } => HistogramValues::Levels(shares(levels, values)),
            Kind::Number { .. } => HistogramValues::Numbers {
                values,
                name: matches!(styles[at], Style::Time(_))
                    .then_some(&axis[at] as &dyn Fn(f64) -> String),
            },
        };
        (at, values)
    };
    let values: Vec<_> = columns.map(histogram).collect();
    let columns = values.into_iter().map(|(at, values)| Histogram {
        name: &tables[0].columns()[at].name,
        values,
    });
    Histograms {
        title,
        names,
        columns: columns.collect(),
    }
    .draw()
}

/// The share of each level, and of blanks if there are any.
fn shares(levels: &[String], values: [&[f64]; 2]) -> Vec<(String, [f64; 2])> {
    let counts = values.map(|values| {
        let mut counts = vec![0_usize; levels.len() + 1];
        for value in values {
            let level = if value.is_nan() {
                levels.len()
            } else {
                *value as usize
            };
            counts[level.min(levels.len())] += 1;
        }
        counts
    });
    let share = |at: usize| [0, 1].map(|side| counts[side][at] as f64 / values[side].len() as f64);
    let names = levels.iter().cloned().chain(["(blank)".to_owned()]);
    let shares = names.enumerate().map(|(at, name)| (name, share(at)));
    let all: Vec<_> = shares.collect();
    match all.last() {
        Some((_, [0.0, 0.0])) => all[..levels.len()].to_vec(),
        _ => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_blanks_where_there_are_any() {
        let levels = ["no", "yes"].map(String::from);
        let found = shares(&levels, [&[0.0, 0.0, 1.0, f64::NAN], &[1.0, 1.0]]);
        let expected = [
            ("no", [0.5, 0.0]),
            ("yes", [0.25, 1.0]),
            ("(blank)", [0.25, 0.0]),
        ];
        let expected = expected.map(|(name, shares)| (name.to_owned(), shares));
        assert_eq!(found, expected);
        assert_eq!(shares(&levels, [&[0.0], &[1.0]]).len(), 2);
    }
}
