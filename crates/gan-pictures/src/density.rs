//! Densities of one dimension, as the paper's Figure 1: p_data, p_g and D.

use crate::axis::{Axis, Scale};
use crate::drawing::{Anchor, Color, Drawing, Point, Stroke};
use crate::frame::{Frame, LABEL};
use crate::legend::{Swatch, legend};

/// A picture of samples of one dimension.
#[derive(Clone, Copy)]
pub struct Density<'a> {
    /// Written above the plot.
    pub title: &'a str,
    /// The samples.
    pub samples: &'a [f32],
    /// Records of the data; may be empty.
    pub data: &'a [f32],
    /// The density of the data, where it is known.
    pub known: Option<&'a dyn Fn(f64) -> f64>,
    /// Points of the axis with the discriminator's output there; may be empty.
    pub discriminator: &'a [[f32; 2]],
}

const LEFT: f64 = 52.0;
const TOP: f64 = 52.0;
const PLOT: [f64; 2] = [616.0, 368.0];
const SIZE: f64 = 12.0;

// The paper's colours.
const DATA: Stroke = Stroke::new([20, 20, 20], 2.2).dashed(0.0, 4.4);
const GENERATED: Color = [30, 140, 50];
const SAMPLES: Stroke = Stroke::new(GENERATED, 2.0);
const D: Stroke = Stroke::new([40, 80, 200], 2.0).dashed(6.0, 4.6);

/// Points of a curve.
const POINTS: u32 = 301;
const BARS: usize = 77;

impl Density<'_> {
    /// Draws p_data dotted, p_g solid over its histogram, and D dashed, on the axis at the right.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let view = if self.data.is_empty() {
            self.samples
        } else {
            self.data
        };
        let view = view.iter().map(|&x| f64::from(x));
        let x = Axis::around(Scale::Linear, view, std::iter::empty(), 0.002, 0.15);
        let [low, high] = x.ends();
        let step = (high - low) / f64::from(POINTS - 1);
        let grid: Vec<f64> = (0..POINTS).map(|i| low + step * f64::from(i)).collect();
        let data = match self.known {
            Some(density) => grid.iter().map(|&x| density(x)).collect(),
            None => smoothed(self.data, &grid),
        };
        let generated = smoothed(self.samples, &grid);
        let bars = histogram(self.samples, [low, high]);
        let densities = data.iter().chain(&generated).chain(&bars);
        let highest = densities.fold(0.0f64, |highest, &density| highest.max(density));
        let frame = Frame::new([LEFT, TOP], PLOT, x, Axis::linear(0.0, 1.1 * highest));
        let mut drawing = Drawing::new(frame.right() + LEFT, frame.bottom() + 30.0);
        drawing.title([LEFT, 20.0], PLOT[0], self.title);
        frame.x_grid(&mut drawing, 8);
        frame.x_labels(&mut drawing, 8);
        frame.y_grid(&mut drawing, 5);
        let width = frame.width / bars.len() as f64;
        for (index, &bar) in bars.iter().enumerate() {
            let corner = [LEFT + width * index as f64, frame.up(bar)];
            let size = [width, frame.bottom() - corner[1]];
            drawing.rectangle(corner, size, GENERATED, 0.18);
        }
        let curve = |values: &[f64]| -> Vec<Point> {
            let points = grid.iter().zip(values);
            points.map(|(&x, &y)| frame.at([x, y])).collect()
        };
        let entry = |stroke, name: &str| (Swatch::Line(stroke), name.to_owned());
        let smoothed = "p_{g}, smoothed over the histogram of the samples";
        let mut entries = vec![entry(SAMPLES, smoothed)];
        drawing.line(&curve(&generated), SAMPLES);
        if !data.is_empty() {
            drawing.line(&curve(&data), DATA);
            entries.insert(0, entry(DATA, "p_{data}"));
        }
        if !self.discriminator.is_empty() {
            self.draw_discriminator(&mut drawing, &frame);
            entries.push(entry(D, "D(x), axis at the right"));
        }
        legend(&mut drawing, [LEFT, 42.0], Anchor::Start, SIZE, &entries);
        drawing
    }

    fn draw_discriminator(&self, drawing: &mut Drawing, frame: &Frame) {
        let frame = Frame {
            y: Axis::linear(0.0, 1.0),
            ..*frame
        };
        let points = self.discriminator.iter().map(|point| point.map(f64::from));
        let points = points.filter(|point| frame.x.contains(point[0]) && point[1].is_finite());
        let places: Vec<Point> = points.map(|point| frame.at(point)).collect();
        drawing.line(&places, D);
        for (value, text) in [(0.0, "0"), (0.5, "½"), (1.0, "1")] {
            let at = [frame.right() + 7.0, frame.up(value) + 4.0];
            drawing.text(at, Anchor::Start, LABEL, D.color(), text);
        }
    }
}

