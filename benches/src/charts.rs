//! Bars and lines as SVG, on white, so that they are read on a dark page as well.

use std::fmt::Write;

const INK: &str = "#282828";
const FAINT: &str = "#e1e1e1";
/// Of the first series, the second and so on.
const COLORS: [&str; 4] = ["#d65414", "#2a6fbb", "#5a9e4b", "#969696"];
const SIZE: f64 = 12.0;
/// Width of a letter, on average and generously.
const LETTER: f64 = 7.4;
const GAP: f64 = 12.0;
const PLOT: f64 = 420.0;
const BAR: f64 = 13.0;

/// Bars in groups, one bar per series in each.
pub struct Bars<'a> {
    /// Above the picture.
    pub title: &'a str,
    /// Names of the series; the legend is left out where there is one alone.
    pub series: Vec<String>,
    /// Names of the groups with a value per series.
    pub groups: Vec<(String, Vec<Option<f64>>)>,
    /// How a value is written behind its bar.
    pub text: fn(f64) -> String,
    /// A line across all bars.
    pub reference: Option<f64>,
}

impl Bars<'_> {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let longest = self.groups.iter().map(|(name, _)| length(name));
        let left = longest.fold(0.0, f64::max) + 2.0 * GAP;
        let (top, group) = (58.0, BAR * self.series.len() as f64 + 9.0);
        let bottom = top + group * self.groups.len() as f64;
        let values = self.groups.iter().flat_map(|(_, values)| values);
        let largest = finite(values).chain(self.reference).fold(0.0, f64::max);
        let scale = if largest > 0.0 { PLOT / largest } else { 0.0 };
        let legend = left + legend_length(&self.series);
        let width = (left + PLOT + 80.0).max(length(self.title) + 2.0 * GAP);
        let width = width.max(legend);
        let mut svg = Svg::new(width, bottom + GAP);
        svg.text([GAP, 20.0], "start", self.title);
        svg.legend(left, &self.series);
        for (index, (name, values)) in self.groups.iter().enumerate() {
            let y = top + group * index as f64;
            let middle = y + 0.5 * BAR * self.series.len() as f64;
            svg.text([left - 8.0, middle + 4.0], "end", name);
            for (series, &value) in values.iter().enumerate() {
                let y = y + BAR * series as f64;
                let known = value.filter(|value| value.is_finite() && *value >= 0.0);
                let size = [known.unwrap_or(0.0) * scale, BAR - 2.0];
                svg.rectangle([left, y], size, color(series));
                let text = known.map_or("–".into(), self.text);
                svg.text([left + size[0] + 5.0, y + BAR - 3.5], "start", &text);
            }
        }
        svg.line([[left, top - 4.0], [left, bottom]], INK, "");
        if let Some(reference) = self.reference {
            let x = left + reference * scale;
            svg.line([[x, top - 4.0], [x, bottom]], INK, "4 3");
        }
        svg.end()
    }
}

/// Lines over two logarithmic axes.
pub struct Lines<'a> {
    /// Above the picture.
    pub title: &'a str,
    /// Below the horizontal axis.
    pub across: &'a str,
    /// Name, points, and whether the line is what was measured: solid, with dots.
    pub series: Vec<(String, Vec<[f64; 2]>, Kind)>,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Solid, with dots.
    Measured,
    /// Dashed.
    Bound,
}

impl Lines<'_> {
    /// The picture; points that have no logarithm are left out.
    #[must_use]
    pub fn svg(&self) -> String {
        let (left, top, height) = (64.0, 58.0, 260.0);
        let points = || {
            let all = self.series.iter().flat_map(|(_, points, _)| points);
            all.filter(|point| has_logarithm(point))
        };
        let [x, y] = [0, 1].map(|axis| Axis::over(points().map(|point| point[axis])));
        let place = |point: &[f64; 2]| {
            let (x, y) = (x.share(point[0]), y.share(point[1]));
            [left + x * PLOT, top + (1.0 - y) * height]
        };
        let names: Vec<String> = self.series.iter().map(|(name, ..)| name.clone()).collect();
        let legend = left + legend_length(&names);
        let width = (left + PLOT + 2.0 * GAP).max(length(self.title) + 2.0 * GAP);
        let mut svg = Svg::new(width.max(legend), top + height + 46.0);
        svg.text([GAP, 20.0], "start", self.title);
        svg.legend(left, &names);
        for tick in x.ticks() {
            let [across, _] = place(&[tick, y.low]);
            svg.line([[across, top], [across, top + height]], FAINT, "");
            svg.text([across, top + height + 17.0], "middle", &label(tick));
        }
        for tick in y.ticks() {
            let [_, down] = place(&[x.low, tick]);
            svg.line([[left, down], [left + PLOT, down]], FAINT, "");
            svg.text([left - 8.0, down + 4.0], "end", &label(tick));
        }
        svg.text(
            [left + 0.5 * PLOT, top + height + 37.0],
            "middle",
            self.across,
        );
        for (index, (_, points, kind)) in self.series.iter().enumerate() {
            let points: Vec<_> = points
                .iter()
                .filter(|point| has_logarithm(point))
                .map(place)
                .collect();
            let dash = if *kind == Kind::Bound { "5 4" } else { "" };
            for pair in points.windows(2) {
                svg.line([pair[0], pair[1]], color(index), dash);
            }
            if *kind == Kind::Measured {
                points.iter().for_each(|&at| svg.dot(at, color(index)));
            }
        }
        svg.end()
    }
}

