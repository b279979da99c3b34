//! An idle WebSocket: asked, pinged, and given up.

use crate::client::Client;
use crate::client::{Beat, ClientFactory};
use crate::dispatch::Dispatcher;
use crate::links::{Protocol, key};
use crate::shared::Callback;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};
use std::time::Duration;

impl<F: ClientFactory> Dispatcher<F> {
    /// The heartbeat of a WebSocket is due, after so much idle time.
    #[cold]
    pub(super) fn on_heartbeat(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration) {
        let after = self.links.heartbeat_of(id).after;
        if quiet < after * 2 {
            // It is the first of this idle time: something was heard after the ping before.
            wires.cancel_timer(id, key::DEAD);
        }
        let mut beat = Beat::Skip;
        self.with_client(wires, id, Callback::Heartbeat, |client, connection| {
            if let Some(mut socket) = connection.as_websocket() {
                beat = client.on_heartbeat(&mut socket);
            }
        });
        if beat == Beat::Skip {
            return;
        }
        let heartbeat = self.links.heartbeat_of(id).clone();
        let Some(outbox) = wires.outbox(id) else { return };
        if beat == Beat::Ping {
            if let Protocol::WebSocket(socket) = &mut self.links.link(id).protocol {
                socket.ping(heartbeat.payload(), None, outbox.tail());
            }
        }
        // The first ping that is not answered counts, however many follow it.
        if !wires.has_timer(id, key::DEAD) && !planted(37) {
            wires.set_timer(id, key::DEAD, heartbeat.dead_after);
        }
    }
}
