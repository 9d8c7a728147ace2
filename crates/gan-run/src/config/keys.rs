//! Every key that a configuration may have and the values that it may take, derived from the types.
//!
//! Serde knows these too, but its errors lose the place of what they complain about; so the tables
//! are checked against the types' JSON schema first.

use std::sync::LazyLock;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::merge::join;
use super::run_config::RunConfig;
use crate::text::nearest_word;

/// A key of a table.
struct Key {
    name: String,
    /// The values that it may have.
    shape: Shape,
    /// True if a configuration without it is incomplete.
    required: bool,
}

/// The values that a key may have.
enum Shape {
    /// An integer from 0 on.
    Integer,
    /// A number.
    Number,
    /// A number, or one of these words.
    NumberOr(Vec<String>),
    /// Any text.
    Text,
    /// One of these words.
    Choice(Vec<String>),
    /// A table of these keys.
    Table(Vec<Key>),
    /// A table of any keys, each with such a value.
    Map(Box<Shape>),
    /// An array of such values.
    Array(Box<Shape>),
    /// True or false.
    Boolean,
    /// A table whose `kind` decides which other keys it has; each kind with those.
    Variants(Vec<(String, Vec<Key>)>),
}

use Shape::{Array, Boolean, Choice, Integer, Map, Number, NumberOr, Text, Variants};

/// The key by which a file names what it builds on.
pub(super) const EXTENDS: &str = "extends";

/// The key by which a table says which variant it is.
const KIND: &str = "kind";

/// The JSON schema of a configuration file, for editors.
///
/// No key is required: a file may extend a preset, which has them all.
#[must_use]
pub fn schema() -> Json {
    let mut schema = schemars::schema_for!(RunConfig).to_value();
    schema["title"] = "Configuration of a run of gan-cli".into();
    schema["properties"][EXTENDS] = serde_json::json!({
        "description": "Preset or file that this one builds on.",
        "type": "string",
    });
    loosen(&mut schema);
    schema
}

/// A file may say a part: no key is required, and a table without its `kind` fits several variants.
fn loosen(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.remove("required");
            if let Some(variants) = object.remove("oneOf") {
                object.insert("anyOf".into(), variants);
            }
            object.values_mut().for_each(loosen);
        }
        Json::Array(items) => items.iter_mut().for_each(loosen),
        _ => {}
    }
}

/// The keys of a whole configuration.
static ROOT: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let schema = schemars::schema_for!(RunConfig).to_value();
    Reader(&schema["$defs"]).keys(&schema)
});

/// Reads the part of JSON schemas that schemars writes for the types of a configuration; holds the
/// definitions that the schemas refer to.
struct Reader<'a>(&'a Json);

impl Reader<'_> {
    /// The properties of an object, without the constant that tells its kind.
    fn keys(&self, object: &Json) -> Vec<Key> {
        let required = strings(&object["required"]);
        let properties = object["properties"].as_object().into_iter().flatten();
        properties
            .filter(|(_, property)| property.get("const").is_none())
            .map(|(name, property)| Key {
                name: name.clone(),
                shape: self.shape(property),
                required: required.contains(name),
            })
            .collect()
    }

    fn shape(&self, schema: &Json) -> Shape {
        let schema = self.resolve(schema);
        if let Some(variants) = schema["oneOf"].as_array() {
            return self.one_of(variants);
        }
        if let Some(any) = schema["anyOf"].as_array() {
            return self.any_of(any);
        }
        // `null` stands for a key that is left out, which is the only way to say so in TOML.
        let mut types = strings(&schema["type"]);
        types.retain(|name| name != "null");
        match types.first().map(String::as_str) {
            Some("integer") => Integer,
            Some("number") => Number,
            Some("boolean") => Boolean,
            Some("array") => Array(Box::new(self.shape(&schema["items"]))),
            Some("object") if schema["additionalProperties"].is_object() => {
                Map(Box::new(self.shape(&schema["additionalProperties"])))
            }
            Some("object") => Shape::Table(self.keys(schema)),
            _ if schema.get("enum").is_some() => Choice(strings(&schema["enum"])),
            _ => Text,
        }
    }

    fn one_of(&self, variants: &[Json]) -> Shape {
        let is_object = |schema: &Json| schema["type"] == "object";
        if !variants.iter().any(is_object) {
            let words = |schema: &Json| [strings(&schema["const"]), strings(&schema["enum"])];
            return Choice(variants.iter().flat_map(words).flatten().collect());
        }
        let variant = |object: &Json| {
            let kind = strings(&object["properties"][KIND]["const"]).concat();
            (kind, self.keys(object))
        };
        Variants(variants.iter().map(variant).collect())
    }

    fn any_of(&self, schemas: &[Json]) -> Shape {
        let given = schemas.iter().filter(|schema| schema["type"] != "null");
        let mut shapes: Vec<Shape> = given.map(|schema| self.shape(schema)).collect();
        match (shapes.pop(), shapes.pop()) {
            (Some(Choice(words)), Some(Number)) => NumberOr(words),
            (Some(shape), _) => shape,
            (None, _) => Text,
        }
    }

    /// The definition that `schema` refers to, or itself.
    fn resolve<'a>(&'a self, schema: &'a Json) -> &'a Json {
        let name = schema["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next());
        name.map_or(schema, |name| &self.0[name])
    }
}

