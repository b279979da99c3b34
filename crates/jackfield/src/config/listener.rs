//! Where a server listens, and what is spoken there.

use crate::config::address_rules::AddressRules;
use crate::config::changes::Changes;
#[cfg(feature = "tls")]
use crate::config::client_auth::ClientAuth;
use crate::config::defences::{concerns, is_server_wide};
#[cfg(feature = "tls")]
use crate::config::host::Host;
use crate::config::limits::Limits;
#[cfg(feature = "tls")]
use crate::config::missing_host::{FindHost, MissingHost};
use crate::config::network::Networks;
use crate::config::place::Place;
use crate::config::speaks::{LF, Speaks};
use crate::config::table::LimitRow;
#[cfg(feature = "tls")]
use crate::config::tls::{ListenerTls, TlsHosts, TlsOptions};
use jackfield_reactor::{KeepAlive, ListenOptions, Passed};
#[cfg(any(unix, feature = "tls"))]
use std::path::PathBuf;
use std::sync::Arc;

/// Where a server listens, and what is spoken there. Default: HTTP, and what begins with it: WebSocket and event streams.
///
/// ```
/// use jackfield::{Listener, Server};
///
/// let api = Listener::tcp("127.0.0.1:0").name("api").limits(|limits| limits.body_bytes_max = 16 << 20);
/// let mail = Listener::tcp("127.0.0.1:0").lines().banner("220 ready\r\n").busy_banner("421 busy\r\n");
/// let server = Server::builder().listen(api).listen(mail).listen("127.0.0.1:0").bind()?;
/// # Ok::<(), jackfield::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Listener {
    pub(crate) place: Place,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) options: ListenOptions,
    pub(crate) speaks: Speaks,
    /// It serves the server's own pages and nothing else.
    pub(crate) is_status: bool,
    pub(crate) delimiter: u8,
    pub(crate) banner: Vec<u8>,
    pub(crate) busy_banner: Vec<u8>,
    pub(crate) changes: Changes,
    /// Networks, as they were given: of those who may connect, if not all may; of those who may not; of trusted proxies.
    pub(crate) allowed: Option<Vec<String>>,
    pub(crate) denied: Vec<String>,
    pub(crate) proxies: Vec<String>,
    pub(crate) requires_proxy: bool,
    pub(crate) reads_forwarded: bool,
    /// Each reactor has a socket of its own.
    pub(crate) each_reactor: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: TlsOptions,
}

/// What is special to one listener.
#[derive(Clone)]
pub(crate) struct ListenerSettings {
    /// Which of the listeners that were given it is. One that has several addresses has several of these.
    pub(crate) number: usize,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) limits: Limits,
    pub(crate) speaks: Speaks,
    pub(crate) is_status: bool,
    /// Where lines are spoken, the byte at the end of each.
    pub(crate) delimiter: u8,
    pub(crate) banner: Vec<u8>,
    pub(crate) busy_banner: Vec<u8>,
    /// Which addresses may connect, and how often; `None`: all, and as often as they like.
    pub(crate) rules: Option<Arc<AddressRules>>,
    /// Networks of trusted proxies.
    pub(crate) proxies: Networks,
    /// Each connection begins with the header of a proxy.
    pub(crate) requires_proxy: bool,
    /// They use `Forwarded` in place of `X-Forwarded-For`.
    pub(crate) reads_forwarded: bool,
    /// Each reactor accepts at a socket of its own, and hands no connection over.
    pub(crate) each_reactor: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<ListenerTls>,
}

impl Listener {
    /// Listens at an address such as `127.0.0.1:8080`, `[::]:0` or `localhost:80`. A name stands for all its addresses, as
    /// far as this machine has them; [`Server::local_addrs`](crate::Server::local_addrs) tells which. Port 0 takes any that
    /// is free, the same for all addresses of a name. `[::]` takes no connections over IPv4: see
    /// [`Listener::dual_stack`].
    #[doc(alias = "PortNum")]
    #[doc(alias = "Port")]
    pub fn tcp(addr: impl ToString) -> Self {
        Self::at(Place::Tcp(addr.to_string()))
    }

