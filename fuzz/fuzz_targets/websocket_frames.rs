#![no_main]
//! See `switchboard_fuzz::websocket_frames`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| switchboard_fuzz::websocket_frames(data));
