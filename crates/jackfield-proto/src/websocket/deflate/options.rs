//! The options of compression.

/// What a server accepts or a client offers, and how it compresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a server's messages may refer to earlier ones, if the client allows it. Off by default: each connection of a
    /// server then needs a compressor of its own.
    pub server_context_takeover: bool,
    /// Whether a client's messages may refer to earlier ones. Off by default: each connection of a server then needs a
    /// decompressor of its own.
    pub client_context_takeover: bool,
    /// The largest window for our messages, as a power of two, 9 to 15; 15 by default.
    pub window_bits_max: u8,
    /// The compression level, from 1 (fastest) to 9 (smallest result); 1 by default.
    pub level: u8,
    /// The shortest message that is compressed, in bytes; 256 by default. Compression gains nothing for short messages.
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
pub(super) fn clamp_window_bits(bits: u8) -> u8 {
    bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
}
