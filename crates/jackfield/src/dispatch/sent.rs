//! Notices of what was sent (`on_sent`).

use crate::client::{Client, ClientFactory};
use crate::dispatch::Dispatcher;
use crate::shared::Callback;
use jackfield_reactor::Wires;

impl<F: ClientFactory> Dispatcher<F> {
    /// Calls `on_sent` for connections from which the kernel has taken bytes since the last turn, and for those that the last
    /// turn has left over. A notice that is requested in this callback comes in the next turn at the earliest, so that no client
    /// holds up the others.
    pub(super) fn tell_sent(&mut self, wires: &mut Wires) {
        let mut written = std::mem::take(&mut self.written);
        wires.take_written(&mut written, wires.limits().looks_per_turn);
        for id in written.drain(..) {
            for _ in 0..self.links.due_notices(wires, id) {
                let Some(tag) = self.links.take_notice(wires, id) else { break };
                self.with_client(wires, id, Callback::Sent, |client, connection| {
                    client.on_sent(connection, tag);
                });
            }
        }
        self.written = written;
    }
}
