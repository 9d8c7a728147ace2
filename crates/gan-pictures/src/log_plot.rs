//! Lines over two logarithmic axes.

use crate::axis::{Axis, Scale};
use crate::drawing::{
    Anchor, BLUE, Color, Drawing, GREEN, INK, ORANGE, SILVER, Stroke, text_width,
};
use crate::frame::Frame;
use crate::legend::{LegendEntry, Swatch, legend, legend_width};

/// A picture of lines over logarithmic axes.
#[derive(Clone, Debug)]
pub struct LogPlot<'a> {
    /// Written above the plot.
    pub title: &'a str,
    /// Name of the horizontal axis.
    pub across: &'a str,
    /// The lines.
    pub series: Vec<LogSeries<'a>>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct LogSeries<'a> {
    /// Name in the legend.
    pub name: &'a str,
    /// Pairs of values; those without a logarithm are left out.
    pub points: Vec<[f64; 2]>,
    /// What the line shows.
    pub role: Role,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Measured values: a solid line with dots.
    Measured,
    /// A bound of them: a dashed line.
    Bound,
}

const COLORS: [Color; 4] = [ORANGE, BLUE, GREEN, SILVER];
const LEFT: f64 = 64.0;
const TOP: f64 = 58.0;
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 260.0;
const SIZE: f64 = 12.0;
const MARGIN: f64 = 16.0;

impl LogPlot<'_> {
    /// Draws the picture.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let stroke = |series: &LogSeries<'_>, index: usize| {
            let solid = Stroke::new(COLORS[index % COLORS.len()], 2.0);
            match series.role {
                Role::Measured => solid,
                Role::Bound => solid.dashed(5.0, 4.0),
            }
        };
        let entries = self.series.iter().enumerate().map(|(index, series)| {
            LegendEntry::new(Swatch::Line(stroke(series, index)), series.name)
        });
        let entries: Vec<LegendEntry> = entries.collect();
        let points = || self.series.iter().flat_map(LogSeries::shown);
        let axis = |of: usize| {
            let values = points().map(|point| point[of]);
            Axis::around(Scale::Logarithmic, values, std::iter::empty(), 0.0, 0.06)
        };
        let frame = Frame {
            left: LEFT,
            top: TOP,
            width: WIDTH,
            height: HEIGHT,
            x: axis(0),
            y: axis(1),
        };
        let title = MARGIN + text_width(self.title, SIZE);
        let legend_end = LEFT + legend_width(&entries, SIZE);
        let width = frame.right().max(title).max(legend_end) + MARGIN;
        let mut drawing = Drawing::new(width, frame.bottom() + 46.0);
        drawing.text([MARGIN, 20.0], Anchor::Start, SIZE, INK, self.title);
        legend(&mut drawing, [LEFT, 42.0], Anchor::Start, SIZE, &entries);
        frame.x_grid(&mut drawing, 6);
        frame.x_labels(&mut drawing, 6);
        frame.y_grid(&mut drawing, 6);
        let below = [frame.left + frame.width / 2.0, frame.bottom() + 37.0];
        drawing.text(below, Anchor::Middle, SIZE, INK, self.across);
        for (index, series) in self.series.iter().enumerate() {
            let stroke = stroke(series, index);
            let places: Vec<_> = series.shown().map(|point| frame.at(point)).collect();
            if series.role == Role::Measured {
                for &place in &places {
                    drawing.dot(place, 3.5, stroke.color(), 1.0);
                }
            }
            drawing.line(places, stroke);
        }
        drawing
    }
}

impl LogSeries<'_> {
    fn shown(&self) -> impl Iterator<Item = [f64; 2]> {
        let points = self.points.iter().copied();
        points.filter(|point| point.iter().all(|&value| Scale::Logarithmic.shows(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plot_survives_what_has_no_logarithm() {
        for points in [vec![], vec![[1.0, f64::NAN]], vec![[0.0, 1.0], [1.0, 1.0]]] {
            let plot = LogPlot {
                title: "t",
                across: "x",
                series: vec![LogSeries {
                    name: "s",
                    points,
                    role: Role::Measured,
                }],
            };
            let svg = plot.draw().to_svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
