//! How a table is written: what separates and what quotes its cells; and its cells.
//!
//! Nothing of it is stated in a file, so the way of reading wins under which most records have the
//! same number of cells.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::config;

/// What separates cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// This one character.
    Byte(u8),
    /// Any number of spaces and tabs.
    Blanks,
}

impl From<config::Delimiter> for Delimiter {
    fn from(key: config::Delimiter) -> Self {
        use config::Delimiter as Key;
        match key {
            Key::Comma => Self::Byte(b','),
            Key::Semicolon => Self::Byte(b';'),
            Key::Tab => Self::Byte(b'\t'),
            Key::Bar => Self::Byte(b'|'),
            Key::Blanks => Self::Blanks,
        }
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: Delimiter,
    pub(crate) quote: u8,
    /// True if a backslash before a quote makes it a character of the cell.
    pub(crate) backslash: bool,
}

/// Every delimiter; semicolons come before commas, which may be decimal where semicolons separate.
const DELIMITERS: [Delimiter; 5] = [
    Delimiter::Byte(b';'),
    Delimiter::Byte(b'\t'),
    Delimiter::Byte(b','),
    Delimiter::Byte(b'|'),
    Delimiter::Blanks,
];
/// Records that are looked at to tell the dialect.
const LOOKED_AT: usize = 200;
/// A dialect further down the list must be followed by so many more of the records.
const CLEARLY: f64 = 0.02;
/// So many of the records count against a dialect whose first record has another number of cells, or
/// that finds quotes inside of cells in all records.
const DOUBT: f64 = 0.1;

impl Dialect {
    /// The dialect of `text`; `delimiter` if the file or the user states it.
    pub(crate) fn of(text: &str, delimiter: Option<Delimiter>) -> Self {
        let candidates: &[Delimiter] = match &delimiter {
            Some(delimiter) => std::slice::from_ref(delimiter),
            None => &DELIMITERS,
        };
        let escapes = text.contains("\\\"") || text.contains("\\'");
        let default = delimiter.unwrap_or(Delimiter::Byte(b','));
        let mut best = (0.0, Self::quoted(text, default, false));
        for &delimiter in candidates {
            for backslash in [false, true] {
                if backslash && !escapes {
                    continue;
                }
                let dialect = Self::quoted(text, delimiter, backslash);
                let fit = Survey::of(text, dialect, LOOKED_AT).fit();
                if fit > best.0 + CLEARLY {
                    best = (fit, dialect);
                }
            }
        }
        if !escapes {
            return best.1;
        }
        // A single record may tell whether backslashes are characters as others, as in `"C:\"`.
        let [plain, escaping] = [false, true].map(|backslash| {
            let dialect = Self::quoted(text, best.1.delimiter, backslash);
            (Survey::of(text, dialect, usize::MAX).irregular(), dialect)
        });
        if escaping.0 < plain.0 {
            escaping.1
        } else {
            plain.1
        }
    }

    /// The dialect with this delimiter: single quotes quote if all of them stand at the ends of cells,
    /// and no cell stands in double ones.
    fn quoted(text: &str, delimiter: Delimiter, backslash: bool) -> Self {
        let [double, single] = [b'"', b'\''].map(|quote| Self {
            delimiter,
            quote,
            backslash,
        });
        let of_single = Survey::of(text, single, LOOKED_AT);
        let is_single = of_single.quoted > 0
            && of_single.strays == 0
            && Survey::of(text, double, LOOKED_AT).quoted == 0;
        if is_single { single } else { double }
    }

    /// True for what may stand around a cell.
    fn is_blank(self, c: char) -> bool {
        let tab_separates = self.delimiter == Delimiter::Byte(b'\t');
        c == ' ' || c == '\u{a0}' || (c == '\t' && !tab_separates)
    }

    /// True for what ends a cell.
    fn ends(self, c: char) -> bool {
        match self.delimiter {
            _ if c == '\n' || c == '\r' => true,
            Delimiter::Byte(byte) => c == char::from(byte),
            Delimiter::Blanks => self.is_blank(c),
        }
    }
}

/// What records look like in a dialect.
#[derive(Default)]
struct Survey {
    /// How many records have this number of cells.
    counts: BTreeMap<usize, usize>,
    /// Cells of the first record.
    first: usize,
    /// Records with quotes inside of cells.
    strays: usize,
    /// Records with cells in quotes.
    quoted: usize,
}

impl Survey {
    /// Looks at the first `most` records.
    fn of(text: &str, dialect: Dialect, most: usize) -> Self {
        let mut records = Records::new(text, dialect, None);
        let mut survey = Self::default();
        for index in 0..most {
            let Some((_, cells)) = records.next() else {
                break;
            };
            if index == 0 {
                survey.first = cells.len();
            }
            *survey.counts.entry(cells.len()).or_default() += 1;
            survey.strays += usize::from(records.has_strays);
            survey.quoted += usize::from(records.has_quoted);
        }
        survey
    }

