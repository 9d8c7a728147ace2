//! NumPy's `.npy`: one array of bytes, 32-bit or 64-bit floats.
//!
//! Format: NumPy Enhancement Proposal 1 and `numpy.lib.format`.
//! The header is read here and not by the `npyz` crate, which allocates what the file says its
//! header takes, up to 4 GiB, and multiplies the dimensions unchecked.
//! The tests hold this reader and [`write_npy`](crate::write_npy) to that crate.

use crate::error::{DataError, excerpt};
use crate::input::Input;
use crate::record::{Loaded, Raw};

/// The first bytes of every file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header that is read, in bytes; `numpy.load` has the same limit.
const MAX_HEADER: usize = 10_000;

const SUPPORTED: &str = "records × columns of float32, float64 or uint8, or records × height × \
                         width of uint8, in C order";

/// Loads an array: 1-D as records of one column, 2-D as rows, 3-D bytes as grey images.
pub(crate) fn load(mut input: Input) -> Result<Loaded, DataError> {
    let header = read_header(&mut input)?;
    let Some(element) = Element::parse(&header.descr) else {
        let found = format!("an array of type {}", excerpt(&header.descr));
        return Err(unsupported(&input, found));
    };
    let is_images = header.dims.len() == 3 && element == Element::Byte && !header.fortran;
    if !(is_images || matches!(header.dims.len(), 1 | 2)) {
        let found = format!("an array of {}", header.describe());
        return Err(unsupported(&input, found));
    }
    let sizes = header.dims.iter().copied().chain([element.size()]);
    let length = sizes.into_iter().try_fold(1u64, u64::checked_mul);
    let mut bytes = Vec::new();
    input.payload(length, &header.describe(), &mut bytes)?;
    if bytes.is_empty() {
        let path = input.path().into();
        return Err(DataError::NoRecords { path });
    }
    if is_images {
        let [height, width] = [1, 2].map(|axis| header.dims[axis] as usize);
        return Ok(Loaded::images([height, width, 1], bytes));
    }
    // The payload is in memory and not empty, so the sizes fit and none is zero.
    let rows = header.dims[0] as usize;
    let raw = element.decode(bytes);
    let cols = raw.len() / rows;
    let raw = if header.fortran {
        raw.transposed(cols)
    } else {
        raw
    };
    raw.check_finite(input.path(), cols)?;
    Ok(Loaded::table(cols, None, raw))
}

