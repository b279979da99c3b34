//! A load that the server puts on itself: WebSockets that it opens to its own address, and on which it sends messages that
//! come back.

use jackfield::{Connection, Outgoing, Setup, TimerId, WebSocket};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const CONNECTIONS: u64 = 4;
const TICK: TimerId = TimerId(1);
const TICK_AFTER: Duration = Duration::from_millis(20);
const TICKS_PER_SECOND: u64 = 50;
/// Messages that may be under way on a connection: if the server is slower than the load, the load waits.
const IN_FLIGHT_MAX: u64 = 2000;
/// What may be asked for, in messages a second.
const LEVELS: [u64; 3] = [0, 4000, 40_000];
/// Each is counted where it is sent and where it comes, on its way there and on its way back.
const MESSAGES_PER_ECHO: u64 = 4;
/// What each connection has to be owed for an echo, if it is owed the whole load at each tick.
const OWED_PER_ECHO: u64 = CONNECTIONS * TICKS_PER_SECOND * MESSAGES_PER_ECHO;

/// How many messages a second there are to be.
pub(crate) struct Level(AtomicU64);

impl Level {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(LEVELS[1]))
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// False if it is none that can be asked for.
    pub(crate) fn set(&self, text: &str) -> bool {
        let level = text.parse().ok().filter(|level| LEVELS.contains(level));
        if let Some(level) = level {
            self.0.store(level, Ordering::Relaxed);
        }
        level.is_some()
    }
}

/// The other end of one of these connections.
#[derive(Default)]
pub(crate) struct Load {
    in_flight: u64,
    /// What was asked for and not sent yet, of [`OWED_PER_ECHO`] for each echo.
    owed: u64,
}

impl Load {
    /// Begins the connections, when the reactor begins to turn.
    pub(crate) fn begin(setup: &mut Setup, server: SocketAddr) {
        for _ in 0..CONNECTIONS {
            setup.connect(Outgoing::websocket(format!("ws://{}/chat", reached(server))));
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

    /// One has come back.
    pub(crate) fn on_message(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

/// The address at which a server is reached from its own machine.
fn reached(mut server: SocketAddr) -> SocketAddr {
    if server.ip().is_unspecified() {
        server.set_ip(if server.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    server
}

/// The address at which others in the network reach a server, if they do.
pub(crate) fn in_the_network(mut server: SocketAddr) -> Option<SocketAddr> {
    if server.ip().is_unspecified() {
        server.set_ip(own_address()?);
    }
    Some(server).filter(|server| !server.ip().is_loopback())
}

/// The address from which this machine would send to the world. Nothing is sent: the socket only looks for a route.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
