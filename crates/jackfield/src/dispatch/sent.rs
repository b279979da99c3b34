//! Clients hear that what they have sent has left.

use crate::client::{Client, ClientFactory};
use crate::dispatch::Dispatcher;
use crate::shared::Callback;
use jackfield_reactor::Wires;

impl<F: ClientFactory> Dispatcher<F> {
    /// Tells those of which the kernel has taken something since the last turn. Who asks for another notice in the callback
    /// hears of it in the next turn at the earliest, so that none holds the others up.
    pub(super) fn tell_sent(&mut self, wires: &mut Wires) {
        let mut written = std::mem::take(&mut self.written);
        wires.take_written(&mut written);
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
