//! Where a configuration comes from: presets, files that extend them, and flags on top.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gan_model::ConfigError;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::keys::{self, EXTENDS, Mistake};
use super::merge::{merge, set};
use super::presets;
use super::run_config::{RunConfig, RunSection};
use crate::problem::{Problem, system_hint};
use crate::text::{excerpt, nearest_word, shell_word};

impl RunConfig {
    /// The configuration of a preset or a file, with flags on top.
    ///
    /// # Errors
    /// If it is neither, cannot be read, or is not a valid configuration.
    pub fn read(what: impl AsRef<Path>, overrides: &Overrides) -> Result<Self, Problem> {
        Sources::read(what, overrides)?.resolve()
    }

    /// The configuration of the preset called `name`.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn preset(name: &str) -> Result<Self, Problem> {
        Self::read(name, &Overrides::default())
    }
}

/// The most files of a chain of `extends`; the presets' own chains have three.
const MOST_FILES: usize = 32;
/// The most parts of a key; the longest that means something has five.
const MOST_PARTS: usize = 16;
/// The largest configuration that is read; a real one has some kilobytes.
const LARGEST_FILE: u64 = 1 << 20;

/// The hint where no nearer one is known.
const KEYS: &str = "this prints every key and what it can be: gan-cli presets --schema";

/// One preset or file.
#[derive(Clone)]
struct Source {
    /// Its name in messages: a path, or `preset <name>`.
    name: String,
    text: String,
    /// The values in its text.
    table: Table,
}

/// A value from the command line.
#[derive(Clone, Debug)]
struct Override {
    /// The flag as typed.
    flag: String,
    /// The dotted key.
    key: String,
    /// Its parts.
    path: Vec<String>,
    value: Value,
}

impl Override {
    /// Puts the value into `table`.
    fn put(&self, table: &mut Table) -> Result<(), Problem> {
        let Self { flag, key, .. } = self;
        let path: Vec<_> = self.path.iter().map(String::as_str).collect();
        set(table, &path, self.value.clone())
            .map_err(|at| Problem::usage(format!("{flag}: {key}: there is no {at}")).hint(KEYS))
    }

    /// True if the key leads into an array.
    fn is_inside_array(&self) -> bool {
        self.path.iter().any(|part| part.parse::<usize>().is_ok())
    }

    fn is_length(&self) -> bool {
        ["run.steps", "run.epochs"].contains(&self.key.as_str())
    }

