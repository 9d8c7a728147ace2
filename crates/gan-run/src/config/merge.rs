//! Tables over tables: a later layer's values replace an earlier one's, key by key.

use toml::{Table, Value};

/// Pairs of keys of one table: the first, in a later layer, takes the second of an earlier one away.
///
/// Only one of `epochs` and `steps` can be meant, and `count` belongs to the source it stands by.
const ALTERNATIVES: [(&str, &str); 3] = [
    ("epochs", "steps"),
    ("steps", "epochs"),
    ("source", "count"),
];

/// Puts `over` onto `base`: tables key by key, everything else, arrays too, as a whole.
///
/// A table whose `kind` changes is replaced as a whole, since the keys of the old kind mean nothing
/// to the new one.
pub(super) fn merge(base: &mut Table, over: &Table) {
    for (key, _) in over {
        for (given, other) in ALTERNATIVES {
            if key == given && !over.contains_key(other) {
                base.remove(other);
            }
        }
    }
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if same_kind(old, new) => merge(old, new),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

fn same_kind(old: &Table, new: &Table) -> bool {
    new.get("kind")
        .is_none_or(|kind| old.get("kind") == Some(kind))
}

/// Puts `value` at the dotted `path`, making tables on the way; numbers point into arrays.
///
/// # Errors
/// The part of the path that leads nowhere: not a table, or beyond the end of an array.
pub(super) fn set(table: &mut Table, path: &[&str], value: Value) -> Result<(), String> {
    let [key, rest @ ..] = path else {
        return Ok(());
    };
    let next = table
        .entry((*key).to_owned())
        .or_insert_with(|| Value::Table(Table::new()));
    set_in(next, rest, value).map_err(|at| join(key, &at))
}

fn set_in(target: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    let [key, rest @ ..] = path else {
        match (&mut *target, value) {
            (Value::Table(old), Value::Table(new)) if same_kind(old, &new) => merge(old, &new),
            (_, value) => *target = value,
        }
        return Ok(());
    };
    let item = match target {
        Value::Table(table) => return set(table, path, value),
        Value::Array(array) => key
            .parse()
            .ok()
            .and_then(|index: usize| array.get_mut(index)),
        _ => None,
    };
    let item = item.ok_or_else(|| (*key).to_owned())?;
    set_in(item, rest, value).map_err(|at| join(key, &at))
}

/// `a.b`, or `a` if there is no `b`.
pub(super) fn join(a: &str, b: &str) -> String {
    match (a, b) {
        ("", _) => b.to_owned(),
        (_, "") => a.to_owned(),
        _ => format!("{a}.{b}"),
    }
}

/// Full names of the values that differ between two configurations.
pub(crate) fn differences(a: &Table, b: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let (a, b) = (Value::Table(a.clone()), Value::Table(b.clone()));
    differ(Some(&a), Some(&b), "", &mut found);
    found
}

fn differ(a: Option<&Value>, b: Option<&Value>, at: &str, found: &mut Vec<String>) {
    match (a, b) {
        (Some(Value::Table(a)), Some(Value::Table(b))) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                differ(a.get(key), b.get(key), &join(at, key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                let at = join(at, &index.to_string());
                differ(a.get(index), b.get(index), &at, found);
            }
        }
        _ if a == b => {}
        _ => found.push(at.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn merge_goes_into_tables_of_one_kind_and_replaces_all_else() {
        for (base, over, expected) in [
            ("a = {x = 1, y = 2}", "a.y = 3", "a = {x = 1, y = 3}"),
            ("a = 1\nb = [1, 2]", "b = [4]", "a = 1\nb = [4]"),
            (
                "o = {kind = 'a', x = 1}",
                "o.kind = 'b'",
                "o = {kind = 'b'}",
            ),
            (
                "o = {kind = 'a', x = 1}",
                "o.x = 2",
                "o = {kind = 'a', x = 2}",
            ),
            ("epochs = 3\nrows = 2", "steps = 5", "steps = 5\nrows = 2"),
        ] {
            let mut merged = table(base);
            merge(&mut merged, &table(over));
            assert_eq!(merged, table(expected));
        }
    }

    #[test]
    fn set_reaches_into_arrays_of_tables() {
        let mut config = table("d = {layers = [{keep = 0.8}, {keep = 0.5}]}");
        let mut set = |layer| set(&mut config, &["d", "layers", layer, "keep"], 1.0.into());
        assert_eq!(set("1"), Ok(()));
        assert_eq!(set("2"), Err("d.layers.2".into()));
        assert_eq!(config, table("d = {layers = [{keep = 0.8}, {keep = 1.0}]}"));
    }

    #[test]
    fn set_puts_a_table_onto_another_key_by_key() {
        let mut config = table("run = {steps = 7}\ndata = {source = 'a.csv'}");
        for (key, over) in [("run", "log_every = 5"), ("data", "count = 9")] {
            set(&mut config, &[key], Value::Table(table(over))).unwrap();
        }
        let expected = "run = {steps = 7, log_every = 5}\ndata = {source = 'a.csv', count = 9}";
        assert_eq!(config, table(expected));
    }

    #[test]
    fn differences_name_each_value() {
        let (a, b) = (
            table("a = 1\nb = [1, {c = 2}]"),
            table("a = 1\nb = [1, {c = 3}]\nd = 1"),
        );
        assert_eq!(differences(&a, &b), ["b.1.c", "d"]);
    }
}
