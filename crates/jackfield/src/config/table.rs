//! Each limit with its name, its unit, its value and what happens when it is reached.

use crate::config::limits::Limits;
use jackfield_reactor as reactor;
use std::time::Duration;

/// One row of the table of limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

impl Limits {
    /// Every limit with its present value.
    pub fn table(&self) -> Vec<LimitRow> {
        let mut rows = self.server_rows();
        rows.extend(self.http_rows());
        rows.extend(self.websocket_rows());
        #[cfg(feature = "deflate")]
        rows.extend(self.deflate_rows());
        rows.extend(self.transport_rows());
        rows.extend(self.time_rows());
        rows
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
                "connections_per_address_max",
                "connections",
                self.connections_per_address_max as u64,
                "one more of an address, or of a /64 of IPv6, is reset; disabled by zero",
            ),
            row(
                "accepts_per_address_max",
                "a second",
                self.accepts_per_address_max.into(),
                "one more new connection of an address, or of a /64, is reset; disabled by zero",
            ),
            row(
                "outgoing_max",
                "connections",
                self.outgoing_max as u64,
                "one more of this side's own is not begun, which is told at once",
            ),
            row(
                "memory_bytes_max",
                "bytes",
                self.memory_bytes_max as u64,
                "of all buffers: from 80 % on the larger connections are not read; at 100 % the largest are evicted: 503, 1013 or abort",
            ),
            row("mailbox_max", "commands", self.mailbox_max as u64, "one more is given back as full"),
            row(
                "mailbox_bytes_max",
                "bytes",
                self.mailbox_bytes_max as u64,
                "one more command is given back as full while that much waits",
            ),
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
                "413 and close, unless `on_head` plans otherwise",
            ),
            row(
                "rate.messages",
                "a second",
                self.rate.messages.into(),
                "not read for a while, or 429 or 1008 and close; disabled by zero",
            ),
            row("rate.bytes", "bytes a second", self.rate.bytes.into(), "the same"),
            row("control_frames", "a second", self.control_frames.into(), "1008 and close; disabled by zero"),
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
                "a longer unread body closes the connection after the answer",
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
                "a longer frame that is not whole moves to a buffer of its own",
            ),
            row(
                "websocket.stream_above",
                "bytes",
                websocket.stream_above as u64,
                "a longer message comes in parts, and a compressed one is answered with 1009",
            ),
            row(
                "websocket.fragments_max",
                "fragments",
                u64::from(websocket.fragments_max),
                "1008 and close; disabled by zero",
            ),
            row(
                "websocket.accept_unmasked",
                "0 or 1",
                u64::from(websocket.accept_unmasked),
                "0: a client's frame without a mask is answered with 1002; 1: it is taken, for tests",
            ),
        ]
    }

    #[cfg(feature = "deflate")]
    fn deflate_rows(&self) -> Vec<LimitRow> {
        let deflate = &self.deflate;
        vec![
            row(
                "deflate.mode",
                "0 to 2",
                deflate.mode as u64,
                "0: no compression; 1: one compressor for a reactor; 2: one for a connection",
            ),
            row(
                "deflate.message_bytes_min",
                "bytes",
                deflate.message_bytes_min as u64,
                "a shorter message is not compressed",
            ),
            row(
                "deflate.window_bits_max",
                "bits",
                deflate.window_bits_max.into(),
                "what is sent refers to no more than 2 to the power of this before it",
            ),
            row("deflate.level", "1 to 9", deflate.level.into(), "how hard to try"),
            row(
                "deflate.memory_bytes_max",
                "bytes",
                deflate.memory_bytes_max as u64,
                "of dedicated compressors: one more connection gets none",
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
                "one more of this reactor is closed silently",
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
                "of one connection's buffers, without bodies handed over whole: it is evicted: 413, 1009 or abort",
            ),
            row(
                "reactor.accepts_per_turn",
                "connections",
                reactor.accepts_per_turn as u64,
                "the others wait in the backlog for the next turn",
            ),
            row(
                "reactor.commands_per_turn",
                "commands",
                reactor.commands_per_turn as u64,
                "the others wait in the mailbox for the next turn",
            ),
            row(
                "reactor.timers_per_turn",
                "timers",
                reactor.timers_per_turn as u64,
                "the others fire in the next turn",
            ),
            row(
                "reactor.looks_per_turn",
                "connections",
                reactor.looks_per_turn as u64,
                "the others are looked at again in the next turn",
            ),
            row(
                "reactor.drains_per_turn",
                "connections",
                reactor.drains_per_turn as u64,
                "a drain of all goes on in the next turn",
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
                "Listener::notsent_lowat",
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
                "a connection whose peer took nothing in this time is aborted",
            ),
            row(
                "reactor.write_stall_bytes_min",
                "bytes",
                reactor.write_stall_bytes_min as u64,
                "a peer that took less of what waits in such a time is aborted",
            ),
            time(
                "reactor.flush_interval",
                reactor.flush_interval,
                "of a connection that closes: see the next row",
            ),
            row(
                "reactor.flush_interval_bytes_min",
                "bytes",
                reactor.flush_interval_bytes_min as u64,
                "a peer that took less of the rest in an interval is aborted",
            ),
            time(
                "reactor.linger",
                reactor.linger,
                "after our end: the connection is dropped if nothing came in this time",
            ),
            time("reactor.linger_max", reactor.linger_max, "after our end: the connection is dropped"),
            row(
                "reactor.lingering_max",
                "connections",
                reactor.lingering_max as u64,
                "of the connections that wait for their peer's end the oldest is dropped",
            ),
            time(
                "reactor.unread_wait",
                reactor.unread_wait,
                "read-paused in this time, with bytes unread and the peer closed: close",
            ),
            time(
                "reactor.memory_wait",
                reactor.memory_wait,
                "a connection that was memory-paused for this time is evicted, as above the budget",
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
            row(
                "requests_max",
                "requests",
                u64::from(self.requests_max),
                "the last answer says that it is, then close; disabled by zero",
            ),
            row(
                "half_closed",
                "0 or 1",
                u64::from(self.half_closed),
                "0: a client that closes its side while an answer is owed has left; 1: it gets the answer",
            ),
            time(
                "answer_timeout",
                self.answer_timeout,
                "503 where a client that closed its side waits; reset where nothing is written; disabled by zero",
            ),
            time("message_timeout", self.message_timeout, "1008 and close"),
            time("max_lifetime", self.max_lifetime, "1001 and close, after what is owed; disabled by zero"),
            time("lag_target", self.lag_target, "the reactor is behind: see the next row"),
            time(
                "lag_window",
                self.lag_window,
                "behind for this time: 503 for new connections, 1013 for upgrades",
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
