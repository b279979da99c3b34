//! The process at the other end of a unix socket.

/// The process that connected over a unix socket, as it was when it connected (`SO_PEERCRED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The process id. The process may have ended since, and another process may have its id. 0: the process is in a namespace
    /// that this one does not see, as that of a container may be.
    pub pid: i32,
    /// The user id that it ran as.
    pub uid: u32,
    /// The group id that it ran as.
    pub gid: u32,
}

#[cfg(any(target_os = "android", target_os = "linux"))]
impl Credentials {
    pub(crate) fn of(stream: &mio::net::UnixStream) -> Option<Self> {
        use std::os::fd::AsFd;
        let (pid, uid, gid) = jackfield_sys::peer_credentials(stream.as_fd()).ok()?;
        Some(Self { pid, uid, gid })
    }
}
