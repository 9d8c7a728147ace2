//! Sources that draw their records, so that a run needs no download.
//!
//! Record `i` is a function of the seed and of `i` alone: more records or more threads do not change
//! it.

use gan_kernels::random::{Address, PhiloxRng, Purpose, Stream};

use crate::dataset::Loaded;
use crate::{DataError, Mixture, digits};

/// The most records that are drawn, 3 GB of digits.
const MAX_COUNT: usize = 4_000_000;

/// Names of the built-in sources.
#[must_use]
pub fn builtin_names() -> &'static [&'static str] {
    &["digits", "figure1", "ring8", "grid25"]
}

/// A built-in source; the number is the pass of its stream and so part of the meaning of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Digits = 1,
    Figure1 = 2,
    Ring8 = 3,
    Grid25 = 4,
}

impl Source {
    /// The generator for record `index`.
    pub(crate) fn rng(self, seed: u64, index: usize) -> PhiloxRng {
        let stream = Stream::new(Purpose::Data, self as usize, 0);
        let step = index as u64;
        Address { seed, stream, step }.rng()
    }
}

/// Draws from the source `name`: the number of records, and the records.
///
/// # Panics
/// If `name` is not one of [`builtin_names`].
pub(crate) fn draw(
    name: &str,
    count: Option<usize>,
    seed: u64,
) -> Result<(usize, Loaded), DataError> {
    let (source, default) = match name {
        "digits" => (Source::Digits, 30_000),
        "figure1" => (Source::Figure1, 20_000),
        "ring8" => (Source::Ring8, 50_000),
        "grid25" => (Source::Grid25, 50_000),
        _ => panic!("builtin: no source {name}"),
    };
    let count = count.unwrap_or(default);
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(DataError::Count {
            source_name: name.into(),
            found: count,
            expected: MAX_COUNT,
        });
    }
    let loaded = match source {
        Source::Digits => digits::draw(count, seed),
        Source::Figure1 => Mixture::figure1().draw(source, count, seed),
        Source::Ring8 => Mixture::ring8().draw(source, count, seed),
        Source::Grid25 => Mixture::grid25().draw(source, count, seed),
    };
    Ok((count, loaded))
}

/// Draws `count` rows of `cols` values on all processors; `draw` fills one and returns its label.
pub(crate) fn draw_rows<T, F>(count: usize, cols: usize, draw: F) -> (Vec<T>, Vec<u8>)
where
    T: Copy + Default + Send,
    F: Fn(usize, &mut [T]) -> u8 + Sync,
{
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    draw_rows_on(threads, count, cols, draw)
}

fn draw_rows_on<T, F>(threads: usize, count: usize, cols: usize, draw: F) -> (Vec<T>, Vec<u8>)
where
    T: Copy + Default + Send,
    F: Fn(usize, &mut [T]) -> u8 + Sync,
{
    let mut data = vec![T::default(); count * cols];
    let mut labels = vec![0; count];
    let share = count.div_ceil(threads).max(1);
    let draw = &draw;
    std::thread::scope(|scope| {
        let parts = data.chunks_mut(share * cols).zip(labels.chunks_mut(share));
        for (part, (rows, labels)) in parts.enumerate() {
            scope.spawn(move || {
                let rows = rows.chunks_mut(cols).zip(labels);
                for (offset, (row, label)) in rows.enumerate() {
                    *label = draw(part * share + offset, row);
                }
            });
        }
    });
    (data, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn draw_rows_on_any_number_of_threads_is_bit_equal() {
        let draw = |index: usize, row: &mut [u8]| {
            Source::Digits.rng(5, index).fill_bytes(row);
            index as u8
        };
        let expected = draw_rows_on(1, 103, 7, draw);
        for threads in [2, 3, 16, 200] {
            assert_eq!(draw_rows_on(threads, 103, 7, draw), expected, "{threads}");
        }
    }

    #[test]
    fn draw_of_every_name_is_known() {
        for name in builtin_names() {
            assert_eq!(draw(name, Some(3), 0).unwrap().0, 3);
        }
    }
}
