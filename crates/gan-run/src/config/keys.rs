//! Every key that a configuration may have, and what its value may be.
//!
//! Serde knows these too, but its errors lose the place of what they complain about; so the tables
//! are checked against this tree first, and a test holds the tree to the types.

use toml::{Table, Value};

use super::merge::join;
use crate::text::nearest;

/// A key of a table.
pub(super) struct Key {
    /// Its name.
    name: &'static str,
    /// What its value may be.
    shape: Shape,
    /// Whether a configuration without it means nothing.
    required: bool,
}

/// What a value may be.
pub(super) enum Shape {
    /// An integer from 0 on.
    Integer,
    /// A number.
    Number,
    /// A number, or one of these words.
    NumberOr(&'static [&'static str]),
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A table of these keys.
    Table(&'static [Key]),
    /// An array of tables of these keys.
    Tables(&'static [Key]),
    /// A table whose `kind` decides over its other keys.
    Kinds(&'static [(&'static str, &'static [Key])]),
}

use Shape::{Choice, Integer, Kinds, Number, NumberOr, Tables, Text};

const fn key(name: &'static str, shape: Shape) -> Key {
    Key {
        name,
        shape,
        required: false,
    }
}

const fn required(name: &'static str, shape: Shape) -> Key {
    Key {
        name,
        shape,
        required: true,
    }
}

/// A whole configuration.
pub(super) const ROOT: &[Key] = &[
    required("seed", Integer),
    required("data", Shape::Table(DATA)),
    required("run", Shape::Table(RUN)),
    required("game", Shape::Table(GAME)),
    required("optimizer", Kinds(OPTIMIZER)),
    required("generator", Shape::Table(GENERATOR)),
    required("discriminator", Shape::Table(DISCRIMINATOR)),
];

const DATA: &[Key] = &[
    required("source", Text),
    key("count", Integer),
    key("train", Integer),
    key("valid", Integer),
    key("test", Integer),
    key(
        "normalize",
        Choice(&["auto", "none", "pixels", "standardize", "gcn"]),
    ),
];

const RUN: &[Key] = &[
    key("epochs", Number),
    key("steps", Integer),
    key("log_every", Integer),
    key("sample_every", Integer),
    key("checkpoint_every", Integer),
    key("keep_checkpoints", Integer),
    key("rows", Integer),
    key("cols", Integer),
];

const GAME: &[Key] = &[
    key("updates", Choice(&["alternating", "simultaneous"])),
    key("discriminator_steps", Integer),
    required("minibatch", Integer),
    key(
        "loss",
        Choice(&[
            "cross-entropy",
            "relativistic",
            "hinge",
            "least-squares",
            "wasserstein",
        ]),
    ),
    key(
        "generator_objective",
        Choice(&["minimax", "non-saturating"]),
    ),
    key("discriminator_weight", Number),
    key("penalty", Kinds(PENALTY)),
    key("pack", Integer),
];

const PENALTY: &[(&str, &[Key])] = &[
    (
        "zero-centred",
        &[
            required("gamma", NumberOr(&["auto"])),
            key("on", Choice(&["both", "data", "samples"])),
        ],
    ),
    ("unit-norm", &[required("weight", Number)]),
];

const OPTIMIZER: &[(&str, &[Key])] = &[
    (
        "momentum",
        &[
            required("learning_rate", Number),
            key("schedule", Kinds(SCHEDULE)),
            key("momentum", Shape::Table(MOMENTUM)),
            key("max_column_norm", Number),
        ],
    ),
    (
        "adam",
        &[
            required("learning_rate", Number),
            key("schedule", Kinds(SCHEDULE)),
            key("beta1", Number),
            key("beta2", Number),
            key("epsilon", Number),
            key("max_column_norm", Number),
        ],
    ),
];

const SCHEDULE: &[(&str, &[Key])] = &[
    ("constant", &[]),
    (
        "exponential",
        &[required("decay", Number), required("floor", Number)],
    ),
    (
        "linear",
        &[required("floor", Number), required("updates", Integer)],
    ),
];

const MOMENTUM: &[Key] = &[
    required("initial", Number),
    required("final", Number),
    required("from_epoch", Integer),
    required("to_epoch", Integer),
];

const GENERATOR: &[Key] = &[
    required("latent", Integer),
    key("prior", Choice(&["uniform", "normal", "spherical"])),
    key("output_bias", Choice(&["constant", "marginals"])),
    key("average", Number),
    required("layers", Tables(LAYER)),
    key("optimizer", Kinds(OPTIMIZER)),
];

const DISCRIMINATOR: &[Key] = &[
    required("layers", Tables(LAYER)),
    key("max_spectral_norm", Number),
    key("optimizer", Kinds(OPTIMIZER)),
];

const LAYER: &[Key] = &[
    key("units", Integer),
    required(
        "activation",
        Choice(&[
            "identity",
            "relu",
            "leaky-relu",
            "sigmoid",
            "tanh",
            "maxout",
        ]),
    ),
    key("pieces", Integer),
    key("slope", Number),
    key("init", Number),
    key("bias", Number),
    key("keep", Number),
    key("scale", Number),
];

/// Something that the tree does not have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Full name of the key.
    pub(super) key: String,
    /// What is wrong with it.
    pub(super) what: String,
    /// What the user may have meant.
    pub(super) hint: Option<String>,
    /// Whether the key is needed and not there.
    pub(super) missing: bool,
}

/// Checks every key and the type of every value of `table`, which may lack some.
pub(super) fn check(table: &Table) -> Result<(), Mistake> {
    check_table(table, ROOT, &[], "")
}

/// Checks that a whole configuration lacks nothing.
pub(super) fn check_complete(table: &Table) -> Result<(), Mistake> {
    complete(table, ROOT, "")
}

fn check_table(table: &Table, keys: &[Key], extra: &[&str], at: &str) -> Result<(), Mistake> {
    for (name, value) in table {
        if extra.contains(&name.as_str()) {
            continue;
        }
        let full = join(at, name);
        match keys.iter().find(|key| key.name == name) {
            Some(key) => check_value(value, &key.shape, &full)?,
            None => return Err(unknown(full, name, keys)),
        }
    }
    Ok(())
}

fn unknown(full: String, name: &str, keys: &[Key]) -> Mistake {
    let names: Vec<_> = keys.iter().map(|key| key.name).collect();
    // A key at the wrong level is as common as a misspelt one.
    let elsewhere = find_elsewhere(name, ROOT, "");
    let hint = match (nearest(name, names.iter().copied()), elsewhere) {
        (Some(near), _) => format!("did you mean {near}?"),
        (None, Some(path)) if path != full => format!("did you mean {path}?"),
        _ => format!("known here: {}", names.join(", ")),
    };
    Mistake {
        key: full,
        what: "unknown key".into(),
        hint: Some(hint),
        missing: false,
    }
}

/// The first place in the tree that has a key of this name.
fn find_elsewhere(name: &str, keys: &[Key], at: &str) -> Option<String> {
    keys.iter().find_map(|key| {
        let full = join(at, key.name);
        if key.name == name {
            return Some(full);
        }
        match &key.shape {
            Shape::Table(keys) => find_elsewhere(name, keys, &full),
            Tables(keys) => find_elsewhere(name, keys, &format!("{full}.0")),
            Kinds(kinds) => kinds
                .iter()
                .find_map(|(_, keys)| find_elsewhere(name, keys, &full)),
            _ => None,
        }
    })
}

fn check_value(value: &Value, shape: &Shape, at: &str) -> Result<(), Mistake> {
    match (shape, value) {
        (Integer, Value::Integer(0..))
        | (Number | NumberOr(_), Value::Integer(_) | Value::Float(_))
        | (Text, Value::String(_)) => Ok(()),
        (Choice(words) | NumberOr(words), Value::String(word)) => check_word(word, words, at),
        (Shape::Table(keys), Value::Table(table)) => check_table(table, keys, &[], at),
        (Tables(keys), Value::Array(array)) => {
            for (index, item) in array.iter().enumerate() {
                let at = join(at, &index.to_string());
                match item {
                    Value::Table(table) => check_table(table, keys, &[], &at)?,
                    other => return Err(mismatch(other, "a table", &at)),
                }
            }
            Ok(())
        }
        (Kinds(kinds), Value::Table(table)) => check_kinds(table, kinds, at),
        _ => Err(mismatch(value, &expected(shape), at)),
    }
}

fn check_kinds(table: &Table, kinds: &[(&str, &[Key])], at: &str) -> Result<(), Mistake> {
    let names: Vec<_> = kinds.iter().map(|(name, _)| *name).collect();
    match table.get("kind") {
        Some(Value::String(kind)) => {
            let at_kind = join(at, "kind");
            check_word(kind, &names, &at_kind)?;
            let keys = kinds.iter().find(|(name, _)| name == kind);
            let keys = keys.map_or(&[][..], |(_, keys)| *keys);
            check_table(table, keys, &["kind"], at).map_err(|mistake| of_kind(mistake, kinds, at))
        }
        Some(other) => Err(mismatch(other, &names.join(" or "), &join(at, "kind"))),
        // A layer that leaves the kind to another one: any kind that has all these keys will do.
        None => {
            let mut first = Ok(());
            for (_, keys) in kinds.iter().rev() {
                first = check_table(table, keys, &[], at);
                if first.is_ok() {
                    break;
                }
            }
            first
        }
    }
}

/// Says so if a key that is unknown here belongs to another kind.
fn of_kind(mut mistake: Mistake, kinds: &[(&str, &[Key])], at: &str) -> Mistake {
    let owner = kinds
        .iter()
        .find(|(_, keys)| keys.iter().any(|key| join(at, key.name) == mistake.key));
    if let (Some((kind, _)), "unknown key") = (owner, mistake.what.as_str()) {
        mistake.hint = Some(format!("only kind = \"{kind}\" has it"));
    }
    mistake
}

fn check_word(word: &str, words: &[&str], at: &str) -> Result<(), Mistake> {
    if words.contains(&word) {
        return Ok(());
    }
    let near = nearest(word, words.iter().copied());
    Err(Mistake {
        key: at.into(),
        what: format!("found {word:?}, expected one of {}", words.join(", ")),
        hint: near.map(|near| format!("did you mean {near}?")),
        missing: false,
    })
}

fn mismatch(value: &Value, expected: &str, at: &str) -> Mistake {
    let found = match value {
        Value::Table(_) => "a table".into(),
        Value::Array(_) => "an array".into(),
        other => other.to_string(),
    };
    Mistake {
        key: at.into(),
        what: format!("found {found}, expected {expected}"),
        hint: None,
        missing: false,
    }
}

fn expected(shape: &Shape) -> String {
    match shape {
        Integer => "a whole number from 0 on".into(),
        Number => "a number".into(),
        NumberOr(words) => format!("a number or {}", words.join(" or ")),
        Text => "text".into(),
        Choice(words) => format!("one of {}", words.join(", ")),
        Shape::Table(_) | Kinds(_) => "a table".into(),
        Tables(_) => "an array of tables".into(),
    }
}

fn complete(table: &Table, keys: &[Key], at: &str) -> Result<(), Mistake> {
    for key in keys {
        let full = join(at, key.name);
        match (table.get(key.name), &key.shape) {
            (None, _) if key.required => return Err(missing(full, expected(&key.shape))),
            (Some(Value::Table(table)), Shape::Table(keys)) => complete(table, keys, &full)?,
            (Some(Value::Table(table)), Kinds(kinds)) => {
                let kind = table.get("kind").and_then(Value::as_str);
                let Some((_, keys)) = kinds.iter().find(|(name, _)| Some(*name) == kind) else {
                    let names: Vec<_> = kinds.iter().map(|(name, _)| *name).collect();
                    return Err(missing(join(&full, "kind"), names.join(" or ")));
                };
                complete(table, keys, &full)?;
            }
            (Some(Value::Array(array)), Tables(keys)) => {
                for (index, item) in array.iter().enumerate() {
                    if let Value::Table(table) = item {
                        complete(table, keys, &join(&full, &index.to_string()))?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn missing(key: String, expected: String) -> Mistake {
    Mistake {
        key,
        what: format!("missing, expected {expected}"),
        hint: None,
        missing: true,
    }
}

#[cfg(test)]
mod tests;
