//! How closely the results of one run follow the reference: the only comparison there is.
//!
//! [`check`](super::check) asks whether a report has a miss, `cargo xtask gradcheck` prints it.

use super::checker::Expected;
use crate::BackendError;

/// Everything that a case's operation wrote, beside what the reference gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Name of the case.
    pub case: String,
    /// One entry per result.
    pub comparisons: Vec<Comparison>,
}

impl Report {
    /// The element that uses most of its tolerance, with the result it is in; `None` where nothing
    /// was compared.
    #[must_use]
    pub fn worst(&self) -> Option<(&Comparison, &Element)> {
        let all = self.comparisons.iter();
        let all = all.filter_map(|one| Some((one, one.worst.as_ref()?)));
        // The first of equals: a result that is exact throughout does not hide behind a later one.
        all.reduce(|a, b| if b.1.share() > a.1.share() { b } else { a })
    }

    /// Elements that were not compared because they stand at a kink.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.comparisons.iter().map(|one| one.skipped).sum()
    }

    /// True if every element that was compared is within its tolerance.
    #[must_use]
    pub fn is_within_tolerance(&self) -> bool {
        self.comparisons.iter().all(|one| one.wrong == 0)
    }

    /// The same as a result.
    ///
    /// # Errors
    /// If an element is off.
    pub fn verdict(&self) -> Result<(), Mismatch> {
        match self.worst() {
            Some((comparison, worst)) if comparison.wrong > 0 => Err(Mismatch::Elements {
                case: self.case.clone(),
                operand: comparison.operand,
                wrong: comparison.wrong,
                row: worst.row,
                col: worst.col,
                found: worst.found,
                expected: worst.expected,
                limit: worst.limit,
            }),
            _ => Ok(()),
        }
    }
}

/// One result of an operation beside the reference's.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Name of the result.
    pub operand: &'static str,
    /// Elements that were compared.
    pub compared: usize,
    /// Elements that were not, because they stand at a kink.
    pub skipped: usize,
    /// Elements that are off by more than their tolerance.
    pub wrong: usize,
    /// The element that uses most of its tolerance, the first of equals.
    pub worst: Option<Element>,
    /// The largest value that the reference has.
    size: f64,
}

/// One element of a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element {
    /// Its row, counted from the first of the matrix.
    pub row: usize,
    /// Its column.
    pub col: usize,
    /// The value found.
    pub found: f64,
    /// The value expected.
    pub expected: f64,
    /// By how much it may be off.
    pub limit: f64,
}

impl Element {
    /// By how much it is off.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.found - self.expected).abs()
    }

    /// The same as a share of what is allowed: a miss above 1, infinite for a NaN.
    #[must_use]
    pub fn share(&self) -> f64 {
        let error = self.error();
        if error == 0.0 {
            return 0.0;
        }
        let share = error / self.limit;
        if share.is_nan() { f64::INFINITY } else { share }
    }
}

impl Comparison {
    pub(crate) fn new(operand: &'static str) -> Self {
        Self {
            operand,
            compared: 0,
            skipped: 0,
            wrong: 0,
            size: 0.0,
            worst: None,
        }
    }

    /// Adds an element to which the operation gave a value.
    pub(crate) fn add(&mut self, element: Element) {
        self.size = self.size.max(element.expected.abs());
        self.add_outside(element);
    }

    /// Adds an element that the operation had to leave alone: it says nothing of the result's size.
    pub(crate) fn add_outside(&mut self, element: Element) {
        self.compared += 1;
        self.wrong += usize::from(element.share() > 1.0);
        if self.worst.is_none_or(|w| element.share() > w.share()) {
            self.worst = Some(element);
        }
    }

    /// Counts an element of which rounding decides on which side of a kink it is.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// An error or a tolerance of this result relative to the largest value the reference has in it;
    /// as it is where that is 0.
    #[must_use]
    pub fn relative(&self, difference: f64) -> f64 {
        if self.size > 0.0 {
            difference / self.size
        } else {
            difference
        }
    }
}

impl Expected {
    /// The element with the value `found` where this is expected within `unit` times the magnitude.
    pub(crate) fn beside(self, row: usize, col: usize, found: f64, unit: f64) -> Element {
        Element {
            row,
            col,
            found,
            expected: self.value,
            limit: unit * self.magnitude,
        }
    }
}

