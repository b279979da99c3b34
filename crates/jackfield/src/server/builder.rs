//! A server's options.

use crate::config::{Limits, Listener, ListenerSettings};
use crate::gate::{Allowed, Origins, Reserved};
use crate::server::Server;
use crate::server::error::{Error, Result};
#[cfg(all(feature = "signals", unix))]
use crate::server::signals::Signals;
use crate::shared::{Guarded, NoObserver, Observer, Settings, WallClock};
use jackfield_reactor::{self as reactor, REACTORS_MAX};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

/// A server's options. Nothing is bound before [`ServerBuilder::bind`], which says everything that is wrong at once.
pub struct ServerBuilder {
    listeners: Vec<Listener>,
    reactors: Option<usize>,
    limits: Limits,
    /// Or what is wrong with them.
    origins: std::result::Result<Origins, Vec<String>>,
    reserved: Vec<String>,
    watchdog: Option<bool>,
    observer: Arc<dyn Observer>,
    #[cfg(all(feature = "signals", unix))]
    signals: bool,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            reactors: None,
            limits: Limits::default(),
            origins: Ok(Origins::default()),
            reserved: Vec::new(),
            watchdog: None,
            observer: Arc::new(NoObserver),
            #[cfg(all(feature = "signals", unix))]
            signals: false,
        }
    }
}

impl ServerBuilder {
    /// Listens there: an address, or a [`Listener`] that speaks something else than HTTP or has options of its own.
    /// May be repeated.
    #[doc(alias = "MultiListenSockets")]
    #[must_use]
    pub fn listen(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// How many reactors there are, each with a thread of its own; the first runs on the thread that serves.
    /// Connections are spread evenly over them. Default: as many as there are cores.
    #[must_use]
    pub fn reactors(mut self, reactors: usize) -> Self {
        self.reactors = Some(reactors);
        self
    }

    /// Every bound and time at once.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The most connections that the server holds. One more is refused. Default: 1,000,000.
    #[doc(alias = "MaxClients")]
    #[doc(alias = "MaxConnections")]
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections_max = connections;
        self
    }

    /// The most that the buffers of all connections may hold, in bytes: see
    /// [`Limits::memory_bytes_max`](Limits). Default: 1 GiB.
    #[must_use]
    pub fn max_memory(mut self, bytes: usize) -> Self {
        self.limits.memory_bytes_max = bytes;
        self
    }

