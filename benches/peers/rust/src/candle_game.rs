//! The game in candle, by its backpropagation on the processor.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::ops::sigmoid;

use crate::Result;
use crate::start::{COLS, KEEP, LATENT, Layer, M, PIECES, PIXELS, Start, UNITS, rates};

/// A layer's parameters and their velocities.
struct Linear {
    theta: [Var; 2],
    velocity: [Tensor; 2],
}

impl Linear {
    fn new(layer: &Layer) -> Result<Self> {
        let Layer { rows, cols, .. } = *layer;
        let [w, b, vw, vb] = &layer.arrays;
        let tensor = |values: &[f32], rows| Tensor::from_slice(values, (rows, cols), &Device::Cpu);
        Ok(Self {
            theta: [
                Var::from_tensor(&tensor(w, rows)?)?,
                Var::from_tensor(&tensor(b, 1)?)?,
            ],
            velocity: [tensor(vw, rows)?, tensor(vb, 1)?],
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.matmul(&self.theta[0])?.broadcast_add(&self.theta[1])?)
    }

    /// The same without a way back to the parameters.
    fn pass(&self, x: &Tensor) -> Result<Tensor> {
        let [w, b] = [0, 1].map(|part| self.theta[part].as_detached_tensor());
        Ok(x.matmul(&w)?.broadcast_add(&b)?)
    }
}

pub struct CandleGame {
    generator: Vec<Linear>,
    discriminator: Vec<Linear>,
    data: Tensor,
    step: u64,
}

impl CandleGame {
    pub fn new(start: &Start) -> Result<Self> {
        let player = |layers: &[Layer]| layers.iter().map(Linear::new).collect::<Result<_>>();
        let shape = (start.data.len() / PIXELS, PIXELS);
        Ok(Self {
            generator: player(&start.generator)?,
            discriminator: player(&start.discriminator)?,
            data: Tensor::from_slice(&start.data, shape, &Device::Cpu)?,
            step: start.step,
        })
    }

    pub fn iterate(&mut self, start: &Start, given: Option<usize>) -> Result<[f32; 2]> {
        let rates = rates(self.step);
        self.step += 1;
        let z = latents(start, given)?;
        let x = self.minibatch(start, given)?;

        let mut h = z.narrow(0, 0, M)?;
        for layer in &self.generator[..2] {
            h = layer.pass(&h)?.relu()?;
        }
        let samples = sigmoid(&self.generator[2].pass(&h)?)?;
        let logits = self.logits(
            &Tensor::cat(&[x, samples], 0)?,
            &masks(start, given, 0)?,
            Linear::forward,
        )?;
        let data = softplus(&logits.narrow(0, 0, M)?.neg()?)?.mean_all()?;
        let loss_d = (data + softplus(&logits.narrow(0, M, M)?)?.mean_all()?)?;
        descend(&mut self.discriminator, &loss_d, rates)?;

        let mut h = z.narrow(0, M, M)?;
        for layer in &self.generator[..2] {
            h = layer.forward(&h)?.relu()?;
        }
        let fresh = sigmoid(&self.generator[2].forward(&h)?)?;
        let logits = self.logits(&fresh, &masks(start, given, 1)?, Linear::pass)?;
        let loss_g = softplus(&logits.neg()?)?.mean_all()?;
        descend(&mut self.generator, &loss_g, rates)?;
        Ok([loss_d.to_scalar()?, loss_g.to_scalar()?])
    }

    fn logits(
        &self,
        x: &Tensor,
        masks: &[Tensor],
        linear: fn(&Linear, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let rows = x.dims()[0];
        let mut h = x.clone();
        for (layer, mask) in self.discriminator[..2].iter().zip(masks) {
            let z = linear(layer, &(h * mask)?)?;
            h = z.reshape((rows, PIECES, UNITS))?.max(1)?;
        }
        linear(&self.discriminator[2], &(h * &masks[2])?)
    }

    fn minibatch(&self, start: &Start, given: Option<usize>) -> Result<Tensor> {
        let rows = match given {
            Some(i) => Tensor::from_slice(start.rows(i), M, &Device::Cpu)?,
            None => {
                let all = self.data.dims()[0] as f32;
                Tensor::rand(0f32, all, M, &Device::Cpu)?.to_dtype(DType::U32)?
            }
        };
        let x = self.data.index_select(&rows, 0)?.to_dtype(DType::F32)?;
        Ok((x * (1.0 / 255.0))?)
    }
}

fn latents(start: &Start, given: Option<usize>) -> Result<Tensor> {
    let shape = (2 * M, LATENT);
    let bound = 3f32.sqrt();
    Ok(match given {
        Some(i) => Tensor::from_slice(start.latents(i), shape, &Device::Cpu)?,
        None => Tensor::rand(-bound, bound, shape, &Device::Cpu)?,
    })
}

/// Masks of D's own pass, 0, or of G's, 1, as 0 and 1 / keep.
fn masks(start: &Start, given: Option<usize>, pass: usize) -> Result<Vec<Tensor>> {
    let mask = |layer: usize| {
        let shape = ((2 - pass) * M, COLS[layer]);
        Ok(match given {
            Some(i) => {
                let values: Vec<f32> = start.kept(i, pass, layer).collect();
                Tensor::from_vec(values, shape, &Device::Cpu)?
            }
            None => {
                let kept = Tensor::rand(0f32, 1f32, shape, &Device::Cpu)?.lt(KEEP[layer])?;
                (kept.to_dtype(DType::F32)? * (1.0 / KEEP[layer]))?
            }
        })
    };
    (0..3).map(mask).collect()
}

/// log(1 + eᵗ) without overflow.
fn softplus(t: &Tensor) -> Result<Tensor> {
    let rest = ((t.abs()?.neg()?.exp()? + 1.0)?).log()?;
    Ok((t.relu()? + rest)?)
}

/// v ← μ·v − η·∇, θ ← θ + v.
fn descend(layers: &mut [Linear], loss: &Tensor, [eta, mu]: [f64; 2]) -> Result<()> {
    let gradients = loss.backward()?;
    for layer in layers {
        for (theta, velocity) in layer.theta.iter().zip(&mut layer.velocity) {
            let gradient = gradients
                .get(theta)
                .ok_or("a parameter without a gradient")?;
            // A gradient knows what it was computed from, which a velocity would keep for ever.
            let gradient = gradient.detach();
            *velocity = ((&*velocity * mu)? - (gradient * eta)?)?;
            theta.set(&(theta.as_tensor() + &*velocity)?)?;
        }
    }
    Ok(())
}
