//! Samples over data in two dimensions.

use crate::axis::{Axis, Scale};
use crate::drawing::{Anchor, Color, Drawing, INK, ORANGE, Point};
use crate::frame::Frame;
use crate::legend::{Swatch, legend, legend_width};
use crate::text::text_width;

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
    /// The discriminator over the plane, drawn below the points.
    pub surface: Option<&'a Surface>,
}

/// The output of a discriminator at the points of a square grid over the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// The ends of the grid, lowest and highest, across and upwards.
    ends: [[f64; 2]; 2],
    /// The output at each point, 0 to 1, row by row from the lowest one.
    values: Vec<f32>,
}

impl Surface {
    /// Points of the grid on each side: the picture is smooth between them.
    const SIDE: usize = 72;

    /// The surface of `output`, which gives the discriminator's output, 0 to 1, at each of some
    /// points, over the part of the plane that a [`Scatter`] over `data` shows.
    ///
    /// # Panics
    /// If there are not as many outputs as points.
    /// # Errors
    /// Those of `output`.
    pub fn over<E>(
        data: &[[f32; 2]],
        output: impl FnOnce(&[[f32; 2]]) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let ends = [0, 1].map(|of| view(data, of).ends());
        let place = |[low, high]: [f64; 2], index: usize| {
            let share = index as f64 / (Self::SIDE - 1) as f64;
            (low + share * (high - low)) as f32
        };
        let points = (0..Self::SIDE * Self::SIDE).map(|i| {
            [
                place(ends[0], i % Self::SIDE),
                place(ends[1], i / Self::SIDE),
            ]
        });
        let points: Vec<_> = points.collect();
        let values = output(&points)?;
        assert_eq!(values.len(), points.len(), "one output for each point");
        Ok(Self { ends, values })
    }

    /// The surface with `change` done to each output.
    #[must_use]
    pub fn map(mut self, change: impl Fn(f32) -> f32) -> Self {
        self.values
            .iter_mut()
            .for_each(|value| *value = change(*value));
        self
    }

    /// The output at a place of the plane, between the nearest points of the grid.
    fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let last = (Self::SIDE - 1) as f64;
        let place = |value: f64, [low, high]: [f64; 2]| {
            let place = ((value - low) / (high - low) * last).clamp(0.0, last);
            let before = place.floor().min(last - 1.0);
            (before as usize, place - before)
        };
        let ((column, right), (row, up)) = (place(x, self.ends[0]), place(y, self.ends[1]));
        let value = |row: usize, column: usize| f64::from(self.values[row * Self::SIDE + column]);
        let across =
            |row: usize| (1.0 - right) * value(row, column) + right * value(row, column + 1);
        (1.0 - up) * across(row) + up * across(row + 1)
    }

    /// Draws it in `frame`, in strips of one shade.
    fn draw(&self, drawing: &mut Drawing, frame: &Frame) {
        /// Strips, and steps along one.
        const TILES: usize = 142;
        let size = [frame.width / TILES as f64, frame.height / TILES as f64];
        let middle = |index: usize, of: usize| {
            let [low, high] = if of == 0 {
                frame.x.ends()
            } else {
                frame.y.ends()
            };
            low + (index as f64 + 0.5) / TILES as f64 * (high - low)
        };
        let strips = (0..TILES).flat_map(|row| {
            let shades: Vec<Color> = (0..TILES)
                .map(|column| shade(self.at([middle(column, 0), middle(row, 1)])))
                .collect();
            let top = frame.bottom() - size[1] * (row + 1) as f64;
            let mut column = 0;
            let strips = shades.chunk_by(|a, b| a == b).map(|run| {
                let left = frame.left + size[0] * column as f64;
                column += run.len();
                ([left, top], [size[0] * run.len() as f64, size[1]], run[0])
            });
            strips.collect::<Vec<_>>()
        });
        drawing.tiles(strips);
    }
}