    /// Listens at a unix socket. A file that was left there by a process that has ended is replaced, if nobody answers at it;
    /// the file goes when the server does. Who may connect is decided by the rights of its folder and by
    /// [`Listener::mode`], and [`Connection::peer_credentials`](crate::Connection::peer_credentials) tells who did.
    ///
    /// ```no_run
    /// use jackfield::{Listener, Server};
    ///
    /// let server = Server::builder().listen(Listener::unix("/run/chat.sock").mode(0o660)).bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[cfg(unix)]
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::Unix(path.into()))
    }

    /// The rights of the file of a [`Listener::unix`], such as `0o660`. They are set before anybody can connect. Default:
    /// what the process gives to files.
    #[cfg(unix)]
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.unix_mode = Some(mode);
        self
    }

    /// Takes a socket that listens already, such as one that was inherited. How it listens stays as it is; options of its
    /// connections, such as [`Listener::nodelay`], are set.
    #[doc(alias = "adopt")]
    #[must_use]
    #[doc(alias = "HSocket")]
    pub fn from_std(socket: std::net::TcpListener) -> Self {
        Self::at(Place::Adopted(Arc::new(socket)))
    }

    /// The same with a unix socket. Its file is not removed at the end.
    #[cfg(unix)]
    #[must_use]
    pub fn from_std_unix(socket: std::os::unix::net::UnixListener) -> Self {
        Self::at(Place::AdoptedUnix(Arc::new(socket)))
    }

    /// Takes the sockets that a service manager has passed to this process, such as systemd for a `.socket` unit: socket
    /// activation, by `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` (sd_listen_fds(3)). Each comes with its name, which is
    /// `unknown` where it was given none; the first of each other name has it as [`Listener::name`] too. Sockets for TCP and
    /// unix sockets that listen are taken, once: a second call finds none. Programs that this process starts don't get
    /// them. Empty: none was passed to this process, or the system is not Linux.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let mut passed = Listener::from_env()?;
    /// let server = match passed.pop() {
    ///     Some((_name, listener)) => Server::bind(listener)?,
    ///     None => Server::bind("127.0.0.1:0")?,
    /// };
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `LISTEN_FDS` is no number, or a descriptor is not there or no socket that listens.
    #[doc(alias = "sd_listen_fds")]
    #[doc(alias = "LISTEN_FDS")]
    pub fn from_env() -> std::io::Result<Vec<(String, Self)>> {
        let mut all: Vec<(String, Self)> = Vec::new();
        for (name, socket) in Passed::take()? {
            let listener = match socket {
                Passed::Tcp(socket) => Self::from_std(socket),
                #[cfg(unix)]
                Passed::Unix(socket) => Self::from_std_unix(socket),
            };
            let is_first = name != "unknown" && all.iter().all(|(before, _)| *before != name);
            let listener = if is_first { listener.name(name.as_str()) } else { listener };
            all.push((name, listener));
        }
        Ok(all)
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            name: None,
            options: ListenOptions::default(),
            speaks: Speaks::Http,
            is_status: false,
            delimiter: LF,
            banner: Vec::new(),
            busy_banner: Vec::new(),
            changes: Changes::default(),
            allowed: None,
            denied: Vec::new(),
            proxies: Vec::new(),
            requires_proxy: false,
            reads_forwarded: false,
            each_reactor: false,
            #[cfg(feature = "tls")]
            tls: TlsOptions::default(),
        }
    }

    /// What [`Peer::listener_name`](crate::Peer::listener_name) and [`Handle::listeners`](crate::Handle::listeners) call it, and by
    /// which [`Handle::pause_listening`](crate::Handle::pause_listening) finds it. No two listeners of a server may have the same.
    /// Default: none.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let admin = Listener::tcp("127.0.0.1:0").name("admin");
    /// let server = Server::builder().listen("127.0.0.1:0").listen(admin).bind()?;
    /// assert!(server.handle().pause_listening("admin").is_ok());
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Changes limits and timeouts for the connections of this listener. The changes are made to what the server has, at
    /// [`ServerBuilder::bind`](crate::ServerBuilder::bind) and in their order, whatever comes first. What concerns the server as
    /// a whole, or nothing that this listener speaks, is a mistake that `bind` reports.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let uploads = Listener::tcp("127.0.0.1:0").limits(|limits| limits.body_bytes_max = 64 << 20);
    /// let server = Server::builder().listen(uploads).bind();
    /// assert!(server.is_err_and(|error| error.to_string().contains("wire_memory_bytes_max")));
    /// ```
    #[must_use]
    pub fn limits(mut self, change: impl Fn(&mut Limits) + Send + Sync + 'static) -> Self {
        self.changes.push(change);
        self
    }

    /// A protocol of the user's own, in bytes: `on_data`.
    #[must_use]
    #[doc(alias = "Proto")]
    pub fn raw(mut self) -> Self {
        (self.speaks, self.is_status) = (Speaks::Raw, false);
        self
    }

    /// A protocol of the user's own, in lines: `on_line`. They end with LF or CR LF.
    #[must_use]
    pub fn lines(self) -> Self {
        self.lines_until(LF)
    }

    /// The same with lines that end with another byte, such as NUL. It is no part of the line that `on_line` gets, and
    /// what else may stand in a line is not looked at.
    ///
    /// ```
    /// use jackfield::Listener;
    ///
    /// let listener = Listener::tcp("127.0.0.1:0").lines_until(0);
    /// ```
    #[doc(alias = "LineEnd")]
    #[must_use]
    pub fn lines_until(mut self, delimiter: u8) -> Self {
        (self.speaks, self.delimiter, self.is_status) = (Speaks::Lines, delimiter, false);
        self
    }

    /// Serves `/metrics`, as [`Metrics::prometheus`](crate::Metrics::prometheus) writes them, and `/health`, which is 200 or,
    /// while the server drains, 503; all else is 404. Its connections have no client, and are admitted while a reactor is
    /// overloaded, and when the server is full: 64 of them at most, or fewer by its own `connections_max`. No
    /// [`Authenticator`](crate::Authenticator) is asked, so bind it to an address that only your monitoring reaches. The same pages
    /// on the other listeners are [`ServerBuilder::status_paths`](crate::ServerBuilder::status_paths).
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let server = Server::builder()
    ///     .listen("127.0.0.1:0")
    ///     .listen(Listener::tcp("127.0.0.1:0").status())
    ///     .bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn status(mut self) -> Self {
        self.speaks = Speaks::Http;
        self.is_status = true;
        self
    }

    /// What every new connection hears first, on a listener for a protocol of the user's own. Default: nothing.
    #[doc(alias = "Banner")]
    #[must_use]
    pub fn banner(mut self, banner: impl Into<Vec<u8>>) -> Self {
        self.banner = banner.into();
        self
    }

    /// What a new connection hears when there is no room, on a listener for a protocol of the user's own; HTTP says
    /// 503. Default: nothing.
    #[doc(alias = "BannerTooBusy")]
    #[must_use]
    pub fn busy_banner(mut self, banner: impl Into<Vec<u8>>) -> Self {
        self.busy_banner = banner.into();
        self
    }

    /// Takes connections from these networks only, such as `192.0.2.0/24`, `2001:db8::/32` or one address. All others are reset
    /// before any work is done for them, TLS included, and reported with
    /// [`RefuseReason::Denied`](crate::RefuseReason::Denied). Behind [`Listener::proxy_required`] it is the address that the
    /// proxy names; where that names none, the connection is the proxy's own, and comes in. May be repeated. Default: all
    /// networks.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let office = Listener::tcp("127.0.0.1:0").allowed_networks(["192.0.2.0/24", "2001:db8:7::/48"]);
    /// let server = Server::builder().listen(office).bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[doc(alias = "allowlist")]
    #[must_use]
    #[doc(alias = "AllowedClients")]
    pub fn allowed_networks<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        let allowed = self.allowed.get_or_insert_default();
        allowed.extend(networks.into_iter().map(|network| network.to_string()));
        self
    }

    /// Takes no connections from these networks, although they may be allowed: they are treated as those that
    /// [`Listener::allowed_networks`] does not list. May be repeated. Default: none.
    #[doc(alias = "blocklist")]
    #[must_use]
    #[doc(alias = "BlockedClients")]
    pub fn denied_networks<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        self.denied.extend(networks.into_iter().map(|network| network.to_string()));
        self
    }

    /// Trusts proxies in these networks, such as `10.0.0.0/8` or `::1`: what they say of where a request comes from is believed,
    /// and [`Connection::client_ip`](crate::Connection::client_ip) tells it. They have to set `X-Forwarded-For`, or add to
    /// it, on every request. May be repeated. Default: nobody.
    #[must_use]
    pub fn trusted_proxies<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        self.proxies.extend(networks.into_iter().map(|network| network.to_string()));
        self
    }

    /// The trusted proxies set `Forwarded` (RFC 7239) in place of `X-Forwarded-For`. Only one of the two is read: the other
    /// may be the word of a client that the proxy has passed on.
    #[must_use]
    pub fn reads_forwarded(mut self) -> Self {
        self.reads_forwarded = true;
        self
    }

    /// Takes connections from proxies in these networks only, each of which begins with a header of the PROXY protocol,
    /// version 1 or 2: [`Peer::addr`](crate::Peer::addr) is then the address that it names, and
    /// [`Peer::proxy`](crate::Peer::proxy) the proxy. A connection from elsewhere is closed at once and reported with
    /// [`RefuseReason::Untrusted`](crate::RefuseReason::Untrusted); one that does not begin with a header is reset and
    /// reported with [`RefuseReason::Proxy`](crate::RefuseReason::Proxy), and so is one whose header has not come within
    /// `limits.reactor.handshake`. Those proxies are [`Listener::trusted_proxies`] too. Default: no header is expected, and
    /// what looks like one is no request.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let behind = Listener::tcp("127.0.0.1:0").proxy_required(["10.1.0.0/16"]);
    /// let server = Server::builder().listen(behind).bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[doc(alias = "haproxy")]
    #[must_use]
    pub fn proxy_required<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        self.requires_proxy = true;
        self.trusted_proxies(networks)
    }

    /// New connections that the system keeps waiting; the kernel has an upper bound of its own. Default: 1024.
    #[doc(alias = "ListenBacklog")]
    #[must_use]
    #[doc(alias = "ConnectionBacklog")]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.options.backlog = connections;
        self
    }

    /// Lets several sockets listen at the same address, in this process or others. Default: off.
    #[must_use]
    #[doc(alias = "ReuseAddr")]
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.options.reuse_port = reuse;
        self
    }

    /// Gives each reactor a socket of its own at this address (`SO_REUSEPORT`), at which it accepts by itself; Linux only. The
    /// system spreads new connections by their addresses, evenly on average. None is handed over, which saves a short
    /// connection two wake-ups; but they don't go to the reactor that has the fewest, one that is held up keeps those that wait
    /// at its socket, and other processes of the same user may listen there too. Default: the first reactor accepts, and hands
    /// connections to the one that has the fewest.
    #[doc(alias = "SO_REUSEPORT")]
    #[must_use]
    pub fn each_reactor(mut self, each_reactor: bool) -> Self {
        self.each_reactor = each_reactor;
        self.options.reuse_port |= each_reactor;
        self
    }

    /// Lets a listener at an IPv6 address such as `[::]:80` take connections over IPv4 too. Their addresses are seen in
    /// mapped form (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2). Default: off, so that each address is what it seems.
    #[must_use]
    #[doc(alias = "SocketFamily")]
    pub fn dual_stack(mut self, dual_stack: bool) -> Self {
        self.options.dual_stack = dual_stack;
        self
    }

    /// Sends small writes at once, and does not wait for more to fill a segment. Default: on.
    #[doc(alias = "TCP_NODELAY")]
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options.socket.nodelay = nodelay;
        self
    }

    /// Lets the system probe peers that are silent, and break the connections of those that don't answer:
    /// `on_disconnect` then comes with [`Reason::Io`](crate::Reason::Io). For connections that have no heartbeat and no
    /// idle timeout. Times that the system does not take are an error of `bind`. Default: none.
    ///
    /// ```
    /// use jackfield::{KeepAlive, Listener};
    /// use std::time::Duration;
    ///
    /// let keep_alive = KeepAlive::after(Duration::from_secs(60)).interval(Duration::from_secs(10)).probes(3);
    /// let listener = Listener::tcp("127.0.0.1:0").raw().keep_alive(keep_alive);
    /// ```
    #[doc(alias = "SO_KEEPALIVE")]
    #[must_use]
    #[doc(alias = "KeepAliveOnOff")]
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.options.socket.keep_alive = Some(keep_alive);
        self
    }

    /// Makes each close of a socket a reset, so that nothing is left of it in the system. What the peer has not got by then
    /// may be lost. A time to wait (`SO_LINGER`) is not offered, for the system would hold the reactor meanwhile;
    /// `limits.reactor.linger` waits without that. Default: off.
    #[doc(alias = "SO_LINGER")]
    #[must_use]
    #[doc(alias = "LingerOnOff")]
    pub fn reset_on_close(mut self, reset: bool) -> Self {
        self.options.socket.reset_on_close = reset;
        self
    }

    /// The size of the system's buffer for what a connection sends, in bytes, of which Linux takes the double and no more
    /// than `net.core.wmem_max`; zero leaves it to the system, which then adapts it. Default: as the system has it.
    #[doc(alias = "SO_SNDBUF")]
    #[must_use]
    #[doc(alias = "BufSize")]
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.options.socket.send_buffer_bytes = bytes;
        self
    }

    /// The size of the system's buffer for what a connection receives, in bytes, of which Linux takes the double and no more
    /// than `net.core.rmem_max`; zero leaves it to the system, which then adapts it. Default: as the system has it.
    #[doc(alias = "SO_RCVBUF")]
    #[must_use]
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.options.socket.receive_buffer_bytes = bytes;
        self
    }

    /// Bytes of a connection that the system may keep before it has sent them; disabled by zero. The rest
    /// waits in the server, within its bounds: without this, peers that don't read can use up the memory that the
    /// system has for all sockets, and then nobody is served. Large bodies for fast peers cost more calls. Linux
    /// only. Default: 64 KiB.
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    #[must_use]
    pub fn notsent_lowat(mut self, bytes: u32) -> Self {
        self.options.socket.unsent_bytes = bytes;
        self
    }

    /// Leaves new connections that have said nothing yet to the system for about a second. Nearly all are accepted
    /// when their first bytes are there, so that a connection for one request costs one wake-up and not two: a
    /// quarter less of the processor, where that is what a server does. The price: a silent
    /// connection is invisible in that time, no limit and no timeout concerns it, and `on_connect` comes late. Not for protocols in
    /// which the server speaks first. Linux only. Default: off.
    #[doc(alias = "TCP_DEFER_ACCEPT")]
    #[must_use]
    pub fn defer_accept(mut self, deferred: bool) -> Self {
        self.options.deferred = deferred;
        self
    }

    /// TLS 1.2 and 1.3 below whatever is spoken, with a certificate chain and a key from PEM files, read when the
    /// server is bound.
    #[cfg(feature = "tls")]
    #[doc(alias = "SslContext")]
    #[must_use]
    #[doc(alias = "SSLCert")]
    #[doc(alias = "SslEnable")]
    #[doc(alias = "UseSSL")]
    pub fn tls(mut self, certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.hosts.push(Host::fallback().certificate(certificates, key));
        self
    }

    /// TLS below whatever is spoken, configured elsewhere.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_config(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        self.tls.ready = Some(config);
        self
    }

    /// TLS below whatever is spoken, with the certificates of this host for those who ask for one of its names. Who asks for
    /// none of them is shown those of [`Listener::tls`], or else of the first host. May be repeated. The files are read
    /// when the server is bound, and again by [`Handle::reload_tls`](crate::Handle::reload_tls).
    #[cfg(feature = "tls")]
    #[doc(alias = "SNI")]
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.tls.hosts.push(host);
        self
    }

    /// Whether the handshake of a peer fails that asks for a name of no host, or for none: it hears `unrecognized_name`
    /// (RFC 6066 section 3). Default: no.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn strict_sni(mut self, is_strict: bool) -> Self {
        self.tls.is_strict = is_strict;
        self
    }

    /// The protocols that its hosts name by ALPN (RFC 7301), the preferred first, but those that have their own:
    /// [`Host::alpn`]. A peer that names others only fails its handshake; one that names none does not. Default: `http/1.1`
    /// and `http/1.0` where HTTP is spoken, and none for protocols of the user's own.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn alpn<N: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.tls.alpn = Some(names.into_iter().map(|name| name.as_ref().to_vec()).collect());
        self
    }

    /// Whether the clients of its hosts are asked for certificates, but of those that have their own rule:
    /// [`Host::client_auth`]. Default: [`ClientAuth::none`].
    #[cfg(feature = "tls")]
    #[doc(alias = "SSLClientAuthentication")]
    #[must_use]
    #[doc(alias = "SslCliCertMethod")]
    #[doc(alias = "SSLAuthenticateClients")]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.tls.client_auth = Some(client_auth);
        self
    }

    /// Finds hosts when they are asked for: with a name that no host of this listener is called, the closure is called on a
    /// thread for blocking work, where it may read files or ask a database, and the handshake goes on with what it
    /// returns. No reactor waits meanwhile, and the handshake has its deadline, `limits.reactor.handshake`. `None`: the
    /// peer is answered as without this. What was found is kept, the last 1024 of them, until
    /// [`Handle::reload_tls`](crate::Handle::reload_tls); other listeners do not see it. Of those threads there are
    /// [`ServerBuilder::offload_threads`](crate::ServerBuilder::offload_threads); where 1024 wait for them already, the
    /// handshake fails. Default: none.
    ///
    /// ```no_run
    /// use jackfield::{Host, Listener};
    ///
    /// let listener = Listener::tcp("[::]:443").tls("default.pem", "default.key").missing_host(|asked| {
    ///     let folder = std::path::Path::new("/etc/certificates").join(asked.name().to_ascii_lowercase());
    ///     folder.is_dir().then(|| Host::new(asked.name()).certificate(folder.join("chain.pem"), folder.join("key.pem")))
    /// });
    /// ```
    #[cfg(feature = "tls")]
    #[doc(alias = "OnSslServerName")]
    #[doc(alias = "missingServerName")]
    #[must_use]
    pub fn missing_host(
        mut self,
        find: impl Fn(&MissingHost) -> Option<Host> + Send + Sync + 'static,
    ) -> Self {
        self.tls.find = Some(FindHost(Arc::new(find)));
        self
    }

    /// What the connections of the listener of this number need to know, made from the limits of the server.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn settings(&self, number: usize, server: &Limits) -> Result<ListenerSettings, Vec<String>> {
        let limits = self.changes.made_to(server.clone());
        let mut faults = self.faults();
        let wrong = limits.faults().into_iter().filter(|fault| !server.faults().contains(fault));
        let misplaced = misplaced(server, &limits, self.speaks);
        faults.extend(wrong.chain(misplaced).map(|fault| format!("listener `{}`: {fault}", self.place)));
        #[cfg(feature = "tls")]
        let tls = self.tls.load(self.speaks).unwrap_or_else(|wrong| {
            faults.extend(wrong.into_iter().map(|fault| format!("listener `{}`: {fault}", self.place)));
            None
        });
        let mut networks = |texts: &Vec<String>| {
            Networks::parse_all(texts).unwrap_or_else(|wrong| {
                faults.extend(wrong);
                Networks::default()
            })
        };
        let proxies = networks(&self.proxies);
        let rules = AddressRules {
            allowed: self.allowed.as_ref().map(&mut networks),
            denied: networks(&self.denied),
            proxies: proxies.clone(),
            is_behind_proxy: self.requires_proxy,
            connections_max: limits.connections_per_address_max,
            accepts_max: limits.accepts_per_address_max.min(ACCEPTS_MAX),
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(ListenerSettings {
            number,
            name: self.name.clone(),
            limits,
            speaks: self.speaks,
            is_status: self.is_status,
            delimiter: self.delimiter,
            banner: self.banner.clone(),
            busy_banner: self.busy_banner.clone(),
            rules: (!rules.is_empty()).then(|| Arc::new(rules)),
            proxies,
            requires_proxy: self.requires_proxy,
            reads_forwarded: self.reads_forwarded,
            each_reactor: self.each_reactor,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.speaks == Speaks::Http && !(self.banner.is_empty() && self.busy_banner.is_empty()) {
            faults.push(format!("`{}` speaks HTTP, and HTTP has no banner", self.place));
        }
        if self.allowed.as_ref().is_some_and(Vec::is_empty) {
            faults.push(format!("`{}` allows no network, so that nobody could connect", self.place));
        }
        let has_lists = self.allowed.is_some() || !self.denied.is_empty();
        if has_lists && self.place.has_no_addresses() && !self.requires_proxy {
            faults.push(format!(
                "`{}` has no peers with addresses: who may connect is decided by its file",
                self.place
            ));
        }
        if self.each_reactor && !(cfg!(target_os = "linux") && matches!(self.place, Place::Tcp(_))) {
            faults.push(format!(
                "`{}` is one socket: only Linux, at an address, has one for `each_reactor`",
                self.place
            ));
        }
        if self.requires_proxy && self.proxies.is_empty() {
            faults.push(format!("`{}` requires proxies, and trusts none", self.place));
        }
        if self.options.socket.keep_alive.is_some_and(|keep_alive| !keep_alive.is_valid()) {
            faults.push(format!(
                "`{}`: the times of a keep-alive are from 1 to 32,767 seconds, and its probes from 1 to 127",
                self.place
            ));
        }
        if self.options.deferred && !self.banner.is_empty() {
            faults.push(format!("`{}` speaks first, and its connections can't be deferred", self.place));
        }
        faults
    }
}

/// A rate counts in microseconds.
const ACCEPTS_MAX: u32 = 1_000_000;

/// Limits that a listener has changed and that are none of its own.
fn misplaced(server: &Limits, listener: &Limits, speaks: Speaks) -> Vec<String> {
    let changed = server.table().into_iter().zip(listener.table()).filter(|(before, after)| before != after);
    let name = |(before, _): (LimitRow, LimitRow)| before.name;
    let fault = |name: &'static str| match concerns(name) {
        _ if is_server_wide(name) => {
            Some(format!("`{name}` concerns the whole server: set it with `ServerBuilder::limits`"))
        }
        Some(on) if !on.is_spoken(speaks) => Some(format!("`{name}` means nothing for what is spoken here")),
        _ => None,
    };
    changed.map(name).filter_map(fault).collect()
}

