#![no_main]
//! See `switchboard_fuzz::properties::websocket_handshake`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::fuzz("websocket_handshake", data));
