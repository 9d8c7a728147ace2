//! Records of a file that is mapped and not copied, since the memory may not hold them.
//!
//! What a loader does to all values at once, it does here to a record whenever that is asked for:
//! so the bits are those of the same file in memory.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

use gan_kernels::{Computed, Pass, free_memory};
use memmap2::Mmap;

use crate::array::{Element, in_pixels};
use crate::error::DataProblem;
use crate::passes::tell_watch;
use crate::record::is_finite;

/// The environment variable that says from how many MiB on files are mapped.
const VARIABLE: &str = "GAN_MAP_ABOVE";

/// Files below this many bytes are held where the variable says nothing.
const SMALL: u64 = 64 << 20;

/// The part of the free memory that a file may take: values are copied when they are decoded, drawn
/// and split.
const SHARE: u64 = 4;

/// True if a file of `length` bytes is to be mapped.
pub(crate) fn is_too_large_to_hold(length: u64) -> Result<bool, DataProblem> {
    #[cfg(test)]
    if let Some(limit) = tests::LIMIT.get() {
        return Ok(length > limit);
    }
    let Some(text) = std::env::var_os(VARIABLE) else {
        // What is small is not worth the time that the system takes to say how much is free.
        return Ok(length > SMALL && free_memory().is_some_and(|free| length > free / SHARE));
    };
    match text.to_str().and_then(|text| text.parse::<u64>().ok()) {
        Some(mebibytes) => Ok(length > mebibytes.saturating_mul(1 << 20)),
        None => Err(DataProblem::Variable {
            name: VARIABLE,
            found: text.to_string_lossy().into_owned(),
            expected: "a whole number of MiB",
        }),
    }
}

/// A part of a file, mapped.
#[derive(Clone)]
pub(crate) struct Part {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl Part {
    /// All `length` bytes of `file`.
    pub(crate) fn of(file: &File, length: u64) -> io::Result<Self> {
        // SAFETY: the bytes are only ever copied out, by functions to which any byte is a value. A
        // program that writes to the file meanwhile changes what is read, and one that cuts it short
        // ends this one by a signal; docs/data.md tells so.
        let map = unsafe { Mmap::map(file)? };
        if map.len() as u64 != length {
            return Err(io::Error::other("its length changed while it was opened"));
        }
        // Systems read far ahead of a page that is asked for, which serves no order that is drawn;
        // where records are read one after the other, they are told so.
        #[cfg(unix)]
        map.advise(memmap2::Advice::Random)?;
        Ok(Self {
            range: 0..map.len(),
            map: Arc::new(map),
        })
    }

    /// The bytes `range` of these.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let start = self.range.start;
        assert!(range.end <= self.len(), "within the part");
        Self {
            map: Arc::clone(&self.map),
            range: start + range.start..start + range.end,
        }
    }

