//! Figure 2: samples, and the training records that are nearest to some of them.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use gan_eval::{Neighbour, Points, gather};
use gan_pictures::ImageRows;
use gan_run::evaluation::nearest;
use gan_run::problem::Problem;
use gan_run::run_data::RunData;

use super::model::{self, ModelArgs};
use super::target::{Form, Target};
use crate::output::Output;

/// Arguments of `gan-cli figure 2`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Samples in each row; the nearest training record of the last one stands beside it.
    #[arg(long, value_name = "N", default_value = "8",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    cols: usize,
    /// Where the training records are now [default: where the run found them].
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// File to write, .png or .svg [default: figure2.png].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file of `--out` that is there already.
    #[arg(long)]
    overwrite: bool,
}

/// Runs `gan-cli figure 2`.
pub(super) fn run(args: &Args, output: Output) -> Result<(), Problem> {
    let target = Target::new(
        (args.out.as_deref(), args.overwrite),
        "figure2.png",
        Form::STILL,
    )?;
    let (model, shape) = model::load(args.model.from.as_deref(), output)?;
    let data = RunData::load(&model, args.data.as_deref())?;
    if let Some(warning) = &data.warning {
        output.notice(format!("warning: {warning}"));
    }
    let seed = args.model.seed.unwrap_or(model.checkpoint.seed);
    let (rows, cols) = (args.model.rows, args.cols);
    let mut generator = model::generator(&model)?;
    let samples = generator.sample(seed, 0, rows * cols)?;
    let size = model.cols;
    let train = gather(&data.train, 0..data.train.rows());
    let train = Points::new(&train, size);

    // Beside the last sample of each row.
    let queries: Vec<f32> = samples
        .chunks_exact(cols * size)
        .flat_map(|row| &row[(cols - 1) * size..])
        .copied()
        .collect();
    let found = nearest(&model::processor()?, Points::new(&queries, size), train, 1)?;
    let nearest: Vec<Neighbour> = (0..rows).map(|row| found.of(row)[0]).collect();
    let mut images = Vec::with_capacity(rows * (cols + 1) * size);
    for (row, nearest) in samples.chunks_exact(cols * size).zip(&nearest) {
        images.extend_from_slice(row);
        images.extend_from_slice(train.row(nearest.index));
    }
    // Samples and records alike.
    let images = model.record.user_values(&images, size);

    let name = model.path.display().to_string();
    let rows_of_images = ImageRows {
        images: &images,
        shape,
        columns: cols + 1,
        frame_last_column: true,
        title: "Samples; in frames the nearest training record of the last sample of each row",
        note: &format!(
            "{name}, step {}, seed {seed}; Euclidean distance to {} records",
            model.checkpoint.step,
            train.rows()
        ),
    };
    let drawing = rows_of_images.draw();
    target.write(&drawing.map_err(Problem::undrawn(&target.path))?, 1.0)?;
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
