//! Gradient boosting of trees over histograms: what is used to learn from tables.
//!
//! A column becomes bins (`bins.rs`), so that a tree finds its splits in histograms instead of
//! sorted values; blanks have a bin of their own, and a split of a category is a set of levels.
//! A tree grows leaf by leaf, the one of the largest gain first.
//! The same rows give the same model on any machine: nothing is drawn, and sums have one order.
//!
//! # Source
//! Friedman, *Greedy function approximation*, 2001; Ke et al., *LightGBM*, 2017, for histograms and
//! for growth by leaves; Fisher, *On grouping for maximum homogeneity*, 1958, for sets of levels.

use super::bins::{BLANK, Binned, Binning, Bins};

/// The share of a tree's answer that is added.
const LEARNING_RATE: f64 = 0.1;
/// Leaves of a tree at most.
const LEAVES: usize = 31;
/// Rows of a leaf at least.
const LEAF_ROWS: usize = 20;
/// Added to a sum of second derivatives, which keeps leaves of few rows modest.
const L2: f64 = 1.0;
/// Rows of a level at least that may decide a split, and what is added to its count when levels are
/// put in order: a level of few rows has an accidental mean.
const LEVEL_ROWS: f64 = 10.0;
/// A split should lower the loss by more than rounding.
const LEAST_GAIN: f64 = 1e-9;
/// Sum of second derivatives of a leaf at least.
const LEAF_CURVATURE: f64 = 1e-3;

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Cross-entropy of targets 0 and 1; the model's answer is the logit of 1.
    Logistic,
    /// Half of the squared error.
    Squares,
}

/// Sums over the rows of a bin or of a node.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Of first derivatives of the loss.
    slope: f64,
    /// Of second derivatives of the loss.
    curvature: f64,
    rows: usize,
}

impl Sums {
    fn add(&mut self, [slope, curvature]: [f64; 2]) {
        self.slope += slope;
        self.curvature += curvature;
        self.rows += 1;
    }

    fn plus(self, other: Self) -> Self {
        Self {
            slope: self.slope + other.slope,
            curvature: self.curvature + other.curvature,
            rows: self.rows + other.rows,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            slope: self.slope - other.slope,
            curvature: self.curvature - other.curvature,
            rows: self.rows - other.rows,
        }
    }

    /// The answer that minimises the loss's second-order expansion.
    fn answer(self) -> f64 {
        -self.slope / (self.curvature + L2)
    }

    /// Twice the fall of the loss by that answer.
    fn gain(self) -> f64 {
        self.slope * self.slope / (self.curvature + L2)
    }

    fn may_be_a_leaf(self) -> bool {
        self.rows >= LEAF_ROWS && self.curvature >= LEAF_CURVATURE
    }
}

/// The bins of a column that go to the left.
#[derive(Clone, Debug)]
struct Split {
    column: usize,
    left: [u64; 4],
}

impl Split {
    fn sends_left(left: &[u64; 4], bin: u8) -> bool {
        left[usize::from(bin / 64)] >> (bin % 64) & 1 == 1
    }
}

fn with(mut set: [u64; 4], bin: usize) -> [u64; 4] {
    set[bin / 64] |= 1 << (bin % 64);
    set
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(f64),
    /// A split and the nodes on its two sides.
    Inner(Split, [usize; 2]),
}

/// A sum of trees.
#[derive(Clone, Debug)]
pub(super) struct Boosting {
    base: f64,
    trees: Vec<Vec<Node>>,
}

impl Boosting {
    /// Fits `rounds` trees to `targets` of the rows at `rows` of `table`.
    pub(super) fn fit(
        binning: &Binning,
        table: &Binned,
        rows: &[usize],
        targets: &[f64],
        loss: Loss,
        rounds: usize,
    ) -> Self {
        let sum: f64 = rows.iter().map(|&row| targets[row]).sum();
        let mean = sum / rows.len().max(1) as f64;
        let base = match loss {
            Loss::Squares => mean,
            // A class that does not occur has no finite logit.
            Loss::Logistic => {
                let mean = mean.clamp(1e-9, 1.0 - 1e-9);
                (mean / (1.0 - mean)).ln()
            }
        };
        let mut model = Self {
            base,
            trees: Vec::with_capacity(rounds),
        };
        let mut answers = vec![base; targets.len()];
        let mut derivatives = vec![[0.0; 2]; targets.len()];
        for _ in 0..rounds {
            for &row in rows {
                derivatives[row] = match loss {
                    Loss::Squares => [answers[row] - targets[row], 1.0],
                    Loss::Logistic => {
                        let p = 1.0 / (1.0 + (-answers[row]).exp());
                        [p - targets[row], p * (1.0 - p)]
                    }
                };
            }
            let mut grower = Grower::new(binning, table, &derivatives, rows);
            grower
                .grow(|rows, answer| rows.iter().for_each(|&row| answers[row as usize] += answer));
            model.trees.push(grower.nodes);
        }
        model
    }

