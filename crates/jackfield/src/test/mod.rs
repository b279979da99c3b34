//! Tests: your client code on in-memory connections, with a clock that your test moves. No socket, no thread, no sleep.
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
//! assert_eq!(server.get("/").send().text(), "hello");
//!
//! // The same in bytes.
//! let peer = server.connect();
//! peer.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n");
//! server.run();
//! assert!(peer.take().ends_with(b"hello"));
//! ```

mod client_end;
mod core;
mod events;
mod http;
mod options;
mod request;
#[cfg(feature = "tls")]
mod tls;
mod websocket;

pub use events::{TestEvent, TestEvents};
pub use http::{TestExchange, TestResponse};
pub use jackfield_reactor::{Dial, FarEnd};
pub use options::TestOptions;
pub use request::{TestConnection, TestRequest};
#[cfg(feature = "tls")]
pub use tls::TlsClient;
pub use websocket::{TestMessage, TestWebSocket};

use self::core::Core;
use crate::client::{AnyClient, Closure, IntoClient, MakeAny, Setup};
use crate::dispatch::Dispatcher;
use crate::shared::{Guarded, Handle, Listeners, Observer, Peer, Pool, RemoteReactor};
use client_end::ClientEnd;
use jackfield_reactor::{Budget, MemoryDriver, Wires};
use std::cell::Ref;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A server with one reactor on in-memory connections, with a clock that your test moves. The same calls give the same
/// bytes each time.
///
/// ```
/// use jackfield::test::TestServer;
/// use jackfield::{Client, Exchange, Request};
///
/// struct Page;
///
/// impl Client for Page {
///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
///         exchange.ok("text/plain", "hello");
///     }
/// }
///
/// let server = TestServer::new(|_peer| Page);
/// assert_eq!(server.get("/").send().text(), "hello");
/// ```
///
/// The clock begins at 2026-01-01 00:00:00 UTC.
pub struct TestServer {
    core: Core,
    #[cfg(feature = "tls")]
    tls: Option<TlsClient>,
}

/// The listeners of a test server, by index.
pub mod listener {
    /// HTTP.
    pub const HTTP: usize = 0;
    /// Your own protocol, in bytes.
    pub const RAW: usize = 1;
    /// Your own protocol, in lines.
    pub const LINES: usize = 2;
}

