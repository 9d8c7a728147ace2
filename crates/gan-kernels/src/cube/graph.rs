//! The recorded iteration.

use cubecl::client::Graph;

use super::Cube;
use crate::Execution;

/// An iteration as the device replays it: see [`Backend::repeat`](crate::Backend::repeat).
#[derive(Default)]
pub struct Recording {
    recorded: Option<Recorded>,
}

struct Recorded {
    /// `None` where the runtime records nothing, and every iteration is launched anew.
    graph: Option<Graph>,
    launches: usize,
}

impl Recording {
    /// Runs an iteration, and records it at the first call.
    pub(super) fn repeat(&mut self, cube: &Cube, mut iteration: impl FnMut()) {
        match &self.recorded {
            None => self.recorded = Some(record(cube, iteration)),
            Some(Recorded { graph: None, .. }) => iteration(),
            Some(Recorded {
                graph: Some(graph), ..
            }) => {
                if cube.failed().is_err() {
                    return;
                }
                // SAFETY: the caller of `repeat` keeps all that the iteration names, and uses it
                // from this thread alone.
                if let Err(error) = unsafe { graph.replay() } {
                    cube.fail_recording(&error);
                }
            }
        }
    }

    pub(super) fn execution(&self) -> Option<Execution> {
        self.recorded.as_ref().map(|recorded| {
            let launches = recorded.launches;
            match recorded.graph {
                Some(_) => Execution::Replayed { launches },
                None => Execution::Eager { launches },
            }
        })
    }
}

/// Runs the iteration, which compiles its kernels, and records it.
fn record(cube: &Cube, mut iteration: impl FnMut()) -> Recorded {
    let client = cube.client();
    let prepared = cube.records && client.graph_prepare().is_ok();
    let before = cube.launches();
    iteration();
    let launches = cube.launches() - before;
    let mut graph = None;
    if prepared && cube.failed().is_ok() {
        if client.start_capture().is_ok() {
            iteration();
            // Where it fails, what the recorded launches would have written, the parameters among
            // it, cannot be read any more.
            let recorded = client.stop_capture();
            graph = recorded.map_err(|error| cube.fail_recording(&error)).ok();
        } else {
            // The runtime has no graphs; this ends what was prepared.
            let _ = client.stop_capture();
        }
    }
    Recorded { graph, launches }
}