/// A light tint of the data's colour where the output is near 1, of the samples' where it is near 0.
fn shade(output: f64) -> Color {
    /// Shades from white to the full tint, so that a surface is some hundred strips.
    const SHADES: f64 = 10.0;
    let lean = ((2.0 * output - 1.0).clamp(-1.0, 1.0) * SHADES).round() / SHADES;
    let tint = if lean < 0.0 { AS_SAMPLES } else { AS_DATA };
    // What is no number is left white.
    let lean = if lean.is_nan() { 0.0 } else { lean.abs() };
    tint.map(|part| (255.0 - lean * (255.0 - f64::from(part))).round() as u8)
}

/// The part of an axis that shows `points`; far-off points do not set it.
fn view(points: &[[f32; 2]], of: usize) -> Axis {
    let values = points.iter().map(|point| f64::from(point[of]));
    Axis::around(Scale::Linear, values, std::iter::empty(), TAILS, 0.15)
}

const SIDE: f64 = 640.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 52.0;
const PLOT: f64 = 568.0;
const SIZE: f64 = 12.0;
const DATA: Color = [120, 160, 205];
const SAMPLES: Color = ORANGE;
/// Where D takes a record for data, and where for a sample.
const AS_DATA: Color = [196, 216, 240];
const AS_SAMPLES: Color = [250, 214, 192];
/// Far-off points do not set the view.
const TAILS: f64 = 0.002;

impl Scatter<'_> {
    /// Draws the picture.
    ///
    /// The data, where there are any, set the view, so that pictures of one run can be compared.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let points = if self.data.is_empty() {
            self.samples
        } else {
            self.data
        };
        let frame = Frame::new([LEFT, TOP], [PLOT, PLOT], view(points, 0), view(points, 1));
        let foot = if self.names.is_some() { 46.0 } else { 28.0 };
        let mut drawing = Drawing::new(SIDE, frame.bottom() + foot);
        drawing.title([LEFT, 20.0], PLOT, self.title);
        if let Some(surface) = self.surface {
            surface.draw(&mut drawing, &frame);
        }
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
        if self.surface.is_some() {
            entries.push((Swatch::Square(AS_DATA), "D says data".to_owned()));
            entries.push((Swatch::Square(AS_SAMPLES), "D says sample".to_owned()));
        }
        // A long legend becomes smaller rather than run into the name of the axis.
        let name = self.names.map_or(0.0, |[_, y]| text_width(y, SIZE) + 16.0);
        let size = SIZE * ((PLOT - name) / legend_width(&entries, SIZE)).min(1.0);
        let right = [frame.right(), 42.0];
        legend(&mut drawing, right, Anchor::End, size, &entries);
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
            surface: None,
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

    #[test]
    fn surface_is_blue_where_d_says_data_and_orange_where_it_says_sample() {
        let data: Vec<[f32; 2]> = (0..100).map(|i| [i as f32, (i % 7) as f32]).collect();
        // D rises from left to right, over all that the data's view shows.
        let rising = |points: &[[f32; 2]]| -> Result<Vec<f32>, ()> {
            Ok(points.iter().map(|point| point[0] / 99.0).collect())
        };
        let surface = Surface::over(&data, rising).unwrap();
        let flipped = surface.clone().map(|d| 1.0 - d).at([0.0, 3.0]);
        assert!((flipped - 1.0).abs() < 1e-5, "{flipped}");
        for (x, expected) in [(0.0, 0.0), (49.5, 0.5), (99.0, 1.0), (33.0, 1.0 / 3.0)] {
            let found = surface.at([x, 3.0]);
            assert!((found - expected).abs() < 1e-5, "{x}: {found}");
        }
        assert_eq!(
            [0.5, 1.0, 0.0, f64::NAN].map(shade),
            [[255; 3], AS_DATA, AS_SAMPLES, [255; 3]]
        );
        let scatter = Scatter {
            title: "ring8-1, step 7",
            samples: &[[50.0, 3.0]],
            data: &data,
            names: None,
            surface: Some(&surface),
        };
        let svg = scatter.draw().to_svg();
        assert!(
            svg.contains(">D says data<") && svg.contains(">D says sample<"),
            "{svg}"
        );
        // 142 rows of 21 shades each, at most, and the legend's two.
        let strips = svg.matches("<rect").count();
        assert!((142 * 15..=142 * 21 + 3).contains(&strips), "{strips}");
        assert_eq!(Surface::over(&data, |_| Err("lost")), Err("lost"));
    }
}
