//! The values of cells, and cells of values: how a column writes its numbers, so that generated ones
//! are written alike.

use std::borrow::Cow;

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
