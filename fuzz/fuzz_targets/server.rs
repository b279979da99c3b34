#![no_main]
//! See `switchboard_fuzz::properties::server`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::fuzz("server", data));
