//! Records as tables of typed columns: each column of the type that it was read from.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{CLOCK, DAY, TIME};
use crate::record::RecordShape;
use crate::table::{
    self, DAY_OF_DIGITS, Role, Style, Typed, is_missing_text, microseconds, write_time,
};
use crate::write::{Contents, Next};

/// Bytes that the writer gathers before they make a group of rows.
const GROUP: usize = 32 << 20;

/// A column of a file that is written, by the place of its value in a record.
enum Written {
    Single(usize),
    Double(usize),
    Whole(usize),
    Unsigned(usize),
    Truth(usize),
    Days(usize),
    /// Days as whole numbers such as 20240131.
    Digits(usize),
    /// Seconds since 1970, in steps of so many microseconds.
    Times(usize, i64),
    /// Seconds since midnight, likewise.
    Clock(usize, i64),
    /// The place of a text.
    Level(usize, Vec<String>),
    /// The place of one of these values, which are written as this.
    Typed(usize, Vec<f64>, Box<Written>),
    /// Times that are written as this, in a zone.
    Zoned(Box<Written>, Arc<str>),
    /// The same text in every record.
    Constant(String),
    /// The same value in every record, which is written as this.
    Always(f64, Box<Written>),
    /// The number of the record, from this one on.
    Counted(u64),
}

/// Writes records as a Parquet file, compressed with Snappy.
pub(crate) fn write_parquet(
    file: &mut (impl Write + Send),
    contents: Contents<'_>,
    next: &mut Next<'_>,
) -> io::Result<()> {
    let columns = written(contents);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let properties = Some(properties.build());
    let mut writer = ArrowWriter::try_new(file, schema(&columns, contents), properties)?;
    write_batches(&columns, contents, next, |batch| {
        writer.write(&batch)?;
        if writer.in_progress_size() > GROUP {
            writer.flush()?;
        }
        Ok(())
    })?;
    writer.close()?;
    Ok(())
}

/// Writes records as a file of Arrow's IPC format.
pub(crate) fn write_arrow(
    file: &mut impl Write,
    contents: Contents<'_>,
    next: &mut Next<'_>,
) -> io::Result<()> {
    let columns = written(contents);
    let writer = FileWriter::try_new(file, &schema(&columns, contents));
    let mut writer = writer.map_err(io::Error::other)?;
    write_batches(&columns, contents, next, |batch| {
        writer.write(&batch).map_err(io::Error::other)
    })?;
    writer.finish().map_err(io::Error::other)
}

