//! Finds all mistakes in limits.

use crate::config::limits::Limits;
use jackfield_proto::http1;
#[cfg(feature = "deflate")]
use jackfield_proto::websocket::deflate::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// The highest size of one of a reactor's buffers.
const BUFFER_BYTES_MAX: usize = 1 << 30;

/// The mistake in options that exclude each other, if more than one was given.
pub(crate) fn contradiction(given: &[&str]) -> Option<String> {
    let names: Vec<String> = given.iter().map(|name| format!("`{name}`")).collect();
    (names.len() > 1).then(|| format!("{} contradict each other: give one", names.join(" and ")))
}

impl Limits {
    /// All mistakes in these limits, one sentence each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.zeros();
        faults.extend(self.wrong_times());
        faults.extend(self.too_large());
        faults.extend(self.out_of_order());
        #[cfg(feature = "deflate")]
        faults.extend(self.deflate_faults());
        faults.extend(self.too_large_to_keep());
        faults.extend(self.too_large_to_carry());
        faults
    }

    /// Counts that must not be zero.
    fn zeros(&self) -> Vec<String> {
        let reactor = &self.reactor;
        let zero = [
            ("connections_max", self.connections_max),
            ("mailbox_max", self.mailbox_max),
            ("mailbox_bytes_max", self.mailbox_bytes_max),
            ("events_per_turn", self.events_per_turn),
            ("line_bytes_max", self.line_bytes_max),
            ("http.head_bytes_max", self.http.head_bytes_max),
            ("websocket.message_bytes_max", self.websocket.message_bytes_max),
            ("reactor.read_bytes", reactor.read_bytes),
            ("memory_bytes_max", self.memory_bytes_max),
            ("reactor.wires_max", reactor.wires_max),
            ("reactor.accepts_per_turn", reactor.accepts_per_turn),
            ("reactor.commands_per_turn", reactor.commands_per_turn),
            ("reactor.timers_per_turn", reactor.timers_per_turn),
            ("reactor.looks_per_turn", reactor.looks_per_turn),
            ("reactor.drains_per_turn", reactor.drains_per_turn),
            ("reactor.handshakes_per_turn", reactor.handshakes_per_turn),
        ];
        let zero = zero.iter().filter(|(_, value)| *value == 0);
        zero.map(|(name, _)| format!("`{name}` must not be zero")).collect()
    }

    /// Times that are zero, or contradict each other.
    fn wrong_times(&self) -> Vec<String> {
        let reactor = &self.reactor;
        let times = [
            ("head_timeout", self.head_timeout),
            ("body_interval", self.body_interval),
            ("upgrade_wait", self.upgrade_wait),
            ("message_timeout", self.message_timeout),
            ("reactor.write_stall", reactor.write_stall),
            ("reactor.flush_interval", reactor.flush_interval),
            ("reactor.handshake", reactor.handshake),
        ];
        let times = times.iter().filter(|(_, time)| time.is_zero());
        let mut faults: Vec<String> =
            times.map(|(name, _)| format!("`{name}` must not be zero: no peer could be in time")).collect();
        if !self.heartbeat.is_zero() && self.heartbeat_dead.is_zero() {
            faults.push("`heartbeat_dead` must not be zero: no peer could answer a ping in time".into());
        }
        if self.callback_stall < self.callback_slow {
            faults.push("`callback_stall` must not be shorter than `callback_slow`".into());
        }
        if self.drain_spread > self.drain {
            faults.push("`drain_spread` must not be longer than `drain`".into());
        }
        faults
    }

    /// Limits above what their type or the memory of a reactor can hold.
    fn too_large(&self) -> Vec<String> {
        let ours = "each reactor has a buffer of this size";
        let head = "the parser has no room for more";
        let most = [
            ("reactor.carry_bytes_max", self.reactor.carry_bytes_max, BUFFER_BYTES_MAX, ours),
            ("reactor.read_bytes", self.reactor.read_bytes, BUFFER_BYTES_MAX, ours),
            ("http.head_bytes_max", self.http.head_bytes_max, http1::HEAD_BYTES_MAX, head),
            ("http.headers_max", self.http.headers_max, http1::HEADERS_MAX, head),
        ];
        let above = most.iter().filter(|(_, value, most, _)| value > most);
        above.map(|(name, _, most, why)| format!("`{name}` is at most {most}: {why}")).collect()
    }

    fn out_of_order(&self) -> Option<String> {
        let reactor = &self.reactor;
        let rises =
            [reactor.outbox_bytes_low, reactor.outbox_bytes_high, reactor.outbox_bytes_max].is_sorted();
        (!rises).then(|| "`reactor.outbox_bytes_low`, `_high` and `_max` must rise in this order".into())
    }

    /// Limits on what is collected in a buffer, which doubles as it grows. What comes in parts is not collected.
    fn too_large_to_keep(&self) -> Vec<String> {
        let room = self.reactor.wire_memory_bytes_max as u64;
        let whole_bytes_max = self.websocket.message_bytes_max.min(self.websocket.stream_above);
        let kept = [
            ("websocket.message_bytes_max", whole_bytes_max as u64),
            ("body_bytes_max", self.body_bytes_max),
        ];
        let doubled = kept.map(|(name, bytes)| (name, bytes.saturating_mul(2)));
        let above = doubled.iter().filter(|(_, bytes)| *bytes > room);
        above
            .map(|(name, least)| {
                format!(
                    "twice `{name}` does not fit into `reactor.wire_memory_bytes_max`: set that to {least}"
                )
            })
            .collect()
    }

    /// Limits on what must be whole in the carry.
    fn too_large_to_carry(&self) -> Vec<String> {
        let carried = [
            ("http.head_bytes_max", self.http.head_bytes_max),
            (
                "websocket.frame_in_place_bytes_max",
                self.websocket.frame_in_place_bytes_max.saturating_add(14),
            ),
            ("line_bytes_max", self.line_bytes_max.saturating_add(2)),
        ];
        let above = carried.iter().filter(|(_, bytes)| *bytes > self.reactor.carry_bytes_max);
        above.map(|(name, _)| format!("`{name}` does not fit into `reactor.carry_bytes_max`")).collect()
    }

    #[cfg(feature = "deflate")]
    fn deflate_faults(&self) -> Vec<String> {
        let deflate = &self.deflate;
        let ranges = [
            ("window_bits_max", deflate.window_bits_max, WINDOW_BITS_MIN, WINDOW_BITS_MAX),
            ("level", deflate.level, 1, 9),
        ];
        let wrong = ranges.iter().filter(|(_, value, least, most)| !(least..=most).contains(&value));
        wrong.map(|(name, _, least, most)| format!("`deflate.{name}` must be {least} to {most}")).collect()
    }
}
