//! `gan-cli sample`: from a checkpoint to a picture, a folder of pictures or a file of values.

use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf, is_separator};
use std::process::ExitCode;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use gan_data::FileKind;
use gan_run::model::{Model, check_amount};
use gan_run::pictures::{self, Backdrop};
use gan_run::problem::Problem;
use gan_run::run_dir::{self, check_folder, refuse_existing};
use gan_run::sampling::Samples;
use gan_run::text::{excerpt, nearest_word};

use super::{DeviceArgs, load_model};
use crate::output::Output;
use crate::progress::Stages;

/// The extension of a picture; those of values are [`FileKind::EXTENSIONS`].
const PICTURE: &str = "png";
/// More images than this make no sheet that a person could look at.
const LARGEST_SHEET: usize = 10_000;

/// Samples are few, so another device than for training is the default.
const DEVICE_HELP: &str = "Device that computes, as for `train`; the CPU is there at once, and gives \
                           the same bits on any number of threads, with AVX2 as with AVX-512";

/// `gan-cli sample`.
#[derive(Debug, Args)]
#[command(mut_arg("device", |arg| arg.default_value("cpu").help(DEVICE_HELP)))]
pub(crate) struct SampleArgs {
    /// Directory of a run, or a checkpoint file.
    #[arg(value_name = "RUN | CHECKPOINT")]
    from: PathBuf,
    /// Number of samples.
    #[arg(short, long, value_name = "N", default_value = "100", allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000_000))]
    number: usize,
    /// Seed of the latents [default: the run's].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// What to write: .png is a picture, FOLDER/ one picture for each image, and .csv, .tsv, .npy, .npz,
    /// .safetensors, .parquet and .feather hold the values [default: a picture beside the run's
    /// samples].
    #[arg(long, value_name = "FILE | FOLDER/")]
    out: Option<PathBuf>,
    /// Write only samples that satisfy a condition on a column, such as `age>60`, `sex!=male` or
    /// `cabin=` for a blank; may be repeated, and then all must hold.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Write the levels and numbers of a table as the generator makes them, without giving each its
    /// share of the training records.
    #[arg(long)]
    no_calibration: bool,
    /// Replace what `--out` already names: a file, or a folder of samples.
    #[arg(long, requires = "out")]
    overwrite: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// `gan-cli sample`.
pub(crate) fn run(args: &SampleArgs, output: Output) -> Result<ExitCode, Problem> {
    if let Some(out) = &args.out {
        let form = Form::of(out)?;
        check_folder(out)?;
        if form != Form::Folder {
            refuse_existing(out, args.overwrite)?;
        }
    }
    let model = load_model(&args.from, output)?;
    let seed = args.seed.unwrap_or(model.checkpoint.seed);
    let out = match &args.out {
        Some(out) => out.clone(),
        None => default_out(&model, seed)?,
    };
    let device = args.device.open()?;
    let mut samples = Drawing {
        samples: Samples::new(
            &model,
            &device,
            seed,
            args.number,
            &args.conditions,
            args.no_calibration,
        )?,
        model: &model,
        seed,
        number: args.number,
        stages: Stages::new(output),
    };
    match Form::of(&out)? {
        Form::Values(kind) => samples.write(&out, kind)?,
        Form::Folder => samples.write_folder(&out, args.overwrite)?,
        Form::Picture => samples.draw(&out)?,
    }
    output.line(format!(
        "{}: {} samples of {}, step {}, seed {seed}",
        out.display(),
        args.number,
        model.path.display(),
        model.checkpoint.step
    ));
    Ok(ExitCode::SUCCESS)
}

/// The samples that are asked for, and how they are shown while they are made.
struct Drawing<'a> {
    samples: Samples<'a>,
    model: &'a Model,
    seed: u64,
    number: usize,
    stages: Stages,
}

/// What is done while conditions are looked for.
const SEARCH: &str = "samples that satisfy --where";