    /// The model's answer for the rows at `rows`.
    pub(super) fn predict(&self, table: &Binned, rows: &[usize]) -> Vec<f64> {
        let answer = |&row: &usize| {
            let leaves = self.trees.iter().map(|nodes| {
                let mut at = 0;
                loop {
                    match &nodes[at] {
                        Node::Leaf(answer) => return *answer,
                        Node::Inner(split, sides) => {
                            let bin = table.columns[split.column][row];
                            at = sides[usize::from(!Split::sends_left(&split.left, bin))];
                        }
                    }
                }
            });
            self.base + leaves.sum::<f64>()
        };
        rows.iter().map(answer).collect()
    }
}

/// A tree in the making.
struct Grower<'a> {
    binning: &'a Binning,
    table: &'a Binned,
    derivatives: &'a [[f64; 2]],
    /// The place of each column's bins in a histogram; blanks come last.
    places: Vec<usize>,
    nodes: Vec<Node>,
    open: Vec<Open>,
    rows: Vec<u32>,
}

/// A leaf that may still be split.
struct Open {
    node: usize,
    /// Its rows are a range of the grower's.
    range: std::ops::Range<usize>,
    sums: Sums,
    histogram: Vec<Sums>,
    best: Option<(f64, Split, Sums)>,
}

impl<'a> Grower<'a> {
    fn new(
        binning: &'a Binning,
        table: &'a Binned,
        derivatives: &'a [[f64; 2]],
        rows: &[usize],
    ) -> Self {
        let mut places = vec![0];
        for bins in &binning.columns {
            let known = match bins {
                Bins::Thresholds(thresholds) => thresholds.len() + 1,
                Bins::Levels(bins) => bins.iter().max().map_or(0, |&bin| usize::from(bin) + 1),
            };
            places.push(places[places.len() - 1] + known + 1);
        }
        Self {
            binning,
            table,
            derivatives,
            places,
            nodes: vec![Node::Leaf(0.0)],
            open: Vec::new(),
            rows: rows.iter().map(|&row| row as u32).collect(),
        }
    }

    /// Splits leaves until there are enough, then calls `learnt` with the rows and the answer of
    /// each.
    fn grow(&mut self, mut learnt: impl FnMut(&[u32], f64)) {
        let range = 0..self.rows.len();
        let histogram = self.histogram(range.clone());
        let mut sums = Sums::default();
        for &row in &self.rows {
            sums.add(self.derivatives[row as usize]);
        }
        self.push(0, range, sums, histogram);
        while self.open.len() < LEAVES {
            // The first of equals, whatever their number.
            let gain = |open: &Open| open.best.as_ref().map_or(0.0, |(gain, ..)| *gain);
            let better = |best: usize, at| match gain(&self.open[at]) > gain(&self.open[best]) {
                true => at,
                false => best,
            };
            let at = (0..self.open.len()).fold(0, better);
            let open = self.open.swap_remove(at);
            let Some((_, split, left)) = open.best else {
                self.open.push(open);
                break;
            };
            self.split(
                open.node,
                open.range,
                split,
                [left, open.sums.minus(left)],
                open.histogram,
            );
        }
        for open in &self.open {
            let answer = LEARNING_RATE * open.sums.answer();
            self.nodes[open.node] = Node::Leaf(answer);
            learnt(&self.rows[open.range.clone()], answer);
        }
        self.open.clear();
    }