/// A string, or an array of strings.
fn strings(value: &Json) -> Vec<String> {
    let array = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    let texts = array.iter().filter_map(Json::as_str);
    texts.map(str::to_owned).collect()
}

/// A key that the types do not have, lack, or have with other values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Full name of the key.
    pub(super) key: String,
    /// The mistake, in words.
    pub(super) what: String,
    /// A guess at what was meant.
    pub(super) hint: Option<String>,
    /// True if the key is needed and not there.
    pub(super) missing: bool,
}

impl Mistake {
    fn new(key: &str, what: String, hint: Option<String>) -> Self {
        Self {
            key: key.to_owned(),
            what,
            hint,
            missing: false,
        }
    }

    fn missing(key: &str, expected: &str) -> Self {
        Self {
            missing: true,
            ..Self::new(key, format!("missing, expected {expected}"), None)
        }
    }

    fn value(value: &Value, expected: &str, at: &str) -> Self {
        let found = match value {
            Value::Table(_) => "a table".into(),
            Value::Array(_) => "an array".into(),
            other => other.to_string(),
        };
        Self::new(at, format!("found {found}, expected {expected}"), None)
    }
}

/// The amount of a configuration that a table holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Any part of one.
    Part,
    /// All of one.
    Whole,
}

/// Checks every key and the type of every value of `table`, which may lack some.
pub(super) fn check(table: &Table) -> Result<(), Mistake> {
    check_table(table, &ROOT, "", Extent::Part)
}

/// Checks that a whole configuration, which [`check`] has passed, lacks nothing.
pub(super) fn check_complete(table: &Table) -> Result<(), Mistake> {
    check_table(table, &ROOT, "", Extent::Whole)
}

fn check_table(table: &Table, keys: &[Key], at: &str, extent: Extent) -> Result<(), Mistake> {
    let is_unknown = |name: &&String| keys.iter().all(|key| key.name != **name);
    if let Some(name) = table.keys().find(is_unknown) {
        return Err(unknown(&join(at, name), name, keys));
    }
    keys.iter().try_for_each(|key| {
        let full = join(at, &key.name);
        match table.get(&key.name) {
            Some(value) => check_value(value, &key.shape, &full, extent),
            None if key.required && extent == Extent::Whole => {
                Err(Mistake::missing(&full, &expected(&key.shape)))
            }
            None => Ok(()),
        }
    })
}

fn unknown(full: &str, name: &str, keys: &[Key]) -> Mistake {
    let names = || keys.iter().map(|key| key.name.as_str());
    // A key at the wrong level is as common as a misspelt one.
    let hint = match (nearest_word(name, names()), find(name, &ROOT, "")) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, Some(path)) if path != full => format!("did you mean {path}?"),
        _ => format!("known here: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Mistake::new(full, "unknown key".into(), Some(hint))
}

/// The shortest full name of a key called `name`.
fn find(name: &str, keys: &[Key], at: &str) -> Option<String> {
    if keys.iter().any(|key| key.name == name) {
        return Some(join(at, name));
    }
    let inside = keys.iter().flat_map(|key| {
        let full = join(at, &key.name);
        match &key.shape {
            Shape::Table(keys) => vec![find(name, keys, &full)],
            Array(item) => match &**item {
                Shape::Table(keys) => vec![find(name, keys, &join(&full, "0"))],
                _ => Vec::new(),
            },
            Variants(variants) => variants
                .iter()
                .map(|(_, keys)| find(name, keys, &full))
                .collect(),
            _ => Vec::new(),
        }
    });
    inside
        .flatten()
        .min_by_key(|full| full.matches('.').count())
}

