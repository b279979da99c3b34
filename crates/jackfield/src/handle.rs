//! The one type that any thread may use.

use crate::heartbeat::Heartbeat;
use crate::mail::Command;
use crate::metrics::{Metrics, ReactorMetrics};
use crate::overload::Quota;
use crate::topics::{Counts, TopicIndex};
use crate::{ConnectionId, Message, Prepared};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{Full, Mailbox, Stats};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

/// A server as any thread sees it: sends, publishes, posts, closes, counts, and shuts down.
///
/// What goes to a connection is put into its reactor's mailbox: it never waits, and what one thread sends to one
/// connection arrives in order. A full mailbox is an answer.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) remotes: Box<[RemoteReactor]>,
    pub(crate) topic_index: TopicIndex,
    /// Connections of all reactors, handed over or not.
    pub(crate) connections: AtomicUsize,
    /// A signal asked for the end. Whoever is woken by it says so to all.
    pub(crate) signalled: Arc<AtomicBool>,
    state: AtomicU8,
}

/// One reactor, as the others see it.
pub(crate) struct RemoteReactor {
    pub(crate) mailbox: Mailbox<Command>,
    /// Connections that it has or is being given.
    pub(crate) load: AtomicUsize,
    pub(crate) metrics: Arc<ReactorMetrics>,
    /// New connections that it still takes, if it is overloaded.
    pub(crate) quota: Quota,
    /// A callback runs there for too long, as the watchdog sees it.
    pub(crate) held_up: AtomicBool,
}

impl RemoteReactor {
    /// A reactor's place, whose counters are these.
    pub(crate) fn new(mailbox: Mailbox<Command>, stats: &Arc<Stats>) -> Self {
        let metrics = Arc::new(ReactorMetrics::default());
        // It is set here and nowhere else.
        let _ = metrics.wires.set(stats.clone());
        Self {
            mailbox,
            load: AtomicUsize::new(0),
            metrics,
            quota: Quota::default(),
            held_up: AtomicBool::new(false),
        }
    }

    /// True if it can't take anybody just now.
    fn is_away(&self) -> bool {
        self.held_up.load(Ordering::Relaxed) || self.quota.is_empty()
    }
}

/// The reactor that should have taken this can't now. Try again later, or give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// Its mailbox is full.
    Full,
    /// It doesn't exist: the id is not of this server.
    Unknown,
}

/// What became of a published message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Subscribers of this reactor that got it.
    pub here: usize,
    /// Reactors that it was passed on to.
    pub reactors: usize,
    /// Reactors that have subscribers and a full mailbox: theirs did not get it.
    pub full: usize,
}

/// How to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// What is still there then is aborted.
    pub deadline: Duration,
    /// The code of the Close that WebSockets get. Default: 1001, going away.
    pub close_code: u16,
}

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Bound, and not serving yet.
    Starting,
    /// Serving.
    Running,
    /// Shutting down: no new connections, and all connections are drained.
    Draining,
    /// Every reactor has ended.
    Stopped,
}

impl Default for Drain {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), close_code: 1001 }
    }
}

impl Drain {
    /// At once: no connection is drained, but every disconnect is still told.
    #[must_use]
    pub fn now() -> Self {
        Self { deadline: Duration::ZERO, ..Self::default() }
    }
}

impl Handle {
    pub(crate) fn new(remotes: Box<[RemoteReactor]>) -> Self {
        let topic_index = TopicIndex::new(remotes.len());
        let (connections, signalled) = (AtomicUsize::new(0), Arc::default());
        Self(Arc::new(Shared { remotes, topic_index, connections, signalled, state: AtomicU8::new(0) }))
    }

