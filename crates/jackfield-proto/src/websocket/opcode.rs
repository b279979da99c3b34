//! What a frame is: its opcode.

/// The opcodes of RFC 6455, section 5.2. All others are reserved, and a frame with one of them is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the message that a text or binary frame began.
    Continuation = 0x0,
    /// A message of UTF-8, or its first fragment.
    Text = 0x1,
    /// A message of bytes, or its first fragment.
    Binary = 0x2,
    /// The frame of the closing handshake, which each side sends once.
    Close = 0x8,
    /// Asks for a Pong with the same payload.
    Ping = 0x9,
    /// Answers a Ping, or shows without a Ping that the peer is alive.
    Pong = 0xa,
}

impl Opcode {
    /// The opcode for the low four bits of a frame's first byte, or `None` for the ten reserved values.
    #[inline]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it is one of the control frames, which are short, never fragmented, and may come between the fragments
    /// of a message (RFC 6455, section 5.5).
    #[inline]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}
