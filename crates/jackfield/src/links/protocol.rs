//! What a connection speaks now.

use crate::links::agreed::AgreedCompression;
use crate::links::round_trip::RoundTrip;
use crate::message::MessageFormat;
use jackfield_proto::{http1, websocket};
use std::ops::{Deref, DerefMut};

/// What the connection speaks now.
#[derive(Debug, Default)]
pub(crate) enum Protocol {
    /// Nothing: the slot is free, or the handshake of TLS is not over.
    #[default]
    None,
    /// Nothing: it never had a client, and exists only to send a refusal.
    Refused,
    Http(http1::Machine),
    /// HTTP as a client, until the server has opened a WebSocket: see [`Opening`](crate::links::opening::Opening).
    Opening,
    WebSocket(WebSocketState),
    /// An event stream: an answer that never ends.
    Events,
    /// A protocol of the user's own, in bytes.
    Raw,
    /// A protocol of the user's own, in lines. `searched` bytes of the present line were searched for its end. The line
    /// is skipped if it was too long.
    Lines {
        searched: u32,
        skips: bool,
        delimiter: u8,
    },
}

/// A WebSocket's machine, and how many control frames came within the present second.
#[derive(Debug)]
pub(crate) struct WebSocketState {
    machine: websocket::Machine,
    /// When that second began: the lower half of the time.
    pub(crate) controls_since: u32,
    pub(crate) controls: u16,
    pub(crate) compression: AgreedCompression,
    /// The last one of its heartbeat.
    pub(crate) round_trip: RoundTrip,
}

impl Protocol {
    /// Lines that end with this byte; the first begins now.
    pub(crate) fn lines(delimiter: u8) -> Self {
        Self::Lines { searched: 0, skips: false, delimiter }
    }

    /// The form in which this connection gets published messages. `None`: it gets none.
    #[inline(always)]
    pub(crate) fn message_format(&self) -> Option<MessageFormat> {
        match self {
            Self::WebSocket(socket) if socket.is_client() => Some(MessageFormat::Masked),
            Self::WebSocket(_) => Some(MessageFormat::Frame),
            Self::Events => Some(MessageFormat::Event),
            Self::Raw | Self::Lines { .. } => Some(MessageFormat::Bytes),
            Self::Http(_) | Self::Opening | Self::Refused | Self::None => None,
        }
    }

    /// The compression that was agreed on with a WebSocket's peer.
    #[inline(always)]
    pub(crate) fn compression(&self) -> AgreedCompression {
        match self {
            Self::WebSocket(socket) => socket.compression,
            _ => AgreedCompression::NONE,
        }
    }
}

impl WebSocketState {
    /// The state of an outgoing WebSocket.
    pub(crate) fn client() -> Self {
        Self::of(websocket::Machine::client())
    }

    pub(crate) fn server() -> Self {
        Self::of(websocket::Machine::server())
    }

    fn of(machine: websocket::Machine) -> Self {
        Self {
            machine,
            controls_since: 0,
            controls: 0,
            compression: AgreedCompression::NONE,
            round_trip: RoundTrip::default(),
        }
    }
}

impl Deref for WebSocketState {
    type Target = websocket::Machine;

    #[inline(always)]
    fn deref(&self) -> &websocket::Machine {
        &self.machine
    }
}

impl DerefMut for WebSocketState {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut websocket::Machine {
        &mut self.machine
    }
}
