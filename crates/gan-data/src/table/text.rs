//! The text of a table: what stands before its records, and the records.

use std::borrow::Cow;

use super::dialect::{Delimiter, Dialect, Records};
use crate::passes::PassOverText;

/// The text of a table behind what stands before it: blank lines, comments, Excel's `sep=`.
pub(super) struct Text<'a> {
    body: &'a str,
    /// Lines before it.
    lines: u64,
    /// The last comment, which may name the columns.
    pub(super) comment: Option<&'a str>,
    pub(super) dialect: Dialect,
}

impl<'a> Text<'a> {
    /// `delimiter` is the user's word on what separates the cells.
    pub(super) fn new(text: &'a str, delimiter: Option<Delimiter>) -> Self {
        let (mut comment, mut stated) = (None, None);
        let (mut body, mut lines) = (text, 0);
        while !body.is_empty() {
            let end = body.find(['\n', '\r']).unwrap_or(body.len());
            let (line, rest) = body.split_at(end);
            let line = line.trim();
            if let Some(text) = line.strip_prefix('#') {
                comment = Some(text.trim_start_matches('#').trim());
            } else if let [b's', b'e', b'p', b'=', separator] = line.as_bytes()
                && lines == 0
            {
                stated = Some(Delimiter::Byte(*separator));
            } else if !line.is_empty() {
                break;
            }
            let rest = rest.strip_prefix('\r').unwrap_or(rest);
            body = rest.strip_prefix('\n').unwrap_or(rest);
            lines += 1;
        }
        Self {
            body,
            lines,
            comment,
            dialect: Dialect::of(body, delimiter.or(stated)),
        }
    }

    /// The cells of one line.
    pub(super) fn cells(&self, line: &'a str) -> Vec<Cow<'a, str>> {
        let record = Records::new(line, self.dialect, None).next();
        record.map_or_else(Vec::new, |(_, cells)| cells)
    }

    /// How many lines of a table of `cols` columns are comments, though there are records above, and
    /// the first of them.
    pub(super) fn comments(&self, cols: usize) -> (u64, u64) {
        let mut records = Records::new(self.body, self.dialect, Some(cols));
        while self.body.contains('#') && records.next().is_some() {}
        (records.comments.0, self.lines + records.comments.1)
    }

    /// The records from the first on, with the lines they begin on; `cols` as [`Records::new`] has it.
    pub(super) fn records(
        &self,
        cols: Option<usize>,
    ) -> impl Iterator<Item = (u64, Vec<Cow<'a, str>>)> + use<'a> {
        let mut records = Records::new(self.body, self.dialect, cols);
        let lines = self.lines;
        let mut pass = PassOverText::new(self.body.len());
        std::iter::from_fn(move || {
            let (line, cells) = records.next()?;
            pass.left(records.left());
            Some((lines + line, cells))
        })
    }
}
