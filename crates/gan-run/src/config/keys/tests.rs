//! Holds the tree to the types.

use super::*;
use crate::config::RunConfig;

/// A configuration with a value for every key of the tree; of a choice, the `turn`-th.
fn example(keys: &[Key], turn: usize) -> Table {
    let value = |shape: &Shape| match shape {
        Integer => Value::Integer(2),
        Number => Value::Float(0.5),
        Text => Value::String("ring8".into()),
        NumberOr(_) if turn.is_multiple_of(2) => Value::Float(0.5),
        Choice(words) | NumberOr(words) => Value::String(words[turn % words.len()].into()),
        Shape::Table(keys) => Value::Table(example(keys, turn)),
        Tables(keys) => Value::Array(vec![Value::Table(example(keys, turn))]),
        Kinds(kinds) => {
            let (kind, keys) = kinds[turn % kinds.len()];
            let mut table = example(keys, turn);
            table.insert("kind".into(), Value::String(kind.into()));
            Value::Table(table)
        }
    };
    keys.iter()
        .map(|key| (key.name.to_owned(), value(&key.shape)))
        .collect()
}

#[test]
fn every_key_and_word_of_the_tree_is_known_to_the_types() {
    for turn in 0..12 {
        let table = example(ROOT, turn);
        check(&table).unwrap();
        check_complete(&table).unwrap();
        let config: RunConfig = Value::Table(table.clone()).try_into().unwrap();
        // And back: what the types write is in the tree, and nothing was lost on the way.
        let again = Table::try_from(&config).unwrap();
        check(&again).unwrap();
        assert_eq!(again, table);
    }
}

#[test]
fn every_field_of_the_types_is_in_the_tree() {
    // Serde lists the fields it knows when it meets one that it does not.
    for (path, keys) in [
        (vec![], ROOT),
        (vec!["data"], DATA),
        (vec!["run"], RUN),
        (vec!["game"], GAME),
        (vec!["generator"], GENERATOR),
        (vec!["discriminator"], DISCRIMINATOR),
        (vec!["generator", "layers", "0"], LAYER),
    ] {
        let mut table = example(ROOT, 0);
        let at: Vec<&str> = path.iter().copied().chain(["zebra"]).collect();
        crate::config::merge::set(&mut table, &at, Value::Integer(1)).unwrap();
        let error = RunConfig::deserialize_error(table);
        let line = error.lines().next().unwrap_or_default();
        let expected = line.split("expected").nth(1).unwrap_or_default();
        let fields: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        assert!(!fields.is_empty(), "{error}");
        for field in fields {
            assert!(
                keys.iter().any(|key| key.name == field),
                "{path:?}: {field}"
            );
        }
    }
}

impl RunConfig {
    fn deserialize_error(table: Table) -> String {
        let result: Result<Self, _> = Value::Table(table).try_into();
        result.unwrap_err().to_string()
    }
}

#[track_caller]
fn mistake(text: &str) -> String {
    let mistake = check(&text.parse().unwrap()).unwrap_err();
    format!(
        "{}: {}; {}",
        mistake.key,
        mistake.what,
        mistake.hint.unwrap_or_default()
    )
}

#[test]
fn check_names_the_nearest_key() {
    assert_eq!(
        mistake("[optimizer]\nkind = 'adam'\nlearning-rate = 1"),
        "optimizer.learning-rate: unknown key; did you mean learning_rate?"
    );
    assert_eq!(
        mistake("minibatch = 3"),
        "minibatch: unknown key; did you mean game.minibatch?"
    );
    assert_eq!(
        mistake("[optimizer]\nkind = 'momentum'\nbeta1 = 0.5"),
        "optimizer.beta1: unknown key; only kind = \"adam\" has it"
    );
}

#[test]
fn check_names_the_nearest_word_and_both_types() {
    assert_eq!(
        mistake("[game]\nupdates = 'simultanous'"),
        "game.updates: found \"simultanous\", expected one of alternating, simultaneous; \
         did you mean simultaneous?"
    );
    assert_eq!(
        mistake("[game]\nminibatch = -3"),
        "game.minibatch: found -3, expected a whole number from 0 on; "
    );
    assert_eq!(
        mistake("[generator]\nlayers = [1]"),
        "generator.layers.0: found 1, expected a table; "
    );
}

#[test]
fn check_complete_names_what_is_missing() {
    let mut table = example(ROOT, 0);
    let optimizer = table["optimizer"].as_table_mut().unwrap();
    optimizer.remove("learning_rate");
    let mistake = check_complete(&table).unwrap_err();
    assert_eq!(mistake.key, "optimizer.learning_rate");
}