    /// Share of the records that have the most frequent number of cells, if that is not one, less what
    /// is to be said against the dialect.
    fn fit(&self) -> f64 {
        let several = self.counts.iter().filter(|(cells, _)| **cells > 1);
        let Some((&cells, &followers)) = several.max_by_key(|(_, count)| **count) else {
            return 0.0;
        };
        let records = self.counts.values().sum::<usize>() as f64;
        // R leaves out the name of the row names.
        let first_fits = self.first == cells || (self.first > 1 && self.first + 1 == cells);
        let doubt = f64::from(!first_fits) + self.strays as f64 / records;
        followers as f64 / records - DOUBT * doubt
    }

    /// Records that have another number of cells than most, or quotes inside of cells.
    fn irregular(&self) -> usize {
        let records: usize = self.counts.values().sum();
        records - self.counts.values().max().unwrap_or(&0) + self.strays
    }
}

/// The records of a text: lines, but for quoted cells that go over several. Comments and empty lines
/// are left out, and records of nothing but empty cells above and below all others.
pub(crate) struct Records<'a> {
    rest: &'a str,
    line: u64,
    dialect: Dialect,
    /// True behind the first record.
    has_begun: bool,
    /// Bytes behind the last cell that is not empty, at most.
    blank: usize,
    /// Cells that a record has, if that is known: lines that begin with `#` and have not so many are
    /// comments, and all of them where it is not.
    cols: Option<usize>,
    /// How many comments there were, and the line of the first.
    pub(crate) comments: (u64, u64),
    /// True if quotes stand inside of cells of the last record.
    has_strays: bool,
    /// True if cells of it stand in quotes.
    has_quoted: bool,
}

impl<'a> Records<'a> {
    /// The records of `text`, written as `dialect` says, of `cols` cells each if that is known.
    pub(crate) fn new(text: &'a str, dialect: Dialect, cols: Option<usize>) -> Self {
        let is_nothing = |c: char| c.is_whitespace() || c == '"' || dialect.ends(c);
        Self {
            rest: text,
            line: 1,
            dialect,
            has_begun: false,
            blank: text.len() - text.trim_end_matches(is_nothing).len(),
            cols,
            comments: (0, 0),
            has_strays: false,
            has_quoted: false,
        }
    }

    /// The cells of the next record, without blanks around them, and the line it begins on.
    pub(crate) fn next(&mut self) -> Option<(u64, Vec<Cow<'a, str>>)> {
        while !self.rest.is_empty() {
            let (line, rest) = (self.line, self.rest);
            let text = rest.trim_start_matches(|c| self.dialect.is_blank(c));
            if text.is_empty() || text.starts_with(['\n', '\r']) {
                self.skip_line();
                continue;
            }
            let mut cells = Vec::new();
            (self.has_strays, self.has_quoted) = (false, false);
            while self.cell(&mut cells) {}
            if text.starts_with('#') && self.is_comment(&cells) {
                (self.line, self.rest) = (line, rest);
                self.skip_line();
                self.comments.0 += 1;
                if self.comments.0 == 1 {
                    self.comments.1 = line;
                }
                continue;
            }
            let is_among_others = self.has_begun && rest.len() > self.blank;
            if is_among_others || cells.iter().any(|cell| !cell.is_empty()) {
                self.has_begun = true;
                return Some((line, cells));
            }
        }
        None
    }

