//! Outgoing streams that are connected, or have failed.

use super::Reactor;
use super::service::Service;
use crate::id::ConnectionId;
use crate::wire::flags::Flags;

impl Reactor {
    /// An event for a stream that is being connected. It is only a hint, like every event.
    #[cold]
    #[inline(never)]
    pub(super) fn on_connect_ready<S: Service + ?Sized>(
        &mut self,
        id: ConnectionId,
        ended: bool,
        service: &mut S,
    ) {
        let Some(connected) = self.wires.wire(id).map(|wire| wire.session.stream().is_connected()) else {
            return;
        };
        match connected {
            Ok(false) => {}
            Ok(true) => {
                if self.wires.begin_above(id) {
                    // Its peer may have ended already, without a further event.
                    if let Some(wire) = self.wires.wire_mut(id).filter(|_| ended) {
                        wire.flags.insert(Flags::PEER_CLOSED);
                    }
                    self.wires.begin_event(id);
                    self.finish_handshake(id, service);
                    self.wires.end_event();
                    self.after_event(id, service);
                }
            }
            Err(error) => self.wires.dial_failed(id, error.kind()),
        }
    }
}
