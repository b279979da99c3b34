//! The options of a listener's sockets.

use super::Listener;
use jackfield_reactor::KeepAlive;

impl Listener {
    /// New connections that the system keeps waiting; the kernel has an upper bound of its own. Default: 1024.
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
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.options.reuse_port = reuse;
        self
    }

    /// Gives each reactor a socket of its own at this address (`SO_REUSEPORT`), at which it accepts by itself; Linux only. The
    /// system spreads new connections by their addresses, evenly on average. None is handed over, which saves a short
    /// connection two wake-ups; but they don't go to the reactor that has the fewest, one that is held up keeps those that wait
    /// at its socket, and other processes of the same user may listen there too. Default: the first reactor accepts, and hands
    /// connections to the one that has the fewest.
    #[doc(alias = "SO_REUSEPORT")]
    #[must_use]
    pub fn each_reactor(mut self, each_reactor: bool) -> Self {
        self.each_reactor = each_reactor;
        self.options.reuse_port |= each_reactor;
        self
    }

    /// Lets a listener at an IPv6 address such as `[::]:80` take connections over IPv4 too. Their addresses are seen in
    /// mapped form (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2). Default: off, so that each address is what it seems.
    #[must_use]
    #[doc(alias = "SocketFamily")]
    pub fn dual_stack(mut self, dual_stack: bool) -> Self {
        self.options.dual_stack = dual_stack;
        self
    }

    /// Sends small writes at once, and does not wait for more to fill a segment. Default: on.
    #[doc(alias = "TCP_NODELAY")]
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options.socket.nodelay = nodelay;
        self
    }

    /// Lets the system probe peers that are silent, and break the connections of those that don't answer:
    /// `on_disconnect` then comes with [`Reason::Io`](crate::Reason::Io). For connections that have no heartbeat and no
    /// idle timeout. Times that the system does not take are an error of `bind`. Default: none.
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

    /// Makes each close of a socket a reset, so that nothing is left of it in the system. What the peer has not got by then
    /// may be lost. A time to wait (`SO_LINGER`) is not offered, for the system would hold the reactor meanwhile;
    /// `limits.reactor.linger` waits without that. Default: off.
    #[doc(alias = "SO_LINGER")]
    #[must_use]
    #[doc(alias = "LingerOnOff")]
    pub fn reset_on_close(mut self, reset: bool) -> Self {
        self.options.socket.reset_on_close = reset;
        self
    }

    /// The size of the system's buffer for what a connection sends, in bytes, of which Linux takes the double and no more
    /// than `net.core.wmem_max`; zero leaves it to the system, which then adapts it. Default: as the system has it.
    #[doc(alias = "SO_SNDBUF")]
    #[must_use]
    #[doc(alias = "BufSize")]
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.options.socket.send_buffer_bytes = bytes;
        self
    }

    /// The size of the system's buffer for what a connection receives, in bytes, of which Linux takes the double and no more
    /// than `net.core.rmem_max`; zero leaves it to the system, which then adapts it. Default: as the system has it.
    #[doc(alias = "SO_RCVBUF")]
    #[must_use]
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.options.socket.receive_buffer_bytes = bytes;
        self
    }

    /// Bytes of a connection that the system may keep before it has sent them; disabled by zero. The rest
    /// waits in the server, within its bounds: without this, peers that don't read can use up the memory that the
    /// system has for all sockets, and then nobody is served. Large bodies for fast peers cost more calls. Linux
    /// only. Default: 64 KiB.
    #[doc(alias = "TCP_NOTSENT_LOWAT")]
    #[must_use]
    pub fn notsent_lowat(mut self, bytes: u32) -> Self {
        self.options.socket.unsent_bytes = bytes;
        self
    }

    /// Leaves new connections that have said nothing yet to the system for about a second. Nearly all are accepted
    /// when their first bytes are there, so that a connection for one request costs one wake-up and not two: a
    /// quarter less of the processor, where that is what a server does. The price: a silent
    /// connection is invisible in that time, no limit and no timeout concerns it, and `on_connect` comes late. Not for protocols in
    /// which the server speaks first. Linux only. Default: off.
    #[doc(alias = "TCP_DEFER_ACCEPT")]
    #[must_use]
    pub fn defer_accept(mut self, deferred: bool) -> Self {
        self.options.deferred = deferred;
        self
    }
}
