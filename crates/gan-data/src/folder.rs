//! Folders of pictures: PNG and JPEG files, one folder for each class or one for all.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader};

use crate::array::{self, Order};
use crate::error::{DataError, DataProblem};
use crate::input::{check_memory, extension, list};
use crate::record::{Loaded, Raw};

/// Extensions of pictures.
const PICTURES: [&str; 3] = ["png", "jpg", "jpeg"];

/// Loads the pictures in a directory, or in its folders, which are the classes then; `None` if there
/// are none. All become `size`, height and width, if that is given; otherwise they must be alike.
pub(crate) fn load(
    path: &Path,
    names: &[OsString],
    size: Option<[usize; 2]>,
) -> Option<Result<Loaded, DataError>> {
    let mut pictures: Vec<(PathBuf, usize)> = pictures(path, names).map(|file| (file, 0)).collect();
    let mut classes = 0;
    if pictures.is_empty() {
        let is_folder = |name: &&OsString| name.as_encoded_bytes().ends_with(b"/");
        for folder in names.iter().filter(is_folder) {
            let folder = path.join(folder);
            let before = pictures.len();
            let names = match list(&folder) {
                Ok(names) => names,
                Err(source) => return Some(Err(DataProblem::unreadable(source).at(folder))),
            };
            pictures.extend(self::pictures(&folder, &names).map(|file| (file, classes)));
            classes += usize::from(pictures.len() > before);
        }
    }
    if pictures.is_empty() {
        return None;
    }
    Some(read_all(&pictures, size).map(|loaded| {
        let labels = pictures.iter().map(|(_, class)| u8::try_from(*class));
        match labels.collect::<Result<Vec<u8>, _>>() {
            Ok(labels) if classes > 1 => loaded.with_labels(labels, classes),
            Ok(_) => loaded,
            Err(_) => {
                let mut loaded = loaded;
                let note = format!("labels are left out: found {classes} folders, more than 256");
                loaded.notes.push(note);
                loaded
            }
        }
    }))
}

/// The pictures among `names`, the files of `path`.
fn pictures<'a>(path: &'a Path, names: &'a [OsString]) -> impl Iterator<Item = PathBuf> + 'a {
    let is_picture = |name: &&OsString| PICTURES.contains(&extension(Path::new(name)).as_str());
    names.iter().filter(is_picture).map(|name| path.join(name))
}

fn read_all(pictures: &[(PathBuf, usize)], size: Option<[usize; 2]>) -> Result<Loaded, DataError> {
    let (mut bytes, mut first) = (Vec::new(), None);
    for (path, _) in pictures {
        let picture = read(path)?;
        let picture = match size {
            Some([height, width]) => {
                picture.resize_exact(width as u32, height as u32, FilterType::Triangle)
            }
            None => picture,
        };
        let found = [picture.height() as usize, picture.width() as usize];
        // The first picture says whether all are grey.
        if first.is_none() {
            let channels = if picture.color().has_color() { 3 } else { 1 };
            let values = found.iter().product::<usize>() * channels;
            let all = (values as u64).saturating_mul(pictures.len() as u64);
            check_memory(all.saturating_mul(2)).map_err(|problem| problem.at(path))?;
        }
        let (expected, has_color) = *first.get_or_insert((found, picture.color().has_color()));
        if found != expected {
            return Err(DataProblem::PictureSize { found, expected }.at(path));
        }
        match has_color {
            true => bytes.extend(picture.into_rgb8().into_raw()),
            false => bytes.extend(picture.into_luma8().into_raw()),
        }
    }
    let ([height, width], has_color) = first.unwrap_or_default();
    let size = [height, width, if has_color { 3 } else { 1 }];
    let path = pictures
        .first()
        .map(|(path, _)| path.as_path())
        .unwrap_or(Path::new(""));
    array::images(Raw::Bytes(bytes), size, Order::Pixels).map_err(|problem| problem.at(path))
}

fn read(path: &Path) -> Result<DynamicImage, DataError> {
    let at = |problem: DataProblem| problem.at(path);
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Err(at(DataProblem::NotAFile("directory, pipe or device")));
    }
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let reader = reader.map_err(|source| at(DataProblem::unreadable(source)))?;
    reader
        .decode()
        .map_err(|error| at(DataProblem::Picture(error.to_string())))
}
