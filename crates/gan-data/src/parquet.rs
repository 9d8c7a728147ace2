//! Tables of typed columns: Parquet files, and the files of Arrow's IPC format (Feather, version 2).
//!
//! Their values become the cells that a table as text would have, so that columns are told alike
//! whatever the file.

mod written;

use std::cell::Cell;
use std::error::Error;
use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use chrono::{Datelike, NaiveDateTime, NaiveTime};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

pub(crate) use written::{write_arrow, write_parquet};

use crate::array::shortest;
use crate::error::{DataError, DataProblem, OtherArrow, TypedFile};
use crate::input::{Input, check_memory};
use crate::record::Loaded;
use crate::source::Keys;
use crate::table::{self, Cells, TableKeys, Typed};
use crate::thrift;

/// The first bytes of Parquet files, and of those of Arrow.
pub(crate) const MAGICS: [&[u8]; 2] = [b"PAR1", b"ARROW1"];

/// Rows of a Parquet file that are decoded together.
const BATCH: usize = 1 << 16;

/// How dates, times, and times of day are written as cells.
const DAY: &str = "%Y-%m-%d";
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.f";
const CLOCK: &str = "%H:%M:%S%.f";

/// Loads a Parquet file or one of Arrow's IPC format.
pub(crate) fn load(input: Input, keys: Keys<'_>) -> Result<Loaded, DataError> {
    let path = input.path().to_path_buf();
    let is_parquet = input.prefix().starts_with(MAGICS[0]);
    let bytes = Bytes::from(input.whole()?);
    let columns = panics_as_damage(|| match is_parquet {
        true => read_parquet(bytes, keys.table),
        false => read_arrow(bytes, keys.table),
    });
    columns
        .and_then(|columns| table::of_cells(columns.cells(), keys.table))
        .and_then(|table| Loaded::of_table(table, keys.image))
        .map_err(|problem| problem.at(path))
}

/// What the first bytes of a file say that is of Arrow, but not one that is read.
pub(crate) fn other_arrow(prefix: &[u8]) -> Option<OtherArrow> {
    if prefix.starts_with(b"FEA1") {
        return Some(OtherArrow::FeatherOne);
    }
    // A stream begins with its schema, before which are four bytes of ones and its length.
    let (length, message) = prefix.strip_prefix(&[255; 4])?.split_first_chunk()?;
    let message = &message[..message.len().min(u32::from_le_bytes(*length) as usize)];
    let schema = arrow_ipc::root_as_message(message).ok()?.header_as_schema();
    schema.map(|_| OtherArrow::Stream)
}

/// The footer of a Parquet file, which has its length behind it.
fn footer(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.len().checked_sub(4 + MAGICS[0].len())?;
    let length = u32::from_le_bytes(*bytes[end..].first_chunk()?) as usize;
    Some(&bytes[end.checked_sub(length)?..end])
}

/// Bytes of memory per cell at the peak: its value, as it is decoded and as it is kept.
const CELL: u64 = 24;

/// Refuses more cells than the memory holds, of which a file claims any number.
fn check_cells(rows: u64, cols: usize) -> Result<(), DataProblem> {
    check_memory(rows.saturating_mul(cols.max(1) as u64).saturating_mul(CELL))
}

thread_local! {
    /// True while a panic is an answer.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls a decoder that panics on some damaged files, as Arrow's does: that is damage, too.
///
/// The hook of panics is replaced, once, by one that says nothing of these.
fn panics_as_damage<T>(decode: impl FnOnce() -> Result<T, DataProblem>) -> Result<T, DataProblem> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                usual(info);
            }
        }));
    });
    GUARDED.set(true);
    let decoded = panic::catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(false);
    decoded.map_err(|_| apart())?
}

fn apart() -> DataProblem {
    DataProblem::Archive("its parts do not fit together".into())
}

/// Bytes that LZ4 makes of one at most.
const LZ4_RATIO: u64 = 255;

