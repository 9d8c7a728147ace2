//! How far a pass over a large file is, for whoever waits.

use std::sync::OnceLock;

/// Is told which share of a pass is done.
type Watch = Box<dyn Fn(f64) + Send + Sync>;

static WATCH: OnceLock<Watch> = OnceLock::new();

/// Has `watch` told from now on which share of a pass over a large file is done: over the records of
/// a mapped one, or over the text of a table. It is told a few times a second at least, and 1 when
/// the pass is over. The first call of a program counts.
pub fn watch_passes(watch: impl Fn(f64) + Send + Sync + 'static) {
    let _ = WATCH.set(Box::new(watch));
}

pub(crate) fn tell_watch(done: f64) {
    if let Some(watch) = WATCH.get() {
        watch(done);
    }
}

/// Bytes of text between two looks of the watch: a hundredth of a second.
const TOLD: usize = 1 << 20;

/// A pass over text.
pub(crate) struct PassOverText {
    bytes: usize,
    told: usize,
}

impl PassOverText {
    /// A pass over so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes, told: 0 }
    }

    /// So many bytes are left.
    pub(crate) fn left(&mut self, left: usize) {
        let done = self.bytes - left;
        if done >= self.told + TOLD {
            self.told = done;
            tell_watch(done as f64 / self.bytes as f64);
        }
    }
}

impl Drop for PassOverText {
    /// A pass may end before its text does.
    fn drop(&mut self) {
        if self.told > 0 {
            tell_watch(1.0);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static DONE: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
    }

    /// What the watch was told in this thread since the last call.
    pub(crate) fn told() -> Vec<f64> {
        watch_passes(|done| DONE.with_borrow_mut(|all| all.push(done)));
        DONE.take()
    }

    #[test]
    fn passes_over_text_are_watched_to_their_end() {
        told();
        // Bytes left, in quarters of what lies between two looks.
        for (left, expected) in [
            (vec![38, 36, 33, 32, 10, 0], vec![0.1, 0.2, 0.75, 1.0, 1.0]),
            // Given up.
            (vec![28], vec![0.3, 1.0]),
            // Nothing to wait for.
            (vec![40, 37], vec![]),
        ] {
            let mut pass = PassOverText::new(10 * TOLD);
            left.iter().for_each(|left| pass.left(left * TOLD / 4));
            drop(pass);
            assert_eq!(told(), expected);
        }
    }
}
