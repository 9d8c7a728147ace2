//! The cases of [`FillLatent`].

use super::reference::fill_latent;
use super::{FillLatent, Prior};
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding, state};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::random::{Purpose, Stream};
use crate::recorder::Recorder;
use crate::{Backend, BackendError};

pub(crate) const CASES: &[Case] = &[
    case(7, 13, Prior::Uniform, 0),
    case(7, 13, Prior::Normal, 0),
    case(7, 13, Prior::Spherical, 0),
    case(5, 1, Prior::Uniform, 0),
    case(5, 1, Prior::Normal, 0),
    case(5, 1, Prior::Spherical, 0),
    case(3, 131, Prior::Normal, 0).margin(2),
    case(3, 67, Prior::Spherical, 12_345),
    case(101, 43, Prior::Uniform, 1_000_000),
    case(100, 100, Prior::Uniform, 0).paper(),
    case(100, 100, Prior::Normal, 0).paper(),
    case(100, 100, Prior::Spherical, 0).paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::ELEMENTWISE;

const STREAM: Stream = Stream::new(Purpose::Noise, 1, 2);

/// m × n latents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// m.
    pub rows: usize,
    /// n.
    pub cols: usize,
    /// p_z.
    pub prior: Prior,
    /// Row of the address space.
    pub first_row: usize,
}

const fn case(rows: usize, cols: usize, prior: Prior, first_row: usize) -> Case {
    Call {
        rows,
        cols,
        prior,
        first_row,
    }
    .case()
}

impl Operation for Call {
    fn name(&self) -> String {
        let (prior, first_row) = (self.prior, self.first_row);
        format!("{}x{}/{prior:?}+{first_row}", self.rows, self.cols)
    }

    fn bytes(&self) -> u64 {
        4 * (self.rows * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        Box::new(Latent {
            call: *self,
            z: draw.output(self.rows, self.cols),
            state: draw.state(),
        })
    }
}

struct Latent<B: Backend> {
    call: Call,
    z: Operand<B>,
    state: B::State,
}

impl<B: Backend> Operands<B> for Latent<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        backend.fill_latent(FillLatent {
            z: self.z.rows_mut(),
            prior: self.call.prior,
            stream: STREAM,
            first_row: self.call.first_row,
            state: &self.state,
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        Ok(vec![self.z.read("z", checker.backend)?])
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let (
            Call {
                prior, first_row, ..
            },
            z,
        ) = (self.call, &self.z.host);
        let z = fill_latent((z.rows, z.cols), prior, STREAM, first_row, &state());
        // A sine near its zero is as far off as the radius is long.
        let expected = |row, col| Expected::new(z[(row, col)], 6.0);
        vec![found[0].compare(rounding, expected)]
    }
}

impl FillLatent<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        self.z.matrix.storage = 1.0;
        let (rows, cols) = self.check();
        case(rows, cols, self.prior, self.first_row)
    }
}