/// Names and types of columns.
fn schema(columns: &[(String, Written)], contents: Contents<'_>) -> SchemaRef {
    let field = |(name, column): &(String, Written)| {
        Field::new(
            name,
            column.array(&[], contents.cols, 0..0).data_type().clone(),
            column.may_be_blank(contents.shape),
        )
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Gives the records to `write` by parts.
fn write_batches(
    columns: &[(String, Written)],
    contents: Contents<'_>,
    next: &mut Next<'_>,
    mut write: impl FnMut(RecordBatch) -> io::Result<()>,
) -> io::Result<()> {
    let schema = schema(columns, contents);
    for part in contents.parts() {
        let rows = next(part.clone())?;
        let arrays = columns
            .iter()
            .map(|(_, column)| column.array(&rows, contents.cols, part.clone()));
        let batch = RecordBatch::try_new(schema.clone(), arrays.collect());
        write(batch.map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// The columns that are written, by name.
fn written(contents: Contents<'_>) -> Vec<(String, Written)> {
    let RecordShape::Table(table) = contents.shape else {
        let names = contents.names();
        let name = |col: usize| match &names {
            Some(names) => names[col].clone(),
            None => (col + 1).to_string(),
        };
        let column = |col: usize| match contents.double {
            true => Written::Double(col),
            false => Written::Single(col),
        };
        return (0..contents.cols)
            .map(|col| (name(col), column(col)))
            .collect();
    };
    let mut values = 0..contents.cols;
    let columns = table.columns.iter().map(|column| {
        let written = match &column.role {
            Role::Constant(text) => match Written::of_texts(std::slice::from_ref(text)) {
                Some((values, written)) => Written::Always(values[0], Box::new(written)),
                None => Written::Constant(text.clone()),
            },
            Role::Counted(first) => Written::Counted(*first),
            Role::Values(style) => {
                let at = values.next().unwrap_or(contents.cols);
                Written::of(style, column.typed.as_ref(), at)
            }
        };
        let written = match &column.typed {
            Some(Typed::Zone(zone)) => Written::Zoned(Box::new(written), zone.as_str().into()),
            _ => written,
        };
        (column.name.clone(), written)
    });
    columns.collect()
}

impl Written {
    fn of(style: &Style, typed: Option<&Typed>, at: usize) -> Self {
        match style {
            Style::Number(number) if number.decimals == 0 && !number.scientific => match typed {
                Some(Typed::Unsigned) => Self::Unsigned(at),
                Some(Typed::Float) => Self::Double(at),
                _ => Self::Whole(at),
            },
            Style::Number(_) => Self::Double(at),
            Style::Truth([no, yes])
                if no.eq_ignore_ascii_case("false") && yes.eq_ignore_ascii_case("true") =>
            {
                Self::Truth(at)
            }
            Style::Truth(words) => Self::Level(at, words.to_vec()),
            Style::Category(texts) => match Self::of_texts(texts) {
                Some((values, written)) => Self::Typed(at, values, Box::new(written)),
                None => Self::Level(at, texts.clone()),
            },
            Style::Time(pattern) if pattern == DAY_OF_DIGITS => Self::Digits(at),
            Style::Time(pattern) => {
                let micros = |[times, over]: [f64; 2]| (1e6 * over / times) as i64;
                let step = style.rounding().map_or(1, micros);
                match (pattern.contains('d'), pattern.contains('H')) {
                    (true, false) => Self::Days(at),
                    (true, true) => Self::Times(at, step),
                    (false, _) => Self::Clock(at, step),
                }
            }
        }
    }

    /// The values of `texts` and how they are written, if all are truths, dates or times as
    /// [`cell`] has them.
    fn of_texts(texts: &[String]) -> Option<(Vec<f64>, Self)> {
        type Value = fn(&String) -> Option<f64>;
        let truth: Value = |text| match text.as_str() {
            "false" => Some(0.0),
            "true" => Some(1.0),
            _ => None,
        };
        let day: Value = |text| {
            let day = NaiveDate::parse_from_str(text, DAY).ok()?;
            let days = day.signed_duration_since(NaiveDate::default()).num_days();
            (day.format(DAY).to_string() == *text).then_some(days as f64)
        };
        let time: Value = |text| {
            let time = NaiveDateTime::parse_from_str(text, TIME).ok()?;
            let micros = time.and_utc().timestamp_micros();
            (time.format(TIME).to_string() == *text).then_some(micros as f64 * 1e-6)
        };
        let clock: Value = |text| {
            let clock = NaiveTime::parse_from_str(text, CLOCK).ok()?;
            let seconds = clock.signed_duration_since(NaiveTime::MIN).as_seconds_f64();
            (clock.format(CLOCK).to_string() == *text).then_some(seconds)
        };
        let kinds = [
            (truth, Self::Truth(0)),
            (day, Self::Days(0)),
            (time, Self::Times(0, 1)),
            (clock, Self::Clock(0, 1)),
        ];
        kinds.into_iter().find_map(|(value, written)| {
            let values: Option<Vec<f64>> = texts.iter().map(value).collect();
            Some((values.filter(|values| !values.is_empty())?, written))
        })
    }

    /// True if a value may be missing.
    fn may_be_blank(&self, shape: &RecordShape) -> bool {
        let RecordShape::Table(table) = shape else {
            return false;
        };
        let at = match self {
            Self::Single(at)
            | Self::Double(at)
            | Self::Whole(at)
            | Self::Unsigned(at)
            | Self::Truth(at)
            | Self::Days(at)
            | Self::Digits(at)
            | Self::Times(at, _)
            | Self::Clock(at, _)
            | Self::Level(at, _)
            | Self::Typed(at, ..) => *at,
            Self::Zoned(of, _) => return of.may_be_blank(shape),
            Self::Constant(text) => return is_missing_text(text),
            Self::Always(..) | Self::Counted(_) => return false,
        };
        let is_learnt = |column: &&table::Column| matches!(column.role, Role::Values(_));
        let column = table.columns.iter().filter(is_learnt).nth(at);
        column.is_some_and(|column| column.blank.is_some())
    }

    /// The column of the records `part`, rows of `cols` values; those that are NaN are missing.
    fn array(&self, rows: &[f64], cols: usize, part: Range<usize>) -> ArrayRef {
        let count = part.len();
        let values = |at: usize| {
            let values = rows.iter().skip(at).step_by(cols);
            values.map(|value| (!value.is_nan()).then_some(*value))
        };
        let micros = |at: usize, step: i64| {
            let nearest = move |seconds: f64| {
                let micros = microseconds(seconds).saturating_add(step / 2);
                micros.div_euclid(step).saturating_mul(step)
            };
            values(at).map(move |seconds| Some(nearest(seconds?)))
        };
        match self {
            Self::Single(at) => {
                // Of columns that are no table's, in which NaN is a number.
                let values = rows.iter().skip(*at).step_by(cols);
                Arc::new(Float32Array::from_iter_values(
                    values.map(|value| *value as f32),
                ))
            }
            Self::Double(at) => Arc::new(Float64Array::from_iter(values(*at))),
            Self::Whole(at) => {
                let whole = values(*at).map(|value| value.map(|value| value as i64));
                Arc::new(Int64Array::from_iter(whole))
            }
            Self::Unsigned(at) => {
                let whole = values(*at).map(|value| value.map(|value| value as u64));
                Arc::new(UInt64Array::from_iter(whole))
            }
            Self::Truth(at) => {
                let truths = values(*at).map(|value| value.map(|value| value >= 0.5));
                Arc::new(BooleanArray::from_iter(truths))
            }
            Self::Level(at, texts) => {
                let text = |place: Option<f64>| texts.get(place?.round() as usize);
                Arc::new(StringArray::from_iter(values(*at).map(text)))
            }
            Self::Digits(at) => {
                let digits = |day: f64| write_time(day, DAY_OF_DIGITS).parse::<i64>().ok();
                Arc::new(Int64Array::from_iter(values(*at).map(|day| digits(day?))))
            }
            Self::Typed(at, texts, of) => {
                let value = |place: Option<f64>| texts.get(place?.round() as usize).copied();
                let values = values(*at).map(|place| value(place).unwrap_or(f64::NAN));
                of.array(&values.collect::<Vec<_>>(), 1, part)
            }
            Self::Zoned(of, zone) => {
                const MICROS: i64 = 86_400_000_000;
                let array = of.array(rows, cols, part);
                let times = match array.data_type() {
                    DataType::Date32 => {
                        let days = array.as_primitive::<Date32Type>();
                        days.unary::<_, TimestampMicrosecondType>(|day| i64::from(day) * MICROS)
                    }
                    DataType::Timestamp(..) => {
                        array.as_primitive::<TimestampMicrosecondType>().clone()
                    }
                    _ => return array,
                };
                Arc::new(times.with_timezone(zone.clone()))
            }
            Self::Days(at) => {
                let days = values(*at).map(|days| Some(days?.round() as i32));
                Arc::new(Date32Array::from_iter(days))
            }
            Self::Times(at, step) => {
                Arc::new(TimestampMicrosecondArray::from_iter(micros(*at, *step)))
            }
            Self::Clock(at, step) => {
                const LAST: i64 = 86_400_000_000 - 1;
                let clock = micros(*at, *step).map(|time| Some(time?.clamp(0, LAST)));
                Arc::new(Time64MicrosecondArray::from_iter(clock))
            }
            Self::Counted(first) => {
                let number = |index: usize| first.saturating_add(index as u64);
                let numbers = part.map(|index| i64::try_from(number(index)).unwrap_or(i64::MAX));
                Arc::new(Int64Array::from_iter_values(numbers))
            }
            Self::Always(value, of) => of.array(&vec![*value; count], 1, part),
            Self::Constant(text) if is_missing_text(text) => Arc::new(StringArray::new_null(count)),
            Self::Constant(text) => {
                match (text.parse::<i64>(), text.parse(), text.parse::<f64>()) {
                    // A number that is written otherwise, such as 007, is a text.
                    (Ok(whole), ..) if whole.to_string() == *text => {
                        Arc::new(Int64Array::from_value(whole, count))
                    }
                    (_, Ok(whole), _) if u64::to_string(&whole) == *text => {
                        Arc::new(UInt64Array::from_value(whole, count))
                    }
                    (.., Ok(number)) if number.is_finite() && number.to_string() == *text => {
                        Arc::new(Float64Array::from_value(number, count))
                    }
                    _ => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                        text, count,
                    ))),
                }
            }
        }
    }
}
