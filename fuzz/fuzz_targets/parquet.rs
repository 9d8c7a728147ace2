//! Hands libFuzzer's inputs to the target `parquet`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("parquet").read(bytes);
});
