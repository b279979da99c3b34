//! What was agreed on with a peer about compression.

use crate::config::Agreed;
use jackfield_proto::websocket::deflate::{Deflater, Inflater, WINDOW_BITS_MIN};
use jackfield_reactor::planted::planted;

/// What was agreed on with a peer, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AgreedCompression(u8);

impl AgreedCompression {
    pub(crate) const NONE: Self = Self(0);
    /// The size of our window, as a power of two: 9 to 15, or 0 if nothing is compressed.
    const WINDOW_BITS: u8 = 0x0f;
    /// Our messages may refer to earlier ones (context takeover).
    const OWN: u8 = 0x10;
    /// The peer's messages may refer to earlier ones.
    const PEERS_OWN: u8 = 0x20;

    /// What a server has agreed to with its client.
    pub(super) fn of(agreed: &Agreed) -> Self {
        let takeovers = (agreed.server_context_takeover(), agreed.client_context_takeover());
        Self::new(agreed.server_window_bits(), takeovers)
    }

    /// What a client has agreed to with its server. If the server's window may be too small for our compressors,
    /// nothing is compressed.
    pub(super) fn of_client(agreed: &Agreed) -> Self {
        let own =
            if planted(92) { agreed.server_context_takeover() } else { agreed.client_context_takeover() };
        let takeovers = (own, agreed.server_context_takeover());
        match agreed.client_window_bits() {
            bits @ WINDOW_BITS_MIN.. => Self::new(bits, takeovers),
            _ => Self::new(0, (false, takeovers.1)),
        }
    }

    fn new(window_bits: u8, (own, peers): (bool, bool)) -> Self {
        Self(window_bits | if own { Self::OWN } else { 0 } | if peers { Self::PEERS_OWN } else { 0 })
    }

    /// Whether our messages may be compressed.
    pub(crate) fn is_on(self) -> bool {
        self.window_bits() != 0
    }

    pub(crate) fn has_own(self) -> bool {
        self.0 & Self::OWN != 0
    }

    /// Whether the connection has its own memory for the peer's compressed messages.
    pub(crate) fn has_peers_own(self) -> bool {
        self.0 & Self::PEERS_OWN != 0
    }

    /// Whether the peer accepts messages that are compressed for the largest window.
    pub(crate) fn has_window(self, bits: u8) -> bool {
        self.window_bits() == bits
    }

    pub(crate) fn window_bits(self) -> u8 {
        self.0 & Self::WINDOW_BITS
    }

    /// Bytes that it may take from the memory for dedicated compressors.
    pub(super) fn reserved_bytes(self) -> usize {
        let own = if self.has_own() { Deflater::heap_bytes_of(self.window_bits()) } else { 0 };
        own + if self.has_peers_own() { Inflater::HEAP_BYTES } else { 0 }
    }
}
