//! Timers, idle timeouts and heartbeats that are due.

use crate::client::{Client, ClientFactory, HeartbeatAction, TimerId};
use crate::disconnect::{Reason, Timeout};
use crate::dispatch::Dispatcher;
use crate::links::{Protocol, awaits_pong, key};
use crate::shared::Callback;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};
use std::time::Duration;

impl<F: ClientFactory> Dispatcher<F> {
    /// A timer of the user or of the server is due.
    pub(super) fn on_due(&mut self, wires: &mut Wires, id: ConnectionId, key: u32) {
        match key {
            0..=key::USER_MAX => self.with_client(wires, id, Callback::Timer, |client, connection| {
                client.on_timer(connection, TimerId(key as u16));
            }),
            key::DEADLINE => self.links.on_deadline(wires, id),
            key::CLOSE if self.links.awaits_close_unread(wires, id) => {}
            // The reason is known already.
            key::CLOSE | key::CLOSE_UNREAD => self.links.end(wires, id, Reason::Local),
            key::UPGRADE => self.links.on_undecided(wires, id),
            key::DEAD | key::DEAD_UNREAD => self.links.on_dead(wires, id),
            key::RATE => self.links.unthrottle(wires, id),
            key::LIFETIME if self.links.on_lifetime_end(wires, id) => {
                self.drain(wires, id, Reason::Timeout(Timeout::Lifetime));
            }
            key::DRAIN => {
                let lifetime = Reason::Timeout(Timeout::Lifetime);
                let is_over = self.links.link(id).reason == Some(lifetime);
                self.drain(wires, id, if is_over { lifetime } else { Reason::Shutdown });
            }
            key::ANSWER => self.links.on_answer_timeout(wires, id),
            _ => {}
        }
    }

    /// No byte has come for the idle timeout.
    pub(super) fn on_quiet(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration) {
        let beats = !self.links.heartbeat_of(id).after.is_zero();
        let link = self.links.link(id);
        let is_kept_alive = !link.has_own_idle_timeout;
        match &link.protocol {
            Protocol::Raw | Protocol::Lines { .. } => {
                self.say_goodbye(wires, id, Reason::Timeout(Timeout::Idle));
            }
            _ if !wires.is_open(id) => {}
            Protocol::WebSocket(_) if is_kept_alive && beats => self.on_heartbeat(wires, id, quiet),
            Protocol::Events if is_kept_alive => self.links.keep_events_alive(wires, id),
            _ => self.links.on_idle(wires, id),
        }
    }

    /// The heartbeat of a WebSocket is due, after so much idle time.
    #[cold]
    fn on_heartbeat(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration) {
        self.links.forget_ping_before(wires, id, quiet);
        let mut beat = HeartbeatAction::Skip;
        self.with_client(wires, id, Callback::Heartbeat, |client, connection| {
            if let Some(mut socket) = connection.as_websocket() {
                beat = client.on_heartbeat(&mut socket);
            }
        });
        if beat == HeartbeatAction::Skip {
            return;
        }
        // The callback may have ended it.
        if self.links.active_heartbeat(id).after.is_zero() {
            return;
        }
        let heartbeat = self.links.heartbeat_of(id).clone();
        let mask = self.links.mask_for(id);
        let Some(outbox) = wires.outbox(id) else { return };
        if beat == HeartbeatAction::Ping {
            if let Protocol::WebSocket(socket) = &mut self.links.link(id).protocol {
                socket.ping(heartbeat.ping_payload(), mask, outbox.tail());
            }
        }
        // The deadline runs from the first ping without an answer, even if others follow.
        if !awaits_pong(wires, id) && !planted(37) {
            // Without a ping of its own there is no round trip.
            let timer = if beat == HeartbeatAction::Ping { key::DEAD } else { key::DEAD_UNREAD };
            wires.set_timer(id, timer, heartbeat.dead_after);
        }
    }
}
