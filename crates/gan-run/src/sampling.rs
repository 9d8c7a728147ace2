//! Samples of a model, drawn as they are needed, and written.

use std::mem;
use std::ops::Range;
use std::path::Path;

use gan_data::{Contents, FileKind, Transform};

use crate::condition::Where;
use crate::device::Device;
use crate::model::{Generator, Model};
use crate::problem::Problem;

/// Samples that are drawn together to find those that satisfy conditions.
const TOGETHER: usize = 4096;

/// Samples of a model, one after the other.
pub struct Samples<'a> {
    generator: Generator,
    model: &'a Model,
    seed: u64,
    number: usize,
    /// What they have to satisfy.
    conditions: Where,
    /// Samples that were drawn to find them.
    drawn: usize,
    /// Those among them that do and were not given yet, and how many were found in all.
    chosen: Vec<f32>,
    found: usize,
}

impl<'a> Samples<'a> {
    /// `number` samples of `seed` that satisfy all `conditions`, each such as `age>60`; those of a
    /// mixed table are calibrated unless the model is taken `as_trained`.
    ///
    /// # Errors
    /// If a condition does not apply to the model's records, or the device fails.
    pub fn new(
        model: &'a Model,
        device: &Device,
        seed: u64,
        number: usize,
        conditions: &[String],
        as_trained: bool,
    ) -> Result<Self, Problem> {
        let given = model.conditions.as_ref();
        let conditions = Where::of(conditions, &model.record, given)?;
        let mut generator = match as_trained {
            true => model.generator_as_trained(device)?,
            false => model.generator(device)?,
        };
        if conditions.choose() {
            generator.restrict(|levels| conditions.hold_for(levels));
        }
        Ok(Self {
            generator,
            model,
            seed,
            number,
            conditions,
            drawn: 0,
            chosen: Vec::new(),
            found: 0,
        })
    }

    /// The samples `part` of those that satisfy the conditions, row-major, in the players' units: the
    /// parts must follow each other. `progress` is told the share of all that is found.
    ///
    /// # Errors
    /// If the device fails, or what satisfies the conditions is too rare.
    pub fn take(
        &mut self,
        part: Range<usize>,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Vec<f32>, Problem> {
        if self.conditions.is_empty() {
            return self.generator.sample(self.seed, part.start, part.len());
        }
        let (record, cols) = (&self.model.record, self.model.cols);
        let most = Where::most_draws(self.number);
        while self.found < part.end {
            if self.drawn >= most {
                return Err(self
                    .conditions
                    .too_rare(self.found, self.number, self.drawn));
            }
            let samples = self.generator.sample(self.seed, self.drawn, TOGETHER)?;
            let user_cols = record.transform.user_cols(cols);
            let users = record.written(&samples, cols);
            let rows = samples
                .chunks_exact(cols)
                .zip(users.chunks_exact(user_cols));
            for (row, user) in rows {
                if self.conditions.hold(user) {
                    self.chosen.extend_from_slice(row);
                    self.found += 1;
                }
            }
            self.drawn += TOGETHER;
            progress((self.found as f64 / self.number as f64).min(1.0));
        }
        let rest = self.chosen.split_off(part.len() * cols);
        Ok(mem::replace(&mut self.chosen, rest))
    }

    /// Writes the values of all into the file `out` of this kind, some at a time.
    ///
    /// # Errors
    /// As [`Self::take`]; or if the file cannot hold them, or be written.
    pub fn write(
        &mut self,
        out: &Path,
        kind: FileKind,
        progress: &mut dyn FnMut(f64),
    ) -> Result<(), Problem> {
        let (record, cols) = (&self.model.record, self.model.cols);
        if matches!(record.transform, Transform::Columns(_)) && !kind.is_table() {
            let text = format!(
                "{}: found a table of columns of all kinds, whose texts and blanks no array holds",
                out.display()
            );
            return Err(Problem::usage(text).hint("write a table: --out samples.csv or .parquet"));
        }
        let labels = self.generator.labels(self.seed, 0, self.number);
        let contents = Contents {
            shape: &record.shape,
            rows: self.number,
            cols: record.transform.user_cols(cols),
            double: record.is_double(),
            labels: labels.as_deref(),
        };
        gan_data::write_records(out, kind, contents, |part| {
            let samples = self.take(part, progress)?;
            Ok::<_, Problem>(record.written(&samples, cols))
        })
    }
}