    /// Sends a message to a connection. Whether it was still there when the message arrived is not known here.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "sendOne")]
    pub fn send<'m>(&self, id: ConnectionId, message: impl Into<Message<'m>>) -> Result<(), Busy> {
        self.post_command(id.reactor(), Command::Send(id, Prepared::new(message.into())))
    }

    /// Sends a message that is encoded already.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "sendEncoded")]
    pub fn send_prepared(&self, id: ConnectionId, message: &Prepared) -> Result<(), Busy> {
        self.post_command(id.reactor(), Command::Send(id, message.clone()))
    }

    /// Sends a message to all subscribers of a topic, on all reactors.
    #[doc(alias = "sendAll")]
    pub fn publish<'m>(&self, topic: &str, message: impl Into<Message<'m>>) -> Published {
        self.publish_but(topic, message.into(), usize::MAX)
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
        Metrics::sum(self.0.remotes.iter().map(|remote| &*remote.metrics))
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
            remote.mailbox.post_reserved(Command::Shutdown(drain));
        }
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
        remote.mailbox.post(command).map_err(|Full(_)| Busy::Full)
    }

    /// Puts a command in that must not be refused.
    pub(crate) fn post_reserved(&self, reactor: usize, command: Command) {
        if let Some(remote) = self.remote(reactor) {
            remote.mailbox.post_reserved(command);
        }
    }

    /// So many connections of a reactor are none any more.
    pub(crate) fn uncount(&self, reactor: usize, connections: usize) {
        self.0.connections.fetch_sub(connections, Ordering::Relaxed);
        if let Some(remote) = self.remote(reactor) {
            remote.load.fetch_sub(connections, Ordering::Relaxed);
        }
    }

    /// A reactor has ended: who was handed to it since then has nobody.
    pub(crate) fn uncount_handed_over(&self, reactor: usize) {
        let mut commands = Vec::new();
        if let Some(remote) = self.remote(reactor) {
            remote.mailbox.take(&mut commands);
        }
        let newcomers = commands.iter().filter(|command| matches!(command, Command::Adopt(..))).count();
        self.uncount(reactor, newcomers);
    }

    /// Lets every reactor but one know that memory is scarce.
    pub(crate) fn report_pressure(&self, but: usize) {
        for reactor in (0..self.reactors()).filter(|reactor| *reactor != but) {
            self.post_reserved(reactor, Command::Pressure);
        }
    }

    /// Publishes a message on every reactor but one. Nothing is encoded for nobody.
    pub(crate) fn publish_but(&self, topic: &str, message: Message<'_>, but: usize) -> Published {
        match self.0.topic_index.find(topic) {
            Some((name, counts)) => self.pass_on(&name, &counts, &Prepared::new(message), but),
            None => Published::default(),
        }
    }

    /// Passes a message on to every reactor but one that has subscribers.
    pub(crate) fn pass_on(
        &self,
        topic: &Arc<str>,
        counts: &Counts,
        message: &Prepared,
        but: usize,
    ) -> Published {
        let mut published = Published::default();
        for (reactor, remote) in self.0.remotes.iter().enumerate() {
            if reactor != but && counts.of(reactor) > 0 {
                if planted(41) {
                    continue;
                }
                match remote.mailbox.post(Command::Publish(topic.clone(), message.clone())) {
                    Ok(()) => published.reactors += 1,
                    Err(Full(_)) => published.full += 1,
                }
            }
        }
        published
    }

    /// The reactor with the fewest connections, this one before others that have as many. Those that can't take
    /// anybody just now are passed over, if there are others.
    pub(crate) fn least_loaded(&self, here: usize) -> usize {
        let rank = |&reactor: &usize| {
            let remote = &self.0.remotes[reactor];
            (remote.is_away(), remote.load.load(Ordering::Relaxed), reactor != here)
        };
        (0..self.0.remotes.len()).min_by_key(rank).unwrap_or(here)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("state", &self.state()).field("connections", &self.count()).finish()
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the reactor's mailbox is full: try again later, or raise `mailbox_max`",
            Self::Unknown => "no reactor of this server has such a connection",
        })
    }
}

impl std::error::Error for Busy {}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_reactor::{Incoming, Pipe, Transport};

    /// They were handed over by a reactor that did not know of the shutdown yet, and counted for ever.
    #[test]
    fn newcomers_for_a_reactor_that_has_ended_are_counted_no_more() {
        let remotes = [(); 2].map(|()| RemoteReactor::new(Mailbox::new(None, 10), &Arc::default()));
        let handle = Handle::new(remotes.into());
        for _ in 0..3 {
            let peer = ([127, 0, 0, 1], 1).into();
            let transport = Transport::Memory(Pipe::pair(peer).0);
            handle.shared().connections.fetch_add(1, Ordering::Relaxed);
            handle.shared().remotes[1].load.fetch_add(1, Ordering::Relaxed);
            handle.post_reserved(1, Command::Adopt(Incoming { transport, peer, listener: 0 }, false));
        }
        handle.post_reserved(1, Command::Pressure);
        handle.uncount_handed_over(0);
        assert_eq!(handle.count(), 3);
        handle.uncount_handed_over(1);
        assert_eq!((handle.count(), handle.shared().remotes[1].load.load(Ordering::Relaxed)), (0, 0));
    }
}
