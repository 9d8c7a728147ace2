//! The products of cubek-matmul, cubecl's own library, which fuses nothing into them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, anyhow};
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use cubecl::server::Handle;
use cubek_matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek_matmul::launch::launch_ref;
use cubek_matmul::multi_level::Strategy;
use cubek_matmul::multi_level::routines::TileSizeSelection;
use cubek_matmul::multi_level::routines::batch::simple_unit::SimpleUnitSelectionArgs;
use cubek_matmul::routine::BlueprintStrategy;
use cubek_std::InputBinding;
use gan_kernels::cube::{Cube, Precision, Recording};
use gan_kernels::{Backend, Execution};
use half::{bf16, f16};

use super::{Gpu, mean};
use crate::products::Product;

/// A product by the library's fastest routine for it.
pub(super) struct Cubek {
    cube: Cube,
    operands: Operands,
    strategy: Strategy,
    recording: Recording,
    /// Products in a recorded list.
    runs: usize,
    /// Routines that fail here.
    failed: Vec<String>,
}

/// Operands on the device; factors are there as the precision rounds them, the result is f32.
struct Operands {
    product: Product,
    a: Handle,
    b: Handle,
    c: Handle,
    factors: ElemType,
}

impl Cubek {
    /// Checks each of the library's routines that compute in `precision`, and keeps the fastest.
    pub(super) fn new(
        gpu: &Gpu<'_>,
        precision: Precision,
        product: Product,
        runs: usize,
    ) -> Result<Self> {
        let [a, b] = product.values();
        let expected = product.expected(&a, &b);
        let mut fastest: Option<(f64, Self)> = None;
        let (mut failed, mut reasons) = (Vec::new(), Vec::new());
        for strategy in strategies(precision) {
            let name = strategy.to_string();
            // A device of its own: what fails here is no failure of ours.
            let tried = gpu.open(precision).and_then(|cube| {
                let operands = Operands::new(&cube, precision, product, [&a, &b]);
                let it = Self {
                    cube,
                    operands,
                    strategy,
                    recording: Recording::default(),
                    runs,
                    failed: Vec::new(),
                };
                it.checked(&expected)?.warmed_up(gpu, precision)
            });
            match tried {
                Err(error) => {
                    reasons.push(format!("{name}: {error:#}"));
                    failed.push(name);
                }
                Ok((seconds, it)) => {
                    if fastest.as_ref().is_none_or(|(best, _)| seconds < *best) {
                        fastest = Some((seconds, it));
                    }
                    if gpu.quick {
                        break;
                    }
                }
            }
        }
        let (_, fastest) = fastest.ok_or_else(|| anyhow!("{}", reasons.join("; ")))?;
        Ok(Self { failed, ..fastest })
    }

    /// The same, if its product is right.
    fn checked(self, expected: &[f64]) -> Result<Self> {
        let (client, Operands { product, c, .. }) = (self.cube.client(), &self.operands);
        self.operands.multiply(client, &self.strategy)?;
        let bytes = client.read_one(c.clone());
        let bytes = bytes.map_err(|error| anyhow!("{error:?}"))?;
        product.check(expected, f32::from_bytes(&bytes))?;
        Ok(self)
    }

    /// The same with its products recorded, or launched one by one where that fails; and a first
    /// time.
    fn warmed_up(mut self, gpu: &Gpu<'_>, precision: Precision) -> Result<(f64, Self)> {
        if self.run(1).is_err() {
            self.cube = gpu.open(precision)?.without_recording();
            self.recording = Recording::default();
            self.run(1)?;
        }
        let seconds = self.run(3)?;
        Ok((seconds, self))
    }

    /// Seconds per product, the mean of `count` lists of them.
    pub(super) fn run(&mut self, count: usize) -> Result<f64> {
        let (cube, runs) = (&self.cube, self.runs);
        let mut failure = Ok(());
        let seconds = mean(cube, count, &mut || {
            cube.repeat(&mut self.recording, || {
                for _ in 0..runs {
                    let launched = self.operands.multiply(cube.client(), &self.strategy);
                    if failure.is_ok() {
                        failure = launched;
                    }
                }
            });
        })?;
        failure?;
        Ok(seconds / runs as f64)
    }

