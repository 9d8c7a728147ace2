//! D's update under a penalty on its gradient by its input: twice up and once down.
//!
//! Row i of a minibatch adds `f_i(l_i)` to the objective, with slope s_i in D's output l_i, and
//! `p(‖q_i‖)` to the penalty, with q = ∂l/∂x.
//! D's layers are linear pieces, so that for almost every x its backward pass from l is the same
//! linear map around x: with `g_l` the gradient of l by the pre-activation of layer l, which is the
//! backward pass of 1,
//!
//! ```text
//!     q   = g₁·W₁ᵀ                                          down
//!     c₀  = s ⊙ x + ∂P/∂q
//!     c_l = φ′_l ⊙ (c_{l−1}·W_l + s·b_lᵀ)                   up again
//!     dW_l = c_{l−1}ᵀ·g_l        db_l = sᵀ·g_l
//! ```
//!
//! is the gradient of objective and penalty at once (docs/numerics.md): c is s ⊙ y, which the
//! objective alone would need, plus what the penalty adds along the same way.

use gan_kernels::{
    Backend, Below, Given, InputPenalty, LinearBwdParams, LinearTangent, LogitLoss, Matrix,
    Penalty, PlaceConditions, Real, Rows,
};

use super::{Loss, Mlp, Pass, Tape};

/// Room that the update needs beside a tape.
pub(crate) struct Tangents<B: Backend> {
    penalty: Penalty,
    /// The gradient of D's output by itself.
    ones: Matrix<B>,
    /// Gradient of D's output by its input, of the rows that the penalty is on.
    q: Matrix<B>,
    /// The places of conditions in D's input: what they are is not up to a record, so that D may be as
    /// steep in them as it likes.
    given: Option<Given<B>>,
    /// The directions c₀, c₁, …, one for each layer's input.
    c: Vec<Matrix<B>>,
}

impl<B: Backend> Tangents<B> {
    /// Room for `rows` rows of what `mlp` sees, where some places of it may be conditions.
    pub(crate) fn new(
        backend: &B,
        mlp: &Mlp<B>,
        rows: usize,
        penalty: Penalty,
        given: Option<Given<B>>,
    ) -> Self {
        let mut ones = backend.matrix(rows, 1);
        backend.write(&mut ones, &vec![Real::ONE; rows]);
        let inputs = mlp.layers.iter().map(|layer| layer.w.row_count());
        let c: Vec<_> = inputs.map(|cols| backend.matrix(rows, cols)).collect();
        Self {
            penalty,
            q: backend.matrix(rows, mlp.inputs()),
            given,
            ones,
            c,
        }
    }
}

/// The operands of an update under a penalty, beside D.
pub(crate) struct PenalisedUpdate<'a, B: Backend> {
    /// The pass that D's hidden layers have done.
    pub(crate) pass: Pass<'a, B>,
    /// The first layer's input.
    pub(crate) x: Rows<'a, B>,
    pub(crate) tape: &'a mut Tape<B>,
    pub(crate) tangents: &'a mut Tangents<B>,
    pub(crate) loss: Loss,
    /// Rows that the loss is of, before those that only the penalty is of.
    pub(crate) loss_rows: usize,
    /// Index of the rates in the state.
    pub(crate) slot: usize,
}

