//! Tables of columns of every kind, each learnt as what it is.

use std::collections::{BTreeMap, HashMap};

use super::cell;
use super::column::{Kind, Scan, Values};
use super::{
    Column, FEWEST_COUNTED, File, PANDAS_INDEX, Role, Style, Table, TableKeys, TableShape,
};
use crate::config::ColumnKind;
use crate::error::{DataProblem, OTHER_TYPE, excerpt, first_few, first_of, listed};

/// Texts of a column that are learnt at most: each is a value that the players see.
const MOST_LEVELS: usize = 20_000;
/// A column of fewer texts is one of categories, even if most of its records differ.
const FEW_LEVELS: usize = 20;
/// Why a column is left out that the user leaves out.
const AS_ASKED: &str = "as asked";
/// Columns that are left out are named up to this many, since nothing else names them.
const LEFT_OUT_LISTED: usize = 40;
/// Records that all differ, before that is taken for more than chance.
const FEWEST_UNIQUE: u64 = 3;

/// What becomes of a column while its cells are read.
enum Plan {
    /// Numbers, truths or times; with `only`, other cells count as blank.
    Values {
        reader: Values,
        only: bool,
    },
    /// Texts.
    Words(Words),
    Constant(String),
    Counted(u64),
    LeftOut,
}

/// The texts of a column.
#[derive(Default)]
struct Words {
    codes: HashMap<String, usize>,
    /// Cells that are not blank.
    cells: u64,
    /// True if the user asks for categories.
    asked: bool,
    /// True once there are more texts than are learnt.
    is_full: bool,
}

/// What the texts of a column turned out to be.
enum Found {
    Category,
    /// Nothing but blanks, or but this text.
    Constant(Option<String>),
    LeftOut(&'static str),
}

impl Words {
    /// The number of the text, in the order of their first occurrence.
    fn code(&mut self, cell: &str) -> f64 {
        self.cells += 1;
        if let Some(code) = self.codes.get(cell) {
            return *code as f64;
        }
        let code = self.codes.len();
        if code == MOST_LEVELS {
            self.is_full = true;
            return 0.0;
        }
        self.codes.insert(cell.to_owned(), code);
        code as f64
    }

    fn found(&self, has_blanks: bool) -> Found {
        let levels = self.codes.len();
        let is_unique = levels as u64 == self.cells && self.cells >= FEWEST_UNIQUE;
        let is_free = levels > FEW_LEVELS && 2 * levels as u64 > self.cells;
        match self.codes.keys().next() {
            None => Found::Constant(None),
            Some(text) if levels == 1 && !has_blanks => Found::Constant(Some(text.clone())),
            _ if self.is_full => Found::LeftOut("more different texts than can be learnt"),
            _ if self.asked => Found::Category,
            _ if is_unique => Found::LeftOut("a different text in each record"),
            _ if is_free => Found::LeftOut("free text"),
            _ => Found::Category,
        }
    }

