//! What the CUDA compiler makes of a tile, without a device.

#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::Backend;
use crate::cases::{Checker, Op, Role, all};
use crate::cube::Precision;
use crate::cube::launch::launch;
use crate::cube::operand::vectors;
use crate::cube::paper::{Paper, SHARED};

#[cube(launch_unchecked)]
fn one_tile(a: &Operand<Vec4>, b: &Operand<Vec4>, c: &mut Operand<Vec4>, #[comptime] p: Product) {
    let mut stage = Stage::new(p);
    product(a, b, &mut stage, 0usize, 0usize, p);
    c.values[UNIT_POS as usize] = stage.c[UNIT_POS as usize];
}

/// PTX of a product for Hopper.
fn ptx(paper: &Paper, p: Product) -> String {
    let cube = paper.cube();
    let matrix = cube.matrix(256, 256);
    let operand = || vectors(matrix.all());
    let launched = paper.launched_by(|| {
        let units = p.tile.units();
        launch!(one_tile(operand(), operand(), operand(), p) on cube, [1, units]);
    });
    launched.unwrap()[0].1.ptx(90).unwrap().source
}

#[test]
fn every_precision_and_tile_becomes_tensor_core_instructions() {
    let paper = Paper::new(Precision::F32).unwrap();
    // Both ways to tensor cores, and the instructions that are looked for.
    for (precision, k, registers, fragments) in [
        (Precision::Tf32, 8, "m16n8k8", "m16n16k8"),
        (Precision::Tf32x3, 8, "m16n8k8", "m16n16k8"),
        (Precision::Bf16, 16, "m16n8k16", "m16n16k16"),
        (Precision::F16, 16, "m16n8k16", "m16n16k16"),
    ] {
        let fragment = Fragment {
            m: 16,
            n: 16,
            k,
            plane: 32,
        };
        for (cores, name) in [
            (Cores::Registers, registers),
            (Cores::Fragments(fragment), fragments),
        ] {
            let possible = Product::is_possible(cores, precision, SHARED);
            assert!(possible, "{precision}: {cores:?}");
            let mut tiles = 0;
            for tile in TILES.into_iter().chain([WHOLE_COLUMNS]) {
                for (a, b) in Product::LAYOUTS {
                    let p = Product {
                        tile,
                        a,
                        b,
                        extra_row: false,
                        shares: 1,
                        cores,
                        precision,
                    };
                    let Some(p) = p.fitted(SHARED) else { continue };
                    tiles += 1;
                    let ptx = ptx(&paper, p);
                    let found = ptx.lines().find(|line| line.contains("mma.sync"));
                    assert!(found.is_some_and(|line| line.contains(name)), "{found:?}");
                    assert!(!ptx.contains(".local"), "{p:?}: an array in local memory");
                }
            }
            assert!(
                tiles >= 16,
                "{precision}, {cores:?}: {tiles} products of 20 have room"
            );
        }
    }
}

/// Cases of an operation without functions of its own that are compiled.
const OF_OTHERS: usize = 3;

#[test]
fn no_kernel_calls_a_library_s_functions_or_approximates() {
    let paper = Paper::new(Precision::F32).unwrap();
    let cube = paper.cube();
    let checker = Checker::new(&cube);
    let mut seen = HashSet::new();
    // All of the operations whose kernels compute exponentials, logarithms, sines and roots, and some
    // of each other.
    let mut taken = BTreeMap::<&str, usize>::new();
    let cases = all().filter(|case| {
        let of_this = taken.entry(case.op.operation()).or_default();
        *of_this += usize::from(case.role == Role::Edge);
        case.role == Role::Edge
            && match &case.op {
                Op::LogitLoss(_) | Op::FillLatent(_) | Op::LinearBwdParams(_) => true,
                Op::LinearFwd(call) => call.shape.m < 10,
                // An operation of several launches is none that can be told from its neighbours here.
                op => op.launches() == 1 && *of_this <= OF_OTHERS,
            }
    });
    for case in cases {
        let mut prepared = checker.prepare(case);
        // The first run also clears the memory that operations share.
        prepared.run(&cube).unwrap();
        let launched = paper.launched_by(|| prepared.run(&cube).unwrap()).unwrap();
        for (op, launched) in launched {
            if !seen.insert(launched.key()) {
                continue;
            }
            let ptx = launched.ptx(90).unwrap().source;
            for word in [".approx", "call", "__nv_"] {
                let found = ptx.lines().find(|line| {
                    let is_comment = line.trim_start().starts_with("//");
                    !is_comment && line.contains(word)
                });
                assert_eq!(found, None, "{op} of {case}");
            }
            assert!(ptx.contains(".version 9.0"), "the driver's PTX: {ptx}");
        }
    }
    assert!(seen.len() > 10, "{} kernels", seen.len());
}
