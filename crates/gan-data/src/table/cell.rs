//! The values of cells, and cells of values: how a column writes its numbers, so that generated ones
//! are written alike.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};

/// What stands for a missing value, beside an empty cell.
const MISSING: [&str; 12] = [
    "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "#n/a", "<na>",
];

/// True if the cell stands for a missing value.
pub(crate) fn is_missing(cell: &str) -> bool {
    cell.is_empty()
        || (cell.len() <= 4 && MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word)))
}

/// True if the cell of a column of texts stands for a missing value: `none` or a dash may be one of the
/// texts.
pub(crate) fn is_missing_text(cell: &str) -> bool {
    is_missing(cell) && !is_soft(cell)
}

/// True for a word that stands for a missing value among numbers alone.
pub(crate) fn is_soft(cell: &str) -> bool {
    const SOFT: [&str; 5] = ["none", "nil", "-", "--", "."];
    SOFT.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// True for digits that number things and count nothing: with a leading zero, or more of them than a
/// number of 64 bits tells apart, also behind a sign.
pub(crate) fn is_code(cell: &str) -> bool {
    let digits = cell.strip_prefix(['-', '−', '+']).unwrap_or(cell);
    let is_long = digits.len() > 15 || (cell.len() > 1 && cell.starts_with('0'));
    is_long && is_digits(digits)
}

/// True for a plus and more digits than what is counted has mostly, such as a telephone number.
pub(crate) fn is_telephone(cell: &str) -> bool {
    let digits = cell.strip_prefix('+');
    digits.is_some_and(|digits| digits.len() >= 8 && is_digits(digits))
}

/// The digits before and behind an `E`, where there are digits alone; behind it there may be none.
pub(crate) fn around_e(cell: &str) -> Option<(&str, &str)> {
    let (before, behind) = match cell.split_once(['e', 'E']) {
        Some((before, behind)) if !behind.is_empty() => (before, behind),
        Some(_) => return None,
        None => (cell, ""),
    };
    (!before.is_empty() && is_digits(before) && is_digits(behind)).then_some((before, behind))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How a day is written without marks.
pub(crate) const DAY_OF_DIGITS: &str = "%Y%m%d";

/// True for a day of these centuries that is written so.
pub(crate) fn is_day_of_digits(cell: &str) -> bool {
    (cell.starts_with("19") || cell.starts_with("20")) && time(cell, DAY_OF_DIGITS).is_some()
}

/// The marks in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Before the decimals.
    pub decimal: char,
    /// Between groups of three digits.
    pub thousands: Option<char>,
}

/// The marks that are read, the more usual ones first.
pub(crate) const MARKS: [Marks; 12] = [
    marks('.', None),
    marks('.', Some(',')),
    marks(',', None),
    marks(',', Some('.')),
    marks(',', Some(' ')),
    marks('.', Some(' ')),
    marks('.', Some('\'')),
    // Blanks at which no line is broken, and what typesetters take for an apostrophe.
    marks('.', Some('\u{a0}')),
    marks(',', Some('\u{a0}')),
    marks('.', Some('\u{202f}')),
    marks(',', Some('\u{202f}')),
    marks('.', Some('’')),
];

const fn marks(decimal: char, thousands: Option<char>) -> Marks {
    Marks { decimal, thousands }
}

/// How a column writes its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberStyle {
    /// Their marks; groups are separated if any cell had them so.
    pub marks: Marks,
    /// What stands before a number, such as `$`.
    pub prefix: String,
    /// And behind it, such as `%`.
    pub suffix: String,
    /// The most decimals of a cell.
    pub decimals: u8,
    /// True if all cells have that many.
    pub fixed: bool,
    /// True if there are powers of ten, as in `1.5e3`: then the shortest form is written.
    pub scientific: bool,
    /// Zeros behind the mark of whole numbers, as in `12.0`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub zeros: u8,
    /// True if positive numbers have a sign.
    #[serde(default, skip_serializing_if = "is_default")]
    pub plus: bool,
    /// True if no nought stands before the mark, as in `.5`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bare: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A number and how its cell writes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number<'a> {
    pub(crate) value: f64,
    pub(crate) prefix: &'a str,
    pub(crate) suffix: &'a str,
    pub(crate) decimals: u8,
    pub(crate) grouped: bool,
    pub(crate) scientific: bool,
    /// True if its decimals are zeros, or none.
    pub(crate) is_whole: bool,
    pub(crate) has_plus: bool,
    /// Whether a nought stands before the decimals, if nothing or that does.
    pub(crate) nought: Option<bool>,
}

