//! Hands libFuzzer's inputs to the target `checkpoint`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("checkpoint").read(bytes);
});
