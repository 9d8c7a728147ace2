//! Figure 2: samples, and the training records that are nearest to some of them.

use std::path::Path;

use gan_data::{DataConfig, Dataset, Records};

use super::model;
use super::sheet::Sheet;
use super::{Target, TwoArgs};
use crate::output::Output;
use crate::presets;
use crate::problem::Problem;
use crate::record::RecordInfo;
use crate::sample::Model;

/// `gan-cli figure 2`.
pub(super) fn run(args: &TwoArgs, output: &Output) -> anyhow::Result<()> {
    let target = Target::new(args.out.as_deref(), "figure2.png")?;
    let (model, shape) = model::load(args.model.from.as_deref())?;
    let (dataset, train) = training_records(&model, args.data.as_deref())?;
    let found = RecordInfo::new(&model.record.preset, &dataset, &train);
    if found.fingerprint != model.record.fingerprint {
        output.line(format!(
            "note     {}: not the records that the run was trained on ({})",
            found.data, model.record.data
        ));
    }
    let seed = args.model.seed.unwrap_or(model.checkpoint.seed);
    let (rows, cols) = (args.model.rows, args.cols);
    let mut sampler = model::sampler(&model)?;
    let samples = sampler.sample(seed, 0, rows * cols)?;
    let size = train.cols();

    // Beside the last sample of each row.
    let queries: Vec<f32> = samples
        .chunks_exact(cols * size)
        .flat_map(|row| &row[(cols - 1) * size..])
        .copied()
        .collect();
    let nearest = nearest(&train, &queries);
    let mut images = Vec::with_capacity(rows * (cols + 1) * size);
    let mut record = vec![0.0; size];
    for (row, &(index, _)) in samples.chunks_exact(cols * size).zip(&nearest) {
        images.extend_from_slice(row);
        train.copy_row(index, &mut record);
        images.extend_from_slice(&record);
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
    target.write(&sheet.draw(), 1.0)?;
    let mean = nearest.iter().map(|(_, distance)| distance).sum::<f64>() / rows as f64;
    output.line(format!(
        "{}: figure 2 of {name}, step {}, seed {seed}; mean distance to the nearest of {} \
         training records {mean:.3}",
        target.path.display(),
        model.checkpoint.step,
        train.rows()
    ));
    Ok(())
}

/// The records that the model was trained on, or those at `data`.
fn training_records(model: &Model, data: Option<&str>) -> anyhow::Result<(Dataset, Records)> {
    let config = match data {
        None => model.config.data.clone(),
        Some(source) => DataConfig {
            source: source.to_owned(),
            count: if gan_data::builtin_names().contains(&source) {
                model.config.data.count
            } else {
                None
            },
            ..model.config.data.clone()
        },
    };
    let builtin = gan_data::builtin_names().contains(&config.source.as_str());
    if !builtin && !Path::new(&config.source).exists() {
        let set = presets::data_set(&config.source).is_some();
        let what = if set { "data set" } else { "file" };
        return Err(Problem::failed(format!(
            "{}: found no such {what}, expected the training records of {}",
            config.source,
            model.path.display()
        ))
        .hint("say where the records are now with --data PATH")
        .into());
    }
    let dataset = gan_data::load(&config, model.config.seed)?;
    if dataset.shape != model.record.shape {
        return Err(Problem::failed(format!(
            "{}: found records of another shape, {:?}, expected {:?} as {} makes them",
            config.source,
            dataset.shape,
            model.record.shape,
            model.path.display()
        ))
        .hint("say where the training records are with --data PATH")
        .into());
    }
    let train = dataset.records.slice(dataset.splits.train.clone());
    Ok((dataset, train))
}

/// Index and Euclidean distance of the record that is nearest to each of `queries`, rows in the
/// players' units; of equals the first.
fn nearest(records: &Records, queries: &[f32]) -> Vec<(usize, f64)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = records.rows().div_ceil(threads).max(1);
    let search =
        |first: usize| nearest_in(records, queries, first..(first + share).min(records.rows()));
    let search = &search;
    let parts: Vec<Vec<(usize, f32)>> = std::thread::scope(|scope| {
        let starts = (0..records.rows()).step_by(share);
        let threads: Vec<_> = starts
            .map(|first| scope.spawn(move || search(first)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    (0..queries.len() / records.cols())
        .filter_map(|query| {
            let best = parts.iter().map(|part| part[query]);
            best.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
        })
        .map(|(index, squares)| (index, f64::from(squares).sqrt()))
        .collect()
}

fn nearest_in(
    records: &Records,
    queries: &[f32],
    range: std::ops::Range<usize>,
) -> Vec<(usize, f32)> {
    let cols = records.cols();
    let mut best = vec![(range.start, f32::INFINITY); queries.len() / cols];
    let mut record = vec![0.0; cols];
    for index in range {
        records.copy_row(index, &mut record);
        for (query, best) in queries.chunks_exact(cols).zip(&mut best) {
            let squares = squared_distance(query, &record);
            if squares < best.1 {
                *best = (index, squares);
            }
        }
    }
    best
}

/// Sums side by side, so that the compiler can keep them in one register.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (heads, tails) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in heads.0.iter().zip(tails.0) {
        for lane in 0..LANES {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest = heads.1.iter().zip(tails.1).map(|(a, b)| (a - b) * (a - b));
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gan_data::Values;

    #[test]
    fn nearest_finds_the_planted_record_and_of_equals_the_first() {
        let (rows, cols) = (203, 37);
        let value = |i: usize| ((i * i) as u32).wrapping_mul(2_654_435_761) as f32 / 4e9;
        let mut values: Vec<f32> = (0..rows * cols).map(value).collect();
        let mut queries = values[150 * cols..151 * cols].to_vec();
        queries[36] += 0.25;
        queries.extend_from_slice(&values[3 * cols..4 * cols]);
        values.copy_within(3 * cols..4 * cols, 190 * cols);
        let records = Records::new(cols, Values::Floats(values));
        let found = nearest(&records, &queries);
        assert_eq!(found[0].0, 150);
        assert!((found[0].1 - 0.25).abs() < 1e-6, "{}", found[0].1);
        assert_eq!(found[1], (3, 0.0));
    }
}
