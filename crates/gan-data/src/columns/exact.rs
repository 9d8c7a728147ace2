//! Numbers as one text, from which each comes back to its last bit: a number of JSON may lose it.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let texts: Vec<_> = values.iter().map(f64::to_string).collect();
    serializer.serialize_str(&texts.join(" "))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<f64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = |word: &str| {
        word.parse()
            .map_err(|_| D::Error::custom("found a word that is no number among numbers"))
    };
    text.split_ascii_whitespace().map(number).collect()
}
