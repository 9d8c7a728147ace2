//! Digits that are no numbers: codes, telephone numbers, and days that are written as eight digits.

use super::cell;
use super::time;

/// What tells codes from numbers.
pub(super) struct Codes {
    /// True if a cell is digits that number things.
    any: bool,
    /// True as long as all cells may be telephone numbers.
    telephones: bool,
    /// True as long as all cells are digits, or digits around an `E`.
    around_e: bool,
    /// The number of characters of all cells, as long as it is one.
    width: Option<usize>,
    /// Whether cells have an `E`, and whether any has none.
    exponents: [bool; 2],
    /// True if several digits stand before an `E`.
    long: bool,
    /// True as long as each `E` is a capital.
    capital: bool,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            any: false,
            telephones: true,
            around_e: true,
            width: None,
            exponents: [false; 2],
            long: false,
            capital: true,
        }
    }
}

impl Codes {
    pub(super) fn take(&mut self, cell: &str, is_first: bool) {
        self.any |= cell::is_code(cell);
        self.telephones &= cell::is_telephone(cell);
        if !self.around_e {
            return;
        }
        let Some((before, behind)) = cell::around_e(cell) else {
            self.around_e = false;
            return;
        };
        let known = if is_first {
            Some(cell.len())
        } else {
            self.width
        };
        self.width = known.filter(|width| *width == cell.len());
        self.exponents[usize::from(behind.is_empty())] = true;
        if !behind.is_empty() {
            self.long |= before.len() > 1;
            self.capital &= cell.contains('E');
        }
    }

    /// True if cells that could be numbers are none.
    pub(super) fn are_found(&self) -> bool {
        // `12E3` is a number of no program, and among `1203` and `1207` one of nobody.
        let is_written = match self.exponents {
            [true, true] if self.width.is_some() => true,
            [true, _] => self.long && self.capital,
            _ => false,
        };
        self.any || self.telephones || (self.around_e && is_written)
    }
}

/// What tells days that are written as eight digits from numbers.
pub(super) struct Days {
    /// True as long as all cells are such days.
    all: bool,
    /// The first few different ones.
    different: Vec<String>,
    /// So many tell that it is no chance.
    enough: usize,
}

/// Enough different days in a column whose name is no name of a day.
const ENOUGH_DAYS: usize = 10;

impl Default for Days {
    fn default() -> Self {
        Self {
            all: true,
            different: Vec::new(),
            enough: ENOUGH_DAYS,
        }
    }
}

impl Days {
    /// Of a column whose name is `name`: two different days suffice if it is one for days.
    pub(super) fn heed_name(&mut self, name: &str) {
        const WORDS: [&str; 7] = ["date", "day", "datum", "fecha", "birth", "dob", "ymd"];
        let name = name.to_lowercase();
        if WORDS.iter().any(|word| name.contains(word)) {
            self.enough = 2;
        }
    }

    pub(super) fn take(&mut self, cell: &str) {
        self.all = self.all && time::is_day_of_digits(cell);
        let is_wanted = self.all && self.different.len() < self.enough;
        if is_wanted && !self.different.iter().any(|known| known == cell) {
            self.different.push(cell.to_owned());
        }
    }

    pub(super) fn are_found(&self) -> bool {
        self.all && self.different.len() >= self.enough
    }
}
