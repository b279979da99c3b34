#![no_main]
//! See `jackfield_fuzz::properties::http1_chunked`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("http1_chunked", data));
