//! Options of a connection's socket.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;

/// The default of [`SocketOptions::unsent_bytes`]: 64 KiB.
pub const UNSENT_BYTES: u32 = 64 << 10;

/// Options of a connection's socket. An option that is not set has the system's default. A unix socket uses only the two
/// buffer sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Sends small writes immediately, without Nagle's algorithm (`TCP_NODELAY`). Default: on.
    pub nodelay: bool,
    /// How many unsent bytes of a connection the kernel takes (`TCP_NOTSENT_LOWAT`). Zero is the system's default, which on
    /// Linux may be megabytes. Bytes that the kernel does not take stay in the outbox. There they are limited, and a
    /// message to many connections exists only once. So peers that do not read can't use up the memory that the kernel has
    /// for all sockets. Linux and Android only. Default: [`UNSENT_BYTES`].
    pub unsent_bytes: u32,
    /// Probes of a peer from which nothing comes (`SO_KEEPALIVE`). Default: none.
    pub keep_alive: Option<KeepAlive>,
    /// Each close of the socket sends a RST (`SO_LINGER` with a time of zero). Longer times are not offered: the close
    /// would block the reactor's thread, although the socket is non-blocking. Default: off.
    pub reset_on_close: bool,
    /// The size of the kernel's send buffer in bytes (`SO_SNDBUF`). Linux doubles it. Zero is the system's default.
    /// Default: 0.
    pub send_buffer_bytes: u32,
    /// The size of the kernel's receive buffer in bytes (`SO_RCVBUF`). Linux doubles it. Zero is the system's default.
    /// Default: 0.
    pub receive_buffer_bytes: u32,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            unsent_bytes: UNSENT_BYTES,
            keep_alive: None,
            reset_on_close: false,
            send_buffer_bytes: 0,
            receive_buffer_bytes: 0,
        }
    }
}

impl SocketOptions {
    /// Sets the options of a TCP socket. On Linux accepted sockets inherit all of them.
    pub(crate) fn set_tcp(&self, socket: SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if self.unsent_bytes > 0 {
            socket.set_tcp_notsent_lowat(self.unsent_bytes)?;
        }
        if let Some(keep_alive) = &self.keep_alive {
            socket.set_tcp_keepalive(&keep_alive.for_the_system())?;
        }
        if self.reset_on_close {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        self.set_buffers(&socket)
    }

    /// Sets the options of a unix socket. Accepted sockets inherit nothing.
    #[cfg(unix)]
    pub(crate) fn set_unix(&self, socket: SockRef<'_>) -> io::Result<()> {
        self.set_buffers(&socket)
    }

    fn set_buffers(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if self.send_buffer_bytes > 0 {
            socket.set_send_buffer_size(self.send_buffer_bytes as usize)?;
        }
        if self.receive_buffer_bytes > 0 {
            socket.set_recv_buffer_size(self.receive_buffer_bytes as usize)?;
        }
        Ok(())
    }
}

/// TCP keep-alive (RFC 9293 section 3.8.4). When nothing has come from the peer for a while, the kernel sends probes. If
/// none of them is answered, the connection is broken. This detects a peer whose machine is gone, but not a peer whose
/// program hangs: for that use a heartbeat or an idle timeout.
///
/// ```
/// use jackfield_reactor::KeepAlive;
/// use std::time::Duration;
///
/// // Broken after a minute of silence and three probes without an answer.
/// let keep_alive = KeepAlive::after(Duration::from_secs(60)).interval(Duration::from_secs(10)).probes(3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    idle: Duration,
    interval: Option<Duration>,
    probes: Option<u32>,
}

/// The longest time, and the most probes, that Linux accepts.
const SECONDS_MAX: u64 = 32_767;
const PROBES_MAX: u32 = 127;

impl KeepAlive {
    /// Sends the first probe when nothing came for `idle`, in whole seconds from 1 to 32,767. The interval and the number
    /// of probes have the system's defaults: on Linux 75 s and nine probes.
    #[must_use]
    pub fn after(idle: Duration) -> Self {
        Self { idle, interval: None, probes: None }
    }

    /// The time between two probes, in whole seconds from 1 to 32,767.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// After how many unanswered probes the connection is broken, from 1 to 127.
    #[must_use]
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = Some(probes);
        self
    }

    /// True if each time and number is within its bounds. The system refuses others.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let is_time = |time: Duration| (1..=SECONDS_MAX).contains(&time.as_secs());
        is_time(self.idle)
            && self.interval.is_none_or(is_time)
            && self.probes.is_none_or(|probes| (1..=PROBES_MAX).contains(&probes))
    }

    fn for_the_system(&self) -> TcpKeepalive {
        let mut keep_alive = TcpKeepalive::new().with_time(self.idle);
        if let Some(interval) = self.interval {
            keep_alive = keep_alive.with_interval(interval);
        }
        if let Some(probes) = self.probes {
            keep_alive = keep_alive.with_retries(probes);
        }
        keep_alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_the_system_refuses_are_known_before() {
        let seconds = Duration::from_secs;
        let rows = [
            (KeepAlive::after(seconds(1)), true),
            (KeepAlive::after(seconds(32_767)).interval(seconds(1)).probes(127), true),
            (KeepAlive::after(seconds(0)), false),
            (KeepAlive::after(Duration::from_millis(999)), false),
            (KeepAlive::after(seconds(32_768)), false),
            (KeepAlive::after(seconds(1)).interval(seconds(0)), false),
            (KeepAlive::after(seconds(1)).interval(seconds(32_768)), false),
            (KeepAlive::after(seconds(1)).probes(0), false),
            (KeepAlive::after(seconds(1)).probes(128), false),
        ];
        for (keep_alive, is_valid) in rows {
            assert_eq!(keep_alive.is_valid(), is_valid, "{keep_alive:?}");
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            let options = SocketOptions { keep_alive: Some(keep_alive), ..SocketOptions::default() };
            let taken = options.set_tcp(SockRef::from(&socket));
            assert!(!cfg!(target_os = "linux") || taken.is_ok() == is_valid, "{keep_alive:?}: {taken:?}");
        }
    }
}
