//! The pictures of a run while it is trained: samples, what D says around them, and curves.

use std::collections::BTreeSet;
use std::path::Path;

use gan_kernels::{Backend, BackendError};
use gan_model::LossConfig;
use gan_pictures::Surface;
use tracing::info;

use super::Training;
use crate::event::Event;
use crate::pictures;
use crate::probe;
use crate::problem::Problem;

/// Points at which D is drawn over one dimension.
const AXIS_POINTS: usize = 241;

impl<B: Backend> Training<'_, B> {
    /// Draws the samples of the fixed latents, and the curves.
    pub(super) fn picture(&mut self) -> Result<(), Problem> {
        let step = self.trainer.steps_done();
        let seed = self.config.seed;
        let one = self.trainer.sample(seed, 0, 1);
        let made = one.map_err(|error| self.broken(&error))?.len();
        let player_cols = made - self.shown.record.labels.unwrap_or(0);
        let cols = self.shown.record.transform.user_cols(player_cols);
        let grid = [self.config.run.rows, self.config.run.cols];
        let count = pictures::sample_count(&self.shown.record.shape, cols, grid);
        let samples = self.pictured(count, grid);
        let samples = samples.map_err(|error| self.broken(&error))?;
        let samples = self.shown.record.unlabelled(&samples, made);
        let samples = self.shown.record.user_values(&samples, player_cols);
        // The mixture is in the units of the data as they came.
        let modes = self.shown.backdrop.modes();
        self.quality = modes.map(|mixture| probe::modes_of(mixture, &samples));
        // A D that is given the class says nothing of a record alone.
        match player_cols {
            _ if made > player_cols => {}
            1 => self.discriminate_axis()?,
            2 => self.discriminate_plane(&samples)?,
            _ => {}
        }
        let path = self.dir.samples(step);
        // Neither the directory nor the folder of the data: the same run elsewhere gives the same
        // bytes.
        let source = Path::new(&self.config.data.source);
        let source = source.file_name().unwrap_or_default().to_string_lossy();
        let title = format!("{source}, seed {seed}, step {step}");
        let (shape, backdrop) = (&self.shown.record.shape, &self.shown.backdrop);
        let picture = pictures::draw(&title, shape, cols, &samples, grid, backdrop);
        // Before the picture, so that with it nothing is left to draw.
        self.draw_curves()?;
        let picture = match picture.map_err(Problem::undrawn(&path)) {
            Ok(picture) => picture,
            // The game goes on without it.
            Err(problem) => {
                self.warn(problem.message);
                return Ok(());
            }
        };
        self.dir.replace(&path, &picture)?;
        if let Some(events) = &mut self.events {
            events.picture(step, &picture)?;
        }
        self.pictured_step = Some(step);
        info!("samples of step {step}");
        self.observer.event(&Event::Sample {
            step,
            path: &path,
            quality: self.quality.as_ref(),
        });
        Ok(())
    }

    /// The samples of a picture: of images whose class is a condition, each row of `grid` has one.
    fn pictured(&mut self, count: usize, grid: [usize; 2]) -> Result<Vec<f32>, BackendError> {
        let seed = self.config.seed;
        let is_image = self.shown.record.shape.image().is_some();
        let conditions = self.trainer.conditions();
        let Some(conditions) = conditions.filter(|_| is_image) else {
            return self.trainer.sample(seed, 0, count);
        };
        let classes = conditions.combinations();
        let classes: BTreeSet<u32> = classes.map(|(levels, _)| levels[0]).collect();
        let mut samples = Vec::new();
        for (row, class) in (0..grid[0]).zip(classes.iter().copied().cycle()) {
            let is_class = |levels: &[u32]| levels[0] == class;
            let some = self
                .trainer
                .sample_where(seed, row * grid[1], grid[1], is_class)?;
            samples.extend(some);
        }
        Ok(samples)
    }

    /// Asks D over the axis of one dimension.
    fn discriminate_axis(&mut self) -> Result<(), Problem> {
        // The data are in the user's units; standardised ones span about ±4 in the players'.
        let axis: Vec<f32> = (0..AXIS_POINTS)
            .map(|i| 16.0 * i as f32 / (AXIS_POINTS - 1) as f32 - 8.0)
            .collect();
        let d = self.trainer.discriminate(&axis);
        let d = d.map_err(|error| self.broken(&error))?;
        let axis = self.shown.record.user_values(&axis, 1);
        let points = axis.into_iter().zip(d).map(|(x, d)| [x, d]);
        self.shown.backdrop.discriminator = points.collect();
        Ok(())
    }

    /// Asks D over the part of the plane that the picture of records of two values shows.
    fn discriminate_plane(&mut self, samples: &[f32]) -> Result<(), Problem> {
        let record = &self.shown.record;
        if record.shape.image().is_some() || !record.to_players_units(&mut [], 2) {
            return Ok(());
        }
        let data = pictures::first_two(&self.shown.backdrop.data, 2);
        let (trainer, record) = (&mut self.trainer, &self.shown.record);
        let mut ask = |points: &[[f32; 2]]| {
            let mut points = points.as_flattened().to_vec();
            record.to_players_units(&mut points, 2);
            trainer.discriminate(&points)
        };
        let surface = Surface::over(&data, &mut ask).and_then(|surface| {
            if self.config.game.loss == LossConfig::CrossEntropy {
                return Ok(surface);
            }
            // The other losses leave the level of D's output free: what counts is on which side of
            // the middle between data and samples it is.
            let mut mean = |points: &[[f32; 2]]| -> Result<f64, BackendError> {
                let d = ask(points)?;
                Ok(d.iter().map(|&d| logit(d)).sum::<f64>() / d.len().max(1) as f64)
            };
            let middle = 0.5 * (mean(&data)? + mean(&pictures::first_two(samples, 2))?);
            Ok(surface.map(|d| (1.0 / (1.0 + (middle - logit(d)).exp())) as f32))
        });
        self.shown.backdrop.surface = Some(surface.map_err(|error| self.broken(&error))?);
        Ok(())
    }

    pub(super) fn draw_curves(&self) -> Result<(), Problem> {
        let title = self.dir.path().display().to_string();
        let curves = pictures::curves(&self.readings, self.diagnosis.findings(), &title);
        self.dir
            .replace(&self.dir.losses(), curves.to_svg().as_bytes())
    }
}

/// The logit of a probability, kept within what 32 bits tell from 0 and 1.
fn logit(probability: f32) -> f64 {
    let p = f64::from(probability).clamp(1e-7, 1.0 - 1e-7);
    (p / (1.0 - p)).ln()
}
