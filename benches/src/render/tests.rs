//! Made-up files and what becomes of them.

use std::path::Path;

use super::scaling::{fitted_slope, verdict};
use super::*;
use crate::bars::Verdict;
use crate::peers::{Outcome, PeerRow};
use crate::results::{Curve, Fact, Limit, LimitKind, Machine, Point, Purpose, Row};

fn row(name: &str, threads: usize, seconds: f64) -> Row {
    Row {
        name: name.into(),
        threads: Some(threads),
        precision: "f32".into(),
        count: 1,
        seconds: Some(seconds),
        spread: Some(0.01),
        ..Row::default()
    }
}

fn machine() -> Machine {
    Machine {
        device: "Abacus, 2 processors".into(),
        backend: "cpu, beads".into(),
        threads: 2,
        load: [Some(0.25), None],
        rustc: "rustc 1.95.0".into(),
        commit: "0123abc".into(),
        date: "2026-11-25".into(),
        ..Machine::default()
    }
}

/// Two operations, one of which was not measured, and an iteration of 100 and of 50 ms.
fn report() -> Results {
    let mut report = Results::new(Purpose::Report, machine());
    report.limits = [1, 2]
        .map(|threads| Limit {
            kind: LimitKind::Product,
            name: "a & b".into(),
            threads: Some(threads),
            precision: "f32".into(),
            rate: Some(50e9 * threads as f64),
            skipped: None,
        })
        .into();
    let iteration = |threads, seconds| Row {
        flop: 4e9,
        ..row("train_step/mnist", threads, seconds)
    };
    report.rows = vec![
        iteration(1, 0.1),
        iteration(2, 0.05),
        Row {
            flop: 1e9,
            unfused: Some(1.5),
            count: 2,
            ..row("op/linear_fwd/3x5x7/relu", 1, 0.04)
        },
        Row {
            seconds: Some(f64::NAN),
            spread: None,
            ..row("op/gather_rows/3x5", 1, 0.0)
        },
    ];
    report
}

fn peers(ratios: &[(usize, f64)]) -> Results {
    let mut peers = Results::new(Purpose::Peers, machine());
    let rows = ratios.iter().map(|&(threads, ratio)| PeerRow {
        name: "Rival".into(),
        variant: "eager".into(),
        versions: [("rival".into(), "1.0".into())].into(),
        threads,
        precision: "f32".into(),
        outcome: Outcome::Measured {
            ours_ms: 100.0,
            ours_spread: 0.01,
            theirs_ms: 100.0 * ratio,
            theirs_spread: 0.02,
            ratio,
            loss_gap: 0.0,
        },
    });
    peers.peers = rows.collect();
    peers
}

#[test]
fn section_of_a_report_is_its_tables() {
    let mut images = Vec::new();
    let section = device::section("Abacus, 2 processors", &[&report()], &mut images);
    let expected = "\
cpu, beads; rustc 1.95.0.

- Operations, iterations and tasks: 2026-11-25, commit 0123abc, load average 0.25 at the beginning \
and – at the end.

### Limits

| limit | precision | 1 thread | 2 threads |
| --- | --- | ---: | ---: |
| product by a & b, GFLOP/s | f32 | 50.0 | 100 |

### Iterations

| game | threads | precision | ms | spread | iterations/s | GFLOP | GFLOP/s | of limit |
| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| mnist | 1 | f32 | 100 | ±1.0 % | 10.0 | 4.00 | 40.0 | 80 % |
| mnist | 2 | f32 | 50.0 | ±1.0 % | 20.0 | 4.00 | 80.0 | 80 % |

### Operations of an iteration

![share of the limit that each operation reaches](images/bench-abacus-2-processors-operations.svg)

1 thread:

| operation | precision | × | µs | spread | share | GFLOP/s | of limit | unfused / fused |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| linear_fwd/3x5x7/relu | f32 | 2 | 40000 | ±1.0 % | 100.0 % | 25.0 | 50 % | 1.50 |
| gather_rows/3x5 | f32 | 1 | – | – | – | – | – | – |
| all operations of an iteration |  | 3 | 80000 |  |  |  |  |  |
";
    assert_eq!(section, expected);
    assert_eq!(images.len(), 1);
}

