//! A tile by tensor cores.

use cubecl::prelude::*;

use super::{ALIGNMENT, Along, Fragment, Place, Product, Rounding, Side, Vec4, fetch, put};

/// [`product_beside`] by tensor cores, on factors rounded to `E`.
///
/// Operands wait in shared memory as they lie in global memory, and each fragment is read from
/// there by rows or by columns, so that none is transposed.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn on_cores<E: Float>(
    a: &[Vec4],
    b: &[Vec4],
    extra: &[Vec4],
    stage: &mut [Vec4],
    a_place: &Place,
    b_place: &Place,
    extra_place: &Place,
    depth: usize,
    row0: usize,
    col0: usize,
    #[comptime] p: Product,
    #[comptime] f: Fragment,
) {
    let t = comptime!(p.tile);
    let parts = comptime!(p.cores.parts());
    let (a_side, b_side) = comptime!((p.a(), p.b()));
    let (a_room, b_room) = comptime!((a_side.room() * parts, b_side.room() * parts));
    let groups = comptime!(f.groups(t));
    let plane = UNIT_POS as usize / f.plane;
    let group = plane / comptime!(f.regions(t));
    let region = plane % comptime!(f.regions(t));
    let row = region / comptime!(t.bn / t.pn) * t.pm;
    let col = region % comptime!(t.bn / t.pn) * t.pn;
    let mut a_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(
        comptime!(a_room * t.buffers),
        ALIGNMENT,
    );
    let mut b_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(
        comptime!(b_room * t.buffers),
        ALIGNMENT,
    );

    let mut acc = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _i in 0..comptime!(t.pm / f.m * (t.pn / f.n)) {
        acc.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            f.m,
            f.n,
            f.k,
            cmma::MatrixLayout::Undefined,
            0.0f32,
        ));
    }
    let mut a_next = Array::<Vec4>::new(comptime!(a_side.passes()));
    let mut b_next = Array::<Vec4>::new(comptime!(b_side.passes()));
    fetch(
        a, extra, &mut a_next, a_place, extra_place, row0, 0usize, depth, a_side,
    );
    fetch(
        b, extra, &mut b_next, b_place, extra_place, col0, 0usize, depth, b_side,
    );
    let steps = depth.div_ceil(t.step);
    for step in 0..steps {
        let a_at = step % t.buffers * a_room;
        let b_at = step % t.buffers * b_room;
        put::<E>(&a_next, &mut a_stage, a_at, a_side, Rounding::None, parts);
        put::<E>(&b_next, &mut b_stage, b_at, b_side, Rounding::None, parts);
        sync_cube();
        // Beyond the last step it reads nothing.
        let depth0 = (step + 1) * t.step;
        fetch(
            a, extra, &mut a_next, a_place, extra_place, row0, depth0, depth, a_side,
        );
        fetch(
            b, extra, &mut b_next, b_place, extra_place, col0, depth0, depth, b_side,
        );
        // All units of a plane are in one group, and a plane without a share goes on to wait.
        if group < groups {
            #[unroll]
            for share in 0..comptime!(t.step / f.k / groups) {
                let k = (group * comptime!(t.step / f.k / groups) + share) * f.k;
                let rows = fragments::<E>(&a_stage, a_at, row, k, t.pm, a_side, f, true, parts);
                let columns = fragments::<E>(&b_stage, b_at, col, k, t.pn, b_side, f, false, parts);
                multiply::<E>(&rows, &columns, &acc, t.pm / f.m, t.pn / f.n, parts);
            }
        }
        // With a buffer more, the next step is written beside what others still read.
        if comptime!(t.buffers == 1) {
            sync_cube();
        }
    }
    let c = comptime!(t.vectors());
    if group < groups {
        #[unroll]
        for i in 0..comptime!(t.pm / f.m) {
            #[unroll]
            for j in 0..comptime!(t.pn / f.n) {
                let at = group * c + ((row + i * f.m) * t.bn + col + j * f.n) / 4;
                let end = comptime!(c * groups);
                cmma::store(
                    &mut stage[at..end],
                    acc.index(comptime!(i * (t.pn / f.n) + j)),
                    comptime!(t.bn as u32),
                    cmma::MatrixLayout::RowMajor,
                );
            }
        }
    }
    sync_cube();
    if comptime!(groups > 1) {
        #[unroll]
        for pass in 0..comptime!(c.div_ceil(t.units())) {
            let e = UNIT_POS as usize + pass * comptime!(t.units());
            if e < c {
                let mut sum = stage[e];
                #[unroll]
                for other in 1..groups {
                    sum += stage[e + other * c];
                }
                stage[e] = sum;
            }
        }
        sync_cube();
    }
}

