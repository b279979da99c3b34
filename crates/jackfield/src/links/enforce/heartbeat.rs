//! Keeps idle WebSockets alive, and finds out that a peer is gone.

use crate::config::Heartbeat;
use crate::disconnect::{Reason, Timeout};
use crate::links::Links;
use crate::links::link::{Link, key};
use crate::links::protocol::Protocol;
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;
use std::time::Duration;

impl Links {
    /// The heartbeat that counts for a connection.
    pub(crate) fn heartbeat_of(&self, id: ConnectionId) -> &Arc<Heartbeat> {
        let link = &self.table[id.slot()];
        let own = link.extra.as_ref().and_then(|extra| extra.heartbeat.as_ref());
        own.unwrap_or(&self.heartbeats[usize::from(link.listener)])
    }

    /// Waits for the silence of what has become a WebSocket, or got another heartbeat. Without one nothing asks a peer
    /// for an answer that only listens: then it is not silent as long as something is sent to it.
    pub(crate) fn await_idle(&mut self, wires: &mut Wires, id: ConnectionId) {
        let heartbeat = self.heartbeat_of(id);
        let (idle, is_asked) = (heartbeat.idle(self.limits_of(id)), !heartbeat.after.is_zero());
        wires.set_writes_as_activity(id, !is_asked);
        wires.set_idle_timeout(id, idle);
    }

    /// From now on an idle timeout of its own ends a connection, and no heartbeat keeps it.
    pub(crate) fn set_own_idle_timeout(&mut self, wires: &mut Wires, id: ConnectionId, idle: Duration) {
        let link = self.link(id);
        link.has_own_idle_timeout = true;
        if matches!(link.protocol, Protocol::WebSocket(_)) {
            wires.set_writes_as_activity(id, true);
        }
        wires.set_idle_timeout(id, idle);
    }

    /// An event stream on which nothing was said for a while says so, lest a proxy takes it for dead.
    pub(crate) fn keep_events_alive(&mut self, wires: &mut Wires, id: ConnectionId) {
        if let Some(outbox) = wires.outbox(id) {
            outbox.tail().extend_from_slice(b":\n\n");
        }
    }

    /// Nothing came for a while after a ping: then the peer is gone. Any byte is a sign of life.
    pub(crate) fn on_dead(&mut self, wires: &mut Wires, id: ConnectionId) {
        let dead = self.heartbeat_of(id).dead_after;
        let Some(quiet) = wires.wire_stats(id).map(|stats| stats.quiet) else { return };
        if !wires.goes_on(id) || wires.waits_for_tokens(id) {
            wires.set_timer(id, key::DEAD, dead);
        } else if quiet > dead {
            self.close(wires, id, Reason::Timeout(Timeout::Heartbeat));
        }
    }

    /// A Pong has come that was asked for. If the heartbeat did: for how long it was waited for.
    pub(crate) fn on_pong(&mut self, wires: &mut Wires, id: ConnectionId) -> Option<Duration> {
        let due = wires.timer_due(id, key::DEAD)?;
        wires.cancel_timer(id, key::DEAD);
        let left = due.since(wires.now());
        Some(self.heartbeat_of(id).dead_after.saturating_sub(left))
    }

    /// From now on this is the heartbeat of every WebSocket that has none of its own.
    pub(crate) fn set_heartbeat(&mut self, wires: &mut Wires, heartbeat: Arc<Heartbeat>) {
        self.heartbeats.fill(heartbeat);
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
        self.charge(wires, id);
        self.await_idle(wires, id);
    }
}

/// Whether it is a WebSocket with the heartbeat of the server.
fn has_servers(link: &Link) -> bool {
    let has_own = link.extra.as_ref().is_some_and(|extra| extra.heartbeat.is_some());
    matches!(link.protocol, Protocol::WebSocket(_)) && !link.has_own_idle_timeout && !has_own
}
