//! NumPy's `.npy`: one array of booleans, integers, floats or structures.
//!
//! Format: NumPy Enhancement Proposal 1 and `numpy.lib.format`.
//! The header is read here and not by the `npyz` crate, which allocates what the file says its
//! header takes, up to 4 GiB, and multiplies the dimensions unchecked.
//! The tests hold this reader and [`write_records`](crate::write_records) to that crate.

use std::fmt;

use serde::Deserialize;

use crate::array::{self, Element, Kind};
use crate::error::{DataError, DataProblem, excerpt};
use crate::input::Input;
use crate::record::Loaded;
use crate::source::Keys;
use crate::{structure, table};

/// The first bytes of every file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header that is read, in bytes; `numpy.load` has the same limit.
const MAX_HEADER: usize = 10_000;

/// Bytes before the longest header, and the header.
pub(crate) const LONGEST_START: u64 = 12 + MAX_HEADER as u64;

/// Loads an array: 1-D as records of one column, 2-D as vectors, 3-D and 4-D as images; one of
/// structures is a table whose columns are their fields.
pub(crate) fn load(mut input: Input, keys: Keys<'_>) -> Result<Loaded, DataError> {
    let header = read_header(&mut input)?;
    let element = match &header.descr {
        Descr::Fields(fields) => return load_fields(input, &header, fields, keys),
        Descr::Plain(descr) => element(descr),
    };
    let Some(element) = element else {
        return Err(input.error(DataProblem::Unsupported {
            found: format!("an array of type {}", excerpt(&header.descr.to_string())),
            expected: "booleans, integers or floats",
        }));
    };
    if header.shape.len() > 4 {
        let found = format!("an array of {} dimensions", header.shape.len());
        let expected = "1 to 4: records, and the sizes of one";
        return Err(input.error(DataProblem::Unsupported { found, expected }));
    }
    let length = header.length(element.size);
    let content = input.content(length, &header.describe())?;
    header.check(&input, &content)?;
    // The content is there and not empty, so the sizes fit and none is zero.
    let shape: Vec<_> = header.shape.iter().map(|&size| size as usize).collect();
    let raw = element.array(content, &shape, header.fortran_order);
    array::records(raw, &shape, keys.image).map_err(|problem| input.error(problem))
}

/// Loads an array of structures.
fn load_fields(
    mut input: Input,
    header: &Header,
    fields: &[Vec<toml::Value>],
    keys: Keys<'_>,
) -> Result<Loaded, DataError> {
    let unsupported = |found: String| DataProblem::Unsupported {
        found,
        expected: "one dimension of structures of booleans, numbers, times and text",
    };
    let Some((fields, size)) = structure::fields(fields) else {
        let found = format!("an array of type {}", excerpt(&header.descr.to_string()));
        return Err(input.error(unsupported(found)));
    };
    if header.shape.len() != 1 {
        let found = format!("structures in {} dimensions", header.shape.len());
        return Err(input.error(unsupported(found)));
    }
    let bytes = input.payload(header.length(size), &header.describe())?;
    header.check(&input, &bytes)?;
    let cells = structure::cells(&fields, &bytes, size);
    table::of_cells(cells, keys.table)
        .and_then(|table| Loaded::of_table(table, keys.image))
        .map_err(|problem| input.error(problem))
}

/// The sizes of an array, from the beginning of its file.
pub(crate) fn shape(input: &mut Input) -> Result<Vec<u64>, DataError> {
    Ok(read_header(input)?.shape)
}

/// A file named `.npy` that does not begin like one.
pub(crate) fn bad_magic(input: &Input) -> DataError {
    let start = input.prefix().len().min(MAGIC.len());
    let found = String::from_utf8_lossy(&input.prefix()[..start]);
    bad(input, format!("{found:?}"), "the magic \\x93NUMPY")
}

/// The element that NumPy calls `descr`.
pub(crate) fn element(descr: &str) -> Option<Element> {
    let (order, rest) = descr.split_at_checked(1)?;
    let (kind, size) = rest.split_at_checked(1)?;
    let element = Element {
        kind: match kind {
            "b" => Kind::Bool,
            "u" => Kind::Unsigned,
            "i" => Kind::Signed,
            "f" => Kind::Float,
            _ => return None,
        },
        size: size.parse().ok()?,
        big_endian: order == ">",
    };
    let is_order = matches!(order, "<" | ">") || (order == "|" && element.size == 1);
    (is_order && element.is_known()).then_some(element)
}

/// The header's Python dictionary.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// NumPy's name of the element type.
    descr: Descr,
    /// True if the first index varies fastest.
    fortran_order: bool,
    /// The sizes of the array along its axes.
    shape: Vec<u64>,
}

/// The type of an array's elements.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Descr {
    Plain(String),
    /// Name, type and perhaps the sizes of each field of a structure.
    Fields(Vec<Vec<toml::Value>>),
}

impl fmt::Display for Descr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(name) => f.write_str(name),
            Self::Fields(fields) => write!(f, "structures of {} fields", fields.len()),
        }
    }
}

const HEADER: &str = "a Python dictionary of descr, a type in quotes or a list of fields, fortran_order, True or \
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
    /// With other signs outside of quotes that is a table of TOML.
    fn parse(text: &str) -> Option<Self> {
        let (mut table, mut rest) = (String::new(), text.trim());
        while let Some(at) = rest.find(['\'', '"']) {
            let (outside, quoted) = rest.split_at(at);
            let quote = quoted.chars().next()?;
            let end = quoted[1..].find(quote)? + 2;
            table += &as_toml(outside);
            table += &quoted[..end];
            rest = &quoted[end..];
        }
        table += &as_toml(rest);
        let value = toml::de::ValueDeserializer::parse(&table).ok()?;
        Self::deserialize(value).ok()
    }

    /// Bytes of an array of elements of `size` bytes.
    fn length(&self, size: usize) -> Option<u64> {
        let sizes = self.shape.iter().copied().chain([size as u64]);
        sizes.into_iter().try_fold(1u64, u64::checked_mul)
    }

    /// Refuses an array without records.
    fn check(&self, input: &Input, content: &[u8]) -> Result<(), DataError> {
        match content.is_empty() || self.shape.is_empty() {
            true => Err(input.error(DataProblem::NoRecords)),
            false => Ok(()),
        }
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

/// Signs of Python as TOML has them.
fn as_toml(text: &str) -> String {
    let signs = [
        (":", "="),
        // Python 2 wrote long integers as `3L`.
        ("L,", ","),
        ("L)", ")"),
        ("(", "["),
        (")", "]"),
        ("True", "true"),
        ("False", "false"),
    ];
    let replaced = |text: String, (python, toml): &(&str, &str)| text.replace(python, toml);
    signs.iter().fold(text.to_owned(), replaced)
}

fn bad(input: &Input, found: String, expected: &'static str) -> DataError {
    input.error(DataProblem::BadHeader { found, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Option<(String, bool, Vec<u64>)> {
        let header = Header::parse(text)?;
        Some((header.descr.to_string(), header.fortran_order, header.shape))
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
            (
                "{'descr': [('a (m: True)', '<f4'), (\"it's\", '<i8', (2,))], 'fortran_order': False, \
                 'shape': (1,)}",
                "structures of 2 fields",
                false,
                vec![1],
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
            "{'descr': ['a', '<f4'], 'fortran_order': False, 'shape': (1,)}",
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
