//! Parts of a measurement that were made one by one, each by a process that a limit may end.

use crate::results::Results;

/// `older` with everything of `newer` in place of what it had of the same name and precision.
///
/// Where and when are the newer's.
#[must_use]
pub fn join(older: Results, newer: Results) -> Results {
    Results {
        limits: keyed(older.limits, newer.limits, |it| {
            (it.kind as u8, it.name.clone(), it.precision.clone())
        }),
        rows: keyed(older.rows, newer.rows, |it| {
            (it.name.clone(), it.precision.clone())
        }),
        facts: keyed(older.facts, newer.facts, |it| it.name.clone()),
        peers: keyed(older.peers, newer.peers, |it| {
            (it.name.clone(), it.variant.clone(), it.precision.clone())
        }),
        products: keyed(older.products, newer.products, |it| {
            (it.name.clone(), it.precision.clone())
        }),
        curves: keyed(older.curves, newer.curves, |it| {
            (it.variable.clone(), it.fixed.clone())
        }),
        ..newer
    }
}

fn keyed<T, K: PartialEq>(older: Vec<T>, newer: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let taken: Vec<K> = newer.iter().map(&key).collect();
    let mut all = older;
    all.retain(|it| !taken.contains(&key(it)));
    all.extend(newer);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::{Product, ProductRow};
    use crate::results::{Machine, Purpose, Row};

    fn of(rows: &[(&str, &str, f64)]) -> Results {
        let row = |&(name, precision, seconds): &(&str, &str, f64)| Row {
            name: name.into(),
            precision: precision.into(),
            seconds: Some(seconds),
            ..Row::default()
        };
        let mut results = Results::new(Purpose::Report, Machine::default());
        results.rows = rows.iter().map(row).collect();
        results
    }

    #[test]
    fn products_of_each_precision_are_kept() {
        let of = |precision: &str, seconds| {
            let mut results = Results::new(Purpose::Report, Machine::default());
            results.products = vec![ProductRow {
                name: "a".into(),
                product: Product::square(3),
                precision: precision.into(),
                seconds: Some(seconds),
                spread: None,
                others: Vec::new(),
            }];
            results
        };
        let joined = join(join(of("f32", 1.0), of("tf32", 2.0)), of("f32", 3.0));
        let found = joined.products.iter();
        let found: Vec<_> = found
            .map(|row| (row.precision.as_str(), row.seconds))
            .collect();
        assert_eq!(found, [("tf32", Some(2.0)), ("f32", Some(3.0))]);
    }

    #[test]
    fn newer_rows_stand_in_place_of_older_ones_of_their_name_and_precision() {
        let older = of(&[("a", "f32", 1.0), ("b", "f32", 2.0), ("a", "tf32", 3.0)]);
        let joined = join(older, of(&[("a", "f32", 4.0), ("c", "f32", 5.0)]));
        let expected = of(&[
            ("b", "f32", 2.0),
            ("a", "tf32", 3.0),
            ("a", "f32", 4.0),
            ("c", "f32", 5.0),
        ]);
        assert_eq!(joined, expected);
    }
}