/// The number in `cell`, if it is one under `marks`: digits with a sign, marks and a power of ten, a
/// currency before or behind, or a percent sign.
pub(crate) fn number(cell: &str, marks: Marks) -> Option<Number<'_>> {
    // A sign may stand before the currency.
    let (sign, unsigned) = match cell.strip_prefix(['-', '−']) {
        Some(rest) => (-1.0, rest),
        None => (1.0, cell),
    };
    let is_digit = |c: char| c.is_ascii_digit() || c == '.' || c == marks.decimal;
    let begin = unsigned.find(|c| is_digit(c) || (sign > 0.0 && "+-−".contains(c)))?;
    let end = unsigned.rfind(is_digit)?;
    let (prefix, rest) = unsigned.split_at(begin);
    let (body, suffix) = rest.split_at_checked(end + 1 - begin)?;
    if !is_unit(prefix) || !is_unit(suffix) {
        return None;
    }
    let plain = plain(body, marks)?;
    let (mantissa, exponent) = match plain.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (&*plain, None),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let nought = match whole.trim_start_matches(['+', '-']) {
        _ if decimals.is_empty() => None,
        "" => Some(false),
        "0" => Some(true),
        _ => None,
    };
    Some(Number {
        value: sign * plain.parse::<f64>().ok()?,
        prefix,
        suffix,
        decimals: u8::try_from(decimals.len()).unwrap_or(u8::MAX),
        grouped: marks.thousands.is_some_and(|mark| body.contains(mark)),
        scientific: exponent.is_some(),
        is_whole: decimals.bytes().all(|digit| digit == b'0'),
        has_plus: cell.starts_with('+'),
        nought,
    })
}

/// Currencies, a percent sign, or nothing.
fn is_unit(text: &str) -> bool {
    matches!(
        text.trim(),
        "" | "%" | "$" | "€" | "£" | "¥" | "₹" | "USD" | "EUR" | "GBP"
    )
}

/// The number as Rust reads it, if its digits are grouped as `marks` say.
fn plain(body: &str, marks: Marks) -> Option<std::borrow::Cow<'_, str>> {
    let is_plain = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    if marks == MARKS[0] {
        if body.chars().all(is_plain) {
            return Some(body.into());
        }
        return body
            .starts_with('−')
            .then(|| body.replacen('−', "-", 1).into());
    }
    let (whole, rest) = match body.find([marks.decimal, 'e', 'E']) {
        Some(end) => body.split_at(end),
        None => (body, ""),
    };
    let whole = whole.replacen('−', "-", 1);
    let whole = match marks.thousands {
        Some(mark) if whole.contains(mark) => {
            let mut groups = whole.trim_start_matches(['-', '+']).split(mark);
            let first = groups.next()?;
            let begins = (1..=3).contains(&first.len()) && !first.starts_with('0');
            if !begins || groups.any(|group| group.len() != 3) {
                return None;
            }
            whole.replace(mark, "")
        }
        _ => whole,
    };
    if marks.decimal != '.' && (whole.contains('.') || rest.contains('.')) {
        return None;
    }
    let text = whole + &rest.replacen(marks.decimal, ".", 1);
    text.chars().all(is_plain).then(|| text.into())
}

