//! The curves of a run as a small SVG file.

use std::fmt::Write;

use super::{label, ticks};
use crate::reading::{History, Reading};

type Part = fn(&Reading) -> Option<f64>;

/// One of the pictures that stand above each other.
struct Panel {
    title: &'static str,
    series: &'static [(&'static str, &'static str, Part)],
    /// A dashed line at what the theory has for p_g = p_data, and its name.
    mark: Option<(f64, &'static str)>,
    /// The ends of the axis, if they are not the data's.
    range: Option<(f64, f64)>,
    scale: Scale,
}

/// How values are laid out along an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
}

impl Scale {
    /// Where `value` stands, in units of the axis; a logarithmic one shows what is above 0 alone.
    fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
        };
        place.is_finite().then_some(place)
    }

    /// Places of ticks with their names.
    fn ticks(self, low: f64, high: f64) -> Vec<(f64, String)> {
        if self == Self::Linear {
            let named = |tick| (tick, label(tick));
            return ticks(low, high, 4).into_iter().map(named).collect();
        }
        let decades = |tick: f64, factor: f64| {
            let value = factor * 10f64.powf(tick);
            let small = !(1e-3..1e4).contains(&value);
            let name = if small {
                format!("{value:.0e}")
            } else {
                label(value)
            };
            (tick + factor.log10(), name)
        };
        if high - low > 2.0 {
            let whole = ticks(low, high, 4).into_iter();
            let whole = whole.filter(|tick| tick.fract() == 0.0);
            return whole.map(|tick| decades(tick, 1.0)).collect();
        }
        (low.floor() as i32..=high.floor() as i32)
            .flat_map(|tick| [1.0, 2.0, 5.0].map(|factor| decades(tick.into(), factor)))
            .filter(|(place, _)| (low..=high).contains(place))
            .collect()
    }
}

/// A step at which something was found, and what, for a vertical line.
pub(crate) struct Mark {
    pub(crate) step: u64,
    pub(crate) name: &'static str,
}

const BLUE: &str = "#2a6fbb";
const ORANGE: &str = "#d65414";
const GREEN: &str = "#3a8f4d";
const RED: &str = "#c0283c";
const MARK: &str = "#808080";

/// All panels; one without a value is left out.
const PANELS: [Panel; 7] = [
    Panel {
        title: "value V(D, G), nats",
        series: &[("V", BLUE, |r| r.value)],
        mark: Some((-2.0 * std::f64::consts::LN_2, "\u{2212}log 4")),
        range: None,
        scale: Scale::Linear,
    },
    Panel {
        title: "objectives (each player minimises its own)",
        series: &[
            ("discriminator", BLUE, |r| r.discriminator_objective),
            ("generator", ORANGE, |r| r.generator_objective),
        ],
        mark: None,
        range: None,
        scale: Scale::Linear,
    },
    Panel {
        title: "what D thinks",
        series: &[
            ("D(x)", BLUE, |r| r.d_data),
            ("D(G(z))", ORANGE, |r| r.d_samples),
            ("saturation", GREEN, |r| r.saturation),
        ],
        mark: Some((0.5, "1/2")),
        range: Some((0.0, 1.0)),
        scale: Scale::Linear,
    },
    Panel {
        title: "D's errors",
        series: &[
            ("data taken for samples", BLUE, |r| r.false_negatives),
            ("samples taken for data", ORANGE, |r| r.false_positives),
        ],
        mark: Some((0.5, "1/2")),
        range: Some((0.0, 1.0)),
        scale: Scale::Linear,
    },
    Panel {
        title: "gradient norms",
        series: &[
            ("discriminator", BLUE, |r| r.discriminator_gradient),
            ("generator", ORANGE, |r| r.generator_gradient),
        ],
        mark: None,
        range: None,
        scale: Scale::Logarithmic,
    },
    Panel {
        title: "distances of samples / of records",
        series: &[
            ("all (diversity)", BLUE, |r| r.diversity),
            ("nearest", ORANGE, |r| r.nearest),
        ],
        mark: Some((1.0, "as data")),
        // Far below 1 is collapse; how far above it the first samples lie would hide that.
        range: Some((0.0, 2.0)),
        scale: Scale::Linear,
    },
    Panel {
        title: "modes",
        series: &[
            ("of the data", BLUE, |r| r.modes),
            ("found", ORANGE, |r| r.modes_found),
        ],
        mark: None,
        range: None,
        scale: Scale::Linear,
    },
];

const WIDTH: f64 = 860.0;
const PANEL: f64 = 200.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 836.0;
const ABOVE: f64 = 34.0;
const BELOW: f64 = 14.0;
const FOOT: f64 = 34.0;
const HEAD: f64 = 30.0;
/// Height of a row of names of findings; these rows take turns, so that names do not run into each
/// other.
const NAMES: f64 = 15.0;
const ROWS: usize = 3;
/// More points than this would not be seen.
const POINTS: usize = 600;

