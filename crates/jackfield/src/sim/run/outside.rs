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

    /// Pauses the listener with this index: see [`Handle::pause_listening`](crate::Handle::pause_listening). Until it is
    /// resumed it must accept no connection. In the calm it must be resumed, so that those that wait there can end.
    pub fn pause_listener(&mut self, listener: usize) {
        let pages = self.book.pages();
        let is_closed = pages.paused.contains(&listener) || pages.stopped.contains(&listener);
        drop(pages);
        if !is_closed && self.handle.pause_listening(listener).is_ok() {
            self.book.note(format_args!("outside: listener {listener} is paused"));
            self.book.pages().paused.push(listener);
        }
    }

    /// Resumes a listener that is paused. One that is stopped stays so, because in memory there is no address at which it could
    /// listen again.
    pub fn resume_listener(&mut self, listener: usize) {
        let mut pages = self.book.pages();
        let was_paused = pages.paused.contains(&listener);
        pages.paused.retain(|paused| *paused != listener);
        drop(pages);
        // A server that shuts down resumes none.
        if was_paused && self.handle.resume_listening(listener).is_ok() {
            self.book.note(format_args!("outside: listener {listener} is resumed"));
        }
    }

    /// Stops a listener: see [`Handle::stop_listening`](crate::Handle::stop_listening). It must refuse those that wait there and
    /// all that come later.
    pub fn stop_listener(&mut self, listener: usize) {
        let is_stopped = self.book.pages().stopped.contains(&listener);
        if !is_stopped && self.handle.stop_listening(listener).is_ok() {
            self.book.note(format_args!("outside: listener {listener} is stopped"));
            let mut pages = self.book.pages();
            pages.paused.retain(|paused| *paused != listener);
            pages.stopped.push(listener);
        }
    }

    /// Writes a line into the trace.
    pub fn note(&self, text: &str) {
        self.book.note(format_args!("outside: {text} ({:08x})", digest(text.as_bytes())));
    }
}
