//! Numbers among those that they should be compared with: a bar each, with its error.

use super::drawing::{Anchor, Color, Drawing, Stroke, text_width};
use super::{label, ticks};

/// One number.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// What stands before it.
    pub(crate) name: String,
    /// Its length.
    pub(crate) value: f64,
    /// Half the length of the whisker at its end.
    pub(crate) error: f64,
    /// What stands behind it.
    pub(crate) text: String,
    /// Its colour.
    pub(crate) kind: BarKind,
}

/// Whose number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarKind {
    /// The one that the chart is about.
    Model,
    /// One measured the same way, to compare with.
    Control,
    /// One from a publication.
    Published,
}

impl BarKind {
    fn color(self) -> Color {
        match self {
            Self::Model => [214, 84, 20],
            Self::Control => [42, 111, 187],
            Self::Published => [150, 150, 150],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Model => "samples",
            Self::Control => "controls",
            Self::Published => "published",
        }
    }
}

const INK: Color = [40, 40, 40];
const FAINT: Color = [225, 225, 225];
const ROW: f64 = 26.0;
const THICKNESS: f64 = 14.0;
const SIZE: f64 = 12.0;
/// From the middle of a line of text down to its base line.
const BASE: f64 = 4.0;
const TOP: f64 = 58.0;
const FOOT: f64 = 34.0;
const PLOT: f64 = 460.0;
const GAP: f64 = 10.0;

/// The chart of `bars`, from top to bottom.
pub(crate) fn chart(bars: &[Bar], title: &str) -> Drawing {
    let longest = |of: fn(&Bar) -> &str| {
        let widths = bars.iter().map(|bar| text_width(of(bar), SIZE));
        widths.fold(0.0, f64::max)
    };
    let left = longest(|bar| &bar.name) + 2.0 * GAP;
    let right = left + PLOT + longest(|bar| &bar.text) + 2.0 * GAP;
    let width = right.max(text_width(title, SIZE) + 2.0 * GAP);
    let bottom = TOP + ROW * bars.len() as f64;

    let (low, high) = extent(bars);
    let across = |value: f64| left + (value - low) / (high - low) * PLOT;
    let mut chart = Drawing::new(width.ceil(), (bottom + FOOT).ceil());
    chart.text([GAP, 16.0 + BASE], Anchor::Start, SIZE, INK, title);
    legend(&mut chart, bars, left);
    for tick in ticks(low, high, 6) {
        let x = across(tick);
        chart.line(vec![[x, TOP], [x, bottom]], Stroke::new(FAINT, 1.0));
        let below = [x, bottom + 14.0 + BASE];
        chart.text(below, Anchor::Middle, SIZE, INK, &label(tick));
    }
    for (index, bar) in bars.iter().enumerate() {
        let middle = TOP + ROW * (index as f64 + 0.5);
        draw_bar(&mut chart, bar, middle, left, &across);
    }
    let axis = vec![[across(0.0), TOP], [across(0.0), bottom]];
    chart.line(axis, Stroke::new(INK, 1.0));
    chart
}

/// A bar with its name, its number and its error; what is no number has no bar.
fn draw_bar(chart: &mut Drawing, bar: &Bar, middle: f64, left: f64, across: &dyn Fn(f64) -> f64) {
    let line = middle + BASE;
    chart.text([left - GAP, line], Anchor::End, SIZE, INK, &bar.name);
    let mut end = across(0.0);
    if bar.value.is_finite() {
        let (from, to) = (across(0.0), across(bar.value));
        let corner = [from.min(to), middle - 0.5 * THICKNESS];
        chart.fill(corner, [(to - from).abs(), THICKNESS], bar.kind.color());
        if bar.error > 0.0 && bar.error.is_finite() {
            let ink = Stroke::new(INK, 1.0);
            let [a, b] = [-1.0, 1.0].map(|sign| across(bar.value + sign * bar.error));
            chart.line(vec![[a, middle], [b, middle]], ink);
            for x in [a, b] {
                chart.line(vec![[x, middle - 4.0], [x, middle + 4.0]], ink);
            }
            end = end.max(b);
        }
        end = end.max(to);
    }
    chart.text([end + 6.0, line], Anchor::Start, SIZE, INK, &bar.text);
}

/// A square and a word for each kind that there is.
fn legend(chart: &mut Drawing, bars: &[Bar], left: f64) {
    let mut x = left;
    for kind in [BarKind::Model, BarKind::Control, BarKind::Published] {
        if !bars.iter().any(|bar| bar.kind == kind) {
            continue;
        }
        let (y, name) = (38.0, kind.name());
        chart.fill([x, y - 5.0], [10.0, 10.0], kind.color());
        chart.text([x + 15.0, y + BASE], Anchor::Start, SIZE, INK, name);
        x += 15.0 + text_width(name, SIZE) + 2.0 * GAP;
    }
}

/// The ends of the axis: all numbers with their errors, and 0.
fn extent(bars: &[Bar]) -> (f64, f64) {
    let ends = bars
        .iter()
        .flat_map(|bar| [bar.value - bar.error, bar.value + bar.error])
        .filter(|end| end.is_finite());
    let (low, high) = ends.fold((0.0f64, 0.0f64), |(low, high), end| {
        (low.min(end), high.max(end))
    });
    if low == high { (0.0, 1.0) } else { (low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: f64, kind: BarKind) -> Bar {
        Bar {
            name: "a < b".into(),
            value,
            error: 2.0,
            text: format!("{value} ± 2"),
            kind,
        }
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let bars = [bar(200.0, BarKind::Model), bar(-100.0, BarKind::Control)];
        let pixels = chart(&bars, "a & b").to_pixels(1.0);
        let of = |kind: BarKind| {
            let color = kind.color();
            let middle = pixels.rgb.chunks_exact(3 * pixels.width);
            // Below the legend's square of the same colour.
            let rows = middle.skip(TOP as usize);
            let count = |row: &[u8]| row.chunks_exact(3).filter(|rgb| **rgb == color).count();
            rows.map(count).max().unwrap_or(0) as f64
        };
        let share = of(BarKind::Model) / of(BarKind::Control);
        assert!((share - 2.0).abs() < 0.05, "{share}");
        let svg = chart(&bars, "a & b").to_svg().unwrap();
        assert!(
            svg.contains("a &amp; b") && svg.contains("a &lt; b"),
            "{svg}"
        );
    }

    #[test]
    fn charts_survive_what_is_no_number() {
        for bars in [
            vec![],
            vec![bar(f64::NAN, BarKind::Model)],
            vec![bar(0.0, BarKind::Model)],
        ] {
            let chart = chart(&bars, "t");
            let svg = chart.to_svg().unwrap();
            assert!(svg.ends_with("</svg>\n"));
            // Only in the text that says so.
            assert!(!svg.replace("NaN ± 2", "").contains("NaN"), "{svg}");
            assert!(chart.to_pixels(1.0).to_png().is_ok());
        }
    }
}