    /// True if the cells of a line that begins with `#` are none.
    fn is_comment(&self, cells: &[Cow<'_, str>]) -> bool {
        // Every line has one cell.
        let is_remark = || cells.len() == 1 && cells[0].starts_with("# ");
        self.cols.is_none_or(|cols| cells.len() != cols) || is_remark()
    }

    /// Bytes behind the records so far.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Leaves the rest of the line out, and gives it.
    pub(crate) fn skip_line(&mut self) -> &'a str {
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let (skipped, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.end_line();
        skipped
    }

    /// Takes the end of a line.
    fn end_line(&mut self) {
        let rest = self.rest;
        let after = ["\r\n", "\n", "\r"]
            .iter()
            .find_map(|end| rest.strip_prefix(end));
        self.rest = after.unwrap_or(rest);
        self.line += 1;
    }

    /// Takes a cell and what separates it from the next; false at the end of the record.
    fn cell(&mut self, cells: &mut Vec<Cow<'a, str>>) -> bool {
        let dialect = self.dialect;
        let is_blank = |c| dialect.is_blank(c);
        self.rest = self.rest.trim_start_matches(is_blank);
        let quoted = self.quoted();
        let end = self
            .rest
            .find(|c| dialect.ends(c))
            .unwrap_or(self.rest.len());
        let (plain, rest) = self.rest.split_at(end);
        let plain = plain.trim_end_matches(is_blank);
        let at_end = rest.is_empty() || rest.starts_with(['\n', '\r']);
        self.rest = rest;
        self.has_quoted |= quoted.is_some();
        self.has_strays |= match quoted {
            Some(_) => !plain.is_empty(),
            None => plain.contains(char::from(self.dialect.quote)),
        };
        // Blanks at the end of a line separate nothing.
        let nothing =
            self.dialect.delimiter == Delimiter::Blanks && quoted.is_none() && plain.is_empty();
        match quoted {
            Some(quoted) if plain.is_empty() => cells.push(quoted),
            // What follows a closing quote belongs to the cell.
            Some(quoted) => cells.push(Cow::Owned(quoted.into_owned() + plain)),
            None if nothing => {}
            None => cells.push(Cow::Borrowed(plain)),
        }
        if at_end {
            self.end_line();
        } else {
            self.rest = rest
                .split_at(rest.chars().next().map_or(0, char::len_utf8))
                .1;
        }
        !at_end
    }

    /// Takes what stands in quotes, if a quote is next and another one closes it; two in a row stand
    /// for one. On another line only double ones close, and only at the end of a cell: apostrophes
    /// and signs of inches are in many lines.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let quote = char::from(self.dialect.quote);
        let inside = self.rest.strip_prefix(quote)?;
        let is_mark = |c| c == quote || (self.dialect.backslash && c == '\\');
        let mut from = 0;
        let end = loop {
            let at = from + inside[from..].find(is_mark)?;
            let next = inside[at + 1..].chars().next();
            match inside[at..].starts_with('\\') {
                true => from = at + 1 + next.map_or(0, char::len_utf8),
                false if next == Some(quote) => from = at + 2,
                false => break at,
            }
        };
        let text = &inside[..end];
        let after = inside[end + 1..].trim_start_matches(|c| self.dialect.is_blank(c));
        let at_end = after.is_empty() || after.starts_with(|c| self.dialect.ends(c));
        if text.contains(['\n', '\r']) && !(at_end && quote == '"') {
            return None;
        }
        self.line += text.matches('\n').count() as u64;
        self.rest = &inside[end + 1..];
        if !text.contains(is_mark) {
            return Some(Cow::Borrowed(text));
        }
        // The first of two marks stands for nothing.
        let mut unescaped = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let escaped = chars.next_if(|&next| is_mark(c) && is_mark(next));
            unescaped.push(escaped.unwrap_or(c));
        }
        Some(Cow::Owned(unescaped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut records = Records::new(text, Dialect::of(text, None), None);
        let mut all = Vec::new();
        while let Some((line, cells)) = records.next() {
            all.push((line, cells.into_iter().map(Cow::into_owned).collect()));
        }
        all
    }

    #[track_caller]
    fn check(text: &str, expected: &[(u64, &[&str])]) {
        let found = cells(text);
        let found: Vec<(u64, Vec<&str>)> = found
            .iter()
            .map(|(line, cells)| (*line, cells.iter().map(String::as_str).collect()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, cells)| (*line, cells.to_vec()))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn every_delimiter_is_told() {
        for text in [
            "a,b\n1,2\n",
            "a;b\r\n1;2",
            "a\tb\r1\t2\r",
            "a|b\n1|2",
            "a b\n1   2\n",
            " a \t b\n1 2 \n",
        ] {
            check(text, &[(1, &["a", "b"]), (2, &["1", "2"])]);
        }
        check(
            "1,5;-0,1\n2,5;3,1\n",
            &[(1, &["1,5", "-0,1"]), (2, &["2,5", "3,1"])],
        );
        check("a\n1\n2", &[(1, &["a"]), (2, &["1"]), (3, &["2"])]);
        // Other delimiters inside of cells.
        check(
            "a,b\n\"x; y\",1\n\"z; y\",2\n",
            &[(1, &["a", "b"]), (2, &["x; y", "1"]), (3, &["z; y", "2"])],
        );
        check(
            "1,\"x\ty\",\"u\"\n2,\"z\ty\",\"v\"\n",
            &[(1, &["1", "x\ty", "u"]), (2, &["2", "z\ty", "v"])],
        );
        check(
            "a,b\n1,x;y\n2,z;y\n",
            &[(1, &["a", "b"]), (2, &["1", "x;y"]), (3, &["2", "z;y"])],
        );
        check(
            "a, b;c\n1,5;2,5\n0,5;1,5\n",
            &[
                (1, &["a, b", "c"]),
                (2, &["1,5", "2,5"]),
                (3, &["0,5", "1,5"]),
            ],
        );
        // Double tabs in some lines and single ones in others.
        check(
            "1\t\t2\n3\t4\n5\t\t6\n",
            &[(1, &["1", "2"]), (2, &["3", "4"]), (3, &["5", "6"])],
        );
    }

    #[test]
    fn quotes_of_either_kind_hold_delimiters_and_line_ends() {
        check(
            "a, b\n\"1,5\", \"x \"\"y\"\"\nz\"\n2,3",
            &[
                (1, &["a", "b"]),
                (2, &["1,5", "x \"y\"\nz"]),
                (4, &["2", "3"]),
            ],
        );
        check("a,'b'\n1,'-1'\n", &[(1, &["a", "b"]), (2, &["1", "-1"])]);
        check("it's,b\n1,2\n", &[(1, &["it's", "b"]), (2, &["1", "2"])]);
        // Single quotes in cells that stand in double ones.
        check(
            "\"The \"\"good\"\" 'bad'\",\"Age, years\",c\n1,2,3\n",
            &[
                (1, &["The \"good\" 'bad'", "Age, years", "c"]),
                (2, &["1", "2", "3"]),
            ],
        );
        check(
            "t,c\n\"it 'was'\n1 day\",37\n",
            &[(1, &["t", "c"]), (2, &["it 'was'\n1 day", "37"])],
        );
        check(
            "\"a\" \"b\"\n\"1\" 2 3\n",
            &[(1, &["a", "b"]), (2, &["1", "2", "3"])],
        );
        // Backslashes escape quotes, but not at the ends of paths.
        check(
            r#"a,b
"say \"hi, b\"",1
"x",2
"\\",3
"#,
            &[
                (1, &["a", "b"]),
                (2, &["say \"hi, b\"", "1"]),
                (3, &["x", "2"]),
                (4, &["\\", "3"]),
            ],
        );
        check(
            r#"a,b
"C:\x, y\",1
"D:\",2
"#,
            &[
                (1, &["a", "b"]),
                (2, &["C:\\x, y\\", "1"]),
                (3, &["D:\\", "2"]),
            ],
        );
        // Apostrophes are no quotes, and neither is what no cell ends with.
        for band in ["Guns 'n' Roses", "'Til Tuesday", "'a' b", "x 'b'"] {
            check(
                &format!("a,b\n{band},1\n'c',3\nd',2\n"),
                &[
                    (1, &["a", "b"]),
                    (2, &[band, "1"]),
                    (3, &["'c'", "3"]),
                    (4, &["d'", "2"]),
                ],
            );
        }
        check(
            "a,b\n\"Al,1\n\"Bo\" C,2\n",
            &[(1, &["a", "b"]), (2, &["\"Al", "1"]), (3, &["Bo C", "2"])],
        );
        // A quote that nothing closes is a character.
        check("a,b\n\"1,2\n", &[(1, &["a", "b"]), (2, &["\"1", "2"])]);
    }

    #[test]
    fn comments_and_empty_records_are_left_out() {
        check(
            "# x\n\n,\na,b\n,\n \n1,2\n#y\n,,\n\"\",\n",
            &[(4, &["a", "b"]), (5, &["", ""]), (7, &["1", "2"])],
        );
        // In a single column, what samples are written as.
        check(
            "a\n\"\"\n\nb\n\"\"\n",
            &[(1, &["a"]), (2, &[""]), (4, &["b"])],
        );
        check(
            "a\tb\n\t\n1\t2\n",
            &[(1, &["a", "b"]), (2, &["", ""]), (3, &["1", "2"])],
        );
        check("", &[]);
        check("a,,\n", &[(1, &["a", "", ""])]);
    }
}
