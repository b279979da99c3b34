//! A WebSocket server as a peer: the other side of [`Outgoing::websocket`](crate::Outgoing::websocket).

use super::{Line, Peer, Said, excerpt};
use jackfield_proto::Step;
use jackfield_proto::http1::{Event as HttpEvent, HeaderSlots, Limits, Machine as HttpMachine};
use jackfield_proto::websocket::{
    self, Event, Machine, Message, Offer, Opcode, Scratch, encode, encode_frame, encode_response,
};
use std::collections::VecDeque;
use std::fmt;

/// Accepts the upgrade and sends messages. Each must come back unchanged, in a masked frame, and no mask may be the same as
/// the one before.
pub struct WebSocketServer {
    http: HttpMachine,
    machine: Machine,
    is_open: bool,
    /// It refuses, with a status.
    refuses: bool,
    is_refused: bool,
    got_close: bool,
    to_say: VecDeque<Said>,
    said: VecDeque<Said>,
    pings: VecDeque<Vec<u8>>,
    ahead: usize,
    /// The mask of the latest frame.
    mask: Option<[u8; 4]>,
    /// The next byte is the first of a frame.
    is_between: bool,
}

impl WebSocketServer {
    /// Sends these messages.
    #[must_use]
    pub fn new(messages: Vec<Said>) -> Self {
        Self {
            http: HttpMachine::new(),
            machine: Machine::server(),
            is_open: false,
            refuses: false,
            is_refused: false,
            got_close: false,
            to_say: messages.into(),
            said: VecDeque::new(),
            pings: VecDeque::new(),
            ahead: 3,
            mask: None,
            is_between: true,
        }
    }

    /// Refuses the upgrade.
    #[must_use]
    pub fn refusing(mut self) -> Self {
        self.refuses = true;
        self
    }

    fn open(&mut self, line: &mut Line<'_>, bytes: &mut Vec<u8>) {
        let (mut slots, mut scratch) = (HeaderSlots::new(), Vec::new());
        let offer = match self.http.step(bytes, &mut slots, &mut scratch, &Limits::default()) {
            Step::Need(0) | Step::Paused => return,
            Step::Need(used) => return drop(bytes.drain(..used)),
            Step::Event(used, HttpEvent::Upgrade(request)) => {
                Offer::check(request.method(), true, request.headers()).map(|offer| (used, offer.accept()))
            }
            _ => return line.wrong(format!("no WebSocket is asked for: {}", excerpt(bytes))),
        };
        let Ok((used, accept)) = offer else {
            return line.wrong(format!("the handshake is wrong: {}", excerpt(bytes)));
        };
        if used < bytes.len() {
            line.wrong(format!("{} bytes come before the answer", bytes.len() - used));
        }
        bytes.drain(..used);
        if self.refuses {
            self.is_refused = true;
            line.say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return line.finish();
        }
        if encode_response(accept, None, &[], line.bytes()).is_err() {
            line.wrong("the handshake can't be answered");
        }
        self.is_open = true;
        self.go_on(line);
    }

    fn go_on(&mut self, line: &mut Line<'_>) {
        while self.said.len() < self.ahead && !self.machine.is_closing() {
            let Some(said) = self.to_say.pop_front() else { return };
            if line.random().chance(200) {
                let count = line.random().below(20);
                let payload = line.random().bytes(count);
                encode_frame(Opcode::Ping, true, &payload, line.bytes());
                self.pings.push_back(payload);
            }
            encode(said.message(), line.bytes());
            self.said.push_back(said);
        }
    }