/// Adds the products of a plane's fragments, `down` of A by `across` of B, to its elements.
///
/// Of factors in two parts the small products come first, and that of both small parts not at all.
#[cube]
fn multiply<E: Float>(
    rows: &Sequence<cmma::Matrix<E>>,
    columns: &Sequence<cmma::Matrix<E>>,
    acc: &Sequence<cmma::Matrix<f32>>,
    #[comptime] down: usize,
    #[comptime] across: usize,
    #[comptime] parts: usize,
) {
    #[unroll]
    for i in 0..down {
        #[unroll]
        for j in 0..across {
            let c = acc.index(comptime!(i * across + j));
            if comptime!(parts > 1) {
                let low = rows.index(comptime!(down + i));
                cmma::execute(low, columns.index(j), c, c);
                let low = columns.index(comptime!(across + j));
                cmma::execute(rows.index(i), low, c, c);
            }
            cmma::execute(rows.index(i), columns.index(j), c, c);
        }
    }
}

/// The fragments of a plane's rows of A, or columns of B, from `free` on at depth `k`; of factors
/// in two parts, those of the first and then those of the second.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fragments<E: Float>(
    stage: &[Vector<E, Const<4>>],
    at: usize,
    free: usize,
    k: usize,
    #[comptime] count: usize,
    #[comptime] side: Side,
    #[comptime] f: Fragment,
    #[comptime] is_a: bool,
    #[comptime] parts: usize,
) -> Sequence<cmma::Matrix<E>> {
    let each = comptime!(if is_a { f.m } else { f.n });
    // A's rows and B's columns are what is not summed over.
    let (ident, layout) = comptime!(match (side.along, is_a) {
        (Along::Depth, true) => (cmma::MatrixIdent::A, cmma::MatrixLayout::RowMajor),
        (Along::Free, true) => (cmma::MatrixIdent::A, cmma::MatrixLayout::ColMajor),
        (Along::Depth, false) => (cmma::MatrixIdent::B, cmma::MatrixLayout::ColMajor),
        (Along::Free, false) => (cmma::MatrixIdent::B, cmma::MatrixLayout::RowMajor),
    });
    let mut all = Sequence::<cmma::Matrix<E>>::new();
    #[unroll]
    for part in 0..parts {
        #[unroll]
        for i in 0..comptime!(count / each) {
            let free = free + i * each;
            let at = at + comptime!(part * side.room());
            let first = match side.along {
                Along::Depth => at + free * side.pitch + k / 4,
                Along::Free => at + k * side.pitch + free / 4,
            };
            let end = stage.len();
            // SAFETY: it is loaded before anything reads it.
            let mut fragment =
                unsafe { cmma::Matrix::<E>::uninitialized(ident, f.m, f.n, f.k, layout) };
            cmma::load(
                &mut fragment,
                &stage[first..end],
                comptime!(4 * side.pitch as u32),
            );
            all.push(fragment);
        }
    }
    all
}

/// What the CUDA compiler makes of the kernels, without a device.
#[cfg(all(test, feature = "cuda"))]
mod tests {
    use std::sync::Arc;

    use cubecl::Compiler;
    use cubecl::cuda::compiler::{CudaBackend, CudaCompiler};
    use cubecl::cuda::{CudaCompilationOptions, CudaRepresentation};
    use cubecl::ir::features::{Features, MmaConfig};
    use cubecl::ir::nvidia::SmArch;
    use cubecl::ir::{
        AddressType, DeviceIdentity, ElemType, FloatKind, HardwareProperties,
        MemoryDeviceProperties,
    };

    use super::super::{Cores, Extra, TILES, Tile, product};
    use super::*;

