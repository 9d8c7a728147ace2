//! The file that a figure is written to.

use std::path::{Path, PathBuf};

use gan_pictures::{AnimationForm, Drawing, PictureError};
use gan_run::problem::Problem;
use gan_run::run_dir::{self, check_folder, refuse_existing};

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Png,
    Svg,
    /// An animation only.
    Gif,
}

impl Form {
    /// The forms of a still picture, and of an animation.
    pub(super) const STILL: &[Self] = &[Self::Png, Self::Svg];
    pub(super) const MOVING: &[Self] = &[Self::Png, Self::Gif];

    const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Gif => "gif",
        }
    }
}

/// The file that a figure is written to.
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) form: Form,
}

impl Target {
    /// `out`, which may be replaced under `overwrite` alone, or `default` in the working directory, in
    /// one of `forms`.
    ///
    /// # Errors
    /// If its extension is not that of such a form, its folder does not exist, or it is there already.
    pub(super) fn new(
        (out, overwrite): (Option<&Path>, bool),
        default: &str,
        forms: &[Form],
    ) -> Result<Self, Problem> {
        let path = out.unwrap_or(Path::new(default)).to_path_buf();
        let found = path.extension().unwrap_or_default().to_string_lossy();
        let form = forms
            .iter()
            .find(|form| found.eq_ignore_ascii_case(form.extension()));
        let Some(&form) = form else {
            let names: Vec<_> = forms.iter().map(|form| form.extension()).collect();
            return Err(Problem::usage(format!(
                "--out {}: found extension {found:?}, expected {}",
                path.display(),
                names.join(" or ")
            ))
            .hint(format!("end the name in .{}", names.join(" or ."))));
        };
        check_folder(&path)?;
        refuse_existing(&path, overwrite || out.is_none())?;
        Ok(Self { path, form })
    }

    /// Writes `drawing`; a .png has `scale` pixels for each unit.
    pub(super) fn write(&self, drawing: &Drawing, scale: f64) -> Result<(), Problem> {
        let bytes = match self.form {
            Form::Svg => drawing.to_svg().into_bytes(),
            Form::Png => drawing
                .to_png(scale)
                .map_err(Problem::undrawn(&self.path))?,
            Form::Gif => unreachable!("no form of a still picture"),
        };
        run_dir::replace(&self.path, &bytes)
    }

    /// Writes what `encode` makes of the form of an animation.
    pub(super) fn write_animation(
        &self,
        encode: impl FnOnce(AnimationForm) -> Result<Vec<u8>, PictureError>,
    ) -> Result<(), Problem> {
        let form = match self.form {
            Form::Gif => AnimationForm::Gif,
            Form::Png => AnimationForm::Png,
            Form::Svg => unreachable!("no form of an animation"),
        };
        let bytes = encode(form).map_err(Problem::undrawn(&self.path))?;
        run_dir::replace(&self.path, &bytes)
    }
}
