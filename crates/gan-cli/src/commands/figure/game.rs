//! Figure 1's game: one training in four stages, and what is seen of it on the way.

use gan_data::Mixture;
use gan_model::Moves;
use gan_run::players::Players;
use gan_run::problem::Problem;
use gan_run::theory::{Bins, is_within, jensen_shannon, optimal_discriminator, value};

use crate::progress::Progress;

/// The prior p_z is uniform on ± this.
pub(super) const LATENT_END: f64 = 1.732_050_8;
/// The axis reaches so many standard deviations from the data's mean.
const REACH: f64 = 5.0;
/// Bins of the axis.
const BINS: usize = 500;
/// Cells of the grid of z that p_g is pushed forward from.
const CELLS: u32 = 4000;
/// Moments that are kept while both players move.
const MOMENTS: u64 = 300;
/// Moments that are kept while D moves alone.
const MOMENTS_OF_D: u64 = 24;

// Where one stage ends and the next begins.
/// (a): D is partly accurate when its mean distance to D* is so much of what it was.
const PARTLY: f64 = 0.7;
/// (b): D is nearly optimal when it is on average so near D*.
const NEARLY_OPTIMAL: f64 = 0.01;
/// (c): G has moved along D's gradient when JSD is so much of what it was.
const MOVED: f64 = 0.4;
/// It has left the way when JSD is so much of what it was.
const ASTRAY: f64 = 1.5;

/// The bound of JSD(p_data, p_g) at the end of the last stage, in nats.
pub(super) const DIVERGENCE_BOUND: f64 = 0.01;
/// The bound of |D − 1/2| on the central 98 % of p_data.
pub(super) const UNFAIRNESS_BOUND: f64 = 0.05;

/// Both players after some iteration.
pub(super) struct Moment {
    /// Iterations done.
    pub(super) step: u64,
    /// Who moved in the last of them.
    pub(super) moves: Moves,
    /// p_g: probability of each bin.
    pub(super) generated: Vec<f64>,
    /// D in the middle of each bin.
    pub(super) d: Vec<f32>,
    /// G on the even grid of z.
    pub(super) mapped: Vec<f32>,
    /// V(D, G), nats, over all of p_data and p_g.
    pub(super) value: f64,
    /// JSD(p_data ‖ p_g), nats.
    pub(super) divergence: f64,
}

/// A game that has been played.
pub(super) struct Played {
    pub(super) mixture: Mixture,
    pub(super) bins: Bins,
    /// p_data: probability of each bin.
    pub(super) data: Vec<f64>,
    pub(super) moments: Vec<Moment>,
    /// The moments that are the stages (a) to (d).
    pub(super) stages: [usize; 4],
}

impl Played {
    /// The stages (a) to (d).
    pub(super) fn stages(&self) -> [&Moment; 4] {
        self.stages.map(|index| &self.moments[index])
    }

    /// D* of Proposition 1 in each bin.
    pub(super) fn optimum(&self, moment: &Moment) -> Vec<f64> {
        optimal_discriminator(&self.data, &moment.generated)
    }

    /// Mean |D − D*| over p_data and p_g in equal parts.
    pub(super) fn distance_to_optimum(&self, moment: &Moment) -> f64 {
        let optimum = self.optimum(moment);
        let weights = self.data.iter().zip(&moment.generated);
        let pairs = optimum.iter().zip(&moment.d).zip(weights);
        pairs
            .filter(|((best, _), _)| best.is_finite())
            .map(|((best, &d), (p, q))| 0.5 * (p + q) * (best - f64::from(d)).abs())
            .sum()
    }

    /// The largest |D − 1/2| within `sigmas` standard deviations of the data's mean.
    pub(super) fn unfairness(&self, moment: &Moment, sigmas: f64) -> f64 {
        let centres = self.bins.centres();
        let outputs = centres.into_iter().zip(&moment.d);
        outputs
            .filter(|&(x, _)| is_within(&self.mixture, x, sigmas))
            .map(|(_, &d)| (f64::from(d) - 0.5).abs())
            .fold(0.0, f64::max)
    }
}

/// The same players in three roles: each goes on from where another one stopped.
pub(super) struct Casts {
    /// Both move, on data that lie aside of those of the game.
    pub(super) rehearsal: Players,
    /// One moves alone, by steps so small that its way can be watched.
    pub(super) alone: Players,
    /// Both move.
    pub(super) both: Players,
}

/// A game that is being played.
struct Game {
    trainer: Players,
    played: Played,
    latents: Vec<f32>,
    total: u64,
    progress: Progress,
}

