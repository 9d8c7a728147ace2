//! What a sweep varies: keys with several values each, and the runs that these make.

use gan_run::problem::Problem;
use gan_run::text::{excerpt, hexadecimal, thousands};
use sha2::{Digest, Sha256};

/// The key of `--seeds`.
pub(super) const SEED: &str = "seed";
/// The most runs of a sweep.
const MOST_RUNS: usize = 10_000;
/// The longest name of a run, of which file systems take 255 bytes.
const LONGEST_NAME: usize = 200;

/// Seeds, as `--seeds` has them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seeds(Vec<u64>);

/// Reads seeds: numbers and ranges such as `1..8`, which has both its ends, with commas between.
pub(super) fn seeds(text: &str) -> Result<Seeds, String> {
    let number = |text: &str| {
        let seed = text.trim().parse::<u64>().ok();
        seed.filter(|seed| *seed <= i64::MAX as u64)
            .ok_or_else(|| "expected numbers and ranges of them, as in 1..8 or 1,2,5..9".to_owned())
    };
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once("..") {
            Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
            None => (number(part)?, number(part)?),
        };
        if last < first || last - first >= MOST_RUNS as u64 {
            return Err(format!(
                "expected a range upwards, of at most {} seeds",
                thousands(MOST_RUNS)
            ));
        }
        seeds.extend(first..=last);
    }
    Ok(Seeds(seeds))
}

/// A key and the values that it takes in turn.
#[derive(Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// What `--seeds` and `--set` ask for.
#[derive(Debug)]
pub(super) struct Settings {
    /// Arguments of `--set` with one value.
    pub(super) fixed: Vec<String>,
    /// The others; seeds come first, so that early runs are of different settings.
    pub(super) axes: Vec<Axis>,
}

/// A run of a sweep.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    /// The name of its directory, which tells its settings.
    pub(super) name: String,
    /// The value of each axis.
    pub(super) values: Vec<String>,
}

impl Settings {
    /// Takes the arguments of `--set` apart.
    ///
    /// # Errors
    /// If one is not `KEY=VALUE,…`, if a key or a value is there twice, or if nothing varies.
    pub(super) fn new(seeds: Option<&Seeds>, sets: &[String]) -> Result<Self, Problem> {
        let mut axes: Vec<Axis> = Vec::new();
        axes.extend(seeds.map(|Seeds(seeds)| Axis {
            key: SEED.into(),
            values: seeds.iter().map(u64::to_string).collect(),
        }));
        let (mut fixed, mut fixed_keys) = (Vec::new(), Vec::new());
        for set in sets {
            let Some((key, text)) = set.split_once('=') else {
                let set = excerpt(set);
                return Err(Problem::usage(format!(
                    "--set {set}: found no =, expected key=value or key=value,value"
                ))
                .hint("for example --set optimizer.learning_rate=0.05,0.1"));
            };
            let (key, values) = (key.trim().to_owned(), split(text));
            if values.iter().any(String::is_empty) {
                return Err(Problem::usage(format!(
                    "--set {}: found an empty value, expected one on each side of a comma",
                    excerpt(set)
                ))
                .hint("an empty text is two quotes: --set 'key=\"\",\"other\"'"));
            }
            match <[String; 1]>::try_from(values) {
                Ok(_) => {
                    fixed.push(set.clone());
                    fixed_keys.push(key);
                }
                Err(values) => axes.push(Axis { key, values }),
            }
        }
        check(&axes, &fixed_keys)?;
        Ok(Self { fixed, axes })
    }

    /// All runs: each value of the first axis with each of the second, and so on.
    pub(super) fn runs(&self) -> Vec<Run> {
        let count = self.axes.iter().map(|axis| axis.values.len()).product();
        let run = |mut index: usize| {
            let mut values = Vec::new();
            for axis in self.axes.iter().rev() {
                values.push(axis.values[index % axis.values.len()].clone());
                index /= axis.values.len();
            }
            values.reverse();
            Run {
                name: self.name(&values),
                values,
            }
        };
        (0..count).map(run).collect()
    }

    /// The name of the run of `values`; seeds stand last in it, so that runs of one setting are beside
    /// each other in a list.
    fn name(&self, values: &[String]) -> String {
        let mut parts: Vec<_> = self.axes.iter().zip(values).collect();
        parts.sort_by_key(|(axis, _)| axis.key == SEED);
        let parts = parts.iter().map(|(axis, value)| {
            let key = self.short(&axis.key);
            format!("{}={}", encoded(key), encoded(value))
        });
        let name = parts.collect::<Vec<_>>().join(",");
        match name.len() > LONGEST_NAME {
            true => hexadecimal(&Sha256::digest(name)[..8]),
            false => name,
        }
    }

    /// The last part of `key`, where that says which one is meant.
    pub(super) fn short<'a>(&self, key: &'a str) -> &'a str {
        let last = |key: &'a str| key.rsplit_once('.').map_or(key, |(_, last)| last);
        let same = |axis: &&Axis| axis.key.rsplit('.').next() == Some(last(key));
        match self.axes.iter().filter(same).count() {
            1 => last(key),
            _ => key,
        }
    }
}

