//! The limits of the server as a whole, and those of every protocol.

use crate::config::limits::Limits;
use crate::config::table::{LimitRow, row};

impl Limits {
    pub(super) fn server_rows(&self) -> Vec<LimitRow> {
        vec![
            row(
                "connections_max",
                "connections",
                self.connections_max as u64,
                "one more gets 503 or the busy banner (over TLS nothing), and is closed; or what `when_full` says",
            ),
            row(
                "connections_per_address_max",
                "connections",
                self.connections_per_address_max as u64,
                "one more from an address, or from an IPv6 /64, is reset; disabled by zero",
            ),
            row(
                "accepts_per_address_max",
                "a second",
                self.accepts_per_address_max.into(),
                "one more new connection from an address, or from an IPv6 /64, is reset; disabled by zero",
            ),
            row(
                "outgoing_max",
                "connections",
                self.outgoing_max as u64,
                "one more outgoing connection is not begun; the call fails at once",
            ),
            row(
                "memory_bytes_max",
                "bytes",
                self.memory_bytes_max as u64,
                "all buffers: from 80 % the larger connections are not read; at 100 % the largest are evicted: 503, 1013 or abort",
            ),
            row("mailbox_max", "commands", self.mailbox_max as u64, "one more is refused as full"),
            row(
                "mailbox_bytes_max",
                "bytes",
                self.mailbox_bytes_max as u64,
                "one more command is refused as full while this many bytes wait",
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
                "the connection is not read for a while, or gets 429 or 1008 and is closed; disabled by zero",
            ),
            row("rate.bytes", "bytes a second", self.rate.bytes.into(), "the same"),
            row(
                "bandwidth.bytes_in",
                "bytes a second",
                self.bandwidth.bytes_in.into(),
                "more is left in the socket for a while; disabled by zero",
            ),
            row(
                "bandwidth.bytes_out",
                "bytes a second",
                self.bandwidth.bytes_out.into(),
                "more waits in the queue for a while; disabled by zero",
            ),
            row("control_frames", "a second", self.control_frames.into(), "1008 and close; disabled by zero"),
        ]
    }
}
