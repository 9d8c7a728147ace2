//! Hands libFuzzer's inputs to the target `metrics`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("metrics").read(bytes);
});
