//! A discriminator of one layer learns to tell N(1, 1)³ from N(0, 1)³: forward pass, objective,
//! backward pass and update, fused, on a GPU (`--features wgpu`) or the CPU. V starts at −log 4.
#![allow(clippy::print_stdout)]
#[cfg(feature = "cube")]
use gan_kernels::cube::{Cube, Precision, best_device};
use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{Activation, Backend, BackendError, Below, FillLatent, LinearBwdData, LinearFwd};
use gan_kernels::{LinearBwdParams, LogitLoss, Monitor, Native, Objective, Prior, Rates};
use gan_kernels::{StepState, Update};

fn main() -> Result<(), BackendError> {
    #[cfg(feature = "cube")]
    if let Some(device) = best_device() {
        println!("on {device}");
        return learn(&Cube::open(device, Precision::F32)?);
    }
    learn(&Native::<f32>::new(None)?)
}

#[rustfmt::skip] // One line per operation shows an iteration at a glance.
fn learn<B: Backend<Elem = f32>>(be: &B) -> Result<(), BackendError> {
    let (m, k, act, slot, [mut logits, mut dz]) = (200, 3, Activation::Identity, 0, [(); 2].map(|()| be.matrix(200, 1)));
    let [[mut x, mut dx], [mut w, v_w], [mut b, v_b]] = [(m, k), (k, 1), (1, 1)].map(|(r, c)| [be.matrix(r, c), be.matrix(r, c)]);
    let rates = Rates { learning_rate: 0.5, momentum: 0.5, first_correction: 1.0, second_correction: 1.0 };
    let state = &be.state(StepState { seed: 1, step: 0, rates: vec![rates] });
    let (mut monitors, stream, objective, weight) = (be.monitors(), Stream::new(Purpose::Data, 0, 0), Objective::Discriminator, 1.0);
    let (update, mut moments, max_column_norm) = (Update::Momentum, [[v_w, v_b]], None);
    be.fill_latent(FillLatent { z: x.all_mut(), prior: Prior::Normal, stream, first_row: 0, state });
    let mut points = be.read(x.all())?;
    points[..m / 2 * k].iter_mut().for_each(|x| *x += 1.0);
    be.write(&mut x, &points);
    for step in 0..=20 {
        be.linear_fwd(LinearFwd { x: x.all(), w: &w, b: &b, y: logits.all_mut(), act, winners: None, dropout: None, state });
        be.logit_loss(LogitLoss { logits: logits.all(), objective, weight, dz: dz.all_mut(), monitors: &mut monitors, state });
        be.linear_bwd_data(LinearBwdData { dz: dz.all(), w: &w, below: Below { y: x.all(), act, winners: None, dropout: None }, dz_below: dx.all_mut(), state });
        be.linear_bwd_params(LinearBwdParams { x: x.all(), dz: dz.all(), bias_weights: None, w: &mut w, b: &mut b, moments: &mut moments, update, slot, max_column_norm, state, monitor: None });
        println!("step {step:2}: V = {:.4} nats", -be.take_monitors(&mut monitors)?[Monitor::DiscriminatorObjective]);
    }
    be.read(dx.rows(0, 1)).map(|dx| println!("gradient of the first point: {dx:?}"))
}
