//! Every bound and every time of a server, in one place.

use crate::rate::Rate;
use jackfield_proto::{http1, websocket};
use jackfield_reactor as reactor;
use std::time::Duration;

/// Every bound and every time of a server. The defaults are meant for the open network.
///
/// [`Limits::table`] lists them with their units and what happens at each; `docs/limits.md` is that table.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections of the whole server; one more is refused with `503`, or with the busy banner. Default: 1,000,000,
    /// which is far beyond what the system's own limit on descriptors allows unless it was raised.
    pub connections_max: usize,
    /// Bytes that the buffers of all connections may hold on the heap, over all reactors: what was read and not used,
    /// messages and bodies that are not whole, and what waits for peers; of what is shared only the reference. From
    /// 80 % on those that hold much are not read, until 70 % is reached again; above it the largest are ended, with
    /// 503 or 1013 where that can still be said, by the reactor on which the last byte came. It is passed by no more
    /// than one read of each reactor, or the step by which one buffer grew, besides what callbacks queue in one turn;
    /// `usize::MAX`: any number. Default: 1 GiB. It is a fixed number, so that a server does the same on each
    /// machine: enough for 1,000 readers that have stopped with all that may be queued for them, and half of what a
    /// small machine has.
    pub memory_bytes_max: usize,
    /// Commands that wait in a reactor's mailbox; one more is given back as full. Default: 65,536.
    pub mailbox_max: usize,
    /// Messages and requests of one connection that are handed out in one turn; the rest waits for the next one.
    /// Default: 64.
    pub events_per_turn: usize,
    /// Topics of one connection. Default: 128.
    pub topics_max: usize,
    /// Bytes of a topic's name. Default: 255.
    pub topic_bytes_max: usize,
    /// Bytes of a line of a line protocol. A longer one is an event of its own, which closes by default.
    /// Default: 64 KiB.
    pub line_bytes_max: usize,
    /// What a connection may say in a second, from its beginning on;
    /// [`Connection::set_rate`](crate::Connection::set_rate) changes it. Default: any amount.
    pub rate: Rate,
    /// WebSocket Pings and Pongs of one connection in a second; then 1008 and close. Disabled by zero. Default: 100.
    pub control_frames: u32,
    /// Bytes of a request's body that is collected, unless its client says otherwise; more is answered with 413.
    /// Default: 1 MiB.
    pub body_bytes_max: u64,
    /// Bounds of HTTP heads and framing.
    pub http: http1::Limits,
    /// Bounds of WebSocket frames and messages.
    pub websocket: websocket::Limits,
    /// Bounds and times of the transport.
    pub reactor: reactor::Limits,
    /// Longest time for a request's head, from its first byte on; then 408 and close. Default: 10 s.
    pub head_timeout: Duration,
    /// How often the flow of a request's body is looked at. Default: 10 s.
    pub body_interval: Duration,
    /// The least that must come of a request's body in such an interval; otherwise 408 and close. Default: 10 KiB.
    pub body_interval_bytes_min: u64,
    /// Idle timeout of an HTTP connection between two requests; disabled by zero. Default: 75 s.
    pub http_idle: Duration,
    /// Idle timeout of a WebSocket without heartbeat; disabled by zero. Default: 120 s.
    pub websocket_idle: Duration,
    /// Idle timeout of a connection with a protocol of the user's own; disabled by zero. Default: 300 s.
    pub raw_idle: Duration,
    /// Idle time of a WebSocket after which it is pinged; zero: no heartbeat. Default: 30 s.
    pub heartbeat: Duration,
    /// Longest idle time after such a ping; then the connection is closed. Default: 20 s.
    pub heartbeat_dead: Duration,
    /// Idle time after which an event stream gets a comment; zero: none. Default: 15 s.
    pub events_heartbeat: Duration,
    /// Longest wait for the peer's Close after ours. Default: 5 s.
    pub close_wait: Duration,
    /// Longest wait for a deferred decision on an upgrade; then 503. Default: 10 s.
    pub upgrade_wait: Duration,
    /// Longest time for a WebSocket message that comes in pieces; then 1008. Default: 60 s.
    pub message_timeout: Duration,
    /// How long a connection may last, whatever it does; disabled by zero. Then it is drained as at a shutdown: a
    /// WebSocket gets 1001, and an answer that is owed is given, if it is given within `drain`. Default: any time.
    pub max_lifetime: Duration,
    /// A reactor whose events wait longer than this is behind: see `lag_window`. Zero: it may be behind for ever.
    /// Default: 5 ms.
    pub lag_target: Duration,
    /// A reactor that was behind for so long, without a millisecond of sleep meanwhile, is overloaded: new
    /// connections are refused with `503`, or with the busy banner, except as many as keep the lag at half its
    /// target; upgrades to WebSocket are closed with 1013. It is over when the lag was below half the target for so
    /// long. Default: 100 ms.
    pub lag_window: Duration,
    /// A callback that runs for longer than this is reported, and new connections go to other reactors meanwhile. It
    /// is the watchdog that sees it; zero: there is none. Default: 10 ms.
    pub callback_slow: Duration,
    /// A callback that runs for longer than this is reported once more, as one that may never end. Default: 1 s.
    pub callback_stall: Duration,
    /// Longest drain at shutdown; what is still there then is aborted. Default: 30 s.
    pub drain: Duration,
}

