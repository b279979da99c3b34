//! A server's options.

#[cfg(feature = "tls")]
use crate::config::{ACME_HTTP_PATH, AcmeChallenges};
use crate::config::{Changes, Limits, Listener, ListenerSettings, Place};
use crate::gate::{Allowed, Authenticator, Gate, Hosts, Origins, Reserved, StatusPaths};
use crate::observe::AccessLog;
use crate::server::Server;
use crate::server::error::{Error, Result};
#[cfg(all(feature = "signals", unix))]
use crate::server::signals::{Purpose, Signals};
#[cfg(feature = "expiry")]
use crate::shared::EXPIRY_DAYS;
use crate::shared::{
    Broker, Guarded, Names, NoObserver, Observer, Settings, THREADS_MAX, WallClock, backlog_max,
};
use jackfield_reactor::{self as reactor, Addr, ListenOptions, REACTORS_MAX};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::{io, thread};

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
    origins: std::result::Result<Origins, Vec<String>>,
    hosts: std::result::Result<Hosts, Vec<String>>,
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

    /// Serves at the addresses that can be bound, if others can't: [`Server::failed_addrs`] lists those, and they are logged.
    /// A server that can listen nowhere is an error all the same. Default: no, and one that can't be bound lets none listen.
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

    /// Checks everything, then binds all listeners.
    ///
    /// # Errors
    /// [`Error::Options`] lists everything that is wrong, before anything is bound; [`Error::Bind`] lists every
    /// listener that can't be bound, and then none is.
    #[doc(alias = "Listen")]
    pub fn bind(self) -> Result<Server> {
        let reactors = self.reactors.unwrap_or_else(cores);
        let Checked { limits, addrs, listeners } = self.check(reactors)?;
        let Bound { sockets, listeners, failed } = self.bind_all(&addrs, &listeners)?;
        let listeners = listeners.into_iter().chain(ListenerSettings::of_outgoing(&limits)).collect();
        let settings = Settings {
            limits,
            listeners,
            gate: Gate {
                hosts: self.hosts.unwrap_or_default(),
                origins: self.origins.unwrap_or_default(),
                reserved: Reserved(self.reserved),
                websockets: self.websockets.map(Reserved),
                authenticator: self.authenticator,
                status: self.status,
                #[cfg(feature = "tls")]
                challenges: self.acme.as_ref().map(|_| ACME_HTTP_PATH),
                #[cfg(not(feature = "tls"))]
                challenges: None,
            },
            exposes_errors: self.exposes_errors,
            watchdog: self.watchdog.unwrap_or(reactors > 1),
            offload_threads: self.offload_threads,
            observer: self.observer,
            access_log: self.access_log.map(AccessLog::start).transpose()?,
            #[cfg(feature = "tls")]
            acme: self.acme,
            #[cfg(feature = "expiry")]
            expiry_days: self.expiry_days,
            #[cfg(feature = "tls")]
            handshake_threads: self.handshake_threads,
            clock: WallClock::System,
            names: Names::System,
            seed: None,
        };
        let mut server = Server::new(settings, sockets, reactors, self.broker)?;
        server.failed = failed;
        #[cfg(all(feature = "signals", unix))]
        if self.signals {
            server.shut_down_on_signals()?;
        }
        #[cfg(all(feature = "signals", feature = "tls", unix))]
        if self.reloads {
            server.reload_on_sighup()?;
        }
        Ok(server)
    }

    fn check(&self, reactors: usize) -> Result<Checked> {
        let limits = self.changes.made_to(self.presets.first().cloned().unwrap_or_default());
        let mut faults = self.faults.clone();
        faults.extend(limits.faults());
        if self.presets.len() > 1 {
            faults.push("`preset` is given more than once: give one, and `limits` for what differs".into());
        }
        if self.listeners.is_empty() {
            faults.push("there is no listener: give one with `listen`".into());
        }
        if !(1..=REACTORS_MAX).contains(&reactors) {
            faults.push(format!("`reactors` must be 1 to {REACTORS_MAX}"));
        }
        if !(1..=1024).contains(&self.offload_threads) {
            faults.push("`offload_threads` must be 1 to 1024".into());
        }
        #[cfg(feature = "tls")]
        if self.handshake_threads > 64 {
            faults.push("`handshake_threads` must be 0 to 64".into());
        }
        let (mut addrs, mut listeners) = (Vec::new(), Vec::new());
        for (number, listener) in self.listeners.iter().enumerate() {
            match resolve(&listener.place) {
                Ok(found) => addrs.push(found),
                Err(error) => faults.push(format!("`{}` is not an address: {error}", listener.place)),
            }
            match listener.settings(number, &limits) {
                Ok(settings) => listeners.push(settings),
                Err(wrong) => faults.extend(wrong),
            }
        }
        let names: Vec<_> = self.listeners.iter().filter_map(|listener| listener.name.as_ref()).collect();
        let twice = names.iter().enumerate().filter(|(at, name)| names[..*at].contains(name));
        faults.extend(
            twice.map(|(_, name)| format!("two listeners are named `{name}`: give each its own name")),
        );
        if addrs.iter().map(|addrs| addrs.len().max(1)).sum::<usize>() > LISTENERS_MAX {
            faults.push(format!(
                "there are more than {LISTENERS_MAX} listeners, where each address of a name counts",
            ));
        }
        faults.extend(self.origins.as_ref().err().into_iter().flatten().cloned());
        faults.extend(self.hosts.as_ref().err().into_iter().flatten().cloned());
        let wrong = self.reserved.iter().filter(|path| !path.starts_with('/'));
        faults.extend(wrong.map(|path| format!("`{path}` is reserved, and is no path such as `/health`")));
        let websockets = self.websockets.iter().flatten();
        let wrong = websockets.chain(self.status.0.iter().flatten()).filter(|path| !path.starts_with('/'));
        faults.extend(wrong.map(|path| format!("`{path}` is no path such as `/metrics`")));
        if faults.is_empty() { Ok(Checked { limits, addrs, listeners }) } else { Err(Error::Options(faults)) }
    }

    /// A socket for each address of each listener, with the settings that its connections have.
    fn bind_all(&self, addrs: &[Vec<SocketAddr>], settings: &[ListenerSettings]) -> Result<Bound> {
        let mut all = Bound { sockets: Vec::new(), listeners: Vec::new(), failed: Vec::new() };
        for ((addrs, listener), settings) in addrs.iter().zip(&self.listeners).zip(settings) {
            let (bound, errors) = bind_place(&listener.place, addrs, &listener.options);
            report_clamped(&listener.place, listener.options.backlog);
            all.listeners.extend(bound.iter().map(|_| settings.clone()));
            all.sockets.extend(bound.into_iter().map(|socket| (socket, listener.options.clone())));
            all.failed.extend(errors);
        }
        let is_enough = all.failed.is_empty() || self.allows_partial_bind && !all.sockets.is_empty();
        if !is_enough {
            return Err(Error::Bind(all.failed));
        }
        all.failed.iter().for_each(
            |(addr, error)| log::error!(target: "jackfield::accept", "does not listen at {addr}: {error}"),
        );
        Ok(all)
    }
}