/// A logarithmic axis.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let start = (f64::INFINITY, 0.0_f64);
        let (low, high) = values.fold(start, |(low, high), it| (low.min(it), high.max(it)));
        if low > high {
            return Self {
                low: 1.0,
                high: 10.0,
            };
        }
        Self {
            low: low / 1.15,
            high: high * 1.15,
        }
    }

    fn share(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// 1, 2 and 5 times powers of ten; powers alone where those would be many.
    fn ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = if decades > 2.5 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let (first, last) = (self.low.log10().floor(), self.high.log10().ceil());
        (first as i32..=last as i32)
            .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
            .filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }
}

/// A picture in the making.
struct Svg(String);

impl Svg {
    fn new(width: f64, height: f64) -> Self {
        let (width, height) = (width.ceil(), height.ceil());
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"{SIZE}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        ))
    }

    fn push(&mut self, shape: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.0.write_fmt(shape);
    }

    fn text(&mut self, [x, y]: [f64; 2], anchor: &str, text: &str) {
        let text = escaped(text);
        self.push(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{INK}\">{text}</text>\n"
        ));
    }

    fn rectangle(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], color: &str) {
        self.push(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{color}\"/>\n"
        ));
    }

    fn line(&mut self, [[x, y], [to_x, to_y]]: [[f64; 2]; 2], color: &str, dash: &str) {
        let width = if color == INK || color == FAINT {
            1.0
        } else {
            2.0
        };
        self.push(format_args!(
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\" \
             stroke=\"{color}\" stroke-width=\"{width}\" stroke-dasharray=\"{dash}\"/>\n"
        ));
    }

    fn dot(&mut self, [x, y]: [f64; 2], color: &str) {
        self.push(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{color}\"/>\n"
        ));
    }

    /// A square and a name for each of several series.
    fn legend(&mut self, left: f64, names: &[String]) {
        if names.len() < 2 {
            return;
        }
        let mut x = left;
        for (index, name) in names.iter().enumerate() {
            self.rectangle([x, 33.0], [10.0, 10.0], color(index));
            self.text([x + 15.0, 42.0], "start", name);
            x += 15.0 + length(name) + 2.0 * GAP;
        }
    }

    fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// Width of a legend.
fn legend_length(names: &[String]) -> f64 {
    let each = |name: &String| 15.0 + length(name) + 2.0 * GAP;
    names.iter().map(each).sum()
}

fn color(series: usize) -> &'static str {
    COLORS[series % COLORS.len()]
}

fn length(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn finite<'a>(values: impl Iterator<Item = &'a Option<f64>>) -> impl Iterator<Item = f64> {
    values.flatten().copied().filter(|value| value.is_finite())
}

fn has_logarithm(point: &[f64; 2]) -> bool {
    point.iter().all(|value| value.is_finite() && *value > 0.0)
}

/// `1,000,000`, `20`, `0.5`.
fn label(value: f64) -> String {
    if value < 1.0 {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    let mut label = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            label.push(',');
        }
        label.push(digit);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: Vec<Option<f64>>) -> String {
        let groups = values
            .into_iter()
            .map(|value| ("a < b".into(), vec![value]));
        Bars {
            title: "a & b",
            series: vec!["one".into()],
            groups: groups.collect(),
            text: |value| format!("{value:.1}"),
            reference: Some(1.0),
        }
        .svg()
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let svg = bars(vec![Some(2.0), Some(0.5)]);
        assert!(svg.contains("width=\"420.0\""), "{svg}");
        assert!(svg.contains("width=\"105.0\""), "{svg}");
        assert!(svg.contains("a &amp; b") && svg.contains("a &lt; b"));
    }

    #[test]
    fn charts_survive_what_is_no_number() {
        for values in [vec![], vec![None], vec![Some(f64::NAN)], vec![Some(0.0)]] {
            let svg = bars(values);
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
        }
        let lines = |points| Lines {
            title: "t",
            across: "x",
            series: vec![("s".into(), points, Kind::Measured)],
        };
        for points in [vec![], vec![[1.0, f64::NAN]], vec![[0.0, 1.0], [1.0, 1.0]]] {
            let svg = lines(points).svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn labels_have_their_thousands_apart() {
        assert_eq!(label(0.05), "0.05");
        assert_eq!(label(200.0), "200");
        assert_eq!(label(1e6), "1,000,000");
    }
}
