//! Every case of the table on the CPU, in both precisions.

#![allow(clippy::unwrap_used)]

use gan_kernels::cases::{all, check};
use gan_kernels::{Native, Real};

fn check_all<T: Real>() {
    let native = Native::<T>::new(Some(2)).unwrap();
    let failures: Vec<_> = all()
        .filter_map(|case| check(&native, case).err())
        .map(|mismatch| mismatch.to_string())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn native_f32_all_cases_match_oracle() {
    check_all::<f32>();
}

#[test]
fn native_f64_all_cases_match_oracle() {
    check_all::<f64>();
}
