//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once. A program that has
//! started this one may ask for a clean end by closing its standard input.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// True once standard input has ended, if that counts. No signal: on a terminal, Ctrl-C reaches this
/// program and the one that has started it at about the same time, and means one thing.
static INPUT_ENDED: AtomicBool = AtomicBool::new(false);

/// From here on the end of standard input asks for a clean end too, as it comes when the program that
/// has started this one closes it or is gone, however that ended.
pub(crate) fn listen_to_input() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        INPUT_ENDED.store(true, Ordering::SeqCst);
    });
}

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

/// From here on no signal ends this process: another one decides when it ends.
#[cfg(feature = "mpi")]
pub(crate) fn leave_to_another() -> Result<(), Problem> {
    ctrlc::set_handler(|| {})
        .map_err(|error| Problem::failed(format!("cannot listen for Ctrl-C: {error}")))
}

/// True if the user wants the run to end.
pub(crate) fn requested() -> bool {
    REQUESTS.load(Ordering::SeqCst) > 0 || INPUT_ENDED.load(Ordering::SeqCst)
}
