//! Matrix products without anything fused, as baselines of the operations that contain them: which
//! those are, what they are checked against, and timing in turns.

use anyhow::Result;
use gan_kernels::cases::{Case, Op, Shape, linear_bwd_data, linear_bwd_params, linear_fwd};
use serde::{Deserialize, Serialize};

use crate::timing::Times;

/// Multiply-adds of a check, half a second of them; more than any product of an iteration has.
const CHECKED: usize = 1 << 29;

/// C = A·B with C of m × n and a depth of k; all of it row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Columns of A and rows of B.
    pub k: usize,
    /// How A and B lie in memory.
    pub factors: Factors,
}

/// How the factors of a product lie in memory, in BLAS's letters: `n` as they are multiplied, `t`
/// transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Factors {
    /// X·W of a forward pass.
    Nn,
    /// dZ·Wᵀ of a gradient of data.
    Nt,
    /// Xᵀ·dZ of a gradient of parameters.
    Tn,
}

impl Factors {
    /// Its letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nn => "nn",
            Self::Nt => "nt",
            Self::Tn => "tn",
        }
    }
}

impl Product {
    /// The product that a linear operation contains.
    #[must_use]
    pub fn of(case: &Case) -> Option<Self> {
        match case.op {
            Op::LinearFwd(linear_fwd::Call {
                shape: Shape { m, n, k },
                act,
                ..
            }) => Some(Self {
                m,
                n: n * act.pieces(),
                k,
                factors: Factors::Nn,
            }),
            Op::LinearBwdData(linear_bwd_data::Call {
                shape: Shape { m, n, k },
                ..
            }) => Some(Self {
                m,
                n: k,
                k: n,
                factors: Factors::Nt,
            }),
            Op::LinearBwdParams(linear_bwd_params::Call {
                shape: Shape { m, n, k },
                ..
            }) => Some(Self {
                m: k,
                n,
                k: m,
                factors: Factors::Tn,
            }),
            _ => None,
        }
    }

    /// Of two square matrices.
    #[must_use]
    pub fn square(side: usize) -> Self {
        Self {
            m: side,
            n: side,
            k: side,
            factors: Factors::Nn,
        }
    }

    /// Two per multiply-add.
    #[must_use]
    pub fn flop(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64
    }

    /// Steps from row to row and from column to column of A.
    #[must_use]
    pub fn strides_of_a(&self) -> [usize; 2] {
        match self.factors {
            Factors::Tn => [1, self.m],
            _ => [self.k, 1],
        }
    }

    /// Steps from row to row and from column to column of B.
    #[must_use]
    pub fn strides_of_b(&self) -> [usize; 2] {
        match self.factors {
            Factors::Nt => [1, self.k],
            _ => [self.n, 1],
        }
    }

    /// Values of A and B, in the order of memory: ±1/64 to ±1, none of them 0.
    ///
    /// They are the same in every precision, and sums of their products are exact in f32 up to a
    /// depth of 4096 and, unless signs conspire, beyond: so what is wrong is wrong altogether.
    #[must_use]
    pub fn values(&self) -> [Vec<f32>; 2] {
        [(self.m * self.k, 0), (self.k * self.n, 1 << 20)].map(|(len, first)| {
            let words = (first..first + len).map(|i| (i as u32).wrapping_mul(2_654_435_761) >> 25);
            words
                .map(|word| (if word < 64 { 1 } else { -128 } + word as i32) as f32 / 64.0)
                .collect()
        })
    }

    /// Rows of A·B by plain loops in f64, all of them or, of large products, some at equal distances.
    #[must_use]
    pub fn expected(&self, a: &[f32], b: &[f32]) -> Vec<f64> {
        let ([a_row, a_col], [b_row, b_col]) = (self.strides_of_a(), self.strides_of_b());
        let mut rows = Vec::new();
        for i in (0..self.m).step_by(self.step()) {
            let mut row = vec![0.0; self.n];
            for l in 0..self.k {
                let a = f64::from(a[i * a_row + l * a_col]);
                let sums = row.iter_mut().enumerate();
                sums.for_each(|(j, sum)| *sum += a * f64::from(b[l * b_row + j * b_col]));
            }
            rows.extend(row);
        }
        rows
    }

