//! When an idle WebSocket is pinged, and when it is given up.

use crate::config::limits::Limits;
use std::time::Duration;

/// When an idle WebSocket is pinged, with what, and when it is given up.
///
/// The server's is made of its [`Limits`]; [`Handle::set_heartbeat`](crate::Handle::set_heartbeat) changes it while
/// it runs, and [`WebSocket::set_heartbeat`](crate::WebSocket::set_heartbeat) sets one for a single connection.
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
#[doc(alias = "getHeartbeat")]
pub struct Heartbeat {
    /// The idle time after which the peer is pinged; zero: never, and `websocket_idle` is what ends it.
    pub after: Duration,
    /// Longest idle time after a ping; then the connection is aborted with `Timeout::Heartbeat`. Zero counts as a
    /// millisecond.
    pub dead_after: Duration,
    /// What the ping says: at most 125 bytes (RFC 6455 section 5.5), the rest is cut off.
    #[doc(alias = "getHeartbeatMessage")]
    #[doc(alias = "setHeartbeatMessage")]
    pub payload: Vec<u8>,
}

impl Heartbeat {
    /// A ping after so much idle time, disabled by zero; the rest is the default.
    #[must_use]
    pub fn every(after: Duration) -> Self {
        Self { after, ..Self::default() }
    }

    /// How long nothing may come after a ping.
    #[must_use]
    pub fn dead_after(self, dead_after: Duration) -> Self {
        Self { dead_after, ..self }
    }

    /// What the ping says: at most 125 bytes, the rest is cut off.
    #[must_use]
    pub fn payload(self, payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: payload.into(), ..self }
    }

    pub(crate) fn of_limits(limits: &Limits) -> Self {
        Self { after: limits.heartbeat, dead_after: limits.heartbeat_dead, payload: Vec::new() }
    }

    /// The idle time after which a WebSocket is looked after.
    pub(crate) fn idle(&self, limits: &Limits) -> Duration {
        if self.after.is_zero() { limits.websocket_idle } else { self.after }
    }

    pub(crate) fn ping_payload(&self) -> &[u8] {
        &self.payload[..self.payload.len().min(125)]
    }
}

impl Default for Heartbeat {
    /// A ping after 30 s, the end 20 s later, and nothing in the ping.
    fn default() -> Self {
        Self::of_limits(&Limits::default())
    }
}
