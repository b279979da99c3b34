//! Your own client code on in-memory connections, with a clock that moves when it is told to: no socket, no thread,
//! no sleep.
//!
//! ```
//! use jackfield::{Client, Exchange, Request, test::TestServer};
//!
//! struct Hello;
//!
//! impl Client for Hello {
//!     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
//!         exchange.ok("text/plain", "hello");
//!     }
//! }
//!
//! let mut server = TestServer::new(|_peer| Hello);
//! let peer = server.connect();
//! peer.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
//! server.run();
//! assert!(peer.take().ends_with(b"hello"));
//! ```

pub use jackfield_reactor::{Dial, FarEnd};

use crate::client::{Closure, IntoClient, Setup};
use crate::config::{Limits, Listener, ListenerSettings};
use crate::dispatch::Dispatcher;
use crate::gate::{Allowed, Authenticator, Gate, Hosts, Origins, Reserved, StatusPaths};
use crate::observe::AccessLog;
use crate::shared::{
    Broker, Ending, Guarded, Handle, Listeners, Names, NoObserver, Observer, Peer, Pool, RemoteReactor,
    Settings, WallClock,
};
use jackfield_reactor::{Budget, MemoryDriver, Service, Wires};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A server of one reactor on in-memory connections. What happens in it depends on nothing but what is done to it.
///
/// Its clock begins at 2026-01-01 00:00:00 UTC.
pub struct TestServer {
    driver: MemoryDriver,
    service: Box<dyn Service>,
    handle: Handle,
    peers: u16,
    /// The last to be dropped.
    _ending: Ending,
}

/// Options of a [`TestServer`].
pub struct TestOptions {
    /// The server's limits.
    pub limits: Limits,
    /// What happens to the server as a whole is told to it.
    pub observer: Arc<dyn Observer>,
    /// Which pages may open a WebSocket, as
    /// [`ServerBuilder::allowed_origins`](crate::ServerBuilder::allowed_origins); `None`: any.
    pub origins: Option<Vec<String>>,
    /// Hosts that it answers for, as [`ServerBuilder::allowed_hosts`](crate::ServerBuilder::allowed_hosts); none: any.
    pub hosts: Vec<String>,
    /// Paths that are served even under overload, as [`ServerBuilder::overload_exempt`](crate::ServerBuilder::overload_exempt).
    pub reserved: Vec<String>,
    /// The addresses of names with their ports, such as `db.example:5432`, for connections that the server begins. Others
    /// have none.
    pub names: Vec<(String, Vec<SocketAddr>)>,
    /// It decides on every request, as [`ServerBuilder::authenticator`](crate::ServerBuilder::authenticator).
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Paths at which a request may become a WebSocket, as
    /// [`ServerBuilder::websocket_paths`](crate::ServerBuilder::websocket_paths); `None`: any.
    pub websocket_paths: Option<Vec<String>>,
    /// Where metrics and health are served, as [`ServerBuilder::status_paths`](crate::ServerBuilder::status_paths).
    pub status_paths: Option<[String; 2]>,
    /// Where finished exchanges are written down, as [`ServerBuilder::access_log`](crate::ServerBuilder::access_log). All is
    /// written when the server has been dropped.
    pub access_log: Option<AccessLog>,
    /// What carries publications between servers, as [`ServerBuilder::broker`](crate::ServerBuilder::broker).
    pub broker: Option<Arc<dyn Broker>>,
    /// Changes the listeners for HTTP, bytes and lines, each by itself, as the methods of [`Listener`] do. What it makes of
    /// their addresses does not matter. Default: nothing.
    pub listener: Box<dyn Fn(Listener) -> Listener>,
    /// TLS on every listener, as [`Listener::tls_config`](crate::Listener::tls_config): the far ends then carry its
    /// records. Default: none.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// The listeners of a test server, by index.
pub mod listener {
    /// HTTP.
    pub const HTTP: usize = 0;
    /// A protocol of the user's own, in bytes.
    pub const RAW: usize = 1;
    /// A protocol of the user's own, in lines.
    pub const LINES: usize = 2;
}

/// 2026-01-01 00:00:00 UTC.
const BEGIN: u64 = 1_767_225_600;

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            observer: Arc::new(NoObserver),
            origins: Some(Vec::new()),
            hosts: Vec::new(),
            reserved: Vec::new(),
            names: Vec::new(),
            authenticator: None,
            websocket_paths: None,
            listener: Box::new(|listener| listener),
            status_paths: None,
            access_log: None,
            broker: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl TestServer {
    /// A server with the defaults.
    pub fn new<F, M>(make: F) -> Self
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        Self::with_options(TestOptions::default(), make)
    }

