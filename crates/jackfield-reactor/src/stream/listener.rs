//! Listening sockets.

use super::Stream;
use super::addr::Addr;
use super::options::SocketOptions;
use crate::id::ConnectionId;
#[cfg(unix)]
use mio::net::UnixListener;
use mio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use std::io;
#[cfg(unix)]
use std::io::ErrorKind;
use std::net::SocketAddr;
#[cfg(any(target_os = "android", target_os = "linux"))]
use std::os::fd::AsFd;
#[cfg(unix)]
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The default of [`ListenOptions::backlog`].
pub const BACKLOG: u32 = 1024;

/// How long the kernel waits for the first bytes of a connection before it is accepted without them. One second is the
/// smallest value.
#[cfg(any(target_os = "android", target_os = "linux"))]
const DEFER_SECONDS: i32 = 1;

/// Options of a listening socket.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// How many new connections may wait in the kernel until they are accepted (`listen(2)`). The kernel has its own upper
    /// limit. Default: [`BACKLOG`], 1,024.
    pub backlog: u32,
    /// Allows several sockets to listen at the same address, in one process or in several (`SO_REUSEPORT`). Linux
    /// distributes new connections over them. Only for TCP, and without effect on Solaris, illumos and Windows. Default:
    /// off.
    pub reuse_port: bool,
    /// Options of the accepted connections.
    pub socket: SocketOptions,
    /// Lets a listener at an IPv6 address also accept connections over IPv4. Their addresses then have the IPv4-mapped form
    /// (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2). Default: off.
    pub dual_stack: bool,
    /// The kernel holds a new connection back until its first bytes have come, for at most about a second
    /// (`TCP_DEFER_ACCEPT`). So most connections can be read as soon as they are accepted. Linux and Android only, and only
    /// for sockets that [`Listener::bind`] creates. Default: off.
    pub deferred: bool,
    /// The permissions of the file of a unix socket, as for `chmod(2)`. They are set before a peer can connect. `None`: the
    /// umask of the process decides. Default: `None`.
    pub unix_mode: Option<u32>,
    /// The user and the group of the file of a unix socket, as for `lchown(2)`. They are set before a peer can connect.
    /// `None`: as the process has it. Default: `(None, None)`.
    pub unix_owner: (Option<u32>, Option<u32>),
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: BACKLOG,
            reuse_port: false,
            socket: SocketOptions::default(),
            dual_stack: false,
            deferred: false,
            unix_mode: None,
            unix_owner: (None, None),
        }
    }
}

/// A listening socket, for TCP or a unix socket.
#[derive(Debug)]
pub struct Listener {
    /// Dropped before the socket: until then its inode is its own.
    #[cfg(unix)]
    _file: Option<SocketFile>,
    socket: Socket,
    /// Options that accepted sockets do not inherit.
    left: SocketOptions,
    /// Most accepted connections have bytes to read.
    pub(crate) deferred: bool,
}

