//! Hands libFuzzer's inputs to the target `arrow`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("arrow").read(bytes);
});