/// A back end does not do what the oracle does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// Some elements are off.
    #[error(
        "{case}: {wrong} elements of {operand} are off, the worst at {row}, {col}: \
         found {found:e}, expected {expected:e} within {limit:e}"
    )]
    Elements {
        /// Name of the case.
        case: String,
        /// Name of the result; of several, the one with the worst element.
        operand: &'static str,
        /// Number of its elements that are off.
        wrong: usize,
        /// Row of the worst of them.
        row: usize,
        /// Its column.
        col: usize,
        /// The value found.
        found: f64,
        /// The value expected.
        expected: f64,
        /// By how much it may be off.
        limit: f64,
    },
    /// The device failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(value: f64, magnitude: f64) -> Expected {
        Expected { value, magnitude }
    }

    /// A result of one row in units of 0.1.
    fn compared(operand: &'static str, row: &[(f64, Expected)]) -> Comparison {
        let mut comparison = Comparison::new(operand);
        for (col, &(found, expected)) in row.iter().enumerate() {
            comparison.add(expected.beside(0, col, found, 0.1));
        }
        comparison
    }

    fn report(comparisons: Vec<Comparison>) -> Report {
        let case = "handmade".into();
        Report { case, comparisons }
    }

    #[test]
    fn worst_is_the_largest_share_of_the_tolerance_not_the_largest_error() {
        let y = compared(
            "y",
            &[
                (4.125, expected(4.0, 5.0)),
                (-1.0625, expected(-1.0, 1.25)),
                (2.0, expected(2.0, 0.0)),
            ],
        );
        assert_eq!((y.compared, y.wrong, y.skipped), (3, 0, 0));
        let worst = y.worst.unwrap();
        assert_eq!((worst.row, worst.col), (0, 1));
        assert!((worst.share() - 0.5).abs() < 1e-12);
        // Relative to 4, the largest value expected.
        assert_eq!(y.relative(worst.error()), 0.0625 / 4.0);
        assert_eq!(y.relative(worst.limit), 0.125 / 4.0);

        let exact = compared("z", &[(1.0, expected(1.0, 0.0))]);
        let report = report(vec![exact, y]);
        assert_eq!(report.worst().unwrap().0.operand, "y");
        assert!(report.is_within_tolerance() && report.verdict().is_ok());
    }

    #[test]
    fn wrong_nan_and_inexact_elements_are_misses() {
        for (found, expected) in [
            (1.25, expected(1.0, 1.0)),
            (f64::NAN, expected(1.0, 1e9)),
            (f64::INFINITY, expected(1.0, 1e9)),
            (1.0, expected(f64::NAN, 1.0)),
            (1.0 + f64::EPSILON, expected(1.0, 0.0)),
        ] {
            let good = (2.0, super::tests::expected(2.0, 0.0));
            let report = report(vec![compared("y", &[good, (found, expected)])]);
            assert!(!report.is_within_tolerance(), "{found}");
            let Err(Mismatch::Elements { wrong, col, .. }) = report.verdict() else {
                panic!("{found} passes for {expected:?}")
            };
            assert_eq!((wrong, col), (1, 1));
        }
    }

    #[test]
    fn elements_outside_count_but_do_not_size_the_result() {
        let mut y = compared("y", &[(0.5, expected(0.5, 1.0))]);
        y.add_outside(Expected::exactly(8.0).beside(1, 0, 8.0, 0.1));
        assert_eq!((y.compared, y.wrong), (2, 0));
        assert_eq!(y.relative(1.0), 2.0);
        y.add_outside(Expected::exactly(8.0).beside(2, 0, 7.0, 0.1));
        assert_eq!((y.wrong, y.worst.unwrap().row), (1, 2));
    }

    #[test]
    fn a_result_of_zeros_is_compared_absolutely() {
        let norm = compared("gradient norm", &[(0.0, expected(0.0, 0.0))]);
        assert_eq!(norm.relative(0.25), 0.25);
        assert_eq!(norm.worst.unwrap().share(), 0.0);
    }
}
