//! Folders of pictures: PNG and JPEG files, one folder for each class or one for all.
//!
//! Names that begin with a dot are another program's, such as `._3.png` of macOS.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, ImageResult, Limits};

use crate::array::{self, Order};
use crate::error::{DEAD_LINK, DataError, DataProblem, excerpt, first_of};
use crate::input::{as_text, check_memory, extension, list};
use crate::record::{Loaded, Raw};

/// Extensions of pictures.
const PICTURES: [&str; 3] = ["png", "jpg", "jpeg"];

/// Classes that are named at most.
const CLASSES_LISTED: usize = 20;

/// Loads the pictures in a directory, or in its folders, which are the classes then; `None` if there
/// are none. All become `size`, height and width, if that is given; otherwise they must be alike.
pub(crate) fn load(
    path: &Path,
    names: &[OsString],
    size: Option<[usize; 2]>,
) -> Option<Result<Loaded, DataError>> {
    let mut left_out = LeftOut::default();
    let (files, folders) = left_out.sorted(path, names);
    let mut pictures: Vec<(PathBuf, usize)> = files.into_iter().map(|file| (file, 0)).collect();
    let mut classes = Vec::new();
    let are_beside = !pictures.is_empty();
    if are_beside {
        left_out.folders = folders.len();
    } else {
        for folder in folders {
            let names = match list(&folder) {
                Ok(names) => names,
                Err(source) => return Some(Err(DataProblem::unreadable(source).at(folder))),
            };
            let (files, inside) = left_out.sorted(&folder, &names);
            left_out.folders += inside.len() + usize::from(files.is_empty());
            if !files.is_empty() {
                pictures.extend(files.into_iter().map(|file| (file, classes.len())));
                classes.extend(folder.file_name().map(OsString::from));
            }
        }
    }
    if pictures.is_empty() {
        return None;
    }
    Some(read_all(&pictures, size).map(|mut loaded| {
        loaded.notes.extend(left_out.notes(path, are_beside));
        let labels = pictures.iter().map(|(_, class)| u8::try_from(*class));
        let count = classes.len();
        match labels.collect::<Result<Vec<u8>, _>>() {
            Ok(labels) if count > 1 => {
                loaded.notes.extend(named(&as_text(&classes)));
                loaded.with_labels(labels, count)
            }
            Ok(_) => loaded,
            Err(_) => {
                let note = format!("labels are left out: found {count} folders, more than 256");
                loaded.notes.push(note);
                loaded
            }
        }
    }))
}

/// What stands in a folder of pictures and is not read.
#[derive(Default)]
struct LeftOut {
    folders: usize,
    files: usize,
    /// One of these files.
    file: Option<PathBuf>,
}

impl LeftOut {
    /// The pictures and the folders among `names`, what `path` holds; other files are counted.
    fn sorted(&mut self, path: &Path, names: &[OsString]) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (mut pictures, mut folders) = (Vec::new(), Vec::new());
        for name in names {
            let is = |name: &str| PICTURES.contains(&extension(Path::new(name)).as_str());
            match &*name.to_string_lossy() {
                hidden if hidden.starts_with('.') => {}
                folder if folder.ends_with('/') => folders.push(path.join(name)),
                picture if is(picture) => pictures.push(path.join(name)),
                _ => {
                    self.files += 1;
                    self.file.get_or_insert_with(|| path.join(name));
                }
            }
        }
        (pictures, folders)
    }

    /// How many these are and why, where the pictures of `path` are in folders or in none.
    fn notes(&self, path: &Path, are_beside: bool) -> Vec<String> {
        let count = |count, noun| match count {
            1 => format!("1 {noun} is left out"),
            _ => format!("{count} {noun}s are left out"),
        };
        let mut notes = Vec::new();
        if self.folders > 0 {
            let why = match are_beside {
                true => "pictures stand beside folders, and are read alone",
                false => "without pictures, or inside of another folder",
            };
            notes.push(format!("{}: {why}", count(self.folders, "folder")));
        }
        if let Some(file) = &self.file {
            let file = file.strip_prefix(path).unwrap_or(file).to_string_lossy();
            let (files, file) = (count(self.files, "file"), excerpt(&file));
            notes.push(format!("{files}, no .png or .jpg: for instance {file}"));
        }
        notes
    }
}

/// Which label is which folder.
fn named(classes: &[String]) -> Option<String> {
    let name = |(label, name): (usize, &String)| format!("{label}: \"{}\"", excerpt(name));
    let names: Vec<_> = classes.iter().enumerate().map(name).collect();
    let names = first_of(&names, names.len(), CLASSES_LISTED)?;
    Some(format!("label {names}"))
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
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Err(_) if path.is_symlink() => return Err(at(DataProblem::NotAFile(DEAD_LINK))),
        _ => return Err(at(DataProblem::NotAFile("directory, pipe or device"))),
    }
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let reader = reader.map_err(|source| at(DataProblem::unreadable(source)))?;
    decode(reader).map_err(|error| at(DataProblem::Picture(error.to_string())))
}

/// The picture as it is shown: cameras turn it by a word beside it.
fn decode(reader: ImageReader<BufReader<File>>) -> ImageResult<DynamicImage> {
    let mut decoder = reader.into_decoder()?;
    // As `ImageReader::decode` limits it.
    Limits::default().reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}
