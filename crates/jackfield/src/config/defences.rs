//! For the audit: when a limit counts as disabled, and which listeners it protects.

use crate::config::speaks::Speaks;

/// When a limit counts as off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Off {
    /// Never: it is no defence against peers, or values that would turn it off are refused.
    Never,
    /// At zero.
    Zero,
    /// Above this value, which is so wide that it has no effect.
    Above(u64),
    /// At zero, or above this value.
    ZeroOrAbove(u64),
}

/// The connections to which a limit applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppliesTo {
    All,
    /// HTTP, and what it can become.
    Http,
    /// Protocols of the user's own.
    Own,
    Lines,
    /// Protocols with messages.
    Messages,
    Tls,
}

const SECOND: u64 = 1000;

const MINUTE: u64 = 60 * SECOND;

const HOUR: u64 = 60 * MINUTE;

const KIB: u64 = 1 << 10;

const MIB: u64 = 1 << 20;

/// Each limit, by its name in [`Limits::table`]. A test checks that none is missing.
pub(crate) const DEFENCES: &[(&str, AppliesTo, Off)] = &[
    ("connections_max", AppliesTo::All, Off::Above(1_000_000)),
    ("connections_per_address_max", AppliesTo::All, Off::Zero),
    ("accepts_per_address_max", AppliesTo::All, Off::Zero),
    ("outgoing_max", AppliesTo::All, Off::Never),
    ("memory_bytes_max", AppliesTo::All, Off::Above(64 * 1024 * MIB)),
    ("mailbox_max", AppliesTo::All, Off::Never),
    ("mailbox_bytes_max", AppliesTo::All, Off::Above(64 * 1024 * MIB)),
    ("events_per_turn", AppliesTo::All, Off::Above(64 * KIB)),
    ("topics_max", AppliesTo::All, Off::Above(64 * KIB)),
    ("topic_bytes_max", AppliesTo::All, Off::Above(64 * KIB)),
    ("line_bytes_max", AppliesTo::Lines, Off::Above(16 * MIB)),
    ("rate.messages", AppliesTo::Messages, Off::Zero),
    ("rate.bytes", AppliesTo::All, Off::Zero),
    ("bandwidth.bytes_in", AppliesTo::All, Off::Never),
    ("bandwidth.bytes_out", AppliesTo::All, Off::Never),
    ("control_frames", AppliesTo::Http, Off::ZeroOrAbove(100_000)),
    ("body_bytes_max", AppliesTo::Http, Off::Above(1024 * MIB)),
    ("http.head_bytes_max", AppliesTo::Http, Off::Never),
    ("http.headers_max", AppliesTo::Http, Off::Never),
    ("http.target_bytes_max", AppliesTo::Http, Off::Never),
    ("http.chunk_line_bytes_max", AppliesTo::Http, Off::Above(64 * KIB)),
    ("http.chunk_extension_bytes_max", AppliesTo::Http, Off::Above(16 * MIB)),
    ("http.trailer_bytes_max", AppliesTo::Http, Off::Above(MIB)),
    ("http.drain_bytes_max", AppliesTo::Http, Off::Above(16 * MIB)),
    ("websocket.message_bytes_max", AppliesTo::Http, Off::Above(256 * MIB)),
    ("websocket.frame_in_place_bytes_max", AppliesTo::Http, Off::Never),
    ("websocket.fragments_max", AppliesTo::Http, Off::Never),
    ("websocket.stream_above", AppliesTo::Http, Off::Never),
    ("websocket.accept_unmasked", AppliesTo::Http, Off::Above(0)),
    #[cfg(feature = "deflate")]
    ("deflate.mode", AppliesTo::Http, Off::Never),
    #[cfg(feature = "deflate")]
    ("deflate.message_bytes_min", AppliesTo::Http, Off::Never),
    #[cfg(feature = "deflate")]
    ("deflate.window_bits_max", AppliesTo::Http, Off::Never),
    #[cfg(feature = "deflate")]
    ("deflate.level", AppliesTo::Http, Off::Never),
    #[cfg(feature = "deflate")]
    ("deflate.memory_bytes_max", AppliesTo::Http, Off::Above(64 * 1024 * MIB)),
    ("reactor.wires_max", AppliesTo::All, Off::Never),
    ("reactor.read_bytes", AppliesTo::All, Off::Above(16 * MIB)),
    ("reactor.carry_bytes_first", AppliesTo::All, Off::Above(MIB)),
    ("reactor.carry_bytes_max", AppliesTo::All, Off::Above(16 * MIB)),
    ("reactor.outbox_bytes_high", AppliesTo::All, Off::Above(256 * MIB)),
    ("reactor.outbox_bytes_low", AppliesTo::All, Off::Never),
    ("reactor.outbox_bytes_max", AppliesTo::All, Off::Above(256 * MIB)),
    ("reactor.wire_memory_bytes_max", AppliesTo::All, Off::Above(1024 * MIB)),
    ("reactor.accepts_per_turn", AppliesTo::All, Off::Above(64 * KIB)),
    ("reactor.commands_per_turn", AppliesTo::All, Off::Above(64 * KIB)),
    ("reactor.timers_per_turn", AppliesTo::All, Off::Above(64 * KIB)),
    ("reactor.looks_per_turn", AppliesTo::All, Off::Above(64 * KIB)),
    ("reactor.drains_per_turn", AppliesTo::All, Off::Above(64 * KIB)),
    ("reactor.handshakes_per_turn", AppliesTo::Tls, Off::Above(64 * KIB)),
    ("Listener::backlog", AppliesTo::All, Off::Never),
    ("Listener::notsent_lowat", AppliesTo::All, Off::Never),
    ("reactor.write_stall", AppliesTo::All, Off::Above(10 * MINUTE)),
    ("reactor.write_stall_bytes_min", AppliesTo::All, Off::Zero),
    ("reactor.flush_interval", AppliesTo::All, Off::Above(10 * MINUTE)),
    ("reactor.flush_interval_bytes_min", AppliesTo::All, Off::Zero),
    ("reactor.linger", AppliesTo::All, Off::Above(MINUTE)),
    ("reactor.linger_max", AppliesTo::All, Off::Above(10 * MINUTE)),
    ("reactor.lingering_max", AppliesTo::All, Off::Above(64 * KIB)),
    ("reactor.unread_wait", AppliesTo::All, Off::Above(10 * MINUTE)),
    ("reactor.memory_wait", AppliesTo::All, Off::Above(10 * MINUTE)),
    ("reactor.handshake", AppliesTo::Tls, Off::Above(2 * MINUTE)),
    ("head_timeout", AppliesTo::Http, Off::Above(2 * MINUTE)),
    ("body_interval", AppliesTo::Http, Off::Above(10 * MINUTE)),
    ("body_interval_bytes_min", AppliesTo::Http, Off::Zero),
    ("http_idle", AppliesTo::Http, Off::ZeroOrAbove(HOUR)),
    ("websocket_idle", AppliesTo::Http, Off::ZeroOrAbove(24 * HOUR)),
    ("raw_idle", AppliesTo::Own, Off::ZeroOrAbove(24 * HOUR)),
    ("heartbeat", AppliesTo::Http, Off::Never),
    ("heartbeat_dead", AppliesTo::Http, Off::Above(10 * MINUTE)),
    ("events_heartbeat", AppliesTo::Http, Off::ZeroOrAbove(HOUR)),
    ("close_wait", AppliesTo::Http, Off::Above(2 * MINUTE)),
    ("upgrade_wait", AppliesTo::Http, Off::Above(10 * MINUTE)),
    ("requests_max", AppliesTo::Http, Off::Never),
    ("half_closed", AppliesTo::Http, Off::Never),
    ("answer_timeout", AppliesTo::Http, Off::ZeroOrAbove(HOUR)),
    ("message_timeout", AppliesTo::Http, Off::Above(10 * MINUTE)),
    ("max_lifetime", AppliesTo::All, Off::Zero),
    ("lag_target", AppliesTo::All, Off::ZeroOrAbove(SECOND)),
    ("lag_window", AppliesTo::All, Off::Above(MINUTE)),
    ("callback_slow", AppliesTo::All, Off::Never),
    ("callback_stall", AppliesTo::All, Off::Never),
    ("drain", AppliesTo::All, Off::Never),
    ("drain_spread", AppliesTo::All, Off::Never),
];

