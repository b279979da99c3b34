#![no_main]
//! See `switchboard_fuzz::server`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::server(data));
