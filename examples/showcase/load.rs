//! A load that the server puts on itself: WebSockets that it opens to its own address, and on which it sends messages that
//! come back.

use super::addresses;
use jackfield::{Connection, Outgoing, Setup, TimerId, WebSocket};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const CONNECTIONS: u64 = 4;
const TICK: TimerId = TimerId(1);
const TICK_AFTER: Duration = Duration::from_millis(20);
const TICKS_PER_SECOND: u64 = 50;
/// The most messages in flight on a connection: if the server is slower than the load, the load waits.
const IN_FLIGHT_MAX: u64 = 2000;
/// The levels that can be chosen, in messages a second.
const LEVELS: [u64; 3] = [0, 4000, 40_000];
/// Each message counts when it is sent and when it is received, on both ways.
const MESSAGES_PER_ECHO: u64 = 4;
/// At each tick a connection is credited with the whole load. This credit is one echo.
const OWED_PER_ECHO: u64 = CONNECTIONS * TICKS_PER_SECOND * MESSAGES_PER_ECHO;

/// The chosen load, in messages a second.
pub(crate) struct Level(AtomicU64);

impl Level {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(LEVELS[1]))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// False if this is not one of the levels.
    pub(crate) fn set(&self, text: &str) -> bool {
        let level = text.parse().ok().filter(|level| LEVELS.contains(level));
        if let Some(level) = level {
            self.0.store(level, Ordering::Relaxed);
        }
        level.is_some()
    }
}

/// The client end of one of these connections.
#[derive(Default)]
pub(crate) struct Load {
    in_flight: u64,
    /// The credit that was not used yet; an echo costs [`OWED_PER_ECHO`].
    owed: u64,
}

impl Load {
    /// Begins the connections when the reactor starts.
    pub(crate) fn begin(setup: &mut Setup, server: SocketAddr) {
        for _ in 0..CONNECTIONS {
            setup.connect(Outgoing::websocket(format!("ws://{}/chat", addresses::reached(server))));
        }
    }

    pub(crate) fn open(socket: &mut WebSocket<'_>) -> Self {
        socket.set_timer(TICK, TICK_AFTER);
        Self::default()
    }

    pub(crate) fn on_timer(&mut self, connection: &mut Connection<'_>, level: &Level) {
        connection.set_timer(TICK, TICK_AFTER);
        let Some(mut socket) = connection.as_websocket() else { return };
        self.owed += level.get();
        while self.owed >= OWED_PER_ECHO {
            self.owed -= OWED_PER_ECHO;
            if self.in_flight < IN_FLIGHT_MAX {
                socket.send("echo");
                self.in_flight += 1;
            }
        }
    }

    /// A message has come back.
    pub(crate) fn on_message(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}