/// The density of `values` in bars of equal width from `low` to `high`.
fn histogram(values: &[f32], [low, high]: [f64; 2]) -> Vec<f64> {
    let mut bars = vec![0.0; BARS];
    let width = (high - low) / bars.len() as f64;
    for &value in values {
        let place = (f64::from(value) - low) / width;
        if (0.0..bars.len() as f64).contains(&place) {
            bars[place as usize] += 1.0 / (values.len() as f64 * width);
        }
    }
    bars
}

/// The density of `values` at the points of `grid`, by Gaussians of Silverman's width; empty if
/// there are no values.
fn smoothed(values: &[f32], grid: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    if values.is_empty() {
        return Vec::new();
    }
    let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    let step = grid[1] - grid[0];
    let width = (1.06 * variance.sqrt() * count.powf(-0.2)).max(step);
    let height = 1.0 / (count * width * std::f64::consts::TAU.sqrt());
    let bell = |x: f64, value: f64| (-0.5 * ((x - value) / width).powi(2)).exp();
    grid.iter()
        .map(|&x| height * values.iter().map(|&value| bell(x, value)).sum::<f64>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_integrate_to_one() {
        let values: Vec<f32> = (0..500).map(|i| (i as f32 * 0.7).sin()).collect();
        let grid: Vec<f64> = (0..=300).map(|i| -3.0 + 0.02 * f64::from(i)).collect();
        let total = smoothed(&values, &grid).iter().sum::<f64>() * 0.02;
        assert!((total - 1.0).abs() < 1e-3, "{total}");
        let bars = histogram(&values, [-2.0, 2.0]);
        let total = bars.iter().sum::<f64>() * 4.0 / BARS as f64;
        assert!((total - 1.0).abs() < 1e-3, "{total}");
    }

    #[test]
    fn curves_are_drawn_for_what_is_known() {
        let samples: Vec<f32> = (0..50).map(|i| i as f32 / 10.0).collect();
        let mut density = Density {
            title: "figure1-1, step 7",
            samples: &samples,
            data: &[],
            known: None,
            discriminator: &[],
        };
        // A line in the plot and one in the legend.
        let lines = |density: &Density<'_>, color| {
            let svg = density.draw().to_svg();
            let lines = svg.lines().filter(|line| line.starts_with("<polyline"));
            lines.filter(|line| line.contains(color)).count()
        };
        assert_eq!(lines(&density, "#1e8c32"), 2);
        assert_eq!(lines(&density, "#141414"), 0);
        assert_eq!(lines(&density, "#2850c8"), 0);
        density.known = Some(&|x| (-x).exp());
        density.discriminator = &[[0.0, 0.5], [1.0, f32::NAN], [2.0, 0.25]];
        assert_eq!(lines(&density, "#141414"), 2);
        assert_eq!(lines(&density, "#2850c8"), 2);
        assert!(!density.draw().to_svg().contains("NaN"));
    }
}
