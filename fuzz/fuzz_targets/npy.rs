//! Hands libFuzzer's inputs to the target `npy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("npy").read(bytes);
});