    /// The texts in their order, and for the code of each its place among them.
    fn sorted(&self) -> (Vec<String>, Vec<f64>) {
        let mut texts: Vec<(&String, &usize)> = self.codes.iter().collect();
        texts.sort();
        let mut places = vec![0.0; texts.len()];
        for (place, (_, code)) in texts.iter().enumerate() {
            places[**code] = place as f64;
        }
        let texts = texts.into_iter().map(|(text, _)| text.clone());
        (texts.collect(), places)
    }
}

impl File<'_> {
    /// Tells what the columns are, unless `kinds` does, and takes their values: a text is the place
    /// of its level, and a blank is NaN.
    pub(super) fn mixed(
        &self,
        keys: TableKeys<'_>,
        kinds: &BTreeMap<String, ColumnKind>,
        delimiter: char,
        mut notes: Vec<String>,
    ) -> Result<Table, DataProblem> {
        let names: Vec<String> = kinds.keys().cloned().collect();
        let places = self.find("columns", &names)?;
        let mut asked = vec![None; self.cols];
        for (place, kind) in places.into_iter().zip(kinds.values()) {
            asked[place] = Some(*kind);
        }
        let scans = self.scan(|index| Scan::new(asked[index] == Some(ColumnKind::Number)))?;
        if scans.iter().all(|scan| scan.kind() == Kind::Empty) {
            return Err(DataProblem::NoRecords);
        }
        let mut left_out = Vec::new();
        let mut plans = self.mixed_plan(&scans, keys, &asked, &mut left_out)?;
        let (mut values, blanks) = self.mixed_values(&mut plans)?;

        // Texts that are no categories go, and codes become places.
        let stride = plans.iter().filter(|plan| plan.is_read()).count();
        let (mut kept, mut columns) = (Vec::with_capacity(stride), Vec::new());
        let mut at = 0;
        for (index, plan) in plans.into_iter().enumerate() {
            let is_read = plan.is_read();
            let blank = blanks[index].then(|| {
                let of_texts = matches!(plan, Plan::Words(_));
                let word = scans[index].missing_word(of_texts);
                word.unwrap_or_default().to_owned()
            });
            let role = match plan {
                Plan::LeftOut => None,
                Plan::Constant(text) => Some(Role::Constant(text)),
                Plan::Counted(first) => Some(Role::Counted(first)),
                Plan::Values { reader, .. } => Some(Role::Values(reader.style())),
                Plan::Words(words) => match words.found(blanks[index]) {
                    Found::Constant(Some(text)) => Some(Role::Constant(text)),
                    Found::Constant(None) => {
                        Some(Role::Constant(blank.clone().unwrap_or_default()))
                    }
                    Found::LeftOut(why) if words.asked => {
                        return Err(DataProblem::NotOfKind {
                            column: self.name(index),
                            found: why.into(),
                            expected: ColumnKind::Category,
                        });
                    }
                    Found::LeftOut(why) => {
                        left_out.push((index, why.to_owned()));
                        None
                    }
                    Found::Category => {
                        let (texts, places) = words.sorted();
                        for value in values.iter_mut().skip(at).step_by(stride) {
                            if !value.is_nan() {
                                *value = places[*value as usize];
                            }
                        }
                        Some(Role::Values(Style::Category(texts)))
                    }
                },
            };
            if is_read {
                kept.push(matches!(role, Some(Role::Values(_))));
                at += 1;
            }
            columns.extend(role.map(|role| Column {
                // An index may have no name.
                name: match role {
                    Role::Counted(_) if self.names.is_some() && !self.has_name(index) => {
                        String::new()
                    }
                    _ => self.name(index),
                },
                blank: blank.filter(|_| matches!(role, Role::Values(_))),
                role,
                typed: self.typed(index),
            }));
        }
        let cols = kept.iter().filter(|kept| **kept).count();
        left_out.sort();
        if cols == 0 {
            return Err(DataProblem::NothingToLearn {
                columns: self.with_reasons(&left_out),
            });
        }
        if cols < stride {
            let mut index = 0;
            values.retain(|_| {
                index += 1;
                kept[(index - 1) % stride]
            });
            values.shrink_to_fit();
        }
        let shape = TableShape {
            header: self.names.is_some(),
            delimiter,
            columns,
        };
        left_out.retain(|(_, why)| why != AS_ASKED);
        self.note_mixed(&shape, &left_out, &mut notes);
        Ok(Table {
            values,
            cols,
            shape,
            notes,
        })
    }

    fn mixed_plan(
        &self,
        scans: &[Scan],
        keys: TableKeys<'_>,
        asked: &[Option<ColumnKind>],
        left_out: &mut Vec<(usize, String)>,
    ) -> Result<Vec<Plan>, DataProblem> {
        let (chosen, dropped) = self.chosen(keys)?;
        let mut plans = Vec::with_capacity(scans.len());
        for (index, scan) in scans.iter().enumerate() {
            let is_chosen = chosen.as_ref().map(|chosen| chosen.contains(&index));
            let asked = asked[index];
            let words = |asked| {
                Plan::Words(Words {
                    asked,
                    ..Words::default()
                })
            };
            let only = asked == Some(ColumnKind::Number);
            let values = |style| Plan::Values {
                reader: Values::new(style),
                only,
            };
            let is_left_out = dropped.contains(&index)
                || is_chosen == Some(false)
                || asked == Some(ColumnKind::LeaveOut);
            plans.push(match scan.kind() {
                _ if is_left_out => {
                    left_out.push((index, AS_ASKED.into()));
                    Plan::LeftOut
                }
                _ if is_chosen.is_none() && asked.is_none() && self.name(index) == PANDAS_INDEX => {
                    left_out.push((index, "an index of pandas".into()));
                    Plan::LeftOut
                }
                _ if let Some(other) = self.other_type(index) => {
                    if let Some(expected) = asked {
                        return Err(DataProblem::NotOfKind {
                            column: self.name(index),
                            found: format!("values {OTHER_TYPE}{other}"),
                            expected,
                        });
                    }
                    left_out.push((index, format!("{OTHER_TYPE}{other}")));
                    Plan::LeftOut
                }
                _ if asked == Some(ColumnKind::Category) => words(true),
                Kind::Text(found) if only => {
                    return Err(DataProblem::NotOfKind {
                        column: self.name(index),
                        found: listed(&found).unwrap_or_default(),
                        expected: ColumnKind::Number,
                    });
                }
                Kind::Empty if only => {
                    return Err(DataProblem::NotOfKind {
                        column: self.name(index),
                        found: scan.missing_texts(),
                        expected: ColumnKind::Number,
                    });
                }
                // A code with leading zeros, or with more digits than a number holds, is a text.
                Kind::Values(_) | Kind::Index(_) if scan.has_codes() && !only => words(false),
                Kind::Index(style)
                    if only
                        || scans.len() == 1
                        || (self.has_name(index) && scan.cells() < FEWEST_COUNTED) =>
                {
                    values(style)
                }
                Kind::Index(_) => Plan::Counted(scan.first_number()),
                Kind::Constant(text, _) if !scan.has_missing() => Plan::Constant(text),
                Kind::Values(style) | Kind::Constant(_, Some(style)) => values(style),
                Kind::Constant(_, None) | Kind::Text(_) => words(false),
                // All of them may be `none`.
                Kind::Empty if scan.has_soft_missing() => words(false),
                Kind::Empty if self.has_name(index) => {
                    Plan::Constant(scan.missing_word(false).unwrap_or_default().to_owned())
                }
                // A delimiter at the end of every line makes no column.
                Kind::Empty => Plan::LeftOut,
                Kind::Strays(strays) => {
                    let column = self.name(index);
                    return Err(DataProblem::Strays { column, strays });
                }
            });
        }
        Ok(plans)
    }

