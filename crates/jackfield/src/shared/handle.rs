//! The one type that any thread may use.

use crate::config::Heartbeat;
use crate::message::{Content, Publication, Published};
use crate::shared::Shared;
use crate::shared::command::Command;
use crate::shared::metrics::Metrics;
use crate::shared::remote::RemoteReactor;
use crate::shared::state::{Busy, Drain, State};
use crate::topics::TopicIndex;
use jackfield_reactor::ConnectionId;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// A server as any thread sees it: sends, publishes, posts, closes, counts, and shuts down.
///
/// What goes to a connection is put into its reactor's mailbox: it never waits, and what one thread sends to one
/// connection arrives in order. A full mailbox is an answer.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// `listeners`: of each socket that listens, which of the listeners it belongs to.
    pub(crate) fn new(remotes: Box<[RemoteReactor]>, listeners: Box<[usize]>) -> Self {
        let topic_index = TopicIndex::new(remotes.len());
        let (connections, signalled) = (AtomicUsize::new(0), Arc::default());
        let of_listeners = listeners.iter().map(|_| AtomicUsize::new(0)).collect();
        let state = AtomicU8::new(0);
        Self(Arc::new(Shared {
            remotes,
            topic_index,
            connections,
            listeners,
            of_listeners,
            signalled,
            state,
        }))
    }

    /// Sends to a connection, in whatever that speaks. Whether it was still there when the message arrived is not
    /// known here.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "sendOne")]
    pub fn send<'m>(&self, id: ConnectionId, publication: impl Into<Publication<'m>>) -> Result<(), Busy> {
        self.send_content(id, publication.into().content())
    }

    /// Sends to all subscribers of a topic, on all reactors.
    #[doc(alias = "sendAll")]
    #[doc(alias = "broadcast")]
    pub fn publish<'m>(&self, topic: &str, publication: impl Into<Publication<'m>>) -> Published {
        self.publish_but(topic, publication.into().content(), usize::MAX)
    }

    /// Gives a value to a connection: its client gets it with `on_post`, on its own reactor.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "GetTaskRunner")]
    pub fn post<T: Any + Send>(&self, id: ConnectionId, value: T) -> Result<(), Busy> {
        self.post_command(id.reactor(), Command::Post(id, Box::new(value)))
    }

    /// Closes a connection in good order.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "CloseConnection")]
    pub fn close(&self, id: ConnectionId) -> Result<(), Busy> {
        self.post_command(id.reactor(), Command::Close(id))
    }

    /// Closes a connection with a code and a reason, as [`Connection::close_with`](crate::Connection::close_with).
    ///
    /// # Errors
    /// [`Busy`].
    pub fn close_with(&self, id: ConnectionId, code: u16, reason: &str) -> Result<(), Busy> {
        self.post_command(id.reactor(), Command::CloseWith(id, code, reason.into()))
    }

    /// Drops what is queued for a connection and resets it.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn abort(&self, id: ConnectionId) -> Result<(), Busy> {
        self.post_command(id.reactor(), Command::Abort(id))
    }

    /// From now on this is the heartbeat of every WebSocket that has none of its own, of those to come too.
    ///
    /// # Errors
    /// [`Busy::Full`]: a reactor's mailbox is full, and it keeps the heartbeat that it had. The others have the new
    /// one.
    #[doc(alias = "setHeartbeat")]
    pub fn set_heartbeat(&self, heartbeat: Heartbeat) -> Result<(), Busy> {
        let heartbeat = Arc::new(heartbeat);
        let posts = (0..self.reactors())
            .map(|reactor| self.post_command(reactor, Command::Heartbeat(heartbeat.clone())));
        posts.fold(Ok(()), Result::and)
    }

    /// How many connections the server has.
    #[doc(alias = "ClientCount")]
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// How many subscribers a topic has, on all reactors.
    #[must_use]
    pub fn subscribers(&self, topic: &str) -> usize {
        self.0.topic_index.count(topic)
    }

    /// How many reactors there are.
    #[must_use]
    pub fn reactors(&self) -> usize {
        self.0.remotes.len()
    }

    /// What the server has done so far, summed over its reactors.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::sum(self.0.remotes.iter().map(|remote| &*remote.metrics));
        metrics.memory_bytes += self.0.remotes.iter().map(|remote| remote.waiting().1 as u64).sum::<u64>();
        metrics
    }

    /// Where the server is in its life.
    #[doc(alias = "IsRunning")]
    #[must_use]
    pub fn state(&self) -> State {
        match self.0.state.load(Ordering::Acquire) {
            0 => State::Starting,
            1 => State::Running,
            2 => State::Draining,
            _ => State::Stopped,
        }
    }

    /// Shuts the server down: no new connections any more; requests whose head has come are answered, the first of
    /// several with the word that it is the last; WebSockets and event streams are closed; at the deadline the rest
    /// is aborted, and whoever is paused with a request unread. Every client is told, and `serve` returns. Again is
    /// nothing new, except that an earlier deadline counts.
    #[doc(alias = "Shutdown")]
    pub fn shutdown(&self, drain: Drain) {
        self.set_state(State::Draining);
        for remote in &self.0.remotes {
            remote.post_reserved(Command::Shutdown(drain));
        }
    }

    pub(crate) fn send_content(&self, id: ConnectionId, content: Content<'_>) -> Result<(), Busy> {
        self.post_command(id.reactor(), Command::Send(id, content.prepare()))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    pub(crate) fn remote(&self, reactor: usize) -> Option<&RemoteReactor> {
        self.0.remotes.get(reactor)
    }

    /// A server's state only ever moves on.
    pub(crate) fn set_state(&self, state: State) {
        self.0.state.fetch_max(state as u8, Ordering::AcqRel);
    }

    pub(crate) fn post_command(&self, reactor: usize, command: Command) -> Result<(), Busy> {
        let remote = self.remote(reactor).ok_or(Busy::Unknown)?;
        remote.post(command)
    }

    /// Puts a command in that must not be refused.
    pub(crate) fn post_reserved(&self, reactor: usize, command: Command) {
        if let Some(remote) = self.remote(reactor) {
            remote.post_reserved(command);
        }
    }

    /// Lets every reactor but one know that memory is scarce.
    pub(crate) fn report_pressure(&self, but: usize) {
        for reactor in (0..self.reactors()).filter(|reactor| *reactor != but) {
            self.post_reserved(reactor, Command::Pressure);
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("state", &self.state()).field("connections", &self.count()).finish()
    }
}
