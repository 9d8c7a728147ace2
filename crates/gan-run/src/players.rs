//! Both players on the processor, for callers that play them step by step and write no run.

use std::collections::BTreeMap;

use gan_kernels::Native;
use gan_model::{ConfigError, GameConfig, Moves, Trainer, TrainingData};

use crate::problem::Problem;

/// A [`Trainer`] that is compiled here, and not again in every program that uses it.
pub struct Players(Trainer<Native<f32>>);

impl Players {
    /// The players of `game` on the training records `data`, computed by `native`.
    ///
    /// # Errors
    /// If the configuration does not fit the data.
    pub fn new(
        native: Native<f32>,
        game: &GameConfig,
        seed: u64,
        data: TrainingData,
    ) -> Result<Self, ConfigError> {
        Trainer::new(native, game, seed, data).map(Self)
    }

    /// Plays one iteration.
    pub fn step(&mut self) {
        self.0.step();
    }

    /// Iterations done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.0.steps_done()
    }

    /// Iterations per epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.0.steps_per_epoch()
    }

    /// Lets only the players of `moves` move from here on.
    pub fn set_moves(&mut self, moves: Moves) {
        self.0.set_moves(moves);
    }

    /// G(z) for each of `latents`, row-major.
    ///
    /// # Errors
    /// If the device fails.
    pub fn generate_from(&mut self, latents: &[f32]) -> Result<Vec<f32>, Problem> {
        Ok(self.0.generate_from(latents)?)
    }

    /// D of each of `records`, row-major.
    ///
    /// # Errors
    /// If the device fails.
    pub fn discriminate(&mut self, records: &[f32]) -> Result<Vec<f32>, Problem> {
        Ok(self.0.discriminate(records)?)
    }

    /// Goes on from where `other`, who play the same game, are now.
    ///
    /// # Errors
    /// If their game is another one.
    pub fn take_over(&mut self, other: &mut Self) -> Result<(), Problem> {
        let step = other.steps_done();
        self.go_on(other, step)
    }

    /// Begins a game with the players as `other` left them, and with their moments: for some
    /// hundred updates Adam takes these for fresh ones, and steps less.
    ///
    /// # Errors
    /// If their game is another one.
    pub fn begin_as(&mut self, other: &mut Self) -> Result<(), Problem> {
        self.go_on(other, 0)
    }

    fn go_on(&mut self, other: &mut Self, step: u64) -> Result<(), Problem> {
        let mut checkpoint = other.0.checkpoint(String::new(), BTreeMap::new())?;
        checkpoint.step = step;
        Ok(self.0.restore(&checkpoint)?)
    }
}
