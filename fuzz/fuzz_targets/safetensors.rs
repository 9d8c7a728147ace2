//! Hands libFuzzer's inputs to the target `safetensors`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gan_hostile::find("safetensors").read(bytes);
});
