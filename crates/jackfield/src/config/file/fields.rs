//! Each field of `Limits` by its name, for files.

#[cfg(feature = "deflate")]
use crate::config::deflate::DeflateMode;
use crate::config::file::value::{FromValue, Settable, Value};
use crate::config::limits::Limits;
use crate::config::rate::OnRateExceeded;
use crate::config::when_full::WhenFull;

macro_rules! field {
    ($limits:ident, $path:ident: $($($field:ident).+,)+) => {
        match $path {
            $(concat!($(".", stringify!($field)),+) => Some(&mut $limits.$($field).+),)+
            _ => None,
        }
    };
}

/// The field with this path, which begins with a dot, as in `.http.head_bytes_max`.
#[rustfmt::skip]
pub(crate) fn field<'l>(limits: &'l mut Limits, path: &str) -> Option<&'l mut dyn Settable> {
    #[cfg(feature = "deflate")]
    if path.starts_with(".deflate.") {
        return field!(limits, path:
            deflate.mode, deflate.message_bytes_min, deflate.window_bits_max, deflate.level, deflate.memory_bytes_max,
        );
    }
    field!(limits, path:
        connections_max, when_full, outgoing_max, memory_bytes_max, mailbox_max, mailbox_bytes_max, events_per_turn,
        connections_per_address_max, accepts_per_address_max, topics_max, topic_bytes_max, line_bytes_max, body_bytes_max, control_frames,
        rate.messages, rate.bytes, rate.on_exceeded, bandwidth.bytes_in, bandwidth.bytes_out,
        http.head_bytes_max, http.headers_max, http.target_bytes_max, http.chunk_line_bytes_max,
        http.chunk_extension_bytes_max, http.trailer_bytes_max, http.drain_bytes_max,
        websocket.message_bytes_max, websocket.frame_in_place_bytes_max, websocket.stream_above,
        websocket.fragments_max, websocket.accept_unmasked,
        reactor.wires_max, reactor.read_bytes, reactor.carry_bytes_first, reactor.carry_bytes_max,
        reactor.outbox_bytes_high, reactor.outbox_bytes_low, reactor.outbox_bytes_max, reactor.wire_memory_bytes_max,
        reactor.accepts_per_turn, reactor.commands_per_turn, reactor.timers_per_turn, reactor.looks_per_turn,
        reactor.drains_per_turn, reactor.handshakes_per_turn, reactor.write_stall, reactor.write_stall_bytes_min,
        reactor.flush_interval, reactor.flush_interval_bytes_min, reactor.linger, reactor.linger_max,
        reactor.lingering_max, reactor.unread_wait, reactor.memory_wait, reactor.handshake,
        head_timeout, body_interval, body_interval_bytes_min, http_idle, websocket_idle, raw_idle, heartbeat,
        heartbeat_dead, events_heartbeat, close_wait, upgrade_wait, requests_max, half_closed, answer_timeout,
        message_timeout, max_lifetime, lag_target, lag_window, callback_slow, callback_stall, drain, drain_spread,
    )
}

macro_rules! from_word {
    ($type:ty, $what:literal: $($word:literal => $value:expr),+) => {
        impl FromValue for $type {
            const WHAT: &'static str = $what;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $(Value::Text(word) if word == $word => Some($value),)+
                    _ => None,
                }
            }
        }
    };
}

from_word!(WhenFull, "`refuse`, `wait` or `evict_idle`":
    "refuse" => Self::Refuse, "wait" => Self::Wait, "evict_idle" => Self::EvictIdle);
from_word!(OnRateExceeded, "`pause` or `close`": "pause" => Self::Pause, "close" => Self::Close);
#[cfg(feature = "deflate")]
from_word!(DeflateMode, "`disabled`, `shared` or `dedicated`":
    "disabled" => Self::Disabled, "shared" => Self::Shared, "dedicated" => Self::Dedicated);
from_word!(Limits, "`local`, `lan` or `internet`":
    "local" => Self::local(), "lan" => Self::lan(), "internet" => Self::internet());

#[cfg(test)]
mod tests {
    use super::*;

    /// For each row of the table of limits, except options of listeners, a file can set the field, and sets the right
    /// one.
    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let before = Limits::default().table();
        let mut rows: Vec<&str> = before.iter().map(|row| row.name).collect();
        rows.retain(|name| !name.starts_with("Listener::"));
        assert!(rows.len() > 60, "{rows:?}");
        for name in rows {
            let mut limits = Limits::default();
            let other = [
                Value::Number(7),
                Value::Text("7 s".into()),
                Value::Flag(true),
                Value::Text("shared".into()),
            ];
            let slot =
                field(&mut limits, &format!(".{name}")).unwrap_or_else(|| panic!("`{name}` has no field"));
            assert!(other.iter().any(|value| slot.set(value).is_ok()), "{name}");
            let after = limits.table();
            let changed = before.iter().zip(&after).filter(|(before, after)| before != after);
            assert_eq!(changed.map(|(row, _)| row.name).collect::<Vec<_>>(), [name]);
        }
    }

    #[test]
    fn choices_are_set_by_name() {
        let mut limits = Limits::default();
        let mut set =
            |path: &str, word: &str| field(&mut limits, path).unwrap().set(&Value::Text(word.into()));
        assert_eq!((set(".when_full", "wait"), set(".rate.on_exceeded", "close")), (Ok(()), Ok(())));
        assert_eq!(set(".when_full", "Wait"), Err("`refuse`, `wait` or `evict_idle`"));
        assert_eq!(limits.when_full, WhenFull::Wait);
        assert_eq!(limits.rate.on_exceeded, OnRateExceeded::Close);
        assert!(field(&mut limits, ".http.").is_none() && field(&mut limits, "drain").is_none());
    }
}
