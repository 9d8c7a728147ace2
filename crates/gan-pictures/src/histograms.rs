//! A histogram of each column of a table, of two tables in one: the shares of their values.

use crate::axis::{Axis, label};
use crate::drawing::{Anchor, Color, Drawing, FAINT, INK, ORANGE, Point, Stroke};
use crate::frame::{Frame, LABEL};
use crate::legend::{Swatch, legend};
use crate::text::{fitting, text_width};

/// A picture of the columns of two tables.
#[derive(Clone)]
pub struct Histograms<'a> {
    /// Written above the plots.
    pub title: &'a str,
    /// What the two tables are: the one that the other is compared with first.
    pub names: [&'a str; 2],
    /// The columns.
    pub columns: Vec<Histogram<'a>>,
}

/// The values of one column in both tables.
#[derive(Clone)]
pub struct Histogram<'a> {
    /// The column's name.
    pub name: &'a str,
    /// Its values.
    pub values: HistogramValues<'a>,
}

/// Values to count.
#[derive(Clone)]
pub enum HistogramValues<'a> {
    /// Numbers, counted in bins; NaN is a blank.
    Numbers {
        /// The values in each table.
        values: [&'a [f64]; 2],
        /// The name of a value on the axis, where it is not the number itself: of a date, say.
        name: Option<&'a dyn Fn(f64) -> String>,
    },
    /// Levels of a category with the share of each in each table.
    Levels(Vec<(String, [f64; 2])>),
}

const MARGIN: f64 = 16.0;
const HEAD: f64 = 58.0;
const PANEL: Point = [270.0, 178.0];
const GAP: Point = [26.0, 20.0];
const ACROSS: usize = 3;
const TITLE: f64 = 12.0;
/// Bins of the numbers of a column at most.
const BINS: usize = 30;
/// Levels that are drawn; all others are one.
const LEVELS: usize = 9;
/// Width of the names of levels.
const NAMES: f64 = 100.0;
/// Share of the values at each end that may be beyond the axis, where they would squeeze the others.
const TAILS: f64 = 0.005;

/// A light blue, on which an outline is seen.
const REAL: Color = [158, 190, 224];
const SAMPLES: Color = ORANGE;

impl Histograms<'_> {
    /// Draws the picture: the first table as bars, the second as a line or as bars beside them.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let count = self.columns.len().max(1);
        let (across, down) = (count.min(ACROSS), count.div_ceil(ACROSS));
        let extent = |panels: usize, side: usize| {
            panels as f64 * PANEL[side] + (panels - 1) as f64 * GAP[side]
        };
        // The title and the legend need room beside few columns too.
        let width = extent(across, 0).max(420.0);
        let mut drawing = Drawing::new(width + 2.0 * MARGIN, HEAD + extent(down, 1) + MARGIN);
        drawing.title([MARGIN, 22.0], width, self.title);
        let entries = [REAL, SAMPLES].map(Swatch::Square).into_iter();
        let entries: Vec<_> = entries.zip(self.names.map(str::to_owned)).collect();
        legend(&mut drawing, [MARGIN, 44.0], Anchor::Start, TITLE, &entries);
        for (index, column) in self.columns.iter().enumerate() {
            let place = [index % ACROSS, index / ACROSS];
            let corner = [0, 1]
                .map(|side| [MARGIN, HEAD][side] + place[side] as f64 * (PANEL[side] + GAP[side]));
            column.draw(&mut drawing, corner);
        }
        drawing
    }
}

impl Histogram<'_> {
    fn draw(&self, drawing: &mut Drawing, corner: Point) {
        let name = fitting(self.name, TITLE, PANEL[0]);
        drawing.text(
            [corner[0], corner[1] + 12.0],
            Anchor::Start,
            TITLE,
            INK,
            &name,
        );
        let corner = [corner[0], corner[1] + 20.0];
        match &self.values {
            HistogramValues::Numbers { values, name } => numbers(drawing, corner, *values, *name),
            HistogramValues::Levels(levels) => draw_levels(drawing, corner, levels),
        }
    }
}

