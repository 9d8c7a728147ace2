//! Where a configuration comes from: presets, files that extend them, and flags on top.

use std::fs;
use std::path::{Path, PathBuf};

use gan_model::ConfigError;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::RunConfig;
use super::keys::{self, Mistake};
use super::merge::{merge, set};
use crate::presets;
use crate::problem::{Problem, nearest};

/// The key by which a file names what it builds on.
const EXTENDS: &str = "extends";

/// One text or flag.
struct Layer {
    /// Its name in messages: a path, `preset <name>`, or the flag as typed.
    name: String,
    /// Its text, if it has lines.
    text: Option<String>,
    /// What it says.
    table: Table,
}

/// Values from flags, in the order in which they apply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// Flag as typed, dotted key, value.
    values: Vec<(String, String, Value)>,
}

impl Overrides {
    /// The value that flag `name` gives to `key`.
    pub(crate) fn flag(&mut self, name: &str, key: &str, value: impl Into<Value>) {
        self.values.push((name.into(), key.into(), value.into()));
    }

    /// `key=value` from `--set`: a TOML value, or text that needs no quotes.
    ///
    /// # Errors
    /// If there is no `=`.
    pub(crate) fn set(&mut self, argument: &str) -> Result<(), Problem> {
        let (key, text) = argument.split_once('=').ok_or_else(|| {
            Problem::usage(format!("--set {argument}: found no =, expected key=value"))
                .hint("for example --set optimizer.learning_rate=0.05")
        })?;
        let (key, text) = (key.trim(), text.trim());
        let parsed: Option<Table> = format!("value = {text}").parse().ok();
        let value = parsed
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"))
            .or_else(|| text.parse().ok().map(Value::Float))
            .unwrap_or_else(|| Value::String(text.into()));
        self.flag(&format!("--set {argument}"), key, value);
        Ok(())
    }

    /// Applies the flags to `base`: those that name tables first and at once, so that the order of
    /// `--set optimizer.kind=…` and `--set optimizer.learning_rate=…` does not matter.
    fn apply(&self, base: &mut Table) -> Result<(), Problem> {
        let mut over = Table::new();
        let into_array = |key: &str| key.split('.').any(|part| part.parse::<usize>().is_ok());
        let (inside, whole): (Vec<_>, Vec<_>) =
            self.values.iter().partition(|(_, key, _)| into_array(key));
        for (name, key, value) in whole {
            put(&mut over, name, key, value)?;
        }
        merge(base, &over);
        inside
            .into_iter()
            .try_for_each(|(name, key, value)| put(base, name, key, value))
    }
}

fn put(table: &mut Table, name: &str, key: &str, value: &Value) -> Result<(), Problem> {
    let path: Vec<_> = key.split('.').collect();
    set(table, &path, value.clone())
        .map_err(|at| Problem::usage(format!("{name}: {key}: there is no {at}")))
}

/// All layers of a configuration, the lowest first.
pub(crate) struct Layers {
    layers: Vec<Layer>,
    overrides: Overrides,
    /// Short name for the run: of the preset, or of the file without extension.
    pub(crate) name: String,
}

impl Layers {
    /// The preset or file `what`, all that it extends, and the flags.
    ///
    /// # Errors
    /// If it is neither, cannot be read or parsed, or extends itself.
    pub(crate) fn read(what: &str, overrides: &Overrides) -> Result<Self, Problem> {
        let (mut layers, mut seen) = (Vec::new(), Vec::new());
        let name = if presets::text(what).is_some() {
            what.to_owned()
        } else if Path::new(what).is_file() || what.ends_with(".toml") {
            let stem = Path::new(what).file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        } else {
            return Err(presets::unknown(what));
        };
        read_into(&mut layers, &mut seen, what)?;
        layers.reverse();
        Ok(Self {
            layers,
            overrides: overrides.clone(),
            name,
        })
    }

    /// The text of a run's `config.toml`, and the flags.
    ///
    /// # Errors
    /// If it does not parse.
    pub(crate) fn of_run(
        path: &Path,
        text: String,
        overrides: &Overrides,
    ) -> Result<Self, Problem> {
        let name = path.display().to_string();
        let table = parse(&name, &text)?;
        let text = Some(text);
        Ok(Self {
            layers: vec![Layer { name, text, table }],
            overrides: overrides.clone(),
            name: String::new(),
        })
    }