/// What listens, and what could not.
struct Bound {
    sockets: Vec<(reactor::Listener, ListenOptions)>,
    /// Of each socket.
    listeners: Vec<ListenerSettings>,
    failed: Vec<(Addr, io::Error)>,
}

/// Options in which nothing is wrong.
struct Checked {
    limits: Limits,
    /// Of each listener over IP that is to be bound; others have none.
    addrs: Vec<Vec<SocketAddr>>,
    listeners: Vec<ListenerSettings>,
}

/// Sockets that listen: a link counts them, and what connections of this side's own have in their place, in one byte.
const LISTENERS_MAX: usize = 250;

/// Says so if the system lets fewer connections wait than were asked for.
fn report_clamped(place: &Place, backlog: u32) {
    let most = backlog_max();
    if backlog > most {
        log::warn!(target: "jackfield::accept", "`{place}`: the system lets {most} connections wait, not {backlog}: see `somaxconn`");
    }
}

/// How often another free port is looked for that all addresses of a name have.
const PORT_TRIES: usize = 8;

/// Binds one listener, at all its addresses.
fn bind_place(
    place: &Place,
    addrs: &[SocketAddr],
    options: &ListenOptions,
) -> (Vec<reactor::Listener>, Vec<(Addr, io::Error)>) {
    let (bound, addr) = match place {
        Place::Tcp(_) => return bind_addresses(addrs, options),
        #[cfg(unix)]
        Place::Unix(path) => {
            (reactor::Listener::bind_unix(path, options), Addr::Unix(Some(path.as_path().into())))
        }
        Place::Adopted(socket) => {
            let addr = socket.local_addr().map_or(Addr::Unix(None), Addr::Ip);
            (socket.try_clone().and_then(|socket| reactor::Listener::from_std(socket, options)), addr)
        }
        #[cfg(unix)]
        Place::AdoptedUnix(socket) => {
            let addr = socket
                .local_addr()
                .map_or(Addr::Unix(None), |addr| Addr::Unix(addr.as_pathname().map(Into::into)));
            (socket.try_clone().and_then(|socket| reactor::Listener::from_std_unix(socket, options)), addr)
        }
    };
    match bound {
        Ok(socket) => (vec![socket], Vec::new()),
        Err(error) => (Vec::new(), vec![(addr, error)]),
    }
}

