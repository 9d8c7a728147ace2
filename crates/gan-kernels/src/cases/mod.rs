//! Cases of every operation, and the check that holds a back end to them.
//!
//! The equivalence tests of each back end iterate [`all`], and so does `cargo xtask gradcheck`;
//! the benches take the cases of one iteration from the trainer, by way of the
//! [`Recorder`](crate::Recorder), and check them in the same way before they time them.
//! The rows of an operation are in its `cases.rs`, and what its results should be in its
//! `reference.rs`.
//! [`check`] draws a case's operands by address, runs the operation on any [`Backend`], reads back
//! and compares.
//!
//! They are public for whoever writes a back end, who holds it to the same table:
//!
//! ```
//! use gan_kernels::Native;
//! use gan_kernels::cases::{Checker, Role, all};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = Native::<f32>::new(Some(1))?; // Or your own.
//! let checker = Checker::new(&backend);
//! for case in all().filter(|case| case.op.operation() == "average" && case.role == Role::Edge) {
//!     checker.check(case)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Every tolerance is a number of roundings: an element may differ from the reference by `factor ·
//! ε · magnitude`, where the magnitude is √depth times the sum of the absolute values that were
//! added, carried to first order through what follows the product.
//! Where a device rounds the factors of products, [`Checker::factor_epsilon`] adds to it.

mod case;
pub(crate) mod checker;
mod report;

use std::fmt;

pub use case::{Case, Inputs, Role, Shape, Tolerance};
pub(crate) use case::{HALF, LEAKY, MAXOUT_2, MAXOUT_3, MAXOUT_5, MOST, variant};
pub use checker::{Checker, Prepared};
use checker::{Draw, Operands};
pub use report::{Comparison, Element, Mismatch, Report};

use crate::Backend;
use crate::ops::for_each_operation;

/// A call of one operation: its name, its cost and its operands.
pub(crate) trait Operation {
    /// `m×n×k/variant`.
    fn name(&self) -> String;

    /// Floating-point operations of its products; 0 where there is none.
    fn flop(&self) -> u64 {
        0
    }

    /// Bytes of all operands in f32, each once.
    fn bytes(&self) -> u64;

    /// Kernels that a GPU runs for it.
    fn launches(&self) -> usize {
        1
    }

    /// Its operands, on a device.
    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>>
    where
        Self: Sized;
}

macro_rules! declare {
    ($($module:ident: $Arguments:ident $(-> $Result:ty)?,)*) => {
        $(pub use crate::ops::$module::cases as $module;)*

        /// A call of an operation without its memory: its shapes and its variant.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Op {
            $(
                #[doc = concat!("A call of [`", stringify!($Arguments), "`](crate::", stringify!($Arguments), ").")]
                $Arguments($module::Call),
            )*
        }

        /// Every case: of each operation first the edges, then the shapes of the paper's MNIST
        /// networks.
        pub fn all() -> impl Iterator<Item = &'static Case> + Clone {
            const BY_OPERATION: &[&[Case]] = &[$($module::CASES),*];
            BY_OPERATION.iter().copied().flatten()
        }

        $(
            impl $module::Call {
                /// The usual case of the call.
                pub(crate) const fn case(self) -> Case {
                    Case::new(Op::$Arguments(self), $module::TOLERANCE)
                }
            }
        )*

        impl Op {
            /// The usual case of the call: operands of any value, without margins.
            #[must_use]
            pub fn case(&self) -> Case {
                match self {
                    $(Self::$Arguments(call) => call.case(),)*
                }
            }

            /// The name of the operation.
            #[must_use]
            pub fn operation(&self) -> &'static str {
                match self {
                    $(Self::$Arguments(_) => stringify!($module),)*
                }
            }

            fn call(&self) -> &dyn Operation {
                match self {
                    $(Self::$Arguments(call) => call,)*
                }
            }

            fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
                match self {
                    $(Self::$Arguments(call) => call.prepare(draw),)*
                }
            }
        }
    };
}
for_each_operation!(declare);

impl Op {
    /// Floating-point operations of the products; 0 where there is none.
    #[must_use]
    pub fn flop(&self) -> u64 {
        self.call().flop()
    }

    /// Bytes that must move if no operand is in a cache: every operand of the operation once, in
    /// f32.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.call().bytes()
    }

    /// Kernels that a GPU runs for it.
    #[must_use]
    pub fn launches(&self) -> usize {
        self.call().launches()
    }
}

/// `op/m×n×k/variant`.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.operation(), self.call().name())
    }
}

/// Checks `case` on `backend` with the rounding of the element type.
///
/// # Errors
/// If a result is off, or the device fails.
pub fn check<B: Backend>(backend: &B, case: &Case) -> Result<(), Mismatch> {
    Checker::new(backend).check(case)
}
