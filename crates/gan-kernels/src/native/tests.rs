//! The case table and drawn shapes, under every tile that this processor can run.

use proptest::prelude::*;

use super::{Isa, Native, Side, Zeros};
use crate::cases::linear_bwd_params::ADAM;
use crate::cases::{
    Case, Checker, Op, Role, Shape, all, linear_bwd_data, linear_bwd_params, linear_fwd,
    linear_tangent,
};
use crate::random::{Purpose, Stream};
use crate::{
    Activation, Backend, Below, Dropout, FillLatent, GatherRows, LinearBwdData, LinearBwdParams,
    LinearFwd, Matrix, Prior, Real, Records, StepState, Update, Values,
};

/// The tiles whose instructions this processor has.
fn isas() -> Vec<Isa> {
    let mut isas = vec![Isa::Baseline, Isa::WideTile];
    let best = Isa::detect();
    if best != Isa::Baseline {
        isas.push(Isa::Avx2);
    }
    if best == Isa::Avx512 {
        isas.push(best);
    }
    isas
}

/// Zeros looked for, left out of either factor, and multiplied.
const ZEROS: [Zeros; 4] = [
    Zeros::Measured,
    Zeros::SkippedIn(Side::A),
    Zeros::SkippedIn(Side::B),
    Zeros::Multiplied,
];

fn check_with<T: Real>(native: &Native<T>, padding: usize, case: &Case) -> Result<(), String> {
    let native = native.clone().with_padding(padding);
    let checked = Checker::new(&native).check(case);
    checked
        .map_err(|mismatch| format!("{}, rows {padding} apart: {mismatch}", native.description()))
}

#[test]
fn native_edge_cases_match_oracle_under_every_tile_and_stride() {
    fn check_all<T: Real>() {
        for isa in isas() {
            let native = Native::<T>::new(Some(3)).unwrap().with_isa(isa);
            for case in all().filter(|case| case.role == Role::Edge) {
                for (padding, zeros) in [0, 3].into_iter().flat_map(|p| ZEROS.map(|z| (p, z))) {
                    let native = native.clone().with_zeros(zeros);
                    check_with(&native, padding, case).unwrap();
                }
            }
        }
    }
    check_all::<f32>();
    check_all::<f64>();
}

/// Few enough for Miri, which watches every access to memory: the smallest product of each kind.
#[test]
fn small_products_match_oracle_under_every_tile() {
    let is_product =
        |case: &&Case| case.op.flop() > 0 && case.op.operation().starts_with("linear_");
    let edges = all().filter(|case| case.role == Role::Edge);
    let mut cases: Vec<_> = edges.filter(is_product).collect();
    cases.sort_by_key(|case| (case.op.operation(), case.op.flop()));
    cases.dedup_by_key(|case| case.op.operation());
    assert!(cases.len() > 3);
    for isa in isas() {
        let native = Native::<f32>::new(Some(2)).unwrap().with_isa(isa);
        for (case, zeros) in cases
            .iter()
            .flat_map(|case| ZEROS.map(|zeros| (case, zeros)))
        {
            check_with(&native.clone().with_zeros(zeros), 3, case).unwrap();
        }
    }
}

/// Where the processor has no bf16 products the error that says so is what is tested.
#[test]
fn native_bf16_edge_cases_match_oracle_within_its_rounding() {
    let native = match Native::<f32>::new(Some(3)).unwrap().with_bf16() {
        Ok(native) => native,
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("bf16") && text.contains("f32"), "{text}");
            return;
        }
    };
    let mut rounded = 0;
    for case in all().filter(|case| case.role == Role::Edge) {
        for padding in [0, 3] {
            let native = native.clone().with_padding(padding);
            let mut checker = Checker::new(&native);
            // A case that passes as f32 as well is no product, or one of exact numbers.
            rounded += usize::from(checker.check(case).is_err());
            checker.factor_epsilon = 1.0 / 128.0;
            if let Err(mismatch) = checker.check(case) {
                panic!("{}, rows {padding} apart: {mismatch}", native.description());
            }
        }
    }
    assert!(rounded > 20, "bf16 made a difference in {rounded} cases");
}

