//! A server's options.

mod bind;
mod check;
mod sockets;

#[cfg(feature = "tls")]
use crate::config::AcmeChallenges;
use crate::config::{Changes, Limits, Listener};
use crate::gate::{Allowed, Authenticator, Hosts, Origins, StatusPaths};
use crate::observe::AccessLog;
#[cfg(feature = "expiry")]
use crate::shared::EXPIRY_DAYS;
use crate::shared::{Broker, Guarded, NoObserver, Observer, THREADS_MAX};
use std::sync::Arc;

/// A server's options, in any order. [`ServerBuilder::bind`] checks them, and reports everything that is wrong at once; nothing
/// is bound before.
///
/// ```
/// use jackfield::{Limits, Listener, Server};
///
/// let server = Server::builder()
///     .listen("127.0.0.1:0")
///     .listen(Listener::tcp("127.0.0.1:0").lines().banner("ready\r\n"))
///     .preset(Limits::internet())
///     .limits(|limits| limits.connections_max = 10_000)
///     .reactors(2)
///     .bind()?;
/// assert_eq!(server.local_addrs().len(), 2);
/// # Ok::<(), jackfield::Error>(())
/// ```
///
/// With the feature `serde` they can come from a file, by the names of these methods.
#[doc(alias = "Config")]
pub struct ServerBuilder {
    listeners: Vec<Listener>,
    reactors: Option<usize>,
    presets: Vec<Limits>,
    changes: Changes,
    /// Or what is wrong with them.
    origins: Result<Origins, Vec<String>>,
    hosts: Result<Hosts, Vec<String>>,
    reserved: Vec<String>,
    websockets: Option<Vec<String>>,
    authenticator: Option<Arc<dyn Authenticator>>,
    status: StatusPaths,
    exposes_errors: bool,
    watchdog: Option<bool>,
    offload_threads: usize,
    allows_partial_bind: bool,
    observer: Arc<dyn Observer>,
    access_log: Option<AccessLog>,
    broker: Option<Arc<dyn Broker>>,
    #[cfg(feature = "tls")]
    acme: Option<AcmeChallenges>,
    #[cfg(feature = "expiry")]
    expiry_days: u32,
    #[cfg(feature = "tls")]
    handshake_threads: usize,
    /// What is wrong with a file that options came from.
    pub(super) faults: Vec<String>,
    #[cfg(all(feature = "signals", unix))]
    signals: bool,
    #[cfg(all(feature = "signals", feature = "tls", unix))]
    reloads: bool,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            reactors: None,
            presets: Vec::new(),
            changes: Changes::default(),
            origins: Ok(Origins::default()),
            hosts: Ok(Hosts::default()),
            reserved: Vec::new(),
            websockets: None,
            authenticator: None,
            status: StatusPaths::default(),
            exposes_errors: false,
            watchdog: None,
            offload_threads: THREADS_MAX,
            allows_partial_bind: false,
            observer: Arc::new(NoObserver),
            access_log: None,
            broker: None,
            #[cfg(feature = "tls")]
            acme: None,
            #[cfg(feature = "expiry")]
            expiry_days: EXPIRY_DAYS,
            #[cfg(feature = "tls")]
            handshake_threads: 0,
            faults: Vec::new(),
            #[cfg(all(feature = "signals", unix))]
            signals: false,
            #[cfg(all(feature = "signals", feature = "tls", unix))]
            reloads: false,
        }
    }
}

impl ServerBuilder {
    /// Listens there: an address, or a [`Listener`] that speaks something else than HTTP or has options of its own.
    /// May be repeated.
    #[doc(alias = "MultiListenSockets")]
    #[must_use]
    #[doc(alias = "addListener")]
    #[doc(alias = "addListeners")]
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

    /// Changes limits and timeouts. May be repeated: all changes are made at [`ServerBuilder::bind`], in their order, so that
    /// none takes another back. A listener's own changes come after these: [`Listener::limits`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// let server = jackfield::Server::builder()
    ///     .listen("127.0.0.1:0")
    ///     .limits(|limits| limits.connections_max = 10_000)
    ///     .limits(|limits| limits.http_idle = Duration::from_secs(10))
    ///     .bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[doc(alias = "MaxClients")]
    #[doc(alias = "MaxConnections")]
    #[doc(alias = "KeepAliveTimeSec")]
    #[doc(alias = "WSPingSecs")]
    #[must_use]
    pub fn limits(mut self, change: impl Fn(&mut Limits) + Send + Sync + 'static) -> Self {
        self.changes.push(change);
        self
    }

    /// The limits that all changes begin with, whether they are made before or after this call. Given twice is a mistake that
    /// `bind` reports. Default: [`Limits::default`], which is made for the open network.
    ///
    /// ```
    /// use jackfield::{Limits, Server};
    ///
    /// let server = Server::builder().listen("127.0.0.1:0").preset(Limits::internet()).bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn preset(mut self, limits: Limits) -> Self {
        self.presets.push(limits);
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

