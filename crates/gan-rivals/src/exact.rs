//! What the tests of the models share: enumeration of few units, and central differences.

use gan_kernels::Native;

use crate::bond::{Bond, Parameters};
use crate::units::Draws;

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
    bond.set_weights(&numbers[..below * above]);
    bond.set_above(&numbers[below * above..][..above]);
    bond.set_below(&numbers[below * above + above..]);
}

/// `xᵀW y + cᵀx + bᵀy` of one state below and one above.
pub(crate) fn log_weight(bond: &Parameters<f64>, x: &[f64], y: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let rows = bond.w.chunks(y.len()).zip(x);
    let products: f64 = rows.map(|(w, x)| x * dot(w, y)).sum();
    products + dot(&bond.below, x) + dot(&bond.above, y)
}

/// p(x, y) of an RBM by enumeration: x is the slower index.
pub(crate) fn joint(bond: &Bond<Native<f64>>) -> Vec<f64> {
    let [below, above] = bond.sizes();
    let values = bond.parameters().unwrap();
    let (xs, ys) = (states(below), states(above));
    let weights = xs.chunks(below).flat_map(|x| {
        let values = &values;
        ys.chunks(above)
            .map(move |y| log_weight(values, x, y).exp())
    });
    let weights: Vec<f64> = weights.collect();
    let partition: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / partition).collect()
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
    let terms = p
        .iter()
        .zip(&counts)
        .map(|(p, count)| (count - p * rows).powi(2) / (p * rows));
    let chi_square: f64 = terms.sum();
    // Of k degrees of freedom: mean k, variance 2k; five deviations.
    let most = p.len() as f64 - 1.0;
    assert!(
        chi_square < most + 5.0 * (2.0 * most).sqrt(),
        "{chi_square}: {counts:?}, {p:?}"
    );
}

/// Holds `gradient` of the bond that `bond_of` finds in `model` to central differences of `loss`.
pub(crate) fn central_differences<M>(
    model: &mut M,
    bond_of: impl Fn(&mut M) -> &mut Bond<Native<f64>>,
    gradient: &Parameters<f64>,
    loss: impl Fn(&M) -> f64,
) {
    const STEP: f64 = 1e-5;
    type Set = fn(&mut Bond<Native<f64>>, &[f64]);
    let values = bond_of(model).parameters().unwrap();
    let parts: [(Set, _, _); 3] = [
        (Bond::set_weights, values.w, &gradient.w),
        (Bond::set_above, values.above, &gradient.above),
        (Bond::set_below, values.below, &gradient.below),
    ];
    for (part, (set, values, gradient)) in parts.into_iter().enumerate() {
        for (i, expected) in gradient.iter().enumerate() {
            let mut at = |offset: f64| {
                let mut moved = values.clone();
                moved[i] += offset;
                set(bond_of(model), &moved);
                loss(model)
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            assert!(
                (difference - expected).abs() < 1e-7 * (1.0 + expected.abs()),
                "part {part}, value {i}: {expected}, central difference {difference}"
            );
        }
        set(bond_of(model), &values);
    }
}

/// A back end of one thread in double precision.
pub(crate) fn native() -> Native<f64> {
    Native::new(Some(1)).unwrap()
}
