#![no_main]
//! See `jackfield_fuzz::properties::websocket_handshake`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| jackfield_fuzz::fuzz("websocket_handshake", data));
