//! The address of one end of a connection.

#[cfg(any(target_os = "android", target_os = "linux"))]
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
#[cfg(any(target_os = "android", target_os = "linux"))]
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;

/// The address of one end of a connection: an IP address with a port, or a unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addr {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A unix socket and its path. The client's end usually has no path. A listener in Linux's abstract namespace has a zero byte
    /// and its name.
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

    /// The address of this side, which may be a name without a file.
    #[cfg(unix)]
    pub(crate) fn of_own_unix(addr: &std::os::unix::net::SocketAddr) -> Self {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Some(name) = addr.as_abstract_name() {
            let path = OsString::from_vec([b"\0", name].concat());
            return Self::Unix(Some(Path::new(&path).into()));
        }
        Self::of_unix(addr)
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

impl fmt::Display for Addr {
    /// `192.0.2.1:80`, `unix:/run/socket`, `unix:@name` for a name without a file, or `unix:` without a path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self {
            Self::Ip(addr) => return addr.fmt(f),
            Self::Unix(path) => path.as_deref().unwrap_or(Path::new("")),
        };
        match path.as_os_str().as_encoded_bytes().first() {
            Some(0) => write!(f, "unix:@{}", &path.to_string_lossy()[1..]),
            _ => write!(f, "unix:{}", path.display()),
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
            (unix("\0name"), "unix:@name", None, Some("\0name")),
            (Addr::Unix(None), "unix:", None, None),
        ];
        for (addr, text, ip, path) in rows {
            assert_eq!((addr.to_string(), addr.as_ip()), (text.to_owned(), ip));
            assert_eq!((addr.ip(), addr.path()), (ip.map(|ip| ip.ip()), path.map(Path::new)));
        }
    }
}