    /// The values of the columns that are read, record by record, and which columns have blanks.
    fn mixed_values(&self, plans: &mut [Plan]) -> Result<(Vec<f64>, Vec<bool>), DataProblem> {
        let mut blanks = vec![false; plans.len()];
        let mut values = Vec::new();
        for record in self.records() {
            let (line, cells) = record?;
            for (index, (plan, cell)) in plans.iter_mut().zip(&cells).enumerate() {
                let value = match plan {
                    Plan::Values { .. } if cell::is_missing(cell) => f64::NAN,
                    Plan::Values { reader, only } => match reader.read(cell) {
                        None if *only => f64::NAN,
                        Some(value) if value.is_finite() => value,
                        _ => {
                            let expected = "a finite 64-bit number";
                            return Err(self.too_large(line, index, cell, expected));
                        }
                    },
                    Plan::Words(_) if cell::is_missing_text(cell) => f64::NAN,
                    Plan::Words(words) => words.code(cell::unguarded(cell)),
                    _ => continue,
                };
                blanks[index] |= value.is_nan();
                values.push(value);
            }
        }
        Ok((values, blanks))
    }

    /// Says what the columns are taken for.
    fn note_mixed(
        &self,
        shape: &TableShape,
        left_out: &[(usize, String)],
        notes: &mut Vec<String>,
    ) {
        type Is = fn(&Role) -> bool;
        let kinds: [(&str, Is); 4] = [
            ("numbers", |role| {
                matches!(role, Role::Values(Style::Number(_)))
            }),
            ("dates and times", |role| {
                matches!(role, Role::Values(Style::Time(_)))
            }),
            ("categories", |role| {
                matches!(role, Role::Values(Style::Category(_) | Style::Truth(_)))
            }),
            ("numbered anew when written", |role| {
                matches!(role, Role::Counted(_))
            }),
        ];
        for (words, is) in kinds {
            let of_kind = shape.columns.iter().filter(|column| is(&column.role));
            let name = |column: &Column| match column.name.as_str() {
                "" => "the one without a name".to_owned(),
                name => name.to_owned(),
            };
            let names: Vec<_> = of_kind.map(name).collect();
            notes.extend(listed(&names).map(|names| format!("{words}: {names}")));
        }
        let constant = shape
            .columns
            .iter()
            .filter_map(|column| match &column.role {
                Role::Constant(text) => {
                    Some(format!("{} ({})", excerpt(&column.name), excerpt(text)))
                }
                _ => None,
            });
        let constant: Vec<_> = constant.collect();
        notes.extend(
            first_few(&constant, constant.len())
                .map(|names| format!("constant, written as they are and not learnt: {names}")),
        );
        // Columns of other types are never read.
        for (is_other, remedy) in [
            (false, "; [columns] can say that a column is a category"),
            (true, ""),
        ] {
            let some = left_out.iter().cloned();
            let some = some.filter(|(index, _)| self.other_type(*index).is_some() == is_other);
            let left = self.with_reasons(&some.collect::<Vec<_>>());
            let left = first_of(&left, left.len(), LEFT_OUT_LISTED);
            notes.extend(left.map(|names| format!("left out: {names}{remedy}")));
        }
    }

    /// The columns and why they are left out.
    fn with_reasons(&self, left_out: &[(usize, String)]) -> Vec<String> {
        let columns = left_out
            .iter()
            .map(|(index, why)| format!("{} ({why})", excerpt(&self.name(*index))));
        columns.collect()
    }
}

impl Plan {
    /// True if each record has a value of the column, at least until all are read.
    fn is_read(&self) -> bool {
        matches!(self, Self::Values { .. } | Self::Words(_))
    }
}
