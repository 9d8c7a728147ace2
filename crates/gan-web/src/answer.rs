//! Answers: JSON, with floats beside it.

use gan_run::problem::Problem;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// An answer that is being put together.
#[derive(Default)]
pub(crate) struct Answer {
    fields: Map<String, Value>,
    /// All floats, one part after the other.
    pub(crate) floats: Vec<f32>,
}

impl Answer {
    /// Adds a field.
    pub(crate) fn put(&mut self, key: &str, value: impl Serialize) -> Result<(), Problem> {
        let value = serde_json::to_value(value)
            .map_err(|error| Problem::failed(format!("cannot write {key} as JSON: {error}")))?;
        self.fields.insert(key.into(), value);
        Ok(())
    }

    /// Adds floats: the field has the place of the first and their number.
    pub(crate) fn put_floats(&mut self, key: &str, values: impl IntoIterator<Item = f32>) {
        let first = self.floats.len();
        self.floats.extend(values);
        let count = self.floats.len() - first;
        self.fields.insert(key.into(), json!([first, count]));
    }

    /// The JSON.
    pub(crate) fn into_json(self) -> (String, Vec<f32>) {
        (Value::Object(self.fields).to_string(), self.floats)
    }
}

/// A problem as JSON.
pub(crate) fn problem(problem: &Problem) -> Value {
    json!({ "message": problem.message, "hint": problem.hint })
}
