//! Outgoing connections of the simulated server, as your code begins them.

use super::book::{Attempt, Book};
use crate::client::Connection;
use crate::config::Outgoing;
use crate::shared::{Busy, Handle, ServerState};

/// An outgoing connection that the server may begin once, to a peer of the simulation: see [`Sim::add_outgoing`](super::Sim::add_outgoing).
pub struct Call {
    pub(super) number: usize,
    pub(super) outgoing: Outgoing,
    pub(super) book: Book,
    /// The most outgoing connections of the server.
    pub(super) outgoing_max: usize,
}

impl Call {
    /// The tag of the connection, by which the factory recognises it.
    #[must_use]
    pub fn tag(&self) -> u64 {
        self.number as u64
    }

    /// Begins it, on the reactor of this connection.
    pub fn begin(self, connection: &mut Connection<'_>) {
        let handle = connection.handle();
        self.book.note_call(self.number, Attempt::Begun);
        let begun = connection.connect(self.outgoing.clone());
        self.check(begun.map(drop), &handle, false);
    }

    /// Begins it from outside of the reactors, with a command. The command is lost if the server shuts down meanwhile, or
    /// has too many outgoing connections already.
    pub fn post(self, handle: &Handle) {
        self.book.note_call(self.number, Attempt::Posted);
        let posted = handle.connect(self.outgoing.clone());
        // The mailbox may be full.
        self.check(posted, handle, true);
    }

    /// A call that was not begun is not reported, and there must be a reason for it.
    fn check(&self, begun: Result<(), Busy>, handle: &Handle, may_be_full: bool) {
        let Err(why) = begun else { return };
        self.book.note_call(self.number, Attempt::None);
        let is_full = may_be_full || handle.outgoing() >= self.outgoing_max;
        let is_stopped = handle.state() >= ServerState::Draining;
        let is_true = match why {
            Busy::Full => is_full,
            _ => is_stopped,
        };
        if !is_true {
            self.book.note_wrong("promises", format!("call {} is not begun: {why}", self.number));
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, outgoing, .. } = self;
        f.debug_struct("Call").field("number", number).field("outgoing", outgoing).finish()
    }
}
