//! The columns of a table: what their cells are, told from all of them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::error::{Stray, listed};

use super::cell::{self, MARKS, Marks, Number, NumberStyle};
use super::codes::{Codes, Days};
use super::time::{self, TIMES, TimeForm};

/// How the values of a column are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Numbers.
    Number(NumberStyle),
    /// One of two words, for 0 and 1.
    Truth([String; 2]),
    /// Dates as days since 1970, times as seconds, in a pattern as of `strftime`.
    Time(String),
    /// One of these texts, for its place among them.
    Category(Vec<String>),
}

impl Style {
    /// `value` as far as the style can tell it from others; a blank, which is NaN, stays one.
    pub(crate) fn round(&self, value: f64) -> f64 {
        match self {
            _ if value.is_nan() => value,
            Self::Number(style) => style.round(value),
            Self::Truth(_) => f64::from(value >= 0.5),
            Self::Time(pattern) => time::round(value, pattern),
            Self::Category(texts) => place(value, texts) as f64,
        }
    }

    /// The texts of a column that holds some texts alone, in the order of their values.
    #[must_use]
    pub fn levels(&self) -> Option<&[String]> {
        match self {
            Self::Truth(words) => Some(words),
            Self::Category(texts) => Some(texts),
            Self::Number(_) | Self::Time(_) => None,
        }
    }

    /// Digits behind the point that a value can have, if that is limited.
    #[must_use]
    pub fn decimals(&self) -> Option<usize> {
        match self {
            Self::Number(style) => style.decimals(),
            Self::Time(pattern) => time::decimals(pattern),
            Self::Truth(_) | Self::Category(_) => Some(0),
        }
    }

    /// Factor and divisor of a value under which those that the style can tell apart are the whole
    /// numbers; none where it can tell all apart.
    #[must_use]
    pub fn rounding(&self) -> Option<[f64; 2]> {
        match self {
            Self::Number(style) => style
                .decimals()
                .map(|digits| [10f64.powi(digits as i32), 1.0]),
            Self::Truth(_) | Self::Category(_) => Some([1.0, 1.0]),
            Self::Time(pattern) => time::scale(pattern),
        }
    }

    /// `value`, which has been rounded, as a cell.
    #[must_use]
    pub fn write(&self, value: f64) -> String {
        match self {
            Self::Number(style) => style.write(value),
            Self::Truth(words) => words[usize::from(value >= 0.5)].clone(),
            Self::Time(pattern) => time::write(value, pattern),
            Self::Category(texts) => texts.get(place(value, texts)).cloned().unwrap_or_default(),
        }
    }

    /// The value of `cell` as [`Self::write`] writes it, or as the file may have it; a time also as
    /// ISO 8601 writes it.
    #[must_use]
    pub fn read(&self, cell: &str) -> Option<f64> {
        let value = Values::new(self.clone()).read(cell);
        value.or_else(|| match self {
            Self::Time(pattern) => time::iso(cell, pattern),
            _ => None,
        })
    }
}

/// The place among `texts` that is nearest to `value`.
fn place(value: f64, texts: &[String]) -> usize {
    // Casts saturate.
    (value.round() as usize).min(texts.len().saturating_sub(1))
}

/// Reads the values of a column whose style is known but for how precisely it is written.
pub(crate) struct Values {
    style: Style,
    numbers: Numbers,
    /// How times are written so far.
    times: Option<TimeForm>,
}

/// How the numbers of a column are written so far.
struct Numbers {
    /// Fewest and most decimals.
    decimals: [u8; 2],
    grouped: bool,
    scientific: bool,
    /// True if all decimals are zeros.
    whole: bool,
    /// Whether positive numbers have a sign, and whether any has none.
    plus: [bool; 2],
    /// Whether decimals stand behind nothing, and whether any stand behind a nought.
    bare: [bool; 2],
}

impl Numbers {
    fn take(&mut self, number: &Number<'_>) {
        let [fewest, most] = self.decimals;
        self.decimals = [fewest.min(number.decimals), most.max(number.decimals)];
        self.grouped |= number.grouped;
        self.scientific |= number.scientific;
        self.whole &= number.is_whole;
        self.plus[usize::from(!number.has_plus)] |= number.value > 0.0;
        if let Some(nought) = number.nought {
            self.bare[usize::from(nought)] = true;
        }
    }

