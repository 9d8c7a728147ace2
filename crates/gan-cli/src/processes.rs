//! The processes that `mpirun` or a cluster's scheduler has started to train together.

use std::env;

use gan_run::problem::Problem;

/// What those that start processes say of how many there are: Open MPI, MPICH and Intel MPI, Slurm.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

/// The variable that says that this process is one of several, and how many.
fn started() -> Option<(&'static str, usize)> {
    SIZES.into_iter().find_map(|name| {
        let size = env::var(name).ok()?.parse().ok()?;
        (size > 1).then_some((name, size))
    })
}

/// Joins the other processes, if there are some.
#[cfg(feature = "mpi")]
pub(crate) fn join() -> Result<Option<gan_mpi::Processes>, Problem> {
    let Some((name, size)) = started() else {
        return Ok(None);
    };
    let processes = gan_mpi::Processes::join().filter(|processes| processes.size() == size);
    match processes {
        Some(processes) => Ok(Some(processes)),
        None => Err(Problem::failed(format!(
            "{name}: found {size} processes, which the MPI that this program was built with cannot join"
        ))
        .hint("start it by the mpirun of that MPI, or one process alone")),
    }
}

/// Refuses to be one of several processes, which would all write the same run.
#[cfg(not(feature = "mpi"))]
pub(crate) fn join() -> Result<(), Problem> {
    match started() {
        None => Ok(()),
        Some((name, size)) => Err(Problem::usage(format!(
            "{name}: found {size} processes, expected one: this program was built without MPI"
        ))
        .hint("build it with --features mpi, or start it without mpirun; independent runs are a sweep: gan-cli sweep")),
    }
}
