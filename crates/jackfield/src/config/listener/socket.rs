//! The options of a listener's sockets.

use super::Listener;
use jackfield_reactor::KeepAlive;

impl Listener {
    /// How many new connections may wait in the system; the kernel has its own upper bound. Default: 1024.
    #[doc(alias = "ListenBacklog")]
    #[must_use]
    #[doc(alias = "ConnectionBacklog")]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.options.backlog = connections;
        self
    }

    /// Lets several sockets listen at the same address, in this process or others. Default: off.
    #[must_use]
    #[doc(alias = "ReuseAddr")]
    #[doc(alias = "ExclusiveAddr")]
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.options.reuse_port = reuse;
        self
    }

    /// Gives each reactor its own socket at this address (`SO_REUSEPORT`), at which it accepts by itself; Linux only. The
    /// system spreads new connections by their addresses, evenly on average. No connection moves to another reactor, which
    /// saves a short connection two wake-ups. But connections don't go to the reactor that has the fewest; if a reactor is held
    /// up, the connections at its socket wait; and other processes of the same user may listen there too. Default: the first
    /// reactor accepts, and gives each connection to the reactor that has the fewest.
    #[doc(alias = "SO_REUSEPORT")]
    #[must_use]
    pub fn each_reactor(mut self, each_reactor: bool) -> Self {
        self.each_reactor = each_reactor;
        self.options.reuse_port |= each_reactor;
        self
    }

    /// Lets a listener at an IPv6 address such as `[::]:80` accept IPv4 connections too. Their addresses appear in
    /// mapped form (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2). Default: off, so that no IPv4 address appears as
    /// IPv6.
    #[must_use]
    #[doc(alias = "SocketFamily")]
    pub fn dual_stack(mut self, dual_stack: bool) -> Self {
        self.options.dual_stack = dual_stack;
        self
    }

    /// Sends small writes at once, and does not wait until a segment is full. Default: on.
    #[doc(alias = "TCP_NODELAY")]
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options.socket.nodelay = nodelay;
        self
    }

    /// Lets the system probe silent peers, and break the connections of peers that don't answer: `on_disconnect` then
    /// comes with [`Reason::Io`](crate::Reason::Io). It is meant for connections without heartbeat and idle timeout.
    /// Times that the system does not accept are an error of `bind`. Default: none.
    ///
    /// ```
    /// use jackfield::{KeepAlive, Listener};
    /// use std::time::Duration;
    ///
    /// let keep_alive = KeepAlive::after(Duration::from_secs(60)).interval(Duration::from_secs(10)).probes(3);
    /// let listener = Listener::tcp("127.0.0.1:0").raw().keep_alive(keep_alive);
    /// ```
    #[doc(alias = "SO_KEEPALIVE")]
    #[must_use]
    #[doc(alias = "KeepAliveOnOff")]
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.options.socket.keep_alive = Some(keep_alive);
        self
    }

    /// Makes each close of a socket a reset, so that the system keeps nothing of it. Bytes that the peer has not received
    /// by then may be lost. There is no option for a time (`SO_LINGER`), because the system would block the reactor;
    /// `limits.reactor.linger` waits without blocking. Default: off.
    #[doc(alias = "SO_LINGER")]
    #[must_use]
    #[doc(alias = "LingerOnOff")]
    pub fn reset_on_close(mut self, reset: bool) -> Self {
        self.options.socket.reset_on_close = reset;
        self
    }

    /// The size of the system's send buffer of a connection, in bytes. Linux doubles it, up to `net.core.wmem_max`. With
    /// zero the system sets the size itself and adapts it. Default: the system's.
    #[doc(alias = "SO_SNDBUF")]
    #[must_use]
    #[doc(alias = "BufSize")]
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.options.socket.send_buffer_bytes = bytes;
        self
    }

    /// The size of the system's receive buffer of a connection, in bytes. Linux doubles it, up to `net.core.rmem_max`. With
    /// zero the system sets the size itself and adapts it. Default: the system's.
    #[doc(alias = "SO_RCVBUF")]
    #[must_use]
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.options.socket.receive_buffer_bytes = bytes;
        self
    }

    /// The most unsent bytes of a connection that the system holds; disabled by zero. The rest waits in the server,
    /// within its limits. Without this, peers that don't read can use up the system's memory for all sockets, and then
    /// no connection is served. Large bodies for fast peers need more system calls. Linux only. Default: 64 KiB.
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    #[must_use]
    pub fn notsent_lowat(mut self, bytes: u32) -> Self {
        self.options.socket.unsent_bytes = bytes;
        self
    }

    /// Leaves new connections that have sent nothing yet in the system for about a second. Nearly all are accepted when their
    /// first bytes have come, so that a connection for one request costs one wake-up and not two. A server for such connections
    /// then uses a quarter less processor time. The price: the server does not see a silent connection during that time, no
    /// limit and no timeout applies to it, and `on_connect` comes late. Do not use it for protocols in which the server sends
    /// first. Linux only. Default: off.
    #[doc(alias = "TCP_DEFER_ACCEPT")]
    #[must_use]
    pub fn defer_accept(mut self, deferred: bool) -> Self {
        self.options.deferred = deferred;
        self
    }
}
