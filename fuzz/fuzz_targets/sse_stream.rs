#![no_main]
//! See `switchboard_fuzz::properties::sse_stream`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::fuzz("sse_stream", data));