impl<B: Backend> PenalisedUpdate<'_, B> {
    /// Takes the gradient of loss and penalty to every layer of `mlp`.
    pub(crate) fn prepare(&mut self, mlp: &Mlp<B>, monitors: &mut B::Monitors) {
        self.output_and_slope(mlp, monitors);
        self.descend_from_output(mlp);
        self.ascend_to_output(mlp, monitors);
    }

    /// The operations that step the layers of `mlp`, once it is [prepared](Self::prepare).
    pub(crate) fn updates<'a>(
        &'a self,
        mlp: &'a mut Mlp<B>,
    ) -> impl Iterator<Item = LinearBwdParams<'a, B>> {
        let (rows, last) = (self.pass.rows.len(), mlp.layers.len() - 1);
        let (optimizer, held_bias) = (mlp.optimizer, mlp.held_bias.as_ref());
        mlp.layers
            .iter_mut()
            .enumerate()
            .map(move |(index, layer)| {
                let (g, held) = match index == last {
                    true => (&self.tangents.ones, held_bias),
                    false => (&self.tape.dz[index], None),
                };
                let bias_weights = Some(held.unwrap_or(&self.tape.dz[last]).rows(0, rows));
                let (c, g) = (self.tangents.c[index].rows(0, rows), g.rows(0, rows));
                layer.update(&self.pass, c, g, bias_weights, optimizer, self.slot)
            })
    }

    /// D's output, and s: of rows that the loss is not of it stays zero.
    fn output_and_slope(&mut self, mlp: &Mlp<B>, monitors: &mut B::Monitors) {
        let (pass, rows) = (&self.pass, self.pass.rows.len());
        let last = mlp.layers.len() - 1;
        let (hidden, logits) = self.tape.y.split_at_mut(last);
        let x = hidden.last().map_or(self.x, |y| y.rows(0, rows));
        mlp.layers[last].forward(pass, x, logits[0].rows_mut(0, rows), None, None);
        pass.backend.logit_loss(LogitLoss {
            logits: logits[0].rows(0, self.loss_rows),
            objective: self.loss.objective,
            weight: self.loss.weight,
            dz: self.tape.dz[last].rows_mut(0, self.loss_rows),
            monitors,
            state: pass.state,
        });
    }

    /// g of every layer below the last, in the tape, and q where the penalty needs it.
    fn descend_from_output(&mut self, mlp: &Mlp<B>) {
        let (pass, rows) = (&self.pass, self.pass.rows.len());
        let (tape, tangents) = (&mut *self.tape, &mut *self.tangents);
        let last = mlp.layers.len() - 1;
        if last > 0 {
            let below = mlp.below(last, pass, &tape.y, &tape.winners);
            let dz_below = tape.dz[last - 1].rows_mut(0, rows);
            mlp.layers[last].backward(pass, tangents.ones.rows(0, rows), below, dz_below);
            mlp.backward_from(last - 1, pass, tape);
        }
        let g = if last > 0 {
            &tape.dz[0]
        } else {
            &tangents.ones
        };
        // Of rows that the penalty is not on q stays zero: it is multiplied by zero.
        let on = tangents.penalty.rows(rows);
        if !on.is_empty() {
            let (first, count) = (on.start, on.len());
            // Of what is linear the shape alone matters.
            let input = Below::linear(tangents.c[0].rows(first, count));
            let q = tangents.q.rows_mut(first, count);
            mlp.layers[0].backward(pass, g.rows(first, count), input, q);
        }
        if let Some(given) = &tangents.given {
            pass.backend.place_conditions(PlaceConditions {
                given,
                x: None,
                y: tangents.q.rows_mut(0, rows),
            });
        }
    }

    /// c of every layer's input.
    fn ascend_to_output(&mut self, mlp: &Mlp<B>, monitors: &mut B::Monitors) {
        let (pass, rows) = (&self.pass, self.pass.rows.len());
        let (tape, tangents) = (&*self.tape, &mut *self.tangents);
        let last = mlp.layers.len() - 1;
        let s = tape.dz[last].rows(0, rows);
        pass.backend.input_penalty(InputPenalty {
            x: self.x,
            q: tangents.q.rows(0, rows),
            s,
            c: tangents.c[0].rows_mut(0, rows),
            penalty: tangents.penalty,
            monitors,
        });
        for (index, layer) in mlp.layers[..last].iter().enumerate() {
            let (c, above) = tangents.c.split_at_mut(index + 1);
            pass.backend.linear_tangent(LinearTangent {
                c: c[index].rows(0, rows),
                s,
                w: &layer.w,
                b: &layer.b,
                y: tape.y[index].rows(0, rows),
                act: layer.act,
                winners: tape.winners[index].as_ref().map(|w| w.from_row(0)),
                c_above: above[0].rows_mut(0, rows),
            });
        }
    }
}
