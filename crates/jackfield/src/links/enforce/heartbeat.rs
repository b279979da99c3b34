//! Keeps idle WebSockets alive, and finds out that a peer is gone.

use crate::config::Heartbeat;
use crate::disconnect::{Reason, Timeout};
use crate::links::Links;
use crate::links::link::{Link, key};
use crate::links::protocol::Protocol;
use crate::links::round_trip::RoundTrip;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;
use std::time::Duration;

/// What applies to a WebSocket whose user has set its idle timeout.
static NO_HEARTBEAT: Heartbeat =
    Heartbeat { after: Duration::ZERO, dead_after: Duration::from_secs(20), payload: Vec::new() };

impl Links {
    /// The heartbeat of a connection: its own, or its listener's.
    pub(crate) fn heartbeat_of(&self, id: ConnectionId) -> &Arc<Heartbeat> {
        let link = &self.table[id.slot()];
        let own = link.extra.as_ref().and_then(|extra| extra.heartbeat.as_ref());
        own.unwrap_or(&self.heartbeats[usize::from(link.listener)])
    }

    /// The heartbeat that applies to a WebSocket: none, if its user has set its idle timeout.
    pub(crate) fn active_heartbeat(&self, id: ConnectionId) -> &Heartbeat {
        if self.table[id.slot()].has_own_idle_timeout { &NO_HEARTBEAT } else { self.heartbeat_of(id) }
    }

    /// Sets the idle timer of a connection that has become a WebSocket, or got another heartbeat. Without a heartbeat a
    /// peer that only receives never has to answer, so it is not idle as long as something is sent to it.
    pub(crate) fn apply_idle_timeout(&mut self, wires: &mut Wires, id: ConnectionId) {
        let heartbeat = self.heartbeat_of(id);
        let (idle, is_asked) = (heartbeat.idle(self.limits_of(id)), !heartbeat.after.is_zero());
        wires.set_writes_as_activity(id, !is_asked);
        wires.set_idle_timeout(id, idle);
    }

    /// Sets an idle timeout for one connection. It replaces the heartbeat.
    pub(crate) fn set_own_idle_timeout(&mut self, wires: &mut Wires, id: ConnectionId, idle: Duration) {
        let link = self.link(id);
        link.has_own_idle_timeout = true;
        if matches!(link.protocol, Protocol::WebSocket(_)) {
            wires.set_writes_as_activity(id, true);
            forget_ping(wires, id);
        }
        wires.set_idle_timeout(id, idle);
    }

    /// Gives a ping that waits for its pong the deadline of the heartbeat that applies now; before, it had so long. A peer
    /// that has sent a byte since the ping is alive.
    fn move_dead_timer(&self, wires: &mut Wires, id: ConnectionId, before: Duration) {
        let Some(quiet) = wires.wire_stats(id).map(|stats| stats.quiet) else { return };
        let heartbeat = self.heartbeat_of(id);
        for key in OF_PING {
            let Some(waited) = waited(wires, id, key, before) else { continue };
            if heartbeat.after.is_zero() || quiet <= waited {
                wires.cancel_timer(id, key);
            } else if waited > heartbeat.dead_after {
                // A deadline that begins now does not tell when the ping was sent.
                wires.cancel_timer(id, key);
                wires.set_timer(id, key::DEAD_UNREAD, Duration::ZERO);
            } else {
                wires.set_timer(id, key, heartbeat.dead_after.saturating_sub(waited));
            }
        }
    }

    /// Sends a comment on an idle event stream, so that no proxy takes it for dead.
    pub(crate) fn keep_events_alive(&mut self, wires: &mut Wires, id: ConnectionId) {
        if let Some(outbox) = wires.outbox(id) {
            outbox.tail().extend_from_slice(b":\n\n");
        }
    }

    /// No byte has come for some time after a ping: the peer counts as dead.
    pub(crate) fn on_dead(&mut self, wires: &mut Wires, id: ConnectionId) {
        let dead = self.heartbeat_of(id).dead_after;
        let Some(quiet) = wires.wire_stats(id).map(|stats| stats.quiet) else { return };
        if quiet <= dead {
            // A byte has come since the ping. A deadline that is put off would hide that.
            return;
        }
        if !wires.may_handle_bytes(id) || wires.waits_for_tokens(id) {
            wires.set_timer(id, key::DEAD_UNREAD, dead);
        } else {
            self.close(wires, id, Reason::Timeout(Timeout::Heartbeat));
        }
    }

