//! Limits for three kinds of networks.

use crate::config::limits::Limits;
use crate::config::rate::Rate;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

const MIB: usize = 1 << 20;

impl Limits {
    /// For a listener that only this machine can reach: you run its peers too, and a debugger may stop either side.
    ///
    /// No idle timeout ends a connection, deadlines are an hour, no heartbeat disturbs a trace, control frames are not
    /// counted, messages and bodies may have 64 MiB, and a shutdown waits only one second. The limits for memory stay.
    #[must_use]
    pub fn local() -> Self {
        let mut limits = Self {
            control_frames: 0,
            body_bytes_max: 64 << 20,
            head_timeout: HOUR,
            body_interval_bytes_min: 0,
            http_idle: Duration::ZERO,
            websocket_idle: Duration::ZERO,
            raw_idle: Duration::ZERO,
            heartbeat: Duration::ZERO,
            upgrade_wait: HOUR,
            answer_timeout: HOUR,
            message_timeout: HOUR,
            drain: Duration::from_secs(1),
            ..Self::default()
        };
        limits.websocket.message_bytes_max = 64 * MIB;
        limits.reactor.outbox_bytes_max = 64 * MIB;
        limits.reactor.wire_memory_bytes_max = 128 * MIB;
        limits.reactor.write_stall = HOUR;
        limits.reactor.flush_interval = HOUR;
        limits.reactor.handshake = HOUR;
        limits
    }

    /// For a network of known machines: mistakes happen there, attacks do not.
    ///
    /// Messages, bodies and backlogs may have 16 MiB, heads and slow bodies have 30 s, an idle connection is kept for
    /// five minutes, and a peer may send 1,000 control frames a second. Machines may be switched off without closing
    /// connections, so the heartbeat is faster: 15 s and 10 s.
    #[must_use]
    pub fn lan() -> Self {
        let mut limits = Self {
            control_frames: 1000,
            body_bytes_max: 16 << 20,
            head_timeout: Duration::from_secs(30),
            body_interval: Duration::from_secs(30),
            http_idle: Duration::from_secs(300),
            heartbeat: Duration::from_secs(15),
            heartbeat_dead: Duration::from_secs(10),
            ..Self::default()
        };
        limits.websocket.message_bytes_max = 16 * MIB;
        limits.reactor.outbox_bytes_max = 16 * MIB;
        limits
    }

    /// For the internet: the defaults, and also limits that a default can't set for every server.
    ///
    /// At most 100,000 connections; from one address at most 1,000, and 200 new ones a second. A connection may send 1,000
    /// messages and 16 MiB in a second, and is not read for a while if it sends more. After a day each connection ends and
    /// the peer must connect again, so that a server that was taken out of service becomes empty.
    #[must_use]
    pub fn internet() -> Self {
        Self {
            connections_max: 100_000,
            connections_per_address_max: 1000,
            accepts_per_address_max: 200,
            rate: Rate { messages: 1000, bytes: 16 << 20, ..Rate::default() },
            max_lifetime: 24 * HOUR,
            ..Self::default()
        }
    }
}
