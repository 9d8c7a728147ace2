//! The operations of an iteration and their cost, read off the trainer by a back end that records
//! what it is asked for.

use anyhow::Result;
use gan_kernels::cases::{Case, Op};
use gan_kernels::{RecordedCall, Recorder};
use gan_model::{GameConfig, Trainer, TrainingData};

use crate::game::{SEED, data};

/// FLOP of products, and bytes of all operands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Two per multiply-add of a product; nothing else is counted.
    pub flop: f64,
    /// Every operand of every operation once, in f32: what has to be moved if no operation finds
    /// anything in a cache.
    pub bytes: f64,
}

impl Cost {
    /// The sum over `cases`.
    pub(crate) fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut sum = Self::default();
        for case in cases {
            sum.flop += case.op.flop() as f64;
            sum.bytes += case.op.bytes() as f64;
        }
        sum
    }
}

/// The calls of the back end in one iteration of any game, which is not the first: from then on all
/// are alike.
pub(crate) fn calls(config: &GameConfig, data: TrainingData) -> Result<Vec<RecordedCall>> {
    let recorder = Recorder::default();
    let mut trainer = Trainer::new(recorder.clone(), config, SEED, data)?;
    trainer.step();
    Ok(recorder.calls_of(|| trainer.step()))
}

/// The operations of [`calls`], in their order.
pub(crate) fn operations(config: &GameConfig, data: TrainingData) -> Result<Vec<Case>> {
    let calls = calls(config, data)?.into_iter();
    Ok(calls.flat_map(|call| call.cases).collect())
}

/// The same operations as a processor runs them: D's last layer, its objective and the gradient below
/// are three.
pub(crate) fn on_processors(cases: &[Case]) -> Vec<Case> {
    let parts = |case: &Case| match case.op {
        Op::LinearLogitLoss(call) => {
            let part = |op: Op| Case {
                inputs: case.inputs,
                role: case.role,
                ..op.case()
            };
            call.parts().into_iter().map(part).collect()
        }
        _ => vec![*case],
    };
    cases.iter().flat_map(parts).collect()
}

/// The cost of one iteration of a game on records of `cols` values.
pub(crate) fn iteration(config: &GameConfig, cols: usize) -> Result<Cost> {
    let records = config.game.minibatch;
    Ok(Cost::of(&operations(config, data(records, cols))?))
}

/// The cost of `rows` samples from G.
pub(crate) fn sampling(config: &GameConfig, cols: usize, rows: usize) -> Result<Cost> {
    let recorder = Recorder::default();
    let data = data(config.game.minibatch, cols);
    let mut trainer = Trainer::new(recorder.clone(), config, SEED, data)?;
    let mut sampled = Ok(Vec::new());
    let calls = recorder.calls_of(|| sampled = trainer.sample(1, 0, rows));
    sampled?;
    Ok(Cost::of(calls.iter().flat_map(|call| &call.cases)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{PIXELS, mnist_operations, preset};

    #[test]
    fn iteration_of_mnist_costs_what_its_products_do() {
        let mnist = preset("mnist").unwrap();
        let cost = iteration(&mnist, PIXELS).unwrap();
        // docs/benchmarks.md: 3.57 GFLOP, of which samples are 28 %.
        assert_eq!(cost.flop, 3_566_784_000.0);
        assert!(cost.bytes > 1.1e8 && cost.bytes < 1.3e8, "{}", cost.bytes);
        let samples = sampling(&mnist, PIXELS, 200).unwrap();
        assert!((samples.flop / cost.flop - 0.28).abs() < 5e-3);
    }

    #[test]
    fn operations_of_processors_do_the_same_work() {
        let fused = mnist_operations().unwrap();
        let parts = on_processors(&fused);
        assert_eq!(parts.len(), fused.len() + 4);
        assert_eq!(Cost::of(&parts).flop, Cost::of(&fused).flop);
    }

    #[test]
    fn iteration_of_any_game_is_counted() {
        let flop = |name, cols| iteration(&preset(name).unwrap(), cols).unwrap().flop;
        assert!(flop("mnist-modern", PIXELS) > 1e9);
        assert!(flop("ring8-modern", 2) > 1e6);
        assert!(flop("mnist-simultaneous", PIXELS) > 1e9);
    }
}
