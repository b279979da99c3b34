#![no_main]
//! See `switchboard_fuzz::properties::http1_head`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::fuzz("http1_head", data));