/// Bytes that the compressed buffers of an Arrow file claim to become, which its decoder believes; none
/// if one claims more than can be, or is not in the file.
fn claimed(bytes: &[u8]) -> Option<u64> {
    // Behind the footer are its length and the magic.
    let end = bytes.len().checked_sub(4 + MAGICS[1].len())?;
    let length = u32::from_le_bytes(*bytes[end..].first_chunk()?) as usize;
    let footer = arrow_ipc::root_as_footer(&bytes[end.checked_sub(length)?..end]).ok()?;
    let batches = footer.recordBatches().into_iter().flatten();
    let dictionaries = footer.dictionaries().into_iter().flatten();
    let mut claimed = 0u64;
    for block in batches.chain(dictionaries) {
        let at = usize::try_from(block.offset()).ok()?;
        let length = usize::try_from(block.metaDataLength()).ok()?;
        let (metadata, body) = bytes.get(at..)?.split_at_checked(length)?;
        // Before the message are its length and, but in old files, four bytes of ones.
        let before = if metadata.starts_with(&[255; 4]) {
            8
        } else {
            4
        };
        let message = arrow_ipc::root_as_message(metadata.get(before..)?).ok()?;
        let of_dictionary = || message.header_as_dictionary_batch()?.data();
        let batch = message.header_as_record_batch().or_else(of_dictionary)?;
        // Without a codec nothing grows, and of another one the decoder says that it is not read.
        let codec = batch.compression().map(|compression| compression.codec());
        if codec != Some(CompressionType::LZ4_FRAME) {
            continue;
        }
        for buffer in batch.buffers().into_iter().flatten() {
            let at = usize::try_from(buffer.offset()).ok()?;
            let length = usize::try_from(buffer.length()).ok()?;
            let stored = body.get(at..)?.get(..length)?;
            let Some(claim) = stored.first_chunk() else {
                continue;
            };
            // -1 stands for a buffer that is not compressed.
            let claim = u64::try_from(i64::from_le_bytes(*claim)).unwrap_or(0);
            if claim > LZ4_RATIO * length as u64 {
                return None;
            }
            claimed = claimed.checked_add(claim)?;
        }
    }
    Some(claimed)
}

/// What a decoder says of a file of some kind; a codec that was left out of it is no damage.
fn undecoded(kind: TypedFile, error: &dyn Error) -> DataProblem {
    let found = error.to_string();
    let lacks = [
        "Disabled feature at compile time",
        "requires the zstd feature",
    ];
    match lacks.iter().any(|words| found.contains(words)) {
        true => DataProblem::Codec { found, kind },
        false => DataProblem::Archive(found),
    }
}

fn read_parquet(bytes: Bytes, keys: TableKeys<'_>) -> Result<Columns, DataProblem> {
    let parquet = |error: ParquetError| undecoded(TypedFile::Parquet, &error);
    let arrow = |error: ArrowError| undecoded(TypedFile::Parquet, &error);
    if footer(&bytes).and_then(thrift::is_shallow) == Some(false) {
        let found = "its groups are nested deeper than any table's";
        return Err(DataProblem::Archive(found.into()));
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(parquet)?;
    let schema = builder.schema().clone();
    let read = read_columns(&schema, keys);
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    check_cells(rows, read.len())?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), read.iter().copied());
    let together = BATCH.min(rows as usize).max(1);
    let reader = builder.with_projection(mask).with_batch_size(together);
    let reader = reader.build().map_err(parquet)?;
    let mut batches = Batches::default();
    for batch in reader {
        batches.push(batch.map_err(arrow)?)?;
        // The pages may have more than the footer says.
        if batches.rows > rows {
            return Err(apart());
        }
    }
    Columns::new(&schema, &read, &batches.all).map_err(arrow)
}

fn read_arrow(bytes: Bytes, keys: TableKeys<'_>) -> Result<Columns, DataProblem> {
    let claimed = claimed(&bytes).ok_or_else(apart)?;
    check_memory(claimed)?;
    let reader = FileReader::try_new(Cursor::new(&bytes), None).map_err(arrow)?;
    let schema = reader.schema();
    let read = read_columns(&schema, keys);
    let reader = FileReader::try_new(Cursor::new(&bytes), Some(read.clone())).map_err(arrow)?;
    let mut batches = Batches::default();
    for batch in reader {
        batches.push(batch.map_err(arrow)?)?;
    }
    check_cells(batches.rows, read.len())?;
    Columns::new(&schema, &read, &batches.all).map_err(arrow)
}

fn arrow(error: ArrowError) -> DataProblem {
    undecoded(TypedFile::Arrow, &error)
}

/// Decoded parts of a table, as far as the memory holds them.
#[derive(Default)]
struct Batches {
    all: Vec<RecordBatch>,
    rows: u64,
    bytes: u64,
}

