#![no_main]
//! See `jackfield_fuzz::properties::proxy`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("proxy", data));
