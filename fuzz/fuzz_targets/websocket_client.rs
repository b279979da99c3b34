#![no_main]
//! See `switchboard_fuzz::properties::websocket_client`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::fuzz("websocket_client", data));