impl Batches {
    fn push(&mut self, batch: RecordBatch) -> Result<(), DataProblem> {
        self.rows += batch.num_rows() as u64;
        // Long texts that are kept once in the file may be so large only here.
        self.bytes += batch.get_array_memory_size() as u64;
        self.all.push(batch);
        check_memory(self.bytes)
    }
}

/// The columns whose types are read, and that `keys` do not leave out; if none is left, all, so that
/// what is said of the table is true of it.
fn read_columns(schema: &Schema, keys: TableKeys<'_>) -> Vec<usize> {
    let names = schema.fields().iter().map(|field| field.name().clone());
    let names: Vec<_> = names.collect();
    let is_read = |&index: &usize| is_read(schema.field(index).data_type());
    let all: Vec<_> = (0..names.len()).filter(is_read).collect();
    let wanted = all.iter().filter(|&&index| !keys.leave_out(&names, index));
    let wanted: Vec<_> = wanted.copied().collect();
    if wanted.is_empty() { all } else { wanted }
}

fn is_read(kind: &DataType) -> bool {
    match kind {
        DataType::Timestamp(..) => true,
        DataType::Dictionary(_, values) => {
            !matches!(**values, DataType::Dictionary(..)) && is_read(values)
        }
        kind => {
            matches!(
                kind,
                DataType::Null
                    | DataType::Boolean
                    | DataType::Utf8
                    | DataType::LargeUtf8
                    | DataType::Utf8View
                    | DataType::Date32
                    | DataType::Date64
                    | DataType::Time32(_)
                    | DataType::Time64(_)
            ) || (kind.is_integer() || kind.is_floating() || kind.is_decimal())
        }
    }
}

/// A table by columns, in parts of some records each.
struct Columns {
    names: Vec<String>,
    other_types: Vec<Option<String>>,
    rows: usize,
    /// The number of the first record of each part.
    starts: Vec<usize>,
    /// The values of each column that is read, part by part.
    parts: Vec<Option<Vec<ArrayRef>>>,
    /// True of times that are all at midnight, as dates are kept by pandas.
    dates: Vec<bool>,
    /// The zones of times that have one.
    zones: Vec<Option<String>>,
    /// Dates and times that no cell holds.
    lost: Vec<usize>,
}

impl Columns {
    /// The columns of `schema`, of which `batches` have those of the numbers `read`.
    fn new(
        schema: &SchemaRef,
        read: &[usize],
        batches: &[RecordBatch],
    ) -> Result<Self, ArrowError> {
        let (mut starts, mut rows) = (Vec::new(), 0);
        for batch in batches {
            starts.push(rows);
            rows += batch.num_rows();
        }
        let part = |index: usize| {
            let place = read.iter().position(|&read| read == index)?;
            Some(
                batches
                    .iter()
                    .map(|batch| plain(batch.column(place)))
                    .collect(),
            )
        };
        let count = schema.fields().len();
        let parts: Vec<Option<Vec<ArrayRef>>> = (0..count)
            .map(|index| part(index).transpose())
            .collect::<Result<_, _>>()?;
        let other = |(field, parts): (&Arc<Field>, &Option<_>)| match parts {
            Some(_) => None,
            None => Some(field.data_type().to_string()),
        };
        let is_date = |parts: &Option<Vec<ArrayRef>>| {
            parts.iter().flatten().all(|array| {
                matches!(array.data_type(), DataType::Timestamp(..))
                    && (0..array.len())
                        .filter_map(|row| moment(array, row))
                        .all(|moment| moment.time() == NaiveTime::MIN)
            })
        };
        let fields = schema.fields();
        let zone = |(field, parts): (&Arc<Field>, &Option<_>)| match field.data_type() {
            DataType::Timestamp(_, zone) if parts.is_some() => zone.as_deref().map(str::to_owned),
            _ => None,
        };
        let zones: Vec<_> = fields.iter().zip(&parts).map(zone).collect();
        let lost = parts
            .iter()
            .map(|parts| parts.iter().flatten().map(lost_times).sum());
        Ok(Self {
            zones,
            lost: lost.collect(),
            names: fields.iter().map(|field| field.name().clone()).collect(),
            other_types: fields.iter().zip(&parts).map(other).collect(),
            rows,
            starts,
            dates: parts.iter().map(is_date).collect(),
            parts,
        })
    }