impl NumberStyle {
    /// `value` as a cell; it has been rounded to the style's decimals.
    pub(crate) fn write(&self, value: f64) -> String {
        let is_far = value != 0.0 && !(1e-4..1e16).contains(&value.abs());
        let text = if self.scientific && is_far {
            format!("{value:e}")
        } else if self.scientific || self.decimals > 15 {
            format!("{value}")
        } else {
            let text = format!("{value:.*}", usize::from(self.decimals));
            match self.fixed || !text.contains('.') {
                true => text,
                false => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            }
        };
        // No column has a negative zero.
        let is_zero = text.bytes().all(|byte| b"-0.".contains(&byte));
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) if is_zero => ("", digits),
            Some(digits) => ("-", digits),
            None if self.plus && !is_zero => ("+", &*text),
            None => ("", &*text),
        };
        let zeros = "0".repeat(usize::from(self.zeros));
        let (whole, decimals) = match digits.split_once('.') {
            Some(("0", decimals)) if self.bare => ("", Some(decimals)),
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (digits, (self.zeros > 0).then_some(&*zeros)),
        };
        let mut cell = format!("{sign}{}", self.prefix);
        for (index, digit) in whole.char_indices() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                cell.extend(self.marks.thousands);
            }
            cell.push(digit);
        }
        if let Some(decimals) = decimals {
            cell.push(self.marks.decimal);
            cell += decimals;
        }
        cell + &self.suffix
    }

    /// The decimals of a value, if they are limited: those of exponents are not.
    pub(crate) fn decimals(&self) -> Option<usize> {
        (!self.scientific && self.decimals <= 15).then(|| usize::from(self.decimals))
    }

    /// `value` with as many decimals as the column has.
    pub(crate) fn round(&self, value: f64) -> f64 {
        if self.scientific || self.decimals > 15 {
            return value;
        }
        let scale = 10f64.powi(i32::from(self.decimals));
        let scaled = value * scale;
        // Beyond 2^53 every number is whole already.
        if scaled.abs() < 9e15 {
            scaled.round() / scale
        } else {
            value
        }
    }
}

/// Pairs of words that stand for no and yes.
const TRUTHS: [[&str; 2]; 4] = [["false", "true"], ["no", "yes"], ["f", "t"], ["n", "y"]];

/// Which pair of [`TRUTHS`] the cell is of, and whether it is the second word.
pub(crate) fn truth(cell: &str) -> Option<(usize, bool)> {
    let of_pair = |(index, words): (usize, &[&str; 2])| {
        let place = words
            .iter()
            .position(|word| cell.eq_ignore_ascii_case(word))?;
        Some((index, place == 1))
    };
    TRUTHS.iter().enumerate().find_map(of_pair)
}

/// The patterns of dates and times that are read; days before months only where months before days
/// do not fit.
///
/// Days, months and hours may be written without a zero before them: [`with_form`].
pub(crate) const TIMES: [&str; 43] = [
    DAY_OF_DIGITS,
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d%b%Y",
    "%b %d, %Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%d %b %y",
    "%d-%b-%y",
    // What is always nought in a file stays so: coarser patterns come first.
    "%Y-%m-%d 00:00:00",
    "%Y-%m-%dT00:00:00",
    "%Y-%m-%d %H:%M:00",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:00.000",
    "%Y-%m-%d %H:%M:00.000000",
    "%Y-%m-%d %H:%M:%S.000",
    "%Y-%m-%d %H:%M:%S.000000",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:00",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:00.000000",
    "%Y-%m-%dT%H:%M:%S.000000",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:00Z",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d.%m.%y %H:%M",
    "%H:%M:00",
    "%H:%M:%S",
    "%H:%M",
];

/// Two digits from this on are years of the last century, as in spreadsheets; a clock would make
/// values depend on the day on which they are read.
const PIVOT: i32 = 30;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// How cells write what the pattern of a time leaves open.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeForm {
    /// For month, day and hour, whether it stands without a zero before it.
    short: [bool; 3],
    /// And whether it stands with one.
    zero: [bool; 3],
    /// Fewest and most decimals of the seconds.
    decimals: [u8; 2],
}

