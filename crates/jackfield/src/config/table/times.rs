//! Timeouts, and what is counted within them.

use crate::config::limits::Limits;
use crate::config::table::{LimitRow, row, time};

impl Limits {
    /// Of writing, closing and waiting, whatever is spoken.
    pub(super) fn write_rows(&self) -> Vec<LimitRow> {
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
        ]
    }

    /// How long is waited for a peer.
    pub(super) fn wait_rows(&self) -> Vec<LimitRow> {
        vec![
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
        ]
    }

    /// How long a connection and its exchanges may last.
    pub(super) fn lifetime_rows(&self) -> Vec<LimitRow> {
        vec![
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
        ]
    }

    /// Of overload, slow callbacks and the end.
    pub(super) fn overload_rows(&self) -> Vec<LimitRow> {
        vec![
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
            time(
                "drain_spread",
                self.drain_spread,
                "at a signal each connection is drained at its own part of this time; disabled by zero",
            ),
        ]
    }
}
