//! A histogram of each column of a mixed table.

use gan_data::{Style, TableShape};
use gan_pictures::{Drawing, Histogram, HistogramValues, Histograms};

/// Columns that are drawn, the first ones.
const MOST: usize = 48;

/// The columns of `table` in both of `tables`, the data and the samples, rows of one value for each
/// column that is learnt.
pub(super) fn histograms(title: &str, table: &TableShape, tables: [&[f32]; 2]) -> Drawing {
    let cols = table.learnt().count();
    let column = |rows: &[f32], at: usize| -> Vec<f64> {
        let values = rows.iter().skip(at).step_by(cols);
        values.map(|&value| value.into()).collect()
    };
    let learnt: Vec<_> = table.learnt().take(MOST).collect();
    let values: Vec<_> = (0..learnt.len())
        .map(|at| tables.map(|rows| column(rows, at)))
        .collect();
    let name = |(_, style): &(&str, &Style)| {
        let style = (*style).clone();
        matches!(style, Style::Time(_)).then_some(move |value| style.write(value))
    };
    let names: Vec<_> = learnt.iter().map(name).collect();
    let columns = learnt.iter().zip(&values).zip(&names);
    let columns = columns.map(|(((name, style), values), axis)| Histogram {
        name,
        values: match style.levels() {
            Some(levels) => HistogramValues::Levels(shares(levels, values)),
            None => HistogramValues::Numbers {
                values: [&values[0], &values[1]],
                name: axis.as_ref().map(|name| name as &dyn Fn(f64) -> String),
            },
        },
    });
    Histograms {
        title,
        names: ["data", "samples"],
        columns: columns.collect(),
    }
    .draw()
}

/// The share of each level, and of blanks if there are any, in both tables.
fn shares(levels: &[String], values: &[Vec<f64>; 2]) -> Vec<(String, [f64; 2])> {
    let share = |is: &dyn Fn(f64) -> bool| {
        values.each_ref().map(|values| {
            let count = values.iter().filter(|value| is(**value)).count();
            count as f64 / values.len().max(1) as f64
        })
    };
    let level = |(at, name): (usize, &String)| {
        let place = at as f64;
        (name.clone(), share(&|value| value == place))
    };
    let mut shares: Vec<_> = levels.iter().enumerate().map(level).collect();
    let blanks = share(&f64::is_nan);
    if blanks != [0.0; 2] {
        shares.push(("(blank)".to_owned(), blanks));
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_values_and_blanks_are_a_level() {
        let levels = ["a", "b"].map(str::to_owned);
        let nan = f64::NAN;
        let found = shares(&levels, &[vec![0.0, 1.0, 1.0, nan], vec![0.0, 0.0]]);
        let expected = [
            ("a", [0.25, 1.0]),
            ("b", [0.5, 0.0]),
            ("(blank)", [0.25, 0.0]),
        ];
        assert_eq!(
            found,
            expected.map(|(name, shares)| (name.to_owned(), shares))
        );
        assert_eq!(shares(&levels, &[vec![0.0], vec![1.0]]).len(), 2);
    }
}
