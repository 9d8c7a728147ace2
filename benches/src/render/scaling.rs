//! The curves: a table, a sentence and a picture of each.

use gan_pictures::{BLUE, Color, Curves, GREEN, ORANGE, Panel, Scale, Stroke};

use super::section::capital;
use super::table::{Table, in_units, spread};
use crate::results::{Curve, Device, LimitKind, Point};

/// Time may grow by this power of FLOP or bytes and still count as no faster.
const EXPONENT: f64 = 1.05;
/// Where neither grows, time may grow by this factor.
const FACTOR: f64 = 1.1;
/// FLOP or bytes that grow by less do not grow.
const GROWS: f64 = 1.05;

/// Sentence and table.
pub(super) fn part(curve: &Curve) -> String {
    let points = curve.points.iter();
    let table = Table::new(
        &format!(
            "{}: | ms: | spread: | GFLOP: | GB: | GFLOP/s: | GB/s:",
            curve.variable
        ),
        points.map(|Point { at, row }| {
            [
                at.to_string(),
                in_units(row.seconds(), 1e-3),
                spread(row.spread),
                in_units(Some(row.flop), 1e9),
                in_units(Some(row.bytes), 1e9),
                in_units(row.rate(), 1e9),
                in_units(row.bandwidth(), 1e9),
            ]
        }),
    );
    let (variable, verdict) = (capital(&curve.variable), verdict(curve));
    format!("\n{variable}, {}: {verdict}.\n\n{table}", curve.fixed)
}

/// Whether time grows no faster than what there is to do, for people.
pub(super) fn verdict(curve: &Curve) -> String {
    let points: Vec<[f64; 3]> = curve
        .points
        .iter()
        .filter_map(|point| Some([point.row.seconds()?, point.row.flop, point.row.bytes]))
        .collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return "not measured".into();
    };
    if points.len() < 2 {
        return "one point alone was measured".into();
    }
    if curve.variable == "threads" {
        let times = first[0] / last[0];
        let threads = curve.points.last().map_or(0.0, |point| point.at);
        return format!("{times:.2} times as fast with {threads} as with one");
    }
    let slope = |axis: usize| {
        let logs = points.iter().map(|point| [point[axis].ln(), point[0].ln()]);
        let grows = last[axis] / first[axis] > GROWS;
        grows.then(|| fitted_slope(&logs.collect::<Vec<_>>()))
    };
    let power = |slope: Option<f64>, of| slope.map(|slope| format!("{of}^{slope:.2}"));
    match (slope(1), slope(2)) {
        (None, None) => {
            let times = last[0] / first[0];
            let word = if times <= FACTOR {
                "the same work takes the same time"
            } else {
                "**time grows and the work does not**"
            };
            format!("{word} (× {times:.2} from the first point to the last)")
        }
        (Some(flop), _) if flop <= EXPONENT => {
            format!("time grows as FLOP^{flop:.2}, no faster than FLOP")
        }
        (flop, bytes) => {
            let is_faster = bytes.is_none_or(|bytes| bytes > EXPONENT);
            let powers = [power(flop, "FLOP"), power(bytes, "bytes")];
            let powers: Vec<_> = powers.into_iter().flatten().collect();
            let verdict = if is_faster {
                "**faster than the work**"
            } else {
                "no faster than bytes"
            };
            format!("time grows as {}, {verdict}", powers.join(" and as "))
        }
    }
}

/// Slope of the line of least squares.
pub(super) fn fitted_slope(points: &[[f64; 2]]) -> f64 {
    let count = points.len() as f64;
    let [x, y] = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / count);
    let (mut xy, mut xx) = (0.0, 0.0);
    for point in points {
        xy += (point[0] - x) * (point[1] - y);
        xx += (point[0] - x).powi(2);
    }
    xy / xx
}

/// Time, beside what FLOP and bytes alone would take at the device's limits.
pub(super) fn chart(curve: &Curve, device: Device<'_>) -> String {
    let points = |of: &dyn Fn(usize) -> Option<f64>| -> Vec<[f64; 2]> {
        let points = curve.points.iter().enumerate();
        points
            .filter_map(|(index, point)| Some([point.at, 1e3 * of(index)?]))
            .collect()
    };
    let row = |index: usize| &curve.points[index].row;
    let limit = |kind, index: usize| device.limit(kind, row(index).threads, &row(index).precision);
    let bound = |name, color: Color, of| gan_pictures::Curve {
        name,
        stroke: Stroke::new(color, 2.0).dashed(5.0, 4.0),
        dots: false,
        points: points(of),
    };
    let measured = gan_pictures::Curve {
        name: "measured",
        stroke: Stroke::new(ORANGE, 2.0),
        dots: true,
        points: points(&|index| row(index).seconds()),
    };
    let product = |index| Some(row(index).flop / limit(LimitKind::Product, index)?);
    let copy = |index| Some(row(index).bytes / limit(LimitKind::Copy, index)?);
    let mut curves = vec![
        measured,
        bound("FLOP at the best product", BLUE, &product),
        bound("bytes at the rate of a copy", GREEN, &copy),
    ];
    curves.retain(|curve| !curve.points.is_empty());
    let panel = Panel {
        title: "ms per iteration",
        note: "",
        curves,
        reference: None,
        range: None,
        scale: Scale::Logarithmic,
    };
    let curves = Curves {
        title: &curve.fixed,
        x_name: &curve.variable,
        x_scale: Scale::Logarithmic,
        panels: vec![panel],
        events: vec![],
    };
    curves.draw().to_svg()
}
