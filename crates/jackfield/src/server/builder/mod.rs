//! A server's options.

mod bind;
mod check;
mod sockets;
#[cfg(test)]
mod tests;

#[cfg(feature = "tls")]
use crate::config::AcmeChallenges;
use crate::config::{Changes, Limits, Listener};
use crate::gate::{Allowed, Authenticator, Hosts, Origins, StatusPaths};
use crate::observe::AccessLog;
#[cfg(feature = "expiry")]
use crate::shared::EXPIRY_DAYS;
use crate::shared::{Broker, Guarded, NoObserver, Observer, THREADS_MAX};
use std::sync::Arc;

/// A server's options, in any order. [`ServerBuilder::bind`] checks them, and reports all mistakes at once, before anything is
/// bound. If options contradict each other, or one that takes a list or a value of yours is given twice, that is a mistake; of
/// a number or a switch the last value counts.
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
/// With the feature `serde` they can come from a file, with the names of these methods as keys.
#[doc(alias = "Config")]
#[doc(alias = "Options")]
pub struct ServerBuilder {
    listeners: Vec<Listener>,
    reactors: Option<usize>,
    presets: Vec<Limits>,
    changes: Changes,
    /// The mistakes in them, if there are any.
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
    /// Which options were given, of those that can be given only once.
    given: Vec<&'static str>,
    /// The mistakes in a file of options.
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
            given: Vec::new(),
            faults: Vec::new(),
            #[cfg(all(feature = "signals", unix))]
            signals: false,
            #[cfg(all(feature = "signals", feature = "tls", unix))]
            reloads: false,
        }
    }
}

impl ServerBuilder {
    /// Adds a listener: an address for HTTP, or a [`Listener`] with another protocol or with options. May be repeated.
    #[doc(alias = "MultiListenSockets")]
    #[must_use]
    #[doc(alias = "addListener")]
    #[doc(alias = "addListeners")]
    pub fn listen(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// How many reactors there are, each with its own thread; the first runs on the thread that calls `serve`.
    /// Connections are spread evenly over them. Default: as many as there are cores.
    #[must_use]
    pub fn reactors(mut self, reactors: usize) -> Self {
        self.reactors = Some(reactors);
        self
    }

    /// Changes limits and timeouts. May be repeated: all changes are applied at [`ServerBuilder::bind`], in their order, and
    /// none discards another. The changes of a listener are applied after these: [`Listener::limits`].
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

    /// The limits to which all changes are applied, also changes that come before this call. To call it twice is a mistake
    /// that `bind` reports. Default: [`Limits::default`], which is made for the internet.
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

    /// Allows pages of these origins to open WebSockets, in addition to pages of the server's own host and to clients
    /// that send no `Origin`. Others get 403. Default: an empty list.
    ///
    /// An origin is a scheme, a host and a port, as in `https://a.example` or `http://localhost:3000`. All three are
    /// compared, without regard to case; a missing port is the default port of the scheme (RFC 6454 section 5).
    /// `https://*.a.example` stands for all hosts with one label before `.a.example`. The server's own host is the host
    /// of the request's target if it has one, otherwise that of `Host` (RFC 9112 section 3.2.2). An origin that can
    /// match no page is a mistake that [`ServerBuilder::bind`] reports. To give more than
    /// one of `allowed_origins`, `only_origins` and `any_origin` is a mistake too.
    #[must_use]
    pub fn allowed_origins<O: AsRef<str>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.origins = and_earlier(self.origins, Allowed::parse_all(origins).map(Origins::Listed));
        self.give("allowed_origins")
    }