impl TimeForm {
    /// What two cells or more have.
    pub(crate) fn and(self, other: Self) -> Self {
        let either = |a: [bool; 3], b: [bool; 3]| [0, 1, 2].map(|at| a[at] || b[at]);
        let ([fewest, most], [other_fewest, other_most]) = (self.decimals, other.decimals);
        Self {
            short: either(self.short, other.short),
            zero: either(self.zero, other.zero),
            decimals: [fewest.min(other_fewest), most.max(other_most)],
        }
    }
}

/// `pattern` as cells of `form` write it: `%-d` is a day without a zero before it, and `%.3f` are
/// three decimals.
pub(crate) fn with_form(pattern: &str, form: TimeForm) -> String {
    let mut pattern = pattern.to_owned();
    for (at, field) in ["m", "d", "H"].into_iter().enumerate() {
        // Where no cell tells, as other fields of the column are written.
        if form.short[at] || (form.short.contains(&true) && !form.zero[at]) {
            pattern = pattern.replace(&format!("%{field}"), &format!("%-{field}"));
        }
    }
    match form.decimals {
        [fewest, most @ 1..=9] if fewest == most => pattern.replace("%.f", &format!("%.{most}f")),
        // Whole seconds among them may be written without.
        [_, 1..=3] => pattern.replace("%.f", "%.3f"),
        _ => pattern,
    }
}

/// What stands before and behind the decimals of seconds in `pattern`, and how many they are, where
/// that is fixed.
fn at_decimals(pattern: &str) -> Option<(&str, Option<usize>, &str)> {
    let (before, rest) = pattern.split_once("%.")?;
    let (digits, behind) = rest.split_once('f')?;
    Some((before, digits.parse().ok(), behind))
}

/// True if `pattern` is one of [`TIMES`] in some form.
fn is_known(pattern: &str) -> bool {
    let mut plain = pattern.replace("%-", "%");
    if let Some((before, Some(1..=9), behind)) = at_decimals(&plain) {
        plain = format!("{before}%.f{behind}");
    }
    TIMES.contains(&&*plain)
}

/// The time in `cell` written as `pattern` says: days since 1970 for a date, seconds since then or
/// since midnight for a time.
pub(crate) fn time(cell: &str, pattern: &str) -> Option<f64> {
    time_and_form(cell, pattern).map(|(time, _)| time)
}

/// The same, and how the cell writes it.
pub(crate) fn time_and_form(cell: &str, pattern: &str) -> Option<(f64, TimeForm)> {
    // Cheap, and true of every time.
    if cell.len() > 32 || !cell.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let parts = Parts::of(cell.as_bytes(), pattern.as_bytes())?;
    let time = match (pattern.contains('d'), pattern.contains('H')) {
        (true, false) => parts.days()?,
        (false, _) => parts.seconds()?,
        (true, true) => parts.days()? * DAY + parts.seconds()?,
    };
    Some((time, parts.form))
}

/// The parts of a time as a cell has them.
#[derive(Default)]
struct Parts {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanosecond: u32,
    form: TimeForm,
}