    /// Tells the system that the bytes `range` of these are about to be read; it need not listen.
    fn will_need(&self, range: Range<usize>) {
        #[cfg(unix)]
        {
            let (start, end) = (self.range.start + range.start, self.range.start + range.end);
            for place in (start..end).step_by(TOLD) {
                let advice = memmap2::Advice::WillNeed;
                let _ = self.map.advise_range(advice, place, TOLD.min(end - place));
            }
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// The place in this of `slice`, which is a part of it.
    pub(crate) fn place(&self, slice: &[u8]) -> Range<usize> {
        let start = slice.as_ptr() as usize - self.as_ptr() as usize;
        start..start + slice.len()
    }
}

impl Deref for Part {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[self.range.clone()]
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// What values are in their smallest form, as [`Raw`](crate::record::Raw) would hold them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    Bytes,
    Singles,
    Doubles,
}

/// Writes the values of a record.
type Read = Arc<dyn Fn(usize, &mut [f64]) + Send + Sync>;

/// Tells the system that some records are about to be read.
type Ahead = Arc<dyn Fn(Range<usize>) + Send + Sync>;

/// The system is told of so many values before they are read.
const AHEAD_VALUES: usize = 1 << 22;

/// Linux reads no more for one call than it reads ahead of a file, 128 KiB where nothing else is set.
#[cfg(unix)]
const TOLD: usize = 128 << 10;

/// Between records that are asked for, a disk reads so many values sooner than it begins anew.
const GAP_VALUES: usize = 1 << 16;

/// The part of the free memory that records of a pass may take in another order than the file's, and
/// what they may take where nobody knows it. The more of them are in memory at once, the less often
/// the file is read.
const PART: u64 = 2;
const PART_UNKNOWN: u64 = 1 << 30;

/// Records that are read whenever they are asked for.
#[derive(Clone)]
pub(crate) struct Mapped {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) form: Form,
    /// Of the record of that number in the file.
    read: Read,
    /// Of the records of these numbers in the file.
    ahead: Ahead,
    /// The number in the file of each record, where they are in another order.
    order: Option<Arc<dyn Fn(usize) -> usize + Send + Sync>>,
}

impl Mapped {
    /// An array of the sizes `shape`; where `is_transposed`, the first index varies fastest.
    ///
    /// # Panics
    /// If `part` is not as long as that takes.
    pub(crate) fn array(
        part: Part,
        element: Element,
        shape: &[usize],
        is_transposed: bool,
    ) -> Self {
        let (rows, sizes) = (shape[0], &shape[1..]);
        let cols: usize = sizes.iter().product();
        assert_eq!(part.len(), rows * cols * element.size, "the array fills it");
        if !is_transposed {
            return Self::records(part, element, [rows, cols], cols * element.size, 0);
        }
        // How far the values of a record are from its first, in values.
        let place = |mut index: usize| {
            let mut steps: Vec<_> = sizes
                .iter()
                .scan(rows, |step, size| {
                    *step *= size;
                    Some(*step / size)
                })
                .collect();
            let mut place = 0;
            while let Some(step) = steps.pop() {
                let size = sizes[steps.len()];
                (place, index) = (place + index % size * step, index / size);
            }
            place
        };
        let places: Vec<usize> = (0..cols).map(place).collect();
        // The values of a record are all over the file.
        let ahead = |_| {};
        Self::new([rows, cols], element.form(), ahead, move |row, out| {
            for (value, place) in out.iter_mut().zip(&places) {
                let bytes = &part[(row + place) * element.size..][..element.size];
                element.read(bytes, std::slice::from_mut(value));
            }
        })
    }

    /// Records of `cols` values, one every `stride` bytes behind `skipped` others.
    pub(crate) fn records(
        part: Part,
        element: Element,
        [rows, cols]: [usize; 2],
        stride: usize,
        skipped: usize,
    ) -> Self {
        let all = part.clone();
        let ahead = move |rows: Range<usize>| all.will_need(rows.start * stride..rows.end * stride);
        Self::new([rows, cols], element.form(), ahead, move |row, out| {
            let bytes = &part[row * stride..][..stride];
            element.read(&bytes[skipped..], out);
        })
    }

    /// Records of bytes that are in memory.
    pub(crate) fn held(bytes: Vec<u8>, cols: usize) -> Self {
        let sizes = [bytes.len() / cols, cols];
        Self::new(
            sizes,
            Form::Bytes,
            |_| {},
            move |row, out| {
                let values = out.iter_mut().zip(&bytes[row * cols..]);
                values.for_each(|(value, &byte)| *value = byte.into());
            },
        )
    }

