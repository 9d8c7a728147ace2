//! Figure 2: samples, and the training records that are nearest to some of them.

use gan_eval::{Neighbour, Points, gather, nearest};
use gan_kernels::Native;

use super::model;
use super::sheet::Sheet;
use super::{Target, TwoArgs};
use crate::output::Output;
use crate::run_data::RunData;

/// `gan-cli figure 2`.
pub(super) fn run(args: &TwoArgs, output: &Output) -> anyhow::Result<()> {
    let target = Target::new(args.out.as_deref(), "figure2.png")?;
    let (model, shape) = model::load(args.model.from.as_deref())?;
    let data = RunData::load(&model, args.data.as_deref())?;
    if let Some(warning) = &data.warning {
        output.notice(format!("warning: {warning}"));
    }
    let seed = args.model.seed.unwrap_or(model.checkpoint.seed);
    let (rows, cols) = (args.model.rows, args.cols);
    let mut sampler = model::sampler(&model)?;
    let samples = sampler.sample(seed, 0, rows * cols)?;
    let size = model.cols;
    let train = gather(&data.train, 0..data.train.rows());
    let train = Points::new(&train, size);

    // Beside the last sample of each row.
    let queries: Vec<f32> = samples
        .chunks_exact(cols * size)
        .flat_map(|row| &row[(cols - 1) * size..])
        .copied()
        .collect();
    let backend = Native::<f32>::new(None)?;
    let found = nearest(&backend, Points::new(&queries, size), train, 1)?;
    let nearest: Vec<Neighbour> = (0..rows).map(|row| found.of(row)[0]).collect();
    let mut images = Vec::with_capacity(rows * (cols + 1) * size);
    for (row, nearest) in samples.chunks_exact(cols * size).zip(&nearest) {
        images.extend_from_slice(row);
        images.extend_from_slice(train.row(nearest.index));
    }
    // Samples and records alike.
    model.record.to_user_units(&mut images, size);

    let name = model.path.display().to_string();
    let sheet = Sheet {
        images: &images,
        shape,
        cols: cols + 1,
        last_apart: true,
        title: "Samples; in frames the nearest training record of the last sample of each row",
        note: &format!(
            "{name}, step {}, seed {seed}; Euclidean distance to {} records",
            model.checkpoint.step,
            train.rows()
        ),
    };
    target.write(&sheet.draw()?, 1.0)?;
    let mean = found.distances().sum::<f64>() / rows as f64;
    output.line(format!(
        "{}: figure 2 of {name}, step {}, seed {seed}; mean distance to the nearest of {} \
         training records {mean:.3}",
        target.path.display(),
        model.checkpoint.step,
        train.rows()
    ));
    Ok(())
}
