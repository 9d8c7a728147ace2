//! The file that a figure is written to.

use std::path::{Path, PathBuf};

use gan_pictures::Drawing;
use gan_run::problem::Problem;
use gan_run::run_dir::{self, check_folder};

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Png,
    Svg,
}

/// The file that a figure is written to.
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) form: Form,
}

impl Target {
    /// `out`, or `default` in the working directory.
    ///
    /// # Errors
    /// If its extension is not that of a picture, or its folder does not exist.
    pub(super) fn new(out: Option<&Path>, default: &str) -> Result<Self, Problem> {
        let path = out.unwrap_or(Path::new(default)).to_path_buf();
        let found = path.extension().unwrap_or_default().to_string_lossy();
        let form = match found.to_lowercase().as_str() {
            "png" => Form::Png,
            "svg" => Form::Svg,
            _ => {
                return Err(Problem::usage(format!(
                    "--out {}: found extension {found:?}, expected png or svg",
                    path.display()
                ))
                .hint("end the name in .png or .svg"));
            }
        };
        check_folder(&path)?;
        Ok(Self { path, form })
    }

    /// Writes `drawing`; a .png has `scale` pixels for each unit.
    pub(super) fn write(&self, drawing: &Drawing, scale: f64) -> Result<(), Problem> {
        let bytes = match self.form {
            Form::Png => drawing
                .to_png(scale)
                .map_err(Problem::undrawn(&self.path))?,
            Form::Svg => drawing.to_svg().into_bytes(),
        };
        run_dir::replace(&self.path, &bytes)
    }
}
