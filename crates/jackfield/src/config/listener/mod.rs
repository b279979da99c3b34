//! Where a server listens, and what is spoken there.

mod edge;
mod settings;
mod socket;
mod spoken;
#[cfg(feature = "tls")]
mod tls;

pub(crate) use settings::ListenerSettings;

use crate::config::address_rules::Filter;
use crate::config::changes::Changes;
use crate::config::limits::Limits;
use crate::config::place::Place;
use crate::config::speaks::{LF, Speaks};
#[cfg(feature = "tls")]
use crate::config::tls::TlsOptions;
use jackfield_reactor::{ListenOptions, Passed};
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;

/// Where a server listens, and the protocol there. Default: HTTP, with WebSocket and event streams, which begin as HTTP.
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
    /// The methods that said so, each once.
    pub(crate) spoken: Vec<&'static str>,
    /// It serves only the status pages.
    pub(crate) is_status: bool,
    pub(crate) delimiter: u8,
    pub(crate) banner: Vec<u8>,
    pub(crate) busy_banner: Vec<u8>,
    pub(crate) changes: Changes,
    /// Networks as they were given: allowed ones (`None`: all), denied ones, trusted proxies, and required ones (`None`: no
    /// proxy is required).
    pub(crate) allowed: Option<Vec<String>>,
    pub(crate) denied: Vec<String>,
    pub(crate) filter: Option<Filter>,
    pub(crate) proxies: Vec<String>,
    pub(crate) required_proxies: Option<Vec<String>>,
    pub(crate) reads_forwarded: bool,
    /// Each reactor has its own socket.
    pub(crate) each_reactor: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: TlsOptions,
}

impl Listener {
    /// Listens at an address such as `127.0.0.1:8080`, `[::]:0` or `localhost:80`. A name stands for all its addresses that
    /// this machine has; [`Server::local_addrs`](crate::Server::local_addrs) lists them. Port 0 takes any free port, the
    /// same for all addresses of a name. `[::]` takes no connections over IPv4: see [`Listener::dual_stack`].
    #[doc(alias = "PortNum")]
    #[doc(alias = "Port")]
    pub fn tcp(addr: impl ToString) -> Self {
        Self::at(Place::Tcp(addr.to_string()))
    }

    /// Listens at a unix socket. A socket file that another process left there is replaced, if no server answers at it. The
    /// file is removed when the server ends, unless another server has replaced it. The rights of its folder,
    /// [`Listener::mode`] and [`Listener::owner`] decide which users may connect, and
    /// [`Connection::peer_credentials`](crate::Connection::peer_credentials) tells which process did.
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

    /// The rights of the file of a [`Listener::unix`], such as `0o660`. They are set before anyone can connect. Default:
    /// the usual rights of files that the process makes.
    #[cfg(unix)]
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.unix_mode = Some(mode);
        self
    }

    /// The user and the group of the file of a [`Listener::unix`], by their numbers. `None` leaves one as it is. They are set
    /// before anyone can connect, with `lchown(2)`: usually only root may set the user, and the group must be one of the
    /// process. If the system refuses, [`ServerBuilder::bind`](crate::ServerBuilder::bind) fails. Default: user and group of
    /// the process.
    ///
    /// ```no_run
    /// use jackfield::{Listener, Server};
    ///
    /// let www_data = Some(33);
    /// let chat = Listener::unix("/run/chat.sock").mode(0o660).owner(None, www_data);
    /// let server = Server::bind(chat)?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[cfg(unix)]
    #[doc(alias = "chown")]
    #[must_use]
    pub fn owner(mut self, user: Option<u32>, group: Option<u32>) -> Self {
        self.options.unix_owner = (user, group);
        self
    }

    /// Takes a socket that listens already, such as an inherited one. Its backlog and its address stay as they are;
    /// options for its connections, such as [`Listener::nodelay`], are set.
    #[doc(alias = "adopt")]
    #[must_use]
    pub fn from_std(socket: std::net::TcpListener) -> Self {
        Self::at(Place::Adopted(Arc::new(socket)))
    }

    /// Listens on a unix socket that you have bound. Its file is not removed at the end.
    #[cfg(unix)]
    #[must_use]
    pub fn from_std_unix(socket: std::os::unix::net::UnixListener) -> Self {
        Self::at(Place::AdoptedUnix(Arc::new(socket)))
    }

    /// Takes the sockets that a service manager has passed to this process, such as systemd for a `.socket` unit: socket
    /// activation, by `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` (sd_listen_fds(3)). Each comes with its name, which is
    /// `unknown` if it has none. The first socket of each other name also gets it as [`Listener::name`]. Listening TCP and
    /// unix sockets are taken, once: a second call finds none. Child processes do not inherit them. Empty: no socket was
    /// passed to this process, or the system is not Linux.
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
    /// If `LISTEN_FDS` is not a number, or if a descriptor does not exist or is not a listening socket.
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
            spoken: Vec::new(),
            is_status: false,
            delimiter: LF,
            banner: Vec::new(),
            busy_banner: Vec::new(),
            changes: Changes::default(),
            allowed: None,
            denied: Vec::new(),
            filter: None,
            proxies: Vec::new(),
            required_proxies: None,
            reads_forwarded: false,
            each_reactor: false,
            #[cfg(feature = "tls")]
            tls: TlsOptions::default(),
        }
    }

    /// Its name in [`Peer::listener_name`](crate::Peer::listener_name) and [`Handle::listeners`](crate::Handle::listeners),
    /// with which [`Handle::pause_listening`](crate::Handle::pause_listening) finds it. Two listeners of a server can't have
    /// the same name. Default: none.
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

    /// Changes limits and timeouts for the connections of this listener. The changes are applied to the server's limits at
    /// [`ServerBuilder::bind`](crate::ServerBuilder::bind), in their order, even if the server's limits are set later. A limit
    /// of the whole server ([`LimitRow::is_server_wide`](crate::LimitRow::is_server_wide)), or of a protocol that this
    /// listener does not use, is a mistake that `bind` reports.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// // A buffer doubles as it grows, so a whole body needs twice its length.
    /// let uploads = Listener::tcp("127.0.0.1:0").limits(|limits| {
    ///     limits.body_bytes_max = 64 << 20;
    ///     limits.reactor.wire_memory_bytes_max = 128 << 20;
    /// });
    /// let server = Server::builder().listen("127.0.0.1:0").listen(uploads).bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn limits(mut self, change: impl Fn(&mut Limits) + Send + Sync + 'static) -> Self {
        self.changes.push(change);
        self
    }
}

impl<A: ToString> From<A> for Listener {
    fn from(addr: A) -> Self {
        Self::tcp(addr)
    }
}
