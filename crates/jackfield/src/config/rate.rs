//! How much a peer may send in a second.

/// How much a peer may send in a second: a token bucket of messages and one of bytes, each of which holds one second's
/// worth.
///
/// Bytes are counted when they are used. So a connection can be over its rate by one read; it is then not read until the
/// bucket is filled again.
///
/// ```
/// use jackfield::{OnRateExceeded, Rate};
///
/// let rate = Rate::new(100, 1 << 20).on_exceeded(OnRateExceeded::Close);
/// assert_eq!((rate.messages, rate.bytes), (100, 1 << 20));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rate {
    /// WebSocket messages, requests (also refused ones, and the one that opens a WebSocket) and lines in a second; disabled by
    /// zero. Your own protocol in bytes has no messages. Default: zero.
    pub messages: u32,
    /// Bytes in a second, counted before encryption, with heads and frames; disabled by zero. Default: zero.
    pub bytes: u32,
    /// What happens to a peer that sends more.
    pub on_exceeded: OnRateExceeded,
}

/// What happens to a peer that sends more than its [`Rate`] allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnRateExceeded {
    /// It is not read for at least a tenth of a second, so that TCP slows it down. Meanwhile its idle timeout and its
    /// deadlines do not run. [`Observer::on_throttled`](crate::Observer::on_throttled) reports it.
    #[default]
    Pause,
    /// The connection ends with [`Limit::Rate`](crate::Limit::Rate): a WebSocket is closed with 1008, a request answered with 429.
    Close,
}

impl Rate {
    /// This many messages and bytes in a second; disabled by zero. A peer that sends more meets
    /// [`OnRateExceeded::Pause`].
    #[must_use]
    pub const fn new(messages: u32, bytes: u32) -> Self {
        Self { messages, bytes, on_exceeded: OnRateExceeded::Pause }
    }

    /// What happens to a peer that sends more.
    #[must_use]
    pub const fn on_exceeded(mut self, on_exceeded: OnRateExceeded) -> Self {
        self.on_exceeded = on_exceeded;
        self
    }

    pub(crate) fn is_bounded(self) -> bool {
        self.messages > 0 || self.bytes > 0
    }
}
