//! The columns that a game's conditions name: those of a table that are levels alone, or the class of
//! records that have one.

use std::ops::Range;

use gan_data::{Computed, Dataset, RecordShape, Records, Values};
use gan_kernels::Head;

use crate::problem::Problem;
use crate::text::{excerpt, nearest_word};

/// The name of the class of records as a condition.
pub(crate) const LABEL: &str = "label";

/// The conditions of a game on a data set.
#[derive(Debug)]
pub(crate) struct GivenColumns {
    /// The places of each one's levels in a record, in ascending order.
    pub(crate) places: Vec<Range<usize>>,
    /// Number of classes, if the class is one of them: its levels stand behind a record's values.
    pub(crate) labels: Option<usize>,
}

impl GivenColumns {
    /// Those that `names` names.
    ///
    /// # Errors
    /// If a name is that of no column of levels.
    pub(crate) fn of(names: &[String], dataset: &Dataset) -> Result<Self, Problem> {
        let known = Known::of(dataset);
        let mut given = Self {
            places: Vec::with_capacity(names.len()),
            labels: None,
        };
        for name in names {
            let (_, places) = known.find(name)?;
            given.places.push(places.clone());
            if name == LABEL {
                given.labels = known.classes;
            }
        }
        given.places.sort_by_key(|places| places.start);
        Ok(given)
    }
}

/// What may be a condition.
struct Known {
    /// Name and places of each column of levels.
    levels: Vec<(String, Range<usize>)>,
    /// The columns that have numbers beside levels, or alone.
    numbers: Vec<String>,
    /// Number of classes, where records have one.
    classes: Option<usize>,
}

impl Known {
    fn of(dataset: &Dataset) -> Self {
        let mut known = Self {
            levels: Vec::new(),
            numbers: dataset.shape.columns().map_or_else(Vec::new, |names| {
                names.iter().map(ToString::to_string).collect()
            }),
            classes: None,
        };
        if let (RecordShape::Table(table), Some(encoding)) =
            (&dataset.shape, dataset.transform.encoding())
        {
            known.numbers.clear();
            let heads = encoding.heads();
            for ((name, _), span) in table.learnt().zip(Head::spans(&heads)) {
                match span.scalar {
                    Some(_) => known.numbers.push(name.to_owned()),
                    None => known.levels.push((name.to_owned(), span.levels)),
                }
            }
        } else if let (Some(_), Some(classes)) = (&dataset.labels, dataset.classes)
            && classes >= 2
        {
            let cols = dataset.records.cols();
            known.classes = Some(classes);
            known.levels.push((LABEL.to_owned(), cols..cols + classes));
        }
        known
    }

    fn find(&self, name: &str) -> Result<&(String, Range<usize>), Problem> {
        if let Some(found) = self.levels.iter().find(|(known, _)| known == name) {
            return Ok(found);
        }
        let at = format!("game.condition: {}", excerpt(name));
        let names = || self.levels.iter().map(|(known, _)| known.as_str());
        let is_number = self.numbers.iter().any(|known| known == name);
        let found = match is_number {
            true => "a column of numbers",
            false => "no such column",
        };
        if self.levels.is_empty() {
            let text = format!("{at}: found {found}, and no column of levels in the data");
            return Err(Problem::usage(text).hint(
                "columns of a table may be conditions by the preset mixed-table, and the label of \
                 images of a data set that has one; others go without game.condition",
            ));
        }
        let expected: Vec<_> = names().map(excerpt).collect();
        let text = format!(
            "{at}: found {found}, expected one of levels: {}",
            expected.join(", ")
        );
        Err(
            Problem::usage(text).hint(match nearest_word(name, names()) {
                _ if is_number => {
                    format!("--set 'columns.{name:?}=category' makes each of its values a level")
                }
                Some(near) => format!("did you mean {near}?"),
                None => "name a column as the header of the data does".to_owned(),
            }),
        )
    }
}

/// `records`, each followed by the levels of its class: 1 at its label, and 0 at the others.
pub(crate) fn with_labels(records: Records, labels: &[u8], classes: usize) -> Records {
    let (rows, cols) = (records.rows(), records.cols());
    let labels = labels[..rows].to_vec();
    let labelled = Computed::new(rows, move |row, out: &mut [f32]| {
        let (own, levels) = out.split_at_mut(cols);
        records.copy_row(row, own);
        levels.fill(0.0);
        levels[usize::from(labels[row])] = 1.0;
    });
    Records::new(cols + classes, Values::Computed(labelled))
}
