use gan_kernels::{Affine, ByteScale, Native, Records, Values};
use gan_model::*;
fn layer(units: Option<usize>, activation: ActivationConfig, init: f64) -> LayerConfig { LayerConfig { units, activation, pieces: (activation==ActivationConfig::Maxout).then_some(5), slope: None, init: Some(init), bias: 0.0, keep: 1.0, scale: None } }
fn main() {
    let threads: usize = std::env::args().nth(1).map_or(2, |a| a.parse().unwrap());
    use ActivationConfig::*;
    let mut d = vec![layer(Some(240), Maxout, 0.005), layer(Some(240), Maxout, 0.005), layer(None, Sigmoid, 0.005)];
    d[0].keep = 0.8; d[1].keep = 0.5; d[2].keep = 0.5;
    let config = GameConfig {
        generator: GeneratorConfig { latent: 100, prior: PriorConfig::Uniform, output_bias: OutputBias::Marginals, layers: vec![layer(Some(1200), Relu, 0.05), layer(Some(1200), Relu, 0.05), layer(None, Sigmoid, 0.05)], optimizer: None },
        discriminator: DiscriminatorConfig { layers: d, optimizer: None },
        optimizer: OptimizerConfig::Momentum { learning_rate: 0.1, schedule: ScheduleConfig::Constant, momentum: MomentumConfig::default(), max_column_norm: None },
        game: RulesConfig { updates: Updates::Alternating, discriminator_steps: 1, minibatch: 100, generator_objective: GeneratorObjective::NonSaturating, discriminator_weight: 1.0 },
    };
    let data: Vec<u8> = (0..2000 * 784).map(|i| ((i * 2654435761usize) >> 24) as u8).collect();
    let records = Records::new(784, Values::Bytes { data, scale: ByteScale::Uniform(Affine::PIXELS) });
    let mut t = Trainer::new(Native::<f32>::new(Some(threads)).unwrap(), &config, 1, TrainingData { records, mean: vec![0.5; 784] }).unwrap();
    for _ in 0..3 { t.step(); }
    let n: usize = std::env::args().nth(2).map_or(60, |a| a.parse().unwrap());
    let mut ts: Vec<f64> = (0..n).map(|_| { let s = std::time::Instant::now(); t.step(); s.elapsed().as_secs_f64() }).collect();
    ts.sort_by(f64::total_cmp);
    let med = ts[ts.len() / 2];
    println!("threads {threads}: median {:.2} ms, min {:.2} ms, {:.1} GFLOP/s, {:?}", med * 1e3, ts[0] * 1e3, 3.566 / med, t.take_metrics().unwrap().value);
}
