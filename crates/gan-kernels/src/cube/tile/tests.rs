//! What the CUDA compiler makes of a tile, without a device.

#![allow(clippy::unwrap_used)] // What a test cannot unwrap has failed it.

use std::sync::Arc;

use cubecl::Compiler;
use cubecl::cuda::compiler::{CudaBackend, CudaCompiler};
use cubecl::cuda::{CudaCompilationOptions, CudaRepresentation, CudaRuntime};
use cubecl::ir::features::MmaConfig;
use cubecl::ir::nvidia::SmArch;
use cubecl::ir::{AddressType, ElemType, FloatKind};
use cubecl_server::runtime::Runtime;

use super::*;
use crate::cube::paper::{SHARED, properties};

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
    let mut properties = properties();
    properties.features.matmul.cmma.insert(config);
    let buffer = || BufferCompilationArg { inplace: None };
    let units = CubeDim::new_1d(p.tile.units() as u32);
    let kernel = one_tile::OneTile::new(
        KernelSettings::new(*units, ExecutionMode::Unchecked, AddressType::U32),
        Arc::new(properties),
        Arc::new(CudaRuntime::target_properties()),
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

/// Both ways to tensor cores, of every format: what is asked of PTX, and what is looked for.
fn ways() -> Vec<(Cores, MmaConfig, &'static str)> {
    let float = |kind| ElemType::Float(kind);
    let formats = [
        (Format::Tf32, FloatKind::TF32, 8, "m16n8k8", "m16n16k8"),
        (Format::Tf32x3, FloatKind::TF32, 8, "m16n8k8", "m16n16k8"),
        (Format::Bf16, FloatKind::BF16, 16, "m16n8k16", "m16n16k16"),
        (Format::F16, FloatKind::F16, 16, "m16n8k16", "m16n16k16"),
    ];
    let mut ways = Vec::new();
    for (format, kind, k, registers, fragments) in formats {
        let config = MmaConfig {
            a_type: float(kind),
            b_type: float(kind),
            cd_type: float(FloatKind::F32),
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
        ways.push((Cores::Registers(format), config, registers));
        ways.push((Cores::Fragments(format, fragment), config, fragments));
    }
    ways
}

#[test]
fn every_precision_and_tile_becomes_tensor_core_instructions() {
    for (cores, config, name) in ways() {
        assert!(Product::is_possible(cores, SHARED), "{cores:?}");
        let layouts = [
            (Along::Depth, Along::Free),
            (Along::Depth, Along::Depth),
            (Along::Free, Along::Free),
        ];
        let mut tiles = 0;
        for tile in TILES.into_iter().chain([WHOLE_COLUMNS]) {
            for (a, b) in layouts {
                let p = Product {
                    tile,
                    a,
                    b,
                    extra: Extra::None,
                    cores,
                };
                let Some(p) = p.fitted(SHARED) else { continue };
                tiles += 1;
                let ptx = ptx(p, config);
                let found = ptx.lines().find(|line| line.contains("mma.sync"));
                assert!(found.is_some_and(|line| line.contains(name)), "{found:?}");
                assert!(!ptx.contains(".local"), "{p:?}: an array in local memory");
            }
        }
        assert!(tiles >= 12, "{cores:?}: {tiles} products of 15 have room");
    }
}
