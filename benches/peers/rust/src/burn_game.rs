//! The game in burn, by its autodiff on the backend `flex`.

use burn::tensor::activation::{relu, sigmoid, softplus};
use burn::tensor::{DType, Device, Distribution, Int, Tensor, TensorData};

use crate::start::{COLS, KEEP, LATENT, Layer, M, PIECES, PIXELS, Start, UNITS, rates};

/// A layer's parameters on the device that differentiates, and their velocities beside it.
struct Linear {
    w: Tensor<2>,
    b: Tensor<2>,
    velocity: [Tensor<2>; 2],
}

impl Linear {
    fn new(layer: &Layer, device: &Device) -> Self {
        let Layer { rows, cols, .. } = *layer;
        let shapes = [[rows, cols], [1, cols], [rows, cols], [1, cols]];
        let mut tensors = layer.arrays.iter().zip(shapes).map(|(values, shape)| {
            Tensor::from_data(TensorData::new(values.clone(), shape), device)
        });
        let mut next = || tensors.next().expect("four arrays a layer");
        Self {
            w: next().autodiff().require_grad(),
            b: next().autodiff().require_grad(),
            velocity: [next(), next()],
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.w.clone()) + self.b.clone()
    }

    /// The same without a way back to the parameters.
    fn pass(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.w.clone().detach()) + self.b.clone().detach()
    }

    /// The same without any way back.
    fn infer(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.w.clone().inner()) + self.b.clone().inner()
    }
}

pub struct BurnGame {
    generator: Vec<Linear>,
    discriminator: Vec<Linear>,
    data: Tensor<2, Int>,
    device: Device,
    step: u64,
}

impl BurnGame {
    pub fn new(start: &Start) -> Self {
        let device = Device::flex();
        let player = |layers: &[Layer]| {
            layers
                .iter()
                .map(|layer| Linear::new(layer, &device))
                .collect()
        };
        let images = start.data.len() / PIXELS;
        let data = TensorData::new(start.data.clone(), [images, PIXELS]);
        Self {
            generator: player(&start.generator),
            discriminator: player(&start.discriminator),
            data: Tensor::from_data(data, (&device, DType::U8)),
            device,
            step: start.step,
        }
    }

    pub fn iterate(&mut self, start: &Start, given: Option<usize>) -> [f32; 2] {
        let rates = rates(self.step);
        self.step += 1;
        let z = self.latents(start, given);
        let x = self.minibatch(start, given);

        let samples = self.generate(z.clone().slice(0..M));
        let x = Tensor::cat(vec![x, samples], 0).autodiff();
        let masks = self.masks(start, given, 0);
        let logits = self.logits(x, &masks, Linear::forward);
        let data = softplus(-logits.clone().slice(0..M), 1.0).mean();
        let loss_d = data + softplus(logits.slice(M..2 * M), 1.0).mean();
        descend(&mut self.discriminator, &loss_d, rates);

        let mut h = z.slice(M..2 * M).autodiff();
        for layer in &self.generator[..2] {
            h = relu(layer.forward(h));
        }
        let fresh = sigmoid(self.generator[2].forward(h));
        let masks = self.masks(start, given, 1);
        let loss_g = softplus(-self.logits(fresh, &masks, Linear::pass), 1.0).mean();
        descend(&mut self.generator, &loss_g, rates);
        [loss_d, loss_g].map(|loss| loss.into_data().try_to_vec().expect("a loss is a float")[0])
    }

    /// G(z), without a way back.
    fn generate(&self, z: Tensor<2>) -> Tensor<2> {
        let [first, second, last] = &self.generator[..] else {
            unreachable!("G has three layers");
        };
        sigmoid(last.infer(relu(second.infer(relu(first.infer(z))))))
    }

    fn logits(
        &self,
        x: Tensor<2>,
        masks: &[Tensor<2>; 3],
        linear: fn(&Linear, Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let rows = x.dims()[0];
        let mut h = x;
        for (layer, mask) in self.discriminator[..2].iter().zip(masks) {
            let z: Tensor<3> = linear(layer, h * mask.clone()).reshape([rows, PIECES, UNITS]);
            h = z.max_dim(1).reshape([rows, UNITS]);
        }
        linear(&self.discriminator[2], h * masks[2].clone())
    }

    fn latents(&self, start: &Start, given: Option<usize>) -> Tensor<2> {
        let shape = [2 * M, LATENT];
        let bound = 3f64.sqrt();
        match given {
            Some(i) => {
                let data = TensorData::new(start.latents(i).to_vec(), shape);
                Tensor::from_data(data, &self.device)
            }
            None => Tensor::random(shape, Distribution::Uniform(-bound, bound), &self.device),
        }
    }

    fn minibatch(&self, start: &Start, given: Option<usize>) -> Tensor<2> {
        let rows: Tensor<1, Int> = match given {
            Some(i) => {
                Tensor::from_data(TensorData::new(start.rows(i).to_vec(), [M]), &self.device)
            }
            None => {
                let all = Distribution::Uniform(0.0, self.data.dims()[0] as f64);
                Tensor::random([M], all, &self.device)
            }
        };
        self.data.clone().select(0, rows).float() / 255.0
    }

    /// Masks of D's own pass, 0, or of G's, 1, as 0 and 1 / keep.
    fn masks(&self, start: &Start, given: Option<usize>, pass: usize) -> [Tensor<2>; 3] {
        [0, 1, 2].map(|layer| {
            let shape = [(2 - pass) * M, COLS[layer]];
            let mask: Tensor<2> = match given {
                Some(i) => {
                    let values: Vec<f32> = start.kept(i, pass, layer).collect();
                    Tensor::from_data(TensorData::new(values, shape), &self.device)
                }
                None => {
                    let kept = Distribution::Bernoulli(KEEP[layer]);
                    Tensor::random(shape, kept, &self.device) / KEEP[layer]
                }
            };
            mask.autodiff()
        })
    }
}

/// v ← μ·v − η·∇, θ ← θ + v.
fn descend(layers: &mut [Linear], loss: &Tensor<1>, [eta, mu]: [f64; 2]) {
    let mut gradients = loss.backward();
    for layer in layers {
        let [vw, vb] = &mut layer.velocity;
        for (theta, velocity) in [(&mut layer.w, vw), (&mut layer.b, vb)] {
            let gradient = theta
                .grad_remove(&mut gradients)
                .expect("a parameter of the loss");
            *velocity = velocity.clone() * mu - gradient * eta;
            *theta = (theta.clone().inner() + velocity.clone())
                .autodiff()
                .require_grad();
        }
    }
}
