//! From GPU to GPU by NCCL, where its library is found.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;

use cubecl::cuda::CudaRuntime;
use cubecl_server::runtime::Runtime;
use cubecl_server::server::ServerStorage;
use cubecl_server::storage::{ComputeStorage, ManagedResource};
use cudarc::driver::{CudaContext, CudaStream, DriverError};
use cudarc::nccl::result::{self, NcclError};
use cudarc::nccl::sys;

use super::Cube;
use crate::{Backend, BackendError, DirectExchange, DirectName, Matrix, Moved};

type Server = <CudaRuntime as Runtime>::Server;
type Memory = ManagedResource<<<Server as ServerStorage>::Storage as ComputeStorage>::Resource>;

/// One GPU of several processes.
pub(super) struct Nccl {
    communicator: sys::ncclComm_t,
    /// Of its own: cubecl's is drained before.
    stream: Arc<CudaStream>,
    size: usize,
}

// SAFETY: NCCL takes calls from any thread, one at a time, and `&mut self` has one at a time.
unsafe impl Send for Nccl {}

impl Nccl {
    /// True if the library is found.
    pub(super) fn is_found() -> bool {
        // SAFETY: libraries of that name are opened and closed.
        unsafe { sys::is_culib_present() }
    }

    pub(super) fn name() -> Result<DirectName, BackendError> {
        let id = result::get_uniqueid().map_err(|error| refused(&error))?;
        Ok(name_of(&id))
    }

    /// Joins `size` processes, each with its own GPU, as number `rank`; `device` is CUDA's number.
    pub(super) fn join(
        device: usize,
        name: &DirectName,
        rank: usize,
        size: usize,
    ) -> Result<Self, BackendError> {
        // The context that cubecl has as well.
        let context = CudaContext::new(device).map_err(|error| failed(&error))?;
        let stream = context.new_stream().map_err(|error| failed(&error))?;
        let mut communicator = MaybeUninit::uninit();
        let (to, size_i32, rank) = (communicator.as_mut_ptr(), size as i32, rank as i32);
        // SAFETY: the context is this thread's, and the communicator is written where the call succeeds.
        let communicator = unsafe {
            result::comm_init_rank(to, size_i32, id_of(name), rank)
                .map_err(|error| refused(&error))?;
            communicator.assume_init()
        };
        Ok(Self {
            communicator,
            stream,
            size,
        })
    }

    /// Makes a call for each block: with the matrices' addresses, the block's, and its elements.
    ///
    /// Matrices that are sent have `blocks` of them in each group.
    fn run(
        &self,
        cube: &Cube,
        moved: &[Moved<'_, Cube>],
        blocks: usize,
        call: impl Fn([u64; 2], Block) -> Result<(), NcclError>,
    ) -> Result<(), BackendError> {
        let held =
            |moved: &Moved<'_, Cube>| Ok([hold(cube, moved.send)?, hold(cube, moved.receive)?]);
        let held: Vec<[Memory; 2]> = moved
            .iter()
            .map(held)
            .collect::<Result<_, BackendError>>()?;
        // What is sent has been computed, and what is overwritten is no longer needed.
        cube.check()?;
        result::group_start().map_err(|error| refused(&error))?;
        let calls = moved.iter().zip(&held).try_for_each(|(moved, held)| {
            let elements = moved.send.rows * moved.send.stride;
            let addresses = held.each_ref().map(|held| held.resource().ptr);
            let mut blocks = Block::all(moved.groups * blocks, elements);
            blocks.try_for_each(|block| call(addresses, block))
        });
        // Ended in any case, or later calls would belong to the same group.
        let ended = result::group_end().map(drop);
        calls.and(ended).map_err(|error| refused(&error))?;
        self.stream.synchronize().map_err(|error| failed(&error))
    }
}

/// One of several equal blocks of a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    at: usize,
    elements: usize,
}

impl Block {
    fn all(count: usize, elements: usize) -> impl Iterator<Item = Self> {
        let elements = elements / count;
        (0..count).map(move |at| Self { at, elements })
    }

    /// The byte where it begins.
    fn byte(self) -> u64 {
        (self.at * self.elements * size_of::<f32>()) as u64
    }
}

fn name_of(id: &sys::ncclUniqueId) -> DirectName {
    let mut name = DirectName::default();
    for (word, bytes) in name.iter_mut().zip(id.internal.as_chunks().0) {
        *word = u32::from_le_bytes(bytes.map(|byte| byte as u8));
    }
    name
}

fn id_of(name: &DirectName) -> sys::ncclUniqueId {
    let mut id = sys::ncclUniqueId { internal: [0; 128] };
    for (bytes, word) in id.internal.as_chunks_mut().0.iter_mut().zip(name) {
        *bytes = word.to_le_bytes().map(|byte| byte as c_char);
    }
    id
}

/// The memory of a matrix, which stays where it is as long as this is kept.
fn hold(cube: &Cube, matrix: &Matrix<Cube>) -> Result<Memory, BackendError> {
    let memory = cube.client().get_resource::<Server>(matrix.storage.clone());
    memory.map_err(|error| cube.error(&error))
}

impl DirectExchange<Cube> for Nccl {
    fn all_to_all(&mut self, cube: &Cube, moved: Vec<Moved<'_, Cube>>) -> Result<(), BackendError> {
        let (communicator, stream) = (self.communicator, self.stream.cu_stream() as _);
        self.run(cube, &moved, self.size, |[send, receive], block| {
            let (count, peer) = (block.elements, (block.at % self.size) as i32);
            let from = (send + block.byte()) as *const c_void;
            let to = (receive + block.byte()) as *mut c_void;
            // SAFETY: both are blocks of matrices that are held, and nobody else uses them before the
            // stream has been waited for.
            unsafe {
                result::send(from, count, F32, peer, communicator, stream)?;
                result::recv(to, count, F32, peer, communicator, stream)?;
            }
            Ok(())
        })
    }

    fn all_gather(&mut self, cube: &Cube, moved: Vec<Moved<'_, Cube>>) -> Result<(), BackendError> {
        let (communicator, stream) = (self.communicator, self.stream.cu_stream() as _);
        self.run(cube, &moved, 1, |[send, receive], block| {
            let from = (send + block.byte()) as *const c_void;
            let to = (receive + block.byte() * self.size as u64) as *mut c_void;
            // SAFETY: likewise.
            unsafe { result::all_gather(from, to, block.elements, F32, communicator, stream)? };
            Ok(())
        })
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        // Waits for nobody: the other processes may be gone. What it says cannot be helped.
        // SAFETY: the communicator is this one's, and nobody uses it any more.
        drop(unsafe { result::comm_abort(self.communicator) });
    }
}

const F32: sys::ncclDataType_t = sys::ncclDataType_t::ncclFloat32;

fn refused(error: &NcclError) -> BackendError {
    BackendError::Failed {
        reason: format!("NCCL: {:?}", error.0),
    }
}

fn failed(error: &DriverError) -> BackendError {
    BackendError::Failed {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_whole() {
        let name = std::array::from_fn(|i| 0x9e37_79b9_u32.wrapping_mul(i as u32 + 1));
        assert_eq!(name_of(&id_of(&name)), name);
    }

    #[test]
    fn blocks_are_side_by_side_and_whole() {
        let blocks: Vec<_> = Block::all(6, 24).collect();
        let bytes: Vec<_> = blocks.iter().map(|block| block.byte()).collect();
        assert_eq!(bytes, [0, 16, 32, 48, 64, 80]);
        assert!(blocks.iter().all(|block| block.elements == 4));
    }
}