/// The most that one of a reactor's own buffers may hold.
const BUFFER_BYTES_MAX: usize = 1 << 30;

/// One row of the table of limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRow {
    /// Where it is set, from [`Limits`] on.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: &'static str,
    /// Its value unless it is set.
    pub value: u64,
    /// What happens when it is reached.
    pub consequence: &'static str,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_000_000,
            memory_bytes_max: 1 << 30,
            mailbox_max: 65_536,
            events_per_turn: 64,
            topics_max: 128,
            topic_bytes_max: 255,
            line_bytes_max: 64 << 10,
            rate: Rate::default(),
            control_frames: 100,
            body_bytes_max: 1 << 20,
            http: http1::Limits::default(),
            websocket: websocket::Limits::default(),
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
            message_timeout: Duration::from_secs(60),
            max_lifetime: Duration::ZERO,
            lag_target: Duration::from_millis(5),
            lag_window: Duration::from_millis(100),
            callback_slow: Duration::from_millis(10),
            callback_stall: Duration::from_secs(1),
            drain: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// Every limit with its present value.
    pub fn table(&self) -> Vec<LimitRow> {
        let mut rows = self.server_rows();
        rows.extend(self.http_rows());
        rows.extend(self.websocket_rows());
        rows.extend(self.transport_rows());
        rows.extend(self.time_rows());
        rows
    }

    /// Raises the bounds of memory where they don't allow for one buffer of so many bytes.
    pub(crate) fn make_room_for(&mut self, bytes: u64) {
        let room = usize::try_from(bytes.saturating_mul(2)).unwrap_or(usize::MAX);
        self.memory_bytes_max = self.memory_bytes_max.max(room);
        self.reactor.wire_memory_bytes_max = self.reactor.wire_memory_bytes_max.max(room);
    }

    /// What is wrong with these limits, one sentence each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let reactor = &self.reactor;
        let zero = [
            ("connections_max", self.connections_max),
            ("mailbox_max", self.mailbox_max),
            ("events_per_turn", self.events_per_turn),
            ("line_bytes_max", self.line_bytes_max),
            ("http.head_bytes_max", self.http.head_bytes_max),
            ("websocket.message_bytes_max", self.websocket.message_bytes_max),
            ("reactor.read_bytes", reactor.read_bytes),
            ("memory_bytes_max", self.memory_bytes_max),
            ("reactor.wires_max", reactor.wires_max),
            ("reactor.accepts_per_turn", reactor.accepts_per_turn),
            ("reactor.handshakes_per_turn", reactor.handshakes_per_turn),
        ];
        let zero = zero.iter().filter(|(_, value)| *value == 0);
        let mut faults: Vec<String> = zero.map(|(name, _)| format!("`{name}` must not be zero")).collect();
        let buffers = [
            ("reactor.carry_bytes_max", reactor.carry_bytes_max),
            ("reactor.read_bytes", reactor.read_bytes),
        ];
        for (name, bytes) in buffers {
            if bytes > BUFFER_BYTES_MAX {
                faults
                    .push(format!("`{name}` is at most {BUFFER_BYTES_MAX}: each reactor has such a buffer"));
            }
        }
        let times = [
            ("head_timeout", self.head_timeout),
            ("body_interval", self.body_interval),
            ("upgrade_wait", self.upgrade_wait),
            ("message_timeout", self.message_timeout),
            ("reactor.write_stall", reactor.write_stall),
            ("reactor.handshake", reactor.handshake),
        ];
        let times = times.iter().filter(|(_, time)| time.is_zero());
        faults.extend(times.map(|(name, _)| format!("`{name}` must not be zero: nobody could be in time")));
        if !self.heartbeat.is_zero() && self.heartbeat_dead.is_zero() {
            faults.push("`heartbeat_dead` must not be zero: no peer could answer a ping in time".into());
        }
        if self.http.head_bytes_max > http1::HEAD_BYTES_MAX {
            faults.push(format!("`http.head_bytes_max` is at most {}", http1::HEAD_BYTES_MAX));
        }
        if self.http.headers_max > http1::HEADERS_MAX {
            faults.push(format!("`http.headers_max` is at most {}", http1::HEADERS_MAX));
        }
        if reactor.outbox_bytes_low > reactor.outbox_bytes_high
            || reactor.outbox_bytes_high > reactor.outbox_bytes_max
        {
            faults.push("`reactor.outbox_bytes_low`, `_high` and `_max` must rise in this order".into());
        }
        // A buffer doubles as it grows.
        let kept = [
            ("websocket.message_bytes_max", self.websocket.message_bytes_max as u64),
            ("body_bytes_max", self.body_bytes_max),
        ];
        for (name, bytes) in kept {
            if bytes.saturating_mul(2) > reactor.wire_memory_bytes_max as u64 {
                faults.push(format!("twice `{name}` does not fit into `reactor.wire_memory_bytes_max`"));
            }
        }
        let carried = [
            ("http.head_bytes_max", self.http.head_bytes_max),
            (
                "websocket.frame_in_place_bytes_max",
                self.websocket.frame_in_place_bytes_max.saturating_add(14),
            ),
            ("line_bytes_max", self.line_bytes_max.saturating_add(2)),
        ];
        for (name, bytes) in carried {
            if bytes > reactor.carry_bytes_max {
                faults.push(format!("`{name}` does not fit into `reactor.carry_bytes_max`"));
            }
        }
        faults
    }

    fn server_rows(&self) -> Vec<LimitRow> {
        vec![
            row(
                "connections_max",
                "connections",
                self.connections_max as u64,
                "one more is answered with 503 or the busy banner, and closed",
            ),
            row(
                "memory_bytes_max",
                "bytes",
                self.memory_bytes_max as u64,
                "of all buffers: from 80 % on the larger ones' peers are not read; above it the largest are ended: 503, 1013 or abort",
            ),
            row("mailbox_max", "commands", self.mailbox_max as u64, "one more is given back as full"),
            row("events_per_turn", "events", self.events_per_turn as u64, "the rest waits for the next turn"),
            row("topics_max", "topics", self.topics_max as u64, "one more is refused"),
            row("topic_bytes_max", "bytes", self.topic_bytes_max as u64, "a longer name is refused"),
            row(
                "line_bytes_max",
                "bytes",
                self.line_bytes_max as u64,
                "`on_line_limit`, which aborts by default",
            ),
            row(
                "body_bytes_max",
                "bytes",
                self.body_bytes_max,
                "413 and close, unless the client plans otherwise",
            ),
            row(
                "rate.messages",
                "a second",
                self.rate.messages.into(),
                "not read for a while, or 429 or 1008 and close; 0: any number",
            ),
            row("rate.bytes", "bytes a second", self.rate.bytes.into(), "the same"),
            row("control_frames", "a second", self.control_frames.into(), "1008 and close; 0: any number"),
            row(
                "(history)",
                "events",
                0,
                "not built yet: none is kept, a stream that comes back begins anew",
            ),
        ]
    }

    fn http_rows(&self) -> Vec<LimitRow> {
        let http = &self.http;
        vec![
            row("http.head_bytes_max", "bytes", http.head_bytes_max as u64, "431 and close"),
            row("http.headers_max", "headers", http.headers_max as u64, "431 and close"),
            row("http.target_bytes_max", "bytes", http.target_bytes_max as u64, "414 and close"),
            row("http.chunk_line_bytes_max", "bytes", http.chunk_line_bytes_max as u64, "400 and close"),
            row(
                "http.chunk_extension_bytes_max",
                "bytes",
                http.chunk_extension_bytes_max as u64,
                "400 and close",
            ),
            row("http.trailer_bytes_max", "bytes", http.trailer_bytes_max as u64, "431 and close"),
            row(
                "http.drain_bytes_max",
                "bytes",
                http.drain_bytes_max,
                "an unread body of more closes the connection after the answer",
            ),
        ]
    }

    fn websocket_rows(&self) -> Vec<LimitRow> {
        let websocket = &self.websocket;
        vec![
            row(
                "websocket.message_bytes_max",
                "bytes",
                websocket.message_bytes_max as u64,
                "1009 and close, by the frame's header already",
            ),
            row(
                "websocket.frame_in_place_bytes_max",
                "bytes",
                websocket.frame_in_place_bytes_max as u64,
                "a longer frame that is not whole moves to a buffer of its message's own",
            ),
            row(
                "websocket.fragments_max",
                "fragments",
                u64::from(websocket.fragments_max),
                "1008 and close; 0: any number",
            ),
        ]
    }

    fn transport_rows(&self) -> Vec<LimitRow> {
        let reactor = &self.reactor;
        vec![
            row(
                "reactor.wires_max",
                "connections",
                reactor.wires_max as u64,
                "one more of this reactor is closed without a word",
            ),
            row(
                "reactor.read_bytes",
                "bytes",
                reactor.read_bytes as u64,
                "what one connection may read in a turn; the rest waits for the next one",
            ),
            row(
                "reactor.carry_bytes_first",
                "bytes",
                reactor.carry_bytes_first as u64,
                "what is kept between two reads grows with what comes",
            ),
            row(
                "reactor.carry_bytes_max",
                "bytes",
                reactor.carry_bytes_max as u64,
                "a connection that needs more between two reads is closed",
            ),
            row(
                "reactor.outbox_bytes_high",
                "bytes",
                reactor.outbox_bytes_high as u64,
                "the peer is not read until the outbox has drained",
            ),
            row(
                "reactor.outbox_bytes_low",
                "bytes",
                reactor.outbox_bytes_low as u64,
                "drained: read again, `on_drain`",
            ),
            row(
                "reactor.outbox_bytes_max",
                "bytes",
                reactor.outbox_bytes_max as u64,
                "the connection's overflow policy",
            ),
            row(
                "reactor.wire_memory_bytes_max",
                "bytes",
                reactor.wire_memory_bytes_max as u64,
                "of one connection's buffers, without bodies handed over whole: it is ended: 413, 1009 or abort",
            ),
            row(
                "reactor.accepts_per_turn",
                "connections",
                reactor.accepts_per_turn as u64,
                "the others wait in the backlog for the next turn",
            ),
            row(
                "reactor.handshakes_per_turn",
                "handshakes",
                reactor.handshakes_per_turn as u64,
                "the others wait for the next turn",
            ),
            row(
                "Listener::backlog",
                "connections",
                u64::from(reactor::BACKLOG),
                "the system refuses or drops one more",
            ),
            row(
                "Listener::unsent_bytes",
                "bytes",
                u64::from(reactor::UNSENT_BYTES),
                "the system takes no more of a connection's output; the rest waits in its outbox (Linux)",
            ),
        ]
    }

    fn time_rows(&self) -> Vec<LimitRow> {
        let reactor = &self.reactor;
        vec![
            time(
                "reactor.write_stall",
                reactor.write_stall,
                "a peer that took nothing for so long is aborted",
            ),
            time("reactor.linger", reactor.linger, "after our end: the connection is dropped"),
            time(
                "reactor.memory_wait",
                reactor.memory_wait,
                "a connection that was not read for so long for want of memory is ended as above the budget",
            ),
            time("reactor.handshake", reactor.handshake, "a TLS handshake that took longer is aborted"),
            time("head_timeout", self.head_timeout, "408 and close"),
            time("body_interval", self.body_interval, "408 and close if less came than the next row says"),
            row("body_interval_bytes_min", "bytes", self.body_interval_bytes_min, "see the row before"),
            time("http_idle", self.http_idle, "close"),
            time("websocket_idle", self.websocket_idle, "1001 and close; only without heartbeat"),
            time("raw_idle", self.raw_idle, "close"),
            time("heartbeat", self.heartbeat, "a ping"),
            time("heartbeat_dead", self.heartbeat_dead, "after that ping: abort"),
            time("events_heartbeat", self.events_heartbeat, "a comment"),
            time("close_wait", self.close_wait, "closed without the peer's Close"),
            time("upgrade_wait", self.upgrade_wait, "503"),
            time("message_timeout", self.message_timeout, "1008 and close"),
            time("max_lifetime", self.max_lifetime, "1001 and close, after what is owed; 0: any time"),
            time("lag_target", self.lag_target, "the reactor is behind: see the next row"),
            time(
                "lag_window",
                self.lag_window,
                "behind for so long: 503 for new connections, 1013 for upgrades",
            ),
            time(
                "callback_slow",
                self.callback_slow,
                "`on_slow_callback`; new connections go to other reactors",
            ),
            time("callback_stall", self.callback_stall, "`on_slow_callback` once more"),
            time("drain", self.drain, "what is left is aborted"),
        ]
    }
}

fn row(name: &'static str, unit: &'static str, value: u64, consequence: &'static str) -> LimitRow {
    LimitRow { name, unit, value, consequence }
}

fn time(name: &'static str, value: Duration, consequence: &'static str) -> LimitRow {
    let value = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    LimitRow { name, unit: "ms", value, consequence }
}
