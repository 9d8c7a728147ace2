//! The command line of the reports.

use anyhow::{Context, Result, bail, ensure};

use crate::game::PRECISIONS;
use crate::iterations::Plan;
use crate::results::Fact;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Leave out what was not named.
    pub only: bool,
    /// Other frameworks as well.
    pub peers: bool,
    /// Scaling curves as well.
    pub scaling: bool,
    /// Next to no repetitions.
    pub quick: bool,
    /// Keep the results and render the document.
    pub write: bool,
    /// Render the document and measure nothing.
    pub render: bool,
    /// This number of threads alone.
    pub threads: Option<usize>,
    /// This precision alone.
    pub precision: Option<String>,
    /// What computes.
    pub device: String,
    /// Numbers from elsewhere, such as the times of builds.
    pub facts: Vec<Fact>,
}

impl Arguments {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// If a word is unknown or a value is missing or no value.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut found = Self {
            only: false,
            peers: false,
            scaling: false,
            quick: false,
            write: false,
            render: false,
            threads: None,
            precision: None,
            device: "cpu".into(),
            facts: Vec::new(),
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (flag, given) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let mut value = || {
                let value = given.clone().or_else(|| words.next());
                value.with_context(|| format!("{flag}: a value is missing"))
            };
            match flag {
                // Cargo's own.
                "--bench" => {}
                "--only" => found.only = true,
                "--peers" => found.peers = true,
                "--scaling" => found.scaling = true,
                "--quick" => found.quick = true,
                "--write" => found.write = true,
                "--render" => found.render = true,
                "--precision" => found.precision = Some(value()?),
                "--device" => found.device = value()?,
                "--threads" => {
                    let value = value()?;
                    let threads = value.parse().ok().filter(|&threads| threads > 0);
                    let wrong = || format!("--threads {value}: expected a number from 1 on");
                    found.threads = Some(threads.with_context(wrong)?);
                }
                "--fact" => found.facts.push(fact(&value()?)?),
                _ => bail!("{word}: unknown; hint: docs/benchmarks.md lists what there is"),
            }
        }
        ensure!(
            !(found.quick && found.write),
            "--quick --write: numbers of a smoke test are not kept"
        );
        Ok(found)
    }

    /// The numbers of threads that a processor is measured with: one, two, all.
    #[must_use]
    pub fn thread_counts(&self) -> Vec<usize> {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        match self.threads {
            Some(threads) => vec![threads],
            None => {
                let mut counts = vec![1, 2.min(all), all];
                counts.dedup();
                counts
            }
        }
    }

    /// The precision that was asked for, or all that the processor's back end has.
    #[must_use]
    pub fn precisions(&self) -> Vec<&str> {
        match &self.precision {
            Some(precision) => vec![precision],
            None => PRECISIONS.to_vec(),
        }
    }

    /// How long to measure.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan { quick: self.quick }
    }
}

/// `name=value unit`, as another program hands it over.
fn fact(text: &str) -> Result<Fact> {
    let parts = text.split_once('=').and_then(|(name, rest)| {
        let (value, unit) = rest.split_once(' ')?;
        Some((name, value.parse().ok()?, unit))
    });
    let (name, value, unit) =
        parts.with_context(|| format!("--fact {text}: expected name=value unit"))?;
    Ok(Fact {
        name: name.into(),
        value: Some(value),
        unit: unit.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Arguments> {
        Arguments::parse(words.iter().map(|&word| word.to_owned()))
    }

    #[test]
    fn parse_takes_values_behind_and_in_a_word() {
        for words in [&["--device", "cuda:1"][..], &["--device=cuda:1"]] {
            assert_eq!(parsed(words).unwrap().device, "cuda:1");
        }
        let found = parsed(&["--bench", "--threads", "3", "--write"]).unwrap();
        assert!(found.write && !found.only);
        assert_eq!(found.thread_counts(), [3]);
        let found = parsed(&["--fact", "build/default=33.5 s"]).unwrap();
        assert_eq!(found.facts[0].value, Some(33.5));
        assert_eq!(found.facts[0].unit, "s");
    }

    #[test]
    fn parse_says_what_is_wrong() {
        for (words, expected) in [
            (&["--threads", "0"][..], "expected a number from 1 on"),
            (&["--device"], "a value is missing"),
            (&["--fast"], "unknown"),
            (&["--fact", "x=y"], "expected name=value unit"),
            (&["--quick", "--write"], "are not kept"),
        ] {
            let error = parsed(words).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
