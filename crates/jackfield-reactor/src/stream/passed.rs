//! Listening sockets that a service manager has passed to this process.

use socket2::{Domain, SockRef, Type};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
#[cfg(unix)]
use std::os::fd::OwnedFd;
#[cfg(unix)]
use std::os::unix::net::UnixListener;

/// A listening socket that was passed to this process.
#[derive(Debug)]
pub enum Passed {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A unix socket.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Passed {
    /// Takes the sockets that a service manager has passed to this process, each with its name, as in `sd_listen_fds(3)`. A
    /// second call gives none. Empty if there are none, or if the system is neither Linux nor Android.
    ///
    /// # Errors
    /// The error of the system, or one of the descriptors is not a listening stream socket.
    pub fn take() -> io::Result<Vec<(String, Self)>> {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        return jackfield_sys::take_passed()?.into_iter().map(Self::named).collect();
        #[cfg(not(any(target_os = "android", target_os = "linux")))]
        return Ok(Vec::new());
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn named((name, descriptor): (String, OwnedFd)) -> io::Result<(String, Self)> {
        match Self::of(descriptor) {
            Ok(socket) => Ok((name, socket)),
            Err(error) => Err(io::Error::new(error.kind(), format!("`{name}`, which was passed: {error}"))),
        }
    }

    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let socket = SockRef::from(&descriptor);
        let is_listener = socket.r#type()? == Type::STREAM && socket.is_listener()?;
        match socket.domain()? {
            Domain::UNIX if is_listener => Ok(Self::Unix(descriptor.into())),
            Domain::IPV4 | Domain::IPV6 if is_listener => Ok(Self::Tcp(descriptor.into())),
            _ => Err(io::Error::new(
                ErrorKind::InvalidInput,
                "no listening socket for TCP or of the file system",
            )),
        }
    }
}

#[cfg(all(test, any(target_os = "android", target_os = "linux")))]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixStream;

    #[test]
    fn only_sockets_that_listen_are_taken() {
        let tcp = || TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = tcp().local_addr().unwrap();
        let listening = tcp();
        let stream = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        let wrong: [OwnedFd; 4] = [
            stream.into(),
            UdpSocket::bind("127.0.0.1:0").unwrap().into(),
            UnixStream::pair().unwrap().0.into(),
            std::fs::File::open("/dev/null").unwrap().into(),
        ];
        assert!(matches!(Passed::of(listening.into()), Ok(Passed::Tcp(_))), "{addr}");
        for descriptor in wrong {
            assert!(Passed::named(("web".into(), descriptor)).unwrap_err().to_string().contains("`web`"));
        }
    }
}
