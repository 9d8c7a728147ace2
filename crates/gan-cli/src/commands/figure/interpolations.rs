//! Figure 3: what G makes on the way from one latent to another.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use gan_pictures::ImageRows;
use gan_run::problem::Problem;

use super::model::{self, ModelArgs};
use super::target::{Form, Target};
use crate::output::Output;

/// Below this angle the arc is the line.
const SMALLEST_ANGLE: f64 = 1e-4;

/// How to go from one latent to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    /// (1 − t)·a + t·b, as in the paper.
    Line,
    /// Along the great circle, with lengths in between: a normal latent is seldom near the origin,
    /// where lines lead (Shoemake 1985; White 2016).
    Arc,
}

/// Arguments of `gan-cli figure 3`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Steps in each row, both ends included.
    #[arg(long, value_name = "N", default_value = "10",
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=64))]
    cols: usize,
    /// Go along the arc between the latents instead of the line, as suits a normal prior.
    #[arg(long)]
    spherical: bool,
    /// File to write, .png or .svg [default: figure3.png].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file of `--out` that is there already.
    #[arg(long)]
    overwrite: bool,
}

/// Runs `gan-cli figure 3`.
pub(super) fn run(args: &Args, output: Output) -> Result<(), Problem> {
    let target = Target::new(
        (args.out.as_deref(), args.overwrite),
        "figure3.png",
        Form::STILL,
    )?;
    let (model, shape) = model::load(args.model.from.as_deref(), output)?;
    let seed = args.model.seed.unwrap_or(model.checkpoint.seed);
    let path = if args.spherical {
        Path::Arc
    } else {
        Path::Line
    };
    let (rows, cols) = (args.model.rows, args.cols);
    let latent = model.game()?.generator.latent;
    let mut generator = model::generator(&model)?;
    let ends = generator.latents(seed, 0, 2 * rows)?;
    // Conditions stand behind a latent, and have no directions.
    let inputs = ends.len() / (2 * rows);
    let mut latents = Vec::with_capacity(rows * cols * inputs);
    for pair in ends.chunks_exact(2 * inputs) {
        let (from, to) = pair.split_at(inputs);
        for step in 0..cols {
            let t = step as f64 / (cols - 1) as f64;
            latents.extend(between(path, &from[..latent], &to[..latent], t));
            latents.extend(between(Path::Line, &from[latent..], &to[latent..], t));
        }
    }
    let images = generator.generate_from(&latents)?;
    let images = model.record.user_values(&images, model.cols);

    let name = model.path.display().to_string();
    let way = match path {
        Path::Line => "linear",
        Path::Arc => "spherical",
    };
    let rows_of_images = ImageRows {
        images: &images,
        shape,
        columns: cols,
        frame_last_column: false,
        title: &format!("G(z), z from one latent to another: {way} interpolation"),
        note: &format!("{name}, step {}, seed {seed}", model.checkpoint.step),
    };
    let drawing = rows_of_images.draw();
    target.write(&drawing.map_err(Problem::undrawn(&target.path))?, 1.0)?;
    output.line(format!(
        "{}: figure 3 of {name}, step {}, seed {seed}; {way}, {rows} pairs of latents",
        target.path.display(),
        model.checkpoint.step
    ));
    Ok(())
}

/// The latent at `t` of the way; at 0 and 1 the ends themselves.
fn between(path: Path, from: &[f32], to: &[f32], t: f64) -> Vec<f32> {
    let [first, second] = match path {
        Path::Line => [1.0 - t, t],
        Path::Arc => arc_weights(from, to, t),
    };
    let mix = |(&a, &b): (&f32, &f32)| (first * f64::from(a) + second * f64::from(b)) as f32;
    from.iter().zip(to).map(mix).collect()
}

/// Weights of the ends at `t` of the arc; those of the line where the two directions are one, or
/// opposite, and no arc is meant.
fn arc_weights(from: &[f32], to: &[f32], t: f64) -> [f64; 2] {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum()
    };
    let lengths = (dot(from, from) * dot(to, to)).sqrt();
    let angle = (dot(from, to) / lengths).clamp(-1.0, 1.0).acos();
    if angle.is_nan() || angle.sin() < SMALLEST_ANGLE {
        return [1.0 - t, t];
    }
    [(1.0 - t) * angle, t * angle].map(|part| part.sin() / angle.sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_arc_begin_and_end_at_their_latents() {
        let (from, to) = ([1.0, 0.5, -0.25], [-0.75, 1.5, 0.125]);
        for path in [Path::Line, Path::Arc] {
            assert_eq!(between(path, &from, &to, 0.0), from, "{path:?}");
            assert_eq!(between(path, &from, &to, 1.0), to, "{path:?}");
        }
        assert_eq!(between(Path::Line, &from, &to, 0.5), [0.125, 1.0, -0.0625]);
    }

    #[test]
    fn arc_between_unit_vectors_stays_on_the_sphere() {
        let middle = between(Path::Arc, &[1.0, 0.0], &[0.0, 1.0], 0.25);
        let angle = std::f64::consts::FRAC_PI_8;
        assert!((f64::from(middle[0]) - angle.cos()).abs() < 1e-7);
        assert!((f64::from(middle[1]) - angle.sin()).abs() < 1e-7);
        // Opposite ends, and no direction at all: the line.
        assert_eq!(
            between(Path::Arc, &[1.0, 0.0], &[-1.0, 0.0], 0.5),
            [0.0, 0.0]
        );
        assert_eq!(between(Path::Arc, &[0.0], &[2.0], 0.5), [1.0]);
    }
}
