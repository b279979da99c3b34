#![no_main]
//! See `switchboard_fuzz::http1_request`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::http1_request(data));
