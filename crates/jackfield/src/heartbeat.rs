//! What keeps an idle WebSocket alive, and finds out that its peer is gone.

use crate::ConnectionId;
use crate::hub::Links;
use crate::limits::Limits;
use crate::link::{Link, Protocol};
use jackfield_reactor::Wires;
use std::sync::Arc;
use std::time::Duration;

/// When an idle WebSocket is pinged, with what, and when it is given up.
///
/// The server's is made of its [`Limits`]; [`Handle::set_heartbeat`](crate::Handle::set_heartbeat) changes it while
/// it runs, and [`WebSocket::set_heartbeat`](crate::WebSocket::set_heartbeat) sets one for a single connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The idle time after which the peer is pinged; zero: never, and `websocket_idle` is what ends it.
    pub after: Duration,
    /// Longest idle time after a ping; then the connection is aborted with `Timeout::Heartbeat`. Zero counts as a
    /// millisecond.
    pub dead_after: Duration,
    /// What the ping says: at most 125 bytes (RFC 6455 section 5.5), the rest is cut off.
    pub payload: Vec<u8>,
}

/// What is done for a WebSocket whose heartbeat is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beat {
    /// A ping, and the end if nothing is heard after it.
    #[default]
    Ping,
    /// Nothing; it is asked again after the same idle time.
    Skip,
    /// The client has sent something of its own, which the peer has to answer as it would a ping.
    Sent,
}

impl Heartbeat {
    pub(crate) fn of_limits(limits: &Limits) -> Self {
        Self { after: limits.heartbeat, dead_after: limits.heartbeat_dead, payload: Vec::new() }
    }

    /// The idle time after which a WebSocket is looked after.
    fn silence(&self, limits: &Limits) -> Duration {
        if self.after.is_zero() { limits.websocket_idle } else { self.after }
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload[..self.payload.len().min(125)]
    }
}

impl Default for Heartbeat {
    /// A ping after 30 s, the end 20 s later, and nothing in the ping.
    fn default() -> Self {
        Self::of_limits(&Limits::default())
    }
}

impl Links {
    /// The heartbeat that counts for a connection.
    pub(crate) fn heartbeat_of(&self, id: ConnectionId) -> &Arc<Heartbeat> {
        let extra = self.table[id.slot()].extra.as_ref();
        extra.and_then(|extra| extra.heartbeat.as_ref()).unwrap_or(&self.heartbeat)
    }

    /// Waits for the silence of what has become a WebSocket, or got another heartbeat.
    pub(crate) fn await_idle(&mut self, wires: &mut Wires, id: ConnectionId) {
        wires.set_idle_timeout(id, self.heartbeat_of(id).silence(&self.settings.limits));
    }

    /// From now on this is the heartbeat of every WebSocket that has none of its own.
    pub(crate) fn set_heartbeat(&mut self, wires: &mut Wires, heartbeat: Arc<Heartbeat>) {
        self.heartbeat = heartbeat;
        let ids: Vec<ConnectionId> = wires.ids().filter(|id| has_servers(&self.table[id.slot()])).collect();
        for id in ids {
            self.await_idle(wires, id);
        }
    }

    /// From now on this is the heartbeat of one WebSocket.
    pub(crate) fn set_own_heartbeat(&mut self, wires: &mut Wires, id: ConnectionId, heartbeat: Heartbeat) {
        let link = self.link(id);
        link.extra().heartbeat = Some(Arc::new(heartbeat));
        link.has_own_idle_timeout = false;
        self.await_idle(wires, id);
    }
}

/// Whether it is a WebSocket with the heartbeat of the server.
fn has_servers(link: &Link) -> bool {
    let has_own = link.extra.as_ref().is_some_and(|extra| extra.heartbeat.is_some());
    matches!(link.protocol, Protocol::WebSocket(_)) && !link.has_own_idle_timeout && !has_own
}
