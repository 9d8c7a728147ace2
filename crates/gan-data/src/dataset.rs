//! The way in: a configuration is given, and a [`Dataset`] comes back.

use std::path::Path;

use gan_kernels::{Mean, Records};

use crate::columns::Encoding;
use crate::config::{DataConfig, Normalize, Split};
use crate::draw::Source;
use crate::error::{DataError, DataProblem};
use crate::input::Input;
use crate::mixture::Mixture;
use crate::normalize::{Transform, limits, normalize};
use crate::record::{Loaded, Raw, RecordShape};
use crate::split::Splits;
use crate::{builtin, source};

/// Records of all splits and what is known of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dataset {
    /// Short name: the built-in source, or the stem of the file or directory.
    pub name: String,
    /// Where the records come from, in full: the canonical path, or the source, count and seed.
    pub source: String,
    /// All records: to train, then to validate, then to test. Those of a lone file are in an order
    /// that the seed draws, unless [`Split::Tail`] is asked for.
    pub records: Records,
    /// Records to train, to validate and to test.
    pub splits: Splits,
    /// How the last two were told apart from the first.
    pub held_out: HeldOut,
    /// Class of each record, where known: the digit, the CIFAR-10 class, the mixture's component.
    pub labels: Option<Vec<u8>>,
    /// Number of classes, where there are labels.
    pub classes: Option<usize>,
    /// The meaning of the values of one record.
    pub shape: RecordShape,
    /// From the players' units back to the user's.
    pub transform: Transform,
    /// The records of a mixed table in the user's units, as the file has them.
    pub user_rows: Option<UserRows>,
    /// The known density of a built-in mixture.
    pub mixture: Option<Mixture>,
    /// Remarks for the user, one sentence each without a period: constant columns.
    pub notes: Vec<String>,
}

/// Records in the user's units, in the order of [`Dataset::records`].
///
/// Each has a number for each column that is learnt, as [`TableShape::learnt`](crate::TableShape::learnt)
/// names them: of a category it is the place of its text among [`Style::levels`](crate::Style::levels),
/// and NaN of a blank.
#[derive(Clone, Debug)]
pub struct UserRows {
    cols: usize,
    values: Vec<f64>,
}

impl UserRows {
    /// Numbers of a record.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of records.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.cols
    }

    /// Record `index`.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.cols..][..self.cols]
    }

    /// All records, row by row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// How records that are not trained on are told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeldOut {
    /// They are drawn at random.
    Drawn,
    /// They are the last ones of the file.
    Tail,
    /// The data set has a test set of its own; the last ones of the others are to validate.
    Own,
}

/// The most records that are put into an order that is drawn.
const MOST_RECORDS: usize = 1 << 31;

/// Loads the data of `config`; `seed` is that of the run: it draws the records of built-in sources,
/// and which records of a lone file are held out.
///
/// # Errors
/// If the path, the file or the sizes asked for are wrong; see [`DataError`].
pub fn load(config: &DataConfig, seed: u64) -> Result<Dataset, DataError> {
    load_by(config, seed, source::read)
}

/// The same where the content of the file that `config` names is in memory, and not on a disk.
///
/// # Errors
/// As [`load`].
pub fn load_held(
    config: &DataConfig,
    seed: u64,
    content: impl FnOnce() -> Vec<u8>,
) -> Result<Dataset, DataError> {
    load_by(config, seed, |path, config| {
        source::read_input(Input::of(path, content()), config)
    })
}

fn load_by(
    config: &DataConfig,
    seed: u64,
    read: impl FnOnce(&Path, &DataConfig) -> Result<Loaded, DataError>,
) -> Result<Dataset, DataError> {
    let config = &config.clone().with_named_array();
    let path = Path::new(&config.source);
    let (name, source, loaded) = if let Some((source, count)) = Source::named(&config.source) {
        let (name, count) = (config.source.clone(), config.count.unwrap_or(count));
        let loaded = builtin::draw(source, &name, count, seed)?;
        let source = format!("built-in {name}, {count} records, seed {seed}");
        (name, source, loaded)
    } else {
        let loaded = read(path, config)?;
        if config.count.is_some() {
            return Err(DataProblem::CountOfFile.at(path));
        }
        let canonical = path.canonicalize().unwrap_or_else(|_| path.into());
        (stem(&canonical), canonical.display().to_string(), loaded)
    };
    let rows = loaded.raw.len() / loaded.cols;
    if rows == 0 {
        return Err(DataProblem::NoRecords.at(path));
    }
    if rows > MOST_RECORDS {
        let (found, expected) = (rows, MOST_RECORDS);
        return Err(DataProblem::TooManyRecords { found, expected }.at(path));
    }
    // Records of a built-in source are drawn already.
    let is_lone_file = loaded.test_rows.is_none() && Source::named(&config.source).is_none();
    let (held_out, loaded) = match config.split.unwrap_or_default() {
        _ if loaded.test_rows.is_some() => (HeldOut::Own, loaded),
        Split::Tail if is_lone_file => (HeldOut::Tail, loaded),
        _ if is_lone_file => (HeldOut::Drawn, loaded.drawn(seed)),
        _ => (HeldOut::Drawn, loaded),
    };
    let splits = Splits::new(rows, loaded.test_rows, config).map_err(|problem| problem.at(path))?;
    let how = match config.normalize {
        Normalize::Auto => loaded.auto,
        given => given,
    };
    let (cols, mut shape) = (loaded.cols, loaded.shape);
    let (user_rows, (records, transform, remarks)) = match (how, &mut shape, loaded.raw) {
        (Normalize::Columns, RecordShape::Table(table), Raw::Doubles(values)) => {
            let (encoding, records) =
                Encoding::fit(&values, &table.levels(), splits.encoded(), seed);
            let transform = Transform::Columns(encoding);
            (
                Some(UserRows { cols, values }),
                (records, transform, Vec::new()),
            )
        }
        (how, shape, raw) => {
            // Pixels have limits of their own, and densities that are drawn from have none.
            let is_limited = shape.image().is_none() && Source::named(&config.source).is_none();
            let known = is_limited.then(|| limits(&raw, cols, splits.train.clone()));
            let (records, mut transform, remarks) = normalize(raw, cols, how, splits.train.clone())
                .map_err(|problem| problem.at(path))?;
            if let Some((known_limits, known_whole)) = known {
                if let Transform::Standardize { limits, .. } = &mut transform {
                    *limits = known_limits;
                }
                if let RecordShape::Vector { whole, .. } = shape
                    && known_whole.contains(&true)
                {
                    *whole = known_whole;
                }
            }
            (None, (records, transform, remarks))
        }
    };
    Ok(Dataset {
        name,
        source,
        records,
        splits,
        held_out,
        labels: loaded.labels,
        classes: loaded.classes,
        shape,
        transform,
        user_rows,
        mixture: loaded.mixture,
        notes: [loaded.notes, remarks].concat(),
    })
}

/// The name of a file or directory without what follows its first dot: `mnist` of `data/mnist`, `rows` of
/// `data/rows.csv`, `train` of `train.idx3.gz`.
#[must_use]
pub fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy();
    if path.is_dir() {
        return name.into_owned();
    }
    let stem = name.split('.').find(|part| !part.is_empty());
    stem.unwrap_or("data").to_owned()
}

impl Dataset {
    /// Mean of each column over the training records, in the players' units.
    ///
    /// The authors start the biases of a sigmoid output layer at the logit of this.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        let mut mean = Mean::new(self.records.cols());
        let train = self.splits.train.clone();
        self.records
            .each_part(train, |part, rows| mean.add(part, rows));
        mean.get()
    }
}
