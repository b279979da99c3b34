#![no_main]
//! See `switchboard_fuzz::sse_stream`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::sse_stream(data));