    /// Makes two leaves of one.
    fn split(
        &mut self,
        node: usize,
        range: std::ops::Range<usize>,
        split: Split,
        sums: [Sums; 2],
        mut whole: Vec<Sums>,
    ) {
        let bins = &self.table.columns[split.column];
        let rows = &mut self.rows[range.clone()];
        let goes_left = |&row: &u32| Split::sends_left(&split.left, bins[row as usize]);
        let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| goes_left(row));
        let middle = range.start + left.len();
        rows[..left.len()].copy_from_slice(&left);
        rows[left.len()..].copy_from_slice(&right);
        let ranges = [range.start..middle, middle..range.end];
        // The larger side's histogram is what the smaller one's leaves of the whole.
        let smaller = usize::from(left.len() > right.len());
        let part = self.histogram(ranges[smaller].clone());
        for (whole, &part) in whole.iter_mut().zip(&part) {
            *whole = whole.minus(part);
        }
        let mut histograms = [part, whole];
        if smaller == 1 {
            histograms.reverse();
        }
        let first = self.nodes.len();
        self.nodes[node] = Node::Inner(split, [first, first + 1]);
        let sides = ranges.into_iter().zip(sums).zip(histograms).enumerate();
        for (side, ((range, sums), histogram)) in sides {
            self.nodes.push(Node::Leaf(0.0));
            self.push(first + side, range, sums, histogram);
        }
    }

    fn push(
        &mut self,
        node: usize,
        range: std::ops::Range<usize>,
        sums: Sums,
        histogram: Vec<Sums>,
    ) {
        let best = self.best_split(sums, &histogram);
        self.open.push(Open {
            node,
            range,
            sums,
            histogram,
            best,
        });
    }

    /// The sums of each bin of each column over the rows of a range.
    fn histogram(&self, range: std::ops::Range<usize>) -> Vec<Sums> {
        let mut histogram = vec![Sums::default(); self.places[self.places.len() - 1]];
        for (bins, place) in self.table.columns.iter().zip(self.places.windows(2)) {
            let sums = &mut histogram[place[0]..place[1]];
            let blank = sums.len() - 1;
            for &row in &self.rows[range.clone()] {
                // A bin beyond the column's is that of blanks.
                let bin = usize::from(bins[row as usize]).min(blank);
                sums[bin].add(self.derivatives[row as usize]);
            }
        }
        histogram
    }

    /// The split of the largest gain, its gain, and the sums of its left side.
    fn best_split(&self, whole: Sums, histogram: &[Sums]) -> Option<(f64, Split, Sums)> {
        let mut best: Option<(f64, Split, Sums)> = None;
        if whole.rows < 2 * LEAF_ROWS {
            return None;
        }
        // Both sides' gains together have to be above this.
        let mut least = whole.gain() + LEAST_GAIN;
        let columns = self.binning.columns.iter().zip(self.places.windows(2));
        for (column, (bins, place)) in columns.enumerate() {
            let mut consider = |left: Sums, set: &dyn Fn() -> [u64; 4]| {
                let right = whole.minus(left);
                if left.may_be_a_leaf() && right.may_be_a_leaf() {
                    let gain = left.gain() + right.gain();
                    if gain > least {
                        least = gain;
                        let split = Split {
                            column,
                            left: set(),
                        };
                        best = Some((gain - whole.gain(), split, left));
                    }
                }
            };
            let [known @ .., blank] = &histogram[place[0]..place[1]] else {
                continue;
            };
            match bins {
                Bins::Thresholds(_) => split_numbers(known, *blank, whole, &mut consider),
                Bins::Levels(_) => split_levels(known, *blank, whole, &mut consider),
            }
        }
        best
    }
}

/// Each threshold, with the blanks on either side; `consider` is given the sums of a left side and
/// how to say which bins those are.
fn split_numbers(
    known: &[Sums],
    blank: Sums,
    whole: Sums,
    consider: &mut impl FnMut(Sums, &dyn Fn() -> [u64; 4]),
) {
    let up_to = |bin| (0..=bin).fold([0; 4], with);
    let mut left = Sums::default();
    for (bin, &sums) in known.iter().enumerate() {
        // Most bins of a small node are empty.
        if sums.rows == 0 {
            continue;
        }
        left = left.plus(sums);
        if left.rows + blank.rows < LEAF_ROWS {
            continue;
        }
        if left.rows + LEAF_ROWS > whole.rows {
            break;
        }
        consider(left, &|| up_to(bin));
        if blank.rows > 0 {
            consider(left.plus(blank), &|| with(up_to(bin), usize::from(BLANK)));
        }
    }
}

