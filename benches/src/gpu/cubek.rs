//! The products of cubek-matmul, cubecl's own library, which fuses nothing into them.

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

/// Its name in results.
pub(super) const LIBRARY: &str = "cubek";

/// Factors and result of a product, and the library's fastest routine for it.
pub(super) struct Cubek {
    cube: Cube,
    operands: Operands,
    strategy: Strategy,
    recording: Recording,
    /// Products in a recorded list.
    runs: usize,
    /// Routines that were no choice.
    failed: Vec<String>,
}

/// On the device; factors are there as the precision rounds them, the result is f32.
struct Operands {
    product: Product,
    a: Handle,
    b: Handle,
    c: Handle,
    factors: ElemType,
}

impl Cubek {
    /// Checks each of the library's routines that compute in `precision`, and keeps the fastest.
    ///
    /// # Errors
    /// If none is right, or the device fails.
    pub(super) fn new(
        gpu: &Gpu,
        precision: Precision,
        product: Product,
        runs: usize,
    ) -> Result<Self> {
        let [a, b] = product.values();
        let expected = product.expected(&a, &b);
        let mut found: Option<(f64, Self)> = None;
        let (mut failed, mut reasons) = (Vec::new(), Vec::new());
        for strategy in strategies(precision) {
            let name = strategy.to_string();
            let tried = Self::new_with(gpu, precision, product, [&a, &b], strategy)
                .and_then(|it| it.checked(&expected))
                .and_then(|it| it.recorded(gpu, precision, runs));
            match tried {
                Err(error) => {
                    reasons.push(format!("{name}: {error:#}"));
                    failed.push(name);
                }
                Ok((seconds, it)) => {
                    if found.as_ref().is_none_or(|(best, _)| seconds < *best) {
                        found = Some((seconds, it));
                    }
                    if gpu.quick {
                        break;
                    }
                }
            }
        }
        let (_, fastest) = found.ok_or_else(|| anyhow!("{}", reasons.join("; ")))?;
        Ok(Self { failed, ..fastest })
    }

    fn new_with(
        gpu: &Gpu,
        precision: Precision,
        product: Product,
        [a, b]: [&[f32]; 2],
        strategy: Strategy,
    ) -> Result<Self> {
        // One of its own: what fails here is no failure of ours.
        let cube = gpu.open(precision)?;
        let client = cube.client();
        // What is not written is found.
        let nothing = vec![f32::NAN; product.m * product.n];
        let operands = Operands {
            product,
            a: uploaded(client, precision, a),
            b: uploaded(client, precision, b),
            c: client.create_from_slice(f32::as_bytes(&nothing)),
            factors: elem_type(precision),
        };
        Ok(Self {
            cube,
            operands,
            strategy,
            recording: Recording::default(),
            runs: 1,
            failed: Vec::new(),
        })
    }

    /// The same, if its product is right.
    fn checked(self, expected: &[f64]) -> Result<Self> {
        let (client, Operands { product, c, .. }) = (self.cube.client(), &self.operands);
        self.operands.multiply(client, &self.strategy)?;
        let bytes = client.read_one(c.clone());
        let bytes = bytes.map_err(|error| anyhow!("{error:?}"))?;
        let right = product.check(expected, f32::from_bytes(&bytes));
        right.map_err(|error| anyhow!("wrong: {error}"))?;
        Ok(self)
    }

    /// The same with `runs` products in a recorded list, or launched one by one where that fails;
    /// and a first time.
    fn recorded(mut self, gpu: &Gpu, precision: Precision, runs: usize) -> Result<(f64, Self)> {
        self.runs = runs;
        if self.run(1).is_err() {
            self.cube = gpu.open(precision)?.without_recording();
            self.recording = Recording::default();
            self.run(1)?;
        }
        let seconds = self.run(3)?;
        Ok((seconds, self))
    }

    /// Seconds per product, the mean of `count` lists of them.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn run(&mut self, count: usize) -> Result<f64> {
        let Self {
            cube,
            operands,
            strategy,
            recording,
            runs,
            ..
        } = self;
        let mut failure = Ok(());
        let seconds = mean(cube, count, &mut || {
            cube.repeat(recording, || {
                for _ in 0..*runs {
                    let launched = operands.multiply(cube.client(), strategy);
                    if failure.is_ok() {
                        failure = launched;
                    }
                }
            });
        })?;
        failure?;
        Ok(seconds / *runs as f64)
    }

    /// Its routine, whether it was replayed, and which routines failed.
    #[must_use]
    pub(super) fn how(&self) -> String {
        let how = match self.cube.execution(&self.recording) {
            Some(Execution::Replayed { .. }) => "replayed",
            _ => "launched one by one",
        };
        let failed = self.failed.iter().map(|name| format!(", {name} fails"));
        format!("{}, {how}{}", self.strategy, failed.collect::<String>())
    }
}

impl Operands {
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

/// Of the factors in memory; those that tensor cores round to tf32 are f32 there.
fn elem_type(precision: Precision) -> ElemType {
    match precision {
        Precision::Bf16 => bf16::elem_type_native(),
        Precision::F16 => f16::elem_type_native(),
        _ => f32::elem_type_native(),
    }
}

fn uploaded(client: &Client, precision: Precision, values: &[f32]) -> Handle {
    let words: Vec<u16> = match precision {
        Precision::Bf16 => values
            .iter()
            .map(|&it| bf16::from_f32(it).to_bits())
            .collect(),
        Precision::F16 => values
            .iter()
            .map(|&it| f16::from_f32(it).to_bits())
            .collect(),
        _ => return client.create_from_slice(f32::as_bytes(values)),
    };
    client.create_from_slice(u16::as_bytes(&words))
}
