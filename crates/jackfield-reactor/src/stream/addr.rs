//! The address of one end of a connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// The address of one end of a connection: an IP address with a port, or a unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addr {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A unix socket and its path. The client's end usually has no path.
    Unix(Option<Arc<Path>>),
}

impl Addr {
    /// The IP address and port. `None` for a unix socket.
    pub fn as_ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }

    /// The IP address without its port. `None` for a unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        self.as_ip().map(|addr| addr.ip())
    }

    /// The path of a unix socket, if it has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Ip(_) => None,
            Self::Unix(path) => path.as_deref(),
        }
    }

    #[cfg(unix)]
    pub(crate) fn of_unix(addr: &std::os::unix::net::SocketAddr) -> Self {
        Self::Unix(addr.as_pathname().map(Arc::from))
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

impl fmt::Display for Addr {
    /// `192.0.2.1:80`, `unix:/run/socket`, or `unix:` without a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.as_deref().unwrap_or(Path::new("")).display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_address_has_its_text() {
        let unix = |path: &str| Addr::Unix(Some(Path::new(path).into()));
        let v4 = SocketAddr::from(([192, 0, 2, 1], 80));
        let rows = [
            (Addr::from(v4), "192.0.2.1:80", Some(v4), None),
            (unix("/run/a"), "unix:/run/a", None, Some("/run/a")),
            (Addr::Unix(None), "unix:", None, None),
        ];
        for (addr, text, ip, path) in rows {
            assert_eq!((addr.to_string(), addr.as_ip()), (text.to_owned(), ip));
            assert_eq!((addr.ip(), addr.path()), (ip.map(|ip| ip.ip()), path.map(Path::new)));
        }
    }
}