    /// `style` with the digits and signs of the numbers.
    fn style(self, style: NumberStyle) -> NumberStyle {
        let [fewest, most] = self.decimals;
        let is_whole = self.whole && !self.scientific;
        NumberStyle {
            marks: Marks {
                thousands: style.marks.thousands.filter(|_| self.grouped),
                ..style.marks
            },
            decimals: if is_whole { 0 } else { most },
            fixed: fewest == most,
            scientific: self.scientific,
            zeros: if is_whole && fewest == most { most } else { 0 },
            plus: self.plus == [true, false],
            bare: self.bare == [true, false],
            ..style
        }
    }
}

impl Values {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            style,
            numbers: Numbers {
                decimals: [u8::MAX, 0],
                grouped: false,
                scientific: false,
                whole: true,
                plus: [false; 2],
                bare: [false; 2],
            },
            times: None,
        }
    }

    /// The value of `cell`, which is not missing and of the style.
    pub(crate) fn read(&mut self, cell: &str) -> Option<f64> {
        match &self.style {
            Style::Number(style) => {
                let number = cell::number(cell, style.marks)?;
                self.numbers.take(&number);
                Some(number.value)
            }
            Style::Truth([no, yes]) => {
                let is_yes = cell.eq_ignore_ascii_case(yes);
                (is_yes || cell.eq_ignore_ascii_case(no)).then_some(f64::from(is_yes))
            }
            Style::Time(pattern) => {
                let (time, form) = time::read_with_form(cell, pattern)?;
                self.times = Some(self.times.map_or(form, |known| known.and(form)));
                Some(time)
            }
            Style::Category(texts) => {
                let place = texts.iter().position(|text| text == cell)?;
                Some(place as f64)
            }
        }
    }

    /// The style, once all cells were read.
    pub(crate) fn style(self) -> Style {
        match (self.style, self.times) {
            (Style::Number(style), _) => Style::Number(self.numbers.style(style)),
            (Style::Time(pattern), Some(form)) => Style::Time(time::with_form(&pattern, form)),
            (other, _) => other,
        }
    }
}

/// What the cells of a column are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Values that differ.
    Values(Style),
    /// The same text in every record, and its style if it is a number.
    Constant(String, Option<Style>),
    /// The number of the record, from 0 or 1.
    Index(Style),
    /// Nothing at all.
    Empty,
    /// Text; the first few different cells.
    Text(Vec<String>),
    /// Numbers, but for a few cells.
    Strays(Vec<Stray>),
}

/// Strays that are named at most, and as many may be among numbers.
const STRAYS: usize = 3;
/// A column with more cells for one that is no number has strays.
const NUMBERS_PER_STRAY: u64 = 20;
/// Different texts of a column that are shown.
const EXAMPLES: usize = 3;

/// What is known of a column while its cells pass.
pub(crate) struct Scan {
    /// True if cells that are no numbers count as missing.
    numbers_alone: bool,
    cells: u64,
    missing: u64,
    /// The words that stand for missing values, and how often.
    missing_words: Vec<(String, u64)>,
    codes: Codes,
    days: Days,
    first: Option<String>,
    is_constant: bool,
    /// The number of the first record, as long as each cell counts one on.
    counts_from: Option<u64>,
    /// [`MARKS`] under which all cells are numbers.
    marks: [bool; MARKS.len()],
    /// True if other columns show that the comma is the decimal mark.
    has_commas: bool,
    /// Prefix and suffix of the first number.
    unit: Option<[String; 2]>,
    numbers: u64,
    strays: Vec<Stray>,
    /// The pair of words that all cells are of, and the words as the file writes them.
    truth: Option<usize>,
    words: [Option<String>; 2],
    /// The patterns that all cells follow; none before the first cell.
    times: Option<Vec<&'static str>>,
    examples: Vec<String>,
}

impl Default for Scan {
    fn default() -> Self {
        Self {
            numbers_alone: false,
            cells: 0,
            missing: 0,
            missing_words: Vec::new(),
            codes: Codes::default(),
            days: Days::default(),
            first: None,
            is_constant: true,
            counts_from: None,
            marks: [true; MARKS.len()],
            has_commas: false,
            unit: None,
            numbers: 0,
            strays: Vec::new(),
            truth: None,
            words: [None, None],
            times: None,
            examples: Vec::new(),
        }
    }
}

