#![no_main]
//! See `jackfield_fuzz::properties::http1_machine`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("http1_machine", data));
