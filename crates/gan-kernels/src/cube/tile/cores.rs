//! A tile by tensor cores.

use cubecl::prelude::*;

use super::{ALIGNMENT, Along, Extra, Place, Product, Rounding, Tile, Vec4, load};

/// What a plane's tensor cores multiply at once: `m × k` by `k × n` elements.
#[derive_cube_comptime]
pub(crate) struct Fragment {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Units of a plane.
    pub(crate) plane: usize,
}

/// Vectors that each row of an operand is longer in shared memory, for tensor cores.
///
/// Eight elements keep every row at a multiple of 16 bytes, in other banks than its neighbours.
const CORES_PADDING: usize = 2;

impl Fragment {
    /// Fragments of a tile.
    const fn count(&self, t: Tile) -> usize {
        t.bm / self.m * (t.bn / self.n)
    }

    /// Fragments of one plane.
    const fn per_plane(&self, t: Tile) -> usize {
        self.count(t).div_ceil(t.units() / self.plane)
    }

    /// Groups of planes, each of which takes its share of the depth of every step.
    pub(super) const fn groups(&self, t: Tile) -> usize {
        let planes = t.units() / self.plane * self.per_plane(t) / self.count(t);
        let shares = t.step() / self.k;
        if planes < shares { planes } else { shares }
    }

    /// Whether fragments and groups divide the tile, its depth and its units.
    pub(crate) const fn divides(&self, t: Tile) -> bool {
        let Self { m, n, k, plane } = *self;
        t.bm.is_multiple_of(m)
            && t.bn.is_multiple_of(n)
            && t.step().is_multiple_of(k)
            && m.is_multiple_of(4)
            && n.is_multiple_of(4)
            && k.is_multiple_of(4)
            && t.units().is_multiple_of(plane)
            && self.count(t).is_multiple_of(self.per_plane(t))
            && (t.step() / k).is_multiple_of(self.groups(t))
    }
}

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
    let groups = comptime!(f.groups(t));
    let per_plane = comptime!(f.per_plane(t));
    let across = comptime!(t.bn / f.n);
    let plane = UNIT_POS as usize / f.plane;
    let group = plane / comptime!(f.count(t) / per_plane);
    let first = plane % comptime!(f.count(t) / per_plane) * per_plane;
    let mut a_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(
        comptime!(t.room(p.a, t.bm, CORES_PADDING)),
        ALIGNMENT,
    );
    let mut b_stage = Shared::<[Vector<E, Const<4>>]>::new_aligned_slice(
        comptime!(t.room(p.b, t.bn, CORES_PADDING)),
        ALIGNMENT,
    );

    let mut acc = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _i in 0..per_plane {
        acc.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            f.m,
            f.n,
            f.k,
            cmma::MatrixLayout::Undefined,
            0.0f32,
        ));
    }
    let steps = depth.div_ceil(comptime!(t.step()));
    for step in 0..steps {
        let depth0 = step * comptime!(t.step());
        load::<E>(
            a,
            extra,
            &mut a_stage,
            0usize,
            a_place,
            extra_place,
            row0,
            depth0,
            depth,
            p.a,
            t.bm,
            CORES_PADDING,
            t,
            p.extra,
            Rounding::None,
        );
        load::<E>(
            b,
            extra,
            &mut b_stage,
            0usize,
            b_place,
            extra_place,
            col0,
            depth0,
            depth,
            p.b,
            t.bn,
            CORES_PADDING,
            t,
            Extra::None,
            Rounding::None,
        );
        sync_cube();
        // All units of a plane are in one group, and a plane without a share goes on to wait.
        if group < groups {
            #[unroll]
            for share in 0..comptime!(t.step() / f.k / groups) {
                let k4 = (group * comptime!(t.step() / f.k / groups) + share) * comptime!(f.k / 4);
                #[unroll]
                for i in 0..per_plane {
                    let row4 = (first + i) / across * comptime!(f.m / 4);
                    let col4 = (first + i) % across * comptime!(f.n / 4);
                    let a =
                        fragment_of::<E>(&a_stage, row4, k4, t.bm, t, f, p.a, cmma::MatrixIdent::A);
                    let b =
                        fragment_of::<E>(&b_stage, col4, k4, t.bn, t, f, p.b, cmma::MatrixIdent::B);
                    let c = acc.index(i);
                    cmma::execute(&a, &b, c, c);
                }
            }
        }
        sync_cube();
    }
    let c = comptime!(t.bm * t.bn / 4);
    if group < groups {
        #[unroll]
        for i in 0..per_plane {
            let row = (first + i) / across * f.m;
            let col4 = (first + i) % across * comptime!(f.n / 4);
            let at = group * c + row * comptime!(t.bn / 4) + col4;
            let end = comptime!(c * groups);
            cmma::store(
                &mut stage[at..end],
                acc.index(i),
                comptime!(t.bn as u32),
                cmma::MatrixLayout::RowMajor,
            );
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

/// The fragment of an operand in shared memory that begins at row or column `free4` and depth
/// `k4`, both in fours.
#[cube]
#[allow(clippy::too_many_arguments)]
fn fragment_of<E: Float>(
    stage: &[Vector<E, Const<4>>],
    free4: usize,
    k4: usize,
    #[comptime] free_size: usize,
    #[comptime] t: Tile,
    #[comptime] f: Fragment,
    #[comptime] along: Along,
    #[comptime] ident: cmma::MatrixIdent,
) -> cmma::Matrix<E> {
    let (rows, width) = comptime!(t.staged(along, free_size));
    let pitch = comptime!(width + CORES_PADDING);
    let at = match along {
        Along::Depth => free4 * 4 * pitch + k4,
        Along::Free => k4 * 4 * pitch + free4,
    };
    // A's rows and B's columns are what is not summed over.
    let layout = comptime!(match (along, ident == cmma::MatrixIdent::A) {
        (Along::Depth, true) | (Along::Free, false) => cmma::MatrixLayout::RowMajor,
        (Along::Depth, false) | (Along::Free, true) => cmma::MatrixLayout::ColMajor,
    });
    let end = comptime!(rows * pitch);
    // SAFETY: it is loaded before anything reads it.
    let mut fragment = unsafe { cmma::Matrix::<E>::uninitialized(ident, f.m, f.n, f.k, layout) };
    let rest = &stage[at..end];
    cmma::load(&mut fragment, rest, comptime!(4 * pitch as u32));
    fragment
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

    use super::super::{Cores, product};
    use super::*;
    use crate::cube::launch::TILES;

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