    /// Whether the rows of C that are [`expected`](Self::expected) are so.
    ///
    /// # Errors
    /// Where they are not.
    pub fn check(&self, expected: &[f64], c: &[f32]) -> Result<(), String> {
        let rows = (0..self.m).step_by(self.step());
        for (i, row) in rows.zip(expected.chunks_exact(self.n)) {
            for (j, &expected) in row.iter().enumerate() {
                let found = c[i * self.n + j];
                if f64::from(found) != expected {
                    return Err(format!(
                        "row {i}, column {j}: found {found}, expected {expected}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// From one row that is checked to the next.
    fn step(&self) -> usize {
        self.m * self.n * self.k / CHECKED + 1
    }
}

/// One operation beside the products of other libraries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProductRow {
    /// As that of the operation's row, without `op/`.
    pub name: String,
    /// The product in it.
    pub product: Product,
    /// Precision of the factors, such as `f32`.
    pub precision: String,
    /// Median of the turns of our operation, everything fused into it included.
    pub seconds: Option<f64>,
    /// Half the distance between the quartiles over the median.
    pub spread: Option<f64>,
    /// The product alone, by others.
    pub others: Vec<OtherProduct>,
}

/// A product by another library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherProduct {
    /// The library.
    pub library: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a product by another library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing, and why, in one line.
    Skipped(String),
    /// It was right, and timed in turns with ours.
    Measured {
        /// Median of its turns.
        seconds: f64,
        /// Its time over ours, the median of the pairs.
        ratio: f64,
        /// Version, kernel, and whether it was replayed.
        how: String,
    },
}

impl Outcome {
    /// Of the times that [`in_turn`] gives.
    #[must_use]
    pub fn of(found: Compared, how: String) -> Self {
        match found {
            Ok((times, ratio)) => Self::Measured {
                seconds: times.median(),
                ratio,
                how,
            },
            Err(error) => Self::Skipped(one_line(&error)),
        }
    }
}

/// What an error says, without the ends of its lines.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A turn of one side: seconds per run, the mean of a batch.
pub type Turn<'a> = dyn FnMut() -> Result<f64> + 'a;

/// Times of a side, and the median of their ratios to ours; or why there are none.
pub type Compared = Result<(Times, f64)>;

/// Our times and those of each of `others` that is there, compared pair by pair; one that fails is
/// out, and the rest goes on.
///
/// # Errors
/// If our side fails.
pub fn in_turn(
    rounds: usize,
    ours: &mut Turn<'_>,
    others: Vec<Result<Box<Turn<'_>>>>,
) -> Result<(Times, Vec<Compared>)> {
    let mut own = Vec::new();
    let mut theirs: Vec<_> = others
        .into_iter()
        .map(|other| other.map(|turn| (turn, Vec::new())))
        .collect();
    for _ in 0..rounds {
        own.push(ours()?);
        for other in &mut theirs {
            let Ok((turn, times)) = other else { continue };
            match turn() {
                Ok(seconds) => times.push(seconds),
                Err(error) => *other = Err(error),
            }
        }
    }
    let compared = |times: Vec<f64>| {
        let ratios = times.iter().zip(&own).map(|(theirs, ours)| theirs / ours);
        let ratio = Times::new(ratios.collect()).median();
        (Times::new(times), ratio)
    };
    let theirs = theirs
        .into_iter()
        .map(|other| other.map(|(_, times)| compared(times)))
        .collect();
    Ok((Times::new(own), theirs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::mnist_iteration;

    const PRODUCTS: [Product; 3] = [
        product(3, 5, 7, Factors::Nn),
        product(3, 5, 7, Factors::Nt),
        product(3, 5, 7, Factors::Tn),
    ];

    const fn product(m: usize, n: usize, k: usize, factors: Factors) -> Product {
        Product { m, n, k, factors }
    }

    #[test]
    fn products_are_those_of_the_iteration() {
        let products: Vec<_> = mnist_iteration().iter().filter_map(Product::of).collect();
        for expected in [
            product(200, 1200, 784, Factors::Nn),
            product(200, 240, 1200, Factors::Nt),
            product(784, 1200, 200, Factors::Tn),
            product(1200, 784, 100, Factors::Tn),
        ] {
            assert!(products.contains(&expected), "{expected:?}");
        }
        let flop: f64 = products.iter().map(Product::flop).sum();
        assert!(products.iter().all(|product| product.step() == 1));
        let counted: u64 = mnist_iteration().iter().map(Case::flop).sum();
        assert_eq!(flop, counted as f64);
    }

    #[test]
    fn values_are_exact_in_the_coarsest_precision_and_never_zero() {
        for values in product(30, 70, 50, Factors::Nn).values() {
            let wrong = |&&value: &&f32| {
                // bf16's bits, and the range that sums are exact for.
                value == 0.0 || value.abs() > 1.0 || value.to_bits() & 0xffff != 0
            };
            assert_eq!(values.iter().find(wrong), None);
            assert!(values.iter().any(|&it| it < -0.5) && values.iter().any(|&it| it > 0.5));
        }
    }

    #[test]
    fn check_takes_the_product_of_each_layout_and_nothing_else() {
        for it in PRODUCTS {
            let [a, b] = it.values();
            let mut c = vec![0.0; it.m * it.n];
            for i in 0..it.m {
                for j in 0..it.n {
                    for l in 0..it.k {
                        let a = match it.factors {
                            Factors::Tn => a[l * it.m + i],
                            _ => a[i * it.k + l],
                        };
                        let b = match it.factors {
                            Factors::Nt => b[j * it.k + l],
                            _ => b[l * it.n + j],
                        };
                        c[i * it.n + j] += a * b;
                    }
                }
            }
            let expected = it.expected(&a, &b);
            assert_eq!(it.check(&expected, &c), Ok(()));
            c[7] += 1.0;
            let error = it.check(&expected, &c).unwrap_err();
            assert!(error.starts_with("row 1, column 2: found"), "{error}");
        }
    }

    #[test]
    fn in_turn_takes_ratios_of_neighbours_and_leaves_out_who_fails() {
        let mut clock = 0.0;
        // A machine that gets slower: every round takes longer, on both sides alike.
        let mut ours = || {
            clock += 1.0;
            Ok(clock)
        };
        let mut theirs = 0.0;
        let twice = move || {
            theirs += 2.0;
            Ok(theirs)
        };
        let fails = || anyhow::bail!("no more");
        let others: Vec<Result<Box<Turn<'_>>>> = vec![
            Ok(Box::new(fails)),
            Err(anyhow::anyhow!("not\nhere")),
            Ok(Box::new(twice)),
        ];
        let (own, found) = in_turn(5, &mut ours, others).unwrap();
        assert_eq!(own.median(), 3.0);
        let found: Vec<_> = found
            .into_iter()
            .map(|found| Outcome::of(found, "replayed".into()))
            .collect();
        let measured = Outcome::Measured {
            seconds: 6.0,
            ratio: 2.0,
            how: "replayed".into(),
        };
        let skipped = |reason: &str| Outcome::Skipped(reason.into());
        assert_eq!(found, [skipped("no more"), skipped("not here"), measured]);
    }

    #[test]
    fn rows_are_kept_as_json() {
        let row = ProductRow {
            name: "linear_fwd/3x5x7/relu".into(),
            product: PRODUCTS[2],
            precision: "tf32".into(),
            seconds: Some(1e-6),
            spread: None,
            others: vec![
                OtherProduct {
                    library: "a".into(),
                    outcome: Outcome::Skipped("not here".into()),
                },
                OtherProduct {
                    library: "b".into(),
                    outcome: Outcome::Measured {
                        seconds: 2e-6,
                        ratio: 2.0,
                        how: "replayed".into(),
                    },
                },
            ],
        };
        let text = serde_json::to_string(&row).unwrap();
        assert!(text.contains(r#""factors":"tn""#), "{text}");
        assert_eq!(serde_json::from_str::<ProductRow>(&text).unwrap(), row);
    }
}