/// The file of a unix socket. It is removed when the listener is dropped, unless it has been replaced.
#[cfg(unix)]
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Its device and its inode, which no other file gets while the socket is open. `None`: it is no file, as in Linux's
    /// abstract namespace.
    id: Option<(u64, u64)>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Creates a TCP socket, binds it to `addr` and listens. With port 0 the system chooses a free port:
    /// [`Listener::local_addr`] tells it. On Unix the socket has `SO_REUSEADDR`.
    ///
    /// # Errors
    /// The error of the system: the address is in use, does not belong to this machine, or is not permitted.
    pub fn bind(addr: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        if addr.is_ipv6() {
            // Without `dual_stack` IPv4 needs its own listener, because filters do not expect mapped addresses.
            socket.set_only_v6(!options.dual_stack)?;
        }
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
        if options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        // On Linux accepted sockets inherit these, which saves calls for each of them.
        options.socket.set_tcp(SockRef::from(&socket))?;
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if options.deferred {
            jackfield_sys::defer_accept(socket.as_fd(), DEFER_SECONDS)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        let deferred = options.deferred && cfg!(any(target_os = "android", target_os = "linux"));
        Ok(Self { deferred, ..Self::of_tcp(socket.into(), options) })
    }

    /// Uses a TCP socket that listens already, such as one that was inherited. Only [`ListenOptions::socket`] applies to
    /// it; the other options have no effect.
    ///
    /// # Errors
    /// The socket can't be made non-blocking, or an option can't be set.
    pub fn from_std(socket: std::net::TcpListener, options: &ListenOptions) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        options.socket.set_tcp(SockRef::from(&socket))?;
        Ok(Self::of_tcp(socket, options))
    }

    /// Uses a unix socket that listens already. Only the buffer sizes of [`ListenOptions::socket`] apply to it. Its file is
    /// not removed when the listener is dropped.
    ///
    /// # Errors
    /// The socket can't be made non-blocking.
    #[cfg(unix)]
    pub fn from_std_unix(
        socket: std::os::unix::net::UnixListener,
        options: &ListenOptions,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Socket::Unix(UnixListener::from_std(socket));
        Ok(Self { socket, _file: None, left: options.socket, deferred: false })
    }

    /// Creates a unix socket, binds it to a path and listens. Only [`ListenOptions::backlog`], [`ListenOptions::unix_mode`],
    /// [`ListenOptions::unix_owner`] and the buffer sizes of [`ListenOptions::socket`] apply to it. If a process that has
    /// ended left a socket at the path, it is replaced. The file is removed when the listener is dropped. The owner and the
    /// permissions of the file, and those of its folder, decide which processes may connect.
    ///
    /// # Errors
    /// The error of the system: another process listens at the path, the path names something else, is too long, or is not
    /// permitted; or the process may not give the file to this owner.
    #[cfg(unix)]
    pub fn bind_unix(path: impl AsRef<Path>, options: &ListenOptions) -> io::Result<Self> {
        let path = path.as_ref();
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let addr = SockAddr::unix(path)?;
        match socket.bind(&addr) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_over(path) => {
                std::fs::remove_file(path)?;
                socket.bind(&addr)?;
            }
            bound => bound?,
        }
        let file = SocketFile { path: path.to_owned(), id: file_id(path) };
        if let Some(mode) = options.unix_mode {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
        if options.unix_owner != (None, None) {
            let (user, group) = options.unix_owner;
            std::os::unix::fs::lchown(path, user, group)?;
        }
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        let listener = std::os::unix::net::UnixListener::from(OwnedFd::from(socket));
        let socket = Socket::Unix(UnixListener::from_std(listener));
        Ok(Self { socket, _file: Some(file), left: options.socket, deferred: false })
    }

    fn of_tcp(socket: std::net::TcpListener, options: &ListenOptions) -> Self {
        Self {
            socket: Socket::Tcp(TcpListener::from_std(socket)),
            #[cfg(unix)]
            _file: None,
            left: options.socket,
            deferred: false,
        }
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// The error of the system.
    pub fn local_addr(&self) -> io::Result<Addr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().map(Addr::Ip),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.local_addr().map(|addr| Addr::of_own_unix(&addr)),
        }
    }

    /// Accepts the next connection.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Addr)> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, addr) = socket.accept()?;
                if cfg!(not(any(target_os = "android", target_os = "linux"))) {
                    set_left(&stream, &self.left);
                }
                Ok((Stream::Tcp(stream), addr.into()))
            }
            #[cfg(unix)]
            Socket::Unix(socket) => {
                let (stream, addr) = socket.accept()?;
                // If the socket refuses them, it keeps the system's values.
                let _ = self.left.set_unix(SockRef::from(&stream));
                Ok((Stream::Unix(stream), Addr::of_unix(&addr)))
            }
        }
    }

    #[cfg(unix)]
    fn descriptor(&self) -> RawFd {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_raw_fd(),
            Socket::Unix(socket) => socket.as_raw_fd(),
        }
    }

    /// The source for the event queue, on systems where it can't watch a descriptor.
    #[cfg(not(unix))]
    fn source(&mut self) -> &mut TcpListener {
        let Socket::Tcp(socket) = &mut self.socket;
        socket
    }
}

