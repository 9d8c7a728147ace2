//! TBD
use super::GatherRows;
use crate::cube::Cube;
pub(crate) fn run(_cube: &Cube, _op: GatherRows<'_, Cube>) {
    unimplemented!()
}