/// Words for a missing value that are counted; there are hardly more.
const MISSING_WORDS: usize = 64;

impl Scan {
    /// With `numbers_alone`, cells that are neither numbers nor times count as missing.
    pub(crate) fn new(numbers_alone: bool) -> Self {
        Self {
            numbers_alone,
            ..Self::default()
        }
    }

    /// The same of a column called `name`.
    pub(crate) fn of_name(mut self, name: &str) -> Self {
        self.days.heed_name(name);
        self
    }

    /// Takes in the cell of the record that begins on `line`.
    pub(crate) fn take(&mut self, line: u64, cell: &str) {
        if cell::is_missing(cell) || (self.numbers_alone && !is_ordered(cell)) {
            self.missing += 1;
            self.counts_from = None;
            match self.missing_words.iter().position(|(word, _)| word == cell) {
                Some(known) => self.missing_words[known].1 += 1,
                None if self.missing_words.len() < MISSING_WORDS => {
                    self.missing_words.push((cell.to_owned(), 1));
                }
                None => {}
            }
            return;
        }
        let before = self.cells;
        self.cells += 1;
        self.codes.take(cell, before == 0);
        self.days.take(cell);
        self.take_number(line, cell);
        self.take_count(before, cell);
        match &self.first {
            None => self.first = Some(cell.to_owned()),
            Some(first) => self.is_constant &= first == cell,
        }
        // Only what is not a number may be anything else.
        if !self.marks.contains(&true) {
            self.take_word(before, cell);
            if self.examples.len() < EXAMPLES && !self.examples.iter().any(|known| known == cell) {
                self.examples.push(cell.to_owned());
            }
        }
    }

    fn take_number(&mut self, line: u64, cell: &str) {
        let mut found = cell::number(cell, MARKS[0]);
        let is_plain = found.is_some();
        self.marks[0] &= is_plain;
        for (alive, marks) in self.marks.iter_mut().zip(MARKS).skip(1) {
            // A number without marks is one under all marks that its point does not contradict.
            if is_plain && (marks.decimal == '.' || !cell.contains('.')) {
                continue;
            }
            // A cell that is a number under none is a stray; one without such marks is known already.
            let is_known =
                !*alive && cell.is_ascii() && !marks.thousands.is_none_or(|c| c.is_ascii());
            if !is_known && (*alive || found.is_none()) {
                let number = cell::number(cell, marks);
                *alive &= number.is_some();
                found = found.or(number);
            }
        }
        let is_number = found.is_some();
        if let Some(number) = found {
            let unit = [number.prefix, number.suffix];
            let known = self.unit.get_or_insert_with(|| unit.map(str::to_owned));
            if *known != unit {
                self.marks = [false; MARKS.len()];
            }
        }
        if is_number {
            self.numbers += 1;
        } else if self.strays.len() <= STRAYS {
            let cell = cell.to_owned();
            self.strays.push(Stray { line, cell });
        }
    }

    fn take_count(&mut self, before: u64, cell: &str) {
        let number = || cell.parse::<u64>().ok();
        self.counts_from = match self.counts_from {
            _ if before + self.missing > 0 && self.counts_from.is_none() => None,
            None => number().filter(|first| *first <= 1),
            Some(first) => (number() == first.checked_add(before)).then_some(first),
        };
    }

    fn take_word(&mut self, before: u64, cell: &str) {
        let truth = cell::truth(cell);
        self.truth = match truth {
            Some((pair, _)) if before == 0 || self.truth == Some(pair) => Some(pair),
            _ => None,
        };
        if let Some((_, yes)) = truth {
            self.words[usize::from(yes)].get_or_insert_with(|| cell.to_owned());
        }
        match &mut self.times {
            None if before == 0 => {
                let fit = |pattern: &&str| time::read(cell, pattern).is_some();
                self.times = Some(TIMES.into_iter().filter(fit).collect());
            }
            Some(times) => times.retain(|pattern| time::read(cell, pattern).is_some()),
            None => {}
        }
    }

    /// The number of cells that are not missing.
    pub(crate) fn cells(&self) -> u64 {
        self.cells
    }

    /// True if values are missing.
    pub(crate) fn has_missing(&self) -> bool {
        self.missing > 0
    }

