//! The pictures of a run: which of the charts shows its samples, and its curves.

mod columns;
mod curves;

use gan_data::{Mixture, RecordShape};
use gan_eval::table::Table;
use gan_pictures::{Density, PictureError, Scatter, Surface, sheet_of_images};

pub(crate) use columns::columns_of;
pub use columns::histograms;
pub(crate) use curves::{comparison, curves};

/// Samples in a scatter plot.
const POINTS: usize = 2000;
/// Samples in a picture of one dimension, whose density needs more.
const POINTS_1D: usize = 10_000;

/// The background that samples are drawn on, in the user's units.
#[derive(Clone, Debug, Default)]
pub struct Backdrop {
    /// Records of the data, `cols` values each.
    pub data: Vec<f32>,
    /// True if they are of a mixed table, each of whose columns has a picture of its own.
    pub is_mixed: bool,
    /// The density of the data, where it is known.
    pub mixture: Option<Mixture>,
    /// For one dimension: points x of the axis with D(x).
    pub discriminator: Vec<[f32; 2]>,
    /// For two dimensions: D over the plane, below the samples.
    pub surface: Option<Surface>,
}

impl Backdrop {
    /// The density of the data, if it has several modes.
    pub(crate) fn modes(&self) -> Option<&Mixture> {
        self.mixture.as_ref().filter(|mixture| mixture.modes() > 1)
    }
}

/// Number of samples that the picture of records of `cols` values shows.
pub(crate) fn sample_count(shape: &RecordShape, cols: usize, grid: [usize; 2]) -> usize {
    match cols {
        _ if shape.image().is_some() => grid[0] * grid[1],
        1 => POINTS_1D,
        _ => POINTS,
    }
}

/// Number of records of the data that [`Backdrop`] should hold.
pub(crate) fn backdrop_count(shape: &RecordShape, cols: usize) -> usize {
    match shape.image() {
        Some(_) => 0,
        None => sample_count(shape, cols, [0, 0]),
    }
}

/// The picture of `samples`, rows of `cols` values in the user's units, as a PNG file.
///
/// Images make a sheet of `grid` rows and columns without a title, a mixed table a histogram of each
/// column, one column of numbers a density, and more columns a scatter plot of the first two.
///
/// # Errors
/// If the picture is too large.
pub fn draw(
    title: &str,
    shape: &RecordShape,
    cols: usize,
    samples: &[f32],
    grid: [usize; 2],
    backdrop: &Backdrop,
) -> Result<Vec<u8>, PictureError> {
    if let Some(size) = shape.image() {
        return sheet_of_images(samples, size, grid);
    }
    let drawing = if let (RecordShape::Table(table), true) = (shape, backdrop.is_mixed) {
        let columns = columns_of(table);
        let rows = [&backdrop.data, samples].map(|rows| {
            let values: Vec<f64> = rows.iter().map(|&value| value.into()).collect();
            Table::new(&columns, &values)
        });
        histograms(title, ["data", "samples"], table, rows.each_ref())
    } else if cols == 1 {
        let numbers = |rows: &[f32]| -> Vec<f32> {
            let numbers = rows.iter().filter(|value| !value.is_nan());
            numbers.copied().collect()
        };
        let known = backdrop.mixture.as_ref();
        let known = known.map(|mixture| |x: f64| mixture.density(&[x as f32]));
        let density = Density {
            title,
            samples: &numbers(samples),
            data: &numbers(&backdrop.data),
            known: known.as_ref().map(|density| density as &dyn Fn(f64) -> f64),
            discriminator: &backdrop.discriminator,
        };
        density.draw()
    } else {
        let names = shape.columns().unwrap_or_default();
        let scatter = Scatter {
            title,
            samples: &first_two(samples, cols),
            data: &first_two(&backdrop.data, cols),
            names: names.first_chunk().copied(),
            surface: backdrop.surface.as_ref(),
        };
        scatter.draw()
    };
    drawing.to_png(1.0)
}

/// The first two values of each row that has both: NaN is a blank.
pub(crate) fn first_two(rows: &[f32], cols: usize) -> Vec<[f32; 2]> {
    rows.chunks_exact(cols)
        .map(|row| [row[0], row[1]])
        .filter(|two| !two.iter().any(|value| value.is_nan()))
        .collect()
}
