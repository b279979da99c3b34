#![no_main]
//! See `jackfield_fuzz::properties::server`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("server", data));