    /// One event; `None` if more bytes are needed.
    fn step(&mut self, line: &mut Line<'_>, bytes: &mut [u8]) -> Option<usize> {
        self.look_at_mask(line, bytes);
        let (mut scratch, limits) = (Scratch::new(), websocket::Limits::default());
        match self.machine.step(bytes, &mut scratch, &limits) {
            Step::Event(used, event) => {
                match event {
                    Event::Message(message) => self.hear(line, &message),
                    Event::Part { .. } => {}
                    Event::Ping(payload) => encode_frame(Opcode::Pong, true, payload, line.bytes()),
                    Event::Pong { payload, .. } => self.pong(line, payload),
                    Event::Close(frame) => {
                        self.got_close = true;
                        // A code that was received may be sent back.
                        let _ = self.machine.close(frame.code, "", None, line.bytes());
                        line.finish();
                    }
                }
                self.is_between = true;
                Some(used)
            }
            Step::Need(0) | Step::Paused => None,
            Step::Need(used) => Some(used),
            Step::Fault(error) => {
                line.wrong(format!("{error}: {}", excerpt(bytes)));
                None
            }
        }
    }

    fn look_at_mask(&mut self, line: &mut Line<'_>, frame: &[u8]) {
        let Some(mask) = mask_of(frame).filter(|_| self.is_between) else { return };
        if self.mask.replace(mask) == Some(mask) {
            line.wrong("two frames have the same mask");
        }
        self.is_between = false;
    }

    fn hear(&mut self, line: &mut Line<'_>, message: &Message<'_>) {
        match self.said.pop_front() {
            _ if matches!(message, Message::Text(text) if text.starts_with("outside")) => {}
            Some(said) if said.is(message) => self.go_on(line),
            said => line.wrong(format!("{} came for {said:?}", excerpt(message.as_bytes()))),
        }
    }

    /// A Pong answers the oldest Ping, or a later one if earlier ones were dropped.
    fn pong(&mut self, line: &mut Line<'_>, payload: &[u8]) {
        match self.pings.iter().position(|ping| ping == payload) {
            Some(index) => drop(self.pings.drain(..=index)),
            None => line.wrong(format!("a Pong came that nobody asked for: {}", excerpt(payload))),
        }
    }
}

/// The mask of a frame that begins here, if its head is whole (RFC 6455 section 5.2).
fn mask_of(frame: &[u8]) -> Option<[u8; 4]> {
    let at = match frame.get(1)? & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frame.get(at..at + 4)?.try_into().ok()
}

impl Peer for WebSocketServer {
    fn on_connect(&mut self, _line: &mut Line<'_>) {}

    fn on_bytes(&mut self, line: &mut Line<'_>, bytes: &mut Vec<u8>) {
        if !self.is_open && !self.is_refused {
            self.open(line, bytes);
        }
        let mut at = 0;
        while self.is_open && at < bytes.len() {
            match self.step(line, &mut bytes[at..]) {
                Some(used) => at += used,
                None => break,
            }
        }
        bytes.drain(..at);
    }

    fn on_end(&mut self, line: &mut Line<'_>, clean: bool) {
        if self.machine.is_inside_message() && clean {
            line.suspect("a message was cut");
        }
        self.pings.clear();
        line.finish();
    }

    fn leave(&mut self, line: &mut Line<'_>) {
        if self.is_open && !self.machine.is_closing() {
            // 1000 may be sent.
            let _ = self.machine.close(Some(1000), "", None, line.bytes());
        } else {
            line.finish();
        }
    }

    fn is_done(&self) -> bool {
        let is_answered = self.said.is_empty() && self.pings.is_empty();
        self.got_close || self.is_refused || (self.has_said_all() && is_answered)
    }

    fn has_said_all(&self) -> bool {
        self.is_open && self.to_say.is_empty()
    }

    fn expects_close(&self) -> bool {
        self.got_close
    }

    fn waits_for(&self) -> String {
        match self.is_open {
            false => "the server's handshake".into(),
            true => format!("{} messages are not answered, {} not said", self.said.len(), self.to_say.len()),
        }
    }
}

impl fmt::Debug for WebSocketServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketServer").field("said", &self.said).field("to_say", &self.to_say).finish()
    }
}