/// The curves of `history` as SVG, with a vertical line at each of `marks`.
pub(crate) fn curves(history: &History, marks: &[Mark], title: &str) -> String {
    let readings = history.thinned(POINTS);
    let last = readings.last().map_or(1.0, |reading| reading.step as f64);
    let last = last.max(1.0);
    let panels: Vec<&Panel> = PANELS
        .iter()
        .filter(|panel| !places(panel, &readings).is_empty())
        .collect();
    let head = HEAD + NAMES * marks.len().min(ROWS) as f64;
    let foot = head + PANEL * panels.len() as f64;
    let height = foot + FOOT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\" \
         fill=\"#333\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let title = format!("<tspan font-size=\"14\">{title}</tspan>");
    text(&mut svg, LEFT, 20.0, "start", "#111", &title);
    for (index, part) in panels.into_iter().enumerate() {
        let top = head + PANEL * index as f64;
        panel(&mut svg, part, &readings, last, top);
    }
    for (index, mark) in marks.iter().enumerate() {
        let y = HEAD + NAMES * (index % ROWS) as f64 + 8.0;
        found(
            &mut svg,
            mark,
            across(mark.step as f64, last),
            y,
            head..foot,
        );
    }
    for tick in ticks(0.0, last, 8) {
        let (x, y) = (across(tick, last), foot + 4.0);
        text(&mut svg, x, y, "middle", "#333", &label(tick));
    }
    let (middle, y) = ((LEFT + RIGHT) / 2.0, foot + 22.0);
    text(&mut svg, middle, y, "middle", "#333", "iterations");
    svg.push_str("</svg>\n");
    svg
}

/// The line of a finding through the panels, which stand at `panels`, and its name above them, on
/// the side that has room.
fn found(svg: &mut String, mark: &Mark, x: f64, y: f64, panels: std::ops::Range<f64>) {
    const DASHES: &str = " stroke-dasharray=\"3 3\"";
    line(svg, [x, y - 10.0, x, panels.start], RED, DASHES);
    let count = ((panels.end - panels.start) / PANEL).round() as usize;
    for top in (0..count).map(|index| panels.start + PANEL * index as f64) {
        // Not through the titles.
        line(svg, [x, top + ABOVE, x, top + PANEL - BELOW], RED, DASHES);
    }
    let (anchor, x) = match x > (LEFT + RIGHT) / 2.0 {
        true => ("end", x - 5.0),
        false => ("start", x + 5.0),
    };
    text(svg, x, y, anchor, RED, mark.name);
}

fn across(step: f64, last: f64) -> f64 {
    LEFT + step / last * (RIGHT - LEFT)
}

fn panel(svg: &mut String, panel: &Panel, readings: &[Reading], last: f64, top: f64) {
    let (low, high) = panel.range.unwrap_or_else(|| extent(panel, readings));
    let (from, to) = (top + PANEL - BELOW, top + ABOVE);
    let up = |value: f64| from - (value - low) / (high - low) * (from - to);
    text(svg, LEFT, top + 22.0, "start", "#111", panel.title);
    for (tick, name) in panel.scale.ticks(low, high) {
        line(svg, [LEFT, up(tick), RIGHT, up(tick)], "#e4e4e4", "");
        text(svg, LEFT - 8.0, up(tick) + 4.0, "end", "#333", &name);
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
            if let Some(place) = part(reading).and_then(|value| panel.scale.place(value)) {
                let (x, y) = (
                    across(reading.step as f64, last),
                    up(place.clamp(low, high)),
                );
                // Writing to a string cannot fail.
                let _ = write!(points, "{x:.1},{y:.1} ");
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

/// Where all values of `panel` stand on its axis.
fn places(panel: &Panel, readings: &[Reading]) -> Vec<f64> {
    readings
        .iter()
        .flat_map(|reading| panel.series.iter().filter_map(|(.., part)| part(reading)))
        .filter_map(|value| panel.scale.place(value))
        .collect()
}

/// The ends of an axis that shows the series and the mark; a wild start is cut off.
fn extent(panel: &Panel, readings: &[Reading]) -> (f64, f64) {
    let mut values = places(panel, readings);
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

    fn history(lines: impl Iterator<Item = serde_json::Value>) -> History {
        let mut history = History::default();
        lines.for_each(|line| history.push(Reading::of(&line).unwrap()));
        history
    }

    #[test]
    fn curves_survive_readings_that_are_no_numbers() {
        assert!(curves(&History::default(), &[], "empty").ends_with("</svg>\n"));
        let history = history((1..2000).map(|step| {
            let value = (step % 7 > 0).then_some(-1.4 + 0.001 * f64::from(step));
            serde_json::json!({ "step": step, "value": value, "d_data": null })
        }));
        let svg = curves(&history, &[], "a < b & c");
        assert!(
            svg.contains("a &lt; b &amp; c") && !svg.contains("NaN"),
            "{svg}"
        );
        assert!(svg.len() < 60_000, "{}", svg.len());
        // No modes, no gradients: no panels for them.
        assert!(!svg.contains("modes") && !svg.contains("gradient"), "{svg}");
    }

    #[test]
    fn gradients_are_drawn_over_decades_and_findings_as_lines() {
        let history = history((1..=4).map(|step| {
            let norm = 10f64.powi(step - 3);
            serde_json::json!({
                "step": step, "discriminator_gradient": norm, "generator_gradient": 0.0,
            })
        }));
        let name = "D wins";
        let svg = curves(&history, &[Mark { step: 2, name }], "run");
        for part in [">0.01<", ">1<", "stroke-dasharray=\"3 3\"", ">D wins<"] {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
    }

    #[test]
    fn logarithmic_ticks_are_named_by_their_values() {
        let names = |low, high| -> Vec<String> {
            let ticks = Scale::Logarithmic.ticks(low, high);
            ticks.into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(names(-0.5, 0.8), ["0.5", "1", "2", "5"]);
        assert_eq!(names(-5.1, 1.2), ["1e-4", "0.01", "1"]);
    }
}
