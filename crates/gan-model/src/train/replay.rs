//! Recording an iteration's list of operations, and replaying it.

use gan_kernels::{Advance, Backend, Execution};

use super::{Moves, Trainer};

impl<B: Backend> Trainer<B> {
    /// Runs `iteration`, or the record that the back end has made of it, and goes on to the next
    /// step.
    ///
    /// The record is a list of operations, so `iteration` may not read, allocate, or depend on
    /// anything but what the device keeps: the numbers that change from one iteration to the next
    /// are in the state there.
    pub(super) fn record_or_replay(&mut self, iteration: impl Fn(&mut Self)) {
        let is_read = self.exchange.is_some();
        let (backend, mut recording) = (self.backend.clone(), std::mem::take(&mut self.recording));
        backend.upload_rates(&mut self.state, &self.schedule, self.step);
        let mut whole = || {
            iteration(self);
            self.backend.advance(Advance {
                state: &mut self.state,
                schedule: &self.schedule,
            });
        };
        // Gradients that are summed over microbatches are read back.
        match is_read {
            true => whole(),
            false => backend.repeat(&mut recording, whole),
        }
        self.recording = recording;
        self.step += 1;
    }

    /// Has the next iteration recorded anew.
    pub(super) fn forget_recording(&mut self) {
        self.recording = B::Recording::default();
    }

    /// The way iterations are run; `None` before the first.
    #[must_use]
    pub fn execution(&self) -> Option<Execution> {
        self.backend.execution(&self.recording)
    }

    /// Lets the players of `moves` move from the next iteration on.
    ///
    /// The iteration stays what it is, monitors and all; a player that stays keeps its parameters
    /// and its optimiser's moments to the bit, while its schedule goes on.
    /// Not part of a checkpoint.
    ///
    /// # Panics
    /// In one of several processes that play together.
    pub fn set_moves(&mut self, moves: Moves) {
        self.assert_alone("set_moves");
        self.moves = moves;
        // The record has the other list of operations.
        self.forget_recording();
    }
}