    fn new(
        [rows, cols]: [usize; 2],
        form: Form,
        ahead: impl Fn(Range<usize>) + Send + Sync + 'static,
        read: impl Fn(usize, &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        Self {
            rows,
            cols,
            form,
            read: Arc::new(read),
            ahead: Arc::new(ahead),
            order: None,
        }
    }

    /// The same records with what `change` makes of each; it is told what was, and writes what is.
    fn changed(
        self,
        form: Form,
        change: impl Fn(&[f64], &mut [f64]) + Send + Sync + 'static,
    ) -> Self {
        let (read, cols) = (self.read, self.cols);
        let read = move |row: usize, out: &mut [f64]| {
            with_buffer(cols, |was| {
                read(row, was);
                change(was, out);
            });
        };
        Self {
            read: Arc::new(read),
            form,
            ..self
        }
    }

    /// Images of `size`, height, width and channels, with the values of each channel side by side
    /// where those of each pixel were.
    pub(crate) fn in_planes(self, size: [usize; 3]) -> Self {
        let form = self.form;
        self.changed(form, move |was, out| {
            let places = out.iter_mut().enumerate();
            places.for_each(|(at, value)| *value = was[in_pixels(size, at)]);
        })
    }

    /// The same images in bytes, each `value · scale + offset`, rounded.
    pub(crate) fn in_bytes(self, scale: f64, offset: f64) -> Self {
        self.changed(Form::Bytes, move |was, out| {
            let values = out.iter_mut().zip(was);
            values.for_each(|(out, was)| *out = ((was * scale + offset).round() as u8).into());
        })
    }

    /// The same columns, each `(value − mean) / std` in 32 bits.
    pub(crate) fn standardized(self, mean: Vec<f64>, std: Vec<f64>) -> Self {
        self.changed(Form::Singles, move |was, out| {
            let scales = mean.iter().zip(&std);
            for ((out, was), (mean, std)) in out.iter_mut().zip(was).zip(scales) {
                *out = f64::from(((was - mean) / std) as f32);
            }
        })
    }

    /// These records, then those of `other`, which have as many values.
    pub(crate) fn followed_by(self, other: Self) -> Self {
        let (first, one, two) = (self.rows, self.read, other.read);
        let sizes = [first + other.rows, self.cols];
        let (ahead, ahead_of_other) = (self.ahead, other.ahead);
        let ahead = move |rows: Range<usize>| {
            ahead(rows.start.min(first)..rows.end.min(first));
            ahead_of_other(rows.start.max(first) - first..rows.end.max(first) - first);
        };
        Self::new(sizes, self.form, ahead, move |row, out| {
            match row.checked_sub(first) {
                None => one(row, out),
                Some(row) => two(row, out),
            }
        })
    }

    /// The same records in another order: `order` says which of these stands in each place.
    pub(crate) fn reordered(self, order: impl Fn(usize) -> usize + Send + Sync + 'static) -> Self {
        Self {
            order: Some(Arc::new(order)),
            ..self
        }
    }

    /// Calls `with` on the values of record `row`.
    pub(crate) fn with_row<R>(&self, row: usize, with: impl FnOnce(&[f64]) -> R) -> R {
        let order = self.order.as_deref();
        with_buffer(self.cols, |values| {
            (self.read)(order.map_or(row, |order| order(row)), values);
            with(values)
        })
    }

    /// Calls `is` on each of the records `rows`, in order, until it is false of one; true if it is of
    /// none.
    pub(crate) fn all_rows(&self, rows: Range<usize>, is: &mut dyn FnMut(&[f64]) -> bool) -> bool {
        match self.form {
            Form::Bytes => self.all_rows_as(rows, |value| value as u8, is),
            Form::Singles => self.all_rows_as(rows, |value| value as f32, is),
            Form::Doubles => self.all_rows_as(rows, |value| value, is),
        }
    }

    /// As [`Self::all_rows`], where records that are in memory for a while are values of `T`.
    fn all_rows_as<T: Copy + Default + Into<f64> + 'static>(
        &self,
        rows: Range<usize>,
        of: fn(f64) -> T,
        is: &mut dyn FnMut(&[f64]) -> bool,
    ) -> bool {
        let mut values = vec![0.0; self.cols];
        let records = self.clone().computed(of).slice(rows);
        let all = records.all_parts(self.cols, |part| {
            part.chunks_exact(self.cols).all(|record| {
                let places = values.iter_mut().zip(record);
                places.for_each(|(value, &found)| *value = found.into());
                is(&values)
            })
        });
        // A pass that has found what it looked for is over as well.
        tell_watch(1.0);
        all
    }

