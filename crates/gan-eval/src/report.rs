//! The form of every metric's answer: a section of rows, for people and for programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The findings of one metric, in the order in which they should be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// The name of the metric.
    pub id: String,
    /// A line above the rows: the quantity, its unit, on how many records.
    pub title: String,
    /// The numbers.
    pub rows: Vec<Row>,
    /// Remarks that the reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// For programs: stable, in lower case.
    pub id: String,
    /// For people.
    pub name: String,
    /// The origin of the number.
    pub kind: RowKind,
    /// The number itself.
    pub value: f64,
    /// The uncertainty of the number, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<Uncertainty>,
    /// The value for samples that are as good as data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ideal: Option<String>,
    /// Numbers beside it, such as the `sigma` that it depends on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, f64>,
    /// A few words beside the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The origin of a row's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// Measured on the samples.
    Model,
    /// Measured the same way on points whose quality is known.
    Control,
    /// Printed in a publication.
    Published,
}

/// A number and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// The uncertainty of a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertainty {
    /// Standard deviation of the number over test sets of this size.
    StandardError(f64),
    /// Probability of a number at least this far out if samples were data.
    PValue(f64),
}

impl Section {
    pub(crate) fn new(id: &str, title: String, rows: Vec<Row>) -> Self {
        Self {
            id: id.into(),
            title,
            rows,
            notes: Vec::new(),
        }
    }
}

impl Row {
    /// A number without anything beside it.
    #[must_use]
    pub fn new(id: &str, name: impl Into<String>, kind: RowKind, value: f64) -> Self {
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

    /// A number of the samples.
    pub(crate) fn model(id: &str, name: impl Into<String>, value: f64) -> Self {
        Self::new(id, name, RowKind::Model, value)
    }

    /// The number of training records in the samples' place.
    pub(crate) fn training_records(value: f64) -> Self {
        let (id, name) = ("training_records", "training records");
        Self::new(id, name, RowKind::Control, value)
    }

    /// Adds the standard error of the number.
    #[must_use]
    pub fn with_standard_error(mut self, error: f64) -> Self {
        self.uncertainty = Some(Uncertainty::StandardError(error));
        self
    }

    /// Adds the p-value of the number.
    #[must_use]
    pub fn with_p_value(mut self, p: f64) -> Self {
        self.uncertainty = Some(Uncertainty::PValue(p));
        self
    }

    /// Adds the value for samples that are as good as data.
    #[must_use]
    pub fn with_ideal(mut self, ideal: impl Into<String>) -> Self {
        self.ideal = Some(ideal.into());
        self
    }

    /// Adds a number beside it.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: f64) -> Self {
        self.details.insert(name.into(), value);
        self
    }

    /// Adds a few words.
    #[must_use]
    pub fn with_note(mut self, note: &str) -> Self {
        self.note = Some(note.into());
        self
    }
}