/// Binds all addresses of one listener. Where the port is zero, all get the same one.
fn bind_addresses(
    addrs: &[SocketAddr],
    options: &ListenOptions,
) -> (Vec<reactor::Listener>, Vec<(Addr, io::Error)>) {
    let mut tries = 0;
    loop {
        tries += 1;
        let (mut bound, mut failed, mut port) = (Vec::new(), Vec::new(), 0);
        for addr in addrs {
            let wanted = if addr.port() == 0 { SocketAddr::new(addr.ip(), port) } else { *addr };
            match reactor::Listener::bind(wanted, options) {
                Ok(socket) => {
                    port = socket
                        .local_addr()
                        .ok()
                        .and_then(|addr| addr.as_ip())
                        .map_or(port, |addr| addr.port());
                    bound.push(socket);
                }
                Err(error) => failed.push((wanted.into(), error)),
            }
        }
        if !bound.is_empty() && addrs.len() > 1 {
            failed.retain(|(_, error)| !is_absent(error));
        }
        let may_find_another = addrs.iter().all(|addr| addr.port() == 0) && !bound.is_empty();
        if failed.is_empty() || !may_find_another || tries == PORT_TRIES {
            return (bound, failed);
        }
    }
}

/// True if this machine has no such address, as one without IPv6 has none of `localhost`'s.
fn is_absent(error: &io::Error) -> bool {
    const NO_SUCH_FAMILY: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(NO_SUCH_FAMILY))
}

/// All addresses of a name, each once, in the order of the system.
fn resolve(place: &Place) -> io::Result<Vec<SocketAddr>> {
    let Place::Tcp(addr) = place else { return Ok(Vec::new()) };
    let mut addrs = Vec::new();
    for addr in addr.to_socket_addrs()? {
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(addrs) }
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
    #[doc(alias = "Create")]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    #[cfg(all(feature = "signals", unix))]
    fn shut_down_on_signals(&mut self) -> Result<()> {
        let (signals, waker) = Signals::catch(Purpose::Shutdown, &self.handle.shared().signalled)?;
        self.signals.push(signals);
        Ok(self.drivers[0].wake_on(waker)?)
    }

    #[cfg(all(feature = "signals", feature = "tls", unix))]
    fn reload_on_sighup(&mut self) -> Result<()> {
        let wish = &self.handle.shared().reload;
        let (signals, waker) = Signals::catch(Purpose::Reload, wish.flag())?;
        wish.drain_from(waker.try_clone()?);
        self.signals.push(signals);
        Ok(self.drivers[0].wake_on(waker)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_has_options_of_its_own() {
        let listener = Listener::tcp("127.0.0.1:0").backlog(7).nodelay(false).reuse_port(true);
        let options = listener.options;
        assert_eq!((options.backlog, options.socket.nodelay, options.reuse_port), (7, false, true));
    }

    #[test]
    fn who_is_to_be_greeted_first_is_not_left_waiting() {
        let listener = Listener::tcp("127.0.0.1:0").lines().banner("hello").defer_accept(true);
        let fault = ServerBuilder::default().listen(listener).bind().err().map(|error| error.to_string());
        assert!(fault.as_ref().is_some_and(|fault| fault.contains("speaks first")), "{fault:?}");
    }
}