#[test]
fn section_adds_up_the_operations_of_each_precision_alone() {
    let mut report = Results::new(Purpose::Report, machine());
    let operation = |precision: &str, seconds| Row {
        threads: None,
        precision: precision.into(),
        ..row("op/linear_fwd/3x5x7/relu", 0, seconds)
    };
    report.rows = vec![operation("f32", 3e-3), operation("bf16", 2e-3)];
    let section = device::section("Abacus", &[&report], &mut Vec::new());
    for (precision, total) in [("f32", "3000"), ("bf16", "2000")] {
        let heading = format!("\nWhole device, {precision}:\n");
        let (_, table) = section.split_once(&heading).unwrap();
        let (_, last) = table.split_once("| all operations").unwrap();
        let last = last.lines().next().unwrap();
        assert!(last.contains(&format!("| {total} |")), "{last}");
    }
}

#[test]
fn section_says_that_the_machine_was_busy() {
    let mut report = report();
    let section = |report: &Results| device::section("Abacus", &[report], &mut Vec::new());
    assert!(!section(&report).contains("busy"));
    report.machine.load[0] = Some(3.0);
    assert!(section(&report).contains("**the machine was busy"));
}

#[test]
fn results_survive_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = report().write(folder.path()).unwrap();
    assert!(path.ends_with("abacus-2-processors-report.json"));
    let read = Results::read_all(folder.path()).unwrap();
    let mut expected = report();
    // JSON has no NaN.
    expected.rows[3].seconds = None;
    assert_eq!(read, [expected]);
}

#[test]
fn bars_of_made_up_numbers_are_right() {
    let (report, peers) = (report(), peers(&[(1, 1.5), (1, 1.2), (2, 1.4)]));
    let bars = bars(&[&report, &peers]);
    let verdict = |words: &str| {
        let bar = bars.iter().find(|bar| bar.name.contains(words));
        bar.map(|bar| (bar.verdict(), bar.found_text())).unwrap()
    };
    let (found, text) = verdict("one thread: time of the best peer");
    assert!(matches!(found, Verdict::Missed(by) if (by - 0.04).abs() < 1e-9));
    assert_eq!(text, "**not reached**: 1.20 ×, off by 4.0 %");
    assert_eq!(verdict("two threads: time of the best").0, Verdict::Reached);
    assert_eq!(
        verdict("one thread: share").1,
        "**not reached**: 80.0 %, off by 5.9 %"
    );
    assert_eq!(verdict("two threads as fast").1, "reached: 2.00");
    assert_eq!(verdict("bf16").1, "not measured");
    assert_eq!(verdict("against f64").0, Verdict::NotMeasured);
}

#[test]
fn bars_of_a_gpu_relate_to_the_best_product_that_anybody_measured() {
    let mut report = Results::new(Purpose::Report, machine());
    let limit = |name: &str, rate: Option<f64>| Limit {
        kind: LimitKind::Product,
        name: name.into(),
        threads: None,
        precision: "bf16".into(),
        rate,
        skipped: None,
    };
    report.limits = vec![
        limit("this library", Some(2e12)),
        limit("cubek", Some(5e12)),
        limit("cuBLAS", None),
    ];
    report.rows = vec![Row {
        threads: None,
        precision: "bf16".into(),
        flop: 4e12,
        ..row("train_step/large", 0, 1.0)
    }];
    let bars = bars(&[&report]);
    let large = bars.iter().find(|bar| bar.name.starts_with("large game"));
    assert_eq!(large.unwrap().found, Some(0.8));
}

