//! What an evaluation says: sections of rows, one for each metric.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one metric found, in the order in which it should be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// What `--metrics` calls it.
    pub id: String,
    /// A line above the rows: the quantity, its unit, on how many records.
    pub title: String,
    /// The numbers.
    pub rows: Vec<Row>,
    /// What the reader must know to read them, one sentence each.
    pub notes: Vec<String>,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// For programs: stable, in lower case.
    pub id: String,
    /// For people.
    pub name: String,
    /// Whose number it is.
    pub kind: Kind,
    /// The number itself.
    pub value: f64,
    /// How far to trust it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<Uncertainty>,
    /// What it would be for samples that are as good as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ideal: Option<String>,
    /// What the number depends on, such as `sigma`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, f64>,
    /// A few words beside the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whose number a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The samples'.
    Model,
    /// That of points whose quality is known, measured the same way.
    Control,
    /// Printed in a publication.
    Published,
}

/// How far to trust a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertainty {
    /// Standard deviation of the number over test sets of this size.
    StandardError(f64),
    /// Probability of a number at least this far out if samples were data.
    PValue(f64),
}

impl Row {
    /// A number without anything beside it.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>, kind: Kind, value: f64) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            kind,
            value,
            uncertainty: None,
            ideal: None,
            details: BTreeMap::new(),
            note: None,
        }
    }

    /// Adds how far to trust it.
    #[must_use]
    pub fn with_uncertainty(mut self, uncertainty: Uncertainty) -> Self {
        self.uncertainty = Some(uncertainty);
        self
    }

    /// Adds what it would be for samples that are as good as data.
    #[must_use]
    pub fn with_ideal(mut self, ideal: impl Into<String>) -> Self {
        self.ideal = Some(ideal.into());
        self
    }

    /// Adds a number that it depends on.
    #[must_use]
    pub fn with_detail(mut self, name: impl Into<String>, value: f64) -> Self {
        self.details.insert(name.into(), value);
        self
    }

    /// Adds a few words.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}
