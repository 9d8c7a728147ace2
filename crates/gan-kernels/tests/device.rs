//! Every case of the table on a GPU, and what happens where a device has its limits.
//!
//! On a machine without a GPU a software Vulkan device serves (Mesa's lavapipe); without that the
//! tests are skipped, or fail where `CI` is set.

#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use gan_kernels::cases::{
    Case, Checker, Op, Role, all, linear_bwd_data, linear_bwd_params, linear_fwd,
};
use gan_kernels::cube::{Cube, DeviceName, Precision, Recording};
use gan_kernels::random::{Permutation, Purpose, Stream, unit_open};
use gan_kernels::{
    Advance, Affine, Backend, BackendError, ByteScale, Computed, Execution, FillLatent, GatherRows,
    LimitSpectrum, LinearFwd, Prior, Records, Schedule, StepState, Values,
};

/// The device under test.
fn name() -> DeviceName {
    let name = std::env::var("GAN_DEVICE").unwrap_or_else(|_| "wgpu".into());
    name.parse().unwrap()
}

/// Opens it; `None` says that the test is skipped.
fn cube() -> Option<Cube> {
    match Cube::open(name(), Precision::F32) {
        Ok(cube) => Some(cube),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

fn state(step: u64) -> StepState {
    StepState::without_rates(0x0123_4567_89ab_cdef, step)
}

#[test]
fn cube_f32_all_cases_match_oracle() {
    let Some(cube) = cube() else { return };
    match_oracle(&Checker::new(&cube), all(), "f32");
}

/// Asserts that all of `cases` are right.
fn match_oracle<'a>(
    checker: &Checker<'_, Cube>,
    cases: impl Iterator<Item = &'a Case>,
    what: &str,
) {
    let mismatches = cases.filter_map(|case| checker.check(case).err());
    let failures: Vec<_> = mismatches.map(|mismatch| mismatch.to_string()).collect();
    assert!(failures.is_empty(), "{what}: {}", failures.join("\n"));
}

/// True if a case is a product of several rows of tiles.
fn has_tiles(op: &Op) -> bool {
    match op {
        Op::LinearFwd(linear_fwd::Call { shape, .. })
        | Op::LinearBwdData(linear_bwd_data::Call { shape, .. })
        | Op::LinearBwdParams(linear_bwd_params::Call { shape, .. }) => shape.m >= 100,
        _ => false,
    }
}

#[test]
fn every_tile_matches_oracle() {
    let Some(cube) = cube() else { return };
    let emulated = |precision| Cube::open_emulated(name(), precision).unwrap();
    let mut checked = 0;
    let cubes = [cube, emulated(Precision::Tf32), emulated(Precision::Bf16)];
    for (number, cube) in cubes.into_iter().enumerate() {
        let steps = [16, 32, 64, 128].into_iter().enumerate();
        let tiles =
            steps.flat_map(|(at, step)| (0..Cube::tiles()).map(move |tile| (at, tile, step)));
        // Emulation takes its time: every other pair of a tile and a step under one, the rest under
        // the other.
        let is_asked = |at: usize, tile: usize| number == 0 || (at + tile) % 2 == number % 2;
        for (_, tile, step) in tiles.filter(|(at, tile, _)| is_asked(*at, *tile)) {
            let what = format!("tile {tile} in steps of {step}, {}", cube.description());
            let Some(cube) = cube.clone().with_tile(tile, step) else {
                eprintln!("no room for {what}");
                continue;
            };
            let checker = Checker {
                backend: &cube,
                factor_epsilon: cube.precision().epsilon(),
            };
            let edges = all().filter(|case| case.role == Role::Edge);
            match_oracle(&checker, edges.filter(|case| has_tiles(&case.op)), &what);
            checked += 1;
        }
    }
    // A device with the 32 KiB that nearly all have has room for as many.
    assert!(checked >= 6, "{checked} tiles");
}

#[test]
fn depths_shared_among_cubes_match_oracle() {
    let Some(cube) = cube() else { return };
    let emulated = Cube::open_emulated(name(), Precision::Tf32).unwrap();
    for (cube, shares) in [(&cube, 2), (&cube, 5), (&emulated, 3)] {
        let cube = cube.clone().with_shares(shares);
        let checker = Checker {
            backend: &cube,
            factor_epsilon: cube.precision().epsilon(),
        };
        let edges = all().filter(|case| case.role == Role::Edge);
        let what = format!("{shares} shares, {}", cube.description());
        match_oracle(&checker, edges.filter(|case| case.op.flop() > 0), &what);
    }
}

/// Runs the table on tensor cores, or where the device has none, with their roundings alone.
fn all_cases_match_oracle_in(precision: Precision) {
    if cube().is_none() {
        return;
    }
    let real = Cube::open(name(), precision);
    // Emulation takes its time.
    let is_asked = |case: &&Case| real.is_ok() || case.role == Role::Edge;
    let cube = match &real {
        Ok(cube) => cube.clone(),
        Err(_) => Cube::open_emulated(name(), precision).unwrap(),
    };
    let checker = Checker {
        backend: &cube,
        factor_epsilon: precision.epsilon(),
    };
    eprintln!("on {}", cube.description());
    match_oracle(&checker, all().filter(is_asked), &cube.description());
}

#[test]
fn cube_tf32x3_all_cases_match_oracle() {
    all_cases_match_oracle_in(Precision::Tf32x3);
}

#[test]
fn cube_tf32_all_cases_match_oracle() {
    all_cases_match_oracle_in(Precision::Tf32);
}

#[test]
fn cube_bf16_all_cases_match_oracle() {
    all_cases_match_oracle_in(Precision::Bf16);
}

#[test]
fn cube_f16_all_cases_match_oracle() {
    all_cases_match_oracle_in(Precision::F16);
}

#[test]
fn operations_beside_the_game_replay_their_few_launches_bit_for_bit() {
    let Some(cube) = cube() else { return };
    let checker = Checker::new(&cube);
    for case in all().filter(|case| case.role == Role::Edge) {
        // Their launches are few whatever the shape.
        if !matches!(
            case.op,
            Op::LinearTangent(_)
                | Op::InputPenalty(_)
                | Op::SquaredError(_)
                | Op::Interpolate(_)
                | Op::Repack(_)
                | Op::Average(_)
                | Op::LimitSpectrum(_)
        ) {
            continue;
        }
        let three_times = |backend: &Cube| {
            let mut prepared = checker.prepare(case);
            let mut recording = Recording::default();
            for _ in 0..3 {
                backend.repeat(&mut recording, || prepared.run(backend).unwrap());
            }
            let results = prepared.results(&checker).unwrap();
            let bits: Vec<_> = results.into_iter().map(f64::to_bits).collect();
            let Some(Execution::Replayed { launches } | Execution::Eager { launches }) =
                backend.execution(&recording)
            else {
                panic!("{case}: not executed")
            };
            assert_eq!(launches, case.op.launches(), "{case}");
            bits
        };
        let eager = three_times(&cube.clone().without_recording());
        assert_eq!(three_times(&cube), eager, "{case}");
    }
}

/// What is uploaded while launches are recorded would be uploaded again by every replay.
#[test]
fn recording_that_begins_where_a_block_of_rates_ends_uploads_none() {
    let Some(cube) = cube() else { return };
    let schedule = Schedule {
        slots: Vec::new(),
        records_per_step: 1,
        records: 1,
    };
    let stream = Stream::new(Purpose::Noise, 0, 0);
    let prior = Prior::Uniform;
    // Rates are given for 1,024 iterations at once: here from the first, or from the one before.
    let first = 1022;
    let ends = [0, first].map(|given_at| {
        let mut state = cube.state(state(first));
        cube.upload_rates(&mut state, &schedule, given_at);
        let mut z = cube.matrix(3, 5);
        let mut recording = Recording::default();
        for step in first..first + 5 {
            cube.upload_rates(&mut state, &schedule, step);
            cube.repeat(&mut recording, || {
                cube.fill_latent(FillLatent {
                    z: z.all_mut(),
                    prior,
                    stream,
                    first_row: 0,
                    state: &state,
                });
                cube.advance(Advance {
                    state: &mut state,
                    schedule: &schedule,
                });
            });
        }
        (cube.read(z.all()).unwrap(), cube.execution(&recording))
    });
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn limit_spectrum_of_zero_weights_changes_nothing() {
    let Some(cube) = cube() else { return };
    let (mut w, mut direction) = (cube.matrix(7, 5), cube.matrix(1, 5));
    let before = [0.6, 0.0, -0.8, 0.0, 0.25];
    cube.write(&mut direction, &before);
    cube.limit_spectrum(LimitSpectrum {
        w: &mut w,
        direction: &mut direction,
        limit: 0.5,
    });
    assert_eq!(cube.read(w.all()).unwrap(), [0.0; 35]);
    assert_eq!(cube.read(direction.all()).unwrap(), before);
}

#[test]
fn uniform_latents_are_the_processor_s_bits() {
    let Some(cube) = cube() else { return };
    // A step beyond 32 bits: both of its words count.
    let step = (7 << 32) + 5;
    let stream = Stream::new(Purpose::Noise, 2, 3);
    let state = state(step);
    let mut z = cube.matrix(37, 41);
    cube.fill_latent(FillLatent {
        z: z.all_mut(),
        prior: Prior::Uniform,
        stream,
        first_row: 1000,
        state: &cube.state(state.clone()),
    });
    let address = state.address(stream);
    for (i, found) in cube.read(z.all()).unwrap().into_iter().enumerate() {
        let word = address.word(((1000 + i / 41) * 44 + i % 41) as u64);
        let expected = (2.0 * unit_open(word) - 1.0) * 3.0_f32.sqrt();
        assert_eq!(found.to_bits(), expected.to_bits(), "element {i}");
    }
}

#[test]
fn permutation_is_the_processor_s_at_any_step_and_size() {
    let Some(cube) = cube() else { return };
    // The last position needs more than 32 bits, and the others do not.
    for (records, step) in [
        (1, 0),
        (2, 9),
        (19, 1_000_003),
        (5000, 77),
        (60_007, 1 << 40),
    ] {
        let values = Values::Floats((0..records).map(|record| record as f32).collect());
        let (mut y, state) = (cube.matrix(23, 1), state(step));
        cube.gather_rows(GatherRows {
            records: &cube.resident(Records::new(1, values)),
            y: y.all_mut(),
            rows_per_step: 3 * 23,
            first_row: 2 * 23,
            groups: None,
            dropout: None,
            state: &cube.state(state.clone()),
        });
        let found = cube.read(y.all()).unwrap();
        for (row, found) in found.into_iter().enumerate() {
            let position = (step * 3 + 2) * 23 + row as u64;
            let (epoch, within) = (position / records as u64, position % records as u64);
            let permutation = Permutation::new(state.seed, epoch, records);
            assert_eq!(
                found as usize,
                permutation.at(within as usize),
                "{records}, row {row}"
            );
        }
    }
}

#[test]
fn records_that_are_computed_are_gathered_as_those_in_memory() {
    let Some(cube) = cube() else { return };
    let (rows, cols) = (19, 7);
    let float = |at: usize| (at as f32).sin();
    let floats = move |row: usize, out: &mut [f32]| {
        (0..cols).for_each(|col| out[col] = float(row * cols + col));
    };
    let bytes = move |row: usize, out: &mut [u8]| {
        (0..cols).for_each(|col| out[col] = (row * cols + col) as u8);
    };
    let scale = ByteScale::Uniform(Affine::PIXELS);
    let pairs = [
        [
            Values::Floats((0..rows * cols).map(float).collect()),
            Values::Computed(Computed::new(rows, floats)),
        ],
        [
            Values::Bytes {
                data: (0..rows * cols).map(|at| at as u8).collect(),
                scale: scale.clone(),
            },
            Values::ComputedBytes {
                rows: Computed::new(rows, bytes),
                scale,
            },
        ],
    ];
    for pair in pairs {
        let [held, computed] = pair.map(|values| {
            let mut y = cube.matrix(23, cols);
            cube.gather_rows(GatherRows {
                records: &cube.resident(Records::new(cols, values)),
                y: y.all_mut(),
                rows_per_step: 23,
                first_row: 0,
                groups: None,
                dropout: None,
                state: &cube.state(state(3)),
            });
            cube.read(y.all()).unwrap()
        });
        assert_eq!(held, computed);
    }
}

#[test]
fn records_that_kernels_cannot_count_are_refused() {
    let Some(cube) = cube() else { return };
    let cols = 64 * 64 * 3;
    let rows = (1usize << 32) / cols + 1;
    let values = Values::ComputedBytes {
        rows: Computed::new(rows, |_, _: &mut [u8]| {}),
        scale: ByteScale::Uniform(Affine::PIXELS),
    };
    let _records = cube.resident(Records::new(cols, values));
    let error = cube.read(cube.matrix(1, 1).all()).unwrap_err();
    let BackendError::BufferTooLarge { bytes, largest } = error else {
        panic!("{error}");
    };
    assert_eq!((bytes, largest), ((rows * cols) as u64, 1 << 32));
}

#[test]
fn more_than_65535_cubes_are_split_over_the_grid() {
    let Some(cube) = cube() else { return };
    let state = cube.state(state(0));
    // A cube for each row.
    let rows = 70_001;
    let mut z = cube.matrix(rows, 1);
    let stream = Stream::new(Purpose::Noise, 0, 0);
    let prior = Prior::Uniform;
    cube.fill_latent(FillLatent {
        z: z.all_mut(),
        prior,
        stream,
        first_row: 0,
        state: &state,
    });
    let z = cube.read(z.all()).unwrap();
    assert!(z.iter().all(|&z| z != 0.0));
    // A product of more than 65,535 tiles, one unit of depth and one column.
    let rows = 65_600 * 32;
    let mut x = cube.matrix(rows, 1);
    let (mut w, mut b, mut y) = (cube.matrix(1, 1), cube.matrix(1, 1), cube.matrix(rows, 1));
    let values: Vec<f32> = (0..rows).map(|row| (row % 4099) as f32).collect();
    cube.write(&mut x, &values);
    cube.write(&mut w, &[2.0]);
    cube.write(&mut b, &[1.0]);
    cube.linear_fwd(LinearFwd::affine(x.all(), &w, &b, y.all_mut(), &state));
    let y = cube.read(y.all()).unwrap();
    let wrong = y
        .iter()
        .zip(&values)
        .filter(|&(&y, &x)| y != 2.0 * x + 1.0)
        .count();
    assert_eq!(wrong, 0);
}

#[test]
fn buffer_over_the_device_s_largest_is_an_error_and_nothing_panics() {
    let Some(cube) = cube() else { return };
    let rows = 1 << 24;
    // 2³⁴ bytes and more: no runtime allows one buffer of this size.
    let mut huge = cube.matrix(rows, 1 << 10);
    let state = cube.state(state(0));
    cube.fill_latent(FillLatent {
        z: huge.rows_mut(0, 1),
        prior: Prior::Normal,
        stream: Stream::new(Purpose::Noise, 0, 0),
        first_row: 0,
        state: &state,
    });
    let is_expected = |error: &BackendError| {
        let expected = 4 * (1u64 << 34);
        matches!(error, BackendError::BufferTooLarge { bytes, largest } if *bytes == expected && largest < bytes)
            || matches!(error, BackendError::OutOfMemory { needed, .. } if *needed == expected)
    };
    let error = cube.read(huge.rows(0, 1)).unwrap_err();
    assert!(is_expected(&error), "{error}");
    let error = cube.check().unwrap_err();
    assert!(is_expected(&error), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn rows_that_begin_anywhere_are_read_and_written() {
    let Some(cube) = cube() else { return };
    // Offsets of 5 · 4 bytes and the like, which no runtime takes as those of a buffer.
    let mut matrix = cube.matrix(9, 3);
    let values: Vec<f32> = (0..27).map(|i| i as f32).collect();
    cube.write(&mut matrix, &values);
    assert_eq!(cube.read(matrix.rows(5, 2)).unwrap(), &values[15..21]);
}

#[test]
fn precision_that_the_device_lacks_is_refused_with_those_it_has() {
    let Some(cube) = cube() else { return };
    drop(cube);
    for precision in [Precision::Tf32, Precision::Bf16, Precision::F16] {
        if let Err(error) = Cube::open(name(), precision) {
            assert!(matches!(error, BackendError::Precision { .. }), "{error}");
            assert!(error.to_string().contains("found f32"), "{error}");
        }
    }
}

#[test]
fn device_that_is_not_there_is_an_error_that_names_those_that_are() {
    let missing: DeviceName = "wgpu:99".parse().unwrap();
    let Err(error) = Cube::open(missing, Precision::F32) else {
        panic!("there is a device wgpu:99")
    };
    assert!(matches!(error, BackendError::NoDevice { .. }), "{error}");
    assert!(
        error.to_string().starts_with("no device wgpu:99: found "),
        "{error}"
    );
}
