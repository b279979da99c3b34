//! Code that runs outside of the reactors, as if on another thread.

use crate::shared::Handle;
use crate::sim::Random;
use crate::sim::book::{Book, Record, digest};
use jackfield_reactor::ConnectionId;

pub(super) type Outsider = Box<dyn FnMut(&mut Outside<'_>)>;

/// What code outside of the reactors can use, between two turns: see [`Sim::outside`](crate::sim::Sim::outside).
pub struct Outside<'a> {
    pub(super) handle: &'a Handle,
    pub(super) random: &'a mut Random,
    pub(super) book: &'a Book,
    pub(super) calm: bool,
}

impl Outside<'_> {
    /// The server's handle, as other threads have it.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.handle
    }

    /// The random numbers for this code.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// True when the faults have stopped. Pending answers must be given now.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.calm
    }

    /// A random connection that exists or existed; `None` if there was none.
    pub fn any_connection(&mut self) -> Option<ConnectionId> {
        let ids: Vec<ConnectionId> =
            self.book.pages().records.iter().filter_map(|record| record.id).collect();
        self.random.pick(&ids).copied()
    }

    /// A random outgoing connection that was not established when its state was last known, so that it has no client yet.
    pub fn any_attempt(&mut self) -> Option<ConnectionId> {
        let ids: Vec<ConnectionId> =
            self.book.pages().records.iter().filter_map(Record::attempt_id).collect();
        self.random.pick(&ids).copied()
    }

    /// Closes a connection, or aborts it if `aborts` is true. Missing answers on it are no violation then.
    pub fn end(&mut self, id: ConnectionId, aborts: bool) {
        let mut pages = self.book.pages();
        pages.trace.note(format_args!("outside: {id} is to be ended, by abort: {aborts}"));
        for record in pages.records.iter_mut().filter(|record| record.known_id() == Some(id)) {
            record.commanded = true;
        }
        drop(pages);
        let done = if aborts { self.handle.abort(id) } else { self.handle.close(id) };
        if done.is_err() {
            self.note("the mailbox is full");
        }
    }

    /// Writes a line into the trace.
    pub fn note(&self, text: &str) {
        self.book.note(format_args!("outside: {text} ({:08x})", digest(text.as_bytes())));
    }
}