    /// The configuration that the layers make together.
    ///
    /// # Errors
    /// The first key that is unknown, of the wrong type, out of range or missing, with its place.
    pub(crate) fn resolve(&self) -> Result<RunConfig, Problem> {
        let mut merged = Table::new();
        for layer in &self.layers {
            keys::check(&layer.table).map_err(|mistake| self.mistake(mistake))?;
            merge(&mut merged, &layer.table);
        }
        self.overrides.apply(&mut merged)?;
        keys::check(&merged).map_err(|mistake| self.mistake(mistake))?;
        keys::check_complete(&merged).map_err(|mistake| self.mistake(mistake))?;
        let config: RunConfig =
            Value::Table(merged)
                .try_into()
                .map_err(|error: toml::de::Error| {
                    Problem::usage(format!("{}: {}", self.top(), error.message()))
                })?;
        config.validate().map_err(|error| self.explain(&error))?;
        Ok(config)
    }

    /// `error` with the place of its key.
    pub(crate) fn explain(&self, error: &ConfigError) -> Problem {
        let place = match error {
            ConfigError::Missing { key, .. } => self.place_of_missing(key),
            _ => self.place(error.key()),
        };
        Problem::usage(format!("{place}: {error}"))
    }

    fn mistake(&self, mistake: Mistake) -> Problem {
        let place = if mistake.missing {
            self.place_of_missing(&mistake.key)
        } else {
            self.place(&mistake.key)
        };
        let text = format!("{place}: {}: {}", mistake.key, mistake.what);
        Problem::usage(text).maybe_hint(mistake.hint)
    }

    /// Where the table is that lacks `key`; the key itself may stand in a layer that another one
    /// replaced.
    fn place_of_missing(&self, key: &str) -> String {
        match key.rsplit_once('.') {
            Some((table, _)) => self.place(table),
            None => self.top(),
        }
    }

    /// The topmost layer that says something about `key`: a flag, or file and line.
    fn place(&self, key: &str) -> String {
        let says = |flag: &&(String, String, Value)| {
            key == flag.1 || key.starts_with(&format!("{}.", flag.1))
        };
        if let Some((flag, ..)) = self.overrides.values.iter().rev().find(says) {
            return flag.clone();
        }
        let path: Vec<_> = key.split('.').collect();
        // The layer that has the longest part of the key; of several, the topmost.
        let best = self
            .layers
            .iter()
            .filter_map(|layer| {
                let text = layer.text.as_deref()?;
                let (depth, line) = locate(text, &path)?;
                Some((depth, format!("{}:{line}", layer.name)))
            })
            .max_by_key(|(depth, _)| *depth);
        best.map_or_else(|| self.top(), |(_, place)| place)
    }

    fn top(&self) -> String {
        self.layers
            .last()
            .map(|layer| layer.name.clone())
            .unwrap_or_default()
    }
}

