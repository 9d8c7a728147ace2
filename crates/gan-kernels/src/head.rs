//! How the values of a mixed record are grouped into columns.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Backend, Matrix, Real};

/// The values of one column of a mixed record, side by side: a scalar, levels, or a scalar and then
/// levels.
///
/// Levels are one value each, of which one is 1 and the others are 0.
/// Beside a scalar the first level says that the column's value is the scalar; under any other level
/// the scalar is 0.
/// A record of a table is the values of all its columns, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// True if a scalar stands before the levels.
    pub scalar: bool,
    /// Number of levels; 0, or at least 2.
    pub levels: usize,
}

impl Head {
    /// Number of values.
    #[must_use]
    pub fn width(self) -> usize {
        usize::from(self.scalar) + self.levels
    }

    /// The places of the values of each of `heads`, which stand side by side in a record.
    pub fn spans(heads: &[Self]) -> impl Iterator<Item = HeadSpan> {
        heads.iter().scan(0, |first, head| {
            let scalar = head.scalar.then_some(*first);
            *first += head.width();
            let levels = *first - head.levels..*first;
            Some(HeadSpan { scalar, levels })
        })
    }
}

/// The heads of a generator of mixed records, as its operations take them.
pub struct Heads<B: Backend> {
    pub(crate) spans: Vec<HeadSpan>,
    /// The same for a device, a row for each head: its first value, whether that is a scalar, and
    /// the number of its levels.
    #[cfg_attr(
        not(feature = "cube"),
        allow(dead_code, reason = "the CPU reads the spans")
    )]
    pub(crate) layout: Matrix<B>,
}

/// The places of a head's values in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadSpan {
    /// That of the scalar, if there is one.
    pub scalar: Option<usize>,
    /// Those of the levels.
    pub levels: Range<usize>,
}

impl HeadSpan {
    /// The places of scalar and levels.
    #[must_use]
    pub fn values(&self) -> Range<usize> {
        self.scalar.unwrap_or(self.levels.start)..self.levels.end
    }
}

impl<B: Backend> Heads<B> {
    /// The heads of a record's columns, in their order.
    ///
    /// # Panics
    /// If there is none, or one without a value or of a single level.
    #[must_use]
    #[track_caller]
    pub fn new(backend: &B, heads: &[Head]) -> Self {
        assert!(!heads.is_empty(), "heads: none");
        for head in heads {
            let levels = head.levels;
            assert!(
                head.width() > 0 && levels != 1,
                "heads: a head of {levels} levels"
            );
        }
        let spans: Vec<_> = Head::spans(heads).collect();
        let row = |span: &HeadSpan| {
            let scalars = usize::from(span.scalar.is_some());
            [span.values().start, scalars, span.levels.len()]
        };
        let layout = spans.iter().flat_map(row);
        let layout: Vec<_> = layout
            .map(|value| B::Elem::from_f64(value as f64))
            .collect();
        let mut matrix = backend.matrix(heads.len(), 3);
        backend.write(&mut matrix, &layout);
        Self {
            spans,
            layout: matrix,
        }
    }

    /// Number of values of a record.
    #[must_use]
    pub fn width(&self) -> usize {
        self.spans.last().map_or(0, |span| span.levels.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Native;

    #[test]
    fn spans_are_side_by_side() {
        let backend = Native::<f32>::new(Some(1)).unwrap();
        let head = |scalar, levels| Head { scalar, levels };
        let heads = Heads::new(&backend, &[head(true, 3), head(false, 2), head(true, 0)]);
        let span = |scalar, levels| HeadSpan { scalar, levels };
        assert_eq!(
            heads.spans,
            [span(Some(0), 1..4), span(None, 4..6), span(Some(6), 7..7)]
        );
        assert_eq!(heads.width(), 7);
        let layout = backend.read(heads.layout.all()).unwrap();
        assert_eq!(layout, [0.0, 1.0, 3.0, 4.0, 0.0, 2.0, 6.0, 1.0, 0.0]);
    }
}