/// Checks that no key and no value is there twice, and that there are several runs, but not too many.
fn check(axes: &[Axis], fixed_keys: &[String]) -> Result<(), Problem> {
    if axes.is_empty() {
        return Err(Problem::usage(
            "found nothing to vary, expected --seeds or --set with several values",
        )
        .hint("for example --seeds 1..4 --set optimizer.learning_rate=0.05,0.1"));
    }
    for (index, axis) in axes.iter().enumerate() {
        let key = &axis.key;
        let is_twice = axes[..index].iter().any(|other| other.key == *key);
        if is_twice || fixed_keys.contains(key) {
            return Err(
                Problem::usage(format!("{key}: found it twice, expected it once"))
                    .hint(format!("put all values behind one flag: --set {key}=A,B,C")),
            );
        }
        for (index, value) in axis.values.iter().enumerate() {
            if axis.values[..index].contains(value) {
                let text = format!("{key}: found {} twice, expected it once", excerpt(value));
                return Err(Problem::usage(text).hint("leave one of them out"));
            }
        }
    }
    let count = (axes.iter()).try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > MOST_RUNS) {
        return Err(Problem::usage(format!(
            "found {} runs, expected at most {}",
            count.map_or("very many".into(), thousands),
            thousands(MOST_RUNS)
        ))
        .hint("leave out some values, or sweep one part after the other"));
    }
    Ok(())
}

/// The values of `text`: commas within brackets, braces and quotes belong to a value.
fn split(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for c in text.chars() {
        let is_end = match (quote, c) {
            // What is escaped ends nothing, and only double quotes know escapes.
            (Some('"'), _) if escaped => {
                escaped = false;
                false
            }
            (Some('"'), '\\') => {
                escaped = true;
                false
            }
            (Some(open), _) => {
                quote = quote.filter(|_| c != open);
                false
            }
            (None, '"' | '\'') => {
                quote = Some(c);
                false
            }
            (None, '[' | '{') => {
                depth += 1;
                false
            }
            (None, ']' | '}') => {
                depth = depth.saturating_sub(1);
                false
            }
            (None, _) => c == ',' && depth == 0,
        };
        match (is_end, values.last_mut()) {
            (false, Some(value)) => value.push(c),
            _ => values.push(String::new()),
        }
    }
    values.iter().map(|value| value.trim().to_owned()).collect()
}

/// `text` as a part of a name of a file that shells, and other systems, take as it is.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+-".contains(byte);
    let encoded = text.bytes().map(|byte| match plain(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(seeds_text: Option<&str>, sets: &[&str]) -> Result<Settings, Problem> {
        let sets: Vec<_> = sets.iter().map(|set| (*set).to_owned()).collect();
        let seeds = seeds_text.map(|text| seeds(text).unwrap());
        Settings::new(seeds.as_ref(), &sets)
    }

    #[test]
    fn seeds_are_numbers_and_ranges_with_both_ends() {
        for (text, expected) in [
            ("1..3", &[1, 2, 3][..]),
            ("1..=3", &[1, 2, 3]),
            ("7", &[7]),
            ("1, 5..6,2", &[1, 5, 6, 2]),
        ] {
            assert_eq!(seeds(text), Ok(Seeds(expected.to_vec())), "{text}");
        }
        for text in [
            "",
            "a",
            "3..1",
            "-1",
            "1..",
            "0..99999999999",
            "9223372036854775808",
        ] {
            assert!(seeds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn commas_within_arrays_tables_and_quotes_belong_to_a_value() {
        for (text, expected) in [
            ("0.1,0.2", &["0.1", "0.2"][..]),
            ("[1,2]", &["[1,2]"]),
            ("[1,2],[3,[4,5]]", &["[1,2]", "[3,[4,5]]"]),
            ("{a=1,b=2}, {a=3,b=4}", &["{a=1,b=2}", "{a=3,b=4}"]),
            (r#""a,b",c"#, &[r#""a,b""#, "c"]),
            (r#""a\",b",c"#, &[r#""a\",b""#, "c"]),
            (r"'a\',b", &[r"'a\'", "b"]),
            ("['[',1],2", &["['[',1]", "2"]),
            ("", &[""]),
            ("1,", &["1", ""]),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }

    #[test]
    fn runs_are_all_combinations_with_seeds_outermost() {
        let sets = ["run.steps=9", "a.rate=1,2", "b.layers=[1,2],[3]"];
        let settings = settings(Some("4..5"), &sets).unwrap();
        assert_eq!(settings.fixed, ["run.steps=9"]);
        let runs = settings.runs();
        let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "rate=1,layers=%5B1%2C2%5D,seed=4");
        assert_eq!(names[3], "rate=2,layers=%5B3%5D,seed=4");
        assert_eq!(names[4], "rate=1,layers=%5B1%2C2%5D,seed=5");
        assert_eq!(runs[7].values, ["5", "2", "[3]"]);
    }

    #[test]
    fn names_tell_keys_apart_and_are_never_too_long() {
        let runs = |sets: &[&str]| settings(None, sets).unwrap().runs();
        let both = runs(&["generator.rate=1,2", "discriminator.rate=3,4"]);
        assert_eq!(both[0].name, "generator.rate=1,discriminator.rate=3");
        let long = format!("a={},{}", "x".repeat(300), "y".repeat(300));
        let [x, y] = &runs(&[&long])[..] else {
            panic!("{long}")
        };
        assert!(x.name.len() == 16 && x.name != y.name, "{x:?}");
    }

    #[test]
    fn what_cannot_be_swept_is_refused() {
        for (seeds, sets, expected) in [
            (None, &["a=1"][..], "nothing to vary"),
            (None, &["a"], "--set a: found no ="),
            (None, &["a=1,,2"], "an empty value"),
            (None, &["a=1,2,1"], "a: found 1 twice"),
            (None, &["a=1,2", "a=3"], "a: found it twice"),
            (Some("1..2"), &["seed=3,4"], "seed: found it twice"),
            (
                Some("1..200"),
                &["a=1,2,3,4,5,6,7,8", "b=1,2,3,4,5,6,7,8"],
                "12,800 runs",
            ),
        ] {
            let problem = settings(seeds, sets).unwrap_err();
            assert!(problem.message.contains(expected), "{problem}");
        }
    }
}
