#![no_main]
//! See `jackfield_fuzz::properties::forms`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("forms", data));