#[test]
fn bars_of_the_parzen_window_take_the_worst() {
    let mut report = Results::new(Purpose::Report, machine());
    let name = |sigmas: usize| format!("parzen/9x9x9/{sigmas} sigmas");
    for (threads, ten) in [(1, 1.4), (2, 1.6)] {
        report.rows.push(row(&name(1), threads, 1.0));
        report.rows.push(row(&name(10), threads, ten));
    }
    report.facts.push(Fact {
        name: "parzen/error of a point".into(),
        value: Some(f64::NAN),
        unit: "nats".into(),
    });
    let bars = bars(&[&report]);
    let found = |words: &str| {
        let bar = bars.iter().find(|bar| bar.name.contains(words)).unwrap();
        bar.found_text()
    };
    assert_eq!(found("ten σ"), "**not reached**: 1.60 ×, off by 6.7 %");
    assert_eq!(found("against f64"), "not measured");
}

#[test]
fn document_names_each_of_its_images_once() {
    let mut scaling = Results::new(Purpose::Scaling, machine());
    scaling
        .curves
        .push(curve("hidden width", &[(1.0, 1.0), (2.0, 2.0)]));
    let document = document(&[report(), peers(&[(1, 1.5), (2, 1.5)]), scaling]);
    assert_eq!(document.images.len(), 4);
    for (name, svg) in &document.images {
        let count = document.markdown.matches(name.as_str()).count();
        assert_eq!(count, 1, "{name}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
    assert!(!document.markdown.contains('{'), "a part is not filled in");
    assert!(
        document
            .markdown
            .contains("| target | wanted | Abacus, 2 processors |")
    );
}

fn curve(variable: &str, points: &[(f64, f64)]) -> Curve {
    let points = points.iter().map(|&(flop, seconds)| Point {
        at: flop,
        row: Row {
            flop,
            bytes: 1.0,
            ..row("train_step", 1, seconds)
        },
    });
    Curve {
        variable: variable.into(),
        fixed: "the rest".into(),
        points: points.collect(),
    }
}

#[test]
fn curves_are_judged_by_what_they_grow_with() {
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
    for (name, svg) in document.images {
        let kept = fs::read_to_string(root.join("docs/images").join(&name)).unwrap();
        assert!(kept == svg, "{name} is not of benches/results");
    }
}

#[test]
fn section_has_a_table_of_products_that_names_what_is_skipped() {
    use crate::products::{Factors, OtherProduct, Outcome, Product, ProductRow};
    let other = |library: &str, outcome| OtherProduct {
        library: library.into(),
        outcome,
    };
    let mut report = Results::new(Purpose::Report, machine());
    report.products = vec![ProductRow {
        name: "linear_bwd_params/3x5x7/Momentum".into(),
        product: Product {
            m: 7,
            n: 5,
            k: 3,
            factors: Factors::Tn,
        },
        precision: "tf32".into(),
        seconds: Some(2e-6),
        spread: Some(0.01),
        others: vec![
            other(
                "cubek",
                Outcome::Measured {
                    seconds: 3e-6,
                    ratio: 1.5,
                    how: "simple, replayed".into(),
                },
            ),
            other("cuBLAS", Outcome::Skipped("no Python".into())),
        ],
    }];
    report.limits = vec![Limit {
        kind: LimitKind::Product,
        name: "cuBLAS".into(),
        threads: None,
        precision: "tf32".into(),
        rate: None,
        skipped: Some("no Python".into()),
    }];
    let section = device::section("Abacus", &[&report], &mut Vec::new());
    let products = "\
### Operations beside the products of other libraries

| operation | m × n × k | factors | precision | ours, µs | spread | cubek, µs | cubek / ours | how, or why there is no number |
| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | --- |
| linear_bwd_params/3x5x7/Momentum | 7 × 5 × 3 | tn | tf32 | 2.00 | ±1.0 % | 3.00 | 1.50 | cubek: simple, replayed; cuBLAS: no Python |
";
    assert!(section.contains(products), "{section}");
    let limit = "| product by cuBLAS, GFLOP/s | tf32 | no Python |";
    assert!(section.contains(limit), "{section}");
}