    /// True if it sets `key`, or a table that `key` is in.
    fn sets(&self, key: &str) -> bool {
        let rest = key.strip_prefix(self.key.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// Values from the command line, in the order in which they apply.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Vec<Override>);

impl Overrides {
    /// Adds the value, if any, that `flag` gives to the dotted `key`.
    pub fn flag(&mut self, flag: &str, key: &str, value: Option<impl Into<Value>>) {
        self.0.extend(value.map(|value| {
            let path = parts(key);
            Override {
                flag: flag.into(),
                key: path.join("."),
                path,
                value: value.into(),
            }
        }));
    }

    /// Adds `key=value` from `--set`; anything that is not valid TOML is taken as a string.
    ///
    /// # Errors
    /// If there is no `=`.
    pub fn set(&mut self, argument: &str) -> Result<(), Problem> {
        let (key, text) = argument.split_once('=').ok_or_else(|| {
            let argument = excerpt(argument);
            Problem::usage(format!("--set {argument}: found no =, expected key=value"))
                .hint("for example --set optimizer.learning_rate=0.05")
        })?;
        let (key, text) = (key.trim(), text.trim());
        let parts = parts(key).len();
        if parts > MOST_PARTS {
            return Err(Problem::usage(format!(
                "--set {}: found a key of {parts} parts, expected at most {MOST_PARTS}",
                excerpt(argument)
            ))
            .hint(KEYS));
        }
        let parsed: Option<Table> = format!("value = {text}").parse().ok();
        let value = parsed
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"))
            .or_else(|| text.parse().ok().map(Value::Float))
            .unwrap_or_else(|| Value::String(text.into()));
        self.flag(&format!("--set {}", excerpt(argument)), key, Some(value));
        Ok(())
    }

    /// Applies the flags to `base`: those that name tables first and at once, so that the order of
    /// `--set optimizer.kind=…` and `--set optimizer.learning_rate=…` does not matter.
    pub(crate) fn apply(&self, base: &mut Table) -> Result<(), Problem> {
        let mut over = Table::new();
        let (inside, whole): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|value| value.is_inside_array());
        // Of lengths, one of which can be meant, the last holds.
        let last = whole.iter().rposition(|value| value.is_length());
        for (index, value) in whole.into_iter().enumerate() {
            if !value.is_length() || Some(index) == last {
                value.put(&mut over)?;
            }
        }
        merge(base, &over);
        inside.into_iter().try_for_each(|value| value.put(base))
    }
}

/// The parts of a dotted key, which TOML may have between quotes: `columns."a.b"`.
fn parts(key: &str) -> Vec<String> {
    let of_toml = || {
        let mut table: Table = format!("{key} = 0").parse().ok()?;
        let mut parts = Vec::new();
        while let Some((part, value)) = std::mem::take(&mut table).into_iter().next() {
            parts.push(part);
            if let Value::Table(inner) = value {
                table = inner;
            }
        }
        Some(parts)
    };
    let is_quoted = key.contains(['"', '\'']);
    let quoted = is_quoted.then(of_toml).flatten();
    quoted.unwrap_or_else(|| key.split('.').map(str::to_owned).collect())
}

/// All that a configuration is made from.
pub struct Sources {
    /// A preset or file and all that it extends, the lowest first.
    sources: Vec<Source>,
    overrides: Overrides,
    /// Short name for the run: that of the preset, or of the file without its extension.
    pub name: String,
}

impl Sources {
    /// The preset or file `what`, all that it extends, and the flags.
    ///
    /// # Errors
    /// If it is neither, cannot be read or parsed, or extends itself.
    pub fn read(what: impl AsRef<Path>, overrides: &Overrides) -> Result<Self, Problem> {
        let what = what.as_ref();
        let shown = what.display().to_string();
        let name = if preset(what).is_some() {
            shown
        } else if what.is_file() || shown.ends_with(".toml") {
            let stem = what.file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        } else {
            return Err(presets::unknown(&shown));
        };
        let (mut sources, mut seen) = (Vec::new(), Vec::new());
        read_into(&mut sources, &mut seen, what)?;
        sources.reverse();
        Ok(Self {
            sources,
            overrides: overrides.clone(),
            name,
        })
    }

    /// A configuration whose text is `text`, called `name` in messages, all that it extends, and the
    /// flags.
    ///
    /// # Errors
    /// As [`Sources::read`].
    pub fn of_text(name: &str, text: String, overrides: &Overrides) -> Result<Self, Problem> {
        let path = Path::new(name);
        let (mut sources, mut seen) = (Vec::new(), Vec::new());
        read_text_into(&mut sources, &mut seen, path, (name.to_owned(), text))?;
        sources.reverse();
        let stem = path.file_stem().unwrap_or_default();
        Ok(Self {
            sources,
            overrides: overrides.clone(),
            name: stem.to_string_lossy().into_owned(),
        })
    }

    /// The text of a run's `config.toml`, and the flags.
    pub(crate) fn of_run(
        path: &Path,
        text: String,
        overrides: &Overrides,
    ) -> Result<Self, Problem> {
        let name = path.display().to_string();
        let table = parse(&name, &text)?;
        Ok(Self {
            sources: vec![Source { name, text, table }],
            overrides: overrides.clone(),
            name: String::new(),
        })
    }

    /// The configuration that the sources make together.
    ///
    /// # Errors
    /// The first key that is unknown, of the wrong type, out of range or missing, with its place.
    pub fn resolve(&self) -> Result<RunConfig, Problem> {
        let mut merged = Table::new();
        for source in &self.sources {
            keys::check(&source.table).map_err(|mistake| self.locate(mistake))?;
            merge(&mut merged, &source.table);
        }
        self.overrides.apply(&mut merged)?;
        keys::check(&merged).map_err(|mistake| self.locate(mistake))?;
        keys::check_complete(&merged).map_err(|mistake| self.locate(mistake))?;
        let config: RunConfig = merged.try_into().map_err(|error: toml::de::Error| {
            Problem::usage(format!("{}: {}", self.top(), error.message())).hint(KEYS)
        })?;
        config.validate().map_err(|error| self.explain(&error))?;
        Ok(config)
    }

    /// The length that the run has without the flag that changes it; none if there is no such flag, or
    /// another that is about a schedule.
    pub fn own_length(&self) -> Option<RunSection> {
        let (lengths, others): (Vec<_>, Vec<_>) =
            (self.overrides.0.iter().cloned()).partition(Override::is_length);
        if lengths.is_empty() || self.has_schedule() {
            return None;
        }
        let own = Self {
            sources: self.sources.clone(),
            overrides: Overrides(others),
            name: String::new(),
        };
        Some(own.resolve().ok()?.run)
    }

    /// Makes the run as long as the configuration asks for so many training records, and its
    /// schedules as long as the run; a remark, if a flag that is about the length did so.
    pub(crate) fn fit_length(&self, config: &mut RunConfig, records: usize) -> Option<String> {
        let fits = self.fits_length();
        let fitted = fits.then(|| config.fit_length(records));
        config.run.steps_per_root = None;
        let own = match fitted {
            Some(own) if !self.has_schedule() => Some(own),
            Some(_) => None,
            None => self.own_length(),
        };
        let steps_per_epoch = config.game().steps_per_epoch(records);
        let note = own.and_then(|own| config.stretch_schedules(&own, steps_per_epoch));
        // What nobody asked to be otherwise needs no remark.
        note.filter(|_| !fits)
    }

    /// True if a flag is about a schedule.
    pub(crate) fn has_schedule(&self) -> bool {
        let is_schedule = |flag: &Override| {
            flag.key.contains("schedule") || flag.value.to_string().contains("schedule")
        };
        self.overrides.0.iter().any(is_schedule)
    }

    /// True if the length of the run follows from the number of records: no flag and no file after
    /// the one that says so has another.
    pub(crate) fn fits_length(&self) -> bool {
        let has = |source: &Source, key| {
            let run = source.table.get("run").and_then(Value::as_table);
            run.is_some_and(|run| run.contains_key(key))
        };
        let mut fits = false;
        for source in &self.sources {
            if has(source, "steps") || has(source, "epochs") {
                fits = false;
            }
            fits |= has(source, "steps_per_root");
        }
        fits && !self.overrides.0.iter().any(Override::is_length)
    }

    /// `error` with the place of its key.
    #[must_use]
    pub fn explain(&self, error: &ConfigError) -> Problem {
        let is_missing = matches!(error, ConfigError::Missing { .. });
        let place = self.place(error.key(), is_missing);
        Problem::usage(format!("{place}: {error}")).hint(KEYS)
    }

    /// `mistake` with the place of its key.
    fn locate(&self, mistake: Mistake) -> Problem {
        let place = self.place(&mistake.key, mistake.missing);
        let text = format!("{place}: {}: {}", mistake.key, mistake.what);
        Problem::usage(text).hint(mistake.hint.unwrap_or_else(|| KEYS.into()))
    }

    /// The topmost source that says something about `key`: a flag, or a file and a line.
    ///
    /// Of a key that is missing it is the place of the table that lacks it: the key itself may
    /// stand in a source that another one replaced.
    fn place(&self, key: &str, is_missing: bool) -> String {
        let key = match key.rsplit_once('.') {
            Some((table, _)) if is_missing => table,
            None if is_missing => return self.top(),
            _ => key,
        };
        let mut flags = self.overrides.0.iter().rev();
        if let Some(value) = flags.find(|value| value.sets(key)) {
            return value.flag.clone();
        }
        let path: Vec<_> = key.split('.').collect();
        // The source that has the longest part of the key; of several, the topmost.
        let best = self
            .sources
            .iter()
            .filter_map(|source| {
                let (depth, line) = find_line(&source.text, &path)?;
                Some((depth, format!("{}:{line}", source.name)))
            })
            .max_by_key(|(depth, _)| *depth);
        best.map_or_else(|| self.top(), |(_, place)| place)
    }

    /// The name of the source that stands above all others.
    fn top(&self) -> String {
        let top = self.sources.last();
        top.map(|source| source.name.clone()).unwrap_or_default()
    }
}

/// The preset that `what` is, if it is the name of one.
fn preset(what: &Path) -> Option<&'static presets::Preset> {
    presets::find(what.to_str()?)
}

/// Pushes `what` and then what it extends; `seen` holds what was pushed before.
fn read_into(
    sources: &mut Vec<Source>,
    seen: &mut Vec<PathBuf>,
    path: &Path,
) -> Result<(), Problem> {
    let shown = path.display().to_string();
    let named = match preset(path) {
        Some(preset) => (format!("preset {shown}"), preset.text.to_owned()),
        None => (shown, read_file(path)?),
    };
    read_text_into(sources, seen, path, named)
}

/// The same of a name for messages and a text that are known.
fn read_text_into(
    sources: &mut Vec<Source>,
    seen: &mut Vec<PathBuf>,
    path: &Path,
    (name, text): (String, String),
) -> Result<(), Problem> {
    let preset = preset(path);
    let identity = match preset {
        Some(_) => PathBuf::from(&name),
        None => path.canonicalize().unwrap_or_else(|_| path.into()),
    };
    if seen.contains(&identity) {
        let chain: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        return Err(Problem::usage(format!(
            "{}: extends itself: {} -> {name}",
            chain.last().unwrap_or(&name.as_str()),
            chain.join(" -> ")
        ))
        .hint("remove `extends` from one of them, or let it name a preset"));
    }
    seen.push(identity);
    if seen.len() > MOST_FILES {
        return Err(Problem::usage(format!(
            "{name}: extends: found a chain of more than {MOST_FILES} files, expected at most that \
             many"
        ))
        .hint(
            "let a file extend the last one of the chain, and copy the keys between them into it",
        ));
    }
    let mut table = parse(&name, &text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if preset.is_none() {
        rebase_data(&mut table, folder)?;
    }
    let base = match table.remove(EXTENDS) {
        None => None,
        Some(Value::String(base)) if presets::find(&base).is_some() => Some(base.into()),
        Some(Value::String(base)) => {
            let file = folder.join(&base);
            if !file.is_file() {
                let line = find_line(&text, &[EXTENDS]).map_or(1, |(_, line)| line);
                let near = nearest_word(&base, presets::names());
                return Err(Problem::usage(format!(
                    "{name}:{line}: extends: found {base:?}, expected a preset ({}) or a file",
                    presets::listed()
                ))
                .hint(presets::did_you_mean(near)));
            }
            Some(file)
        }
        Some(other) => {
            return Err(Problem::usage(format!(
                "{name}: extends: found {other}, expected a preset or a file"
            ))
            .hint("for example extends = \"digits\""));
        }
    };
    sources.push(Source { name, text, table });
    base.map_or(Ok(()), |base| read_into(sources, seen, &base))
}

/// The text of the configuration at `path`.
///
/// # Errors
/// If it cannot be read, is no file, no text, or too large to be a configuration.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let file = gan_data::open_file(path)?;
    let length = file.metadata()?.len();
    if length > LARGEST_FILE {
        let text =
            format!("found {length} bytes, expected at most {LARGEST_FILE} of a configuration");
        return Err(io::Error::other(text));
    }
    let mut text = String::new();
    file.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn read_file(path: &Path) -> Result<String, Problem> {
    read_text(path).map_err(|error| {
        let problem = Problem::usage(format!("{}: cannot be read: {error}", path.display()));
        // Only where there is nothing can something else have been meant.
        if error.kind() != io::ErrorKind::NotFound {
            let other =
                "name a file in TOML; this prints one to begin with: gan-cli presets digits";
            return problem.hint(system_hint(&error).unwrap_or(other));
        }
        let stem = path.file_stem().unwrap_or_default();
        let near = nearest_word(&stem.to_string_lossy(), presets::names());
        problem.hint(match near {
            Some(near) => format!("there is a preset {near}"),
            None => presets::did_you_mean(None),
        })
    })
}

/// A relative path in a file is meant from where the file is.
fn rebase_data(table: &mut Table, folder: &Path) -> Result<(), Problem> {
    let data = table
        .get_mut("data")
        .and_then(|data| data.get_mut("source"));
    if let Some(Value::String(source)) = data {
        let is_name = gan_data::builtin_names().contains(&source.as_str())
            || presets::data_set(source).is_some();
        if !is_name && Path::new(source.as_str()).is_relative() {
            let path = folder.join(source.as_str());
            let text = path.to_str().ok_or_else(|| not_text(&path))?;
            *source = text.to_owned();
        }
    }
    Ok(())
}

/// The error for a path of data that a configuration, which is text, cannot hold.
pub(crate) fn not_text(path: &Path) -> Problem {
    Problem::usage(format!(
        "{}: found a path of data that is not UTF-8, which config.toml cannot hold",
        path.display()
    ))
    .hint(format!(
        "give the data another name: ln -s {} data, then --data data",
        shell_word(path)
    ))
}

fn parse(name: &str, text: &str) -> Result<Table, Problem> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let message = error.message().replace('\n', " ");
        let mut hint = "a preset shows the form: gan-cli presets digits".to_owned();
        if !name.ends_with(".toml") {
            let path = shell_word(Path::new(name));
            hint += &format!(
                "; of a table whose name does not say so: gan-cli train mixed-table --data {path} \
                 --set data.format=table"
            );
        }
        Problem::usage(format!("{name}:{line}: not TOML: {message}")).hint(hint)
    })
}

