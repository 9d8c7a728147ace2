//! Folders of pictures: what is read of them, and what is said of the rest.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use gan_data::Dataset;

/// A folder with 12 pictures in each of these folders.
fn classes(names: &[&str]) -> Folder {
    let folder = Folder::new();
    for name in names {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
        for index in 0..12 {
            folder.put(
                &format!("{name}/{index}.png"),
                picture(4, 3, false, index * 9),
            );
        }
    }
    folder
}

fn notes(dataset: &Dataset) -> String {
    dataset.notes.join("\n")
}

#[test]
fn classes_are_named_and_what_is_no_picture_is_counted() {
    let folder = classes(&["a b", "c", "c/inside", ".hidden"]);
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    folder.put("labels.csv", "1");
    folder.put("c/x.webp", "1");
    folder.put("c/._3.png", "no picture");
    let dataset = load_path(folder.path()).unwrap();
    assert_eq!((dataset.records.rows(), dataset.classes), (24, Some(2)));
    let notes = notes(&dataset);
    assert!(notes.contains("label 0: \"a b\", 1: \"c\""), "{notes}");
    assert!(
        notes.contains("2 files are left out, no .png or .jpg: for instance labels.csv"),
        "{notes}"
    );
    assert!(
        notes.contains("2 folders are left out: without pictures, or inside"),
        "{notes}"
    );

    let many: Vec<String> = (0..30).map(|class| format!("k{class:02}")).collect();
    let folder = classes(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let dataset = load_path(folder.path()).unwrap();
    let notes = self::notes(&dataset);
    assert!(notes.contains("19: \"k19\" and 10 more"), "{notes}");
}

#[test]
fn folders_beside_pictures_are_left_out_with_a_note() {
    let folder = classes(&["a", "b"]);
    for index in 0..10 {
        folder.put(&format!("{index}.png"), picture(4, 3, false, index));
    }
    let dataset = load_path(folder.path()).unwrap();
    assert_eq!((dataset.records.rows(), dataset.classes), (10, None));
    let notes = notes(&dataset);
    assert!(
        notes.contains("2 folders are left out: pictures stand beside folders"),
        "{notes}"
    );
}

#[test]
fn pictures_are_turned_as_they_are_shown() {
    let folder = Folder::new();
    // The left pixel is black; a quarter turn clockwise brings it to the top.
    let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    for index in 0..10 {
        let mut info = png::Info::with_size(2, 1);
        info.color_type = png::ColorType::Grayscale;
        info.exif_metadata = Some(little.as_slice().into());
        let mut bytes = Vec::new();
        let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0, 255]).unwrap();
        writer.finish().unwrap();
        folder.put(&format!("{index}.png"), bytes);
    }
    let dataset = load_path(folder.path()).unwrap();
    assert_eq!(dataset.shape.image(), Some([2, 1, 1]));
    assert_eq!(row(&dataset, 0), [0.0, 1.0]);
}

#[cfg(unix)]
#[test]
fn links_to_pictures_that_are_gone_are_told() {
    let folder = classes(&["a"]);
    let link = folder.path().join("a/5a.png");
    std::os::unix::fs::symlink("gone.png", &link).unwrap();
    let error = load_path(folder.path()).unwrap_err();
    let message = "a/5a.png: found a symbolic link to a file that is not there, expected a file";
    assert!(error.to_string().ends_with(message), "{error}");
    assert!(error.hint().unwrap().contains("remove it"));
}