impl Drawing<'_> {
    /// Those of `part`, row-major, in the players' units; parts must follow each other.
    fn take(&mut self, part: Range<usize>) -> Result<Vec<f32>, Problem> {
        let stages = &mut self.stages;
        self.samples
            .take(part, &mut |done| stages.show(SEARCH, done))
    }

    /// Writes their values.
    fn write(&mut self, out: &Path, kind: FileKind) -> Result<(), Problem> {
        let stages = &mut self.stages;
        let mut progress = |done| stages.show(SEARCH, done);
        self.samples.write(out, kind, &mut progress)
    }

    /// Draws them: images on a sheet, numbers as a chart.
    fn draw(&mut self, out: &Path) -> Result<(), Problem> {
        let (model, number, cols) = (self.model, self.number, self.model.cols);
        let shape = &model.record.shape;
        if shape.image().is_some() && number > LARGEST_SHEET {
            return Err(Problem::usage(format!(
                "-n {number}: found more than {LARGEST_SHEET} images for one sheet"
            ))
            .hint("write them to a .npy file, or to a folder with --out FOLDER/"));
        }
        check_amount("-n", number, cols)?;
        let samples = self.take(0..number)?;
        let (name, step) = (model.path.display(), model.checkpoint.step);
        let title = format!("{name}, step {step}, seed {}", self.seed);
        let samples = model.record.user_values(&samples, cols);
        let cols = model.record.transform.user_cols(cols);
        let (grid, backdrop) = (near_square(number), Backdrop::default());
        let picture = pictures::draw(&title, shape, cols, &samples, grid, &backdrop)
            .map_err(Problem::undrawn(out))?;
        run_dir::replace(out, &picture)
    }

    /// Draws each into a file of its own in the folder `out`, which gets its name when all are there.
    fn write_folder(&mut self, out: &Path, overwrite: bool) -> Result<(), Problem> {
        let (record, cols) = (&self.model.record, self.model.cols);
        let Some(size) = record.shape.image() else {
            let text = format!("{}: found samples that are no images", out.display());
            return Err(Problem::usage(text).hint("write their values to a .csv or .npy file"));
        };
        let unwritable =
            |error| Problem::failed(format!("{}: cannot be written: {error}", out.display()));
        // Nothing else of the user's is removed: what is there must be named as this command does.
        let old = old_pictures(out, overwrite)?;
        // `.`, `..` and links have no name that another folder could take.
        let real = match fs::canonicalize(out) {
            Ok(real) => real,
            Err(_) => out.to_path_buf(),
        };
        let beside = real.parent().filter(|folder| *folder != Path::new(""));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".samples.").suffix(".part");
        // The crate would let nobody but the user read the folder.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let beside = beside.unwrap_or(Path::new("."));
        let folder = builder.tempdir_in(beside).map_err(unwritable)?;
        for first in (0..self.number).step_by(IMAGES) {
            let count = IMAGES.min(self.number - first);
            let samples = self.take(first..first + count)?;
            let samples = record.user_values(&samples, cols);
            for (index, image) in samples.chunks_exact(cols).enumerate() {
                let picture = gan_pictures::image(image, size).map_err(Problem::undrawn(out))?;
                let name = picture_name(first + index, self.number);
                fs::write(folder.path().join(name), picture).map_err(unwritable)?;
            }
        }
        if !real.exists() {
            return fs::rename(folder.path(), &real).map_err(unwritable);
        }
        // The old ones go only when the new ones are in their place.
        let aside = folder.path().with_extension("old");
        fs::rename(&real, &aside).map_err(unwritable)?;
        if let Err(error) = fs::rename(folder.path(), &real) {
            fs::rename(&aside, &real).map_err(unwritable)?;
            return Err(unwritable(error));
        }
        for name in old {
            fs::remove_file(aside.join(name)).map_err(unwritable)?;
        }
        fs::remove_dir(&aside).map_err(unwritable)
    }
}

/// Images that are made together for a folder.
const IMAGES: usize = 1024;

/// `042.png` of 1000 images.
fn picture_name(index: usize, count: usize) -> String {
    let width = (count - 1).to_string().len();
    format!("{index:0width$}.{PICTURE}")
}

/// The names of the pictures in the folder `out`, if there is nothing else in it and they may be replaced.
fn old_pictures(out: &Path, overwrite: bool) -> Result<Vec<OsString>, Problem> {
    if !out.exists() {
        return Ok(Vec::new());
    }
    let shown = out.display();
    let unreadable = |error| Problem::failed(format!("{shown}: cannot be read: {error}"));
    let entries = fs::read_dir(out).map_err(unreadable)?;
    let entries = entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let is_ours = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let digits = name.strip_suffix(".png").unwrap_or_default();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    let other = entries.iter().find(|entry| !is_ours(entry));
    let names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
    if let Some(other) = other.map(fs::DirEntry::file_name) {
        let text = format!(
            "{shown}: found {} in it, expected a new or empty folder",
            excerpt(&other.to_string_lossy()).escape_debug()
        );
        return Err(Problem::usage(text).hint("choose another folder with --out FOLDER/"));
    }
    if !names.is_empty() && !overwrite {
        let text = format!("{shown}: is there already, with {} pictures", names.len());
        return Err(Problem::usage(text).hint("--overwrite replaces them"));
    }
    Ok(names)
}

