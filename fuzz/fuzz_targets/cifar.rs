//! Hands libFuzzer's inputs to the target `cifar`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("cifar").read(bytes);
});
