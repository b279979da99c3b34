//! A reactor, in a closure that runs on its thread.

use crate::config::Outgoing;
use crate::links::Links;
use crate::message::{Publication, Published, Sent};
use crate::shared::{Busy, Command, Handle, NotPosted};
use jackfield_reactor::{ConnectionId, Time, Wires};
use std::any::Any;
use std::fmt;

/// A reactor, in a closure that runs on its thread: of [`Setup::every`](crate::Setup::every) or of [`Handle::run_on`].
///
/// It can send to the connections of its reactor as a callback can: a send acts at once, and returns the real result.
///
/// ```
/// use jackfield::{Handle, Reactor};
///
/// fn count(reactor: &mut Reactor<'_>) {
///     let all = reactor.connection_ids();
///     for id in &all {
///         reactor.send_to(*id, format!("{} of us at {}", all.len(), reactor.now()));
///     }
/// }
///
/// fn count_on_all(handle: &Handle) {
///     for reactor in 0..handle.reactors() {
///         // One that is too busy is left out.
///         let _ = handle.run_on(reactor, count);
///     }
/// }
/// ```
pub struct Reactor<'a> {
    pub(crate) wires: &'a mut Wires,
    pub(crate) links: &'a mut Links,
}

/// A closure that another thread sends to a reactor.
pub(crate) type Job = Box<dyn FnOnce(&mut Reactor<'_>) + Send>;

impl Reactor<'_> {
    /// Its number, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.links.reactor
    }

    /// The time of this turn, since the reactor began.
    #[must_use]
    pub fn now(&self) -> Time {
        self.wires.now()
    }

    /// The server, for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.links.handle.clone()
    }

    /// The ids of the connections of this reactor that have a client, as they are now.
    #[must_use]
    pub fn connection_ids(&self) -> Vec<ConnectionId> {
        self.wires.listed_ids()
    }

    /// How many subscribers a topic has, on all reactors.
    #[must_use]
    pub fn subscribers(&self, topic: &str) -> usize {
        self.links.handle.subscribers(topic)
    }

    /// Sends to a connection, as [`Connection::send_to`](crate::Connection::send_to).
    pub fn send_to<'m>(&mut self, id: ConnectionId, publication: impl Into<Publication<'m>>) -> Sent {
        self.links.send_anywhere(self.wires, id, publication.into().content())
    }

    /// Sends to all subscribers of a topic, on all reactors.
    #[doc(alias = "broadcast")]
    pub fn publish<'m>(&mut self, topic: &str, publication: impl Into<Publication<'m>>) -> Published {
        self.links.publish(self.wires, topic, publication.into().content(), ConnectionId::NONE)
    }

    /// Begins a connection on this reactor, as [`Connection::connect`](crate::Connection::connect).
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "dial")]
    pub fn connect(&mut self, outgoing: Outgoing) -> Result<ConnectionId, Busy> {
        self.links.connect(self.wires, &outgoing)
    }

    /// Posts a value to a connection, as [`Handle::post`] does: its client gets it in the next turn.
    ///
    /// # Errors
    /// As [`Handle::post`].
    pub fn post<T: Any + Send>(&self, id: ConnectionId, value: T) -> Result<(), NotPosted<T>> {
        self.links.handle.post(id, value)
    }
}

impl Handle {
    /// Runs a closure on a reactor's thread, in its next turn. If the closure panics,
    /// [`Observer::on_panic`](crate::Observer::on_panic) gets a report, with an id that belongs to no connection.
    ///
    /// Heap memory behind what the closure has captured does not count for
    /// [`Limits::mailbox_bytes_max`](crate::Limits::mailbox_bytes_max). To pass on much, use [`Handle::post`].
    ///
    /// # Errors
    /// [`Busy`]: the closure does not run, and is dropped.
    #[doc(alias = "defer")]
    #[doc(alias = "spawn")]
    pub fn run_on(
        &self,
        reactor: usize,
        run: impl FnOnce(&mut Reactor<'_>) + Send + 'static,
    ) -> Result<(), Busy> {
        let captured = size_of_val(&run);
        let job: Job = Box::new(run);
        self.post_command(reactor, Command::Run(Box::new(job), captured))
    }
}

impl fmt::Debug for Reactor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reactor({})", self.number())
    }
}