    /// Answers requests for these hosts only, such as `a.example`, or `localhost:8080` where the port counts too. Others
    /// get 421 before their clients see them, and so do requests that name no host. It is the defence against DNS
    /// rebinding, by which a page reaches a server that listens on its visitor's own machine. Default: any host.
    #[must_use]
    pub fn allowed_hosts<H: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.hosts = Hosts::parse_all(hosts);
        self
    }

    /// Serves requests for this path even while a reactor is overloaded: for a health check or an administrator. One
    /// that ends with `/` stands for all paths below it. May be repeated. Where a path is reserved, overload lets new
    /// connections in, and the head of their first request decides whether they stay; over TLS that costs a
    /// handshake. Default: none.
    #[must_use]
    pub fn overload_exempt(mut self, path: impl Into<String>) -> Self {
        self.reserved.push(path.into());
        self
    }

    /// Declares the paths at which a request may become a WebSocket; one that ends with `/` stands for all paths below it.
    /// At others the wish to upgrade is ignored (RFC 9110 section 7.8), and the request comes with `on_request` as any
    /// other. Repeated calls add to the list. Default: any path, and `on_upgrade` decides.
    #[must_use]
    pub fn websocket_paths<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.websockets.get_or_insert_default().extend(paths.into_iter().map(Into::into));
        self
    }

    /// Asks this about every request before its client sees it: see [`Authenticator`]. Given twice, the last one counts.
    /// Default: none.
    #[must_use]
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Serves the metrics as Prometheus reads them, and the health, at these two paths of every listener for HTTP, before
    /// any client sees the request, and under overload too. Health is 200, and 503 while the server drains. The
    /// authenticator is asked here too; without one, everybody who reaches the listener can read them. [`Listener::status`] is a
    /// listener for these pages alone. Default: none.
    ///
    /// ```
    /// let builder = jackfield::Server::builder().listen("127.0.0.1:0").status_paths("/metrics", "/health");
    /// # builder.bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn status_paths(mut self, metrics: impl Into<String>, health: impl Into<String>) -> Self {
        self.status = StatusPaths(Some([metrics.into(), health.into()]));
        self
    }

    /// Whether the answers that the server gives by itself to a request (400, 408, 500 and the like) say in their bodies what went
    /// wrong, a panic's text included. For development: it may be more than a stranger should know. Default: no, and they say no
    /// more than their status.
    #[must_use]
    pub fn expose_errors(mut self, exposes: bool) -> Self {
        self.exposes_errors = exposes;
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

    /// How many threads there are at most for [`Handle::offload`](crate::Handle::offload), 1 to 1024. They are started when
    /// they are needed. Default: 4.
    #[must_use]
    pub fn offload_threads(mut self, threads: usize) -> Self {
        self.offload_threads = threads;
        self
    }

    /// Serves at the addresses that can be bound, if others can't:
    /// [`Server::failed_addrs`](crate::Server::failed_addrs) lists those, and they are logged. A server that can listen
    /// nowhere is an error all the same. Default: no, and one that can't be bound lets none listen.
    #[doc(alias = "MultiListenEx")]
    #[doc(alias = "ListenAllOK")]
    #[must_use]
    pub fn allow_partial_bind(mut self, allows: bool) -> Self {
        self.allows_partial_bind = allows;
        self
    }

    /// Who is told what happens to the server as a whole.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(Guarded(Arc::new(observer)));
        self
    }

    /// Writes a line for each exchange that is over, besides what the observer is told. Given twice, the last one counts.
    /// Default: none.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Answers challenges of ACME: see [`AcmeChallenges`]. Default: none.
    #[cfg(feature = "tls")]
    #[doc(alias = "SslX509Certs")]
    #[must_use]
    pub fn acme(mut self, challenges: AcmeChallenges) -> Self {
        self.acme = Some(challenges);
        self
    }

    /// From so many days before its end on, the certificate of each host is reported once a day
    /// ([`Observer::on_certificate_expiring`]), and when the server starts; disabled by zero. Ready configurations
    /// ([`Listener::tls_config`]) are not looked at. Default: 30.
    #[cfg(feature = "expiry")]
    #[doc(alias = "CertExpireDays")]
    #[must_use]
    pub fn expiry_days(mut self, days: u32) -> Self {
        self.expiry_days = days;
        self
    }

    /// Lets so many threads, 0 to 64, do what is dear in handshakes of TLS: the exchange of keys and the signature, for listeners
    /// with hosts or certificates from files. Then a crowd of new peers does not make those who are connected wait, and
    /// each handshake costs two hand-overs between threads more. Of TLS 1.2 a part stays on the reactor. Where 1024 wait for
    /// these threads, the reactor does the work itself. Default: 0, and reactors do it, a bounded number a turn
    /// (`limits.reactor.handshakes_per_turn`).
    #[cfg(feature = "tls")]
    #[doc(alias = "tls_offload")]
    #[must_use]
    pub fn handshake_threads(mut self, threads: usize) -> Self {
        self.handshake_threads = threads;
        self
    }

    /// What carries publications of topics with a history between servers, such as that of the crate
    /// `jackfield-redis`. Default: none, and the server is alone.
    #[doc(alias = "cluster")]
    #[doc(alias = "adapter")]
    #[must_use]
    pub fn broker(mut self, broker: impl Broker + 'static) -> Self {
        self.broker = Some(Arc::new(broker));
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

    /// Reads the certificates of all listeners again at SIGHUP, as [`Handle::reload_tls`](crate::Handle::reload_tls), on a
    /// thread for blocking work. What came of it is told to [`Observer::on_tls_reload`]: if anything is wrong all stays as it
    /// was. When the server has ended, or was dropped, the signal does again what it does without it. Default: off.
    #[cfg(all(feature = "signals", feature = "tls", unix))]
    #[doc(alias = "SIGHUP")]
    #[must_use]
    pub fn reload_tls_on_sighup(mut self) -> Self {
        self.reloads = true;
        self
    }
}
