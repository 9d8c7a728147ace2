//! What the tests of the models share: enumeration of few units, and central differences.

use gan_kernels::Native;

use crate::bond::{Bond, Parameters};
use crate::units::Draws;

/// Two records of four units, which the tests of learning give equally often; their numbers among the
/// states are 3 and 12.
pub(crate) const RECORDS: [f64; 8] = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0];

/// A back end of one thread in double precision.
pub(crate) fn native() -> Native<f64> {
    Native::new(Some(1)).unwrap()
}

/// All states of `units` units, one after the other; the first unit is the lowest bit of their number.
pub(crate) fn states(units: usize) -> Vec<f64> {
    let all = 0..1_u32 << units;
    all.flat_map(|state| (0..units).map(move |unit| f64::from(state >> unit & 1)))
        .collect()
}

/// Weights and biases that are uniform on ±`bound`.
pub(crate) fn random_bond(bond: &mut Bond<Native<f64>>, bound: f64) {
    let [below, above] = bond.sizes();
    let numbers = Draws::weights(99, below + above).uniform(bound, below * above + above + below);
    let (w, biases) = numbers.split_at(below * above);
    let (above, below) = biases.split_at(above);
    let [w, above, below] = [w, above, below].map(<[f64]>::to_vec);
    bond.set(&Parameters { w, above, below });
}

/// `xᵀW y + cᵀx + bᵀy` of one state below and one above.
pub(crate) fn log_weight(bond: &Parameters<f64>, x: &[f64], y: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let rows = bond.w.chunks(y.len()).zip(x);
    let products: f64 = rows.map(|(w, x)| x * dot(w, y)).sum();
    products + dot(&bond.below, x) + dot(&bond.above, y)
}

/// The probability of every state of all layers of an undirected stack; that of the uppermost layer
/// changes fastest.
pub(crate) fn joint(bonds: &[&Bond<Native<f64>>]) -> (Vec<f64>, f64) {
    let mut weights = vec![0.0; 1 << bonds[0].sizes()[0]];
    for bond in bonds {
        let [below, above] = bond.sizes();
        let (values, xs, ys) = (bond.parameters().unwrap(), states(below), states(above));
        let numbered = weights.iter().enumerate();
        let longer = numbered.flat_map(|(number, weight)| {
            let x = &xs[number % (1 << below) * below..][..below];
            let terms = ys.chunks(above).map(|y| log_weight(&values, x, y));
            terms.map(|term| weight + term).collect::<Vec<_>>()
        });
        weights = longer.collect();
    }
    let partition: f64 = weights.iter().map(|weight| weight.exp()).sum();
    let p = weights.iter().map(|weight| weight.exp() / partition);
    (p.collect(), partition.ln())
}

/// p(v) of every state of the lowest layer.
pub(crate) fn marginals(bonds: &[&Bond<Native<f64>>]) -> Vec<f64> {
    let (p, _) = joint(bonds);
    let others = p.len() >> bonds[0].sizes()[0];
    p.chunks(others).map(|p| p.iter().sum()).collect()
}

/// Mean of log p(v) over [`RECORDS`]: at best −log 2.
pub(crate) fn log_p_of_records(bonds: &[&Bond<Native<f64>>]) -> f64 {
    let p = marginals(bonds);
    (p[3].ln() + p[12].ln()) / 2.0
}

/// Checks that rows of `states` are as frequent as `p` of their numbers says.
pub(crate) fn assert_visits(states: &[f64], p: &[f64]) {
    let units = p.len().ilog2() as usize;
    let rows = (states.len() / units) as f64;
    let mut counts = vec![0.0; p.len()];
    for row in states.chunks(units) {
        let bits = row.iter().rev();
        counts[bits.fold(0, |number, &bit| 2 * number + bit as usize)] += 1.0;
    }
    let pairs = p.iter().zip(&counts);
    let terms = pairs.map(|(p, count)| (count - p * rows).powi(2) / (p * rows));
    let chi_square: f64 = terms.sum();
    // Of k degrees of freedom: mean k, variance 2k; five deviations.
    let most = p.len() as f64 - 1.0;
    let bound = most + 5.0 * (2.0 * most).sqrt();
    assert!(chi_square < bound, "{chi_square}: {counts:?}, {p:?}");
    // Coins would fail by far.
    let even = 1.0 / p.len() as f64;
    assert!(p.iter().any(|p| (p / even - 1.0).abs() > 0.5), "{p:?}");
}

/// Holds `gradient` of the bond that `bond_of` finds in `model` to central differences of `loss`.
pub(crate) fn central_differences<M>(
    model: &mut M,
    bond_of: impl Fn(&mut M) -> &mut Bond<Native<f64>>,
    gradient: &Parameters<f64>,
    loss: impl Fn(&M) -> f64,
) {
    const STEP: f64 = 1e-5;
    type Part = fn(&mut Parameters<f64>) -> &mut Vec<f64>;
    let parts: [Part; 3] = [|all| &mut all.w, |all| &mut all.above, |all| &mut all.below];
    let values = bond_of(model).parameters().unwrap();
    for (number, part) in parts.into_iter().enumerate() {
        for (i, expected) in part(&mut gradient.clone()).iter().enumerate() {
            let mut at = |offset: f64| {
                let mut moved = values.clone();
                part(&mut moved)[i] += offset;
                bond_of(model).set(&moved);
                loss(model)
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            assert!(
                (difference - expected).abs() < 1e-7 * (1.0 + expected.abs()),
                "part {number}, value {i}: {expected}, central difference {difference}"
            );
        }
    }
    bond_of(model).set(&values);
}
