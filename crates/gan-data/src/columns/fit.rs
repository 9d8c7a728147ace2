//! From the values of a table to the encoding of each column, and the records' levels and scalars.

use std::ops::Range;

use gan_kernels::random::{Address, Purpose, Stream, unit_open};

use super::{ColumnEncoding, FEW, ORDER, SPIKE, score};

/// A column's encoding, and what it makes of each record.
pub(super) struct Column {
    pub(super) encoding: ColumnEncoding,
    /// The level of each record.
    pub(super) levels: Vec<u16>,
    /// The scalar of each record; empty without a scalar.
    pub(super) scalars: Vec<f32>,
}

/// The pass of the stream that draws ranks; built-in sources have the first ones.
const RANKS: usize = 16;

/// Encodes the columns of `values`, on all processors.
pub(super) fn fit(
    values: &[f64],
    levels: &[Option<usize>],
    train: Range<usize>,
    seed: u64,
) -> Vec<Column> {
    let cols = levels.len();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = cols.div_ceil(threads).max(1);
    let one = |index: usize| {
        let values: Vec<f64> = values.iter().skip(index).step_by(cols).copied().collect();
        Column::fit(&values, levels[index], train.clone(), |row| {
            let stream = Stream::new(Purpose::Data, RANKS, 0);
            let step = row as u64;
            unit_open(Address { seed, stream, step }.word(index as u64))
        })
    };
    let one = &one;
    let mut columns = Vec::with_capacity(cols);
    std::thread::scope(|scope| {
        let parts = (0..cols).step_by(share).map(|first| {
            let part = first..cols.min(first + share);
            scope.spawn(move || part.map(one).collect::<Vec<_>>())
        });
        let parts: Vec<_> = parts.collect();
        for part in parts {
            match part.join() {
                Ok(part) => columns.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    columns
}

impl Column {
    /// The column of `values`, of which those of `train` are fitted; `draw` gives a number between 0
    /// and 1 for each record.
    fn fit(
        values: &[f64],
        texts: Option<usize>,
        train: Range<usize>,
        draw: impl Fn(usize) -> f32,
    ) -> Self {
        let rows = train.len();
        let numbers = values[train.clone()].iter().filter(|value| !value.is_nan());
        let mut sorted: Vec<f64> = numbers.copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let levels = match texts {
            Some(texts) => Some((0..texts).map(|place| place as f64).collect()),
            None => few_values(&sorted, values),
        };
        let blank = values.iter().any(|value| value.is_nan());
        let (levels, free) = match levels {
            Some(levels) if levels.len() + usize::from(blank) > 1 => (levels, Vec::new()),
            // One number that is written in several ways.
            Some(_) => (Vec::new(), sorted),
            None => with_spikes(&sorted, rows),
        };
        let mut encoding = ColumnEncoding {
            values: levels,
            blank,
            order: evenly_spaced(&free),
            shares: Vec::new(),
        };
        let head = encoding.head();
        let (mut places, mut scalars) = (Vec::with_capacity(values.len()), Vec::new());
        let mut counts = vec![0u64; head.levels.max(1)];
        for (row, &value) in values.iter().enumerate() {
            let level = encoding.level(value);
            if train.contains(&row) {
                counts[level] += 1;
            }
            places.push(level as u16);
            if head.scalar {
                let is_free = level == 0;
                scalars.push(if is_free {
                    rank_score(&free, value, draw(row))
                } else {
                    0.0
                });
            }
        }
        if head.levels > 0 {
            let share = |count: &u64| *count as f64 / rows as f64;
            encoding.shares = counts.iter().map(share).collect();
        }
        Self {
            encoding,
            levels: places,
            scalars,
        }
    }
}

/// The different values of a column, if they are few: those of the training records, which are
/// `sorted`, and where they are few as well those of the others.
fn few_values(sorted: &[f64], values: &[f64]) -> Option<Vec<f64>> {
    let known: Vec<f64> = sorted
        .chunk_by(|a, b| a == b)
        .map(|run| run[0])
        .take(FEW + 1)
        .collect();
    if known.len() > FEW {
        return None;
    }
    let mut all = known.clone();
    for value in values.iter().filter(|value| !value.is_nan()) {
        let at = all.partition_point(|level| level < value);
        if all.get(at) != Some(value) {
            all.insert(at, *value);
        }
        if all.len() > FEW {
            // A few training records of many different values, all of which are spikes, say: the
            // others go to the nearest.
            let is_all_spikes = with_spikes(sorted, sorted.len()).1.is_empty();
            return is_all_spikes.then_some(if known.len() < 2 { all } else { known });
        }
    }
    Some(all)
}

/// The values that many of `rows` records share, and the others, sorted with their repetitions.
fn with_spikes(sorted: &[f64], rows: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut spikes, mut free) = (Vec::new(), Vec::with_capacity(sorted.len()));
    for run in sorted.chunk_by(|a, b| a == b) {
        match run.len() as f64 >= SPIKE * rows as f64 {
            true => spikes.push(run[0]),
            false => free.extend_from_slice(run),
        }
    }
    (spikes, free)
}

/// The order statistics that are kept of `sorted`, its ends among them.
fn evenly_spaced(sorted: &[f64]) -> Vec<f64> {
    let count = sorted.len();
    if count <= ORDER {
        return sorted.to_vec();
    }
    // Exact for 2^32 records and more.
    let at = |i: usize| (i as u128 * (count - 1) as u128 / (ORDER - 1) as u128) as usize;
    (0..ORDER).map(|i| sorted[at(i)]).collect()
}

/// The normal score of the rank of `value` among `sorted`: of equal values, one that `drawn` chooses.
fn rank_score(sorted: &[f64], value: f64, drawn: f32) -> f32 {
    let below = sorted.partition_point(|known| *known < value);
    let upto = sorted.partition_point(|known| *known <= value);
    let equal = upto - below;
    // Between two records, or at one of those that are equal.
    let rank = match equal {
        0 => below as f64,
        _ => below as f64 + (equal as f64 * f64::from(drawn)).floor() + 0.5,
    };
    score(rank, sorted.len())
}
