//! What D sees: minibatches of data beside minibatches of samples.
//!
//! Games after 2014 also have several records in one row, and points between data and samples.

use std::ops::Range;

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Activation, Backend, Below, Dropout, Interpolate, Matrix, Repack, Rows, RowsMut,
};

use super::start::Rules;
use crate::mlp::{Layer, Pass};

/// The records of an iteration.
pub(super) struct Minibatches<B: Backend> {
    /// k + 1 minibatches, or k + 2 where G has latents of its own.
    ///
    /// G writes its samples from the second minibatch on.
    /// D's i-th pass has data in minibatch i, gathered over samples that are no longer needed, and
    /// samples in minibatch i + 1.
    x: Matrix<B>,
    /// Rows of a minibatch, or of the part of it that is played at once.
    m: usize,
    /// Records in a row of D's input.
    pack: usize,
    /// D's input, where it is not a part of x.
    copy: Option<Copied<B>>,
    /// The gradient by samples that are packed.
    packed_gradient: Option<Matrix<B>>,
}

/// A copy of some of x for D.
struct Copied<B: Backend> {
    /// Data, samples, and perhaps points between them, packed.
    packed: Matrix<B>,
    /// The points between them, a record a row.
    between: Option<Matrix<B>>,
}

/// A pass of D over minibatches of an iteration.
#[derive(Clone, Copy)]
pub(super) struct DiscriminatorPass {
    /// Index of the pass within the iteration.
    pub(super) index: usize,
    pub(super) over: Over,
}

/// The minibatches that D sees in a pass.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Over {
    /// Data, samples, and the points between them that a penalty may be on.
    Update,
    /// Data and samples.
    DataAndSamples,
    /// Samples.
    Samples,
}

impl<B: Backend> Minibatches<B> {
    /// Room for an iteration on records of `cols` values.
    pub(super) fn new(backend: &B, rules: &Rules, cols: usize) -> Self {
        let (m, pack) = (rules.microbatch, rules.pack);
        let parts = rules.parts();
        Self {
            x: backend.matrix((rules.sample_minibatches() + 1) * m, cols),
            m,
            pack,
            copy: (pack > 1 || parts > 2).then(|| Copied {
                packed: backend.matrix(parts * m / pack, cols * pack),
                between: (parts > 2).then(|| backend.matrix(m, cols)),
            }),
            packed_gradient: (pack > 1).then(|| backend.matrix(m / pack, cols * pack)),
        }
    }

    /// The data of D's pass `index`, to write.
    pub(super) fn data_mut(&mut self, index: usize) -> RowsMut<'_, B> {
        self.x.rows_mut(index * self.m, self.m)
    }

    /// All samples of the iteration, to write.
    pub(super) fn samples_mut(&mut self) -> RowsMut<'_, B> {
        let rows = self.x.row_count();
        self.x.rows_mut(self.m, rows - self.m)
    }

    /// The samples of D's pass, a record a row.
    pub(super) fn samples_of(&self, pass: DiscriminatorPass) -> Rows<'_, B> {
        self.samples_number(pass.index)
    }

    /// The minibatch of samples of this number, from 0.
    pub(super) fn samples_number(&self, number: usize) -> Rows<'_, B> {
        self.x.rows((number + 1) * self.m, self.m)
    }

    /// The rows of D's input that are data and samples.
    pub(super) fn data_and_samples(&self, pass: DiscriminatorPass) -> Range<usize> {
        0..self.samples(pass).end
    }

    /// The rows of D's input that are samples.
    pub(super) fn samples(&self, pass: DiscriminatorPass) -> Range<usize> {
        let rows = self.m / self.pack;
        match pass.over {
            Over::Samples => 0..rows,
            Over::DataAndSamples | Over::Update => rows..2 * rows,
        }
    }

    /// All rows of D's input.
    pub(super) fn rows(&self, pass: DiscriminatorPass) -> Range<usize> {
        let has_between = self
            .copy
            .as_ref()
            .is_some_and(|copy| copy.between.is_some());
        match pass.over {
            Over::Update if has_between => 0..3 * self.m / self.pack,
            _ => self.data_and_samples(pass),
        }
    }

    /// The row of x that is D's first.
    fn first_row(&self, pass: DiscriminatorPass) -> usize {
        match pass.over {
            Over::Samples => (pass.index + 1) * self.m,
            Over::DataAndSamples | Over::Update => pass.index * self.m,
        }
    }

    /// Makes D's input of the iteration's records.
    ///
    /// `microbatch` is the number of the part of the minibatch that this is.
    pub(super) fn prepare(
        &mut self,
        backend: &B,
        state: &B::State,
        pass: DiscriminatorPass,
        microbatch: usize,
    ) {
        let (m, first) = (self.m, self.first_row(pass));
        let seen = self.data_and_samples(pass).len();
        let Some(Copied { packed, between }) = &mut self.copy else {
            return;
        };
        backend.repack(Repack {
            x: self.x.rows(first, seen * self.pack),
            y: packed.rows_mut(0, seen),
        });
        if let (Some(between), Over::Update) = (between, pass.over) {
            backend.interpolate(Interpolate {
                a: self.x.rows(first, m),
                b: self.x.rows(first + m, m),
                y: between.all_mut(),
                stream: Stream::new(Purpose::Interpolation, pass.index, microbatch),
                state,
            });
            backend.repack(Repack {
                x: between.all(),
                y: packed.rows_mut(seen, m / self.pack),
            });
        }
    }

    /// Rows `rows` of D's input.
    pub(super) fn input(&self, pass: DiscriminatorPass, rows: Range<usize>) -> Rows<'_, B> {
        match &self.copy {
            Some(copy) => copy.packed.rows(rows.start, rows.len()),
            None => self.x.rows(self.first_row(pass) + rows.start, rows.len()),
        }
    }

    /// The gradient of the pre-activation of G's last layer, from `dz`, that of D's first layer on
    /// the samples: G's last layer is the layer below D.
    pub(super) fn backward_to_generator(
        &mut self,
        pass: &Pass<'_, B>,
        of: DiscriminatorPass,
        discriminator: &Layer<B>,
        dz: Rows<'_, B>,
        (act, dropout): (Activation, Option<Dropout>),
        dz_below: RowsMut<'_, B>,
    ) {
        let mut packed = self.packed_gradient.take();
        let below = Below {
            y: self.input(of, self.samples(of)),
            act,
            winners: None,
            dropout,
        };
        match &mut packed {
            None => discriminator.backward(pass, dz, below, dz_below),
            Some(packed) => {
                discriminator.backward(pass, dz, below, packed.all_mut());
                let (x, y) = (packed.all(), dz_below);
                pass.backend.repack(Repack { x, y });
            }
        }
        self.packed_gradient = packed;
    }
}
