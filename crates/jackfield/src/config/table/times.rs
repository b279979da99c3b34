//! Timeouts, and the least numbers of bytes within them.

use crate::config::limits::Limits;
use crate::config::table::{LimitRow, row, time};

impl Limits {
    /// Timeouts of writing, closing and waiting, for every protocol.
    pub(super) fn transport_time_rows(&self) -> Vec<LimitRow> {
        let reactor = &self.reactor;
        vec![
            time("reactor.write_stall", reactor.write_stall, "if the peer took no byte in this time: abort"),
            row(
                "reactor.write_stall_bytes_min",
                "bytes",
                reactor.write_stall_bytes_min as u64,
                "if the peer took fewer bytes in `write_stall`: abort",
            ),
            time(
                "reactor.flush_interval",
                reactor.flush_interval,
                "while a connection closes: see the next row",
            ),
            row(
                "reactor.flush_interval_bytes_min",
                "bytes",
                reactor.flush_interval_bytes_min as u64,
                "if the peer took fewer bytes in `flush_interval`: abort",
            ),
            time(
                "reactor.linger",
                reactor.linger,
                "after our FIN: the connection is dropped if nothing came in this time",
            ),
            time(
                "reactor.linger_max",
                reactor.linger_max,
                "after our FIN: the connection is dropped, even if bytes still come",
            ),
            row(
                "reactor.lingering_max",
                "connections",
                reactor.lingering_max as u64,
                "connections that linger after our FIN: the oldest is dropped",
            ),
            time(
                "reactor.unread_wait",
                reactor.unread_wait,
                "read-paused for this time, with unread bytes and a peer that has closed: close",
            ),
            time(
                "reactor.memory_wait",
                reactor.memory_wait,
                "a connection that was not read for this time because memory is short is evicted",
            ),
            time(
                "reactor.handshake",
                reactor.handshake,
                "a TLS handshake or PROXY header that takes longer: abort",
            ),
        ]
    }

    /// Timeouts for a peer's next bytes.
    pub(super) fn wait_rows(&self) -> Vec<LimitRow> {
        vec![
            time("head_timeout", self.head_timeout, "408 and close"),
            time(
                "body_interval",
                self.body_interval,
                "408 and close if fewer bytes of a body came than the next row says",
            ),
            row("body_interval_bytes_min", "bytes", self.body_interval_bytes_min, "see the row before"),
            time("http_idle", self.http_idle, "close"),
            time("websocket_idle", self.websocket_idle, "1001 and close; only without heartbeat"),
            time("raw_idle", self.raw_idle, "close"),
            time("heartbeat", self.heartbeat, "a ping is sent"),
            time(
                "heartbeat_dead",
                self.heartbeat_dead,
                "if no byte came for this time after the ping: abort",
            ),
            time("events_heartbeat", self.events_heartbeat, "a comment is sent"),
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
                "the last answer has `Connection: close`, then close; disabled by zero",
            ),
            row(
                "half_closed",
                "0 or 1",
                u64::from(self.half_closed),
                "0: a peer that closes its side before its answer counts as gone; 1: it gets the answer",
            ),
            time(
                "answer_timeout",
                self.answer_timeout,
                "503 for a peer that closed its side and waits; reset of a streamed answer to which nothing is written; disabled by zero",
            ),
            time("message_timeout", self.message_timeout, "1008 and close"),
            time(
                "max_lifetime",
                self.max_lifetime,
                "1001 and close, after an answer that is still to come; disabled by zero",
            ),
        ]
    }

    /// Times of overload, slow callbacks and the drain.
    pub(super) fn overload_rows(&self) -> Vec<LimitRow> {
        vec![
            time("lag_target", self.lag_target, "the reactor lags: see the next row"),
            time(
                "lag_window",
                self.lag_window,
                "lag above `lag_target` for this time: 503 for the new connections that are too many, 1013 for upgrades",
            ),
            time(
                "callback_slow",
                self.callback_slow,
                "`on_slow_callback`; new connections go to other reactors",
            ),
            time("callback_stall", self.callback_stall, "`on_slow_callback` once more"),
            time("drain", self.drain, "connections that are left are aborted"),
            time(
                "drain_spread",
                self.drain_spread,
                "at a signal the connections are drained one by one, spread over this time; disabled by zero",
            ),
        ]
    }
}