    /// True if they are missing by words that may be texts of their own.
    pub(crate) fn has_soft_missing(&self) -> bool {
        self.missing_words
            .iter()
            .any(|(word, _)| cell::is_soft(word))
    }

    /// The most frequent of the words that stand for them; among texts, of those that can be no text.
    pub(crate) fn missing_word(&self, of_texts: bool) -> Option<&str> {
        let words = self.missing_words.iter();
        let words = words.filter(|(word, _)| !(of_texts && cell::is_soft(word)));
        let most = words.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
        Some(&most.0)
    }

    /// What stands where a number is missing.
    pub(crate) fn missing_texts(&self) -> String {
        let words = self.missing_words.iter().map(|(word, _)| word.clone());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        listed(&words).unwrap_or_else(|| "empty cells".into())
    }

    /// True if a cell is digits that number things and count nothing.
    pub(crate) fn has_codes(&self) -> bool {
        self.codes.are_found()
    }

    /// The decimal mark, if the numbers leave one alone.
    pub(crate) fn decimal(&self) -> Option<char> {
        let alive = MARKS.iter().zip(self.marks).filter(|(_, alive)| *alive);
        let mut decimals = alive.map(|(marks, _)| marks.decimal);
        let first = decimals.next()?;
        decimals.all(|other| other == first).then_some(first)
    }

    /// Takes the comma for the decimal mark where the cells leave that open.
    pub(crate) fn prefer_commas(&mut self) {
        self.has_commas = true;
    }

    /// The number of the first record, where the cells count the records.
    pub(crate) fn first_number(&self) -> u64 {
        self.counts_from.unwrap_or(0)
    }

    /// What all those cells were.
    pub(crate) fn kind(&self) -> Kind {
        let Some(first) = &self.first else {
            return Kind::Empty;
        };
        if self.is_constant && self.cells > 1 {
            return Kind::Constant(first.clone(), self.number_style().map(Style::Number));
        }
        if self.days.are_found() && !self.numbers_alone {
            return Kind::Values(Style::Time(time::DAY_OF_DIGITS.to_owned()));
        }
        if let Some(style) = self.number_style() {
            let style = Style::Number(style);
            let counts = self.counts_from.is_some() && self.cells > 2;
            return if counts {
                Kind::Index(style)
            } else {
                Kind::Values(style)
            };
        }
        if let (Some(_), [Some(no), Some(yes)]) = (self.truth, &self.words) {
            return Kind::Values(Style::Truth([no.clone(), yes.clone()]));
        }
        if let Some(pattern) = self.times.iter().flatten().next() {
            return Kind::Values(Style::Time((*pattern).to_owned()));
        }
        let strays = self.strays.len();
        if (1..=STRAYS).contains(&strays) && self.numbers >= NUMBERS_PER_STRAY * strays as u64 {
            return Kind::Strays(self.strays.clone());
        }
        Kind::Text(self.examples.clone())
    }

    fn number_style(&self) -> Option<NumberStyle> {
        let first = |is_it: fn(&Marks) -> bool| {
            let mut known = MARKS.iter().zip(self.marks);
            known.position(|(marks, alive)| alive && is_it(marks))
        };
        // Whole numbers without marks are such under all.
        let is_open = self.has_commas && !(self.marks[0] && self.marks[2]);
        let with_comma = first(|marks| marks.decimal == ',').filter(|_| is_open);
        let alive = with_comma.or_else(|| first(|_| true))?;
        let [prefix, suffix] = self.unit.clone()?;
        Some(NumberStyle {
            marks: MARKS[alive],
            prefix,
            suffix,
            decimals: 0,
            fixed: true,
            scientific: false,
            zeros: 0,
            plus: false,
            bare: false,
        })
    }
}

/// True for numbers and times.
fn is_ordered(cell: &str) -> bool {
    let is_number = |marks: &Marks| cell::number(cell, *marks).is_some();
    MARKS.iter().any(is_number)
        || TIMES
            .iter()
            .any(|pattern| time::read(cell, pattern).is_some())
}

