//! NumPy's arrays of structures: named fields, side by side in every record.

use chrono::{DateTime, Datelike};

use crate::array::Element;
use crate::npy;
use crate::table::Cells;

/// A field of a structure.
pub(crate) struct Field {
    name: String,
    /// Its first byte in a record.
    at: usize,
    size: usize,
    kind: FieldKind,
}

enum FieldKind {
    Number(Element),
    /// Bytes, zeros behind them.
    Bytes,
    /// Code points of four bytes each.
    Text {
        big_endian: bool,
    },
    /// Nanoseconds of one count since 1970.
    Time {
        big_endian: bool,
        nanoseconds: i64,
    },
    /// Anything else, as NumPy calls it.
    Other(String),
}

/// The fields of a structure and its size in bytes, from name and type of each; none if a field has
/// no size that can be told.
pub(crate) fn fields(descr: &[Vec<toml::Value>]) -> Option<(Vec<Field>, usize)> {
    let (mut fields, mut end) = (Vec::new(), 0usize);
    for field in descr {
        let (name, kind, sizes) = match &field[..] {
            [name, toml::Value::String(kind)] => (name, kind, None),
            [name, toml::Value::String(kind), toml::Value::Array(sizes)] => {
                (name, kind, Some(sizes))
            }
            _ => return None,
        };
        // A title may stand before the name.
        let name = match name {
            toml::Value::String(name) => name,
            toml::Value::Array(two) => two.last()?.as_str()?,
            _ => return None,
        };
        let one = FieldKind::of(kind)?;
        let (kind, size) = match sizes {
            None => one,
            Some(sizes) => {
                let sizes = sizes
                    .iter()
                    .map(|size| usize::try_from(size.as_integer()?).ok());
                let sizes: Vec<usize> = sizes.collect::<Option<_>>()?;
                let count = sizes
                    .iter()
                    .try_fold(1usize, |count, &size| count.checked_mul(size))?;
                (
                    FieldKind::Other(format!("{kind} {sizes:?}")),
                    one.1.checked_mul(count)?,
                )
            }
        };
        // Fields without a name are the padding of C's structures.
        if !name.is_empty() {
            let name = name.to_owned();
            fields.push(Field {
                name,
                at: end,
                size,
                kind,
            });
        }
        end = end.checked_add(size)?;
    }
    (end > 0 && !fields.is_empty()).then_some((fields, end))
}

impl FieldKind {
    /// The kind that NumPy calls `descr`, and its size in bytes.
    fn of(descr: &str) -> Option<(Self, usize)> {
        if let Some(element) = npy::element(descr) {
            return Some((Self::Number(element), element.size));
        }
        let big_endian = descr.starts_with('>');
        let (kind, rest) = descr.get(1..)?.split_at_checked(1)?;
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let count: usize = rest[..digits].parse().ok()?;
        let nanoseconds = match &rest[digits..] {
            "[D]" => 86_400_000_000_000,
            "[h]" => 3_600_000_000_000,
            "[m]" => 60_000_000_000,
            "[s]" => 1_000_000_000,
            "[ms]" => 1_000_000,
            "[us]" => 1_000,
            "[ns]" => 1,
            _ => 0,
        };
        let size = if kind == "U" {
            count.checked_mul(4)?
        } else {
            count
        };
        let kind = match kind {
            // Python's objects are pickled, in as many bytes as that takes.
            "O" => return None,
            "S" | "a" => Self::Bytes,
            "U" => Self::Text { big_endian },
            "M" if count == 8 && nanoseconds > 0 => Self::Time {
                big_endian,
                nanoseconds,
            },
            _ => Self::Other(descr.to_owned()),
        };
        Some((kind, size))
    }
}

impl Field {
    fn cell(&self, record: &[u8]) -> String {
        let bytes = &record[self.at..self.at + self.size];
        match &self.kind {
            FieldKind::Number(element) => element.text(bytes),
            FieldKind::Bytes => {
                let end = bytes
                    .iter()
                    .rposition(|&byte| byte != 0)
                    .map_or(0, |last| last + 1);
                String::from_utf8_lossy(&bytes[..end]).into_owned()
            }
            FieldKind::Text { big_endian } => {
                let points = bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&four| match big_endian {
                        true => u32::from_be_bytes(four),
                        false => u32::from_le_bytes(four),
                    });
                let text = points.map(|point| char::from_u32(point).unwrap_or('\u{fffd}'));
                text.collect::<String>().trim_end_matches('\0').to_owned()
            }
            FieldKind::Time {
                big_endian,
                nanoseconds,
            } => time(bytes, *big_endian, *nanoseconds).unwrap_or_default(),
            FieldKind::Other(_) => String::new(),
        }
    }

    /// True of a time that no cell holds.
    fn is_lost(&self, record: &[u8]) -> bool {
        let bytes = &record[self.at..self.at + self.size];
        match self.kind {
            FieldKind::Time { big_endian, .. } => {
                count(bytes, big_endian).is_some() && self.cell(record).is_empty()
            }
            _ => false,
        }
    }
}

/// The count of a time; none if it is missing.
fn count(bytes: &[u8], big_endian: bool) -> Option<i64> {
    let bytes = *bytes.first_chunk()?;
    let count = match big_endian {
        true => i64::from_be_bytes(bytes),
        false => i64::from_le_bytes(bytes),
    };
    (count != i64::MIN).then_some(count)
}

/// A time as a table has it; none if it is missing or beyond the calendar.
fn time(bytes: &[u8], big_endian: bool, nanoseconds: i64) -> Option<String> {
    let all = i128::from(count(bytes, big_endian)?) * i128::from(nanoseconds);
    let seconds = i64::try_from(all.div_euclid(1_000_000_000)).ok()?;
    let time = DateTime::from_timestamp(seconds, all.rem_euclid(1_000_000_000) as u32)?;
    if !(0..=9999).contains(&time.year()) {
        return None;
    }
    let pattern = match nanoseconds {
        86_400_000_000_000 => "%Y-%m-%d",
        _ => "%Y-%m-%dT%H:%M:%S%.f",
    };
    Some(time.format(pattern).to_string())
}

/// Records of `size` bytes as the cells of a table.
pub(crate) fn cells<'a>(fields: &'a [Field], bytes: &'a [u8], size: usize) -> Cells<'a> {
    let other = |field: &Field| match &field.kind {
        FieldKind::Other(kind) => Some(kind.clone()),
        _ => None,
    };
    let lost = |field: &Field| {
        let records = bytes.chunks_exact(size);
        records.filter(|record| field.is_lost(record)).count()
    };
    Cells {
        names: fields.iter().map(|field| field.name.clone()).collect(),
        other_types: fields.iter().map(other).collect(),
        typed: vec![None; fields.len()],
        rows: bytes.len() / size,
        cell: Box::new(move |row, col| fields[col].cell(&bytes[row * size..][..size])),
        lost: fields.iter().map(lost).collect(),
    }
}
