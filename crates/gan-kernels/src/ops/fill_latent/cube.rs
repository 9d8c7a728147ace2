//! TBD
use super::FillLatent;
use crate::cube::Cube;
pub(crate) fn run(_cube: &Cube, _op: FillLatent<'_, Cube>) {
    unimplemented!()
}