    #[cube(launch_unchecked)]
    fn one_tile(a: &[Vec4], b: &[Vec4], c: &mut [Vec4], #[comptime] p: Product) {
        let place = Place {
            first: 0u32.runtime(),
            stride: 64u32.runtime(),
            free: 256u32.runtime(),
        };
        let mut stage = Shared::<[Vec4]>::new_aligned_slice(comptime!(p.stage()), ALIGNMENT);
        product(a, b, &mut stage, &place, &place, 256u32, 0usize, 0usize, p);
        c[UNIT_POS as usize] = stage[UNIT_POS as usize];
    }

    /// PTX of a product for Hopper.
    fn ptx(p: Product, config: MmaConfig) -> String {
        let hardware = HardwareProperties {
            load_width: 128,
            vector_register_count: None,
            plane_size_min: 32,
            plane_size_max: 32,
            max_bindings: 32,
            max_shared_memory_size: 227 << 10,
            max_cube_count: (i32::MAX as u32, 65_535, 65_535),
            max_units_per_cube: 1024,
            max_cube_dim: (1024, 1024, 64),
            num_streaming_multiprocessors: Some(132),
            num_tensor_cores: None,
            min_tensor_cores_dim: None,
            num_cpu_cores: None,
            last_level_cache_size: None,
            max_vector_size: 16,
            cube_mma_reserved_shared_memory: 0,
        };
        let mut features = Features::default();
        features.matmul.cmma.insert(config);
        let identity = DeviceIdentity {
            name: "none".into(),
            fingerprint: "none".into(),
            physical: None,
        };
        let properties = DeviceProperties::new(
            features,
            MemoryDeviceProperties::new(u64::MAX, 256),
            hardware,
            cubecl::profile::TimingMethod::Device,
            identity,
        );
        let buffer = || BufferCompilationArg { inplace: None };
        let units = CubeDim::new_1d(p.tile.units() as u32);
        let kernel = one_tile::OneTile::new(
            KernelSettings::new(*units, ExecutionMode::Unchecked, AddressType::U32),
            Arc::new(properties),
            Arc::new(TargetProperties::default()),
            buffer(),
            buffer(),
            buffer(),
            p,
        );
        let options = CudaCompilationOptions {
            arch: Some(SmArch::new(90, false)),
            ..Default::default()
        };
        let mut compiler = CudaCompiler::new(CudaBackend::Llvm);
        match compiler.compile(kernel.define(), &options).unwrap() {
            CudaRepresentation::Llvm(module) => {
                // A C string, with the byte that ends it.
                let bytes = module.ptx.iter().map(|&byte| byte as u8);
                String::from_utf8(bytes.take_while(|&byte| byte != 0).collect()).unwrap()
            }
            CudaRepresentation::Cpp(_) => unreachable!("the compiler is LLVM's"),
        }
    }

    #[test]
    fn every_precision_and_tile_becomes_tensor_core_instructions() {
        for (kind, k, cores, name) in [
            (
                FloatKind::TF32,
                8,
                Cores::Tf32 as fn(Fragment) -> Cores,
                "m16n16k8.f32.tf32.tf32",
            ),
            (FloatKind::BF16, 16, Cores::Bf16, "m16n16k16.f32.bf16.bf16"),
            (FloatKind::F16, 16, Cores::F16, "m16n16k16.f32.f32"),
        ] {
            let config = MmaConfig {
                a_type: ElemType::Float(kind),
                b_type: ElemType::Float(kind),
                cd_type: ElemType::Float(FloatKind::F32),
                m: 16,
                n: 16,
                k: k as u32,
            };
            let fragment = Fragment {
                m: 16,
                n: 16,
                k,
                plane: 32,
            };
            for tile in TILES {
                assert!(fragment.divides(tile));
                for (a, b) in [
                    (Along::Depth, Along::Free),
                    (Along::Depth, Along::Depth),
                    (Along::Free, Along::Free),
                ] {
                    let p = Product {
                        tile,
                        a,
                        b,
                        extra: Extra::None,
                        rounding: Rounding::None,
                        cores: cores(fragment),
                    };
                    let ptx = ptx(p, config);
                    let found = ptx.lines().find(|line| line.contains("wmma.mma.sync"));
                    assert!(found.is_some_and(|line| line.contains(name)), "{found:?}");
                    assert!(
                        !ptx.contains(".local"),
                        "{tile:?}: an array in local memory"
                    );
                }
            }
        }
    }
}
