//! Every case of the table on a GPU.

#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used)]

use gan_kernels::cases::{CASES, check};
use gan_kernels::cube::{Cube, Precision};

#[test]
fn cube_f32_all_cases_match_oracle() {
    let cube = Cube::open("wgpu".parse().unwrap(), Precision::F32).unwrap();
    let only = std::env::var("CASE").unwrap_or_default();
    let failures: Vec<_> = CASES
        .iter()
        .filter(|case| case.to_string().contains(&only))
        .filter_map(|case| {
            let t = std::time::Instant::now();
            let r = check(&cube, case).err();
            eprintln!("{case} {:?}", t.elapsed());
            r
        })
        .map(|mismatch| mismatch.to_string())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