/// A picture beside the run's own; for a lone checkpoint in the working directory.
fn default_out(model: &Model, seed: u64) -> Result<PathBuf, Problem> {
    let step = model.checkpoint.step;
    let name = format!("sample-step-{step:06}-seed-{seed}.png");
    let Some(run) = &model.run else {
        return Ok(PathBuf::from(name));
    };
    let out = run_dir::samples_folder(run).join(name);
    run_dir::make_folder_of(&out)?;
    Ok(out)
}

/// The forms that samples can take.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// One picture of all.
    Picture,
    /// A picture of each image.
    Folder,
    /// Their values.
    Values(FileKind),
}

impl Form {
    /// The form that the name of `out` asks for.
    fn of(out: &Path) -> Result<Self, Problem> {
        let name = out.as_os_str().to_string_lossy();
        let file = Path::new(name.trim_end_matches(is_separator));
        if name.ends_with(is_separator) && file.is_file() {
            let text = format!("--out {}: found a file, expected a folder", out.display());
            return Err(Problem::usage(text).hint("choose another folder with --out FOLDER/"));
        }
        if name.ends_with(is_separator) || out.is_dir() {
            return Ok(Self::Folder);
        }
        let found = out.extension().unwrap_or_default();
        let found = found.to_string_lossy().to_lowercase();
        if found == PICTURE {
            return Ok(Self::Picture);
        }
        FileKind::of(out).map(Self::Values).ok_or_else(|| {
            let known = || [PICTURE].iter().chain(FileKind::EXTENSIONS).copied();
            let text = format!(
                "--out {}: found extension {found:?}, expected one of {}",
                out.display(),
                known().collect::<Vec<_>>().join(", ")
            );
            Problem::usage(text).hint(match nearest_word(&found, known()) {
                _ if ["parquet", "feather", "arrow"].contains(&&*found) => {
                    "this program was built without Parquet and Arrow; build it with the flag \
                     --features parquet"
                        .into()
                }
                Some(near) => format!("did you mean .{near}?"),
                None => {
                    "a picture is .png, the values are .npy or .csv, and FOLDER/ gets a picture \
                         of each"
                        .into()
                }
            })
        })
    }
}

/// Rows and columns of a sheet of `count` images.
fn near_square(count: usize) -> [usize; 2] {
    let cols = (count as f64).sqrt().ceil().max(1.0) as usize;
    [count.div_ceil(cols), cols]
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;
    use gan_run::device::DeviceChoice;

    #[test]
    fn samples_come_from_the_cpu_unless_told_otherwise() {
        let device = |words: &[&str]| {
            let command = SampleArgs::augment_args(clap::Command::new("sample"));
            let matches = command.get_matches_from(["sample", "runs/a"].iter().chain(words));
            SampleArgs::from_arg_matches(&matches)
                .unwrap()
                .device
                .device
        };
        assert_eq!(device(&[]), DeviceChoice::Cpu);
        assert_eq!(device(&["--device", "auto"]), DeviceChoice::Auto);
    }

    #[test]
    fn names_tell_the_form() {
        for (name, form) in [
            ("a.png", Form::Picture),
            ("a/", Form::Folder),
            ("a.png/", Form::Folder),
            (".", Form::Folder),
            ("a.CSV", Form::Values(FileKind::Table)),
            ("a.tsv", Form::Values(FileKind::Table)),
            ("a.npz", Form::Values(FileKind::Npz)),
            ("a.safetensors", Form::Values(FileKind::Safetensors)),
        ] {
            assert_eq!(Form::of(Path::new(name)).unwrap(), form, "{name}");
        }
        assert!(Form::of(Path::new("a")).is_err());
        assert_eq!(picture_name(7, 1000), "007.png");
        assert_eq!(picture_name(0, 1), "0.png");
    }

    #[test]
    fn sheets_are_nearly_square_and_hold_all() {
        assert_eq!(near_square(1), [1, 1]);
        assert_eq!(near_square(100), [10, 10]);
        assert_eq!(near_square(7), [3, 3]);
        assert!((1..500).all(|n| near_square(n).iter().product::<usize>() >= n));
    }
}
