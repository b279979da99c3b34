#![no_main]
//! See `jackfield_fuzz::properties::websocket_client`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("websocket_client", data));
