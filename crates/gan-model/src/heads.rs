//! G's heads: from the last layer's scalars and logits to mixed records, and back.

use gan_kernels::random::Stream;
use gan_kernels::{Backend, Head, Heads, HeadsBwd, HeadsFwd, Rows, RowsMut};

use crate::config::HeadsConfig;

/// The heads of G on a device.
pub(crate) struct OutputHeads<B: Backend> {
    /// Those of the records' columns, which a checkpoint tells.
    pub(crate) of_records: Vec<Head>,
    heads: Heads<B>,
    config: HeadsConfig,
}

impl<B: Backend> OutputHeads<B> {
    /// Those of records with these heads.
    pub(crate) fn new(backend: &B, heads: &[Head], config: HeadsConfig) -> Self {
        Self {
            of_records: heads.to_vec(),
            heads: Heads::new(backend, heads),
            config,
        }
    }

    /// Makes records `x` of `z`, what G's last layer made, whose logits become relaxed levels; the
    /// first row is row `first_row` of the noise.
    pub(crate) fn forward(
        &self,
        backend: &B,
        state: &B::State,
        (stream, first_row): (Stream, usize),
        z: RowsMut<'_, B>,
        x: RowsMut<'_, B>,
    ) {
        backend.heads_fwd(HeadsFwd {
            heads: &self.heads,
            z,
            x,
            temperature: self.config.temperature,
            decided: self.config.straight_through,
            stream,
            first_row,
            state,
        });
    }

    /// Turns the gradient by the records `x` into that by what G's last layer made, of which `p` is
    /// left.
    pub(crate) fn backward(&self, backend: &B, p: Rows<'_, B>, x: Rows<'_, B>, dz: RowsMut<'_, B>) {
        backend.heads_bwd(HeadsBwd {
            heads: &self.heads,
            p,
            x,
            dz,
            temperature: self.config.temperature,
        });
    }
}