impl Parts {
    /// Those of a cell that is written as `pattern` says, to the number of digits.
    fn of(mut cell: &[u8], mut pattern: &[u8]) -> Option<Self> {
        // Without its century, `3.5.21` may be a version of a program.
        let is_version = || !pattern.iter().any(|it| b"/b".contains(it));
        let is_strict =
            pattern == DAY_OF_DIGITS.as_bytes() || (pattern.contains(&b'y') && is_version());
        let short = if is_strict { 2 } else { 1 };
        let mut parts = Self::default();
        while let Some((&byte, rest)) = pattern.split_first() {
            pattern = rest;
            if byte != b'%' {
                cell = cell.strip_prefix(&[byte])?;
                if byte == b' ' {
                    cell = cell.trim_ascii_start();
                }
                continue;
            }
            let field = pattern.iter().position(u8::is_ascii_alphabetic)?;
            match pattern[field] {
                b'Y' => parts.year = year(&mut cell)?,
                b'y' => {
                    let year = digits(&mut cell, 2, 2)?.0 as i32;
                    parts.year = if year < PIVOT { 2000 } else { 1900 } + year;
                }
                b'm' => parts.month = parts.form.number(0, digits(&mut cell, short, 2)?),
                b'd' => parts.day = parts.form.number(1, digits(&mut cell, short, 2)?),
                b'H' => parts.hour = parts.form.number(2, digits(&mut cell, short, 2)?),
                b'M' => parts.minute = digits(&mut cell, 2, 2)?.0,
                b'S' => parts.second = digits(&mut cell, 2, 2)?.0,
                b'b' => {
                    let (name, rest) = cell.split_at_checked(3)?;
                    let is_it = |month: &str| name.eq_ignore_ascii_case(month.as_bytes());
                    parts.month = MONTHS.iter().position(|month| is_it(month))? as u32 + 1;
                    cell = rest;
                }
                _ => {
                    if let Some(mut rest) = cell.strip_prefix(b".") {
                        let (value, count) = digits(&mut rest, 1, 9)?;
                        parts.nanosecond = value * 10u32.pow(9 - count as u32);
                        let more = rest.iter().take_while(|it| it.is_ascii_digit()).count();
                        cell = &rest[more..];
                        parts.form.decimals = [(count + more) as u8; 2];
                    }
                }
            }
            pattern = &pattern[field + 1..];
        }
        cell.is_empty().then_some(parts)
    }

    /// Days since 1970.
    fn days(&self) -> Option<f64> {
        let date = NaiveDate::from_ymd_opt(self.year, self.month, self.day)?;
        let days = date.signed_duration_since(NaiveDate::default()).num_days();
        Some(days as f64)
    }

