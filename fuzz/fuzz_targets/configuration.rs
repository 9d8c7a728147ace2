//! Hands libFuzzer's inputs to the target `configuration`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("configuration").read(bytes);
});