    /// Allows only pages of these origins to open WebSockets: no other pages of the server's own host, and no clients
    /// without `Origin`, such as most programs. Others get 403. Write the origins as for
    /// [`ServerBuilder::allowed_origins`].
    #[must_use]
    pub fn only_origins<O: AsRef<str>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.origins = and_earlier(self.origins, Allowed::parse_all(origins).map(Origins::Only));
        self.give("only_origins")
    }

    /// Allows any page to open WebSockets. Use it only if the server trusts no cookie and no address.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.origins = and_earlier(self.origins, Ok(Origins::Any));
        self.give("any_origin")
    }

    /// Answers requests for these hosts only, such as `a.example`, or `localhost:8080` if the port counts too. A request
    /// without a port, as browsers send it for the usual ports, is one for port 80 and for port 443. Requests for other
    /// hosts, and requests without a host, get 421 before a client sees them. This is the defence against DNS rebinding,
    /// with which a page can reach a server on its visitor's own machine. An empty list is a mistake. Default: any host.
    #[must_use]
    pub fn allowed_hosts<H: AsRef<str>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        let hosts = Hosts::parse_all(hosts).and_then(|hosts| match hosts.allows_any() {
            true => Err(vec!["`allowed_hosts` has no host, so no request could be answered".into()]),
            false => Ok(hosts),
        });
        self.hosts = and_earlier(self.hosts, hosts);
        self.give("allowed_hosts")
    }

    /// Serves requests for this path even while a reactor is overloaded: for a health check or an administrator. A path
    /// that ends with `/` stands for itself and all paths below it, and `/` for all paths; `{name}`, `{*name}`, `=` and `!` mean
    /// what they mean in [`ServerBuilder::websocket_paths`]. May be repeated. If there is such a path, new connections are accepted even
    /// under overload, and the head of their first request decides whether they stay; with TLS that costs a handshake. Default: none.
    #[must_use]
    pub fn overload_exempt(mut self, path: impl Into<String>) -> Self {
        self.reserved.push(path.into());
        self
    }

    /// Sets the paths at which a request may become a WebSocket; a path that ends with `/` stands for itself and all paths below
    /// it, and `/` for all paths. `=/chat/` stands for `/chat/` alone. `{name}` stands for one segment or a part of it and `{*name}`
    /// for the rest of the path; two of them in one segment are a mistake that `bind` reports. After a `!` a path stands for paths at
    /// which none begins, if no path before it in the list stands for them: `["!/admin", "/{room}"]`. So `Router::websocket_paths` can
    /// give its paths (feature `router`). At other paths an upgrade is ignored (RFC 9110 section 7.8), and the request comes with
    /// `on_request` like any other. Repeated calls add to the list. Default: any path, and `on_upgrade` decides.
    #[must_use]
    pub fn websocket_paths<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.websockets.get_or_insert_default().extend(paths.into_iter().map(Into::into));
        self
    }

    /// Asks this authenticator about every request before a client sees it: see [`Authenticator`]. Default: none.
    #[must_use]
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self.give("authenticator")
    }

    /// Serves the metrics in the format of Prometheus, and the health, at these two paths of every listener for HTTP, before a
    /// client sees the request, and under overload too. Health is 200, and 503 while the server drains. The authenticator is
    /// asked here too; without one, everyone who can reach the listener can read these pages. [`Listener::status`] is a
    /// listener only for these pages. Default: none.
    ///
    /// ```
    /// let builder = jackfield::Server::builder().listen("127.0.0.1:0").status_paths("/metrics", "/health");
    /// # builder.bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn status_paths(mut self, metrics: impl Into<String>, health: impl Into<String>) -> Self {
        self.status = StatusPaths(Some([metrics.into(), health.into()]));
        self.give("status_paths")
    }

    /// Whether the server's own answers to a request (400, 408, 500 and the like) say in their bodies what went wrong,
    /// including the text of a panic. Use it for development: the text may tell too much to strangers. Default: no; they say
    /// only their status.
    #[must_use]
    pub fn expose_errors(mut self, exposes: bool) -> Self {
        self.exposes_errors = exposes;
        self
    }

    /// Whether a thread watches for callbacks that hold their reactor up: see
    /// [`Limits::callback_slow`](crate::Limits::callback_slow). It looks 300 to 600 times a second. Default: yes with
    /// two reactors or more. With one reactor the server has only one thread without it, which makes system calls
    /// cheaper, and there is no other reactor to which new connections could go.
    #[must_use]
    pub fn watchdog(mut self, watches: bool) -> Self {
        self.watchdog = Some(watches);
        self
    }

    /// The most threads for [`Handle::offload`](crate::Handle::offload), 1 to 1024. They are started when they are needed.
    /// Default: 4.
    #[must_use]
    pub fn offload_threads(mut self, threads: usize) -> Self {
        self.offload_threads = threads;
        self
    }

    /// Serves at the addresses that can be bound, if others can't:
    /// [`Server::failed_addrs`](crate::Server::failed_addrs) lists those, and they are logged. If no address can be
    /// bound, it is still an error. Default: no; if one address can't be bound, none listens.
    #[doc(alias = "MultiListenEx")]
    #[doc(alias = "ListenAllOK")]
    #[must_use]
    pub fn allow_partial_bind(mut self, allows: bool) -> Self {
        self.allows_partial_bind = allows;
        self
    }

    /// Sets the observer, which gets reports about the whole server.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(Guarded(Arc::new(observer)));
        self.give("observer")
    }

    /// Writes a line for each finished exchange, in addition to the observer's reports. Default: none.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self.give("access_log")
    }

    /// Answers ACME challenges: see [`AcmeChallenges`]. Default: none.
    #[cfg(feature = "tls")]
    #[doc(alias = "SslX509Certs")]
    #[must_use]
    pub fn acme(mut self, challenges: AcmeChallenges) -> Self {
        self.acme = Some(challenges);
        self.give("acme")
    }

    /// If the certificate of a host expires within this number of days, it is reported when the server starts and then
    /// once a day ([`Observer::on_certificate_expiring`]); disabled by zero. Ready configurations
    /// ([`Listener::tls_config`]) are not checked. Default: 30.
    #[cfg(feature = "expiry")]
    #[doc(alias = "CertExpireDays")]
    #[must_use]
    pub fn expiry_days(mut self, days: u32) -> Self {
        self.expiry_days = days;
        self
    }

    /// Sets how many threads, 0 to 64, do the expensive part of TLS handshakes: the key exchange and the signature, for
    /// listeners with hosts or certificates from files. Then many new peers do not make open connections wait, but each
    /// handshake needs two more switches between threads. With TLS 1.2 a part stays on the reactor. If 1024 handshakes wait for
    /// these threads, the reactor does the work itself. Default: 0; then the reactors do it, a bounded number a turn
    /// (`limits.reactor.handshakes_per_turn`).
    #[cfg(feature = "tls")]
    #[doc(alias = "tls_offload")]
    #[must_use]
    pub fn handshake_threads(mut self, threads: usize) -> Self {
        self.handshake_threads = threads;
        self
    }

    /// Sets the broker, which carries publications of topics with a history between servers, such as the one in the
    /// crate `jackfield-redis`. Default: none; the server does not share its topics.
    #[doc(alias = "cluster")]
    #[doc(alias = "adapter")]
    #[must_use]
    pub fn broker(mut self, broker: impl Broker + 'static) -> Self {
        self.broker = Some(Arc::new(broker));
        self.give("broker")
    }

    /// Drains the server and shuts it down at SIGTERM or SIGINT. A second signal ends the process at once. When the
    /// server has ended or was dropped, signals again have their usual effect, unless another server of the process
    /// uses them. Default: off.
    #[cfg(all(feature = "signals", unix))]
    #[must_use]
    pub fn shutdown_on_signals(mut self) -> Self {
        self.signals = true;
        self
    }

    /// Reads the certificates of all listeners again at SIGHUP, as [`Handle::reload_tls`](crate::Handle::reload_tls), on a
    /// thread for blocking work. [`Observer::on_tls_reload`] gets the result: if anything is wrong, the old certificates
    /// stay. When the server has ended or was dropped, the signal again has its usual effect. Default: off.
    #[cfg(all(feature = "signals", feature = "tls", unix))]
    #[doc(alias = "SIGHUP")]
    #[must_use]
    pub fn reload_tls_on_sighup(mut self) -> Self {
        self.reloads = true;
        self
    }

    /// Notes an option that can be given only once.
    fn give(mut self, name: &'static str) -> Self {
        self.given.push(name);
        self
    }
}

/// The later value of an option that was given twice, with the mistakes of both.
fn and_earlier<T>(earlier: Result<T, Vec<String>>, later: Result<T, Vec<String>>) -> Result<T, Vec<String>> {
    match (earlier, later) {
        (Ok(_), later) => later,
        (Err(faults), later) => Err(faults.into_iter().chain(later.err().into_iter().flatten()).collect()),
    }
}
