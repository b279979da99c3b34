//! What the system is told of a socket before it carries bytes.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;

/// Bytes of a connection that the system may keep before it has sent them, unless told otherwise.
pub const UNSENT_BYTES: u32 = 64 << 10;

/// Options of the socket of a connection. What is not set is as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Sends small writes at once instead of waiting to fill a segment (`TCP_NODELAY`). Default: on.
    pub nodelay: bool,
    /// Bytes of a connection that the system may keep before it has sent them (`TCP_NOTSENT_LOWAT`); zero: as many as it
    /// likes, which on Linux may be megabytes. What it does not take waits in the outbox, where it is bounded and, if it is
    /// shared, is there only once: so peers that don't read can't use up the memory that the system has for all sockets.
    /// Linux only. Default: [`UNSENT_BYTES`].
    pub unsent_bytes: u32,
    /// Probes for a peer that is silent (`SO_KEEPALIVE`). Default: none.
    pub keep_alive: Option<KeepAlive>,
    /// Each close of the socket is a reset (`SO_LINGER` with a time of zero). A longer time is not offered: the system would
    /// hold the thread that closes, although the socket does not block. Default: off.
    pub reset_on_close: bool,
    /// The size of the system's send buffer (`SO_SNDBUF`), of which Linux takes the double; zero: as the system has it.
    /// Default: 0.
    pub send_buffer_bytes: u32,
    /// The size of the system's receive buffer (`SO_RCVBUF`), of which Linux takes the double; zero: as the system has it.
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
    /// Tells a socket of TCP. On Linux those that a listener accepts inherit all of it.
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

    /// Tells a unix socket. Those that a listener accepts inherit nothing.
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

/// How the system looks after a peer that is silent (TCP keep-alive, RFC 9293 section 3.8.4): it sends probes, and a
/// connection whose peer answers none of them is broken. It finds out that the peer's machine is gone, not that its program
/// hangs: a heartbeat or an idle timeout does that.
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

/// The longest time, and the most probes, that Linux takes.
const SECONDS_MAX: u64 = 32_767;
const PROBES_MAX: u32 = 127;

impl KeepAlive {
    /// Probes begin when nothing came for this time, in whole seconds from 1 to 32,767. Default of the others: what the
    /// system has, which on Linux is a probe every 75 s, nine times.
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

    /// How many probes without an answer break the connection, from 1 to 127.
    #[must_use]
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = Some(probes);
        self
    }

    /// Whether the system can be told so: each time and number is within its bounds.
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
    fn what_the_system_would_refuse_is_known_before() {
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