/// Plays `total` iterations on one-dimensional data of known density, after a rehearsal as long.
///
/// Training is real throughout. In the rehearsal p_g becomes a bell beside p_data, as in the paper's
/// drawing: so the game begins near convergence. Then D moves alone until it is partly accurate (a)
/// and until it is nearly optimal (b), then G alone, whose nearest moment is (c), then both to the
/// end (d).
pub(super) fn play(
    casts: Casts,
    mixture: Mixture,
    total: u64,
    mut progress: Progress,
) -> Result<Played, Problem> {
    let mean = f64::from(mixture.centres[0]);
    let reach = REACH * f64::from(mixture.sigma);
    let bins = Bins {
        low: mean - reach,
        high: mean + reach,
        count: BINS,
    };
    let place = |cell| LATENT_END * (2.0 * f64::from(cell) / f64::from(CELLS) - 1.0);
    let Casts {
        mut rehearsal,
        mut alone,
        both,
    } = casts;
    for step in 1..=total {
        rehearsal.step();
        progress.tick(step);
    }
    alone.begin_as(&mut rehearsal)?;
    let mut game = Game {
        trainer: alone,
        played: Played {
            data: bins.data(&mixture),
            mixture,
            bins,
            moments: Vec::new(),
            stages: [0; 4],
        },
        latents: (0..=CELLS).map(|cell| place(cell) as f32).collect(),
        total,
        progress,
    };
    game.look(Moves::Discriminator)?;
    game.stage(0, Moves::Discriminator, total / 20)?;
    game.stage(1, Moves::Discriminator, total / 20)?;
    game.stage(2, Moves::Generator, total / 60)?;
    let mut alone = std::mem::replace(&mut game.trainer, both);
    game.trainer.take_over(&mut alone)?;
    game.stage(3, Moves::Both, total)?;
    Ok(game.played)
}

impl Game {
    /// Lets the players of `moves` move until stage `index` is reached, at most `most` iterations
    /// and none beyond the end.
    fn stage(&mut self, index: usize, moves: Moves, most: u64) -> Result<(), Problem> {
        let first = self.trainer.steps_done();
        let last = self.total.min(first.saturating_add(most));
        let before = self.played.moments.len() - 1;
        self.trainer.set_moves(moves);
        while self.trainer.steps_done() < last {
            self.trainer.step();
            let step = self.trainer.steps_done();
            self.progress.tick(self.total + step);
            if step < last && !self.due(moves, step - first, most) {
                continue;
            }
            self.look(moves)?;
            if self.reached(index, before) {
                break;
            }
        }
        let reached = self.played.moments.len() - 1;
        self.played.stages[index] = match moves {
            Moves::Generator => self.nearest_moment(before..=reached),
            _ => reached,
        };
        Ok(())
    }

    /// The moment at which p_g was nearest to p_data: against a D that stays, G goes past it.
    fn nearest_moment(&self, moments: std::ops::RangeInclusive<usize>) -> usize {
        let divergence = |index: usize| self.played.moments[index].divergence;
        let last = *moments.end();
        moments
            .min_by(|&a, &b| divergence(a).total_cmp(&divergence(b)))
            .unwrap_or(last)
    }

    /// True if it is time to look after `step` iterations of a stage of at most `most`.
    fn due(&self, moves: Moves, step: u64, most: u64) -> bool {
        match moves {
            // The later, the less happens: moments lie on a parabola over the whole game.
            Moves::Both => {
                let number = |step: u64| (step as f64 / self.total as f64).sqrt() * MOMENTS as f64;
                let step = self.trainer.steps_done();
                number(step).floor() > number(step - 1).floor()
            }
            // D learns most at once.
            Moves::Discriminator => {
                step.is_power_of_two() || step.is_multiple_of((most / MOMENTS_OF_D).max(1))
            }
            Moves::Generator => true,
        }
    }

    /// True if the last moment is where stage `index` ends, which began with moment `before`.
    fn reached(&self, index: usize, before: usize) -> bool {
        let moments = &self.played.moments;
        let Some(now) = moments.last() else {
            return false;
        };
        match index {
            0 => {
                let [now, start] =
                    [now, &moments[before]].map(|moment| self.played.distance_to_optimum(moment));
                now <= PARTLY * start
            }
            1 => self.played.distance_to_optimum(now) <= NEARLY_OPTIMAL,
            2 => {
                let moved = now.divergence / moments[before].divergence;
                !(MOVED..=ASTRAY).contains(&moved)
            }
            _ => false,
        }
    }

    /// Keeps the present moment.
    fn look(&mut self, moves: Moves) -> Result<(), Problem> {
        let Played { bins, data, .. } = &self.played;
        let centres: Vec<f32> = bins.centres().iter().map(|&x| x as f32).collect();
        let mapped = self.trainer.generate_from(&self.latents)?;
        let d = self.trainer.discriminate(&centres)?;
        let of_samples = self.trainer.discriminate(&mapped)?;
        let generated = bins.pushforward(&mapped);
        let moment = Moment {
            step: self.trainer.steps_done(),
            moves,
            value: value(data, &d, &of_samples),
            divergence: jensen_shannon(data, &generated),
            generated,
            d,
            mapped,
        };
        self.played.moments.push(moment);
        Ok(())
    }
}
