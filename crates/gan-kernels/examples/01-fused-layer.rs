//! A discriminator of one layer learns to tell N(1, 1)³ from N(0, 1)³: forward pass, objective,
//! backward pass and update, fused, on a GPU (`--features wgpu`) or the CPU. V starts at −log 4.
#![allow(clippy::print_stdout)]

#[cfg(feature = "cube")]
use gan_kernels::cube::{Cube, Precision, best_device};
use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Backend, BackendError, Below, FillLatent, LinearBwdData, LinearBwdParams, LinearFwd, LogitLoss,
    Monitor, Native, Objective, Prior, Rates, StepState, Update,
};

/// Rows of the minibatch: the first half is data, the second samples.
const ROWS: usize = 200;
/// Values of a row.
const COLS: usize = 3;

fn main() -> Result<(), BackendError> {
    #[cfg(feature = "cube")]
    if let Some(device) = best_device() {
        println!("on {device}");
        return learn(&Cube::open(device, Precision::F32)?);
    }
    learn(&Native::<f32>::new(None)?)
}

fn learn<B: Backend<Elem = f32>>(backend: &B) -> Result<(), BackendError> {
    let state = backend.state(StepState {
        seed: 1,
        step: 0,
        rates: vec![Rates::constant(0.5, 0.5)],
    });

    // Normal points, of which the first half is moved to a mean of 1.
    let mut x = backend.matrix(ROWS, COLS);
    backend.fill_latent(FillLatent {
        z: x.all_mut(),
        prior: Prior::Normal,
        stream: Stream::new(Purpose::Data, 0, 0),
        first_row: 0,
        state: &state,
    });
    let mut points = backend.read(x.all())?;
    for value in &mut points[..ROWS / 2 * COLS] {
        *value += 1.0;
    }
    backend.write(&mut x, &points);

    // D of one layer, whose logit starts at 0 everywhere, and the velocities of its parameters.
    let mut w = backend.matrix(COLS, 1);
    let mut b = backend.matrix(1, 1);
    let mut velocities = [[backend.matrix(COLS, 1), backend.matrix(1, 1)]];

    let mut logits = backend.matrix(ROWS, 1);
    let mut dz = backend.matrix(ROWS, 1);
    let mut dx = backend.matrix(ROWS, COLS);
    let mut monitors = backend.monitors();
    for step in 0..=20 {
        backend.linear_fwd(LinearFwd::affine(x.all(), &w, &b, logits.all_mut(), &state));
        backend.logit_loss(LogitLoss {
            logits: logits.all(),
            objective: Objective::Discriminator,
            weight: 1.0,
            dz: dz.all_mut(),
            monitors: &mut monitors,
            state: &state,
        });
        // Down to the points, where a generator's backward pass would go on.
        backend.linear_bwd_data(LinearBwdData {
            dz: dz.all(),
            w: &w,
            below: Below::linear(x.all()),
            dz_below: dx.all_mut(),
            state: &state,
        });
        backend.linear_bwd_params(LinearBwdParams {
            moments: &mut velocities,
            update: Update::Momentum,
            ..LinearBwdParams::gradient(x.all(), dz.all(), &mut w, &mut b, &state)
        });
        let sums = backend.take_monitors(&mut monitors)?;
        println!(
            "step {step:2}: V = {:.4} nats",
            -sums[Monitor::DiscriminatorObjective]
        );
    }
    let gradient = backend.read(dx.rows(0, 1))?;
    println!("gradient of the first point: {gradient:?}");
    Ok(())
}