    /// A server with options.
    ///
    /// # Panics
    /// One of the allowed origins or hosts is none.
    pub fn with_options<F, M>(options: TestOptions, make: F) -> Self
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        Self::with_setup(options, move |_setup| make)
    }

    /// A server with options, and with a closure that sets its reactor up, as
    /// [`Server::serve_with`](crate::Server::serve_with).
    ///
    /// # Panics
    /// One of the allowed origins is none.
    pub fn with_setup<F, M, K>(options: TestOptions, maker: K) -> Self
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
        K: FnOnce(&mut Setup) -> F,
    {
        let mut driver = MemoryDriver::new(0, options.limits.reactor.clone());
        driver.reactor.wires.share_budget(Arc::new(Budget::new(options.limits.memory_bytes_max)));
        let remote = RemoteReactor::new(None, &options.limits, &driver.reactor.wires);
        let observer: Arc<dyn Observer> = Arc::new(Guarded(options.observer));
        let listeners = ListenerSettings::one_of_each(&options.limits, &options.listener);
        let places = Listeners::new(&listeners, listeners.iter().map(|_| None).collect());
        let handle =
            Handle::new([remote].into(), places, Box::new(observer.clone()), options.broker, Pool::Inline);
        #[cfg(feature = "tls")]
        let listeners = listeners
            .into_iter()
            .map(|listener| match &options.tls {
                Some(tls) => ListenerSettings { tls: Some(tls.clone()), ..listener },
                None => listener,
            })
            .collect::<Vec<_>>();
        let listeners = listeners.into_iter().chain(ListenerSettings::of_outgoing(&options.limits)).collect();
        let hosts = Hosts::parse_all(options.hosts).unwrap_or_else(|faults| panic!("{}", faults.join("; ")));
        let origins = match options.origins.map(Allowed::parse_all) {
            None => Origins::Any,
            Some(Ok(allowed)) => Origins::Listed(allowed),
            Some(Err(faults)) => panic!("{}", faults.join("; ")),
        };
        let settings = Settings {
            listeners,
            limits: options.limits,
            gate: Gate {
                hosts,
                origins,
                reserved: Reserved(options.reserved),
                status: StatusPaths(options.status_paths),
                authenticator: options.authenticator,
                websockets: options.websocket_paths.map(Reserved),
            },
            watchdog: false,
            offload_threads: 1,
            observer,
            access_log: options.access_log.map(|log| log.start().expect("a thread can be started")),
            clock: WallClock::From(BEGIN),
            names: Names::Table(options.names),
            seed: Some(0),
        };
        handle.start_broker(&settings.observer);
        #[cfg(feature = "tls")]
        handle.keep_certificates(&settings.listeners);
        let mut setup = Setup::new(0, handle.clone());
        let factory = Closure(maker(&mut setup));
        let mut service = Dispatcher::new(setup, factory, Arc::new(settings));
        service.start_up(&mut driver.reactor.wires);
        let _ending = Ending(handle.clone());
        Self { driver, service: Box::new(service), handle, peers: 0, _ending }
    }

    /// A new connection to the listener for HTTP.
    pub fn connect(&mut self) -> FarEnd {
        self.connect_to(listener::HTTP)
    }

    /// A new connection to one of the [`listener`]s.
    pub fn connect_to(&mut self, listener: usize) -> FarEnd {
        self.peers = self.peers.wrapping_add(1);
        self.connect_from(([127, 0, 0, 1], self.peers).into(), listener)
    }

    /// What the server wanted to be connected to since this was last asked. Whoever plays the other side answers, with
    /// [`FarEnd::accept`] or [`FarEnd::refuse`], or is silent.
    pub fn take_dials(&mut self) -> Vec<Dial> {
        self.driver.take_dials()
    }

    /// A new connection from this address to one of the [`listener`]s.
    pub fn connect_from(&mut self, peer: SocketAddr, listener: usize) -> FarEnd {
        let far = self.driver.connect(&mut *self.service, peer, listener);
        self.run();
        far
    }

    /// A new connection to one of the [`listener`]s for whom there is no descriptor left.
    pub fn turn_away(&mut self, listener: usize) -> FarEnd {
        self.driver.refuse(&mut *self.service, ([127, 0, 0, 1], 1).into(), listener)
    }

    /// A new connection at one of the [`listener`]s could not be accepted, for a reason that the reserve does not help
    /// against.
    pub fn fail_accept(&mut self, listener: usize, error: &io::Error) {
        self.driver.fail_accept(&mut *self.service, listener, error);
    }

    /// The present turn makes what is ready wait for so long, and the reactor did not sleep before it. There is no
    /// clock here that could measure it; what it does not hear of is no lag.
    pub fn lag(&mut self, lag: Duration) {
        self.driver.lag(&mut *self.service, lag, Duration::ZERO);
    }

    /// Turns until nothing moves any more without time passing, commands from the handle included.
    pub fn run(&mut self) {
        loop {
            self.driver.run(&mut *self.service);
            match self.handle.remote(0) {
                Some(remote) if remote.has_commands() => self.driver.wake(&mut *self.service),
                _ => return,
            }
        }
    }

    /// Lets time pass, and stops at each deadline on the way.
    pub fn advance(&mut self, span: Duration) {
        self.run();
        self.driver.advance(span, &mut *self.service);
        self.run();
    }

    /// The server for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The reactor's wires, for their accounts.
    #[must_use]
    pub fn wires(&self) -> &Wires {
        &self.driver.reactor.wires
    }
}
