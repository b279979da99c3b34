//! Which process is at the other end of a unix socket.

/// Which process connected over a unix socket, as the system knew it when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The number of the process. It may have ended, and another may have its number.
    pub pid: i32,
    /// The user that it ran as.
    pub uid: u32,
    /// The group that it ran as.
    pub gid: u32,
}

#[cfg(any(target_os = "android", target_os = "linux"))]
impl Credentials {
    pub(crate) fn of(stream: &mio::net::UnixStream) -> Option<Self> {
        let found = rustix::net::sockopt::socket_peercred(stream).ok()?;
        Some(Self { pid: found.pid.as_raw_nonzero().get(), uid: found.uid.as_raw(), gid: found.gid.as_raw() })
    }
}
