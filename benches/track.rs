//! Criterion benches, to see whether a change made something slower.

use anyhow::Result;
use benches::game::{mnist_iteration, mnist_trainer};
use criterion::{Criterion, Throughput};
use gan_kernels::cases::Checker;
use gan_kernels::{Backend, Native};

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    operations(&mut criterion)?;
    let mut trainer = mnist_trainer(threads())?;
    let flop = mnist_iteration().iter().map(|case| case.flop()).sum();
    let mut group = criterion.benchmark_group("train_step");
    // Of FLOP, not of bytes: criterion calls both elements.
    group.sample_size(20).throughput(Throughput::Elements(flop));
    group.bench_function("mnist", |bencher| bencher.iter(|| trainer.step()));
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn operations(criterion: &mut Criterion) -> Result<()> {
    let native = Native::<f32>::new(Some(threads()))?;
    let matrix = |rows, cols| native.matrix(rows, cols);
    let checker = Checker::new(&native, &matrix);
    for case in mnist_iteration() {
        let mut group = criterion.benchmark_group("op");
        group.sample_size(20);
        if case.flop() > 0 {
            group.throughput(Throughput::Elements(case.flop()));
        }
        checker.check(&case)?;
        let mut prepared = checker.prepare(&case);
        group.bench_function(case.to_string(), |bencher| {
            bencher.iter(|| prepared.run(&native))
        });
        group.finish();
    }
    Ok(())
}
