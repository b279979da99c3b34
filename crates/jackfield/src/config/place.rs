//! The places where a listener can listen.

#[cfg(unix)]
use jackfield_reactor::Addr;
use std::fmt;
use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::UnixListener;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;

/// Where a listener listens.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// An address, or a name, with a port.
    Tcp(String),
    /// A file.
    #[cfg(unix)]
    Unix(PathBuf),
    /// A socket that is listening already.
    Adopted(Arc<TcpListener>),
    #[cfg(unix)]
    AdoptedUnix(Arc<UnixListener>),
}

impl Place {
    /// Connections there have no IP address.
    pub(crate) fn has_no_addresses(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Unix(_) | Self::AdoptedUnix(_) => true,
            Self::Tcp(_) | Self::Adopted(_) => false,
        }
    }

    /// The server makes a file there.
    pub(crate) fn makes_file(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Unix(_) => true,
            _ => false,
        }
    }

    /// The socket was passed to this process, and others may hold it too.
    pub(crate) fn is_adopted(&self) -> bool {
        match self {
            Self::Adopted(_) => true,
            #[cfg(unix)]
            Self::AdoptedUnix(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => f.write_str(addr),
            #[cfg(unix)]
            Self::Unix(path) => Addr::Unix(Some(path.as_path().into())).fmt(f),
            Self::Adopted(socket) => match socket.local_addr() {
                Ok(addr) => addr.fmt(f),
                Err(_) => f.write_str("an adopted socket"),
            },
            #[cfg(unix)]
            Self::AdoptedUnix(socket) => {
                match socket.local_addr().ok().and_then(|addr| addr.as_pathname().map(PathBuf::from)) {
                    Some(path) => write!(f, "unix:{}", path.display()),
                    None => f.write_str("an adopted unix socket"),
                }
            }
        }
    }
}