    /// Forgets the ping that waits for its pong if a byte has come since then: the peer was alive, and the next ping is the
    /// first of this idle time.
    pub(crate) fn forget_ping_before(&self, wires: &mut Wires, id: ConnectionId, quiet: Duration) {
        let dead_after = self.heartbeat_of(id).dead_after;
        if OF_PING.iter().any(|&key| waited(wires, id, key, dead_after).is_some_and(|waited| quiet <= waited))
        {
            forget_ping(wires, id);
        }
    }

    /// A Pong has come. If it answers the heartbeat's ping, it keeps and returns the round trip, if that is known.
    pub(crate) fn on_pong(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        payload: &[u8],
    ) -> Option<Duration> {
        if payload != self.heartbeat_of(id).ping_payload() {
            return None;
        }
        let due = wires.timer_due(id, key::DEAD);
        forget_ping(wires, id);
        let due = due?;
        let heartbeat = self.heartbeat_of(id);
        // The deadline may have passed in this turn, if the process stood still for a while.
        let whole = if planted(115) { heartbeat.after } else { heartbeat.dead_after };
        let round_trip = wires.now().after(whole).since(due);
        if let Protocol::WebSocket(socket) = &mut self.link(id).protocol {
            socket.round_trip = RoundTrip::near(round_trip);
        }
        Some(round_trip)
    }

    /// Sets the heartbeat of every WebSocket that has neither a heartbeat nor an idle timeout of its own: of all in one turn, so
    /// that it holds for all from one time on.
    pub(crate) fn set_heartbeat(&mut self, wires: &mut Wires, heartbeat: Arc<Heartbeat>) {
        let before: Vec<Duration> = self.heartbeats.iter().map(|old| old.dead_after).collect();
        self.heartbeats.fill(heartbeat);
        let ids: Vec<ConnectionId> = wires.ids().filter(|id| has_servers(&self.table[id.slot()])).collect();
        for id in ids {
            self.apply_idle_timeout(wires, id);
            self.move_dead_timer(wires, id, before[usize::from(self.table[id.slot()].listener)]);
        }
    }

    /// Sets the heartbeat of one WebSocket.
    pub(crate) fn set_own_heartbeat(&mut self, wires: &mut Wires, id: ConnectionId, heartbeat: Heartbeat) {
        let before = self.heartbeat_of(id).dead_after;
        let link = self.link(id);
        link.extra().heartbeat = Some(Arc::new(heartbeat.bounded()));
        link.has_own_idle_timeout = false;
        self.charge(wires, id);
        self.apply_idle_timeout(wires, id);
        self.move_dead_timer(wires, id, before);
    }
}

/// The timers of a ping that waits for its pong: one of them at a time.
const OF_PING: [u32; 2] = [key::DEAD, key::DEAD_UNREAD];

/// How long a ping has waited for its pong, or how long ago its deadline was put off.
fn waited(wires: &Wires, id: ConnectionId, key: u32, dead_after: Duration) -> Option<Duration> {
    let due = wires.timer_due(id, key)?;
    // It may have passed in this turn, if the process stood still.
    Some(wires.now().after(dead_after).since(due))
}

/// Whether a ping waits for its pong.
pub(crate) fn awaits_pong(wires: &Wires, id: ConnectionId) -> bool {
    OF_PING.iter().any(|&key| wires.has_timer(id, key))
}

/// No ping waits for its pong any more.
fn forget_ping(wires: &mut Wires, id: ConnectionId) {
    for key in OF_PING {
        wires.cancel_timer(id, key);
    }
}

/// Whether it is a WebSocket with the heartbeat of the server.
fn has_servers(link: &Link) -> bool {
    let has_own = link.extra.as_ref().is_some_and(|extra| extra.heartbeat.is_some());
    matches!(link.protocol, Protocol::WebSocket(_)) && !link.has_own_idle_timeout && !has_own
}
