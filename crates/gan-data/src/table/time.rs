//! Dates and times in cells: their patterns, how a column writes them, and their values.

use chrono::{DateTime, NaiveDate};

/// How a day is written without marks.
pub(crate) const DAY_OF_DIGITS: &str = "%Y%m%d";

/// True for a day of these centuries that is written so.
pub(crate) fn is_day_of_digits(cell: &str) -> bool {
    (cell.starts_with("19") || cell.starts_with("20")) && read(cell, DAY_OF_DIGITS).is_some()
}

/// The patterns of dates and times that are read; days before months only where months before days
/// do not fit.
///
/// Days, months and hours may be written without a zero before them: [`with_form`].
pub(crate) const TIMES: [&str; 44] = [
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
    "%H:%M:%S%.f",
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
pub(crate) fn read(cell: &str, pattern: &str) -> Option<f64> {
    read_with_form(cell, pattern).map(|(time, _)| time)
}

/// The same, and how the cell writes it.
pub(crate) fn read_with_form(cell: &str, pattern: &str) -> Option<(f64, TimeForm)> {
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

/// The time in `cell` in ISO 8601, as [`read`] gives it for a column of `pattern`: a date alone is its
/// midnight, and a time with an offset is moved to UTC.
pub(crate) fn iso(cell: &str, pattern: &str) -> Option<f64> {
    if !pattern.contains('d') {
        return read(cell, "%H:%M:%S%.f");
    }
    let local = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ];
    let date = || Some(read(cell, "%Y-%m-%d")? * DAY);
    let in_utc = || {
        let time = DateTime::parse_from_rfc3339(cell).ok()?;
        Some(time.timestamp_micros() as f64 * 1e-6)
    };
    let seconds = date()
        .or_else(|| local.iter().find_map(|pattern| read(cell, pattern)))
        .or_else(in_utc)?;
    Some(match pattern.contains('H') {
        true => seconds,
        false => seconds / DAY,
    })
}

/// Factor and divisor of a value under which those that `pattern` can tell apart are the whole
/// numbers; none if it tells all apart.
pub(crate) fn scale(pattern: &str) -> Option<[f64; 2]> {
    match at_decimals(pattern) {
        // In microseconds, as they are written.
        Some((_, Some(digits @ 1..=6), _)) => Some([10f64.powi(digits as i32), 1.0]),
        Some(_) => None,
        None if pattern.contains('H') && !pattern.contains('S') => Some([1.0, 60.0]),
        None => Some([1.0, 1.0]),
    }
}

/// Digits behind the point of a time's seconds, if they are limited.
pub(crate) fn decimals(pattern: &str) -> Option<usize> {
    at_decimals(pattern).map_or(Some(0), |(_, digits, _)| digits)
}

/// `value` as far as `pattern` tells it from others.
pub(crate) fn round(value: f64, pattern: &str) -> f64 {
    scale(pattern).map_or(value, |[times, over]| {
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

/// A cell of `value`, as [`read`] reads it; the nearest one that the calendar has.
pub(crate) fn write(value: f64, pattern: &str) -> String {
    // A damaged model file may hold any pattern, on which chrono panics.
    if !is_known(pattern) {
        return value.to_string();
    }
    let value = round(value, pattern);
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

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(iso(cell, "%d.%m.%Y"), Some(noon), "{cell}");
            let pattern = "%Y-%m-%dT%H:%M:00";
            assert_eq!(iso(cell, pattern), Some(noon * DAY), "{cell}");
        }
        assert_eq!(iso("2024-01-03", "%m/%d/%Y"), Some(19_725.0));
        assert_eq!(iso("2024-01-03", "%m/%d/%Y %H:%M"), Some(19_725.0 * DAY));
        assert_eq!(iso("01:00:00.5", "%H:%M:00"), Some(3600.5));
        for cell in [
            "",
            "2024",
            "2024-13-01",
            "03.01.2024",
            "2024-01-03T12:00:00+",
            "noon",
        ] {
            assert_eq!(iso(cell, "%Y-%m-%d"), None, "{cell}");
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
            ("14:45:20.750", "%H:%M:%S%.3f", 53_120.75),
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
            assert_eq!(read(cell, pattern), Some(expected), "{cell}");
            assert_eq!(write(expected, pattern), cell);
        }
        assert_eq!(read("2024-02-30", "%Y-%m-%d"), None);
        for cell in ["3.5", "4:0", "3.5.21", "5-10-9", "1:2:03", "12.09.50.1"] {
            for pattern in TIMES {
                assert_eq!(read(cell, pattern), None, "{cell} {pattern}");
            }
        }
        assert_eq!(write(1e300, "%Y-%m-%d"), "1970-01-01");
        for damaged in ["%Q%", "%.f", "%Y-%m-%d %H:%M:%S%.99f", "%-", "%.0f"] {
            assert_eq!(write(7.0, damaged), "7", "{damaged}");
        }
    }
}
