//! The curves of a run as a small SVG file.

use std::fmt::Write;

use serde::Deserialize;

use super::{label, ticks};

/// One line of `metrics.jsonl`, as far as the curves show it; null is what was not a number.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Reading {
    step: f64,
    value: Option<f64>,
    d_data: Option<f64>,
    d_samples: Option<f64>,
    false_negatives: Option<f64>,
    false_positives: Option<f64>,
    discriminator_objective: Option<f64>,
    generator_objective: Option<f64>,
}

/// All readings of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Vec<Reading>);

impl History {
    /// Adds a line of `metrics.jsonl`; one of another form is left out.
    pub(crate) fn push(&mut self, line: &serde_json::Value) {
        self.0
            .extend(serde_json::from_value::<Reading>(line.clone()));
    }

    /// At most `most` readings, each the mean of some consecutive ones.
    fn thinned(&self, most: usize) -> Vec<Reading> {
        let group = self.0.len().div_ceil(most).max(1);
        self.0.chunks(group).map(mean).collect()
    }
}

fn mean(group: &[Reading]) -> Reading {
    let of = |part: fn(&Reading) -> Option<f64>| {
        let values: Vec<f64> = group
            .iter()
            .filter_map(part)
            .filter(|v| v.is_finite())
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    Reading {
        step: group.last().map_or(0.0, |reading| reading.step),
        value: of(|r| r.value),
        d_data: of(|r| r.d_data),
        d_samples: of(|r| r.d_samples),
        false_negatives: of(|r| r.false_negatives),
        false_positives: of(|r| r.false_positives),
        discriminator_objective: of(|r| r.discriminator_objective),
        generator_objective: of(|r| r.generator_objective),
    }
}

type Part = fn(&Reading) -> Option<f64>;

/// One of the pictures that stand above each other.
struct Panel {
    title: &'static str,
    series: &'static [(&'static str, &'static str, Part)],
    /// A dashed line at what the theory has for p_g = p_data, and its name.
    mark: Option<(f64, &'static str)>,
    /// The ends of the axis, if they are not the data's.
    range: Option<(f64, f64)>,
}

const BLUE: &str = "#2a6fbb";
const ORANGE: &str = "#d65414";
const MARK: &str = "#808080";

const PANELS: [Panel; 4] = [
    Panel {
        title: "value V(D, G), nats",
        series: &[("V", BLUE, |r| r.value)],
        mark: Some((-2.0 * std::f64::consts::LN_2, "\u{2212}log 4")),
        range: None,
    },
    Panel {
        title: "objectives (each player minimises its own)",
        series: &[
            ("discriminator", BLUE, |r| r.discriminator_objective),
            ("generator", ORANGE, |r| r.generator_objective),
        ],
        mark: None,
        range: None,
    },
    Panel {
        title: "what D thinks",
        series: &[
            ("D(x)", BLUE, |r| r.d_data),
            ("D(G(z))", ORANGE, |r| r.d_samples),
        ],
        mark: Some((0.5, "1/2")),
        range: Some((0.0, 1.0)),
    },
    Panel {
        title: "D's errors",
        series: &[
            ("data taken for samples", BLUE, |r| r.false_negatives),
            ("samples taken for data", ORANGE, |r| r.false_positives),
        ],
        mark: Some((0.5, "1/2")),
        range: Some((0.0, 1.0)),
    },
];

const WIDTH: f64 = 860.0;
const PANEL: f64 = 200.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 836.0;
const ABOVE: f64 = 34.0;
const BELOW: f64 = 14.0;
const FOOT: f64 = 34.0;
/// More points than this would not be seen.
const POINTS: usize = 600;

/// The curves of `history` as SVG.
pub(crate) fn curves(history: &History, title: &str) -> String {
    let readings = history.thinned(POINTS);
    let last = readings.last().map_or(1.0, |reading| reading.step).max(1.0);
    let head = 30.0;
    let height = head + PANEL * PANELS.len() as f64 + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\" \
         fill=\"#333\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    text(
        &mut svg,
        LEFT,
        20.0,
        "start",
        "#111",
        &format!("<tspan font-size=\"14\">{title}</tspan>"),
    );
    for (index, part) in PANELS.iter().enumerate() {
        let top = head + PANEL * index as f64;
        panel(&mut svg, part, &readings, last, top);
    }
    let foot = head + PANEL * PANELS.len() as f64;
    for tick in ticks(0.0, last, 8) {
        text(
            &mut svg,
            across(tick, last),
            foot + 4.0,
            "middle",
            "#333",
            &label(tick),
        );
    }
    let middle = (LEFT + RIGHT) / 2.0;
    text(
        &mut svg,
        middle,
        foot + 22.0,
        "middle",
        "#333",
        "iterations",
    );
    svg.push_str("</svg>\n");
    svg
}

fn across(step: f64, last: f64) -> f64 {
    LEFT + step / last * (RIGHT - LEFT)
}

fn panel(svg: &mut String, panel: &Panel, readings: &[Reading], last: f64, top: f64) {
    let (low, high) = panel.range.unwrap_or_else(|| extent(panel, readings));
    let (from, to) = (top + PANEL - BELOW, top + ABOVE);
    let up = |value: f64| from - (value - low) / (high - low) * (from - to);
    text(svg, LEFT, top + 22.0, "start", "#111", panel.title);
    for tick in ticks(low, high, 4) {
        line(svg, [LEFT, up(tick), RIGHT, up(tick)], "#e4e4e4", "");
        text(svg, LEFT - 8.0, up(tick) + 4.0, "end", "#333", &label(tick));
    }
    for tick in ticks(0.0, last, 8) {
        let x = across(tick, last);
        line(svg, [x, from, x, to], "#f0f0f0", "");
    }
    let mut right = RIGHT;
    if let Some((value, name)) = panel.mark {
        line(
            svg,
            [LEFT, up(value), RIGHT, up(value)],
            MARK,
            " stroke-dasharray=\"5 4\"",
        );
        right = legend(svg, right, top, name, MARK, " stroke-dasharray=\"5 4\"");
    }
    for &(name, color, _) in panel.series.iter().rev() {
        right = legend(svg, right, top, name, color, "");
    }
    for &(_, color, part) in panel.series {
        let mut points = String::new();
        for reading in readings {
            if let Some(value) = part(reading).filter(|value| value.is_finite()) {
                let y = up(value.clamp(low, high));
                // Writing to a string cannot fail.
                let _ = write!(points, "{:.1},{y:.1} ", across(reading.step, last));
            }
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.4\"/>",
            points.trim_end()
        );
    }
    line(svg, [LEFT, from, RIGHT, from], "#999", "");
}

/// The ends of an axis that shows the series and the mark; a wild start is cut off.
fn extent(panel: &Panel, readings: &[Reading]) -> (f64, f64) {
    let mut values: Vec<f64> = readings
        .iter()
        .flat_map(|reading| panel.series.iter().filter_map(|(.., part)| part(reading)))
        .filter(|value| value.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (values.len().saturating_sub(1) as f64 * share) as usize;
        values.get(index).copied()
    };
    let mark = panel.mark.map(|(value, _)| value);
    let ends = [at(0.01), at(0.99), mark];
    let low = ends.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let high = ends
        .iter()
        .flatten()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return (0.0, 1.0);
    }
    let margin = (0.08 * (high - low)).max(0.05);
    (low - margin, high + margin)
}

