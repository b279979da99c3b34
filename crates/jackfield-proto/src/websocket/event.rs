//! The events of the machine.

/// A whole message. It borrows its bytes: from the receive buffer if it came in one frame and one read, otherwise from the
/// buffer in which its parts were collected. It is valid only during the callback; copy what you want to keep.
///
/// ```
/// use jackfield_proto::websocket::Message;
///
/// fn describe(message: Message<'_>) -> String {
///     match message {
///         Message::Text(text) => format!("the text {text}"),
///         Message::Binary(bytes) => format!("{} bytes", bytes.len()),
///     }
/// }
/// assert_eq!(describe(Message::Text("hi")), "the text hi");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'b> {
    /// Text, already checked to be UTF-8.
    Text(&'b str),
    /// Bytes; their meaning is up to the two sides.
    Binary(&'b [u8]),
}

impl<'b> Message<'b> {
    /// The payload, of either kind.
    #[inline]
    pub const fn as_bytes(&self) -> &'b [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The length of the payload in bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty, which is legal for both kinds.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'b> From<&'b str> for Message<'b> {
    #[inline]
    fn from(text: &'b str) -> Self {
        Self::Text(text)
    }
}

impl<'b> From<&'b String> for Message<'b> {
    #[inline]
    fn from(text: &'b String) -> Self {
        Self::Text(text)
    }
}

impl<'b> From<&'b [u8]> for Message<'b> {
    #[inline]
    fn from(bytes: &'b [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'b> From<&'b Vec<u8>> for Message<'b> {
    #[inline]
    fn from(bytes: &'b Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

impl<'b, const N: usize> From<&'b [u8; N]> for Message<'b> {
    #[inline]
    fn from(bytes: &'b [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

/// What the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// A whole message.
    Message(Message<'b>),
    /// A part of a message that is longer than [`Limits::stream_above`](super::Limits::stream_above), as it arrives. A part
    /// of a text has whole characters only. The last part may be empty. No other message comes before it.
    Part {
        /// The part, of the same kind as the message.
        part: Message<'b>,
        /// Whether it is the last part of the message.
        is_last: bool,
    },
    /// A Ping, at most 125 bytes. Answer with a Pong with the same payload, unless a Close was received (RFC 6455, section
    /// 5.5.2).
    Ping(&'b [u8]),
    /// A Pong.
    Pong {
        /// At most 125 bytes. It is the payload of the Ping that it answers, if the peer follows RFC 6455, section 5.5.3.
        payload: &'b [u8],
        /// Whether it answers a Ping that [`Machine::ping`] encoded. An unsolicited Pong is legal too, as a sign of
        /// life in one direction (RFC 6455, section 5.5.3).
        ///
        /// [`Machine::ping`]: super::Machine::ping
        is_solicited: bool,
    },
    /// The peer's Close. No event comes after it. If none was sent yet, answer with [`Machine::close`] and the same code;
    /// when both have sent a Close, the server closes the TCP connection (RFC 6455, section 7.1.1).
    ///
    /// [`Machine::close`]: super::Machine::close
    Close(CloseFrame<'b>),
}

/// The contents of a Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'b> {
    /// The status code (RFC 6455, section 7.4), `None` if the frame was empty. Codes that must not be sent (1005, 1006, 1015,
    /// unassigned ones) never appear here: they are a [`Fault`](crate::Step::Fault).
    pub code: Option<u16>,
    /// The reason, for logs and not for users; empty if there was none. At most 123 bytes.
    pub reason: &'b str,
}