/// A linear operation of any shape up to 70, in any variant.
fn linear() -> impl Strategy<Value = Case> {
    let size = || prop_oneof![Just(1_usize), 1..=12_usize, 1..=70_usize];
    let shape = (size(), size(), size()).prop_map(|(m, n, k)| Shape { m, n, k });
    let act = prop_oneof![
        Just(Activation::Identity),
        Just(Activation::Relu),
        Just(Activation::LeakyRelu { slope: 0.25 }),
        Just(Activation::Sigmoid),
        Just(Activation::Tanh),
        prop_oneof![Just(2), Just(3), Just(5)].prop_map(|pieces| Activation::Maxout { pieces }),
    ];
    let dropout = proptest::option::of((0.1..0.95, 0..200_usize)).prop_map(|dropout| {
        dropout.map(|(keep, first_row)| Dropout {
            keep,
            scale: 2.0,
            stream: Stream::new(Purpose::Dropout, 0, 1),
            first_row,
        })
    });
    // With whether the moments are zero.
    let update = prop_oneof![
        Just((Update::Store, false)),
        Just((Update::Momentum, false)),
        Just((ADAM, false)),
        Just((ADAM, true)),
    ];
    let limit = proptest::option::of(0.1..5.0);
    let params = (update, limit, any::<bool>(), any::<bool>());
    (shape, act, dropout, params, 0..4, 0..4_usize).prop_map(
        |(shape, act, dropout, params, which, margin)| {
            let ((update, from_zero), max_column_norm, is_watched, is_weighted) = params;
            let case = match which {
                0 => linear_fwd::call(shape, act, dropout),
                1 => linear_bwd_data::call(shape, act, dropout),
                2 => Op::LinearTangent(linear_tangent::Call { shape, act }).case(),
                _ => Op::LinearBwdParams(linear_bwd_params::Call {
                    shape,
                    update,
                    from_zero,
                    max_column_norm: max_column_norm.filter(|_| update != Update::Store),
                    is_watched,
                    is_weighted,
                })
                .case(),
            };
            case.margin(margin)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn linear_operations_of_drawn_shapes_match_oracle(
        case in linear(),
        padding in 0..5_usize,
        zeros in 0..ZEROS.len(),
    ) {
        let zeros = ZEROS[zeros];
        for isa in isas() {
            let single = Native::<f32>::new(Some(1)).unwrap().with_isa(isa).with_zeros(zeros);
            prop_assert_eq!(check_with(&single, padding, &case), Ok(()));
            let double = Native::<f64>::new(Some(1)).unwrap().with_isa(isa).with_zeros(zeros);
            prop_assert_eq!(check_with(&double, padding, &case), Ok(()));
        }
    }
}

/// Everything that `case` writes, as bits.
fn bits<T: Real>(threads: usize, isa: Isa, case: &Case) -> Vec<u64> {
    let native = Native::<T>::new(Some(threads)).unwrap().with_isa(isa);
    let checker = Checker::new(&native);
    let mut prepared = checker.prepare(case);
    prepared.run(&native).unwrap();
    let results = prepared.results(&checker).unwrap();
    results.into_iter().map(f64::to_bits).collect()
}

#[test]
fn native_results_are_the_same_bits_for_any_number_of_threads() {
    for case in all() {
        for isa in [Isa::detect(), Isa::Baseline] {
            if isa == Isa::Baseline && case.role == Role::Paper {
                continue;
            }
            let alone = (bits::<f32>(1, isa, case), bits::<f64>(1, isa, case));
            for threads in [2, 3, 7] {
                let together = (
                    bits::<f32>(threads, isa, case),
                    bits::<f64>(threads, isa, case),
                );
                assert!(alone == together, "{case}: {threads} threads, {isa:?}");
            }
        }
    }
}

/// m rows of k values, of which about `kept` of a hundred are other than zero.
fn with_zeros<T: Real>(
    native: &Native<T>,
    [m, k]: [usize; 2],
    kept: u64,
    purpose: Purpose,
) -> Matrix<Native<T>> {
    let mut matrix = native.clone().with_padding(3).matrix(m, k);
    let state = &StepState::without_rates(5, 0);
    native.fill_latent(FillLatent {
        z: matrix.all_mut(),
        prior: Prior::Uniform,
        stream: Stream::new(purpose, 0, 0),
        first_row: 0,
        state,
    });
    let (mut values, mut word) = (native.read(matrix.all()).unwrap(), 1_u64);
    for value in &mut values {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if (word >> 33) % 100 >= kept {
            *value = T::ZERO;
        }
    }
    native.write(&mut matrix, &values);
    matrix
}

/// Forward, back to the layer below and to the parameters, with factors of which `kept` of a
/// hundred are other than zero.
fn layer<T: Real>(native: &Native<T>, [m, n, k]: [usize; 3], kept: u64) -> [Vec<T>; 4] {
    let state = &StepState::without_rates(1, 2);
    let x = with_zeros(native, [m, k], kept, Purpose::Noise);
    let dz = with_zeros(native, [m, n], kept, Purpose::Data);
    let mut w = with_zeros(native, [k, n], 100, Purpose::Weights);
    let [mut b, mut y, mut dx] = [[1, n], [m, n], [m, k]].map(|[m, n]| native.matrix(m, n));
    native.linear_fwd(LinearFwd::affine(x.all(), &w, &b, y.all_mut(), state));
    native.linear_bwd_data(LinearBwdData {
        dz: dz.all(),
        w: &w,
        below: Below::linear(x.all()),
        dz_below: dx.all_mut(),
        state,
    });
    native.linear_bwd_params(LinearBwdParams::gradient(
        x.all(),
        dz.all(),
        &mut w,
        &mut b,
        state,
    ));
    [&y, &dx, &w, &b].map(|matrix| native.read(matrix.all()).unwrap())
}

#[test]
fn leaving_zeros_out_changes_no_bit() {
    fn check<T: Real>(isa: Isa, sizes: [usize; 3], kept: u64) {
        let native = Native::<T>::new(Some(2)).unwrap().with_isa(isa);
        let bits = |zeros| {
            let results = layer(&native.clone().with_zeros(zeros), sizes, kept);
            results.map(|values| {
                values
                    .iter()
                    .map(|x| x.to_f64().to_bits())
                    .collect::<Vec<_>>()
            })
        };
        let multiplied = bits(Zeros::Multiplied);
        for zeros in ZEROS {
            assert!(
                bits(zeros) == multiplied,
                "{isa:?}, {zeros:?}, {sizes:?}, {kept} of 100 kept"
            );
        }
    }
    // More rows than a group has, sums longer than a block and than a pass, columns of one to
    // several tiles.
    for sizes in [
        [130, 210, 70],
        [33, 45, 300],
        [200, 97, 101],
        [40, 260, 33],
        [150, 40, 3301],
        [1601, 45, 33],
    ] {
        for kept in [0, 10, 60, 100] {
            for isa in isas() {
                check::<f32>(isa, sizes, kept);
                check::<f64>(isa, sizes, kept);
            }
        }
    }
}

/// What the dense product makes of it is NaN; numbers that blow up are told by others.
#[test]
fn zero_beside_no_number_is_left_out_too() {
    let native = Native::<f32>::new(Some(1)).unwrap();
    let [mut x, mut w, mut y] = [[3, 2], [2, 5], [3, 5]].map(|[m, n]| native.matrix(m, n));
    native.write(&mut x, &[1.0, 0.0, 2.0, 0.0, 3.0, 1.0]);
    let mut values = [1.0; 10];
    values[5] = f32::NAN;
    native.write(&mut w, &values);
    let b = native.matrix(1, 5);
    let mut products = |zeros| {
        native
            .clone()
            .with_zeros(zeros)
            .linear_fwd(LinearFwd::affine(
                x.all(),
                &w,
                &b,
                y.all_mut(),
                &StepState::without_rates(1, 0),
            ));
        native.read(y.all()).unwrap()
    };
    let [dense, sparse] = [Zeros::Multiplied, Zeros::SkippedIn(Side::A)].map(&mut products);
    assert!(dense[0].is_nan() && dense[5].is_nan() && dense[10].is_nan());
    assert!(sparse[0] == 1.0 && sparse[5] == 2.0 && sparse[10].is_nan());
    assert_eq!(dense[1..5], sparse[1..5]);
}

#[test]
fn padding_between_rows_is_never_written() {
    let (m, n, k) = (13, 7, 5);
    let state = &StepState::without_rates(1, 2);
    for isa in isas() {
        let native = Native::<f32>::new(Some(2)).unwrap();
        let native = native.with_isa(isa).with_padding(3);
        let matrix = |rows, cols| native.matrix(rows, cols);
        let untouched = |matrix: &Matrix<Native<f32>>, name: &str| {
            for (i, row) in matrix.storage.chunks(matrix.stride).enumerate() {
                let (inside, padding) = row.split_at(matrix.cols);
                assert!(inside.iter().all(|x| !x.is_nan()), "{name}: row {i}");
                assert!(padding.iter().all(|x| x.is_nan()), "{name}: padding {i}");
            }
        };
        let [mut w, mut b] = [matrix(k, n), matrix(1, n)];
        let [mut x, mut y, mut dx] = [matrix(m, k), matrix(m, n), matrix(m, k)];
        native.fill_latent(FillLatent {
            z: x.all_mut(),
            prior: Prior::Spherical,
            stream: Stream::new(Purpose::Noise, 0, 0),
            first_row: 0,
            state,
        });
        untouched(&x, "fill_latent");
        native.gather_rows(GatherRows {
            records: &Records::new(k, Values::Floats(vec![1.0; 3 * k])),
            y: x.all_mut(),
            rows_per_step: m,
            first_row: 0,
            groups: None,
            dropout: None,
            state,
        });
        untouched(&x, "gather_rows");
        native.linear_fwd(LinearFwd {
            act: Activation::Sigmoid,
            ..LinearFwd::affine(x.all(), &w, &b, y.all_mut(), state)
        });
        untouched(&y, "linear_fwd");
        native.linear_bwd_data(LinearBwdData {
            dz: y.all(),
            w: &w,
            below: Below {
                act: Activation::Relu,
                ..Below::linear(x.all())
            },
            dz_below: dx.all_mut(),
            state,
        });
        untouched(&dx, "linear_bwd_data");
        native.linear_bwd_params(LinearBwdParams::gradient(
            x.all(),
            y.all(),
            &mut w,
            &mut b,
            state,
        ));
        untouched(&w, "linear_bwd_params");
        untouched(&b, "linear_bwd_params");
    }
}
