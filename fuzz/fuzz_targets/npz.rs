//! Hands libFuzzer's inputs to the target `npz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("npz").read(bytes);
});