impl TestServer {
    /// A server with default options, whose clients come from the closure `make`.
    pub fn new<F, M>(make: F) -> Self
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        Self::with_options(TestOptions::default(), make)
    }

    /// A server with these options.
    ///
    /// # Panics
    /// A listener, or one of the allowed origins or hosts, is not valid.
    pub fn with_options<F, M>(options: TestOptions, make: F) -> Self
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        Self::with_setup(options, move |_setup| make)
    }

    /// A server with these options. The closure `maker` sets the reactor up, as
    /// [`Server::serve_with`](crate::Server::serve_with).
    ///
    /// # Panics
    /// A listener, or one of the allowed origins or hosts, is not valid.
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
        let observer: Arc<dyn Observer> = Arc::new(Guarded(options.observer.clone()));
        let listeners = options.given_listeners();
        let places = Listeners::in_memory(&listeners);
        let broker = options.broker.clone();
        let handle = Handle::new([remote].into(), places, Box::new(observer.clone()), broker, Pool::Inline);
        #[cfg(feature = "tls")]
        let tls_client = options.tls_client.clone();
        let settings = options.settings(listeners, observer);
        settings.tell_limits(&mut driver.reactor.wires);
        handle.set_dropped_counter(settings.access_log.as_ref());
        handle.start_broker(&settings.observer);
        #[cfg(feature = "tls")]
        handle.keep_hosts(&settings.listeners);
        let mut setup = Setup::new(0, handle.clone());
        let mut make = maker(&mut setup);
        // All test servers have one type of clients, so the compiler makes the server's code once and not for each of them.
        let make: MakeAny = Box::new(move |peer| make(peer).into_client().map(AnyClient::new));
        let mut service = Dispatcher::new(setup, Closure(make), Arc::new(settings));
        service.start_up(&mut driver.reactor.wires);
        Self {
            core: Core::new(driver, Box::new(service), handle),
            #[cfg(feature = "tls")]
            tls: tls_client,
        }
    }

    /// Makes a new connection to the HTTP listener. The test plays the peer, byte by byte.
    pub fn connect(&mut self) -> FarEnd {
        self.connect_to(listener::HTTP)
    }

    /// Makes a new connection to one of the [`listener`]s.
    pub fn connect_to(&mut self, listener: usize) -> FarEnd {
        self.core.connect_to(listener)
    }

    /// A GET request on a new connection to the HTTP listener: the one with the index 0, also if the options have their own.
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Request, test::TestServer};
    ///
    /// struct Greeter;
    ///
    /// impl Client for Greeter {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         match request.header_str("Name") {
    ///             Some(name) => exchange.ok("text/plain", format!("hello {name}")),
    ///             None => exchange.error(400),
    ///         }
    ///     }
    /// }
    ///
    /// let server = TestServer::new(|_peer| Greeter);
    /// assert_eq!(server.get("/").header("Name", "Ann").send().text(), "hello Ann");
    /// assert_eq!(server.get("/").send().status(), 400);
    /// ```
    pub fn get(&self, target: &str) -> TestRequest {
        self.http().get(target)
    }

    /// A POST request on a new connection to the HTTP listener.
    pub fn post(&self, target: &str) -> TestRequest {
        self.http().post(target)
    }

    /// A request with any method, on a new connection to the HTTP listener.
    pub fn request(&self, method: &str, target: &str) -> TestRequest {
        self.http().request(method, target)
    }

    /// Opens a WebSocket without subprotocols. For others use [`TestRequest::websocket`].
    ///
    /// ```
    /// use jackfield::{Client, Message, WebSocket, test::TestServer};
    ///
    /// struct Echo;
    ///
    /// impl Client for Echo {
    ///     fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
    ///         socket.send(message);
    ///     }
    /// }
    ///
    /// let server = TestServer::new(|_peer| Echo);
    /// let mut socket = server.websocket("/");
    /// socket.send("hello");
    /// assert_eq!(socket.next(), Some("hello".into()));
    /// socket.close(1000, "");
    /// assert_eq!(socket.closed(), Some((1000, "")));
    /// ```
    ///
    /// # Panics
    /// The server refuses the upgrade.
    #[must_use]
    pub fn websocket(&self, target: &str) -> TestWebSocket {
        let opened = self.get(target).websocket(&[]);
        opened.unwrap_or_else(|answer| panic!("the server opens no WebSocket at {target}: {answer:?}"))
    }

    /// Opens an event stream. To add headers use [`TestRequest::events`].
    ///
    /// # Panics
    /// The server's answer is no event stream.
    #[must_use]
    pub fn events(&self, target: &str) -> TestEvents {
        let begun = self.get(target).events();
        begun.unwrap_or_else(|answer| panic!("the server begins no event stream at {target}: {answer:?}"))
    }

    /// A new connection to the HTTP listener, for several requests to the same client of yours.
    #[must_use]
    pub fn http(&self) -> TestConnection {
        self.http_to(listener::HTTP)
    }

    /// The same for the listener with this index, which must speak HTTP.
    #[must_use]
    pub fn http_to(&self, listener: usize) -> TestConnection {
        #[cfg(feature = "tls")]
        let line = ClientEnd::open(self.core.clone(), listener, self.tls.as_ref());
        #[cfg(not(feature = "tls"))]
        let line = ClientEnd::open(self.core.clone(), listener);
        TestConnection::new(line)
    }

    /// The outgoing connections that the server has begun since the last call. The test plays the other end of each: it
    /// answers with [`FarEnd::accept`] or [`FarEnd::refuse`], or not at all.
    pub fn take_dials(&mut self) -> Vec<Dial> {
        self.core.take_dials()
    }

    /// Makes a new connection from this address to one of the [`listener`]s.
    pub fn connect_from(&mut self, peer: SocketAddr, listener: usize) -> FarEnd {
        self.core.connect_from(peer, listener)
    }

    /// Makes a new connection to one of the [`listener`]s while no descriptor is free, so that it is refused.
    pub fn connect_without_descriptor(&mut self, listener: usize) -> FarEnd {
        self.core.connect_without_descriptor(listener)
    }

    /// Plays a failed accept at one of the [`listener`]s, against which the reserve descriptor does not help.
    pub fn fail_accept(&mut self, listener: usize, error: &io::Error) {
        self.core.fail_accept(listener, error);
    }

    /// Reports a lag: events of this turn waited for this long, and the reactor did not sleep before. A test server can't
    /// measure lag itself; without this call it has none.
    pub fn report_lag(&mut self, lag: Duration) {
        self.core.report_lag(lag);
    }

    /// Takes turns until nothing more happens without time passing. Commands of the handle are executed too.
    pub fn run(&mut self) {
        self.core.run();
    }

    /// Moves the clock by `span`. On the way it stops at each deadline and takes the turns that are due.
    pub fn advance(&mut self, span: Duration) {
        self.core.advance(span);
    }

    /// Moves the clock by `span` without a turn, as if a callback had taken so long: what falls due meanwhile is late. It is
    /// done in the next turn, by [`TestServer::run`] or [`TestServer::advance`].
    pub fn skip(&mut self, span: Duration) {
        self.core.skip(span);
    }

    /// The server's handle, for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.core.handle()
    }

    /// The connections of the reactor, for what a test wants to check there, such as memory and timers.
    #[must_use]
    pub fn wires(&self) -> Ref<'_, Wires> {
        self.core.wires()
    }
}
