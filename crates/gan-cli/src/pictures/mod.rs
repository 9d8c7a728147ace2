//! Pictures of samples, curves of a run and charts of its evaluation.

mod bars;
mod canvas;
mod density;
pub(crate) mod drawing;
mod scatter;
mod sheet;
mod svg;

use gan_data::{Mixture, RecordShape};

pub(crate) use bars::{Bar, BarKind, chart};
pub(crate) use svg::{Mark, curves};

/// The samples of a picture that is not a sheet of images.
const POINTS: usize = 2000;
/// The samples of a picture of one dimension, whose density takes more.
const POINTS_1D: usize = 10_000;

/// What samples are shown against; in the user's units.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backdrop {
    /// Records of the data, `cols` values each.
    pub(crate) data: Vec<f32>,
    /// The density of the data, where it is known.
    pub(crate) mixture: Option<Mixture>,
    /// D at points of the axis, for one dimension: x and D(x).
    pub(crate) discriminator: Vec<(f32, f32)>,
}

impl Backdrop {
    /// The density of the data, where it has modes to be found.
    pub(crate) fn modes(&self) -> Option<&Mixture> {
        self.mixture.as_ref().filter(|mixture| mixture.modes() > 1)
    }
}

/// How many samples the picture of records of `cols` values shows.
pub(crate) fn sample_count(shape: &RecordShape, cols: usize, grid: [usize; 2]) -> usize {
    match (shape, cols) {
        (RecordShape::Image { .. }, _) => grid[0] * grid[1],
        (_, 1) => POINTS_1D,
        _ => POINTS,
    }
}

/// How many records of the data [`Backdrop`] should hold.
pub(crate) fn backdrop_count(shape: &RecordShape, cols: usize) -> usize {
    match shape {
        RecordShape::Image { .. } => 0,
        _ => sample_count(shape, cols, [0, 0]),
    }
}

/// The picture of `samples`, rows of `cols` values in the user's units, as a PNG file.
///
/// Images make a sheet of `grid` rows and columns, one column of numbers a density, and more a
/// scatter plot of the first two.
///
/// # Errors
/// If the samples do not encode, which only the sizes of the picture could cause.
pub(crate) fn draw(
    shape: &RecordShape,
    cols: usize,
    samples: &[f32],
    grid: [usize; 2],
    backdrop: &Backdrop,
) -> Result<Vec<u8>, png::EncodingError> {
    match (shape, cols) {
        (
            &RecordShape::Image {
                height,
                width,
                channels,
            },
            _,
        ) => sheet::draw(samples, [height, width, channels], grid),
        (_, 1) => density::draw(samples, backdrop),
        (RecordShape::Vector { columns }, _) => {
            let names = columns
                .as_deref()
                .and_then(|names| names.first_chunk::<2>())
                .map(|[a, b]| [a.as_str(), b.as_str()]);
            scatter::draw(samples, cols, backdrop, names)
        }
        _ => scatter::draw(samples, cols, backdrop, None),
    }
}

/// The ends of an axis that shows most of `values`, far-off ones left aside.
fn bounds(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let mut values: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    if values.is_empty() {
        return (-1.0, 1.0);
    }
    values.sort_by(f32::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    let (low, high) = (at(0.002), at(0.998));
    let margin = (0.15 * (high - low)).max(1e-6 + 0.05 * high.abs().max(low.abs()));
    (low - margin, high + margin)
}

/// Round numbers between `low` and `high`, about `wanted` of them.
pub(crate) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) {
        return Vec::new();
    }
    let raw = span / wanted.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= raw)
        .unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A number on an axis, as short as it can be.
pub(crate) fn label(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    match rounded.abs() {
        thousands if thousands >= 10_000.0 && thousands % 1000.0 == 0.0 => {
            format!("{}k", rounded / 1000.0)
        }
        // Not −0.
        0.0 => "0".into(),
        _ => format!("{rounded}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(-1.3, 1.2, 5), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(ticks(0.0, 23450.0, 5).last(), Some(&20000.0));
        assert!(ticks(1.0, 1.0, 5).is_empty());
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(-0.0), "0");
        assert_eq!(label(0.30000000000000004), "0.3");
        assert_eq!(label(20000.0), "20k");
    }

    #[test]
    fn bounds_leave_the_far_off_aside() {
        let values = (0..1000).map(|i| i as f32 / 1000.0).chain([1e9, f32::NAN]);
        let (low, high) = bounds(values);
        assert!(low > -0.3 && high < 1.3, "{low} {high}");
    }
}
