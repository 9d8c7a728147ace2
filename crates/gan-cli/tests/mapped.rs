//! Data that are larger than the memory: mapped, and the same to the last bit as if they were held.

#![allow(clippy::unwrap_used, reason = "tests end where they fail")]

mod common;

use common::{Folder, TINY};

/// Maps every file that can be mapped, and none.
const MAPPED: (&str, &str) = ("GAN_MAP_ABOVE", "0");
const HELD: (&str, &str) = ("GAN_MAP_ABOVE", "1000000");

/// An array of floats: 300 records of four values.
fn floats() -> Vec<u8> {
    let header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (300, 4), }\n";
    let values = (0..1200u16).map(|at| (f32::from(at) * 0.7).sin() * 3.0 + f32::from(at % 4));
    let start = [
        b"\x93NUMPY\x01\x00".as_slice(),
        &[header.len() as u8, 0],
        header,
    ]
    .concat();
    [start, values.flat_map(f32::to_le_bytes).collect()].concat()
}

/// IDX files: `count` images of 5×4 pixels, and their labels.
fn images(count: u32) -> [Vec<u8>; 2] {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let pixels = (0..count * 20).map(|at| (at * at % 251) as u8).collect();
    let labels = (0..count).map(|at| (at % 3) as u8).collect();
    let file = |start: Vec<u8>, rest: Vec<u8>| [start, rest].concat();
    [
        file(words(&[0x803, count, 5, 4]), pixels),
        file(words(&[0x801, count]), labels),
    ]
}

#[test]
fn runs_on_mapped_files_have_the_bits_of_runs_on_held_ones() {
    let folder = Folder::new();
    std::fs::write(folder.path("a.npy"), floats()).unwrap();
    std::fs::create_dir(folder.path("mnist")).unwrap();
    for (set, count) in [("train", 200), ("t10k", 40)] {
        let [images, labels] = images(count);
        std::fs::write(
            folder.path(&format!("mnist/{set}-images-idx3-ubyte")),
            images,
        )
        .unwrap();
        std::fs::write(
            folder.path(&format!("mnist/{set}-labels-idx1-ubyte")),
            labels,
        )
        .unwrap();
    }
    for (name, data) in [
        ("floats", "source = './a.npy'\nnormalize = 'standardize'"),
        ("images", "source = './mnist'\nnormalize = 'pixels'"),
        ("contrast", "source = './mnist'\nnormalize = 'gcn'"),
    ] {
        folder.write(&format!("{name}.toml"), &TINY.replace("count = 700", data));
        let run = |how: (&str, &str), run: &str| {
            let line = format!("train {name}.toml --steps 200 --out {name}-{run}");
            folder.run_under(&[how], &line).exits(0);
            folder.bytes(&format!("{name}-{run}/checkpoints/step-000200.safetensors"))
        };
        assert!(run(MAPPED, "mapped") == run(HELD, "held"), "{name}");
        let evaluated = |how: (&str, &str), run: &str| {
            let line = format!("evaluate {name}-{run} --metrics mmd,nn --samples 200 --json");
            let report = folder.run_under(&[how], &line).exits(0).json().pop();
            report.unwrap()["sections"].clone()
        };
        let found = evaluated(MAPPED, "mapped");
        assert_eq!(found.as_array().unwrap().len(), 2, "{name}");
        assert_eq!(found, evaluated(HELD, "held"), "{name}");
    }
}

#[test]
fn a_limit_that_is_no_number_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.path("a.npy"), floats()).unwrap();
    let ran = folder.run_under(&[("GAN_MAP_ABOVE", "much")], "data a.npy");
    ran.exits(1).complains(&[
        "a.npy",
        "GAN_MAP_ABOVE",
        "\"much\"",
        "MiB",
        "unset GAN_MAP_ABOVE",
    ]);
}
