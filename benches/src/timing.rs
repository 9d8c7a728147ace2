//! Timing on machines that others use too: things to compare run in turn, A B A B …, so that a
//! change of the machine's speed meets both.

use std::hint::black_box;
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

/// Runs `first` and `second` in turn until `budget` is spent, at least 20 times each; returns both
/// times and the median of their ratios, pair by pair.
pub fn in_turn(
    budget: Duration,
    mut first: impl FnMut(),
    mut second: impl FnMut(),
) -> (Times, Times, f64) {
    const AT_LEAST: usize = 20;
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        black_box(start.elapsed().as_secs_f64())
    };
    // Warm-up: buffers grow to their size, pages are touched.
    (0..3).for_each(|_| (first(), second()).1);
    let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let start = Instant::now();
    while a.len() < AT_LEAST || start.elapsed() < budget {
        let pair = (time(&mut first), time(&mut second));
        a.push(pair.0);
        b.push(pair.1);
        ratios.push(pair.0 / pair.1);
    }
    (Times::new(a), Times::new(b), Times::new(ratios).median())
}

/// Runs one thing until `budget` is spent, at least 20 times.
pub fn alone(budget: Duration, run: impl FnMut()) -> Times {
    in_turn(budget, run, || {}).0
}
