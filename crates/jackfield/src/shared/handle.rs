//! The one type that any thread may use.

use crate::config::{Heartbeat, Outgoing};
use crate::message::{Content, Publication, Published};
use crate::shared::Shared;
use crate::shared::addresses::Addresses;
use crate::shared::broker::Broker;
use crate::shared::changes::ChangeSink;
use crate::shared::cluster::Cluster;
use crate::shared::command::{Command, Copies};
use crate::shared::finished::FinishedSink;
use crate::shared::listeners::Listeners;
use crate::shared::metrics::Metrics;
use crate::shared::not_posted::NotPosted;
use crate::shared::offload::{Offloaded, Pool, attempt};
use crate::shared::owned_bytes::owned_bytes;
use crate::shared::remote::RemoteReactor;
use crate::shared::resolver::LookUps;
use crate::shared::state::{Busy, Drain, ServerState};
use crate::topics::{History, PositionSource, TopicIndex, TopicLogs};
use jackfield_reactor::ConnectionId;
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// A handle to a server, for any thread: it sends, publishes, posts, closes, counts, and shuts down.
///
/// A command for a connection goes into the mailbox of its reactor. The call never waits, and the commands of one
/// thread for one connection arrive in order. If the mailbox is full or the server has ended, the call returns that.
///
/// ```no_run
/// use jackfield::{Client, Connection, Drain, Server};
/// use std::{thread, time::Duration};
///
/// struct Reader;
///
/// impl Client for Reader {
///     fn on_connect(&mut self, connection: &mut Connection<'_>) {
///         connection.subscribe("news");
///     }
/// }
///
/// fn main() -> jackfield::Result<()> {
///     let server = Server::bind("127.0.0.1:8080")?;
///     let handle = server.handle();
///     thread::spawn(move || {
///         for hour in 1..=24 {
///             thread::sleep(Duration::from_secs(3600));
///             handle.publish("news", format!("hour {hour}, {} readers", handle.subscribers("news")));
///         }
///         handle.shutdown(Drain::default());
///     });
///     server.serve(|_peer| Reader)
/// }
/// ```
#[doc(alias = "Addr")]
#[doc(alias = "ServerHandle")]
#[doc(alias = "Loop")]
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Shared>);

impl Handle {
    pub(crate) fn new(
        remotes: Box<[RemoteReactor]>,
        listeners: Listeners,
        changes: Box<dyn ChangeSink>,
        broker: Option<Arc<dyn Broker>>,
        pool: Pool,
    ) -> Self {
        let budget = remotes.first().map(RemoteReactor::budget).unwrap_or_default();
        let topic_index = TopicIndex::new(remotes.len(), budget);
        let (logs, cluster) = (TopicLogs::new(), broker.map(Cluster::new));
        let (connections, signalled) = (AtomicUsize::new(0), Arc::default());
        let state = AtomicU8::new(0);
        Self(Arc::new(Shared {
            remotes,
            topic_index,
            logs,
            cluster,
            pool,
            #[cfg(feature = "sim")]
            simulated_epochs: Default::default(),
            #[cfg(feature = "tls")]
            handshakes: OnceLock::new(),
            connections,
            listeners,
            addresses: Addresses::default(),
            outgoing: AtomicUsize::new(0),
            access_log_dropped: OnceLock::new(),
            look_ups: LookUps::default(),
            #[cfg(feature = "tls")]
            tls_hosts: OnceLock::new(),
            waits_for_room: AtomicBool::new(false),
            changes,
            signalled,
            #[cfg(all(feature = "signals", feature = "tls", unix))]
            reload: Default::default(),
            state,
        }))
    }

