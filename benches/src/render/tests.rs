//! The document of the results that are kept, and of some that are made up.

use std::path::Path;

use super::scaling::{fitted_slope, verdict};
use super::*;
use crate::results::{Comparison, Curve, Limit, LimitKind, Machine, Point, Purpose, Row};

fn row(name: &str, precision: &str, seconds: f64) -> Row {
    Row {
        name: name.into(),
        precision: precision.into(),
        count: 1,
        seconds: Some(seconds),
        spread: Some(0.01),
        ..Row::default()
    }
}

fn results() -> Results {
    let machine = Machine {
        device: "Abacus".into(),
        ..Machine::default()
    };
    Results::new(Purpose::Report, machine)
}

fn section_of(results: &Results) -> String {
    let files = std::slice::from_ref(results);
    section::section(Device { files }, &mut Vec::new())
}

#[test]
fn document_that_is_kept_is_of_the_results_that_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = Results::read_all(&root.join("benches/results")).unwrap();
    let document = document(&files);
    let kept = fs::read_to_string(root.join("docs/benchmarks.md")).unwrap();
    assert!(
        kept == document.markdown,
        "docs/benchmarks.md is not of benches/results; hint: cargo xtask bench --render"
    );
    let place = document.markdown.lines().find(|line| line.starts_with('{'));
    assert_eq!(place, None, "a place of the template that nothing fills");
    for (name, svg) in document.images {
        assert_eq!(document.markdown.matches(name.as_str()).count(), 1);
        let kept = fs::read_to_string(root.join("docs/images").join(&name)).unwrap();
        assert!(kept == svg, "{name} is not of benches/results");
    }
}

#[test]
fn section_shows_what_was_not_measured_and_why() {
    let mut report = results();
    report.rows = vec![
        row("op/gather_rows/3x5", "f32", f64::NAN),
        row("op/linear_fwd/3x5x7/relu", "f32", 2.0),
    ];
    let reason = "no | Python".into();
    report.limits = vec![Limit::new(
        LimitKind::Product,
        "cuBLAS",
        None,
        "tf32",
        Err(reason),
    )];
    let variant = "linear_fwd/3x5x7/relu";
    report.products = vec![Comparison::skipped("cubek", variant, 1, "f32", "it panics")];
    let section = section_of(&report);
    for line in [
        "| gather_rows/3x5 | f32 | 1 | – | ±1.0 % | – |",
        "| linear_fwd/3x5x7/relu | f32 | 1 | 2000000 | ±1.0 % | 100.0 % |",
        "| product by cuBLAS, GFLOP/s | tf32 | no / Python |",
        "| cubek | linear_fwd/3x5x7/relu | 1 | f32 | it panics |",
    ] {
        assert!(section.contains(line), "{line:?} is not in {section}");
    }
}

#[test]
fn section_adds_up_the_operations_of_each_precision_alone() {
    let mut report = results();
    let operation = |precision, seconds| row("op/linear_fwd/3x5x7/relu", precision, seconds);
    report.rows = vec![operation("f32", 3e-3), operation("bf16", 2e-3)];
    let section = section_of(&report);
    for (precision, total) in [("f32", "3000"), ("bf16", "2000")] {
        let heading = format!("\nWhole device, {precision}:\n");
        let (_, table) = section.split_once(&heading).unwrap();
        let (_, last) = table.split_once("| all operations").unwrap();
        let last = last.lines().next().unwrap();
        assert!(last.contains(&format!("| {total} |")), "{last}");
    }
}

#[test]
fn section_has_the_floor_of_an_iteration_on_a_gpu() {
    use crate::results::Fact;
    let mut report = results();
    report.rows = vec![row("launch/empty/replayed", "f32", 1e-6)];
    report.facts = vec![
        Fact::new("mnist/launches", 20.0, "launches"),
        Fact::new("mnist/products", 4e9, "FLOP"),
        Fact::new("mnist/traffic", 1e8, "bytes"),
    ];
    let limit = |kind, rate| Limit::new(kind, "ours", None, "f32", Ok(rate));
    report.limits = vec![
        limit(LimitKind::Product, 4e13),
        limit(LimitKind::Copy, 2e12),
    ];
    // 20 launches, and 100 µs of products, which take longer than 50 µs of traffic.
    let floor = "| mnist/floor in f32 | 1.2e-4 | s |";
    assert!(
        section_of(&report).contains(floor),
        "{}",
        section_of(&report)
    );
}

fn curve(variable: &str, points: &[(f64, f64)]) -> Curve {
    let points = points.iter().map(|&(flop, seconds)| Point {
        at: flop,
        row: Row {
            flop,
            bytes: 1.0,
            ..row("train_step", "f32", seconds)
        },
    });
    Curve {
        variable: variable.into(),
        fixed: "the rest".into(),
        points: points.collect(),
    }
}

#[test]
fn verdict_on_a_curve_compares_time_with_work() {
    let said = |variable, points: &[_]| verdict(&curve(variable, points));
    let linear = [(1.0, 3.0), (10.0, 30.0), (100.0, 300.0)];
    assert_eq!(
        said("width", &linear),
        "time grows as FLOP^1.00, no faster than FLOP"
    );
    let square = [(1.0, 1.0), (10.0, 100.0)];
    assert_eq!(
        said("width", &square),
        "time grows as FLOP^2.00, **faster than the work**"
    );
    let constant = said("records", &[(1.0, 2.0), (1.0, 2.1)]);
    assert!(constant.starts_with("the same work takes the same time"));
    let slower = said("records", &[(1.0, 2.0), (1.0, 3.0)]);
    assert!(slower.starts_with("**time grows"));
    assert_eq!(said("width", &[]), "not measured");
}

#[test]
fn fitted_slope_of_a_line_is_its_slope() {
    assert!((fitted_slope(&[[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]]) - 2.0).abs() < 1e-12);
}