/// An entry of a panel's legend that ends at `right`; returns where the next one ends.
fn legend(svg: &mut String, right: f64, top: f64, name: &str, color: &str, dash: &str) -> f64 {
    /// Of the letters of a sans-serif font at 12 pixels, about.
    const LETTER: f64 = 6.4;
    let left = right - LETTER * name.chars().count() as f64;
    text(svg, left, top + 22.0, "start", "#333", name);
    line(
        svg,
        [left - 26.0, top + 18.0, left - 6.0, top + 18.0],
        color,
        dash,
    );
    left - 42.0
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, color: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\">{text}</text>"
    );
}

fn line(svg: &mut String, [x1, y1, x2, y2]: [f64; 4], color: &str, dash: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{color}\"{dash}/>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_survive_readings_that_are_no_numbers() {
        let mut history = History::default();
        assert!(curves(&history, "empty").ends_with("</svg>\n"));
        for step in 1..2000 {
            let value = (step % 7 > 0).then_some(-1.4 + 0.001 * f64::from(step));
            history.push(&serde_json::json!({ "step": step, "value": value, "d_data": null }));
        }
        let svg = curves(&history, "a < b & c");
        assert!(
            svg.contains("a &lt; b &amp; c") && !svg.contains("NaN"),
            "{svg}"
        );
        assert!(svg.len() < 60_000, "{}", svg.len());
    }
}
