//! Hands libFuzzer's inputs to the target `idx`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("idx").read(bytes);
});
