//! From device to device of processes that play together, without their hosts.

use crate::{Backend, BackendError, Matrix};

/// What the devices of all processes know their exchange by.
pub type DirectName = [u32; 32];

/// One process's way to the devices of all.
///
/// Matrices are groups of equal blocks of rows. Calls are made by all processes in the same order, with
/// matrices of the same shapes, and wait until their results are on the device.
pub trait DirectExchange<B: Backend> {
    /// Sends block q of each group to process q, whose blocks for this process arrive as blocks q.
    ///
    /// # Errors
    /// If a device or another process fails.
    fn all_to_all(&mut self, backend: &B, moved: Vec<Moved<'_, B>>) -> Result<(), BackendError>;

    /// Sends the one block of each group to every process, where those of process q arrive as blocks q.
    ///
    /// # Errors
    /// If a device or another process fails.
    fn all_gather(&mut self, backend: &B, moved: Vec<Moved<'_, B>>) -> Result<(), BackendError>;
}

/// A matrix that is sent, and room for what arrives.
pub struct Moved<'a, B: Backend> {
    /// What this process sends.
    pub send: &'a Matrix<B>,
    /// What it receives.
    pub receive: &'a mut Matrix<B>,
    /// Number of groups.
    pub groups: usize,
}
