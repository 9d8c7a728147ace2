//! How the values of a mixed record are grouped into columns.

use serde::{Deserialize, Serialize};

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
}
