//! Outgoing connections: their begin, and their failure.

use crate::client::{Client, ClientFactory, Connection};
use crate::config::Outgoing;
use crate::dispatch::Dispatcher;
use crate::dispatch::call::{call, drop_replacement_and_report};
use crate::guard::guard;
use crate::links::{Admission, OpeningResult, Protocol};
use crate::shared::Callback;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{self as reactor, ConnectionId, Service, Wires};

impl<F: ClientFactory> Dispatcher<F> {
    /// Begins an outgoing connection for a caller that does not wait for the result.
    pub(super) fn connect(&mut self, wires: &mut Wires, outgoing: &Outgoing) {
        if let Err(why) = self.links.connect(wires, outgoing) {
            log::warn!(target: "jackfield::connect", "a connection to {:?} was not begun: {why}", outgoing.target);
        }
    }

    /// Reads a server's answer to the request for a WebSocket. `None`: it is no such connection.
    pub(super) fn read_opening(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        rx: &mut [u8],
    ) -> Option<usize> {
        let used = match self.links.read_opening(wires, id, rx, &mut self.slots)? {
            OpeningResult::NotYet(used) => used,
            OpeningResult::No(_) => rx.len(),
            OpeningResult::Yes(used) => {
                let peer = self.peer_again(wires, id);
                self.create(wires, id, &peer);
                // Its client may have paused or closed it.
                let goes_on = wires.may_handle_bytes(id) && used < rx.len();
                used + if goes_on { self.on_bytes(wires, id, &mut rx[used..]) } else { 0 }
            }
        };
        Some(used)
    }

    /// Whether it is an outgoing connection without a client, to which the factory has not refused one.
    pub(super) fn is_connecting(&mut self, id: ConnectionId) -> bool {
        let link = self.links.link(id);
        link.admission == Admission::Outgoing && !matches!(link.protocol, Protocol::Refused)
    }

    /// An outgoing connection has failed before it was up. Its client is made now, to get the failure.
    #[cold]
    pub(super) fn connect_failed(&mut self, wires: &mut Wires, id: ConnectionId, why: reactor::Reason) {
        if planted(81) {
            return;
        }
        let peer = self.peer_again(wires, id);
        self.links.note_connect_failure(id, why);
        let end = self.links.make_disconnect(wires, id, why);
        wires.show_watchdog(id, Callback::Create as u8);
        let Self { factory, links, .. } = self;
        let created = guard(|| factory.create(&peer));
        let mut connection = Connection { id, wires, links };
        match created {
            Ok(Ok(mut client)) => {
                connection.wires.show_watchdog(id, Callback::Disconnect as u8);
                if let Err(payload) = guard(|| {
                    call(&mut client, &mut connection, |client, connection| {
                        client.on_disconnect(connection, &end);
                    });
                }) {
                    drop_replacement_and_report(&mut connection, payload);
                }
                self.drop_guarded(id, client);
            }
            // The factory made no client.
            Ok(Err(_)) => {}
            Err(payload) => drop_replacement_and_report(&mut connection, payload),
        }
        wires.clear_watchdog();
    }
}
