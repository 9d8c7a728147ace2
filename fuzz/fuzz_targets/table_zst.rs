//! Hands libFuzzer's inputs to the target `table_zst`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("table_zst").read(bytes);
});
