//! Samples over data in two dimensions.

use crate::axis::{Axis, Scale};
use crate::drawing::{Anchor, Color, Drawing, INK, ORANGE, Point};
use crate::frame::Frame;
use crate::legend::{Swatch, legend};

/// A picture of points in a plane.
#[derive(Clone, Copy, Debug)]
pub struct Scatter<'a> {
    /// Written above the plot.
    pub title: &'a str,
    /// The samples.
    pub samples: &'a [[f32; 2]],
    /// Records of the data, drawn below them; may be empty.
    pub data: &'a [[f32; 2]],
    /// Names of the two axes.
    pub names: Option<[&'a str; 2]>,
}

const SIDE: f64 = 640.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 52.0;
const PLOT: f64 = 568.0;
const SIZE: f64 = 12.0;
const DATA: Color = [120, 160, 205];
const SAMPLES: Color = ORANGE;
/// Far-off points do not set the view.
const TAILS: f64 = 0.002;

impl Scatter<'_> {
    /// Draws the picture.
    ///
    /// The data, where there are any, set the view, so that pictures of one run can be compared.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let view = if self.data.is_empty() {
            self.samples
        } else {
            self.data
        };
        let axis = |of: usize| {
            let values = view.iter().map(|point| f64::from(point[of]));
            Axis::around(Scale::Linear, values, std::iter::empty(), TAILS, 0.15)
        };
        let frame = Frame::new([LEFT, TOP], [PLOT, PLOT], axis(0), axis(1));
        let foot = if self.names.is_some() { 46.0 } else { 28.0 };
        let mut drawing = Drawing::new(SIDE, frame.bottom() + foot);
        drawing.title([LEFT, 20.0], PLOT, self.title);
        frame.x_grid(&mut drawing, 6);
        frame.x_labels(&mut drawing, 6);
        frame.y_grid(&mut drawing, 6);
        let shown = |point: &&[f32; 2]| {
            frame.x.contains(point[0].into()) && frame.y.contains(point[1].into())
        };
        for (points, color, opacity) in [(self.data, DATA, 0.55), (self.samples, SAMPLES, 0.6)] {
            let points = points.iter().filter(shown);
            let points = points.map(|point| frame.at(point.map(f64::from)));
            drawing.cloud(&points.collect::<Vec<Point>>(), 1.9, color, opacity);
        }
        let outside = self.samples.iter().filter(|point| !shown(point)).count();
        let samples = match outside {
            0 => "samples".to_owned(),
            outside => format!("samples ({outside} of {} outside)", self.samples.len()),
        };
        let mut entries = vec![(Swatch::Dot(SAMPLES), samples)];
        if !self.data.is_empty() {
            entries.insert(0, (Swatch::Dot(DATA), "data".to_owned()));
        }
        let right = [frame.right(), 42.0];
        legend(&mut drawing, right, Anchor::End, SIZE, &entries);
        if let Some([x, y]) = self.names {
            let below = [frame.left + frame.width / 2.0, frame.bottom() + 36.0];
            drawing.text(below, Anchor::Middle, SIZE, INK, x);
            drawing.text([LEFT, 42.0], Anchor::Start, SIZE, INK, y);
        }
        drawing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_set_the_view_and_samples_outside_are_counted() {
        let data: Vec<[f32; 2]> = (0..100).map(|i| [i as f32, -(i as f32)]).collect();
        let scatter = Scatter {
            title: "ring8-1, step 7",
            samples: &[[50.0, -50.0], [1e6, 0.0], [f32::NAN, 0.0]],
            data: &data,
            names: Some(["width", "a < b"]),
        };
        let svg = scatter.draw().to_svg();
        for part in [
            ">samples (2 of 3 outside)<",
            ">data<",
            "ring8-1, step 7",
            "a &lt; b",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        // One for each point that is shown, two in the legend.
        assert_eq!(svg.matches("<circle").count(), 100 + 1 + 2);
        assert!(!svg.contains("NaN"));
    }
}
