//! Arrays of numbers as `.npy` and IDX files hold them: their elements, and images or vectors of them.

use half::f16;

use crate::error::DataProblem;
use crate::input::Content;
use crate::mapped::{Form, Mapped};
use crate::record::{Loaded, Raw};

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) kind: Kind,
    /// Bytes of one.
    pub(crate) size: usize,
    pub(crate) big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

impl Element {
    /// True if it is one of those that [`Self::read`] knows.
    pub(crate) fn is_known(self) -> bool {
        match self.kind {
            Kind::Bool => self.size == 1,
            Kind::Unsigned | Kind::Signed => matches!(self.size, 1 | 2 | 4 | 8),
            Kind::Float => matches!(self.size, 2 | 4 | 8),
        }
    }

    /// The smallest form that holds such elements exactly, or nearly: integers of 64 bits are rounded.
    pub(crate) fn form(self) -> Form {
        match (self.kind, self.size) {
            (Kind::Bool, _) | (Kind::Unsigned, 1) => Form::Bytes,
            (_, 1 | 2) | (Kind::Float, 4) => Form::Singles,
            _ => Form::Doubles,
        }
    }

    /// An array of such elements and of the sizes `shape`, none of which is 0, from all its bytes;
    /// where `is_transposed`, the first index varies fastest.
    pub(crate) fn array(self, content: Content, shape: &[usize], is_transposed: bool) -> Raw {
        match content {
            Content::Mapped(part) => Raw::Mapped(Mapped::array(part, self, shape, is_transposed)),
            Content::Held(bytes) if is_transposed => self.decode(bytes).transposed(shape),
            Content::Held(bytes) => self.decode(bytes),
        }
    }

    /// The elements in `bytes`.
    fn decode(self, bytes: Vec<u8>) -> Raw {
        if (self.kind, self.size) == (Kind::Unsigned, 1) {
            return Raw::Bytes(bytes);
        }
        // Every value of a form is a value of 64 bits, so the way through them changes none.
        match self.form() {
            Form::Bytes => Raw::Bytes(self.collect(&bytes, |value| value as u8)),
            Form::Singles => Raw::Singles(self.collect(&bytes, |value| value as f32)),
            Form::Doubles => Raw::Doubles(self.collect(&bytes, |value| value)),
        }
    }

    fn collect<T>(self, bytes: &[u8], of: impl Fn(f64) -> T) -> Vec<T> {
        let mut values = Vec::with_capacity(bytes.len() / self.size);
        let mut some = [0.0; 1024];
        for bytes in bytes.chunks(some.len() * self.size) {
            let some = &mut some[..bytes.len() / self.size];
            self.read(bytes, some);
            values.extend(some.iter().map(|&value| of(value)));
        }
        values
    }

    /// Writes the elements in `bytes` to `out`, which has room for as many.
    pub(crate) fn read(self, bytes: &[u8], out: &mut [f64]) {
        match (self.kind, self.size) {
            (Kind::Bool, _) => self.each(bytes, out, |[byte]| u8::from(byte != 0).into()),
            (Kind::Unsigned, 1) => self.each(bytes, out, |[byte]| byte.into()),
            (Kind::Signed, 1) => self.each(bytes, out, |[byte]| (byte as i8).into()),
            (Kind::Unsigned, 2) => self.each(bytes, out, |two| u16::from_le_bytes(two).into()),
            (Kind::Signed, 2) => self.each(bytes, out, |two| i16::from_le_bytes(two).into()),
            (Kind::Float, 2) => self.each(bytes, out, |two| f16::from_le_bytes(two).into()),
            (Kind::Unsigned, 4) => self.each(bytes, out, |four| u32::from_le_bytes(four).into()),
            (Kind::Signed, 4) => self.each(bytes, out, |four| i32::from_le_bytes(four).into()),
            (Kind::Float, 4) => self.each(bytes, out, |four| f32::from_le_bytes(four).into()),
            (Kind::Unsigned, _) => self.each(bytes, out, |eight| u64::from_le_bytes(eight) as f64),
            (Kind::Signed, _) => self.each(bytes, out, |eight| i64::from_le_bytes(eight) as f64),
            (Kind::Float, _) => self.each(bytes, out, f64::from_le_bytes),
        }
    }

    /// Writes what `of` makes of each element, whose lowest byte comes first there.
    fn each<const N: usize>(self, bytes: &[u8], out: &mut [f64], of: impl Fn([u8; N]) -> f64) {
        for (value, word) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
            let mut word = *word;
            if self.big_endian {
                word.reverse();
            }
            *value = of(word);
        }
    }

    /// The one element in `bytes` as a table has it: exactly.
    pub(crate) fn text(self, bytes: &[u8]) -> String {
        if self.kind == Kind::Bool {
            return if bytes == [0] { "False" } else { "True" }.into();
        }
        let mut bytes = bytes.to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        let is_negative = self.kind == Kind::Signed && bytes.last().is_some_and(|&high| high > 127);
        let mut eight = if is_negative { [255; 8] } else { [0; 8] };
        eight[..bytes.len()].copy_from_slice(&bytes);
        match (self.kind, &bytes[..]) {
            (Kind::Float, &[a, b]) => shortest(f32::from(f16::from_le_bytes([a, b]))),
            (Kind::Float, &[a, b, c, d]) => shortest(f32::from_le_bytes([a, b, c, d])),
            (Kind::Float, _) => shortest(f64::from_le_bytes(eight)),
            (Kind::Signed, _) => i64::from_le_bytes(eight).to_string(),
            _ => u64::from_le_bytes(eight).to_string(),
        }
    }
}

