//! The built-in sources by name, and how their records are drawn.
//!
//! Record `i` is a function of the seed and of `i` alone: more records or more threads do not change
//! it.

use gan_kernels::random::{Address, PhiloxRng, Purpose, Stream};

/// A built-in source; the number is the pass of its stream and so part of the meaning of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Digits = 1,
    Figure1 = 2,
    Ring8 = 3,
    Grid25 = 4,
    Bells = 5,
    Line = 6,
    Moons = 7,
    Spirals = 8,
    Clusters = 9,
}

/// Names of the sources, and how many records each draws unless told.
const SOURCES: [(Source, &str, usize); 9] = [
    (Source::Digits, "digits", 30_000),
    (Source::Figure1, "figure1", 20_000),
    (Source::Ring8, "ring8", 50_000),
    (Source::Grid25, "grid25", 50_000),
    (Source::Bells, "bells", 20_000),
    (Source::Line, "line", 20_000),
    (Source::Moons, "moons", 20_000),
    (Source::Spirals, "spirals", 20_000),
    (Source::Clusters, "clusters", 20_000),
];

/// Names of the built-in sources.
#[must_use]
pub fn builtin_names() -> &'static [&'static str] {
    const NAMES: [&str; SOURCES.len()] = {
        let mut names = [""; SOURCES.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = SOURCES[index].1;
            index += 1;
        }
        names
    };
    &NAMES
}

impl Source {
    /// The source `name` and its default number of records, if there is such a source.
    pub(crate) fn named(name: &str) -> Option<(Self, usize)> {
        let found = SOURCES.iter().find(|(_, known, _)| *known == name);
        found.map(|&(source, _, count)| (source, count))
    }

    /// The generator for record `index`.
    pub(crate) fn rng(self, seed: u64, index: usize) -> PhiloxRng {
        let stream = Stream::new(Purpose::Data, self as usize, 0);
        let step = index as u64;
        Address { seed, stream, step }.rng()
    }
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
    let fill = |first: usize, rows: &mut [T], labels: &mut [u8]| {
        let rows = rows.chunks_mut(cols).zip(labels);
        for (offset, (row, label)) in rows.enumerate() {
            *label = draw(first + offset, row);
        }
    };
    // Not every platform can start another.
    if threads <= 1 {
        fill(0, &mut data, &mut labels);
        return (data, labels);
    }
    let fill = &fill;
    std::thread::scope(|scope| {
        let parts = data.chunks_mut(share * cols).zip(labels.chunks_mut(share));
        for (part, (rows, labels)) in parts.enumerate() {
            scope.spawn(move || fill(part * share, rows, labels));
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
    fn source_of_every_name_is_known_and_of_others_is_not() {
        let mut names = builtin_names().iter();
        assert!(names.all(|name| Source::named(name).is_some()));
        assert_eq!(Source::named("digit"), None);
    }
}
