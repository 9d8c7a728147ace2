//! Hands libFuzzer's inputs to the target `picture`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("picture").read(bytes);
});