    /// The longest WebSocket message in bytes; a longer one is refused with 1009. The bounds of memory are raised to
    /// twice as much where they are lower, for a buffer doubles as it grows. Default: 1 MiB.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.limits.websocket.message_bytes_max = bytes;
        self.limits.make_room_for(bytes as u64);
        self
    }

    /// The longest body in bytes that is collected; a longer one is refused with 413. The bounds of memory are raised
    /// to twice as much where they are lower, for a buffer doubles as it grows. Default: 1 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.limits.body_bytes_max = bytes;
        self.limits.make_room_for(bytes);
        self
    }

    /// Idle timeout of an HTTP connection between two requests; disabled by zero. Default: 75 s.
    #[doc(alias = "KeepAliveTimeSec")]
    #[must_use]
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.limits.http_idle = idle;
        self
    }

    /// Idle timeout of a WebSocket that has no heartbeat; disabled by zero. Default: 120 s.
    #[must_use]
    pub fn websocket_idle_timeout(mut self, idle: Duration) -> Self {
        self.limits.websocket_idle = idle;
        self
    }

    /// Pings a WebSocket after so much idle time, and gives it up after so much more. A zero for the first: no
    /// heartbeat. Default: 30 s and 20 s.
    #[doc(alias = "WSPingSecs")]
    #[doc(alias = "setHeartbeat")]
    #[must_use]
    pub fn heartbeat(mut self, after: Duration, dead_after: Duration) -> Self {
        (self.limits.heartbeat, self.limits.heartbeat_dead) = (after, dead_after);
        self
    }

    /// Lets pages of these origins open WebSockets, besides those of the host that is asked and clients that send no
    /// `Origin`. Others get 403. Default: an empty list.
    ///
    /// An origin is a scheme, a host and a port, as in `https://a.example` or `http://localhost:3000`. All three are
    /// compared, in any case, and a port that is left out is the scheme's own (RFC 6454 section 5).
    /// `https://*.a.example` stands for all hosts with one label before `.a.example`. The host that is asked is the
    /// target's if it has one, and that of `Host` otherwise (RFC 9112 section 3.2.2). What can match no page is a
    /// mistake that [`ServerBuilder::bind`] reports. The last call of this, `only_origins` and `any_origin` counts.
    #[must_use]
    pub fn allowed_origins<O: AsRef<str>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.origins = Allowed::parse_all(origins).map(Origins::Listed);
        self
    }

    /// Lets pages of these origins open WebSockets, and nobody else: neither other pages of the host that is asked,
    /// nor clients that send no `Origin`, as programs do. Others get 403. The origins are written as for
    /// [`ServerBuilder::allowed_origins`].
    #[must_use]
    pub fn only_origins<O: AsRef<str>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.origins = Allowed::parse_all(origins).map(Origins::Only);
        self
    }

    /// Lets any page open WebSockets. Only for servers that trust no cookie and no address.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.origins = Ok(Origins::Any);
        self
    }

    /// Serves requests for this path even while a reactor is overloaded: for a health check or an administrator. One
    /// that ends with `/` stands for all paths below it. May be repeated. Where a path is reserved, overload lets new
    /// connections in, and the head of their first request decides whether they stay; over TLS that costs a
    /// handshake. Default: none.
    #[must_use]
    pub fn reserve(mut self, path: impl Into<String>) -> Self {
        self.reserved.push(path.into());
        self
    }

    /// Whether a thread watches for callbacks that hold their reactor up: see
    /// [`Limits::callback_slow`](crate::Limits::callback_slow). It looks 300 to 600 times a second. Default: yes with
    /// two reactors or more; a server of one reactor has one thread then, for which the system's calls cost less, and
    /// there is no other reactor that new connections could go to.
    #[must_use]
    pub fn watchdog(mut self, watches: bool) -> Self {
        self.watchdog = Some(watches);
        self
    }

    /// Who is told what happens to the server as a whole.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(Guarded(Arc::new(observer)));
        self
    }

    /// Shuts the server down in good order at SIGTERM or SIGINT. A second one ends the process at once. When the
    /// server has ended, or was dropped, signals do again what they do without it, unless another server of the
    /// process wants them. Default: off.
    #[cfg(all(feature = "signals", unix))]
    #[must_use]
    pub fn shutdown_on_signals(mut self) -> Self {
        self.signals = true;
        self
    }

    /// Checks everything, then binds all listeners.
    ///
    /// # Errors
    /// [`Error::Options`] lists everything that is wrong, before anything is bound; [`Error::Bind`] lists every
    /// listener that can't be bound, and then none is.
    pub fn bind(self) -> Result<Server> {
        let reactors = self.reactors.unwrap_or_else(cores);
        let (addrs, listeners) = self.check(reactors)?;
        let sockets = self.bind_all(&addrs)?;
        let settings = Settings {
            limits: self.limits,
            listeners,
            origins: self.origins.unwrap_or_default(),
            reserved: Reserved(self.reserved),
            watchdog: self.watchdog.unwrap_or(reactors > 1),
            observer: self.observer,
            clock: WallClock::System,
        };
        let mut server = Server::new(settings, sockets, reactors)?;
        #[cfg(all(feature = "signals", unix))]
        if self.signals {
            server.shut_down_on_signals()?;
        }
        Ok(server)
    }

    fn check(&self, reactors: usize) -> Result<(Vec<SocketAddr>, Box<[ListenerSettings]>)> {
        let mut faults = self.limits.faults();
        let mut addrs = Vec::new();
        let mut listeners = Vec::new();
        if self.listeners.is_empty() {
            faults.push("there is no listener: give one with `listen`".into());
        }
        if self.listeners.len() > usize::from(u8::MAX) {
            faults.push(format!("there are more than {} listeners", u8::MAX));
        }
        if !(1..=REACTORS_MAX).contains(&reactors) {
            faults.push(format!("`reactors` must be 1 to {REACTORS_MAX}"));
        }
        for listener in &self.listeners {
            match resolve(&listener.addr) {
                Ok(addr) => addrs.push(addr),
                Err(error) => faults.push(format!("`{}` is no address: {error}", listener.addr)),
            }
            match listener.settings() {
                Ok(settings) => listeners.push(settings),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(self.origins.as_ref().err().into_iter().flatten().cloned());
        let wrong = self.reserved.iter().filter(|path| !path.starts_with('/'));
        faults.extend(wrong.map(|path| format!("`{path}` is reserved, and is no path such as `/health`")));
        if faults.is_empty() { Ok((addrs, listeners.into())) } else { Err(Error::Options(faults)) }
    }

    fn bind_all(&self, addrs: &[SocketAddr]) -> Result<Vec<reactor::Listener>> {
        let mut failed = Vec::new();
        let mut sockets = Vec::new();
        for (addr, listener) in addrs.iter().zip(&self.listeners) {
            match reactor::Listener::bind(*addr, &listener.options) {
                Ok(socket) => sockets.push(socket),
                Err(error) => failed.push((*addr, error)),
            }
        }
        if failed.is_empty() { Ok(sockets) } else { Err(Error::Bind(failed)) }
    }
}

fn resolve(addr: &str) -> io::Result<SocketAddr> {
    addr.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into).min(REACTORS_MAX)
}