/// Names of columns, each at most once; an empty one is none.
pub(crate) fn names(cells: &[Cow<'_, str>]) -> Vec<String> {
    let cells: Vec<_> = cells.iter().map(|cell| cell::unguarded(cell)).collect();
    let mut taken: HashSet<String> = cells.iter().map(ToString::to_string).collect();
    let mut copies: HashMap<&str, usize> = HashMap::new();
    let names = cells.iter().map(|cell| {
        let copy = copies.entry(cell).or_insert(0);
        *copy += 1;
        if cell.is_empty() || *copy == 1 {
            return (*cell).to_owned();
        }
        loop {
            let name = format!("{cell}.{copy}");
            if taken.insert(name.clone()) {
                return name;
            }
            *copy += 1;
        }
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(cells: &[&str]) -> Scan {
        let mut scan = Scan::default();
        for (index, cell) in cells.iter().enumerate() {
            scan.take(index as u64 + 1, cell);
        }
        scan
    }

    /// The cells that a column of `cells` writes for the values that it reads.
    fn back(cells: &[&str]) -> Vec<String> {
        let Kind::Values(style) = scan(cells).kind() else {
            panic!("{:?}", scan(cells).kind());
        };
        let mut values = Values::new(style);
        let read: Vec<_> = cells
            .iter()
            .map(|cell| values.read(cell).unwrap())
            .collect();
        let style = values.style();
        read.iter()
            .map(|&value| style.write(style.round(value)))
            .collect()
    }

    #[test]
    fn columns_write_what_they_read() {
        for cells in [
            &["-0.5", "1.25", "7"][..],
            &["-0.50", "1.25", "7.00"],
            &["3", "-7", "12"],
            &["14,081.80", "4,888.70", "517.00"],
            &["1.065,50", "-0,75", "31,00"],
            &["1.166", "2", "1.065,25"],
            &["$14.08", "$4.89", "$1.00"],
            &["14.1%", "4.9%", "0.0%"],
            &["True", "False", "True"],
            &["no", "yes", "yes"],
            &["2024-01-01", "2024-12-31", "2023-02-28"],
            &["13/01/2024", "01/02/2024", "28/12/2023"],
            &[
                "2024-01-01 10:00:00",
                "2024-01-02 00:00:59",
                "1950-01-01 00:00:00",
            ],
            &["4/6/1990", "12/31/1989", "10/10/2000"],
            &["04/6/1990", "12/31/1989", "10/10/2000"],
            &["3/16/1990 09:30", "12/31/1989 10:00"],
            &["9:39", "23:05"],
            &["12.09.50", "31.12.24"],
            &["1/7/38", "12/31/20"],
            &["05-Dec-20", "31-Jan-88"],
            &["2020-01-01 00:00:33.418", "2020-01-01 00:00:17.500"],
            &["2020-01-01 00:00:33.4", "2020-01-01 00:00:17.0"],
            &["2020-01-01 00:00:33.000418", "2020-01-01 00:00:17.500000"],
            &["1000000000.123", "1000000000.124", "999999999.5"],
            &["1e-300", "2.5", "1e17"],
            &["12.0", "-7.0", "140.0"],
            &["1.200,00 €", "35,00 €"],
            &["+110", "-98", "0", "+5"],
            &["+1.5", "-0.5"],
            &[".50", "-.25", "1.00"],
        ] {
            let back = back(cells);
            let expected: Vec<_> = cells.iter().map(ToString::to_string).collect();
            assert_eq!(back, expected);
        }
    }

    #[test]
    fn values_between_are_written_as_precisely_as_those_of_the_file() {
        for (cells, between, expected) in [
            (
                &["2020-01-01 00:00:33.418", "2020-01-01 00:00:34.5"][..],
                1_577_836_833.456_789,
                "2020-01-01 00:00:33.457",
            ),
            (&["4/6/1990", "12/31/1989"], 7427.4, "5/3/1990"),
            (&["9:39", "23:05"], 4530.0, "1:16"),
            (&["12.0", "27.0"], 26.7, "27.0"),
            (&["12", "27.0", "27"], 26.7, "27"),
            (&["4", "+30"], 26.7, "27"),
            (&["0.5", ".25"], 0.3, "0.3"),
        ] {
            let mut values = Values::new(match scan(cells).kind() {
                Kind::Values(style) => style,
                other => panic!("{other:?}"),
            });
            cells
                .iter()
                .for_each(|cell| assert!(values.read(cell).is_some()));
            let style = values.style();
            assert_eq!(style.write(style.round(between)), expected, "{style:?}");
        }
    }

    #[test]
    fn kinds_are_told_from_all_cells() {
        assert!(matches!(scan(&["0", "1", "2", "3"]).kind(), Kind::Index(_)));
        assert!(matches!(scan(&["1", "2", "3"]).kind(), Kind::Index(_)));
        assert!(matches!(
            scan(&["0", "1", "2", "2"]).kind(),
            Kind::Values(_)
        ));
        assert!(matches!(scan(&["", "1", "2"]).kind(), Kind::Values(_)));
        assert!(matches!(
            scan(&["1.0", "1.0", "?"]).kind(),
            Kind::Constant(text, Some(_)) if text == "1.0"
        ));
        assert_eq!(scan(&["", "NA"]).kind(), Kind::Empty);
        assert_eq!(
            scan(&["male", "female", "male", "other", "more"]).kind(),
            Kind::Text(["male", "female", "other"].map(str::to_owned).to_vec())
        );
        assert_eq!(
            scan(&["C001", "C002", "C003"]).kind(),
            Kind::Text(["C001", "C002", "C003"].map(str::to_owned).to_vec())
        );
        let mut cells = vec!["0.5"; 60];
        cells.extend(["0.25", "Total"]);
        let stray = Stray {
            line: 62,
            cell: "Total".into(),
        };
        assert_eq!(scan(&cells).kind(), Kind::Strays(vec![stray]));
        // Euros and dollars are not one unit.
        assert!(matches!(scan(&["$1", "€2", "$3"]).kind(), Kind::Text(_)));
        assert_eq!(scan(&["NA", "NA", "3", "4"]).missing, 2);
    }

    #[test]
    fn versions_scores_and_sections_are_no_dates() {
        for cells in [
            &["3.5.21", "2.11.7", "2.4.20"][..],
            &["4:0", "6:6", "0:1"],
            &["5-10-9", "5-6-1", "12-1-10"],
            &["10.12.15", "3.5.21"],
        ] {
            assert!(matches!(scan(cells).kind(), Kind::Text(_)), "{cells:?}");
        }
    }

    #[test]
    fn codes_of_digits_are_told_from_numbers() {
        for (cells, are_codes) in [
            (&["007", "12"][..], true),
            (&["9007199254740993", "3"], true),
            (&["-9007199254740993", "-3"], true),
            (&["-3", "-123456789012345"], false),
            (&["+49301082366", "+4930108236"], true),
            (&["+5", "+12345678"], false),
            (&["1203", "12E3"], true),
            (&["3E7", "2E10", "12E3"], true),
            (&["1E5", "2E10"], false),
            (&["12e3", "1e5"], false),
            (&["1203", "1e5"], false),
            (&["12E3", "1.5"], false),
            (&["12E+3", "13E+5"], false),
        ] {
            let scan = scan(cells);
            assert_eq!(scan.has_codes(), are_codes, "{cells:?}");
            let is_number = matches!(scan.kind(), Kind::Values(Style::Number(_)));
            assert!(is_number, "{cells:?}");
        }
    }

    #[test]
    fn eight_digits_are_days_where_all_are_and_enough_differ() {
        let days: Vec<String> = (10..20).map(|day| format!("202402{day}")).collect();
        let mut days: Vec<_> = days.iter().map(String::as_str).collect();
        let is_day = |cells: &[&str], name: &str| {
            let mut scan = Scan::default().of_name(name);
            cells.iter().for_each(|cell| scan.take(1, cell));
            match scan.kind() {
                Kind::Values(Style::Time(pattern)) => pattern == time::DAY_OF_DIGITS,
                _ => false,
            }
        };
        assert!(is_day(&days, "a") && is_day(&days[..2], "Birth_Date"));
        assert!(!is_day(&days[..9], "a") && !is_day(&days[..1], "date"));
        assert_eq!(back(&days), days);
        for other in ["20240230", "18991231", "21000101", "2024021", "0"] {
            days.push(other);
            assert!(!is_day(&days, "date"), "{other}");
            days.pop();
        }
    }

    #[test]
    fn names_are_unique() {
        let cells = ["a", "b", "a", "", "a", ""].map(Cow::from);
        assert_eq!(names(&cells), ["a", "b", "a.2", "", "a.3", ""]);
        assert_eq!(
            names(&["a", "a.2", "a"].map(Cow::from)),
            ["a", "a.2", "a.3"]
        );
    }
}
