//! Listening sockets.

use super::Stream;
use super::addr::Addr;
#[cfg(unix)]
use mio::net::UnixListener;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockAddr, Type};
use std::io;
#[cfg(unix)]
use std::io::ErrorKind;
use std::net::SocketAddr;
#[cfg(any(target_os = "android", target_os = "linux"))]
use std::os::fd::AsFd;
#[cfg(unix)]
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
#[cfg(unix)]
use std::path::{Path, PathBuf};

/// New connections that the system keeps waiting, unless told otherwise. The kernel has an upper bound of its own.
pub const BACKLOG: u32 = 1024;

/// Bytes of a connection that the system may keep before it has sent them, unless told otherwise.
pub const UNSENT_BYTES: u32 = 64 << 10;

/// How long a deferred new connection may be silent before it is accepted all the same: the least that can be asked for.
#[cfg(any(target_os = "android", target_os = "linux"))]
const DEFER_SECONDS: i32 = 1;

/// How to listen.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// New connections that the system keeps waiting. Default: [`BACKLOG`].
    pub backlog: u32,
    /// Lets several sockets listen at the same address, in one process or in several; the system spreads new connections
    /// over them. Default: off.
    pub reuse_port: bool,
    /// Sends small writes at once instead of waiting to fill a segment. Default: on.
    pub nodelay: bool,
    /// Bytes of a connection that the system may keep before it has sent them; zero: as many as it likes, which on Linux
    /// may be megabytes. What it does not take waits in the outbox, where it is bounded and, if it is shared, is there
    /// only once: so peers that don't read can't use up the memory that the system has for all sockets. Linux only.
    /// Default: [`UNSENT_BYTES`].
    pub unsent_bytes: u32,
    /// Lets a listener at an IPv6 address take connections over IPv4 too, whose addresses it then sees in their mapped form
    /// (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2). Default: off.
    pub dual_stack: bool,
    /// New connections that have said nothing yet stay with the system for about a second, so that nearly all are accepted when
    /// there is something to be read. Linux only. Default: off.
    pub deferred: bool,
    /// The rights of the file of a unix socket, set before anybody can connect. Default: what the process gives to files.
    pub unix_mode: Option<u32>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: BACKLOG,
            reuse_port: false,
            nodelay: true,
            unsent_bytes: UNSENT_BYTES,
            dual_stack: false,
            deferred: false,
            unix_mode: None,
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    #[cfg(unix)]
    _file: Option<SocketFile>,
    pub(crate) nodelay: bool,
    /// Nearly all that are accepted have said something.
    pub(crate) deferred: bool,
}

/// The file of a unix socket, which goes with it.
#[cfg(unix)]
#[derive(Debug)]
struct SocketFile(PathBuf);

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Binds and listens. Port 0 takes any that is free: see [`Listener::local_addr`].
    ///
    /// # Errors
    /// What the system says: the address is in use, not this machine's, or not allowed.
    pub fn bind(addr: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        if addr.is_ipv6() {
            // v4 has a listener of its own unless it was asked for here: mapped addresses would surprise every filter.
            socket.set_only_v6(!options.dual_stack)?;
        }
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
        if options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        // On Linux accepted sockets inherit this, which saves a call for each of them.
        socket.set_tcp_nodelay(options.nodelay)?;
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if options.unsent_bytes > 0 {
            // They inherit this as well.
            socket.set_tcp_notsent_lowat(options.unsent_bytes)?;
        }
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if options.deferred {
            jackfield_sys::defer_accept(socket.as_fd(), DEFER_SECONDS)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        let deferred = options.deferred && cfg!(any(target_os = "android", target_os = "linux"));
        Ok(Self { nodelay: options.nodelay, deferred, ..Self::of_tcp(socket.into()) })
    }

    /// Takes a socket that listens already, such as one that was inherited.
    ///
    /// # Errors
    /// If the socket can't be made non-blocking.
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::of_tcp(socket))
    }

    /// Binds a unix socket to a path and listens. Of the options the backlog and the mode concern it. A socket that was left
    /// there by a process that has ended is replaced; the file goes when the listener does. Who may connect is decided by
    /// the rights of the file and its folder.
    ///
    /// # Errors
    /// What the system says: somebody listens there, something else lies there, the path is too long or not allowed.
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
        let file = SocketFile(path.to_owned());
        if let Some(mode) = options.unix_mode {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        let listener = std::os::unix::net::UnixListener::from(OwnedFd::from(socket));
        let socket = Socket::Unix(UnixListener::from_std(listener));
        Ok(Self { socket, _file: Some(file), nodelay: false, deferred: false })
    }

    fn of_tcp(socket: std::net::TcpListener) -> Self {
        Self {
            socket: Socket::Tcp(TcpListener::from_std(socket)),
            #[cfg(unix)]
            _file: None,
            nodelay: true,
            deferred: false,
        }
    }

    /// The address that it really has.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<Addr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().map(Addr::Ip),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.local_addr().map(|addr| Addr::of_unix(&addr)),
        }
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Addr)> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, addr) = socket.accept()?;
                if cfg!(not(target_os = "linux")) {
                    set_nodelay(&stream, self.nodelay);
                }
                Ok((Stream::Tcp(stream), addr.into()))
            }
            #[cfg(unix)]
            Socket::Unix(socket) => {
                let (stream, addr) = socket.accept()?;
                Ok((Stream::Unix(stream), Addr::of_unix(&addr)))
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> RawFd {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_raw_fd(),
            Socket::Unix(socket) => socket.as_raw_fd(),
        }
    }

    /// What the event queue watches, where that can't be done by a descriptor.
    #[cfg(not(unix))]
    pub(crate) fn source(&mut self) -> &mut TcpListener {
        let Socket::Tcp(socket) = &mut self.socket;
        socket
    }
}

/// Where accepted sockets don't inherit it. One that is gone already refuses it, which is no fault of the listener's.
fn set_nodelay(stream: &TcpStream, nodelay: bool) {
    let _ = stream.set_nodelay(nodelay);
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        // If it is gone already, or is not ours to remove, nothing is lost.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A socket at which nobody listens any more.
#[cfg(unix)]
fn is_left_over(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let answer = std::os::unix::net::UnixStream::connect(path);
    is_socket && answer.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn accepted(nodelay: bool) -> TcpStream {
        let options = ListenOptions { nodelay, ..ListenOptions::default() };
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), &options).unwrap();
        let Addr::Ip(addr) = listener.local_addr().unwrap() else { panic!("it listens at an address") };
        let _peer = std::net::TcpStream::connect(addr).unwrap();
        let (Stream::Tcp(stream), _) = listener.accept().unwrap() else { panic!("it is a socket") };
        stream
    }

    /// One call for the listener, and none for each connection that could fail.
    #[test]
    fn accepted_sockets_have_what_their_listener_was_told() {
        for nodelay in [true, false] {
            assert_eq!(accepted(nodelay).nodelay().unwrap(), nodelay);
        }
    }

    /// It was taken for a failed accept, and paused its listener.
    #[test]
    fn a_socket_that_refuses_an_option_is_accepted_all_the_same() {
        let (refuses, _peer) = UnixStream::pair().unwrap();
        refuses.set_nonblocking(true).unwrap();
        let refuses = TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(refuses)));
        assert!(refuses.set_nodelay(true).is_err(), "it is none of TCP");
        set_nodelay(&refuses, true);
    }
}
