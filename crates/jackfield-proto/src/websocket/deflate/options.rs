//! What is offered and accepted.

/// What a server accepts or a client offers, and how it compresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a server's messages may refer to those before, if the client lets them. Off by default: each connection of a
    /// server then needs a compressor of its own.
    pub server_context_takeover: bool,
    /// Whether a client's messages may refer to those before. Off by default: each connection of a server then needs a
    /// decompressor of its own.
    pub client_context_takeover: bool,
    /// The largest window for our messages, as a power of two, 9 to 15; 15 by default.
    pub window_bits_max: u8,
    /// How hard to try, from 1, which is fast, to 9, which is small; 1 by default.
    pub level: u8,
    /// The shortest message that is compressed, in bytes; 256 by default. Short ones gain nothing.
    pub message_bytes_min: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server_context_takeover: false,
            client_context_takeover: false,
            window_bits_max: WINDOW_BITS_MAX,
            level: 1,
            message_bytes_min: 256,
        }
    }
}

/// The smallest window, as a power of two.
pub const WINDOW_BITS_MIN: u8 = 9;
/// The largest window, as a power of two.
pub const WINDOW_BITS_MAX: u8 = 15;

/// A window size that is possible: the nearest one.
pub(super) fn window_bits(bits: u8) -> u8 {
    bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
}
