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
    Activation, Backend, Below, InputPenalty, LinearBwdData, LinearBwdParams, LinearFwd,
    LinearTangent, LogitLoss, Matrix, Objective, Penalty, Rows,
};

use super::{Mlp, Pass, Tape, update};

/// What the update keeps beside a tape.
pub(crate) struct Tangents<B: Backend> {
    penalty: Penalty,
    /// The gradient of D's output by itself.
    ones: Matrix<B>,
    /// Gradient of D's output by its input.
    q: Matrix<B>,
    /// The directions c₀, c₁, …, one for each layer's input.
    c: Vec<Matrix<B>>,
}

impl<B: Backend> Tangents<B> {
    /// Room for `rows` rows of what `mlp` sees.
    pub(crate) fn new(backend: &B, mlp: &Mlp<B>, rows: usize, penalty: Penalty) -> Self {
        let mut ones = backend.matrix(rows, 1);
        backend.write(&mut ones, &vec![gan_kernels::Real::ONE; rows]);
        let inputs = mlp.layers.iter().map(|layer| layer.w.row_count());
        let c: Vec<_> = inputs.map(|cols| backend.matrix(rows, cols)).collect();
        Self {
            penalty,
            q: backend.matrix(rows, c.first().map_or(0, Matrix::cols)),
            ones,
            c,
        }
    }
}

impl<B: Backend> Mlp<B> {
    /// The objective on the first `judged` of the pass's rows, the penalty on what it applies to,
    /// and a step of every layer along the gradient of their sum; `x` is what the first layer saw.
    pub(crate) fn update_penalised(
        &mut self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        tangents: &mut Tangents<B>,
        mut step: Step<'_, B>,
    ) {
        self.judge(backend, pass, x, tape, &mut step);
        self.descend_from_output(backend, pass, x, tape, tangents);
        self.ascend(backend, pass, x, tape, tangents, step.monitors);
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let g = if index == last {
                &tangents.ones
            } else {
                &tape.dz[index]
            };
            let held = self.held_bias.as_ref().filter(|_| index == last);
            backend.linear_bwd_params(LinearBwdParams {
                x: tangents.c[index].rows(0, pass.count),
                dz: g.rows(0, pass.count),
                bias_weights: Some(held.unwrap_or(&tape.dz[last]).rows(0, pass.count)),
                w: &mut layer.w,
                b: &mut layer.b,
                update: update(self.optimizer, &mut layer.moments, step.slot),
                state: pass.state,
                monitor: Some((step.monitors, gan_kernels::Monitor::DiscriminatorGradient)),
            });
            layer.limit_spectrum(backend, self.max_spectral_norm);
        }
    }

    /// D's output, and s: of rows that are not judged it stays zero.
    fn judge(
        &self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        step: &mut Step<'_, B>,
    ) {
        let last = self.layers.len() - 1;
        let (hidden, logits) = tape.y.split_at_mut(last);
        backend.linear_fwd(LinearFwd {
            x: hidden.last().map_or(x, |y| y.rows(0, pass.count)),
            w: &self.layers[last].w,
            b: &self.layers[last].b,
            y: logits[0].rows_mut(0, pass.count),
            act: Activation::Identity,
            winners: None,
            dropout: None,
            state: pass.state,
        });
        backend.logit_loss(LogitLoss {
            logits: logits[0].rows(0, step.judged),
            objective: step.objective,
            dz: tape.dz[last].rows_mut(0, step.judged),
            monitors: &mut *step.monitors,
            state: pass.state,
        });
    }

    /// g of every layer below the last, in the tape, and q.
    fn descend_from_output(
        &self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        tangents: &mut Tangents<B>,
    ) {
        let last = self.layers.len() - 1;
        if last > 0 {
            let below = self.below(last, pass, &tape.y, &tape.winners);
            backend.linear_bwd_data(LinearBwdData {
                dz: tangents.ones.rows(0, pass.count),
                w: &self.layers[last].w,
                below,
                dz_below: tape.dz[last - 1].rows_mut(0, pass.count),
                state: pass.state,
            });
            self.backward(backend, pass, tape, last - 1);
        }
        let g = if last == 0 {
            &tangents.ones
        } else {
            &tape.dz[0]
        };
        backend.linear_bwd_data(LinearBwdData {
            dz: g.rows(0, pass.count),
            w: &self.layers[0].w,
            below: Below {
                y: x,
                act: Activation::Identity,
                winners: None,
                dropout: None,
            },
            dz_below: tangents.q.rows_mut(0, pass.count),
            state: pass.state,
        });
    }

    /// c of every layer's input.
    fn ascend(
        &self,
        backend: &B,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &Tape<B>,
        tangents: &mut Tangents<B>,
        monitors: &mut B::Monitors,
    ) {
        let last = self.layers.len() - 1;
        let s = tape.dz[last].rows(0, pass.count);
        backend.input_penalty(InputPenalty {
            x,
            q: tangents.q.rows(0, pass.count),
            s,
            c: tangents.c[0].rows_mut(0, pass.count),
            penalty: tangents.penalty,
            monitors,
        });
        for (index, layer) in self.layers[..last].iter().enumerate() {
            let (c, above) = tangents.c.split_at_mut(index + 1);
            backend.linear_tangent(LinearTangent {
                c: c[index].rows(0, pass.count),
                s,
                w: &layer.w,
                b: &layer.b,
                y: tape.y[index].rows(0, pass.count),
                act: layer.act,
                winners: tape.winners[index].as_ref().map(|w| w.from_row(0)),
                c_above: above[0].rows_mut(0, pass.count),
            });
        }
    }
}

/// What an update under a penalty is made of, beside what the passes left.
pub(crate) struct Step<'a, B: Backend> {
    pub(crate) objective: Objective,
    /// Rows that the objective sees, before those that only the penalty does.
    pub(crate) judged: usize,
    /// Which of the state's rates apply.
    pub(crate) slot: usize,
    pub(crate) monitors: &'a mut B::Monitors,
}