/// Sets options that accepted sockets do not inherit. A socket whose peer is gone refuses them; that is no error of the
/// listener.
fn set_left(stream: &TcpStream, options: &SocketOptions) {
    let _ = options.set_tcp(SockRef::from(stream));
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.id.is_some() && file_id(&self.path) == self.id {
            // It does not matter if it can't be removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn file_id(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Whether the file is a socket at which no server listens any more.
#[cfg(unix)]
fn is_left_over(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket && try_connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Connects without waiting: a server whose backlog is full may never accept.
#[cfg(unix)]
fn try_connect(path: &Path) -> io::Result<()> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// Watches for new connections at the listener with this index. It watches the descriptor and not the socket, because two
/// event queues may watch it.
#[cfg(unix)]
pub(crate) fn watch(listener: &mut Arc<Listener>, registry: &Registry, index: usize) -> io::Result<()> {
    let token = ConnectionId::of_listener(index).token();
    registry.register(&mut SourceFd(&listener.descriptor()), token, Interest::READABLE)
}

#[cfg(unix)]
pub(crate) fn unwatch(listener: &Listener, registry: &Registry) {
    // This fails only if it was not watched.
    let _ = registry.deregister(&mut SourceFd(&listener.descriptor()));
}

/// On this system only one event queue can watch a socket.
#[cfg(not(unix))]
pub(crate) fn watch(listener: &mut Arc<Listener>, registry: &Registry, index: usize) -> io::Result<()> {
    let token = ConnectionId::of_listener(index).token();
    let listener = Arc::get_mut(listener).ok_or(io::ErrorKind::Unsupported)?;
    registry.register(listener.source(), token, Interest::READABLE)
}

#[cfg(not(unix))]
pub(crate) fn unwatch(_listener: &Listener, _registry: &Registry) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::stream::options::{KeepAlive, UNSENT_BYTES};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    /// The options of a socket, as the system reports them.
    #[derive(Debug, PartialEq, Eq)]
    struct Observed {
        nodelay: bool,
        unsent_bytes: u32,
        keep_alive: Option<(Duration, Duration, u32)>,
        linger: Option<Duration>,
        buffers: (usize, usize),
    }

    fn observed(socket: SockRef<'_>) -> Observed {
        let keeps_alive = socket.keepalive().unwrap();
        let keep_alive = || {
            let (idle, interval) =
                (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap());
            (idle, interval, socket.tcp_keepalive_retries().unwrap())
        };
        Observed {
            nodelay: socket.tcp_nodelay().unwrap(),
            #[cfg(target_os = "linux")]
            unsent_bytes: socket.tcp_notsent_lowat().unwrap(),
            #[cfg(not(target_os = "linux"))]
            unsent_bytes: UNSENT_BYTES,
            keep_alive: keeps_alive.then(keep_alive),
            linger: socket.linger().unwrap(),
            buffers: (socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap()),
        }
    }

    /// Checks both ends: an accepted socket and an outgoing one, with the same options.
    fn check(options: &SocketOptions, check: impl Fn(Observed)) {
        let listening = ListenOptions { socket: *options, ..ListenOptions::default() };
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), &listening).unwrap();
        let addr = listener.local_addr().unwrap();
        let Stream::Tcp(own) = Stream::connect(&addr, options).unwrap() else { panic!("it is a socket") };
        let (Stream::Tcp(accepted), _) = retried(&listener) else { panic!("it is a socket") };
        check(observed(SockRef::from(&accepted)));
        check(observed(SockRef::from(&own)));
    }

    /// Accepts until the system has delivered the connection.
    fn retried(listener: &Listener) -> (Stream, Addr) {
        loop {
            match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                accepted => return accepted.unwrap(),
            }
        }
    }

    #[test]
    fn a_socket_has_the_options_that_it_was_given() {
        check(&SocketOptions::default(), |observed| {
            assert_eq!((observed.nodelay, observed.unsent_bytes), (true, 64 << 10));
            assert_eq!((observed.keep_alive, observed.linger), (None, None));
        });
        let (idle, interval) = (Duration::from_secs(61), Duration::from_secs(7));
        let all = SocketOptions {
            nodelay: false,
            unsent_bytes: 10_000,
            keep_alive: Some(KeepAlive::after(idle).interval(interval).probes(3)),
            reset_on_close: true,
            send_buffer_bytes: 20_000,
            receive_buffer_bytes: 30_000,
        };
        // Linux doubles the value for its own needs.
        let factor = if cfg!(target_os = "linux") { 2 } else { 1 };
        let unsent_bytes = if cfg!(target_os = "linux") { 10_000 } else { UNSENT_BYTES };
        let expected = Observed {
            nodelay: false,
            unsent_bytes,
            keep_alive: Some((idle, interval, 3)),
            linger: Some(Duration::ZERO),
            buffers: (20_000 * factor, 30_000 * factor),
        };
        check(&all, |observed| assert_eq!(observed, expected));
    }

    /// Accepted unix sockets inherit nothing.
    #[test]
    fn an_accepted_unix_socket_has_the_buffer_sizes_of_its_listener() {
        let folder = std::env::temp_dir().join(format!("jackfield-options-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = SocketOptions { send_buffer_bytes: 20_000, ..SocketOptions::default() };
        let options = ListenOptions { socket, ..ListenOptions::default() };
        let listener = Listener::bind_unix(folder.join("socket"), &options).unwrap();
        let addr = listener.local_addr().unwrap();
        let Stream::Unix(own) = Stream::connect(&addr, &socket).unwrap() else { panic!("it is a socket") };
        let (Stream::Unix(accepted), _) = retried(&listener) else { panic!("it is a socket") };
        let factor = if cfg!(target_os = "linux") { 2 } else { 1 };
        for size in [SockRef::from(&own).send_buffer_size(), SockRef::from(&accepted).send_buffer_size()] {
            assert_eq!(size.unwrap(), 20_000 * factor);
        }
        drop(listener);
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// A path for a unix socket, which no other test uses.
    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("jackfield-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    /// The fault: `bind_unix` waited until the server that listens there accepted a connection, perhaps for ever. Only on
    /// Linux does the system tell a full backlog from a server that is gone.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_whose_server_accepts_nothing_is_in_use() {
        let path = path("full");
        let socket = || socket2::Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let (server, addr) = (socket(), SockAddr::unix(&path).unwrap());
        server.bind(&addr).unwrap();
        server.listen(0).unwrap();
        let connect = || {
            let peer = socket();
            peer.set_nonblocking(true).unwrap();
            peer.connect(&addr).ok().map(|()| peer)
        };
        let waiting: Vec<_> = std::iter::from_fn(connect).collect();
        assert!(!waiting.is_empty());
        let error = Listener::bind_unix(&path, &ListenOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        std::fs::remove_file(path).unwrap();
    }

    /// The fault: a server that ended removed the file of the one that had taken its place.
    #[test]
    fn the_file_of_another_server_is_left_alone() {
        let path = path("another");
        let listener = Listener::bind_unix(&path, &ListenOptions::default()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(listener);
        assert!(UnixStream::connect(&path).is_ok());
        std::fs::remove_file(path).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_file_can_be_bound() {
        let name = format!("\0jackfield-{}", std::process::id());
        let listener = Listener::bind_unix(&name, &ListenOptions::default()).unwrap();
        let error = Listener::bind_unix(&name, &ListenOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(listener);
    }

    /// The fault: this counted as a failed accept and paused the listener.
    #[test]
    fn a_socket_that_refuses_an_option_is_accepted_all_the_same() {
        let (refuses, _peer) = UnixStream::pair().unwrap();
        refuses.set_nonblocking(true).unwrap();
        let refuses = TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(refuses)));
        let options = SocketOptions::default();
        assert!(options.set_tcp(SockRef::from(&refuses)).is_err(), "it is none of TCP");
        set_left(&refuses, &options);
    }
}
