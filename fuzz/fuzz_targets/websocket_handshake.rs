#![no_main]
//! See `switchboard_fuzz::websocket_handshake`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::websocket_handshake(data));
