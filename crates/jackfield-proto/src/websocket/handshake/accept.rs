//! The proof that a server knows WebSocket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// The value of `Sec-WebSocket-Accept` for a value of `Sec-WebSocket-Key` (RFC 6455, section 4.2.2): base64 of the
/// SHA-1 of the key and a fixed identifier. It is ASCII.
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut accept = [0; 28];
    let written = STANDARD.encode_slice(hash.finalize(), &mut accept);
    debug_assert_eq!(written, Ok(28), "20 bytes make 28 characters");
    accept
}

/// Whether a value of `Sec-WebSocket-Key` is base64 of 16 bytes (RFC 6455, section 4.1).
pub(super) fn is_key(value: &[u8]) -> bool {
    // The decoder wants room in whole groups of three bytes.
    let mut nonce = [0; 18];
    STANDARD.decode_slice(value, &mut nonce) == Ok(16)
}

/// The value of `Sec-WebSocket-Key` for a client's random number.
pub(super) fn encode_key(nonce: [u8; 16]) -> [u8; 24] {
    let mut key = [0; 24];
    let written = STANDARD.encode_slice(nonce, &mut key);
    debug_assert_eq!(written, Ok(24), "16 bytes make 24 characters");
    key
}
