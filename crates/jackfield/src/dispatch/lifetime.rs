//! A connection that has lasted as long as it may.

use crate::client::ClientFactory;
use crate::disconnect::{Reason, Timeout};
use crate::dispatch::Dispatcher;
use crate::links::key;
use jackfield_reactor::{ConnectionId, Wires};

/// The code of the Close that such a WebSocket gets: this end is going away.
const GOING_AWAY: u16 = 1001;

impl<F: ClientFactory> Dispatcher<F> {
    /// It is drained as at a shutdown: an answer that is owed is given first, if it is given in time.
    #[cold]
    pub(super) fn on_lifetime(&mut self, wires: &mut Wires, id: ConnectionId) {
        let why = Reason::Timeout(Timeout::Lifetime);
        match self.links.link(id).reason {
            None => self.links.link(id).reason = Some(why),
            Some(reason) if reason == why => return self.links.abort(wires, id, why),
            // It ends already, for another reason, and has a deadline for that.
            Some(_) => return,
        }
        self.links.drain(wires, id, GOING_AWAY, why);
        wires.set_timer(id, key::LIFETIME, self.settings.limits.drain);
    }
}