    /// Its routine, whether it is replayed, and which routines fail.
    pub(super) fn versions(&self) -> BTreeMap<String, String> {
        let execution = match self.cube.execution(&self.recording) {
            Some(Execution::Replayed { .. }) => "replayed",
            _ => "launched one by one",
        };
        let mut versions = BTreeMap::from([
            ("execution".into(), execution.into()),
            ("routine".into(), self.strategy.to_string()),
        ]);
        if !self.failed.is_empty() {
            versions.insert("failing".into(), self.failed.join(", "));
        }
        versions
    }
}

impl Operands {
    fn new(cube: &Cube, precision: Precision, product: Product, [a, b]: [&[f32]; 2]) -> Self {
        let client = cube.client();
        // A result that is not written is found.
        let nothing = vec![f32::NAN; product.m * product.n];
        Self {
            product,
            a: uploaded(client, precision, a),
            b: uploaded(client, precision, b),
            c: client.create_from_slice(f32::as_bytes(&nothing)),
            factors: elem_type(precision),
        }
    }

    fn multiply(&self, client: &Client, strategy: &Strategy) -> Result<()> {
        let Product { m, n, k, .. } = self.product;
        let binding = |handle: &Handle, strides: [usize; 2], shape: [usize; 2]| {
            // SAFETY: the buffers were made for these shapes and strides.
            unsafe { TensorBinding::from_raw_parts(handle.clone(), strides.into(), shape.into()) }
        };
        let a = binding(&self.a, self.product.strides_of_a(), [m, k]);
        let b = binding(&self.b, self.product.strides_of_b(), [k, n]);
        let c = binding(&self.c, [n, 1], [m, n]);
        let mut elems = MatmulElems::from_globals(&MatmulGlobalElems {
            lhs: self.factors,
            rhs: self.factors,
            out: f32::elem_type_native(),
        });
        let launch = || {
            launch_ref(
                &strategy.clone().into(),
                client,
                InputBinding::new(a, self.factors),
                InputBinding::new(b, self.factors),
                c,
                &mut elems,
            )
        };
        // A routine may panic at a shape that it is not made for; others may be.
        let launched = catch_unwind(AssertUnwindSafe(launch));
        let launched = launched.map_err(|_| anyhow!("it panics"))?;
        launched.map_err(|error| anyhow!("{error:?}"))
    }
}

/// Routines that round factors as `precision` does; each takes a compilation to try, so not all.
fn strategies(precision: Precision) -> Vec<Strategy> {
    let smallest = SimpleUnitSelectionArgs {
        tile_size: TileSizeSelection::MinTileSize,
    };
    match precision {
        // Tensor cores would round them.
        Precision::F32 | Precision::Tf32x3 => vec![
            Strategy::SimpleUnit(BlueprintStrategy::default()),
            Strategy::SimpleUnit(BlueprintStrategy::Inferred(smallest)),
            Strategy::DoubleUnit(BlueprintStrategy::default()),
        ],
        _ => vec![
            Strategy::SimpleCyclicCmma(BlueprintStrategy::default()),
            Strategy::SimpleCyclicMma(BlueprintStrategy::default()),
            Strategy::DoubleCyclicCmma(BlueprintStrategy::default()),
            Strategy::OrderedDoubleMma(BlueprintStrategy::default()),
        ],
    }
}

/// The type of the factors in memory; those that tensor cores round to tf32 are f32 there.
fn elem_type(precision: Precision) -> ElemType {
    match precision {
        Precision::Bf16 => bf16::elem_type_native(),
        Precision::F16 => f16::elem_type_native(),
        _ => f32::elem_type_native(),
    }
}

fn uploaded(client: &Client, precision: Precision, values: &[f32]) -> Handle {
    let bits: fn(f32) -> u16 = match precision {
        Precision::Bf16 => |it| bf16::from_f32(it).to_bits(),
        Precision::F16 => |it| f16::from_f32(it).to_bits(),
        _ => return client.create_from_slice(f32::as_bytes(values)),
    };
    let words: Vec<u16> = values.iter().map(|&it| bits(it)).collect();
    client.create_from_slice(u16::as_bytes(&words))
}
