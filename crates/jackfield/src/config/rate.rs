//! How much a connection may say in a second.

/// How much a connection may say in a second. What it did not say in one, it may say in the next, but never more than
/// one second's worth at once.
///
/// Bytes are counted when they are used, so a connection may be ahead by what one read gave; it is waited for.
#[doc(alias = "BandwidthLimit")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// WebSocket messages, requests (refused ones included) and lines in a second; zero: any number. A protocol of
    /// one's own in bytes has no messages. Default: zero.
    pub messages: u32,
    /// Bytes in a second, as plain text, heads and frames included; disabled by zero. Default: zero.
    pub bytes: u32,
    /// What happens to a peer that says more.
    pub excess: Excess,
}

/// What happens to a peer that says more than its [`Rate`] allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Excess {
    /// It is not read for a while, a tenth of a second at least, so that it comes to feel it by TCP. Its idle time
    /// and its deadlines don't count meanwhile. Told by [`Observer::on_throttled`](crate::Observer::on_throttled).
    #[default]
    Pause,
    /// The connection ends with [`Limit::Rate`]: a WebSocket is closed with 1008, a request answered with 429.
    Close,
}

impl Rate {
    pub(crate) fn is_bounded(self) -> bool {
        self.messages > 0 || self.bytes > 0
    }
}