/// The shortest text that reads back to `value`.
pub(crate) fn shortest<T: Copy + Into<f64> + std::fmt::Display + std::fmt::LowerExp>(
    value: T,
) -> String {
    let size = value.into().abs();
    match size == 0.0 || (1e-5..1e16).contains(&size) || !size.is_finite() {
        true => value.to_string(),
        false => format!("{value:e}"),
    }
}

/// Images that are flat in a file are these where nothing else is said: MNIST's.
const FLAT: (usize, [usize; 3]) = (784, [28, 28, 1]);

/// Records of an array of the sizes `shape`, none of which is 0: records of images if it has three
/// or four of them, otherwise vectors, unless `image` tells the size of an image.
pub(crate) fn records(
    raw: Raw,
    shape: &[usize],
    image: Option<&[usize]>,
) -> Result<Loaded, DataProblem> {
    let cols: usize = shape[1..].iter().product();
    if let Some(image) = image {
        return images(raw, key(image, cols)?, Order::Pixels);
    }
    match *shape {
        [_, height, width] => images(raw, [height, width, 1], Order::Pixels),
        [_, height, width, channels @ (1 | 3)] => {
            images(raw, [height, width, channels], Order::Pixels)
        }
        [_, channels @ (1 | 3), height, width] => {
            images(raw, [height, width, channels], Order::Planes)
        }
        [_] | [_, _] if cols == FLAT.0 && raw.form() == Form::Bytes => {
            let mut loaded = images(raw, FLAT.1, Order::Pixels)?;
            let note = "784 bytes are taken for 28×28 pixels; data.image overrules";
            loaded.notes.push(note.into());
            Ok(loaded)
        }
        [_] | [_, _] => {
            raw.check_finite(cols)?;
            Ok(Loaded::vectors(cols, raw))
        }
        _ => Err(DataProblem::Unsupported {
            found: format!("an array of {} dimensions", shape.len()),
            expected: "records × values, records × height × width, or records × height × width × \
                       1 or 3",
        }),
    }
}

/// Height, width and channels that `data.image` says records of `cols` values are.
pub(crate) fn key(image: &[usize], cols: usize) -> Result<[usize; 3], DataProblem> {
    let size = match *image {
        [height, width] => [height, width, 1],
        [height, width, channels @ (1 | 3)] => [height, width, channels],
        _ => [0; 3],
    };
    let pixels = size[0]
        .checked_mul(size[1])
        .and_then(|area| area.checked_mul(size[2]));
    match pixels {
        Some(pixels) if pixels == cols && cols > 0 => Ok(size),
        _ => Err(DataProblem::ImageKey {
            found: image.to_vec(),
            cols,
        }),
    }
}

/// Which values of an image stand side by side in a file.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order {
    /// Those of one pixel.
    Pixels,
    /// Those of one channel.
    Planes,
}

/// Images of `size`, height, width and channels; the range of the values says what they mean.
pub(crate) fn images(raw: Raw, size: [usize; 3], order: Order) -> Result<Loaded, DataProblem> {
    let (raw, note) = bytes(raw, size.iter().product())?;
    let raw = match order {
        Order::Pixels if size[2] > 1 => raw.in_planes(size),
        _ => raw,
    };
    let mut loaded = Loaded::images(size, raw);
    loaded.notes.extend(note);
    Ok(loaded)
}

/// Where the value is, in an image of the pixels of `size`, height, width and channels, that is at
/// `place` in its planes.
pub(crate) fn in_pixels([height, width, channels]: [usize; 3], place: usize) -> usize {
    let area = height * width;
    place % area * channels + place / area
}

