//! Operations beside the products of other libraries.

use super::table::{NOTHING, Table, left, number, right, spread};
use crate::products::{Outcome, ProductRow};

/// A row per operation and precision, two columns for each other library.
pub(super) fn table(rows: &[&ProductRow]) -> Table {
    let mut libraries: Vec<&str> = Vec::new();
    for other in rows.iter().flat_map(|row| &row.others) {
        if !libraries.contains(&other.library.as_str()) {
            libraries.push(&other.library);
        }
    }
    let mut columns = vec![
        left("operation"),
        right("m × n × k"),
        left("factors"),
        left("precision"),
        right("ours, µs"),
        right("spread"),
    ];
    for library in &libraries {
        columns.push(right(format!("{library}, µs")));
        columns.push(right(format!("{library} / ours")));
    }
    columns.push(left("how, or why there is no number"));
    let mut table = Table::new(columns);
    for row in rows {
        table.row(cells(row, &libraries));
    }
    table
}

fn cells(row: &ProductRow, libraries: &[&str]) -> Vec<String> {
    let product = &row.product;
    let mut cells = vec![
        row.name.clone(),
        format!("{} × {} × {}", product.m, product.n, product.k),
        product.factors.name().into(),
        row.precision.clone(),
        micros(row.seconds),
        spread(row.spread),
    ];
    let mut remarks = Vec::new();
    for library in libraries {
        let other = row.others.iter().find(|other| other.library == *library);
        match other.map(|other| &other.outcome) {
            None => cells.extend([NOTHING.into(), NOTHING.into()]),
            Some(Outcome::Skipped(why)) => {
                cells.extend([NOTHING.into(), NOTHING.into()]);
                remarks.push(format!("{library}: {why}"));
            }
            Some(Outcome::Measured {
                seconds,
                ratio,
                how,
            }) => {
                cells.extend([micros(Some(*seconds)), number(Some(*ratio))]);
                remarks.push(format!("{library}: {how}"));
            }
        }
    }
    // What libraries say of themselves is not markdown.
    cells.push(remarks.join("; ").replace('|', "/"));
    cells
}

fn micros(seconds: Option<f64>) -> String {
    number(seconds.map(|seconds| 1e6 * seconds))
}