/// A file named `.npy` that does not begin like one.
pub(crate) fn bad_magic(input: &Input) -> DataError {
    let start = input.prefix().len().min(MAGIC.len());
    bad(
        input,
        format!("{:?}", String::from_utf8_lossy(&input.prefix()[..start])),
        "the magic \\x93NUMPY",
    )
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Element {
    Byte,
    Single { big_endian: bool },
    Double { big_endian: bool },
}

impl Element {
    fn parse(descr: &str) -> Option<Self> {
        let big_endian = descr.starts_with('>');
        match descr {
            "|u1" | "<u1" | ">u1" => Some(Self::Byte),
            "<f4" | ">f4" => Some(Self::Single { big_endian }),
            "<f8" | ">f8" => Some(Self::Double { big_endian }),
            _ => None,
        }
    }

    /// Bytes per element.
    fn size(self) -> u64 {
        match self {
            Self::Byte => 1,
            Self::Single { .. } => 4,
            Self::Double { .. } => 8,
        }
    }

    fn decode(self, bytes: Vec<u8>) -> Raw {
        match self {
            Self::Byte => Raw::Bytes(bytes),
            Self::Single { big_endian: false } => Raw::Singles(words(&bytes, f32::from_le_bytes)),
            Self::Single { big_endian: true } => Raw::Singles(words(&bytes, f32::from_be_bytes)),
            Self::Double { big_endian: false } => Raw::Doubles(words(&bytes, f64::from_le_bytes)),
            Self::Double { big_endian: true } => Raw::Doubles(words(&bytes, f64::from_be_bytes)),
        }
    }
}

fn words<const N: usize, T>(bytes: &[u8], word: fn([u8; N]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks::<N>();
    words.iter().map(|&bytes| word(bytes)).collect()
}

/// The three entries of the header's Python dictionary.
#[derive(Debug, PartialEq)]
struct Header {
    /// NumPy's name of the element type.
    descr: String,
    /// True if the first index varies fastest.
    fortran: bool,
    /// The sizes of the array along its axes.
    dims: Vec<u64>,
}

fn read_header(input: &mut Input) -> Result<Header, DataError> {
    let [.., major, _minor] = input.array::<8>()?;
    let length = match major {
        1 => u32::from(u16::from_le_bytes(input.array()?)),
        2 | 3 => u32::from_le_bytes(input.array()?),
        _ => return Err(bad(input, format!("version {major}"), "version 1, 2 or 3")),
    };
    let length = length as usize;
    if length > MAX_HEADER {
        let found = format!("a header of {length} bytes");
        return Err(bad(input, found, "at most 10000 bytes"));
    }
    let bytes = input.bytes(length)?;
    let text = String::from_utf8_lossy(&bytes);
    Header::parse(&text).map_err(|expected| bad(input, excerpt(text.trim_end()), expected))
}

impl Header {
    /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    ///
    /// The error says what was expected.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rest = Cursor(text);
        let (mut descr, mut fortran, mut dims) = (None, None, None);
        rest.expect('{').ok_or("a Python dictionary")?;
        while rest.expect('}').is_none() {
            let key = rest.string().ok_or("a key in quotes")?;
            rest.expect(':').ok_or("a colon after each key")?;
            match key {
                "descr" => {
                    let structured = "a plain type in quotes for descr";
                    descr = Some(rest.string().ok_or(structured)?.to_owned());
                }
                "fortran_order" => {
                    fortran = match rest.word() {
                        "True" => Some(true),
                        "False" => Some(false),
                        _ => return Err("True or False for fortran_order"),
                    }
                }
                "shape" => dims = Some(rest.tuple().ok_or("a tuple of sizes for shape")?),
                _ => return Err("the keys descr, fortran_order and shape"),
            }
            if rest.expect(',').is_none() && !rest.0.trim_start().starts_with('}') {
                return Err("a comma between entries");
            }
        }
        let missing = "the keys descr, fortran_order and shape";
        Ok(Self {
            descr: descr.ok_or(missing)?,
            fortran: fortran.ok_or(missing)?,
            dims: dims.ok_or(missing)?,
        })
    }

    fn describe(&self) -> String {
        let dims: Vec<_> = self.dims.iter().map(u64::to_string).collect();
        let order = if self.fortran {
            " in Fortran order"
        } else {
            ""
        };
        format!("{} of type {}{order}", dims.join("×"), self.descr)
    }
}

/// The rest of a header's text.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn expect(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(wanted)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (string, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn word(&mut self) -> &'a str {
        let text = self.0.trim_start();
        let end = text
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        word
    }

    fn tuple(&mut self) -> Option<Vec<u64>> {
        self.expect('(')?;
        let mut sizes = Vec::new();
        while self.expect(')').is_none() {
            // Python 2 wrote long integers as `3L`.
            sizes.push(self.word().trim_end_matches('L').parse().ok()?);
            if self.expect(',').is_none() && !self.0.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(sizes)
    }
}

fn unsupported(input: &Input, found: String) -> DataError {
    DataError::Unsupported {
        path: input.path().into(),
        found,
        expected: SUPPORTED,
    }
}

fn bad(input: &Input, found: String, expected: &'static str) -> DataError {
    DataError::BadHeader {
        path: input.path().into(),
        found,
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Option<(String, bool, Vec<u64>)> {
        let header = Header::parse(text).ok()?;
        Some((header.descr, header.fortran, header.dims))
    }

    #[test]
    fn header_of_numpy_parses() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }      \n";
        assert_eq!(fields(text), Some(("<f4".into(), false, vec![3, 4])));
        let text = "{\"shape\":(7L,),\"fortran_order\":True,\"descr\":\"|u1\"}";
        assert_eq!(fields(text), Some(("|u1".into(), true, vec![7])));
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': ()}";
        assert_eq!(fields(text), Some(("<f8".into(), false, vec![])));
    }

    #[test]
    fn header_that_is_not_the_three_entries_is_refused() {
        for text in [
            "",
            "{",
            "[]",
            "{}",
            "{'descr': '<f4'}",
            "{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': (2,)}",
            "{'descr: 'é",
        ] {
            assert_eq!(fields(text), None, "{text}");
        }
        assert_eq!(fields(&"(".repeat(10_000)), None);
    }
}