fn check_value(value: &Value, shape: &Shape, at: &str, extent: Extent) -> Result<(), Mistake> {
    match (shape, value) {
        (Integer, Value::Integer(0..))
        | (Number | NumberOr(_), Value::Integer(_) | Value::Float(_))
        | (Text, Value::String(_))
        | (Boolean, Value::Boolean(_)) => Ok(()),
        (Choice(words) | NumberOr(words), Value::String(word)) => check_word(word, words, at),
        (Shape::Table(keys), Value::Table(table)) => check_table(table, keys, at, extent),
        (Map(item), Value::Table(table)) => table
            .iter()
            .try_for_each(|(name, value)| check_value(value, item, &join(at, name), extent)),
        (Array(item), Value::Array(array)) => {
            let mut items = array.iter().enumerate();
            items.try_for_each(|(index, value)| {
                check_value(value, item, &join(at, &index.to_string()), extent)
            })
        }
        (Variants(variants), Value::Table(table)) => check_variant(table, variants, at, extent),
        _ => Err(Mistake::value(value, &expected(shape), at)),
    }
}

fn check_variant(
    table: &Table,
    variants: &[(String, Vec<Key>)],
    at: &str,
    extent: Extent,
) -> Result<(), Mistake> {
    let kinds: Vec<String> = variants.iter().map(|(kind, _)| kind.clone()).collect();
    let kind_at = join(at, KIND);
    let mut rest = table.clone();
    match rest.remove(KIND) {
        Some(Value::String(word)) => {
            check_word(&word, &kinds, &kind_at)?;
            let mut of_kind = variants.iter().filter(|(kind, _)| *kind == word);
            of_kind.try_for_each(|(_, keys)| {
                check_table(&rest, keys, at, extent)
                    .map_err(|mistake| name_owner(mistake, variants, at))
            })
        }
        Some(other) => Err(Mistake::value(&other, &kinds.join(" or "), &kind_at)),
        None if extent == Extent::Whole => Err(Mistake::missing(&kind_at, &kinds.join(" or "))),
        // A source that leaves the kind to another one: any kind that has all these keys will do.
        None => {
            let check = |(_, keys): &(String, Vec<Key>)| check_table(table, keys, at, extent);
            let mut checks = variants.iter().map(check);
            let first = checks.next().unwrap_or(Ok(()));
            match checks.any(|check| check.is_ok()) {
                true => Ok(()),
                false => first,
            }
        }
    }
}

/// Says so if a key that is unknown here belongs to another kind.
fn name_owner(mut mistake: Mistake, variants: &[(String, Vec<Key>)], at: &str) -> Mistake {
    let has_it = |(_, keys): &&(String, Vec<Key>)| {
        let mut names = keys.iter().map(|key| join(at, &key.name));
        names.any(|name| name == mistake.key)
    };
    if let (Some((owner, _)), "unknown key") = (variants.iter().find(has_it), &*mistake.what) {
        mistake.hint = Some(format!("only kind = \"{owner}\" has it"));
    }
    mistake
}

fn check_word(word: &str, words: &[String], at: &str) -> Result<(), Mistake> {
    if words.iter().any(|known| known == word) {
        return Ok(());
    }
    let near = nearest_word(word, words.iter().map(String::as_str));
    let hint = near.map(|near| format!("did you mean {near}?"));
    let what = format!("found {word:?}, expected one of {}", listed(words));
    Err(Mistake::new(at, what, hint))
}

