//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use gan_run::problem::Problem;

/// Exit code of a run that was interrupted after a clean save: 128 + SIGINT.
pub(crate) const EXIT_CODE: u8 = 130;

/// Number of times that the user has asked.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// From here on the first signal only sets what [`requested`] says.
pub(crate) fn listen() -> Result<(), Problem> {
    ctrlc::set_handler(|| {
        if REQUESTS.fetch_add(1, Ordering::SeqCst) > 0 {
            // Files are written beside their place and renamed, so nothing half-written stays.
            std::process::exit(i32::from(EXIT_CODE));
        }
    })
    .map_err(|error| Problem::failed(format!("cannot listen for Ctrl-C: {error}")))
}

/// True if the user wants the run to end.
pub(crate) fn requested() -> bool {
    REQUESTS.load(Ordering::SeqCst) > 0
}
