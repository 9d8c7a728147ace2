//! What an iteration costs on several processes: a table of strong scaling, where they share a
//! minibatch, and of weak scaling, where each has as large a one.
//!
//! ```sh
//! cargo run --release --package gan-mpi --features mpi --example scaling
//! ```
//!
//! Started alone it starts itself by `mpirun`, once for each row; the numbers of process 0 are the
//! row's. Times are medians of turns of iterations; ratios are to one process that plays the same
//! game without microbatches, whose updates are fused into products.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::env;
use std::process::Command;
use std::time::Instant;

use gan_model::{
    ActivationKind, BackendError, GameConfig, LossConfig, Native, Records, Trainer, TrainingData,
    Values,
};
use gan_mpi::Processes;

/// Values of a record, and of a latent.
const SIZES: [usize; 2] = [784, 100];
/// Units of the hidden layers of both players.
const HIDDEN: [usize; 2] = [1200, 1200];
const RECORDS: usize = 4096;
/// Turns that are timed, and seconds of each at least.
const TURNS: usize = 5;
const SECONDS: f64 = 1.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<usize> = env::args()
        .skip(1)
        .map(|word| word.parse())
        .collect::<Result<_, _>>()?;
    match words[..] {
        [] => table(),
        [minibatch, microbatches] => row(minibatch, microbatches),
        _ => Err("expected no words, or rows of a minibatch and the number of microbatches".into()),
    }
}

/// Every row in a job of its own.
fn table() -> Result<(), Box<dyn std::error::Error>> {
    let program = env::current_exe()?;
    println!(
        "| minibatch | microbatches | processes | ms an iteration | times as fast | sent, MB | least, MB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (minibatch, is_weak) in [(128, false), (1024, false), (512, true)] {
        let mut alone = None;
        for (processes, microbatches) in [(1, 1), (1, 2), (2, 2), (1, 4), (2, 4), (4, 4)] {
            if is_weak && processes != microbatches {
                continue;
            }
            let minibatch = if is_weak {
                minibatch * processes
            } else {
                minibatch
            };
            let output = Command::new("mpirun")
                .args(["--oversubscribe", "-n", &processes.to_string()])
                .arg(&program)
                .args([minibatch, microbatches].map(|word: usize| word.to_string()))
                .output()?;
            let said = String::from_utf8(output.stdout)?;
            let numbers: Vec<f64> = said
                .split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            let [seconds, sent, least] = numbers[..] else {
                let why = String::from_utf8_lossy(&output.stderr);
                return Err(format!("{processes} processes ended with {said}{why}").into());
            };
            let records = |seconds: f64| minibatch as f64 / seconds;
            let ratio = records(seconds) / *alone.get_or_insert(records(seconds));
            println!(
                "| {minibatch} | {microbatches} | {processes} | {:.1} | {ratio:.2} | {:.1} | {:.1} |",
                1e3 * seconds,
                sent / 1e6,
                least / 1e6
            );
        }
    }
    Ok(())
}

/// One job: prints seconds of an iteration, and the bytes that each process sends in one.
fn row(minibatch: usize, microbatches: usize) -> Result<(), Box<dyn std::error::Error>> {
    let processes = Processes::join().ok_or("no MPI to join")?;
    let mut config = GameConfig::new(SIZES[1], &HIDDEN).with_minibatch(minibatch);
    for layer in &mut config.discriminator.layers[..HIDDEN.len()] {
        layer.activation = ActivationKind::Relu;
        layer.slope = None;
    }
    config.generator.average = None;
    config.game.pack = 1;
    config.game.penalty = None;
    config.game.loss = LossConfig::CrossEntropy;
    config.game.microbatches = microbatches;
    let values = (0..RECORDS * SIZES[0]).map(|i| (i * 7919 % 1000) as f32 / 1000.0);
    let records = Records::new(SIZES[0], Values::Floats(values.collect()));
    let backend = Native::<f32>::new(Some(1))?;
    let data = TrainingData::new(records);
    let communicator = processes.communicator();
    let mut trainer = Trainer::parallel(backend, &config, 1, data, communicator)?;
    if !trainer.leads() {
        trainer.follow()?;
        return Ok(());
    }
    let mut seconds = turns(&mut trainer)?;
    seconds.sort_by(f64::total_cmp);
    let parameters: usize = trainer.parameter_counts().iter().sum();
    let (size, bytes) = (processes.size() as f64, 4.0 * parameters as f64);
    // Gradients of each microbatch to their owners, and parameters back; at least one of each.
    let others = (size - 1.0) / size;
    let sent = bytes * others * (microbatches as f64 / size + 1.0);
    println!("{} {sent} {}", seconds[TURNS / 2], 2.0 * bytes * others);
    Ok(())
}

/// Seconds of an iteration in each turn.
fn turns(trainer: &mut Trainer<Native<f32>>) -> Result<Vec<f64>, BackendError> {
    let mut steps = 2;
    let turn = |trainer: &mut Trainer<Native<f32>>, steps: u32| {
        let start = Instant::now();
        (0..steps).for_each(|_| trainer.step());
        trainer
            .take_metrics()
            .map(|_| start.elapsed().as_secs_f64())
    };
    let first = turn(trainer, steps)?;
    steps = ((SECONDS / first * f64::from(steps)) as u32).max(2);
    (0..TURNS)
        .map(|_| Ok(turn(trainer, steps)? / f64::from(steps)))
        .collect()
}