/// Bars of the first table's bins, the outline of the second's, and the shares of blanks beside
/// them.
fn numbers(
    drawing: &mut Drawing,
    [left, top]: Point,
    values: [&[f64]; 2],
    name: Option<&dyn Fn(f64) -> String>,
) {
    const FOOT: f64 = 20.0;
    const BLANKS: f64 = 40.0;
    let known = |at: usize| values[at].iter().copied().filter(|x| x.is_finite());
    let blanks = [0, 1].map(|at| 1.0 - share(known(at).count(), values[at].len()));
    let has_blanks = blanks
        .iter()
        .zip(values)
        .any(|(share, all)| *share > 0.0 && !all.is_empty());
    let (edges, x) = bins(values);
    let bars = [0, 1].map(|at| counted(values[at], &edges));
    let [low, high] = x.ends();
    let highest = bars
        .iter()
        .flatten()
        .fold(0.0_f64, |high, &bar| high.max(bar));
    let room = if has_blanks { BLANKS } else { 0.0 };
    let size = [PANEL[0] - room, PANEL[1] - 20.0 - FOOT];
    let frame = Frame::new([left, top], size, x, Axis::linear(0.0, 1.05 * highest));
    let bar = |(index, bar): (usize, &f64)| {
        let [from, to] = [edges[index], edges[index + 1]].map(|edge| frame.across(edge));
        let top = frame.up(*bar);
        ([from, top], [to - from, frame.bottom() - top], REAL)
    };
    drawing.tiles(bars[0].iter().enumerate().map(bar));
    let mut outline = vec![[low, 0.0]];
    for (index, &bar) in bars[1].iter().enumerate() {
        outline.extend([[edges[index], bar], [edges[index + 1], bar]]);
    }
    outline.push([high, 0.0]);
    frame.curve(drawing, &outline, Stroke::new(SAMPLES, 1.6));
    let edge = [[left, frame.bottom()], [frame.right(), frame.bottom()]];
    drawing.line(&edge, Stroke::new(INK, 1.0));
    let word = |value: f64| name.map_or_else(|| label(value), |name| name(value));
    let foot = frame.bottom() + 14.0;
    // Names of dates are long: the ends alone have them.
    if name.is_some() {
        drawing.text([left, foot], Anchor::Start, LABEL, INK, &word(low));
        drawing.text([frame.right(), foot], Anchor::End, LABEL, INK, &word(high));
    } else {
        frame.x_labels(drawing, 5);
    }
    if has_blanks {
        // Their shares are of all values, as those of bins are, but have a scale of their own.
        let axis = Axis::linear(0.0, 1.0);
        let frame = Frame::new([frame.right() + 14.0, top], [24.0, size[1]], axis, axis);
        for (side, (color, share)) in [REAL, SAMPLES].into_iter().zip(blanks).enumerate() {
            let corner = [frame.left + 12.0 * side as f64, frame.up(share)];
            drawing.rectangle(corner, [11.0, frame.bottom() - corner[1]], color, 1.0);
        }
        frame.level(drawing, 1.0, Stroke::new(FAINT, 1.0));
        frame.level(drawing, 0.0, Stroke::new(INK, 1.0));
        let middle = [frame.left + 11.5, foot];
        drawing.text(middle, Anchor::Middle, LABEL, INK, "blank");
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Edges of bins for both tables and the axis between the first and the last.
///
/// Few distinct whole numbers get a bin each, so that no bin has two of them and another one.
fn bins(values: [&[f64]; 2]) -> (Vec<f64>, Axis) {
    let known = values
        .into_iter()
        .flatten()
        .copied()
        .filter(|x| x.is_finite());
    let shown = Axis::around(
        crate::axis::Scale::Linear,
        known.clone(),
        std::iter::empty(),
        TAILS,
        0.0,
    );
    let [low, high] = shown.ends();
    let whole = known.clone().all(|x| x.fract() == 0.0);
    let edges: Vec<f64> = if whole && high - low < 1e15 {
        let [low, high] = [low.ceil(), high.floor()];
        let width = ((high - low + 1.0) / BINS as f64).ceil().max(1.0);
        let bins = ((high - low + 1.0) / width).ceil().max(1.0) as usize;
        (0..=bins)
            .map(|bin| low - 0.5 + width * bin as f64)
            .collect()
    } else {
        let width = (high - low) / BINS as f64;
        (0..=BINS).map(|bin| low + width * bin as f64).collect()
    };
    let axis = Axis::linear(edges[0], edges[edges.len() - 1]);
    (edges, axis)
}

/// The share of `values` in each bin; what lies beyond the edges counts in the bin beside them.
fn counted(values: &[f64], edges: &[f64]) -> Vec<f64> {
    let bins = edges.len() - 1;
    let mut counts = vec![0_usize; bins];
    for value in values.iter().filter(|value| value.is_finite()) {
        let bin = edges[1..bins].partition_point(|edge| edge <= value);
        counts[bin] += 1;
    }
    counts
        .into_iter()
        .map(|count| share(count, values.len()))
        .collect()
}

/// Two bars for each level, the most frequent first.
fn draw_levels(drawing: &mut Drawing, [left, top]: Point, levels: &[(String, [f64; 2])]) {
    const BAR: f64 = 6.0;
    let levels = most_frequent(levels);
    let longest = levels.iter().flat_map(|(_, shares)| shares);
    let longest = longest
        .fold(0.0_f64, |longest, &share| longest.max(share))
        .max(1e-9);
    let widest = levels.iter().map(|(name, _)| text_width(name, LABEL));
    let names = widest.fold(0.0_f64, f64::max).min(NAMES) + 6.0;
    let room = PANEL[0] - names - 40.0;
    for (row, (name, shares)) in levels.iter().enumerate() {
        let y = top + 15.6 * row as f64;
        let at = [left + names - 6.0, y + 10.0];
        drawing.text(at, Anchor::End, LABEL, INK, &fitting(name, LABEL, NAMES));
        for (side, (color, share)) in [REAL, SAMPLES].into_iter().zip(shares).enumerate() {
            let corner = [left + names, y + BAR * side as f64];
            drawing.rectangle(corner, [room * share / longest, BAR], color, 1.0);
        }
        let end = left + names + room * shares[0].max(shares[1]) / longest + 5.0;
        let text = match 100.0 * shares[0] {
            percent if percent > 0.0 && percent < 1.0 => "<1 %".to_owned(),
            percent => format!("{percent:.0} %"),
        };
        drawing.text([end, y + 10.0], Anchor::Start, 9.0, INK, &text);
    }
}

/// The levels of the largest shares in the first table, and the sum of all others.
fn most_frequent(levels: &[(String, [f64; 2])]) -> Vec<(String, [f64; 2])> {
    let mut levels = levels.to_vec();
    levels.sort_by(|(_, a), (_, b)| b[0].total_cmp(&a[0]));
    if levels.len() > LEVELS {
        let others = levels.split_off(LEVELS - 1);
        let sum = |at: usize| others.iter().map(|(_, shares)| shares[at]).sum();
        levels.push((format!("{} others", others.len()), [sum(0), sum(1)]));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(values: HistogramValues<'_>) -> String {
        let column = Histogram {
            name: "a < b",
            values,
        };
        let histograms = Histograms {
            title: "people, step 7",
            names: ["training rows", "samples"],
            columns: vec![column; 4],
        };
        #[cfg(feature = "png")]
        assert!(histograms.draw().to_png(1.0).is_ok());
        histograms.draw().to_svg()
    }

    fn numbers_of<'a>(real: &'a [f64], samples: &'a [f64]) -> HistogramValues<'a> {
        HistogramValues::Numbers {
            values: [real, samples],
            name: None,
        }
    }

    #[test]
    fn few_whole_numbers_have_a_bin_each_and_others_bins_of_equal_width() {
        let values = [1.0, 2.0, 2.0, 5.0, f64::NAN];
        let (edges, _) = bins([&values, &[3.0]]);
        assert_eq!(edges, [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]);
        assert_eq!(counted(&values, &edges), [0.2, 0.4, 0.0, 0.0, 0.2]);
        let (edges, _) = bins([&[0.0, 0.5, 2.0], &[3.0]]);
        assert_eq!((edges.len(), edges[0], edges[30]), (31, 0.0, 3.0));
        let (edges, _) = bins([&[0.0, 299.0], &[299.0]]);
        assert_eq!((edges.len(), edges[1] - edges[0]), (31, 10.0));
        // What an axis leaves out counts at its end.
        assert_eq!(
            counted(&[-9.0, 9.0, 1.5], &[1.0, 2.0, 3.0]),
            [2.0 / 3.0, 1.0 / 3.0]
        );
    }

    #[test]
    fn panels_survive_what_is_no_number_and_show_blanks() {
        for values in [
            &[] as &[f64],
            &[f64::NAN],
            &[f64::INFINITY, 1.0],
            &[3.0],
            &[1e300, -1e300],
        ] {
            let svg = picture(numbers_of(values, &[1.0, 2.0]));
            assert!(
                !svg.contains("NaN") && !svg.contains("inf"),
                "{values:?} {svg}"
            );
            assert!(svg.contains("a &lt; b"));
            assert_eq!(
                svg.contains(">blank<"),
                values.iter().any(|x| !x.is_finite()),
                "{values:?}"
            );
        }
        assert!(picture(HistogramValues::Levels(Vec::new())).ends_with("</svg>\n"));
    }

    #[test]
    fn rare_levels_are_one_and_names_are_cut_to_fit() {
        let level = |at: usize| (format!("level {at}"), [at as f64 / 78.0, 0.0]);
        let levels: Vec<_> = (0..=12).map(level).collect();
        let shown = most_frequent(&levels);
        assert_eq!((shown.len(), shown[0].0.as_str()), (9, "level 12"));
        assert_eq!(shown[8].0, "5 others");
        assert!((shown[8].1[0] - 10.0 / 78.0).abs() < 1e-12, "{shown:?}");
        let long = "a name that is far too long for its place".to_owned();
        let svg = picture(HistogramValues::Levels(vec![(long.clone(), [0.5, 0.5])]));
        assert!(!svg.contains(&long) && svg.contains("a name that"));
    }

    #[test]
    fn values_may_have_names_of_their_own() {
        let year = |value: f64| format!("year {value}");
        let svg = picture(HistogramValues::Numbers {
            values: [&[1.5, 2.5], &[2.0]],
            name: Some(&year),
        });
        assert!(
            svg.contains("year 1.5") && svg.contains("year 2.5"),
            "{svg}"
        );
    }
}