/// Each cut of the levels, blanks among them, in the order of their means; levels of few rows go
/// with those on the right, and then with those on the left.
fn split_levels(
    known: &[Sums],
    blank: Sums,
    whole: Sums,
    consider: &mut impl FnMut(Sums, &dyn Fn() -> [u64; 4]),
) {
    let rows_per_curvature = whole.rows as f64 / whole.curvature;
    let all = known.iter().enumerate().map(|(bin, &sums)| (bin, sums));
    let all = all.chain([(usize::from(BLANK), blank)]);
    let frequent = |sums: &Sums| sums.curvature * rows_per_curvature >= LEVEL_ROWS;
    let mut levels: Vec<(f64, usize, Sums)> = all
        .filter(|(_, sums)| frequent(sums))
        .map(|(bin, sums)| (sums.slope / (sums.curvature + LEVEL_ROWS), bin, sums))
        .collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    for _from_either_end in 0..2 {
        let (mut left, mut set) = (Sums::default(), [0; 4]);
        for &(_, bin, sums) in levels.iter().take(levels.len().saturating_sub(1)) {
            left = left.plus(sums);
            set = with(set, bin);
            consider(left, &|| set);
        }
        levels.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::super::testing::{columns, rows};
    use super::super::two_sample::auc;
    use super::*;

    /// A model of `target` from `rows` other rows, and its answers for the rows of seed 2.
    fn learn(count: usize, loss: Loss, target: impl Fn(&[f64]) -> f64) -> (Vec<f64>, Vec<f64>) {
        let columns = columns();
        let targets = |values: &[f64]| values.chunks_exact(4).map(&target).collect::<Vec<_>>();
        let [train, test] = [rows(count, 1), rows(500, 2)];
        let [of_train, of_test] = [&train, &test].map(|values| targets(values));
        let [train, test] = [&train, &test].map(|values| Table::new(&columns, values));
        let binning = Binning::of(&train);
        let all: Vec<usize> = (0..count).collect();
        let model = Boosting::fit(
            &binning,
            &binning.bin(&train, None),
            &all,
            &of_train,
            loss,
            60,
        );
        let test = binning.bin(&test, None);
        (model.predict(&test, &all[..500]), of_test)
    }

    #[test]
    fn squares_are_learnt_from_numbers_levels_and_blanks() {
        let jump = |row: &[f64]| {
            let number = if row[0] > 0.5 { 3.0 } else { 0.0 };
            let level = if row[3] == 1.0 { 2.0 } else { 0.0 };
            number + level + if row[1].is_nan() { 5.0 } else { 0.0 }
        };
        let (found, expected) = learn(2000, Loss::Squares, jump);
        let error = |x: &[f64]| {
            x.iter()
                .zip(&expected)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>()
        };
        let mean = expected.iter().sum::<f64>() / 500.0;
        let unexplained = error(&found) / error(&[mean; 500]);
        assert!(unexplained < 0.03, "{unexplained}");
    }

    #[test]
    fn logits_rank_classes_that_no_single_column_tells() {
        // The sign of a number, but for the islands and the blanks, where it is the other one.
        let crossed = |row: &[f64]| {
            let other = row[1].is_nan() || row[3] == 2.0;
            f64::from(u8::from((row[0] > 0.0) != other))
        };
        let (found, expected) = learn(2000, Loss::Logistic, crossed);
        let labels: Vec<bool> = expected.iter().map(|&class| class == 1.0).collect();
        assert!(auc(&found, &labels) > 0.97, "{}", auc(&found, &labels));
    }

    #[test]
    fn nothing_is_learnt_from_too_few_rows_or_from_one_class() {
        let (found, _) = learn(500, Loss::Logistic, |_| 1.0);
        assert!(found.iter().all(|logit| *logit > 10.0 && logit.is_finite()));
        let columns = columns();
        let table = Table::new(&columns, &rows(39, 1));
        let binning = Binning::of(&table);
        let binned = binning.bin(&table, None);
        let all: Vec<usize> = (0..39).collect();
        let model = Boosting::fit(&binning, &binned, &all, table.column(0), Loss::Squares, 3);
        let found = model.predict(&binned, &all);
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{found:?}");
    }
}