    /// Seconds since midnight; a minute may have a leap second.
    fn seconds(&self) -> Option<f64> {
        let is_time = self.hour < 24 && self.minute < 60 && self.second <= 60;
        let seconds = (self.hour * 60 + self.minute) * 60 + self.second;
        is_time.then(|| f64::from(seconds) + f64::from(self.nanosecond) * 1e-9)
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Takes a number of `fewest` to `most` digits from `cell`: its value, and how many there were.
fn digits(cell: &mut &[u8], fewest: usize, most: usize) -> Option<(u32, usize)> {
    let own = cell.iter().take(most);
    let count = own.take_while(|byte| byte.is_ascii_digit()).count();
    let (own, rest) = cell.split_at(count);
    *cell = rest;
    let value = |sum: u32, byte: &u8| 10 * sum + u32::from(byte - b'0');
    (count >= fewest).then(|| (own.iter().fold(0, value), count))
}

/// Takes a year of four digits, or one beyond those with a sign, as ISO 8601 has it.
fn year(cell: &mut &[u8]) -> Option<i32> {
    let (sign, most) = match cell.first()? {
        b'+' => (1, 6),
        b'-' => (-1, 6),
        _ => return Some(digits(cell, 4, 4)?.0 as i32),
    };
    *cell = &cell[1..];
    Some(sign * digits(cell, 4, most)?.0 as i32)
}

impl TimeForm {
    /// The value of a number of one or two digits, the form of which is noted.
    fn number(&mut self, at: usize, (value, count): (u32, usize)) -> u32 {
        self.short[at] = count == 1;
        self.zero[at] = count == 2 && value < 10;
        value
    }
}

/// The time in `cell` in ISO 8601, as [`time`] gives it for a column of `pattern`: a date alone is its
/// midnight, and a time with an offset is moved to UTC.
pub(crate) fn iso_time(cell: &str, pattern: &str) -> Option<f64> {
    if !pattern.contains('d') {
        return time(cell, "%H:%M:%S%.f");
    }
    let local = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ];
    let date = || Some(time(cell, "%Y-%m-%d")? * DAY);
    let in_utc = || {
        let time = DateTime::parse_from_rfc3339(cell).ok()?;
        Some(time.timestamp_micros() as f64 * 1e-6)
    };
    let seconds = date()
        .or_else(|| local.iter().find_map(|pattern| time(cell, pattern)))
        .or_else(in_utc)?;
    Some(match pattern.contains('H') {
        true => seconds,
        false => seconds / DAY,
    })
}

/// Factor and divisor of a value under which those that `pattern` can tell apart are the whole
/// numbers; none if it tells all apart.
pub(crate) fn time_scale(pattern: &str) -> Option<[f64; 2]> {
    match at_decimals(pattern) {
        // In microseconds, as they are written.
        Some((_, Some(digits @ 1..=6), _)) => Some([10f64.powi(digits as i32), 1.0]),
        Some(_) => None,
        None if pattern.contains('H') && !pattern.contains('S') => Some([1.0, 60.0]),
        None => Some([1.0, 1.0]),
    }
}

/// Digits behind the point of a time's seconds, if they are limited.
pub(crate) fn time_decimals(pattern: &str) -> Option<usize> {
    at_decimals(pattern).map_or(Some(0), |(_, digits, _)| digits)
}

/// `value` as far as `pattern` tells it from others.
pub(crate) fn round_time(value: f64, pattern: &str) -> f64 {
    time_scale(pattern).map_or(value, |[times, over]| {
        (value * times / over).round() * over / times
    })
}

/// `seconds` in whole microseconds.
pub(crate) fn microseconds(seconds: f64) -> i64 {
    // Apart, so that nothing is lost of the fraction.
    let whole = seconds.floor();
    let fraction = ((seconds - whole) * 1e6).round();
    (whole as i64)
        .saturating_mul(1_000_000)
        .saturating_add(fraction as i64)
}

/// A cell of `value`, as [`time`] reads it; the nearest one that the calendar has.
pub(crate) fn write_time(value: f64, pattern: &str) -> String {
    // A damaged model file may hold any pattern, on which chrono panics.
    if !is_known(pattern) {
        return value.to_string();
    }
    let value = round_time(value, pattern);
    let seconds = match (pattern.contains('d'), pattern.contains('H')) {
        (true, false) => value * DAY,
        (true, true) => value,
        (false, _) => value.clamp(0.0, DAY - 1.0),
    };
    let time = DateTime::from_timestamp_micros(microseconds(seconds)).unwrap_or_default();
    match at_decimals(pattern) {
        Some((before, Some(count), behind)) => {
            let decimals = format!("{:09}", time.timestamp_subsec_nanos());
            let (before, behind) = (time.format(before), time.format(behind));
            format!("{before}.{}{behind}", &decimals[..count])
        }
        _ => time.format(pattern).to_string(),
    }
}

/// The mark before a text that a spreadsheet would compute, by which it takes it for text.
const MARK: char = '\'';

/// True if a spreadsheet computes `text`: numbers may begin with a sign, but neither call nor refer.
fn is_formula(text: &str) -> bool {
    match text.chars().next() {
        Some('=' | '@') => true,
        Some('+' | '-') => text.contains(['(', '|', '!']),
        _ => false,
    }
}

/// A name or a cell, which may come from a model file, as it is written: no spreadsheet computes it,
/// and no terminal obeys it. Lines and tabs stay, since people have them in their headers.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !is_formula(text) && !text.contains(is_obeyed) {
        return text.into();
    }
    let mut written = String::with_capacity(text.len() + 1);
    written.extend(is_formula(text).then_some(MARK));
    for c in text.chars() {
        match is_obeyed(c) {
            true => written.extend(c.escape_default()),
            false => written.push(c),
        }
    }
    written.into()
}