/// Grey levels as bytes, and a remark where they were not.
fn bytes(raw: Raw, cols: usize) -> Result<(Raw, Option<String>), DataProblem> {
    if raw.form() == Form::Bytes {
        let rows = || 0..raw.len() / cols;
        let all = |is: fn(&f64) -> bool| raw.all_rows(cols, rows(), |row| row.iter().all(is));
        if !all(|&byte| byte <= 1.0) || all(|&byte| byte == 0.0) {
            return Ok((raw, None));
        }
        let note = "pixels are 0 and 1, taken for black and white".to_owned();
        return Ok((raw.in_bytes(255.0, 0.0), Some(note)));
    }
    raw.check_finite(cols)?;
    let (mut low, mut high, mut is_whole) = (f64::INFINITY, f64::NEG_INFINITY, true);
    raw.all_rows(cols, 0..raw.len() / cols, |row| {
        low = row.iter().copied().fold(low, f64::min);
        high = row.iter().copied().fold(high, f64::max);
        is_whole &= row.iter().all(|value| value.fract() == 0.0);
        true
    });
    let (scale, offset) = match (low, high) {
        (0.0.., ..=1.0) => (255.0, 0.0),
        (0.0.., ..=255.0) if is_whole => (1.0, 0.0),
        // Less bright, they are of another scale, and would be lost.
        (0.0.., 16.0..=255.0) => (1.0, 0.0),
        (-1.0.., ..=1.0) => (127.5, 127.5),
        _ => {
            return Err(DataProblem::ImageRange {
                found: format!("{} to {}", shortest(low), shortest(high)),
            });
        }
    };
    let note = match scale == 1.0 {
        true if is_whole => None,
        true => Some(format!(
            "pixels from {low} to {high} are rounded to whole numbers"
        )),
        false => Some(format!(
            "pixels from {low} to {high} are taken in 256 steps, 0 to 255"
        )),
    };
    Ok((raw.in_bytes(scale, offset), note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(kind: Kind, size: usize, big_endian: bool, bytes: &[u8]) -> Vec<f64> {
        let element = Element {
            kind,
            size,
            big_endian,
        };
        assert!(element.is_known());
        let raw = element.array(Content::Held(bytes.to_vec()), &[1, 1], false);
        (0..raw.len()).map(|index| raw.at(index)).collect()
    }

    #[test]
    fn every_element_is_decoded_in_either_order() {
        for (kind, size, bytes, value) in [
            (Kind::Bool, 1, &[1][..], 1.0),
            (Kind::Unsigned, 1, &[200], 200.0),
            (Kind::Signed, 1, &[200], -56.0),
            (Kind::Unsigned, 2, &[1, 2], 513.0),
            (Kind::Signed, 2, &[0, 255], -256.0),
            (Kind::Float, 2, &[0x00, 0xc1], -2.5),
            (Kind::Unsigned, 4, &[0, 0, 0, 128], 2_147_483_648.0),
            (Kind::Signed, 4, &[254, 255, 255, 255], -2.0),
            (Kind::Float, 4, &(-2.5f32).to_le_bytes(), -2.5),
            (
                Kind::Unsigned,
                8,
                &[0, 0, 0, 0, 1, 0, 0, 0],
                4_294_967_296.0,
            ),
            (Kind::Signed, 8, &(-3i64).to_le_bytes(), -3.0),
            (Kind::Float, 8, &0.1f64.to_le_bytes(), 0.1),
        ] {
            assert_eq!(
                decoded(kind, size, false, bytes),
                [value],
                "{kind:?} {size}"
            );
            let reversed: Vec<_> = bytes.iter().rev().copied().collect();
            assert_eq!(
                decoded(kind, size, true, &reversed),
                [value],
                "{kind:?} {size}"
            );
        }
    }

    #[test]
    fn ranges_say_what_pixels_mean() {
        let of = |values: &[f64]| {
            let loaded = images(Raw::Doubles(values.to_vec()), [1, 2, 1], Order::Pixels)?;
            match loaded.raw {
                Raw::Bytes(bytes) => Ok((bytes, loaded.notes.len())),
                _ => panic!("images are bytes"),
            }
        };
        assert_eq!(of(&[0.0, 1.0]).unwrap(), (vec![0, 255], 1));
        assert_eq!(of(&[0.0, 200.0]).unwrap(), (vec![0, 200], 0));
        assert_eq!(of(&[-1.0, 1.0]).unwrap(), (vec![0, 255], 1));
        assert_eq!(of(&[0.4, 199.5]).unwrap(), (vec![0, 200], 1));
        assert!(of(&[0.25, 1.5]).is_err());
        let error: DataProblem = of(&[-3.0, 812.5]).unwrap_err();
        assert!(error.to_string().contains("-3 to 812.5"), "{error}");
        let error = of(&[0.0, 1e30]).unwrap_err().to_string();
        assert!(error.contains("0 to 1e30"), "{error}");
        let bits = images(Raw::Bytes(vec![1, 0]), [1, 2, 1], Order::Pixels).unwrap();
        assert!(matches!(bits.raw, Raw::Bytes(bytes) if bytes == [255, 0]));
    }

    #[test]
    fn channels_become_planes() {
        let bytes = vec![1, 2, 3, 4, 5, 6];
        let interleaved = records(Raw::Bytes(bytes.clone()), &[1, 1, 2, 3], None).unwrap();
        assert!(matches!(interleaved.raw, Raw::Bytes(planes) if planes == [1, 4, 2, 5, 3, 6]));
        let planes = records(Raw::Bytes(bytes.clone()), &[1, 3, 1, 2], None).unwrap();
        assert!(matches!(planes.raw, Raw::Bytes(planes) if planes == bytes));
        let flat = records(Raw::Bytes(bytes.clone()), &[1, 6], Some(&[1, 2, 3])).unwrap();
        assert_eq!(flat.shape.image(), Some([1, 2, 3]));
        for key in [&[2, 2][..], &[6], &[1, 3, 2], &[usize::MAX, 6]] {
            assert!(records(Raw::Bytes(bytes.clone()), &[1, 6], Some(key)).is_err());
        }
    }
}
