#![no_main]
//! See `jackfield_fuzz::properties::websocket_deflate`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("websocket_deflate", data));
