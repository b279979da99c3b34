//! Where a listener listens.

use std::fmt;
use std::net::TcpListener;
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
    /// A socket that listens already.
    Adopted(Arc<TcpListener>),
}

impl Place {
    /// Those who connect there have no address.
    pub(crate) fn has_no_addresses(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Unix(_) => true,
            Self::Tcp(_) | Self::Adopted(_) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => f.write_str(addr),
            #[cfg(unix)]
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Adopted(socket) => match socket.local_addr() {
                Ok(addr) => addr.fmt(f),
                Err(_) => f.write_str("an adopted socket"),
            },
        }
    }
}
