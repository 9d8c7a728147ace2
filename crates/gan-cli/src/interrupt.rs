//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gan_run::problem::Problem;

use crate::output;

/// Exit code of a run that was interrupted after a clean save: 128 + SIGINT.
pub(crate) const EXIT_CODE: u8 = 130;

/// The time after which the user is answered, where the run has not ended by then.
const ANSWER: Duration = Duration::from_millis(500);

/// Number of times that the user has asked.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// From here on the first signal only sets what [`requested`] says.
pub(crate) fn listen() -> Result<(), Problem> {
    ctrlc::set_handler(|| {
        if REQUESTS.fetch_add(1, Ordering::SeqCst) > 0 {
            // Files are written beside their place and renamed, so nothing half-written stays.
            std::process::exit(i32::from(EXIT_CODE));
        }
        // An iteration may take minutes, and the run ends after it; not here, where the second
        // signal is waited for.
        thread::spawn(|| {
            thread::sleep(ANSWER);
            output::aside(
                "interrupted: this iteration is finished and saved first; Ctrl-C once more ends the \
                 run at once, at its last checkpoint",
            );
        });
    })
    .map_err(|error| Problem::failed(format!("cannot listen for Ctrl-C: {error}")))
}

/// True if the user wants the run to end.
pub(crate) fn requested() -> bool {
    REQUESTS.load(Ordering::SeqCst) > 0
}