    fn cells(&self) -> Cells<'_> {
        Cells {
            names: self.names.clone(),
            other_types: self.other_types.clone(),
            typed: {
                let zones = self.zones.iter().cloned();
                zones.map(|zone| zone.map(Typed::Zone)).collect()
            },
            rows: self.rows,
            cell: Box::new(|row, col| {
                let Some(parts) = &self.parts[col] else {
                    return String::new();
                };
                let part = self.starts.partition_point(|&start| start <= row) - 1;
                cell(&parts[part], row - self.starts[part], self.dates[col])
            }),
            lost: self.lost.clone(),
        }
    }
}

/// The values that the words of a dictionary stand for; others as they are.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => arrow_select::take::take(dictionary.values(), dictionary.keys(), None),
        None => Ok(array.clone()),
    }
}

/// The date or time of `array` in `row`, if there is one and its year has four digits.
fn moment(array: &ArrayRef, row: usize) -> Option<NaiveDateTime> {
    macro_rules! moment {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value_as_datetime(row)
        };
    }
    if array.is_null(row) {
        return None;
    }
    let moment = match array.data_type() {
        DataType::Date32 => moment!(Date32Type),
        DataType::Date64 => moment!(Date64Type),
        DataType::Timestamp(TimeUnit::Second, _) => moment!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => moment!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => moment!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => moment!(TimestampNanosecondType),
        _ => None,
    };
    moment.filter(|moment| (0..=9999).contains(&moment.year()))
}

/// The time of day of `array` in `row`, if there is one.
fn clock(array: &ArrayRef, row: usize) -> Option<NaiveTime> {
    macro_rules! clock {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value_as_time(row)
        };
    }
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => clock!(Time32SecondType),
        DataType::Time32(TimeUnit::Millisecond) => clock!(Time32MillisecondType),
        DataType::Time64(TimeUnit::Microsecond) => clock!(Time64MicrosecondType),
        DataType::Time64(TimeUnit::Nanosecond) => clock!(Time64NanosecondType),
        _ => None,
    }
}

/// How many dates and times of `array` no cell holds.
fn lost_times(array: &ArrayRef) -> usize {
    let is_lost = |&row: &usize| match array.data_type() {
        DataType::Time32(_) | DataType::Time64(_) => clock(array, row).is_none(),
        _ => moment(array, row).is_none(),
    };
    match array.data_type().is_temporal() {
        true => (0..array.len())
            .filter(|&row| array.is_valid(row))
            .filter(is_lost)
            .count(),
        false => 0,
    }
}

/// The value of `array` in `row` as a table has it, empty where it is missing.
fn cell(array: &ArrayRef, row: usize, is_date: bool) -> String {
    macro_rules! value {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row)
        };
    }
    macro_rules! decimal {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value_as_string(row)
        };
    }
    if array.is_null(row) {
        return String::new();
    }
    match array.data_type() {
        DataType::Boolean => match array.as_boolean().value(row) {
            true => "true".into(),
            false => "false".into(),
        },
        DataType::Int8 => value!(Int8Type).to_string(),
        DataType::Int16 => value!(Int16Type).to_string(),
        DataType::Int32 => value!(Int32Type).to_string(),
        DataType::Int64 => value!(Int64Type).to_string(),
        DataType::UInt8 => value!(UInt8Type).to_string(),
        DataType::UInt16 => value!(UInt16Type).to_string(),
        DataType::UInt32 => value!(UInt32Type).to_string(),
        DataType::UInt64 => value!(UInt64Type).to_string(),
        DataType::Float16 => shortest(f32::from(value!(Float16Type))),
        DataType::Float32 => shortest(value!(Float32Type)),
        DataType::Float64 => shortest(value!(Float64Type)),
        DataType::Decimal32(..) => decimal!(Decimal32Type),
        DataType::Decimal64(..) => decimal!(Decimal64Type),
        DataType::Decimal128(..) => decimal!(Decimal128Type),
        DataType::Decimal256(..) => decimal!(Decimal256Type),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            let pattern = match array.data_type() {
                DataType::Timestamp(..) if !is_date => TIME,
                _ => DAY,
            };
            moment(array, row).map_or_else(String::new, |it| it.format(pattern).to_string())
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            clock(array, row).map_or_else(String::new, |it| it.format(CLOCK).to_string())
        }
        // Nothing else is read.
        _ => String::new(),
    }
}