/// The name that `text` in a header is, without the mark that [`guarded`] has put before it.
pub(crate) fn unguarded(text: &str) -> &str {
    let marked = text.strip_prefix(MARK).filter(|text| is_formula(text));
    marked.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(cell: &str, marks: usize) -> Option<f64> {
        number(cell, MARKS[marks]).map(|number| number.value)
    }

    #[test]
    fn numbers_are_read_under_their_marks_alone() {
        for (cell, expected) in [
            (
                "-0.652",
                [
                    Some(-0.652),
                    Some(-0.652),
                    None,
                    None,
                    None,
                    Some(-0.652),
                    Some(-0.652),
                ],
            ),
            (
                "−0.652",
                [
                    Some(-0.652),
                    Some(-0.652),
                    None,
                    None,
                    None,
                    Some(-0.652),
                    Some(-0.652),
                ],
            ),
            (
                "14,081.80",
                [None, Some(14081.8), None, None, None, None, None],
            ),
            (
                "1.065,50",
                [None, None, None, Some(1065.5), None, None, None],
            ),
            (
                "-0,175",
                [
                    None,
                    None,
                    Some(-0.175),
                    Some(-0.175),
                    Some(-0.175),
                    None,
                    None,
                ],
            ),
            (
                "1 065,5",
                [None, None, None, None, Some(1065.5), None, None],
            ),
            (
                "1'065.5",
                [None, None, None, None, None, None, Some(1065.5)],
            ),
            ("1,06.5", [None; 7]),
            ("12-3", [None; 7]),
            ("C00012", [None; 7]),
            ("12 kg", [None; 7]),
            ("", [None; 7]),
            ("-", [None; 7]),
        ] {
            for (marks, expected) in expected.into_iter().enumerate() {
                assert_eq!(value(cell, marks), expected, "{cell:?} {:?}", MARKS[marks]);
            }
        }
        for (cell, expected) in [
            ("$14.08", 14.08),
            ("-$5", -5.0),
            ("14.1%", 14.1),
            ("3 €", 3.0),
            ("+7", 7.0),
            ("1.5e-3", 0.0015),
            (".5", 0.5),
            ("5.", 5.0),
        ] {
            assert_eq!(value(cell, 0), Some(expected), "{cell}");
        }
    }

    #[test]
    fn numbers_are_written_as_they_were_read() {
        for cell in [
            "1234567.25",
            "-0.50",
            "$1,234.50",
            "1.234.567,5 €",
            "12%",
            "0",
            "-7",
            "+7",
            "970\u{a0}649,5",
            "4\u{202f}436\u{202f}255",
            "1’157’791.5",
            "+0.5",
            ".50",
            "-.5",
        ] {
            let mut marks = MARKS
                .into_iter()
                .filter(|marks| number(cell, *marks).is_some());
            // The last: the one with groups, where there are some.
            let marks = marks.next_back().unwrap();
            let found = number(cell, marks).unwrap();
            let style = NumberStyle {
                marks: Marks {
                    thousands: marks.thousands.filter(|_| found.grouped),
                    ..marks
                },
                prefix: found.prefix.into(),
                suffix: found.suffix.into(),
                decimals: found.decimals,
                fixed: true,
                scientific: found.scientific,
                zeros: 0,
                plus: found.has_plus,
                bare: found.nought == Some(false),
            };
            assert_eq!(style.write(found.value), cell);
        }
    }

    #[test]
    fn style_rounds_and_cuts_zeros() {
        let style = |decimals, fixed| NumberStyle {
            marks: MARKS[0],
            prefix: String::new(),
            suffix: String::new(),
            decimals,
            fixed,
            scientific: false,
            zeros: 0,
            plus: false,
            bare: false,
        };
        assert_eq!(style(2, true).write(1.5), "1.50");
        assert_eq!(style(2, false).write(1.5), "1.5");
        assert_eq!(style(2, false).write(-0.001), "0");
        assert_eq!(style(0, true).round(-2.5), -3.0);
        assert_eq!(style(3, true).round(1e9 + 0.12345), 1e9 + 0.123);
        assert_eq!(style(0, true).write(1e20), "100000000000000000000");
    }

    #[test]
    fn times_in_iso_are_read_whatever_the_pattern_of_their_column() {
        let noon = 19_725.5;
        for cell in [
            "2024-01-03 12:00",
            "2024-01-03T12:00",
            "2024-01-03 12:00:00",
            "2024-01-03T12:00:00.000",
            "2024-01-03T12:00:00Z",
            "2024-01-03T14:00:00+02:00",
            "2024-01-03 14:00:00.000000+02:00",
        ] {
            assert_eq!(iso_time(cell, "%d.%m.%Y"), Some(noon), "{cell}");
            let pattern = "%Y-%m-%dT%H:%M:00";
            assert_eq!(iso_time(cell, pattern), Some(noon * DAY), "{cell}");
        }
        assert_eq!(iso_time("2024-01-03", "%m/%d/%Y"), Some(19_725.0));
        assert_eq!(
            iso_time("2024-01-03", "%m/%d/%Y %H:%M"),
            Some(19_725.0 * DAY)
        );
        assert_eq!(iso_time("01:00:00.5", "%H:%M:00"), Some(3600.5));
        for cell in [
            "",
            "2024",
            "2024-13-01",
            "03.01.2024",
            "2024-01-03T12:00:00+",
            "noon",
        ] {
            assert_eq!(iso_time(cell, "%Y-%m-%d"), None, "{cell}");
        }
    }

    #[test]
    fn times_are_written_as_they_were_read() {
        for (cell, pattern, expected) in [
            ("1970-01-11", "%Y-%m-%d", 10.0),
            ("12/31/1969", "%m/%d/%Y", -1.0),
            ("05 Jan 1970", "%d %b %Y", 4.0),
            ("1970-01-02 00:00:01", "%Y-%m-%d %H:%M:%S", 86_401.0),
            ("1970-01-02T00:00:01Z", "%Y-%m-%dT%H:%M:%SZ", 86_401.0),
            ("1970-01-02T00:01:00Z", "%Y-%m-%dT%H:%M:00Z", 86_460.0),
            ("1970-01-03 00:00:00", "%Y-%m-%d 00:00:00", 2.0),
            ("1970-01-01 00:00:07.000", "%Y-%m-%d %H:%M:%S.000", 7.0),
            ("1970-01-01T00:00:00.250", "%Y-%m-%dT%H:%M:%S%.f", 0.25),
            ("13:30", "%H:%M", 48_600.0),
            ("2024-02-29", "%Y-%m-%d", 19_782.0),
            ("1/5/1970", "%-m/%-d/%Y", 4.0),
            ("5.1.1970 9:05", "%-d.%-m.%Y %-H:%M", 4.0 * DAY + 32_700.0),
            ("05.01.70", "%d.%m.%y", 4.0),
            ("19700105", DAY_OF_DIGITS, 4.0),
            ("+14908-09-11", "%Y-%m-%d", 4_725_761.0),
            ("-0167-12-15", "%Y-%m-%d", -780_175.0),
            ("05-Jan-29", "%d-%b-%y", 21_554.0),
            ("12/31/30", "%m/%d/%y", -14_246.0),
            ("1970-01-01 00:00:07.5", "%Y-%m-%d %H:%M:%S%.1f", 7.5),
            ("1970-01-01 00:00:07.2500000", "%Y-%m-%d %H:%M:%S%.7f", 7.25),
        ] {
            assert!(is_known(pattern));
            assert_eq!(time(cell, pattern), Some(expected), "{cell}");
            assert_eq!(write_time(expected, pattern), cell);
        }
        assert_eq!(time("2024-02-30", "%Y-%m-%d"), None);
        for cell in ["3.5", "4:0", "3.5.21", "5-10-9", "1:2:03", "12.09.50.1"] {
            for pattern in TIMES {
                assert_eq!(time(cell, pattern), None, "{cell} {pattern}");
            }
        }
        assert_eq!(write_time(1e300, "%Y-%m-%d"), "1970-01-01");
        for damaged in ["%Q%", "%.f", "%Y-%m-%d %H:%M:%S%.99f", "%-", "%.0f"] {
            assert_eq!(write_time(7.0, damaged), "7", "{damaged}");
        }
    }

    #[test]
    fn missing_and_truth_are_words() {
        assert!(
            ["", "NA", "NaN", "?", "null", "-", "#N/A"]
                .into_iter()
                .all(is_missing)
        );
        assert!(!["0", "no", "nanna", "--x"].into_iter().any(is_missing));
        assert_eq!(truth("TRUE"), Some((0, true)));
        assert_eq!(truth("no"), Some((1, false)));
        assert_eq!(truth("nope"), None);
    }
}
