//! `ws`: binary messages over WebSocket, and their echo.

use super::plan::Payload;
use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use crate::base::random::Random;
use jackfield_proto::Step;
use jackfield_proto::http1::{self, ClientEvent, ClientMachine, HeaderSlots};
use jackfield_proto::websocket::{
    self, Event, Limits, Machine, Message, Opcode, Scratch, check_response, encode_masked,
};
use std::borrow::Cow;

/// Keeps messages in flight, and checks the length of their echo.
#[derive(Debug)]
pub(crate) struct Ws {
    sockets: Sockets,
    payload: Payload,
}

/// The common part of all modes with WebSockets: the handshake, frames in and frames out.
#[derive(Debug)]
pub(crate) struct Sockets {
    host: String,
    path: String,
    protocols: Vec<String>,
    fields: Vec<(String, String)>,
    random: Random,
    scratch: Scratch,
    limits: Limits,
    http_limits: http1::Limits,
}

/// The options of the handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// Subprotocols that are offered.
    pub(crate) protocols: &'a [String],
    /// Further fields of the request.
    pub(crate) fields: &'a [(String, String)],
}

/// A WebSocket, or a connection that will become one.
#[derive(Debug)]
pub(crate) enum Socket {
    Shaking(Box<Handshake>),
    Open(Machine),
}

/// A handshake that is not answered yet.
#[derive(Debug)]
pub(crate) struct Handshake {
    machine: ClientMachine,
    key: [u8; 16],
}

impl Ws {
    /// Repeats this message.
    pub(crate) fn new(opening: &Opening<'_>, payload: &Payload) -> Self {
        Self { sockets: Sockets::new(opening), payload: payload.clone() }
    }

    /// The length of the frame of a message of this length, with its head and mask.
    pub(crate) fn frame_bytes(bytes: usize) -> usize {
        let mut frame = Vec::new();
        encode_masked(Opcode::Binary, true, &vec![b'x'; bytes], [1; 4], &mut frame);
        frame.len()
    }
}

impl Speaker for Ws {
    type State = Socket;

    fn connect(&mut self, _index: usize) -> (Socket, Part) {
        (self.sockets.socket(), Part::Talks)
    }

    fn open(&mut self, socket: &mut Socket, out: &mut Vec<u8>) -> Opened {
        self.sockets.shake(socket, out)
    }

    fn send(&mut self, _socket: &mut Socket, _due: u64, out: &mut Vec<u8>) {
        let opcode = if self.payload.is_text { Opcode::Text } else { Opcode::Binary };
        encode_masked(opcode, true, &self.payload.bytes, self.sockets.random.mask(), out);
    }

    fn receive(&mut self, socket: &mut Socket, rx: &mut [u8], heard: &mut Heard<'_>) -> Result<usize, Fault> {
        let bytes = self.payload.bytes.len();
        self.sockets.receive(socket, rx, heard, |message, heard| {
            if message.len() == bytes { heard.reply() } else { heard.refusal("an echo of another length") }
        })
    }
}

impl Sockets {
    pub(crate) fn new(opening: &Opening<'_>) -> Self {
        Self {
            host: opening.host.to_owned(),
            path: opening.path.to_owned(),
            protocols: opening.protocols.to_vec(),
            fields: opening.fields.to_vec(),
            random: Random::new(),
            scratch: Scratch::new(),
            limits: Limits { message_bytes_max: usize::MAX, ..Limits::default() },
            http_limits: http1::Limits::default(),
        }
    }

    pub(crate) fn socket(&mut self) -> Socket {
        let handshake = Handshake { machine: ClientMachine::new(), key: self.random.key() };
        Socket::Shaking(Box::new(handshake))
    }

    /// Appends a binary message.
    pub(crate) fn send(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        encode_masked(Opcode::Binary, true, payload, self.random.mask(), out);
    }

    /// Appends the request of the handshake.
    pub(crate) fn shake(&mut self, socket: &mut Socket, out: &mut Vec<u8>) -> Opened {
        if let Socket::Shaking(handshake) = socket {
            let protocols: Vec<&str> = self.protocols.iter().map(String::as_str).collect();
            let fields: Vec<(&str, &str)> =
                self.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let encoded =
                websocket::encode_request(&self.path, &self.host, handshake.key, &protocols, &fields, out);
            let begun = handshake.machine.expect_response("GET");
            debug_assert!(encoded.is_ok() && begun.is_ok(), "the plan has checked host and path");
        }
        Opened::Waits
    }

    /// Reads what has come; `on_message` is given the messages.
    ///
    /// # Errors
    /// The server refused the WebSocket, or broke the protocol.
    pub(crate) fn receive(
        &mut self,
        socket: &mut Socket,
        rx: &mut [u8],
        heard: &mut Heard<'_>,
        mut on_message: impl FnMut(Message<'_>, &mut Heard<'_>) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        if let Socket::Shaking(handshake) = socket {
            match handshake.step(rx, &self.protocols, &self.http_limits)? {
                None => return Ok(0),
                Some(bytes) => used = bytes,
            }
            *socket = Socket::Open(Machine::client());
            heard.ready();
        }
        let Socket::Open(machine) = socket else { return Ok(used) };
        while used < rx.len() {
            match machine.step(&mut rx[used..], &mut self.scratch, &self.limits) {
                Step::Event(bytes, event) => {
                    used += bytes;
                    match event {
                        Event::Message(message) => on_message(message, heard)?,
                        Event::Ping(payload) => {
                            encode_masked(Opcode::Pong, true, payload, self.random.mask(), heard.out);
                        }
                        // The limits allow no parts.
                        Event::Pong { .. } | Event::Part { .. } => {}
                        Event::Close(close) => {
                            let code =
                                close.code.map_or(Cow::Borrowed("no code"), |code| code.to_string().into());
                            return Err(Fault(format!("WebSocket closed with {code}").into()));
                        }
                    }
                }
                Step::Need(bytes) => return Ok(used + bytes),
                Step::Paused => return Ok(used),
                Step::Fault(error) => return Err(Fault::of("WebSocket", error)),
            }
        }
        Ok(used)
    }
}

impl Handshake {
    /// The length of the server's 101, if it is complete.
    fn step(
        &mut self,
        rx: &[u8],
        protocols: &[String],
        limits: &http1::Limits,
    ) -> Result<Option<usize>, Fault> {
        match self.machine.step(rx, &mut HeaderSlots::new(), limits) {
            Step::Need(_) => Ok(None),
            Step::Event(used, ClientEvent::Switched(response)) => {
                let protocols: Vec<&str> = protocols.iter().map(String::as_str).collect();
                check_response(response.status(), response.headers(), self.key, &protocols)
                    .map_err(|error| Fault::of("WebSocket handshake", error))?;
                Ok(Some(used))
            }
            Step::Event(_, ClientEvent::Head(response)) => {
                Err(Fault(format!("WebSocket refused with status {}", response.status()).into()))
            }
            Step::Fault(error) => Err(Fault::of("WebSocket handshake", error)),
            Step::Event(..) | Step::Paused => Err(Fault("WebSocket handshake: an odd answer".into())),
        }
    }
}
