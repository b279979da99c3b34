//! Every limit and every timeout of a server, in one place.

#[cfg(feature = "deflate")]
use crate::config::deflate::Deflate;
use crate::config::rate::Rate;
use crate::config::when_full::WhenFull;
use jackfield_proto::{http1, websocket};
use jackfield_reactor as reactor;
use jackfield_reactor::Bandwidth;
use std::time::Duration;

/// Every limit and every timeout of a server. The defaults are made for the internet.
///
/// ```
/// use jackfield::{Limits, Server};
/// use std::time::Duration;
///
/// let server = Server::builder()
///     .listen("127.0.0.1:0")
///     .preset(Limits::lan())
///     .limits(|limits| {
///         limits.http_idle = Duration::from_secs(20);
///         limits.websocket.message_bytes_max = 64 << 10;
///     })
///     .bind()?;
/// # Ok::<(), jackfield::Error>(())
/// ```
///
/// [`Limits::table`] lists them with their units and what happens at each; `docs/limits.md` is that table. Fields are set
/// with [`ServerBuilder::limits`](crate::ServerBuilder::limits) for the whole server and with
/// [`Listener::limits`](crate::Listener::limits) for one listener, but those that count for the whole server
/// ([`LimitRow::is_server_wide`](crate::LimitRow::is_server_wide)). More fields may be added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The most connections of the whole server, or of one listener if that sets it; one more is refused with `503`, or
    /// with the busy banner. Default: 1,000,000, which is far more than the system's own limit for descriptors allows,
    /// unless that was raised.
    pub connections_max: usize,
    /// What happens to one more connection. Default: it is refused.
    pub when_full: WhenFull,
    /// The most connections of one address, or of one IPv6 network of 64 bits, at the listeners that set this limit, all together;
    /// if they set different values, each compares the same count with its own. One more is reset before any work is done for it,
    /// without a banner. Trusted proxies of a listener are not limited, and neither are unix sockets. Behind
    /// [`Listener::proxy_required`](crate::Listener::proxy_required) the address that the proxy names counts. Disabled by zero.
    /// Default: disabled, because many users may share one address.
    #[doc(alias = "MaxConnectionsPerIP")]
    pub connections_per_address_max: usize,
    /// The most new connections of one address in a second, and also the largest burst; one more is reset. The server
    /// remembers the rates of some 16,000 addresses; if there are more, addresses that connect seldom are forgotten and
    /// start again. Listeners with different values count apart. In all else it is like `connections_per_address_max`.
    /// Disabled by zero; more than a million counts as a million. Default: disabled.
    pub accepts_per_address_max: u32,
    /// The most outgoing connections of the whole server that have not ended: [`Outgoing`](crate::Outgoing). One more is not
    /// begun. They don't count for `connections_max`. Default: 65,536.
    pub outgoing_max: usize,
    /// Bytes that the buffers of all connections may hold on the heap, over all reactors: bytes that were read and not
    /// used, messages and bodies that are not complete, and bytes that wait for peers; with TLS also unfinished handshake
    /// messages and records. Of shared memory only the reference counts. What each connection has from its beginning is no
    /// part of it: 264 bytes, or up to 8 KiB with TLS, so add up `connections_max` of them. Histories of topics are not part of
    /// it either: [`History::max_bytes`](crate::History::max_bytes) limits each.
    ///
    /// When 80 % is used, connections that hold much are not read, until use is back at 70 %. At 100 % the connections
    /// that hold most are ended, with 503 or 1013 if that can still be sent. The limit can be exceeded by one read of each
    /// reactor, or one growth of a buffer, and by the bytes that callbacks queue in one turn. Disabled by `usize::MAX`.
    /// Default: 1 GiB, the same on each machine: enough for the full queues of 1,000 peers that do not read.
    pub memory_bytes_max: usize,
    /// The most commands that wait in a reactor's mailbox; one more is refused as full. Default: 65,536.
    pub mailbox_max: usize,
    /// The most bytes of the commands that wait in a reactor's mailbox. They are counted before the next command, so no
    /// command is refused for its own size. They are part of `memory_bytes_max`. One more is refused as full. A command
    /// counts with the heap memory that it owns, such as a message, a body or the bytes of a posted `Vec<u8>`. What the
    /// server can't see does not count: heap memory behind a posted value of a type of your own, unless it is posted with
    /// [`Handle::post_sized`](crate::Handle::post_sized), and heap memory behind what the closures of
    /// [`Handle::run_on`](crate::Handle::run_on) and [`Handle::with_client`](crate::Handle::with_client) have captured.
    /// Results of [`Handle::offload`](crate::Handle::offload) are charged, and never refused. Default: 64 MiB.
    pub mailbox_bytes_max: usize,
    /// The most messages and requests of one connection that are delivered in one turn; the rest waits for the next
    /// turn. Default: 64.
    pub events_per_turn: usize,
    /// Topics of one connection. Default: 128.
    pub topics_max: usize,
    /// Bytes of a topic's name. Default: 255.
    pub topic_bytes_max: usize,
    /// The longest line of a line protocol, in bytes without its line end. A longer one gives `on_line_limit`, which aborts by
    /// default. Default: 64 KiB.
    #[doc(alias = "LineLimit")]
    pub line_bytes_max: usize,
    /// What a peer may send in a second, from the beginning of its connection;
    /// [`Connection::set_rate`](crate::Connection::set_rate) changes it. Default: any amount.
    pub rate: Rate,
    /// Bytes that a connection may receive and send in a second, from its beginning on;
    /// [`Connection::set_bandwidth`](crate::Connection::set_bandwidth) changes it. Default: any number.
    pub bandwidth: Bandwidth,
    /// The most WebSocket pings and pongs of one connection in a second; then 1008 and close. More than 65,534 counts
    /// as 65,534. Disabled by zero. Default: 100.
    pub control_frames: u32,
    /// The longest request body that is collected, in bytes, unless `on_head` decides otherwise; a longer one gets 413.
    /// Default: 1 MiB.
    pub body_bytes_max: u64,
    /// Limits of HTTP heads and framing: [`proto::http1::Limits`](jackfield_proto::http1::Limits).
    pub http: http1::Limits,
    /// Limits of WebSocket frames and messages: [`proto::websocket::Limits`](jackfield_proto::websocket::Limits).
    pub websocket: websocket::Limits,
    /// Whether WebSocket messages are compressed, and how. A listener may have its own `mode`. Default: disabled.
    #[cfg(feature = "deflate")]
    pub deflate: Deflate,
    /// Limits and timeouts of the transport: [`reactor::Limits`](jackfield_reactor::Limits). A listener can have its own but for
    /// `wires_max`, `read_bytes`, `carry_bytes_first`, `lingering_max`, and the limits of a turn.
    pub reactor: reactor::Limits,
    /// Longest time for a request's head, from its first byte on; then 408 and close. Default: 10 s.
    pub head_timeout: Duration,
    /// How often the speed of a request's body is checked. Default: 10 s.
    pub body_interval: Duration,
    /// The least bytes of a request's body that must come in such an interval; otherwise 408 and close. Default: 10
    /// KiB.
    pub body_interval_bytes_min: u64,
    /// Idle timeout of an HTTP connection between two requests; disabled by zero. A request that has begun is not idle:
    /// `head_timeout` and `body_interval` are its deadlines. Neither is an answer, until the kernel has all of it.
    /// Default: 75 s.
    #[doc(alias = "DefaultIdleTimeout")]
    #[doc(alias = "setTtl")]
    pub http_idle: Duration,
    /// Idle timeout of a WebSocket without heartbeat: the longest time in which nothing comes and nothing is sent;
    /// disabled by zero. Default: 120 s.
    pub websocket_idle: Duration,
    /// Idle timeout of a connection with your own protocol, accepted or outgoing: [`Client::on_goodbye`](crate::Client::on_goodbye)
    /// comes, and it is closed. [`Connection::set_idle_timeout`](crate::Connection::set_idle_timeout) changes it for one connection.
    /// Disabled by zero. Default: 300 s.
    pub raw_idle: Duration,
    /// Idle time of a WebSocket after which it is pinged; disabled by zero. Default: 30 s.
    #[doc(alias = "WSPingEnabled")]
    #[doc(alias = "DefaultHeartbeatInterval")]
    pub heartbeat: Duration,
    /// Longest idle time after such a ping; then the connection is closed. Default: 20 s.
    pub heartbeat_dead: Duration,
    /// Idle time after which an event stream gets a comment; disabled by zero. Default: 15 s.
    pub events_heartbeat: Duration,
    /// Longest wait for the peer's Close after ours. The time for which a bandwidth limit holds ours back comes in addition. If it
    /// keeps bytes of the peer unread, the wait is up to four times as long. Default: 5 s.
    #[doc(alias = "WaitForCloseResponse")]
    pub close_wait: Duration,
    /// Longest wait for a deferred decision on an upgrade; then 503. Default: 10 s.
    pub upgrade_wait: Duration,
    /// The most requests on one connection; the answer to the last one has `Connection: close`, and the connection closes.
    /// Disabled by zero. Default: disabled.
    #[doc(alias = "MaxRequestsKeepAlive")]
    pub requests_max: u32,
    /// Whether a peer that closes its side while its answer is deferred, or is being sent in parts, still gets it. `false`:
    /// the peer counts as gone, and its connection ends immediately with [`Reason::Peer`](crate::Reason::Peer), so that no work
    /// is done for a peer that has left. `true`: the connection is kept, for peers that half-close (RFC 9112 section 9.6),
    /// and `answer_timeout` bounds the wait. In both cases, an answer that is given in the request's own callback is sent,
    /// and so is a file (`Files`), and an event stream ends. Default: `false`.
    pub half_closed: bool,
    /// Longest wait for the answer to a peer that has closed its side; then 503 and close. Also the longest time in
    /// which nothing is written to an answer that is being sent in parts; then it is reset. The second is checked once
    /// in each such time, so it may take up to twice as long. Disabled by zero. Default: 60 s.
    pub answer_timeout: Duration,
    /// Longest time for a WebSocket message that comes in pieces; then 1008. Default: 60 s.
    pub message_timeout: Duration,
    /// How long a connection may last, whatever it does; disabled by zero. Then it is drained as at a shutdown: a
    /// WebSocket gets 1001, and an answer that is still to come is sent, if it comes within `drain`. Default: disabled.
    pub max_lifetime: Duration,
    /// A reactor whose events wait longer than this lags: see `lag_window`. Disabled by zero. Default: 5 ms.
    pub lag_target: Duration,
    /// A reactor that lagged for this time, and did not sleep for a millisecond meanwhile, is overloaded. Then it admits
    /// only as many new connections as keep the lag at half its target. The others get `503`, or the busy banner, and
    /// upgrades to WebSocket are closed with 1013. Overload ends when the lag was below half the target for this time.
    /// Default: 100 ms.
    pub lag_window: Duration,
    /// A callback that runs for longer than this is reported, and new connections go to other reactors meanwhile. The
    /// watchdog notices it; zero disables the watchdog. Default: 10 ms.
    pub callback_slow: Duration,
    /// A callback that runs for longer than this is reported once more, as one that may never end. Default: 1 s.
    pub callback_stall: Duration,
    /// Longest drain at a shutdown; connections that are left then are aborted. Default: 30 s.
    pub drain: Duration,
    /// The time over which a shutdown by a signal spreads the drain of the connections:
    /// [`Drain::spread`](crate::Drain::spread). Not longer than `drain`. Default: zero, and all are drained at the same time.
    pub drain_spread: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_000_000,
            when_full: WhenFull::Refuse,
            connections_per_address_max: 0,
            accepts_per_address_max: 0,
            outgoing_max: 65_536,
            memory_bytes_max: 1 << 30,
            mailbox_max: 65_536,
            mailbox_bytes_max: 64 << 20,
            events_per_turn: 64,
            topics_max: 128,
            topic_bytes_max: 255,
            line_bytes_max: 64 << 10,
            rate: Rate::default(),
            bandwidth: Bandwidth::default(),
            control_frames: 100,
            body_bytes_max: 1 << 20,
            http: http1::Limits::default(),
            websocket: websocket::Limits::default(),
            #[cfg(feature = "deflate")]
            deflate: Deflate::default(),
            reactor: reactor::Limits::default(),
            head_timeout: Duration::from_secs(10),
            body_interval: Duration::from_secs(10),
            body_interval_bytes_min: 10 << 10,
            http_idle: Duration::from_secs(75),
            websocket_idle: Duration::from_secs(120),
            raw_idle: Duration::from_secs(300),
            heartbeat: Duration::from_secs(30),
            heartbeat_dead: Duration::from_secs(20),
            events_heartbeat: Duration::from_secs(15),
            close_wait: Duration::from_secs(5),
            upgrade_wait: Duration::from_secs(10),
            half_closed: false,
            requests_max: 0,
            answer_timeout: Duration::from_secs(60),
            message_timeout: Duration::from_secs(60),
            max_lifetime: Duration::ZERO,
            lag_target: Duration::from_millis(5),
            lag_window: Duration::from_millis(100),
            callback_slow: Duration::from_millis(10),
            callback_stall: Duration::from_secs(1),
            drain: Duration::from_secs(30),
            drain_spread: Duration::ZERO,
        }
    }
}

impl Limits {
    /// These limits with a change, as one expression.
    ///
    /// ```
    /// use jackfield::Limits;
    ///
    /// let limits = Limits::internet().with(|limits| limits.connections_max = 5);
    /// assert_eq!(limits.connections_max, 5);
    /// ```
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