/// The number of parts of `path` that the text has, and the line of the last of these.
fn find_line(text: &str, path: &[&str]) -> Option<(usize, usize)> {
    let document = DeValue::Table(DeTable::parse(text).ok()?.into_inner());
    let (depth, start) = descend(&document, path)?;
    Some((depth, line_of(text, start)))
}

/// The number of parts of `path` that `value` has, and the byte where the last of these begins.
fn descend(value: &DeValue<'_>, path: &[&str]) -> Option<(usize, usize)> {
    let [part, rest @ ..] = path else {
        return None;
    };
    let (start, next) = match value {
        DeValue::Table(table) => {
            let (key, next) = table.iter().find(|(key, _)| key.get_ref() == part)?;
            (key.span().start, next)
        }
        DeValue::Array(array) => {
            let next = array.get(part.parse::<usize>().ok()?)?;
            (next.span().start, next)
        }
        _ => return None,
    };
    let deeper = descend(next.get_ref(), rest);
    Some(deeper.map_or((1, start), |(depth, start)| (depth + 1, start)))
}

/// The line, from 1, of a byte.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_line_finds_the_line_of_a_nested_key() {
        let text = "seed = 1\n[a]\nb = 2\n[[a.layers]]\nx = 1\n[[a.layers]]\nx = 2\n";
        assert_eq!(find_line(text, &["a", "b"]), Some((2, 3)));
        assert_eq!(find_line(text, &["a", "layers", "1", "x"]), Some((4, 7)));
        assert_eq!(find_line(text, &["a", "layers", "1", "y"]).unwrap().0, 3);
        assert_eq!(find_line(text, &["zebra"]), None);
    }

    #[test]
    fn set_takes_toml_values_and_bare_words() {
        let mut overrides = Overrides::default();
        for (argument, expected) in [
            ("a=1", Value::Integer(1)),
            ("a=.5", Value::Float(0.5)),
            ("a=1e-3", Value::Float(1e-3)),
            ("a=adam", Value::String("adam".into())),
            ("a=\"adam\"", Value::String("adam".into())),
            ("a=/tmp/x y", Value::String("/tmp/x y".into())),
            ("a=1\nb = 2", Value::String("1\nb = 2".into())),
        ] {
            overrides.set(argument).unwrap();
            assert_eq!(overrides.0.pop().unwrap().value, expected, "{argument}");
        }
        assert!(overrides.set("a").is_err());
    }

    #[test]
    fn set_refuses_a_key_deeper_than_any_is() {
        let mut overrides = Overrides::default();
        let error = overrides.set(&format!("{}b=1", "a.".repeat(30_000)));
        let error = error.unwrap_err().to_string();
        assert!(
            error.ends_with("found a key of 30001 parts, expected at most 16"),
            "{error}"
        );
        assert!(error.len() < 200, "{error}");
        assert!(overrides.set(&format!("{}b=1", "a.".repeat(15))).is_ok());
    }

    #[test]
    fn flags_do_not_depend_on_their_order() {
        let flags = ["optimizer.learning_rate=0.25", "optimizer.kind=adam"];
        for order in [[0, 1], [1, 0]] {
            let mut overrides = Overrides::default();
            for index in order {
                overrides.set(flags[index]).unwrap();
            }
            let config = RunConfig::read("mnist", &overrides).unwrap();
            let optimizer = toml::to_string(&config.optimizer).unwrap();
            assert!(optimizer.contains("kind = \"adam\""), "{optimizer}");
            assert!(optimizer.contains("learning_rate = 0.25"), "{optimizer}");
        }
    }

    #[test]
    fn keys_may_be_quoted_as_in_toml() {
        for (key, expected) in [
            (
                "discriminator.layers.1.keep",
                &["discriminator", "layers", "1", "keep"][..],
            ),
            ("columns.\"1\"", &["columns", "1"]),
            ("columns.\"a.b\"", &["columns", "a.b"]),
            ("columns.'it\"s'", &["columns", "it\"s"]),
            ("columns.two words", &["columns", "two words"]),
            ("columns.it's", &["columns", "it's"]),
        ] {
            assert_eq!(parts(key), expected, "{key}");
        }
        let mut overrides = Overrides::default();
        overrides.set("columns.\"1\"=category").unwrap();
        overrides.set("columns.\"a.b\"=leave-out").unwrap();
        let config = RunConfig::read("mixed-table", &overrides).unwrap();
        assert!(config.columns.keys().eq(["1", "a.b"]));
    }

    #[test]
    fn last_length_holds() {
        let mut overrides = Overrides::default();
        overrides.flag("--steps", "run.steps", Some(3));
        overrides.set("run.epochs=1").unwrap();
        let config = RunConfig::read("mnist", &overrides).unwrap();
        assert_eq!((config.run.steps, config.run.epochs), (None, Some(1.0)));
    }

    #[test]
    fn every_preset_resolves() {
        for name in presets::names() {
            RunConfig::preset(name).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