impl Server {
    /// A server for HTTP, WebSocket and event streams at one address, with the defaults. Port 0 takes any that is
    /// free.
    ///
    /// # Errors
    /// As [`ServerBuilder::bind`].
    pub fn bind(listener: impl Into<Listener>) -> Result<Self> {
        Self::builder().listen(listener).bind()
    }

    /// A server with options.
    #[doc(alias = "CreateServer")]
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    #[cfg(all(feature = "signals", unix))]
    fn shut_down_on_signals(&mut self) -> Result<()> {
        let (signals, waker) = Signals::catch(&self.handle.shared().signalled)?;
        self.signals = Some(signals);
        Ok(self.drivers[0].wake_on(waker)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that an option does no more and no less to the limits than this.
    #[track_caller]
    fn check(option: fn(ServerBuilder) -> ServerBuilder, expected: fn(&mut Limits)) {
        let mut limits = Limits::default();
        expected(&mut limits);
        let shown = format!("{limits:?}");
        assert_ne!(shown, format!("{:?}", Limits::default()));
        assert_eq!(format!("{:?}", option(ServerBuilder::default()).limits), shown);
    }

    #[test]
    fn each_option_sets_its_limit() {
        const TIME: Duration = Duration::from_secs(7);
        check(|builder| builder.max_connections(7), |limits| limits.connections_max = 7);
        check(|builder| builder.max_message(7), |limits| limits.websocket.message_bytes_max = 7);
        check(|builder| builder.max_body(7), |limits| limits.body_bytes_max = 7);
        check(|builder| builder.idle_timeout(TIME), |limits| limits.http_idle = TIME);
        check(|builder| builder.websocket_idle_timeout(TIME), |limits| limits.websocket_idle = TIME);
        check(
            |builder| builder.heartbeat(TIME, TIME * 2),
            |limits| (limits.heartbeat, limits.heartbeat_dead) = (TIME, TIME * 2),
        );
    }

    #[test]
    fn a_listener_has_options_of_its_own() {
        let listener = Listener::tcp("127.0.0.1:0").backlog(7).nodelay(false).reuse_port(true);
        let options = listener.options;
        assert_eq!((options.backlog, options.nodelay, options.reuse_port), (7, false, true));
    }

    #[test]
    fn who_is_to_be_greeted_first_is_not_left_waiting() {
        let listener = Listener::tcp("127.0.0.1:0").lines().banner("hello").deferred(true);
        let fault = ServerBuilder::default().listen(listener).bind().err().map(|error| error.to_string());
        assert!(fault.as_ref().is_some_and(|fault| fault.contains("speaks first")), "{fault:?}");
    }
}
