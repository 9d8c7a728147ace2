//! The table: one row per case and player.

use std::io::{self, Write};

use gan_kernels::cases::Report;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// What is computed, at which shape, in which variant.
    pub(crate) name: [String; 3],
    /// The worst error, relative to the size of the result that it is in.
    pub(crate) error: f64,
    /// The largest error allowed, in the same unit.
    pub(crate) tolerance: f64,
    /// Their ratio, which says where the row is worst; 0 where an exact result is exact.
    pub(crate) share: f64,
    /// Result, row and column of the worst element.
    pub(crate) worst: String,
    /// Elements that were not compared because they stand at a kink; `None` where nobody looks.
    pub(crate) skipped: Option<usize>,
    /// True if everything is within tolerance.
    pub(crate) passed: bool,
}

impl Row {
    /// The row of a case.
    pub(crate) fn of_report(report: &Report) -> Self {
        let mut parts = report.case.splitn(3, '/').map(str::to_owned);
        let name = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let mut row = Self {
            name,
            error: 0.0,
            tolerance: 0.0,
            share: 0.0,
            worst: String::new(),
            skipped: Some(report.skipped()),
            // A case that compares nothing shows nothing.
            passed: report.is_within_tolerance() && report.worst().is_some(),
        };
        if let Some((comparison, worst)) = report.worst() {
            row.error = comparison.relative(worst.error());
            row.tolerance = comparison.relative(worst.limit);
            row.share = worst.share();
            row.worst = format!("{} {},{}", comparison.operand, worst.row, worst.col);
        }
        row
    }
}

/// The table's output, and the totals so far.
pub(crate) struct Table<W> {
    to: W,
    rows: usize,
    missed: usize,
    skipped: usize,
    /// The largest share of a tolerance, and the row's name.
    worst: (f64, String),
}

impl<W: Write> Table<W> {
    /// Writes what is checked, and the titles of the columns.
    pub(crate) fn new(mut to: W, device: &str) -> io::Result<Self> {
        writeln!(to, "{device}\n")?;
        let mut table = Self {
            to,
            rows: 0,
            missed: 0,
            skipped: 0,
            worst: (0.0, String::new()),
        };
        let name = ["operation", "shape", "variant"];
        table.line(name, ["error", "tolerance", "share", "kinks", "worst at"])?;
        Ok(table)
    }

    /// One row.
    pub(crate) fn row(&mut self, row: &Row) -> io::Result<()> {
        self.rows += 1;
        self.missed += usize::from(!row.passed);
        self.skipped += row.skipped.unwrap_or(0);
        if row.share > self.worst.0 {
            self.worst = (row.share, row.name.join("/"));
        }
        let [error, tolerance] = [row.error, row.tolerance].map(|x| match x {
            0.0 => "0".into(),
            x => format!("{x:.1e}"),
        });
        let skipped = row
            .skipped
            .map_or("-".into(), |skipped| skipped.to_string());
        let worst = match (row.passed, row.error == 0.0) {
            (true, true) => "-".into(),
            (true, false) => row.worst.clone(),
            (false, _) => format!("{}  MISS", row.worst),
        };
        let share = format!("{:.2}", row.share);
        self.line(
            row.name.each_ref().map(String::as_str),
            [&error, &tolerance, &share, &skipped, &worst],
        )
    }

    fn line(&mut self, name: [&str; 3], numbers: [&str; 5]) -> io::Result<()> {
        let [operation, shape, variant] = name;
        let [error, tolerance, share, kinks, worst] = numbers;
        writeln!(
            self.to,
            "{operation:<17}  {shape:<13}  {variant:<37}  {error:>7}  {tolerance:>9}  {share:>5}  \
             {kinks:>5}  {worst}"
        )
    }

    /// The last line; whether everything is within its tolerance.
    pub(crate) fn end(mut self) -> io::Result<bool> {
        let verdict = match self.missed {
            0 => format!("all {} rows within tolerance", self.rows),
            missed => format!("{missed} of {} rows off", self.rows),
        };
        let (share, name) = &self.worst;
        let worst = match name.as_str() {
            "" => String::new(),
            name => format!(", at worst {share:.2} of it in {name}"),
        };
        let skipped = self.skipped;
        writeln!(
            self.to,
            "\n{verdict}{worst}; {skipped} elements at kinks skipped"
        )?;
        Ok(self.missed == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_kernels::Native;
    use gan_kernels::cases::{self, Checker, Op};

    /// The report of the first case that `is_wanted`, with tolerances multiplied by `factor`.
    fn report(factor: f64, is_wanted: impl Fn(&Op) -> bool) -> Report {
        let native = Native::<f32>::new(Some(1)).unwrap();
        let checker = Checker::new(&native);
        let mut case = *cases::all().find(|case| is_wanted(&case.op)).unwrap();
        case.tolerance.factor *= factor;
        checker.report(&case).unwrap()
    }

    fn is_forward(op: &Op) -> bool {
        matches!(op, Op::LinearFwd(_))
    }

    fn printed(rows: &[Row]) -> (String, bool) {
        let mut text = Vec::new();
        let mut table = Table::new(&mut text, "a device").unwrap();
        rows.iter().for_each(|row| table.row(row).unwrap());
        let passed = table.end().unwrap();
        (String::from_utf8(text).unwrap(), passed)
    }

    #[test]
    fn row_of_a_case_has_its_name_in_three_and_its_error_as_a_share() {
        let row = Row::of_report(&report(1.0, is_forward));
        assert_eq!(row.name, ["linear_fwd", "7x13x11", "identity"]);
        assert!(row.passed && row.error > 0.0);
        assert!((row.error / row.tolerance - row.share).abs() < 1e-12);
        assert!(row.worst.starts_with("y "), "{}", row.worst);
    }

    #[test]
    fn table_with_a_miss_says_where_and_does_not_pass() {
        let good = Row::of_report(&report(1.0, is_forward));
        let (text, passed) = printed(&[good.clone(), good.clone()]);
        assert!(
            passed && text.contains("all 2 rows within tolerance"),
            "{text}"
        );
        // The same result is off by a tolerance of nothing.
        let bad = Row::of_report(&report(0.0, is_forward));
        let (text, passed) = printed(&[good, bad]);
        assert!(!passed && text.contains("1 of 2 rows off"), "{text}");
        let missed: Vec<_> = text.lines().filter(|line| line.ends_with("MISS")).collect();
        assert_eq!(missed.len(), 1, "{text}");
    }

    #[test]
    fn columns_are_aligned() {
        let row = Row::of_report(&report(1.0, is_forward));
        let (text, _) = printed(&[row]);
        let lines: Vec<_> = text.lines().skip(2).take(2).collect();
        assert_eq!(lines[0].find("worst at"), lines[1].rfind("y "), "{text}");
    }
}
