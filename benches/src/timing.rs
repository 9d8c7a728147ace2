//! Timing on machines that others use too: things to compare run in turn, A B A B …, so that a
//! change of the machine's speed meets both.

use std::time::{Duration, Instant};

/// Seconds per run of one thing, sorted.
#[derive(Clone, Debug)]
pub struct Times(Vec<f64>);

impl Times {
    /// Of runs in any order.
    ///
    /// # Panics
    /// If there is none, at the first question.
    #[must_use]
    pub fn new(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self(seconds)
    }

    /// The middle run.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Half the distance between the quartiles over the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / 2.0 / self.median()
    }

    fn quantile(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share).round() as usize]
    }
}

/// How long to measure one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Until this much time is spent,
    pub budget: Duration,
    /// but so many runs at least.
    pub runs: usize,
    /// Runs before, in which buffers grow to their size and pages are touched.
    pub warm_up: usize,
}

impl Effort {
    /// Enough runs for quartiles.
    #[must_use]
    pub const fn of(budget: Duration) -> Self {
        Self {
            budget,
            runs: 20,
            warm_up: 3,
        }
    }

    /// For what takes seconds: few runs, and one before them.
    #[must_use]
    pub const fn few(runs: usize) -> Self {
        Self {
            budget: Duration::ZERO,
            runs,
            warm_up: 1,
        }
    }

    /// Runs both in turn; returns both times and the median of their ratios, first over second, pair
    /// by pair.
    pub fn in_turn(self, mut first: impl FnMut(), mut second: impl FnMut()) -> (Times, Times, f64) {
        let time = |run: &mut dyn FnMut()| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        };
        for _ in 0..self.warm_up {
            first();
            second();
        }
        let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let start = Instant::now();
        while a.len() < self.runs || start.elapsed() < self.budget {
            let pair = (time(&mut first), time(&mut second));
            a.push(pair.0);
            b.push(pair.1);
            ratios.push(pair.0 / pair.1);
        }
        (Times::new(a), Times::new(b), Times::new(ratios).median())
    }

    /// Runs one thing.
    pub fn alone(self, run: impl FnMut()) -> Times {
        self.in_turn(run, || {}).0
    }
}
