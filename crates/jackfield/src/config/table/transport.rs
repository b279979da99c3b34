//! The limits of connections with any protocol: buffers, and the work of a turn.

use crate::config::limits::Limits;
use crate::config::table::{LimitRow, row};
use jackfield_reactor as reactor;

impl Limits {
    pub(super) fn buffer_rows(&self) -> Vec<LimitRow> {
        let reactor = &self.reactor;
        vec![
            row(
                "reactor.wires_max",
                "connections",
                reactor.wires_max as u64,
                "one more on a reactor is closed silently",
            ),
            row(
                "reactor.read_bytes",
                "bytes",
                reactor.read_bytes as u64,
                "one connection reads no more in a turn; the rest waits for the next turn",
            ),
            row(
                "reactor.carry_bytes_first",
                "bytes",
                reactor.carry_bytes_first as u64,
                "first size of the buffer for bytes between two reads; it grows when needed",
            ),
            row(
                "reactor.carry_bytes_max",
                "bytes",
                reactor.carry_bytes_max as u64,
                "a connection that must keep more bytes between two reads is closed",
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
                "the outbox has drained: the peer is read again, `on_drain`",
            ),
            row(
                "reactor.outbox_bytes_max",
                "bytes",
                reactor.outbox_bytes_max as u64,
                "the overflow policy of the connection applies; a part of a body from another thread is not accepted",
            ),
            row(
                "reactor.wire_memory_bytes_max",
                "bytes",
                reactor.wire_memory_bytes_max as u64,
                "buffers of one connection, without bodies that are given whole: it is evicted: 413, 1009 or abort",
            ),
        ]
    }

    pub(super) fn turn_rows(&self) -> Vec<LimitRow> {
        let reactor = &self.reactor;
        vec![
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
                "the others are visited again in the next turn",
            ),
            row(
                "reactor.drains_per_turn",
                "connections",
                reactor.drains_per_turn as u64,
                "the drain goes on in the next turn",
            ),
            row(
                "reactor.handshakes_per_turn",
                "handshakes",
                reactor.handshakes_per_turn as u64,
                "the others wait for the next turn",
            ),
        ]
    }

    /// Limits of the kernel's queues, which each listener sets.
    pub(super) fn listener_rows() -> Vec<LimitRow> {
        vec![
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
                "the system takes no more output of a connection; the rest waits in its outbox (Linux)",
            ),
        ]
    }
}