impl<A: ToString> From<A> for Listener {
    fn from(addr: A) -> Self {
        Self::tcp(addr)
    }
}

impl ListenerSettings {
    /// Listeners for HTTP, bytes and lines, in this order, edited.
    ///
    /// # Panics
    /// If something is wrong with them.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn one_of_each(limits: &Limits, edit: impl Fn(Listener) -> Listener) -> Box<[Self]> {
        let speaks = [Speaks::Http, Speaks::Raw, Speaks::Lines].into_iter().enumerate();
        let settings = |(number, speaks)| {
            edit(Listener { speaks, ..Listener::tcp("in memory") }).settings(number, limits)
        };
        speaks
            .map(|listener| settings(listener).unwrap_or_else(|faults| panic!("{}", faults.join("; "))))
            .collect()
    }

    /// What the connections need to know that this side begins: in bytes, in lines, as WebSockets.
    pub(crate) fn of_outgoing(limits: &Limits) -> [Self; 3] {
        [Speaks::Raw, Speaks::Lines, Speaks::Http].map(|speaks| Self {
            number: usize::MAX,
            name: None,
            limits: limits.clone(),
            speaks,
            is_status: false,
            delimiter: LF,
            banner: Vec::new(),
            busy_banner: Vec::new(),
            rules: None,
            proxies: Networks::default(),
            requires_proxy: false,
            reads_forwarded: false,
            each_reactor: false,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// Its hosts, if each has its own certificates.
    #[cfg(feature = "tls")]
    pub(crate) fn tls_hosts(&self) -> Option<&Arc<TlsHosts>> {
        match &self.tls {
            Some(ListenerTls::Hosts(hosts)) => Some(hosts),
            Some(ListenerTls::Ready(_)) | None => None,
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}
