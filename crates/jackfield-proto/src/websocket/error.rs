//! What a peer can do wrong.

use std::fmt;

/// What was wrong with the peer's bytes. It is always an error of the peer; [`close_code`](Self::close_code) is the
/// code for its Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// A reserved bit is set that no agreed extension uses, or that must not be set in this frame (RFC 7692, section 6: only
    /// in the first frame of a message).
    ReservedBit,
    /// An opcode that RFC 6455 reserves.
    UnknownOpcode,
    /// A client sent a frame without a mask (RFC 6455, section 5.1).
    Unmasked,
    /// A server sent a frame with a mask (RFC 6455, section 5.1).
    Masked,
    /// A length in more bytes than it needs (RFC 6455, section 5.2).
    LengthNotMinimal,
    /// A 64-bit length with the highest bit set (RFC 6455, section 5.2).
    LengthTopBit,
    /// A control frame with a payload of more than 125 bytes (RFC 6455, section 5.5).
    ControlTooLong,
    /// A control frame in fragments (RFC 6455, section 5.5).
    ControlFragmented,
    /// A continuation frame with no message to continue (RFC 6455, section 5.4).
    NothingToContinue,
    /// A new message before the last fragment of the one before (RFC 6455, section 5.4).
    MessageInsideMessage,
    /// A Close with a payload of one byte: a code has two (RFC 6455, section 5.5.1).
    CloseTooShort,
    /// A Close with a code that must not be sent (RFC 6455, section 7.4).
    CloseCode,
    /// A Close whose reason is not UTF-8 (RFC 6455, section 5.5.1).
    CloseReasonNotUtf8,
    /// A text message that is not UTF-8 (RFC 6455, section 8.1).
    TextNotUtf8,
    /// A message longer than [`Limits::message_bytes_max`](super::Limits::message_bytes_max), as it comes or when it is
    /// decompressed.
    MessageTooLong,
    /// A compressed message that cannot be decompressed (RFC 7692, section 7.2.2).
    Compression,
    /// A message in more frames than [`Limits::fragments_max`](super::Limits::fragments_max).
    TooManyFragments,
}

impl Error {
    /// The code for the Close that is sent to the peer (RFC 6455, section 7.4.1): 1002 for broken framing, 1007 for a payload
    /// that is not UTF-8 or not validly compressed, 1008 (too many fragments) and 1009 (message too long) for what is legal
    /// but beyond the limits.
    pub const fn close_code(self) -> u16 {
        match self {
            Self::TextNotUtf8 | Self::CloseReasonNotUtf8 | Self::Compression => 1007,
            Self::TooManyFragments => 1008,
            Self::MessageTooLong => 1009,
            _ => 1002,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBit => "a reserved bit is set in a frame's header",
            Self::UnknownOpcode => "a frame has a reserved opcode",
            Self::Unmasked => "a client's frame is not masked",
            Self::Masked => "a server's frame is masked",
            Self::LengthNotMinimal => "a frame's length is written in more bytes than it needs",
            Self::LengthTopBit => "a frame's 64-bit length has its highest bit set",
            Self::ControlTooLong => "a control frame has more than 125 bytes of payload",
            Self::ControlFragmented => "a control frame is fragmented",
            Self::NothingToContinue => "a continuation frame has no message to continue",
            Self::MessageInsideMessage => "a message begins before the one before has ended",
            Self::CloseTooShort => "a Close has one byte of payload",
            Self::CloseCode => "a Close has a code that must not be sent",
            Self::CloseReasonNotUtf8 => "the reason of a Close is not UTF-8",
            Self::TextNotUtf8 => "a text message is not UTF-8",
            Self::MessageTooLong => "a message is longer than the limit",
            Self::Compression => "a compressed message cannot be decompressed",
            Self::TooManyFragments => "a message comes in more frames than the limit",
        })
    }
}

impl std::error::Error for Error {}