/// Pushes `what` and then what it extends.
fn read_into(layers: &mut Vec<Layer>, seen: &mut Vec<String>, what: &str) -> Result<(), Problem> {
    let preset = presets::text(what);
    let path = Path::new(what);
    let (name, text) = match preset {
        Some(text) => (format!("preset {what}"), text.to_owned()),
        None => {
            let text = fs::read_to_string(path).map_err(|error| {
                let problem = Problem::usage(format!("{what}: cannot be read: {error}"));
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let near = nearest(&stem, presets::names());
                problem.maybe_hint(near.map(|near| format!("there is a preset {near}")))
            })?;
            (what.to_owned(), text)
        }
    };
    let identity = match preset {
        Some(_) => name.clone(),
        None => path
            .canonicalize()
            .map_or_else(|_| name.clone(), |path| path.display().to_string()),
    };
    if seen.contains(&identity) {
        let chain: Vec<_> = layers.iter().map(|layer| layer.name.as_str()).collect();
        return Err(Problem::usage(format!(
            "{}: extends itself: {} -> {name}",
            layers.last().map_or(what, |layer| &layer.name),
            chain.join(" -> ")
        )));
    }
    seen.push(identity);
    let mut table = parse(&name, &text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if preset.is_none() {
        rebase_source(&mut table, folder);
    }
    let base = match table.remove(EXTENDS) {
        None => None,
        Some(Value::String(base)) if presets::text(&base).is_some() => Some(base),
        Some(Value::String(base)) => {
            let file = folder.join(&base);
            if !file.is_file() {
                let known = presets::names().collect::<Vec<_>>().join(", ");
                let line = locate(&text, &[EXTENDS]).map_or(1, |(_, line)| line);
                let near = nearest(&base, presets::names());
                return Err(Problem::usage(format!(
                    "{name}:{line}: extends: found {base:?}, expected a preset ({known}) or a file"
                ))
                .maybe_hint(near.map(|near| format!("did you mean {near}?"))));
            }
            Some(file.display().to_string())
        }
        Some(other) => {
            return Err(Problem::usage(format!(
                "{name}: extends: found {other}, expected a preset or a file"
            )));
        }
    };
    let text = Some(text);
    layers.push(Layer { name, text, table });
    base.map_or(Ok(()), |base| read_into(layers, seen, &base))
}

/// A relative path in a file is meant from where the file is.
fn rebase_source(table: &mut Table, folder: &Path) {
    let Some(Value::Table(data)) = table.get_mut("data") else {
        return;
    };
    if let Some(Value::String(source)) = data.get_mut("source") {
        let named = gan_data::builtin_names().contains(&source.as_str())
            || presets::data_set(source).is_some();
        if !named && Path::new(source.as_str()).is_relative() {
            let path: PathBuf = folder.join(source.as_str());
            *source = path.display().to_string();
        }
    }
}

fn parse(name: &str, text: &str) -> Result<Table, Problem> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let message = error.message().replace('\n', " ");
        Problem::usage(format!("{name}:{line}: not TOML: {message}"))
    })
}

/// How much of `path` the text has, and the line of the last part that it has.
fn locate(text: &str, path: &[&str]) -> Option<(usize, usize)> {
    let document = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table = Some(document.get_ref());
    let mut value: Option<&DeValue<'_>> = None;
    for (index, part) in path.iter().enumerate() {
        let start = match (table, value) {
            (Some(map), _) => {
                let (key, next) = map.iter().find(|(key, _)| key.get_ref() == part)?;
                value = Some(next.get_ref());
                key.span().start
            }
            (None, Some(DeValue::Array(array))) => {
                let next = part.parse().ok().and_then(|index: usize| array.get(index));
                match next {
                    Some(next) => {
                        value = Some(next.get_ref());
                        next.span().start
                    }
                    None => break,
                }
            }
            _ => break,
        };
        table = value.and_then(DeValue::as_table);
        found = Some((index + 1, line_of(text, start)));
        if let Some(map) = table
            && let Some(next) = path.get(index + 1)
            && !map.iter().any(|(key, _)| key.get_ref() == next)
        {
            break;
        }
    }
    found
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
    fn locate_finds_the_line_of_a_nested_key() {
        let text = "seed = 1\n[a]\nb = 2\n[[a.layers]]\nx = 1\n[[a.layers]]\nx = 2\n";
        assert_eq!(locate(text, &["a", "b"]), Some((2, 3)));
        assert_eq!(locate(text, &["a", "layers", "1", "x"]), Some((4, 7)));
        assert_eq!(locate(text, &["a", "layers", "1", "y"]).unwrap().0, 3);
        assert_eq!(locate(text, &["zebra"]), None);
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
            assert_eq!(overrides.values.pop().unwrap().2, expected, "{argument}");
        }
        assert!(overrides.set("a").is_err());
    }

    #[test]
    fn flags_do_not_depend_on_their_order() {
        let flags = ["optimizer.learning_rate=0.25", "optimizer.kind=adam"];
        for order in [[0, 1], [1, 0]] {
            let mut overrides = Overrides::default();
            for index in order {
                overrides.set(flags[index]).unwrap();
            }
            let config = Layers::read("mnist", &overrides)
                .unwrap()
                .resolve()
                .unwrap();
            let optimizer = toml::to_string(&config.optimizer).unwrap();
            assert!(optimizer.contains("kind = \"adam\""), "{optimizer}");
            assert!(optimizer.contains("learning_rate = 0.25"), "{optimizer}");
        }
    }

    #[test]
    fn every_preset_resolves() {
        for name in presets::names() {
            let layers = Layers::read(name, &Overrides::default()).unwrap();
            layers.resolve().unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
