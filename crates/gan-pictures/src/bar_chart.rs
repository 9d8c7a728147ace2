//! Bars in groups, each with its error and its value in words.

use crate::axis::Axis;
use crate::drawing::{Anchor, Color, Drawing, GREY, INK, Stroke};
use crate::frame::Frame;
use crate::legend::{Swatch, legend, legend_width};
use crate::text::text_width;

/// A picture of horizontal bars.
#[derive(Clone, Debug)]
pub struct BarChart<'a> {
    /// Written above the chart.
    pub title: &'a str,
    /// Colours and what they stand for; those without a bar are left out of the legend.
    pub series: Vec<BarSeries>,
    /// The groups, from top to bottom.
    pub groups: Vec<BarGroup>,
    /// A value to compare all bars with, and what it means.
    pub reference: Option<(f64, &'a str)>,
}

/// Bars of one colour.
#[derive(Clone, Debug)]
pub struct BarSeries {
    /// Name in the legend.
    pub name: String,
    /// Colour of the bars.
    pub color: Color,
}

/// Bars that belong together.
#[derive(Clone, Debug)]
pub struct BarGroup {
    /// Written before the bars.
    pub name: String,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar>,
}

/// One value.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Index of its series.
    pub series: usize,
    /// Length of the bar; there is none for a value that is not finite.
    pub value: f64,
    /// Half the length of the whisker at the end of the bar; none for 0.
    pub error: f64,
    /// The value in words, written behind the bar.
    pub text: String,
}

const SIZE: f64 = 12.0;
const THICKNESS: f64 = 13.0;
/// From one bar of a group to the next.
const STEP: f64 = 15.0;
/// Between two groups.
const BETWEEN: f64 = 10.0;
const TOP: f64 = 58.0;
const FOOT: f64 = 32.0;
const PLOT: f64 = 460.0;
const GAP: f64 = 10.0;

impl BarChart<'_> {
    /// Draws the picture.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let widest = |texts: &mut dyn Iterator<Item = &String>| {
            texts.map(|text| text_width(text, SIZE)).fold(0.0, f64::max)
        };
        let left = widest(&mut self.groups.iter().map(|group| &group.name)) + 2.0 * GAP;
        let right = left + PLOT + widest(&mut self.bars().map(|bar| &bar.text)) + 2.0 * GAP;
        let heights = self.groups.iter().map(BarGroup::height);
        let [low, high] = self.extent();
        let (x, y) = (Axis::linear(low, high), Axis::linear(0.0, 1.0));
        let frame = Frame::new([left, TOP], [PLOT, heights.sum()], x, y);
        let entries = self.entries();
        let width = right
            .max(text_width(self.title, SIZE) + 2.0 * GAP)
            .max(left + legend_width(&entries, SIZE) + GAP);
        let mut drawing = Drawing::new(width, frame.bottom() + FOOT);
        drawing.text([GAP, 20.0], Anchor::Start, SIZE, INK, self.title);
        legend(&mut drawing, [left, 42.0], Anchor::Start, SIZE, &entries);
        frame.x_grid(&mut drawing, 6);
        frame.x_labels(&mut drawing, 6);
        let mut top = TOP;
        if let Some((value, _)) = self.reference {
            let x = frame.across(value);
            drawing.line(&[[x, frame.top], [x, frame.bottom()]], REFERENCE);
        }
        for group in &self.groups {
            let middle = top + group.height() / 2.0 + 4.0;
            drawing.text([left - GAP, middle], Anchor::End, SIZE, INK, &group.name);
            for (index, bar) in group.bars.iter().enumerate() {
                let middle = top + (BETWEEN + STEP) / 2.0 + STEP * index as f64;
                let color = self.series.get(bar.series).map_or(GREY, |it| it.color);
                bar.draw(&mut drawing, &frame, middle, color);
            }
            top += group.height();
        }
        let zero = frame.across(0.0);
        let axis = [[zero, frame.top], [zero, frame.bottom()]];
        drawing.line(&axis, Stroke::new(INK, 1.0));
        drawing
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.groups.iter().flat_map(|group| &group.bars)
    }

    /// The legend; a single series needs none, since the title names it.
    fn entries(&self) -> Vec<(Swatch, String)> {
        let mut entries = Vec::new();
        for (index, series) in self.series.iter().enumerate() {
            if self.series.len() > 1 && self.bars().any(|bar| bar.series == index) {
                entries.push((Swatch::Square(series.color), series.name.clone()));
            }
        }
        let reference = self.reference.iter();
        entries.extend(reference.map(|&(_, name)| (Swatch::Line(REFERENCE), name.to_owned())));
        entries
    }

    /// The ends of the axis: all values with their errors, the reference, and 0.
    fn extent(&self) -> [f64; 2] {
        let bars = self
            .bars()
            .flat_map(|bar| [-1.0, 1.0].map(|sign| bar.end(sign)));
        let reference = self.reference.iter().map(|&(value, _)| value);
        let ends = bars.chain(reference).filter(|end| end.is_finite());
        ends.fold([0.0f64, 0.0f64], |[low, high], end| {
            [low.min(end), high.max(end)]
        })
    }
}

