//! TBD
use super::Advance;
use crate::cube::Cube;
pub(crate) fn run(_cube: &Cube, _op: Advance<'_, Cube>) {
    unimplemented!()
}