    /// Sends to a connection, in the form of its protocol. If the connection ends before the message arrives, the message is
    /// dropped.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "sendOne")]
    pub fn send<'m>(&self, id: ConnectionId, publication: impl Into<Publication<'m>>) -> Result<(), Busy> {
        self.send_content(id, publication.into().content())
    }

    /// Sends to all subscribers of a topic, on all reactors. The index of topics is locked for one look-up.
    #[doc(alias = "sendAll")]
    #[doc(alias = "broadcast")]
    pub fn publish<'m>(&self, topic: &str, publication: impl Into<Publication<'m>>) -> Published {
        self.publish_but(topic, publication.into().content(), usize::MAX)
    }

    /// Posts a value to a connection: its client gets it with `on_post`, on its own reactor.
    ///
    /// The mailbox counts the value's own size, and also the heap memory of a `Vec<u8>`, `String`, `Box<[u8]>`, `Box<str>`,
    /// `Arc<[u8]>`, `Arc<str>`, [`Body`](crate::Body) or [`Prepared`](crate::Prepared). For other types that own much, use
    /// [`Handle::post_sized`].
    ///
    /// # Errors
    /// [`NotPosted`] has the value, and the reason why it was not posted.
    #[doc(alias = "GetTaskRunner")]
    #[doc(alias = "do_send")]
    pub fn post<T: Any + Send>(&self, id: ConnectionId, value: T) -> Result<(), NotPosted<T>> {
        let owned = owned_bytes(&value);
        self.post_sized(id, value, owned)
    }

    /// Posts as [`Handle::post`] does, a value that owns `heap_bytes` bytes on the heap, which the server can't see. They count for
    /// [`Limits::mailbox_bytes_max`](crate::Limits::mailbox_bytes_max), and are charged as long as the value waits.
    ///
    /// ```
    /// use jackfield::{ConnectionId, Handle};
    ///
    /// struct Picture {
    ///     width: u32,
    ///     pixels: Vec<u8>,
    /// }
    ///
    /// fn show(handle: &Handle, id: ConnectionId, picture: Picture) -> bool {
    ///     let bytes = picture.pixels.capacity();
    ///     handle.post_sized(id, picture, bytes).is_ok()
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Handle::post`].
    pub fn post_sized<T: Any + Send>(
        &self,
        id: ConnectionId,
        value: T,
        heap_bytes: usize,
    ) -> Result<(), NotPosted<T>> {
        let remote = match self.remote_of(id) {
            Ok(remote) => remote,
            Err(why) => return Err(NotPosted { value, why }),
        };
        let command = Command::Post(id, Box::new(value), heap_bytes);
        let bytes = command.bytes();
        match remote.try_post(command, bytes) {
            Some((why, Command::Post(_, value, _))) => match value.downcast() {
                Ok(value) => Err(NotPosted { value: *value, why }),
                Err(_) => unreachable!("it is the same value"),
            },
            _ => Ok(()),
        }
    }

    /// Runs a job that may block on a thread of a small pool: reading a file, hashing a password, asking a database. Its
    /// result comes to the connection as a value of type [`Offloaded<T>`], with `on_post`, even if the mailbox is full;
    /// if the job panics, the value says so. If the connection ends meanwhile, the job still runs to its end.
    ///
    /// The pool has four threads, or as many as [`ServerBuilder::offload_threads`](crate::ServerBuilder::offload_threads)
    /// says, which are started when they are needed; 1024 jobs may wait for them. When the server ends, jobs that wait are
    /// dropped. On a server in memory jobs run at once.
    ///
    /// ```
    /// use jackfield::{Client, Connection, Exchange, Offloaded, Reply, Request};
    /// use std::any::Any;
    ///
    /// #[derive(Default)]
    /// struct Words {
    ///     asked: Option<Reply>,
    /// }
    ///
    /// impl Client for Words {
    ///     fn on_request(&mut self, mut exchange: Exchange<'_>, _request: &Request<'_>) {
    ///         match exchange.offload(|| std::fs::read_to_string("/usr/share/dict/words")) {
    ///             Ok(()) => self.asked = Some(exchange.defer()),
    ///             Err(_) => exchange.error(503), // too many wait already
    ///         }
    ///     }
    ///
    ///     fn on_post(&mut self, _connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
    ///         let Some(reply) = self.asked.take() else { return };
    ///         match value.downcast::<Offloaded<std::io::Result<String>>>().map(|value| *value) {
    ///             Ok(Ok(Ok(words))) => reply.ok("text/plain", words),
    ///             _ => reply.error(500),
    ///         };
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`NotPosted`] has the job, and why it does not run: [`Busy::Full`] if too many wait already, [`Busy::Gone`],
    /// [`Busy::Unknown`] or [`Busy::Stopped`].
    #[doc(alias = "spawn_blocking")]
    #[doc(alias = "web::block")]
    pub fn offload<T, F>(&self, id: ConnectionId, job: F) -> Result<(), NotPosted<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if let Err(why) = self.remote_of(id) {
            return Err(NotPosted { value: job, why });
        }
        let (mut job, handle) = (Some(job), self.clone());
        let is_taken = self.0.pool.submit(|| {
            let job = job.take();
            Box::new(move || {
                let Some(job) = job else { return };
                let result: Offloaded<T> = attempt(job);
                let owned = result.as_ref().map_or(0, owned_bytes);
                // A reactor that has ended gives it back.
                let _ = handle.post_reserved(id.reactor(), Command::Post(id, Box::new(result), owned));
            })
        });
        let why = if self.has_ended() { Busy::Stopped } else { Busy::Full };
        match job.filter(|_| !is_taken) {
            Some(value) => Err(NotPosted { value, why }),
            None => Ok(()),
        }
    }

    /// Posts a copy of a value to each subscriber of a topic, on all reactors; its client gets it with `on_post`.
    ///
    /// ```
    /// use jackfield::{Client, Connection, Handle};
    /// use std::any::Any;
    ///
    /// #[derive(Clone)]
    /// struct Mute(bool);
    ///
    /// struct Member {
    ///     is_mute: bool,
    /// }
    ///
    /// impl Client for Member {
    ///     fn on_post(&mut self, _connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
    ///         if let Ok(mute) = value.downcast::<Mute>() {
    ///             self.is_mute = mute.0;
    ///         }
    ///     }
    /// }
    ///
    /// fn mute(handle: &Handle) {
    ///     handle.post_to_topic("room", Mute(true));
    /// }
    /// ```
    pub fn post_to_topic<T: Any + Clone + Send>(&self, topic: &str, value: T) -> Published {
        if self.has_ended() {
            return self.refused_by_all();
        }
        let Some((name, counts)) = self.0.topic_index.find(topic) else { return Published::default() };
        let mut published = Published::default();
        for reactor in 0..self.reactors() {
            let Some(generation) = counts.generation(reactor) else { continue };
            let copies = Copies::of(value.clone());
            match self.post_command(reactor, Command::PostToTopic(name.clone(), generation, copies)) {
                Ok(()) => published.reactors += 1,
                Err(_) => published.full += 1,
            }
        }
        published
    }

    /// Gives a topic a history, in one order for all its subscribers on all reactors. On event streams each publication
    /// gets an id, which replaces its own, and [`Connection::subscribe_from`](crate::Connection::subscribe_from) sends a
    /// client that connects again the messages that it missed. Call it before the first client subscribes. False: the
    /// topic was declared before, or has subscribers, or the server has ended; nothing changes then. The topic and its history stay
    /// until the server ends, so bound the number of topics that peers can make you declare.
    ///
    /// A publish to such a topic takes a lock that its reactors share. If a reactor is so late that the history does not
    /// reach back far enough, its subscribers get a `resync` event. A server without such topics has no cost for them.
    ///
    /// ```
    /// use jackfield::{History, Server};
    /// use std::time::Duration;
    ///
    /// # fn main() -> jackfield::Result<()> {
    /// let server = Server::bind("127.0.0.1:0")?;
    /// let history = History::new(10_000).max_bytes(4 << 20).max_age(Duration::from_secs(600));
    /// assert!(server.handle().declare_topic("prices", history));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "history")]
    #[doc(alias = "replay")]
    pub fn declare_topic(&self, topic: &str, history: History) -> bool {
        if self.has_ended() {
            return false;
        }
        let order = match &self.0.cluster {
            Some(cluster) => PositionSource::Broker(cluster.node),
            None => PositionSource::Own(self.new_epoch()),
        };
        self.subscribers(topic) == 0 && self.0.logs.declare(topic, order, history, self.reactors())
    }

    /// A simulation has the same epochs each time, and no earlier processes.
    fn new_epoch(&self) -> u64 {
        #[cfg(feature = "sim")]
        if matches!(self.0.pool, Pool::Held(_)) {
            return self.0.simulated_epochs.fetch_add(1, Ordering::Relaxed) + 1;
        }
        new_epoch()
    }

    /// The ids of all connections that have a client, on all reactors: from before `on_connect` until after `on_disconnect`. The
    /// cost grows with the number of connections; no reactor waits for it. Of the connections that come or go meanwhile it has some.
    ///
    /// ```
    /// use jackfield::Handle;
    ///
    /// fn say_to_all(handle: &Handle, text: &str) {
    ///     for id in handle.ids() {
    ///         // One that has ended meanwhile gets nothing.
    ///         let _ = handle.send(id, text);
    ///     }
    /// }
    /// ```
    #[doc(alias = "getConnectionIds")]
    #[must_use]
    pub fn ids(&self) -> Vec<ConnectionId> {
        (0..self.reactors()).flat_map(|reactor| self.ids_of(reactor)).collect()
    }

    /// Whether this connection has a client at this moment.
    #[must_use]
    #[doc(alias = "IsClient")]
    #[doc(alias = "IsValidConnection")]
    pub fn contains(&self, id: ConnectionId) -> bool {
        self.remote(id.reactor()).is_some_and(|remote| remote.roster.is_listed(id))
    }

    /// Closes a connection gracefully, as [`Connection::close`](crate::Connection::close) does.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "CloseConnection")]
    #[doc(alias = "DisconnectAll")]
    pub fn close(&self, id: ConnectionId) -> Result<(), Busy> {
        self.remote_of(id)?.post(Command::Close(id))
    }

    /// Closes a connection with a code and a reason, as [`Connection::close_with`](crate::Connection::close_with).
    ///
    /// # Errors
    /// [`Busy`].
    pub fn close_with(&self, id: ConnectionId, code: u16, reason: &str) -> Result<(), Busy> {
        self.remote_of(id)?.post(Command::CloseWith(id, code, reason.into()))
    }

    /// Drops what is queued for a connection and resets it.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "Interrupt")]
    pub fn abort(&self, id: ConnectionId) -> Result<(), Busy> {
        self.remote_of(id)?.post(Command::Abort(id))
    }

    /// Begins a connection, on the reactor that has the fewest. Its client gets the result: see [`Outgoing`]. If
    /// [`Limits::outgoing_max`](crate::Limits::outgoing_max) is reached, or the server begins to shut down meanwhile, the
    /// command is dropped, and that is logged.
    ///
    /// # Errors
    /// [`Busy`].
    #[doc(alias = "dial")]
    pub fn connect(&self, outgoing: Outgoing) -> Result<(), Busy> {
        if self.state() >= ServerState::Draining {
            return Err(Busy::Stopped);
        }
        self.post_command(self.least_loaded(0), Command::Connect(Box::new(outgoing)))
    }

    /// Sets the heartbeat of every WebSocket that has neither a heartbeat nor an idle timeout of its own, also of future
    /// ones. It visits all WebSockets of a reactor in one turn, some 100 ns for each, so that it holds for all from one time on.
    ///
    /// # Errors
    /// [`Busy::Full`]: a reactor's mailbox is full, and it keeps the heartbeat that it had. The others have the new
    /// one. [`Busy::Stopped`]: the server has ended.
    #[doc(alias = "setHeartbeat")]
    pub fn set_heartbeat(&self, heartbeat: Heartbeat) -> Result<(), Busy> {
        let heartbeat = Arc::new(heartbeat.bounded());
        let posts = (0..self.reactors())
            .map(|reactor| self.post_command(reactor, Command::Heartbeat(heartbeat.clone())));
        posts.fold(Ok(()), Result::and)
    }

    /// How many accepted connections the server has; [`Handle::outgoing`] counts the others.
    #[doc(alias = "ClientCount")]
    #[must_use]
    #[doc(alias = "HasConnection")]
    pub fn count(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// How many outgoing connections the server has, including those that are not up yet.
    #[must_use]
    pub fn outgoing(&self) -> usize {
        self.0.outgoing.load(Ordering::Relaxed)
    }

    /// How many subscribers a topic has, on all reactors of this server. It asks no reactor, so it may be called in a callback.
    #[must_use]
    pub fn subscribers(&self, topic: &str) -> usize {
        self.0.topic_index.count(topic)
    }

    /// The subscribers of a topic on all reactors of this server, at this moment, by reactor. The cost grows with the number of
    /// members; it asks no reactor, so it may be called in a callback. Members on other servers with the same
    /// [`Broker`](crate::Broker) are in [`Handle::cluster_members`]. A connection that is still getting its missed messages is not
    /// a member yet.
    ///
    /// ```
    /// use jackfield::Handle;
    ///
    /// fn who_is_here(handle: &Handle) -> String {
    ///     let ids: Vec<String> = handle.members("lobby").iter().map(ToString::to_string).collect();
    ///     ids.join(", ")
    /// }
    /// ```
    #[doc(alias = "presence")]
    #[must_use]
    pub fn members(&self, topic: &str) -> Vec<ConnectionId> {
        self.0.topic_index.members(topic)
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
        metrics.memory_bytes += self.0.topic_index.table_bytes() as u64;
        metrics.outgoing = self.outgoing() as u64;
        metrics.access_log_dropped =
            self.0.access_log_dropped.get().map_or(0, |lines| lines.load(Ordering::Relaxed));
        if let Some(cluster) = &self.0.cluster {
            metrics.broker_refused = cluster.refused();
            metrics.broker_down = u64::from(!cluster.is_up());
        }
        metrics
    }

    /// The state of the server.
    #[doc(alias = "IsRunning")]
    #[must_use]
    pub fn state(&self) -> ServerState {
        state_of(self.0.state.load(Ordering::Acquire))
    }

    /// Whether every reactor has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.state() >= ServerState::Stopped
    }

    /// Shuts the server down. It accepts no new connections. Requests that have arrived are answered, and the answer has
    /// `Connection: close`. WebSockets get a Close, event streams get a `retry:` and their end; connections with your own
    /// protocol end after their queue is written. At the deadline the remaining connections are aborted, also read-paused
    /// ones with an unread request. Every client gets its `on_disconnect`, and `serve` returns. A second call can only
    /// shorten the deadline.
    #[doc(alias = "Shutdown")]
    #[doc(alias = "stopNoWait")]
    pub fn shutdown(&self, drain: Drain) {
        self.set_state(ServerState::Draining);
        for remote in &self.0.remotes {
            // A reactor that has ended has nothing to drain.
            let _ = remote.post_reserved(Command::Shutdown(drain));
        }
    }

    /// The ids of the connections of one reactor that have a client, by slot.
    pub(crate) fn ids_of(&self, reactor: usize) -> Vec<ConnectionId> {
        self.remote(reactor).map_or_else(Vec::new, |remote| remote.roster.listed_ids(reactor as u8))
    }

    pub(crate) fn send_content(&self, id: ConnectionId, content: Content<'_>) -> Result<(), Busy> {
        self.remote_of(id)?.post(Command::Send(id, content.prepare()))
    }

    /// Counts the lines that the server's access log drops.
    pub(crate) fn set_dropped_counter(&self, log: Option<&Arc<dyn FinishedSink>>) {
        if let Some(log) = log {
            // Set once, because a server has one log.
            let _ = self.0.access_log_dropped.set(log.dropped());
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    pub(crate) fn remote(&self, reactor: usize) -> Option<&RemoteReactor> {
        self.0.remotes.get(reactor)
    }

    /// The reactor of a connection that has not ended.
    pub(crate) fn remote_of(&self, id: ConnectionId) -> Result<&RemoteReactor, Busy> {
        let remote = self.remote(id.reactor()).ok_or(Busy::Unknown)?;
        match remote.roster.contains(id) {
            true => Ok(remote),
            false if self.has_ended() => Err(Busy::Stopped),
            false => Err(Busy::Gone),
        }
    }

    /// A server's state only moves forward.
    pub(crate) fn set_state(&self, state: ServerState) {
        let before = self.0.state.fetch_max(state as u8, Ordering::AcqRel);
        if before < state as u8 {
            self.0.changes.on_state(state_of(before), state);
        }
    }

    pub(crate) fn post_command(&self, reactor: usize, command: Command) -> Result<(), Busy> {
        let remote = self.remote(reactor).ok_or(Busy::Unknown)?;
        remote.post(command)
    }

    /// Puts a command in that must not be refused. A reactor that has ended gives it back.
    pub(crate) fn post_reserved(&self, reactor: usize, command: Command) -> Option<Command> {
        self.remote(reactor)?.post_reserved(command)
    }

    /// Reports memory pressure to every reactor but one.
    pub(crate) fn report_pressure(&self, but: usize) {
        for reactor in (0..self.reactors()).filter(|reactor| *reactor != but) {
            // A reactor that has ended has no memory to free.
            let _ = self.post_reserved(reactor, Command::Pressure);
        }
    }
}

fn state_of(number: u8) -> ServerState {
    match number {
        0 => ServerState::Starting,
        1 => ServerState::Running,
        2 => ServerState::Draining,
        _ => ServerState::Stopped,
    }
}

/// A new epoch for a history: different from all others of this process and of earlier processes on this machine.
fn new_epoch() -> u64 {
    static NUMBER: AtomicU16 = AtomicU16::new(0);
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    (since_epoch.as_millis() as u64) << u16::BITS | u64::from(number)
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("state", &self.state()).field("connections", &self.count()).finish()
    }
}