/// The words of a choice; those that are signs stand between quotes.
fn listed(words: &[String]) -> String {
    let shown = words.iter().map(|word| {
        let is_plain = word.contains(|c: char| c.is_ascii_alphanumeric());
        if is_plain {
            word.clone()
        } else {
            format!("{word:?}")
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn expected(shape: &Shape) -> String {
    match shape {
        Integer => "a whole number from 0 on".into(),
        Number => "a number".into(),
        NumberOr(words) => format!("a number or {}", words.join(" or ")),
        Text => "text".into(),
        Choice(words) => format!("one of {}", listed(words)),
        Shape::Table(_) | Map(_) | Variants(_) => "a table".into(),
        Boolean => "true or false".into(),
        Array(item) => match **item {
            Shape::Table(_) => "an array of tables".into(),
            Integer => "an array of whole numbers".into(),
            _ => "an array of texts".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration with a value for every key; of a choice, the `turn`-th.
    fn example(keys: &[Key], turn: usize) -> Table {
        fn value(shape: &Shape, turn: usize) -> Value {
            match shape {
                Integer => Value::Integer(2),
                Number => Value::Float(0.5),
                Text => Value::String("ring8".into()),
                NumberOr(_) if turn.is_multiple_of(2) => Value::Float(0.5),
                Choice(words) | NumberOr(words) => Value::String(words[turn % words.len()].clone()),
                Shape::Table(keys) => Value::Table(example(keys, turn)),
                Map(item) => Value::Table(Table::from_iter([("a b".into(), value(item, turn))])),
                Boolean => Value::Boolean(turn.is_multiple_of(2)),
                Array(item) => Value::Array(vec![value(item, turn), value(item, turn)]),
                Variants(variants) => {
                    let (kind, keys) = &variants[turn % variants.len()];
                    let mut table = example(keys, turn);
                    table.insert(KIND.into(), Value::String(kind.clone()));
                    Value::Table(table)
                }
            }
        }
        keys.iter()
            .map(|key| (key.name.clone(), value(&key.shape, turn)))
            .collect()
    }

    #[test]
    fn schema_of_a_file_has_every_table_and_requires_nothing() {
        let schema = schema();
        let names = schema["properties"].as_object().unwrap().keys();
        assert!(names.eq([
            "columns",
            "data",
            "discriminator",
            "extends",
            "game",
            "generator",
            "optimizer",
            "run",
            "seed",
        ]));
        for word in ["\"required\"", "\"oneOf\""] {
            assert!(!schema.to_string().contains(word), "{word}");
        }
        let rules = &schema["$defs"]["RulesConfig"]["properties"];
        assert!(rules["minibatch"]["description"].is_string());
    }

    #[test]
    fn every_key_and_word_of_the_schema_is_known_to_serde() {
        for turn in 0..12 {
            let table = example(&ROOT, turn);
            check(&table).unwrap();
            check_complete(&table).unwrap();
            let config: RunConfig = table.clone().try_into().unwrap();
            // And back: nothing was lost on the way.
            assert_eq!(Table::try_from(&config).unwrap(), table);
        }
    }

    #[test]
    fn check_names_the_key_what_was_found_and_the_nearest() {
        for (text, expected) in [
            (
                "[optimizer]\nkind = 'adam'\nlearning-rate = 1",
                "optimizer.learning-rate: unknown key; did you mean learning_rate?",
            ),
            (
                "minibatch = 3",
                "minibatch: unknown key; did you mean game.minibatch?",
            ),
            (
                "[optimizer]\nkind = 'momentum'\nbeta1 = 0.5",
                "optimizer.beta1: unknown key; only kind = \"adam\" has it",
            ),
            (
                "[game]\nupdates = 'simultanous'",
                "game.updates: found \"simultanous\", expected one of alternating, simultaneous; \
                 did you mean simultaneous?",
            ),
            (
                "[game]\nminibatch = -3",
                "game.minibatch: found -3, expected a whole number from 0 on; ",
            ),
            (
                "[data]\ndrop = ['a', 1]",
                "data.drop.1: found 1, expected text; ",
            ),
            (
                "[data]\nimage = 28",
                "data.image: found 28, expected an array of whole numbers; ",
            ),
            (
                "[data]\nheader = 'yes'",
                "data.header: found \"yes\", expected true or false; ",
            ),
            (
                "[generator]\nlayers = [1]",
                "generator.layers.0: found 1, expected a table; ",
            ),
        ] {
            let Mistake {
                key, what, hint, ..
            } = check(&text.parse().unwrap()).unwrap_err();
            assert_eq!(
                format!("{key}: {what}; {}", hint.unwrap_or_default()),
                expected
            );
        }
    }

    #[test]
    fn check_complete_names_what_is_missing() {
        let mut table = example(&ROOT, 0);
        let optimizer = table["optimizer"].as_table_mut().unwrap();
        optimizer.remove("learning_rate");
        let mistake = check_complete(&table).unwrap_err();
        assert_eq!(mistake.key, "optimizer.learning_rate");
    }
}
