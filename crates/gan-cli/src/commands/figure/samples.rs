//! The pictures of samples that a run wrote, in motion.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use gan_pictures::{AnimationFrame, Still, animation};
use gan_run::problem::Problem;
use gan_run::run_dir::{self, RUNS};

use super::target::{Form, Target};
use crate::output::Output;

/// How long a picture stays, and the last one, in hundredths of a second.
const DELAY: u16 = 25;
const LAST_DELAY: u16 = 300;

/// Arguments of `gan-cli figure samples`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a run [default: the newest in runs/].
    run: Option<PathBuf>,
    /// File to write, .png or .gif, which slides play [default: samples.gif].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file of `--out` that is there already.
    #[arg(long)]
    overwrite: bool,
    /// Show at most so many pictures, evenly chosen, the last one among them.
    #[arg(long, value_name = "N", default_value = "100",
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=1000))]
    frames: usize,
}

/// Runs `gan-cli figure samples`.
pub(super) fn run(args: &Args, output: Output) -> Result<(), Problem> {
    let target = Target::new(
        (args.out.as_deref(), args.overwrite),
        "samples.gif",
        Form::MOVING,
    )?;
    let newest = || run_dir::newest_first().into_iter().next();
    let run = args.run.as_deref().map(run_dir::find).or_else(newest);
    let run = run.ok_or_else(|| {
        Problem::usage(format!("{RUNS}/: found no run"))
            .hint("train one with gan-cli train ring8, or name the directory of a run")
    })?;
    if !run.is_dir() {
        let text = format!("{}: found no such folder, expected a run", run.display());
        return Err(Problem::usage(text).hint("name the directory of a run, or one in runs/"));
    }
    let pictures = run_dir::pictures(&run);
    if pictures.len() < 2 {
        let folder = run_dir::samples_folder(&run);
        return Err(Problem::usage(format!(
            "{}: found {} pictures of samples, expected 2 or more",
            folder.display(),
            pictures.len()
        ))
        .hint("name a run that was trained with --set run.sample_every=100, or another number"));
    }
    let last = pictures.len() - 1;
    let count = args.frames.min(pictures.len());
    let shown = (0..count).map(|index| index * last / (count - 1));
    let mut size = None;
    let mut frame = |index: usize| {
        let (_, path) = &pictures[index];
        let unread = |error: &dyn Display| {
            Problem::failed(format!("{}: cannot be read: {error}", path.display()))
                .hint("move it elsewhere, to show the others")
        };
        let picture = Still::Png(fs::read(path).map_err(|error| unread(&error))?);
        let found = picture.size().map_err(|error| unread(&error))?;
        if *size.get_or_insert(found) != found {
            return Err(Problem::failed(format!(
                "{}: found a picture of another size than those before it",
                path.display()
            ))
            .hint(
                "run.rows or run.cols changed on the way; move the pictures before it elsewhere",
            ));
        }
        let delay = if index == last { LAST_DELAY } else { DELAY };
        Ok(AnimationFrame { picture, delay })
    };
    let frames = shown.map(&mut frame).collect::<Result<Vec<_>, Problem>>()?;
    target.write_animation(|form| animation(&frames, 1.0, &[], form))?;
    output.line(format!(
        "{}: samples of {}, {count} pictures to step {}",
        target.path.display(),
        run.display(),
        pictures[last].0
    ));
    Ok(())
}
