//! Streams of our own that are connected, or are not going to be.

use super::Reactor;
use super::service::Service;
use crate::wires::ready::Ready;

impl Reactor {
    /// The system tells something of a stream that is being connected. It is a hint, as all that it tells.
    #[cold]
    #[inline(never)]
    pub(super) fn on_connect_ready<S: Service + ?Sized>(&mut self, ready: &Ready, service: &mut S) {
        let id = ready.id;
        let Some(connected) = self.wires.peek(id).map(|wire| wire.session.stream().is_connected()) else {
            return;
        };
        match connected {
            Ok(false) => {}
            Ok(true) => {
                if self.wires.begin_above(id) {
                    // Its peer may have said all that it has to say, and no other edge tells of that.
                    if let Some(wire) = self.wires.get(id) {
                        wire.note_hints(ready.ended, ready.broken);
                    }
                    self.wires.begin_event(id);
                    self.is_established(id, service);
                    self.wires.end_event();
                    self.after_event(id, service);
                }
            }
            Err(error) => self.wires.dial_failed(id, error.kind()),
        }
    }
}
