//! When an idle WebSocket is pinged, and when it counts as dead.

use crate::config::limits::Limits;
use std::time::Duration;

/// When an idle WebSocket is pinged, with which payload, and when it counts as dead.
///
/// The server's heartbeat comes from its [`Limits`]; [`Handle::set_heartbeat`](crate::Handle::set_heartbeat) changes it
/// while it runs, and [`WebSocket::set_heartbeat`](crate::WebSocket::set_heartbeat) sets one for a single connection.
///
/// ```
/// use jackfield::Heartbeat;
/// use std::time::Duration;
///
/// let heartbeat = Heartbeat::every(Duration::from_secs(20)).dead_after(Duration::from_secs(5)).payload("heartbeat");
/// assert_eq!(heartbeat.payload, b"heartbeat");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// The idle time after which the peer is pinged; disabled by zero, and then `websocket_idle` applies.
    pub after: Duration,
    /// Longest idle time after a ping; then the connection is aborted with `Timeout::Heartbeat`. Zero counts as a
    /// millisecond.
    pub dead_after: Duration,
    /// The payload of the ping: at most 125 bytes (RFC 6455 section 5.5); a longer one is cut. The pong that has it counts for
    /// [`WebSocket::round_trip`](crate::WebSocket::round_trip). Default: `beat`. It is not empty, because a ping of yours without
    /// payload would have the same pong, and some clients send pongs without payload that answer nothing.
    #[doc(alias = "setHeartbeatMessage")]
    #[doc(alias = "DefaultHeartbeatMsg")]
    pub payload: Vec<u8>,
}

impl Heartbeat {
    /// A ping after this idle time, disabled by zero; the other fields have their defaults.
    #[must_use]
    pub fn every(after: Duration) -> Self {
        Self { after, ..Self::default() }
    }

    /// How long the peer may send nothing after a ping.
    #[must_use]
    pub fn dead_after(self, dead_after: Duration) -> Self {
        Self { dead_after, ..self }
    }

    /// The payload of the ping: at most 125 bytes; a longer one is cut.
    #[must_use]
    pub fn payload(self, payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: payload.into(), ..self }
    }

    /// With times that can be computed with.
    pub(crate) fn bounded(mut self) -> Self {
        self.after = self.after.min(LONGEST);
        self.dead_after = self.dead_after.min(LONGEST);
        self
    }

    /// Bytes that it takes behind an `Arc`.
    pub(crate) fn shared_bytes(&self) -> usize {
        2 * size_of::<usize>() + size_of::<Self>() + self.payload.capacity()
    }

    pub(crate) fn of_limits(limits: &Limits) -> Self {
        Self { after: limits.heartbeat, dead_after: limits.heartbeat_dead, payload: PAYLOAD.into() }.bounded()
    }

    /// The idle timer of a WebSocket: the time to the ping, or without heartbeat the idle timeout.
    pub(crate) fn idle(&self, limits: &Limits) -> Duration {
        if self.after.is_zero() { limits.websocket_idle } else { self.after }
    }

    pub(crate) fn ping_payload(&self) -> &[u8] {
        &self.payload[..self.payload.len().min(125)]
    }
}

const PAYLOAD: &[u8] = b"beat";

/// A hundred years: no peer lives longer.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Default for Heartbeat {
    /// A ping after 30 s, and the end 20 s later.
    fn default() -> Self {
        Self::of_limits(&Limits::default())
    }
}
