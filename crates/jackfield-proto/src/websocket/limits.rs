//! How much memory a peer may use.

/// Limits for a peer, and what happens beyond each.
///
/// They are an argument of each step, not a part of the machine: all connections of a listener share one set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest message, in bytes of payload over all its fragments; 1 MiB by default. A longer message gets 1009,
    /// as soon as a frame's header says so and before any byte of that frame is kept. A compressed message gets it when it turns
    /// out to be longer while it is decompressed, or if it has an eighth and 64 bytes more before that.
    pub message_bytes_max: usize,
    /// The longest payload of an unfragmented message that waits in the caller's receive buffer until it is whole; 16 KiB by
    /// default. Longer messages, and fragments, move to a separate buffer as they come. The caller's buffer must hold this
    /// much and 14 bytes of header; otherwise such a frame never becomes complete. More than `u32::MAX` counts as `u32::MAX`.
    pub frame_in_place_bytes_max: usize,
    /// Longer messages come in parts, as they arrive. So at most this number of bytes,
    /// and one read, are kept of a message, however long it is. Less than 125 counts as 125. Disabled by `usize::MAX`, which
    /// is the default: all messages come whole. A compressed message always comes whole, and must not be longer than this.
    pub stream_above: usize,
    /// The most frames of one message. One more gets 1008. Disabled by zero, which is the default: any number is legal (RFC
    /// 6455, section 5.4), and `message_bytes_max` bounds the memory anyway.
    pub fragments_max: u32,
    /// Whether a client's frames may come without a mask, against RFC 6455, section 5.1: for tests that write frames by hand.
    /// The mask protects intermediaries that could take frames for requests (section 10.3). `false` by default.
    pub accept_unmasked: bool,
}

impl Limits {
    /// The longest message that comes whole.
    pub(super) fn whole_bytes_max(&self) -> usize {
        self.message_bytes_max.min(self.stream_above.max(SHORT_BYTES_MAX))
    }

    /// The longest payload of a message on its way. Bytes that can't be compressed get up to an eighth longer if that is tried;
    /// the limit of the message itself holds while it is decompressed.
    pub(super) fn payload_bytes_max(&self, is_compressed: bool) -> usize {
        if is_compressed {
            let whole = self.whole_bytes_max();
            whole.saturating_add(whole / 8).saturating_add(COMPRESSED_BYTES_MORE)
        } else {
            self.message_bytes_max
        }
    }
}

/// Messages in a short frame always come whole.
const SHORT_BYTES_MAX: usize = 125;
/// For the heads of blocks in a short message that is compressed.
const COMPRESSED_BYTES_MORE: usize = 64;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1 << 20,
            frame_in_place_bytes_max: 16 << 10,
            stream_above: usize::MAX,
            fragments_max: 0,
            accept_unmasked: false,
        }
    }
}
