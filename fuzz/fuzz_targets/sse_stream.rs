#![no_main]
//! See `jackfield_fuzz::properties::sse_stream`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("sse_stream", data));
