//! Timing on machines that others use too: sides to compare run in turn, A B A B …, so that a change
//! of the machine's speed meets all of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Seconds per run of one side, sorted.
#[derive(Clone, Debug)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Times in any order; at least one, or the statistics panic.
    pub(crate) fn new(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self(seconds)
    }

    /// The median.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Half the distance between the quartiles over the median.
    pub(crate) fn spread(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / 2.0 / self.median()
    }

    /// The shortest.
    pub(crate) fn best(&self) -> f64 {
        self.quantile(0.0)
    }

    fn quantile(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }
}

/// One side of a comparison: a call is its turn and returns seconds per run.
pub(crate) type Turn<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// A turn of one run of `run`, by the clock.
pub(crate) fn turn<'a>(mut run: impl FnMut() + 'a) -> Turn<'a> {
    Box::new(move || {
        let start = Instant::now();
        run();
        Ok(start.elapsed().as_secs_f64())
    })
}

/// The times of another side beside ours.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    /// Its times.
    pub times: Times,
    /// Its time over ours, the median of the rounds.
    pub ratio: f64,
}

/// How long to measure something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort {
    /// Time to spend at least.
    pub budget: Duration,
    /// Rounds to make at least.
    pub rounds: usize,
    /// Rounds before that do not count, in which buffers grow and pages are touched.
    pub warm_up: usize,
}

impl Effort {
    /// Enough rounds for quartiles.
    pub(crate) const fn of(budget: Duration) -> Self {
        Self {
            budget,
            rounds: 20,
            warm_up: 3,
        }
    }

    /// For what takes seconds: few rounds, and one before them.
    pub(crate) const fn few(rounds: usize) -> Self {
        Self {
            budget: Duration::ZERO,
            rounds,
            warm_up: 1,
        }
    }

    /// Our times and those of each of `others` that is there, compared round by round; another side
    /// that fails is out, and the rest goes on. Where all others are out there is nothing to compare,
    /// and one round of ours is enough.
    pub(crate) fn in_turn(
        self,
        mut ours: Turn<'_>,
        others: Vec<Result<Turn<'_>>>,
    ) -> Result<(Times, Vec<Result<Other>>)> {
        let mut others: Vec<_> = others
            .into_iter()
            .map(|other| other.map(|turn| (turn, Vec::new())))
            .collect();
        // Whether another round is worth its time.
        let mut round = |own: &mut Vec<f64>| -> Result<bool> {
            own.push(ours()?);
            for other in &mut others {
                let Ok((turn, times)) = other else { continue };
                match turn() {
                    Ok(seconds) => times.push(seconds),
                    Err(error) => *other = Err(error),
                }
            }
            Ok(others.is_empty() || others.iter().any(Result::is_ok))
        };
        let mut own = Vec::new();
        let mut goes_on = true;
        while goes_on && own.len() < self.warm_up {
            goes_on = round(&mut own)?;
        }
        let start = Instant::now();
        while goes_on && (own.len() < self.warm_up + self.rounds || start.elapsed() < self.budget) {
            goes_on = round(&mut own)?;
        }
        own.drain(..self.warm_up.min(own.len().saturating_sub(1)));
        let compared = |mut times: Vec<f64>| {
            times.drain(..self.warm_up);
            let ratios = times.iter().zip(&own).map(|(theirs, ours)| theirs / ours);
            Other {
                ratio: Times::new(ratios.collect()).median(),
                times: Times::new(times),
            }
        };
        let others = others
            .into_iter()
            .map(|other| other.map(|(_, times)| compared(times)))
            .collect();
        Ok((Times::new(own), others))
    }

    /// The times of each side, none of which may fail.
    pub(crate) fn each(self, sides: Vec<Turn<'_>>) -> Result<Vec<Times>> {
        let mut sides = sides.into_iter();
        let first = sides.next().context("nothing to time")?;
        let (first, others) = self.in_turn(first, sides.map(Ok).collect())?;
        let others = others.into_iter().map(|other| Ok(other?.times));
        std::iter::once(Ok(first)).chain(others).collect()
    }

    /// The times of one side.
    pub(crate) fn alone(self, ours: Turn<'_>) -> Result<Times> {
        Ok(self.in_turn(ours, Vec::new())?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_turn_takes_ratios_of_neighbours_and_leaves_out_who_fails() {
        // A machine that gets slower: every round takes longer, on both sides alike.
        let slower = |step: f64| -> Turn<'_> {
            let mut seconds = 0.0;
            Box::new(move || {
                seconds += step;
                Ok(seconds)
            })
        };
        let others = vec![
            Ok(Box::new(|| anyhow::bail!("no more")) as Turn<'_>),
            Err(anyhow::anyhow!("not here")),
            Ok(slower(2.0)),
        ];
        let effort = Effort {
            warm_up: 2,
            ..Effort::few(5)
        };
        let (own, others) = effort.in_turn(slower(1.0), others).unwrap();
        // Rounds 3 to 7 count.
        assert_eq!(own.median(), 5.0);
        let errors: Vec<String> = others
            .iter()
            .filter_map(|it| Some(it.as_ref().err()?.to_string()))
            .collect();
        assert_eq!(errors, ["no more", "not here"]);
        let other = others[2].as_ref().unwrap();
        assert_eq!((other.times.median(), other.ratio), (10.0, 2.0));
    }

    #[test]
    fn in_turn_ends_with_the_last_other_side() {
        let mut rounds = 0;
        let ours: Turn<'_> = Box::new(|| {
            rounds += 1;
            Ok(1.0)
        });
        let others = vec![Ok(Box::new(|| anyhow::bail!("no more")) as Turn<'_>)];
        let (own, others) = Effort::few(5).in_turn(ours, others).unwrap();
        assert_eq!(own.median(), 1.0);
        assert!(others[0].is_err());
        assert_eq!(rounds, 1);
    }
}
