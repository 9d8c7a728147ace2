//! A discriminator of one layer learns to tell N(1, 1)³ from N(0, 1)³: forward pass, objective,
//! backward pass and update, one fused operation each. V starts at −log 4, where D is 1/2.
#![allow(clippy::print_stdout)]

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{Activation, Backend, BackendError, Below, FillLatent, LinearBwdData};
use gan_kernels::{LinearBwdParams, LinearFwd, LogitLoss, Monitor, Native, Objective, Prior};
use gan_kernels::{Rates, StepState, Update};

#[rustfmt::skip] // One line per operation shows an iteration at a glance.
fn main() -> Result<(), BackendError> {
    let be = Native::<f32>::new(None)?;
    let (m, k, n, act, slot) = (200, 3, 1, Activation::Identity, 0);
    let [mut x, mut dz_below] = [(); 2].map(|()| be.matrix(m, k));
    let [mut logits, mut dz] = [(); 2].map(|()| be.matrix(m, n));
    let [mut w, mut v_w] = [(); 2].map(|()| be.matrix(k, n));
    let [mut b, mut v_b] = [(); 2].map(|()| be.matrix(1, n));
    let mut monitors = be.monitors();
    let rates = Rates { learning_rate: 0.5, momentum: 0.5, first_correction: 1.0, second_correction: 1.0 };
    let state = &be.state(StepState { seed: 1, step: 0, rates: vec![rates] });
    let (prior, stream) = (Prior::Normal, Stream::new(Purpose::Data, 0, 0));
    be.fill_latent(FillLatent { z: x.all_mut(), prior, stream, first_row: 0, state });
    let mut points = be.read(x.all())?;
    points[..m / 2 * k].iter_mut().for_each(|x| *x += 1.0);
    be.write(&mut x, &points);
    for step in 0..=20 {
        let (objective, monitors) = (Objective::Discriminator { weight: 1.0 }, &mut monitors);
        be.linear_fwd(LinearFwd { x: x.all(), w: &w, b: &b, y: logits.all_mut(), act, winners: None, dropout: None, state });
        be.logit_loss(LogitLoss { logits: logits.all(), objective, dz: dz.all_mut(), monitors, state });
        let below = Below { y: x.all(), act, winners: None, dropout: None };
        be.linear_bwd_data(LinearBwdData { dz: dz.all(), w: &w, below, dz_below: dz_below.all_mut(), state });
        let update = Update::Momentum { velocity: [&mut v_w, &mut v_b], slot, max_column_norm: None };
        be.linear_bwd_params(LinearBwdParams { x: x.all(), dz: dz.all(), w: &mut w, b: &mut b, update, state, monitor: None });
        let value = -be.take_monitors(monitors)?[Monitor::DiscriminatorObjective];
        println!("step {step:2}: V = {value:.4} nats");
    }
    println!("gradient of the first point: {:?}", be.read(dz_below.rows(0, 1))?);
    Ok(())
}
