//! Hands libFuzzer's inputs to the target `table`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("table").read(bytes);
});
