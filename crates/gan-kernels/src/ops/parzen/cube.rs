//! TBD
use super::Parzen;
use crate::{BackendError, cube::Cube};
pub(crate) fn run(_cube: &Cube, _op: Parzen<'_, Cube>) -> Result<Vec<f64>, BackendError> {
    unimplemented!()
}