    /// Calls `with` on each of the records `rows` with its place in these, in the order of the file,
    /// which is the one that a disk is fast in.
    fn in_order_of_file(&self, rows: &[usize], pass: Pass, mut with: impl FnMut(usize, &[f64])) {
        let order = self.order.as_deref();
        let in_file = |&row: &usize| order.map_or(row, |order| order(row));
        let places = rows.iter().map(in_file).zip(0..);
        // Half as long as numbers of the machine: `MOST_RECORDS` and fewer.
        let mut places: Vec<_> = places.map(|(row, place)| (row as u32, place)).collect();
        places.sort_unstable();
        let mut groups = places.chunks((AHEAD_VALUES / self.cols).max(1)).peekable();
        if let Some(first) = groups.peek() {
            self.tell_of(first);
        }
        let mut done = pass.before;
        while let Some(group) = groups.next() {
            match (groups.peek(), group.last()) {
                (Some(next), _) => self.tell_of(next),
                // What follows in the file is most often asked for next.
                (None, Some(&(last, _))) if order.is_none() => {
                    let next = last as usize + 1..self.rows.min(last as usize + 1 + group.len());
                    (self.ahead)(next);
                }
                _ => {}
            }
            for &(row, place) in group {
                with_buffer(self.cols, |values| {
                    (self.read)(row as usize, values);
                    with(place as usize, values);
                });
            }
            done += group.len();
            tell_watch(done as f64 / pass.of as f64);
        }
    }

    /// Tells the system that the records of these numbers in the file, and places, are about to be read.
    fn tell_of(&self, places: &[(u32, u32)]) {
        let gap = GAP_VALUES / self.cols;
        let mut rest = places.iter().map(|&(row, _)| row as usize);
        let Some(first) = rest.next() else { return };
        let mut told = first..first + 1;
        for row in rest {
            if row > told.end + gap {
                (self.ahead)(told.clone());
                told.start = row;
            }
            told.end = row + 1;
        }
        (self.ahead)(told);
    }

    /// The place in the file and the value of the first that 32 bits do not hold.
    pub(crate) fn first_not_finite(&self) -> Option<(usize, f64)> {
        // In the order of the file, which is the faster one.
        let file = Self {
            order: None,
            ..self.clone()
        };
        let (mut place, mut found) = (0, None);
        file.all_rows(0..file.rows, &mut |values| {
            let wrong = values.iter().position(|&value| !is_finite(value));
            found = wrong.map(|col| (place + col, values[col]));
            place += values.len();
            found.is_none()
        });
        found
    }

    /// The values in 32 bits, as the kernels take them.
    pub(crate) fn singles(self) -> Computed<f32> {
        self.computed(|value| value as f32)
    }

    /// Likewise those of images, which are bytes.
    pub(crate) fn bytes(self) -> Computed<u8> {
        self.computed(|value| value as u8)
    }

    fn computed<T: 'static>(self, of: fn(f64) -> T) -> Computed<T> {
        let write = move |values: &[f64], out: &mut [T]| {
            let places = out.iter_mut().zip(values);
            places.for_each(|(out, &value)| *out = of(value));
        };
        let (cols, is_in_order, all) = (self.cols, self.order.is_none(), self.clone());
        let most = move || match is_in_order {
            true => AHEAD_VALUES / cols,
            // Beside a record, its number, and its place and number in the file.
            false => part_of_memory() / (cols * size_of::<T>() + 2 * size_of::<usize>()),
        };
        let each = move |row: usize, out: &mut [T]| self.with_row(row, |values| write(values, out));
        Computed::new(all.rows, each).together(most, move |rows, out, pass| {
            all.in_order_of_file(rows, pass, |place, values| {
                write(values, &mut out[place * cols..][..cols]);
            });
        })
    }
}

/// The bytes that records of a pass may take in memory.
fn part_of_memory() -> usize {
    #[cfg(test)]
    if let Some(part) = tests::PART.get() {
        return part;
    }
    let free = free_memory().map_or(PART_UNKNOWN, |free| free / PART);
    usize::try_from(free).unwrap_or(usize::MAX)
}

/// Calls `with` on a buffer of `len` numbers; a thread allocates it once for each depth of calls.
fn with_buffer<R>(len: usize, with: impl FnOnce(&mut [f64]) -> R) -> R {
    thread_local! {
        static FREE: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
    }
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.resize(len, 0.0);
    let result = with(&mut buffer);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

#[cfg(test)]
mod tests;