/// Limits that a listener can't change, because they do not concern one connection: one compressor serves all listeners, and a turn
/// of a reactor serves the connections of all.
const SERVER_WIDE: [&str; 25] = [
    "outgoing_max",
    "deflate.message_bytes_min",
    "deflate.window_bits_max",
    "deflate.level",
    "deflate.memory_bytes_max",
    "events_per_turn",
    "memory_bytes_max",
    "mailbox_max",
    "mailbox_bytes_max",
    "lag_target",
    "lag_window",
    "callback_slow",
    "callback_stall",
    "drain",
    "drain_spread",
    "reactor.wires_max",
    "reactor.read_bytes",
    "reactor.carry_bytes_first",
    "reactor.accepts_per_turn",
    "reactor.commands_per_turn",
    "reactor.timers_per_turn",
    "reactor.looks_per_turn",
    "reactor.drains_per_turn",
    "reactor.handshakes_per_turn",
    "reactor.lingering_max",
];

pub(crate) fn is_server_wide(name: &str) -> bool {
    SERVER_WIDE.contains(&name)
}

/// The connections to which the limit of this name applies.
pub(crate) fn concerns(name: &str) -> Option<AppliesTo> {
    DEFENCES.iter().find(|(known, ..)| *known == name).map(|(_, on, _)| *on)
}

impl AppliesTo {
    /// Whether connections of a listener with this protocol can be among those that are meant.
    pub(crate) fn is_spoken(self, speaks: Speaks) -> bool {
        match self {
            Self::All | Self::Tls => true,
            Self::Http => speaks == Speaks::Http,
            Self::Own | Self::Lines => speaks != Speaks::Http,
            Self::Messages => speaks != Speaks::Raw,
        }
    }
}

impl Off {
    pub(crate) fn is(self, value: u64) -> bool {
        match self {
            Self::Never => false,
            Self::Zero => value == 0,
            Self::Above(most) => value > most,
            Self::ZeroOrAbove(most) => value == 0 || value > most,
        }
    }
}
