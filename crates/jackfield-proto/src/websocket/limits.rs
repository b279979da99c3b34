//! How much a peer may make us keep.

/// What a peer may ask of us, with the consequence of each.
///
/// They are an argument of each step, not a part of the machine: one set serves all connections of a listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest message, in bytes of payload over all its fragments; 1 MiB by default. A longer one is answered
    /// with 1009, as soon as a frame's header says so and before anything of that frame is kept.
    pub message_bytes_max: usize,
    /// The longest payload of an unfragmented message that waits in the caller's receive buffer until it is whole;
    /// 16 KiB by default. What is longer, and fragments, move to a buffer of the message's own as they come. The
    /// caller's buffer must hold this much and 14 bytes of header, or such a frame never gets whole. More than
    /// `u32::MAX` counts as `u32::MAX`.
    pub frame_in_place_bytes_max: usize,
    /// Longer messages come in parts, as they arrive: [`Event::Part`](super::Event::Part). So what is kept of one is at most
    /// this and what is read at once, however long it is. Less than 125 counts as 125, and disabled by `usize::MAX`, which is the
    /// default: all messages come whole. One that is compressed comes whole always, and may not be longer than this.
    pub stream_above: usize,
    /// How many frames one message may come in. One more is answered with 1008. Disabled by zero, and 0 by default:
    /// any number is legal (RFC 6455, section 5.4), and memory is bounded by `message_bytes_max` all the same.
    pub fragments_max: u32,
    /// Whether a client's frames may come without a mask, against RFC 6455, section 5.1: for tests that write frames by hand.
    /// The mask is there against intermediaries that take frames for requests (section 10.3). `false` by default.
    pub accept_unmasked: bool,
}

impl Limits {
    /// The longest message that comes whole.
    pub(super) fn whole_bytes_max(&self) -> usize {
        self.message_bytes_max.min(self.stream_above.max(SHORT_BYTES_MAX))
    }
}

/// Messages in a short frame always come whole.
const SHORT_BYTES_MAX: usize = 125;

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