const REFERENCE: Stroke = Stroke::new(GREY, 1.2).dashed(4.0, 3.0);

impl BarGroup {
    fn height(&self) -> f64 {
        STEP * self.bars.len() as f64 + BETWEEN
    }
}

impl Bar {
    /// The end of the bar, moved by its error.
    fn end(&self, sign: f64) -> f64 {
        let error = if self.error.is_finite() {
            self.error
        } else {
            0.0
        };
        self.value + sign * error
    }

    fn draw(&self, drawing: &mut Drawing, frame: &Frame, middle: f64, color: Color) {
        let mut right = frame.across(0.0);
        if self.value.is_finite() {
            let (from, to) = (right, frame.across(self.value));
            let corner = [from.min(to), middle - THICKNESS / 2.0];
            drawing.rectangle(corner, [(to - from).abs(), THICKNESS], color, 1.0);
            let [a, b] = [-1.0, 1.0].map(|sign| frame.across(self.end(sign)));
            if a < b {
                let ink = Stroke::new(INK, 1.0);
                drawing.line(&[[a, middle], [b, middle]], ink);
                for x in [a, b] {
                    drawing.line(&[[x, middle - 4.0], [x, middle + 4.0]], ink);
                }
            }
            right = right.max(b);
        }
        let at = [right + 6.0, middle + 4.0];
        drawing.text(at, Anchor::Start, SIZE, INK, &self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::{BLUE, ORANGE};

    fn chart(values: &[f64]) -> BarChart<'static> {
        let groups = values.iter().enumerate().map(|(series, &value)| BarGroup {
            name: "a < b".into(),
            bars: vec![Bar {
                series,
                value,
                error: 2.0,
                text: format!("{value} ± 2"),
            }],
        });
        let series = [("one", ORANGE), ("two", BLUE)].map(|(name, color)| BarSeries {
            name: name.into(),
            color,
        });
        BarChart {
            title: "a & b",
            series: series.into(),
            groups: groups.collect(),
            reference: None,
        }
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let svg = chart(&[200.0, -100.0]).draw().to_svg();
        let length = |color: &str| -> f64 {
            let bars = svg.lines().filter(|line| line.contains(color));
            let mut widths = bars.filter_map(|line| line.split_once("width=\""));
            let width = widths.next_back();
            let (width, _) = width.unwrap().1.split_once('"').unwrap();
            width.parse().unwrap()
        };
        let share = length("#d65414") / length("#2a6fbb");
        assert!((share - 2.0).abs() < 0.01, "{share}");
        assert!(svg.contains("a &amp; b") && svg.contains("a &lt; b"));
    }

    #[test]
    fn chart_survives_what_is_no_number() {
        for values in [&[] as &[f64], &[f64::NAN], &[0.0]] {
            let mut chart = chart(values);
            chart
                .groups
                .iter_mut()
                .for_each(|group| group.bars[0].error = 0.0);
            #[cfg(feature = "png")]
            assert!(chart.draw().to_png(1.0).is_ok());
            let svg = chart.draw().to_svg();
            assert!(svg.ends_with("</svg>\n"));
            // Only in the text that says so.
            assert!(!svg.replace("NaN ± 2", "").contains("NaN"), "{svg}");
        }
    }
}
