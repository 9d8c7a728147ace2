//! NumPy's `.npy`: one array of bytes, 32-bit or 64-bit floats.
//!
//! Format: NumPy Enhancement Proposal 1 and `numpy.lib.format`.
//! The header is read here and not by the `npyz` crate, which allocates what the file says its
//! header takes, up to 4 GiB, and multiplies the dimensions unchecked.
//! The tests hold this reader and [`write_npy`](crate::write_npy) to that crate.

use serde::Deserialize;

use crate::error::{DataError, DataProblem, excerpt};
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
    let is_images = header.shape.len() == 3 && element == Element::Byte && !header.fortran_order;
    if !(is_images || matches!(header.shape.len(), 1 | 2)) {
        let found = format!("an array of {}", header.describe());
        return Err(unsupported(&input, found));
    }
    let sizes = header.shape.iter().copied().chain([element.size()]);
    let length = sizes.into_iter().try_fold(1u64, u64::checked_mul);
    let mut bytes = Vec::new();
    input.payload(length, &header.describe(), &mut bytes)?;
    if bytes.is_empty() {
        return Err(input.error(DataProblem::NoRecords));
    }
    if is_images {
        let [height, width] = [1, 2].map(|axis| header.shape[axis] as usize);
        return Ok(Loaded::images([height, width, 1], bytes));
    }
    // The payload is in memory and not empty, so the sizes fit and none is zero.
    let rows = header.shape[0] as usize;
    let raw = element.decode(bytes);
    let cols = raw.len() / rows;
    let raw = match header.fortran_order {
        true => raw.transposed(cols),
        false => raw,
    };
    raw.check_finite(cols)
        .map_err(|problem| input.error(problem))?;
    Ok(Loaded::vectors(cols, raw))
}

/// A file named `.npy` that does not begin like one.
pub(crate) fn bad_magic(input: &Input) -> DataError {
    let start = input.prefix().len().min(MAGIC.len());
    let found = String::from_utf8_lossy(&input.prefix()[..start]);
    bad(input, format!("{found:?}"), "the magic \\x93NUMPY")
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

/// The header's Python dictionary.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// NumPy's name of the element type.
    descr: String,
    /// True if the first index varies fastest.
    fortran_order: bool,
    /// The sizes of the array along its axes.
    shape: Vec<u64>,
}

const HEADER: &str = "a Python dictionary of descr, a plain type in quotes, fortran_order, True or \
                      False, and shape, a tuple of sizes";

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
    Header::parse(&text).ok_or_else(|| bad(input, excerpt(text.trim_end()), HEADER))
}

impl Header {
    /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    ///
    /// With other signs that is a table of TOML: no plain type has one of these in its name.
    fn parse(text: &str) -> Option<Self> {
        // Python 2 wrote long integers as `3L`.
        let signs = [
            (":", "="),
            ("L,", ","),
            ("L)", ")"),
            ("(", "["),
            (")", "]"),
            ("True", "true"),
            ("False", "false"),
        ];
        let table = signs
            .iter()
            .fold(text.trim().to_owned(), |text, (python, toml)| {
                text.replace(python, toml)
            });
        let value = toml::de::ValueDeserializer::parse(&table).ok()?;
        Self::deserialize(value).ok()
    }

    fn describe(&self) -> String {
        let sizes: Vec<_> = self.shape.iter().map(u64::to_string).collect();
        let text = format!("{} of type {}", sizes.join("×"), self.descr);
        text + if self.fortran_order {
            " in Fortran order"
        } else {
            ""
        }
    }
}

fn unsupported(input: &Input, found: String) -> DataError {
    let expected = SUPPORTED;
    input.error(DataProblem::Unsupported { found, expected })
}

fn bad(input: &Input, found: String, expected: &'static str) -> DataError {
    input.error(DataProblem::BadHeader { found, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Option<(String, bool, Vec<u64>)> {
        let header = Header::parse(text)?;
        Some((header.descr, header.fortran_order, header.shape))
    }

    #[test]
    fn header_of_numpy_parses() {
        for (text, descr, fortran, dims) in [
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n",
                "<f4",
                false,
                vec![3, 4],
            ),
            (
                "{\"shape\":(7L,),\"fortran_order\":True,\"descr\":\"|u1\"}",
                "|u1",
                true,
                vec![7],
            ),
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': ()}",
                "<f8",
                false,
                vec![],
            ),
        ] {
            assert_eq!(fields(text), Some((descr.into(), fortran, dims)), "{text}");
        }
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
