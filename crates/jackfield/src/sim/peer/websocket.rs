//! A WebSocket client.

use super::deflating::{Deflating, Fault};
use super::{Peer, PeerConnection, excerpt};
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, HeaderSlots, Limits};
use jackfield_proto::websocket::deflate::Options;
use jackfield_proto::websocket::{
    self, Event, Machine, Message, Opcode, Scratch, check_response, encode_masked, encode_masked_with_header,
    encode_request, frame_header,
};
use std::collections::VecDeque;
use std::fmt;

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl PeerMessage {
    pub(super) fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    pub(super) fn message(&self) -> Message<'_> {
        match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(bytes) => Message::Binary(bytes),
        }
    }

    pub(super) fn is(&self, message: &Message<'_>) -> bool {
        matches!((self, message), (Self::Text(_), Message::Text(_)) | (Self::Binary(_), Message::Binary(_)))
            && self.bytes() == message.as_bytes()
    }
}

/// What a peer decides about a message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is the echo of the peer's oldest message that has not come back. It must be equal.
    Echo,
    /// It is the answer to that message, whatever it contains.
    Answer,
    /// It is another message that may come.
    Other,
    /// It must not come; the text says why.
    Wrong(String),
}

pub(super) type Judge = Box<dyn FnMut(&Message<'_>) -> Heard>;

/// Opens a WebSocket and sends messages, in frames of random size, with Pings between them. Each message and each Ping must
/// come back, in order.
pub struct WebSocket {
    target: String,
    key: [u8; 16],
    http: ClientMachine,
    machine: Machine,
    open: bool,
    /// The server refused, or sent something invalid: further bytes are ignored.
    closed: bool,
    to_say: VecDeque<PeerMessage>,
    said: VecDeque<PeerMessage>,
    pings: VecDeque<Vec<u8>>,
    ahead: usize,
    judge: Judge,
    got_close: bool,
    may_be_refused: bool,
    deflating: Option<Deflating>,
    fault: Option<Fault>,
    /// The code with which the server must close, since it was sent.
    code: Option<u16>,
}

impl WebSocket {
    /// Opens the WebSocket at `target`, sends these messages, and expects each one back unchanged.
    #[must_use]
    pub fn new(target: impl Into<String>, messages: Vec<PeerMessage>) -> Self {
        Self {
            target: target.into(),
            key: [0; 16],
            http: ClientMachine::new(),
            machine: Machine::client(),
            open: false,
            closed: false,
            to_say: messages.into(),
            said: VecDeque::new(),
            pings: VecDeque::new(),
            ahead: 4,
            judge: Box::new(|_| Heard::Echo),
            got_close: false,
            may_be_refused: false,
            deflating: None,
            fault: None,
            code: None,
        }
    }

    /// Sends this many short texts to an echo at `/`.
    #[must_use]
    pub fn echo(messages: usize) -> Self {
        Self::new("/", (0..messages).map(|number| PeerMessage::Text(format!("message {number}"))).collect())
    }

    /// How many messages may be on their way at a time. Default: 4.
    #[must_use]
    pub fn ahead(mut self, messages: usize) -> Self {
        self.ahead = messages.max(1);
        self
    }

    /// Accepts that the server refuses the upgrade.
    #[must_use]
    pub fn allow_refusal(mut self) -> Self {
        self.may_be_refused = true;
        self
    }

    /// Offers compression with these options, and compresses if the server agrees.
    #[must_use]
    pub fn deflating(mut self, options: Options) -> Self {
        self.deflating = Some(Deflating::new(options));
        self
    }

    /// After all messages have come back, breaks the rules once, if compression was agreed on. The server must close with
    /// the right code.
    #[must_use]
    pub fn breaking(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Checks each message that comes.
    #[must_use]
    pub fn hearing(mut self, judge: impl FnMut(&Message<'_>) -> Heard + 'static) -> Self {
        self.judge = Box::new(judge);
        self
    }

    fn go_on(&mut self, line: &mut PeerConnection<'_>) {
        while self.open && self.said.len() < self.ahead && !self.machine.is_closing() {
            let Some(said) = self.to_say.pop_front() else { return self.break_rules(line) };
            self.encode(&said, line);
            self.said.push_back(said);
        }
    }

    fn break_rules(&mut self, line: &mut PeerConnection<'_>) {
        let (Some(fault), Some(deflating)) = (self.fault.filter(|_| self.said.is_empty()), &self.deflating)
        else {
            return;
        };
        let (payload, code) = deflating.break_rules(fault);
        (self.fault, self.code) = (None, Some(code));
        self.encode_frames(Opcode::Binary, &payload, true, line);
    }

    fn encode(&mut self, said: &PeerMessage, line: &mut PeerConnection<'_>) {
        let compressed = self.deflating.as_mut().and_then(|own| own.compress(said.message()));
        let payload = compressed.as_deref().unwrap_or(said.bytes());
        self.encode_frames(said.opcode(), payload, compressed.is_some(), line);
    }

    /// Encodes a message in frames of random sizes, sometimes with a Ping between them.
    fn encode_frames(
        &mut self,
        kind: Opcode,
        payload: &[u8],
        is_compressed: bool,
        line: &mut PeerConnection<'_>,
    ) {
        let (mut opcode, mut rest) = (kind, payload);
        loop {
            if line.random().chance(100) {
                self.ping(line);
            }
            let (part, behind) = rest.split_at(cut(rest.len(), line));
            let fin = behind.is_empty();
            let key = mask(line);
            let header = frame_header(opcode, fin, part.len());
            // The first frame of a compressed message is marked.
            let header = if is_compressed && opcode == kind { header.compressed() } else { header };
            encode_masked_with_header(header, part, key, line.bytes());
            if fin {
                return;
            }
            (opcode, rest) = (Opcode::Continuation, behind);
        }
    }

    fn ping(&mut self, line: &mut PeerConnection<'_>) {
        let count = line.random().below(20);
        let payload = line.random().bytes(count);
        let key = mask(line);
        encode_masked(Opcode::Ping, true, &payload, key, line.bytes());
        self.pings.push_back(payload);
    }

    fn shake_hands(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        let mut slots = HeaderSlots::new();
        let used = match self.http.step(bytes, &mut slots, &Limits::default()) {
            Step::Event(used, ClientEvent::Switched(response)) => {
                let (status, headers) = (response.status(), response.headers());
                let checked = match &mut self.deflating {
                    None => check_response(status, headers, self.key, &[]).map(|_| ()),
                    Some(own) => own
                        .offered
                        .check_response(status, headers, self.key, &[])
                        .map(|(_, agreed)| own.agree(agreed, &mut self.machine)),
                };
                if let Err(error) = checked {
                    line.wrong(format!("the handshake is wrong: {error}"));
                }
                self.open = true;
                used
            }
            Step::Event(_, ClientEvent::Head(response)) => {
                if !self.may_be_refused {
                    line.suspect(format!("the handshake got {}", response.status()));
                }
                self.closed = true;
                bytes.len()
            }
            Step::Event(used, _) | Step::Need(used) => used,
            Step::Paused => bytes.len(),
            Step::Fault(error) => {
                line.wrong(format!("{error}: {}", excerpt(bytes)));
                self.closed = true;
                bytes.len()
            }
        };
        bytes.drain(..used);
        self.go_on(line);
    }

    /// Takes one event; returns how many bytes it used, or `None` if more are needed.
    fn step(&mut self, line: &mut PeerConnection<'_>, bytes: &mut [u8]) -> Option<usize> {
        let mut scratch = Scratch::new();
        let limits = websocket::Limits { message_bytes_max: usize::MAX >> 1, ..websocket::Limits::default() };
        match self.machine.step(bytes, &mut scratch, &limits) {
            Step::Event(used, event) => {
                match event {
                    Event::Message(message) => self.hear(line, &message),
                    // Its limits allow no parts.
                    Event::Part { .. } => {}
                    Event::Ping(payload) => {
                        let (key, payload) = (mask(line), payload.to_vec());
                        encode_masked(Opcode::Pong, true, &payload, key, line.bytes());
                    }
                    Event::Pong { payload, .. } => self.pong(line, payload),
                    Event::Close(frame) => {
                        let (code, key) = (frame.code, mask(line));
                        // A connection with too much memory gets 1009 too.
                        let is_fault = matches!(code, Some(1002 | 1003 | 1007));
                        if is_fault && code != self.code {
                            line.wrong(format!("it is told {code:?}, and not {:?}", self.code));
                        }
                        self.got_close = true;
                        // A code that the server may send may be sent back.
                        let _ = self.machine.close(code, "", Some(key), line.bytes());
                        line.finish();
                    }
                }
                Some(used)
            }
            Step::Need(0) | Step::Paused => None,
            Step::Need(used) => Some(used),
            Step::Fault(error) => {
                line.wrong(format!("{error}: {}", excerpt(bytes)));
                self.closed = true;
                None
            }
        }
    }

    fn hear(&mut self, line: &mut PeerConnection<'_>, message: &Message<'_>) {
        match (self.judge)(message) {
            Heard::Other => {}
            Heard::Wrong(text) => line.wrong(text),
            heard => match self.said.pop_front() {
                None => line.wrong(format!("{} came unasked", excerpt(message.as_bytes()))),
                Some(said) if heard == Heard::Echo && !said.is(message) => {
                    line.wrong(format!("{} came for {}", excerpt(message.as_bytes()), excerpt(said.bytes())));
                }
                Some(_) => self.go_on(line),
            },
        }
    }

    /// A Pong answers the oldest Ping, or a later one if the server has dropped earlier ones.
    fn pong(&mut self, line: &mut PeerConnection<'_>, payload: &[u8]) {
        match self.pings.iter().position(|ping| ping == payload) {
            Some(index) => drop(self.pings.drain(..=index)),
            None => line.wrong(format!("a Pong came that nobody asked for: {}", excerpt(payload))),
        }
    }
}

/// How much of what is left the next frame has.
pub(super) fn cut(left: usize, line: &mut PeerConnection<'_>) -> usize {
    if line.random().chance(300) { line.random().below(left + 1) } else { left }
}

fn mask(line: &mut PeerConnection<'_>) -> [u8; 4] {
    (line.random().bits() as u32).to_be_bytes()
}

impl Peer for WebSocket {
    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        let bits = u128::from(line.random().bits()) << 64 | u128::from(line.random().bits());
        self.key = bits.to_be_bytes();
        let encoded = match &self.deflating {
            None => encode_request(&self.target, "sim", self.key, &[], &[], line.bytes()),
            Some(own) => own.offered.encode_request(&self.target, "sim", self.key, &[], &[], line.bytes()),
        };
        let begun = self.http.expect_response("GET");
        if encoded.is_err() || begun.is_err() {
            line.wrong(format!("{} can't be asked for", self.target));
        }
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        if !self.open && !self.closed {
            self.shake_hands(line, bytes);
        }
        let mut at = 0;
        while self.open && !self.closed && at < bytes.len() {
            match self.step(line, &mut bytes[at..]) {
                Some(used) => at += used,
                None => break,
            }
        }
        bytes.drain(..at);
        if self.closed {
            bytes.clear();
        }
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, clean: bool) {
        if self.machine.is_inside_message() && clean {
            line.suspect("a message was cut");
        }
        // A peer that leaves does not get the Pongs that still waited.
        self.pings.clear();
        line.finish();
    }

    fn leave(&mut self, line: &mut PeerConnection<'_>) {
        let key = mask(line);
        if self.open && !self.machine.is_closing() {
            // 1000 may be sent.
            let _ = self.machine.close(Some(1000), "", Some(key), line.bytes());
        } else {
            line.finish();
        }
    }

    fn is_done(&self) -> bool {
        self.got_close
            || (self.closed && self.may_be_refused)
            || (self.code.is_none()
                && self.open
                && self.has_said_all()
                && self.said.is_empty()
                && self.pings.is_empty())
    }

    fn has_said_all(&self) -> bool {
        self.open && self.to_say.is_empty() && self.fault.is_none()
    }

    fn outlives_half_close(&self) -> bool {
        self.fault.is_none() && self.code.is_none()
    }

    fn is_fair(&self) -> bool {
        self.fault.is_none() && self.code.is_none()
    }

    fn expects_close(&self) -> bool {
        self.got_close || self.closed
    }

    fn waits_for(&self) -> String {
        match self.open {
            false => format!("the handshake at {} is not answered", self.target),
            true => {
                let (said, pings) = (self.said.len(), self.pings.len());
                format!("{said} messages and {pings} Pings are not answered, {} not said", self.to_say.len())
            }
        }
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("said", &self.said).field("to_say", &self.to_say).finish()
    }
}
