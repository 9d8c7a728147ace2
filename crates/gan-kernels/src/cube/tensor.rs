//! Products on tensor cores.

use super::Precision;

/// Depth of one fragment, of 16 × 16 elements of C.
pub(crate) const fn depth(precision: Precision) -> usize {
    match precision {
        Precision::Tf32 => 8,
        _ => 16,
    }
}
