//! D's last layer with the loss on its logit, and the gradient of both.

use gan_kernels::{Backend, LinearLogitLoss, Objective, Rows};

use super::{Mlp, Pass, Tape};

/// The loss that a player minimises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) objective: Objective,
    /// Factor of the objective.
    pub(crate) weight: f64,
}

impl Loss {
    /// The same, `factor` times as large.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        let weight = self.weight * factor;
        Self { weight, ..self }
    }
}

impl<B: Backend> Mlp<B> {
    /// Runs the last layer, whose output is one logit a row, and the loss on it; leaves the
    /// gradient of every layer's pre-activation in the tape.
    ///
    /// `x` is the first layer's input.
    pub(crate) fn loss_and_gradient(
        &self,
        pass: &Pass<'_, B>,
        x: Rows<'_, B>,
        tape: &mut Tape<B>,
        loss: Loss,
        monitors: &mut B::Monitors,
    ) {
        let (first, rows) = (pass.rows.start, pass.rows.len());
        let last = self.layers.len() - 1;
        let (hidden, logits) = tape.y.split_at_mut(last);
        let (dz_below, dz) = tape.dz.split_at_mut(last);
        let below = dz_below.last_mut().map(|dz| {
            let below = self.below(last, pass, hidden, &tape.winners);
            (below, dz.rows_mut(0, rows))
        });
        pass.backend.linear_logit_loss(LinearLogitLoss {
            x: hidden.last().map_or(x, |y| y.rows(first, rows)),
            w: &self.layers[last].w,
            b: &self.layers[last].b,
            logits: logits[0].rows_mut(first, rows),
            objective: loss.objective,
            weight: loss.weight,
            dz: dz[0].rows_mut(0, rows),
            below,
            monitors,
            state: pass.state,
        });
        self.backward_from(last.saturating_sub(1), pass, tape);
    }
}
