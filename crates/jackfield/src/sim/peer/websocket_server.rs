//! A WebSocket server as a peer: the other side of [`Outgoing::websocket`](crate::Outgoing::websocket).

use super::deflating::{Agreeing, Fault};
use super::frames::{Frames, head_of, is_compressed};
use super::websocket::{Heard, Judge, cut};
use super::{Peer, PeerConnection, PeerMessage, excerpt};
use jackfield_proto::Step;
use jackfield_proto::http1::{Event as HttpEvent, Fields, HeaderSlots, Limits, Machine as HttpMachine};
use jackfield_proto::websocket::deflate::Options;
use jackfield_proto::websocket::{
    self, Event, Machine, Message, Offer, Opcode, Scratch, encode, encode_frame, encode_response,
    frame_header,
};
use std::collections::VecDeque;
use std::fmt;

/// Accepts the upgrade and sends messages. Each must come back unchanged, in a masked frame, and no mask may be the same as
/// the one before. A frame may only be compressed if that was agreed on.
pub struct WebSocketServer {
    http: HttpMachine,
    machine: Machine,
    is_open: bool,
    /// It refuses, with a status.
    refuses: bool,
    is_refused: bool,
    got_close: bool,
    to_say: VecDeque<PeerMessage>,
    said: VecDeque<PeerMessage>,
    pings: VecDeque<Vec<u8>>,
    ahead: usize,
    judge: Judge,
    deflating: Option<Agreeing>,
    fault: Option<Fault>,
    /// The code with which the server must close, since it was sent.
    code: Option<u16>,
    /// The mask of the latest frame.
    mask: Option<[u8; 4]>,
    /// The next byte is the first of a frame.
    is_between: bool,
    /// What has come, if it may be compressed, and how many bytes of it the machine has not used.
    frames: Frames,
    kept: usize,
}

impl WebSocketServer {
    /// Sends these messages.
    #[must_use]
    pub fn new(messages: Vec<PeerMessage>) -> Self {
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
            judge: Box::new(|_| Heard::Echo),
            deflating: None,
            fault: None,
            code: None,
            mask: None,
            is_between: true,
            frames: Frames::default(),
            kept: 0,
        }
    }

    /// Refuses the upgrade.
    #[must_use]
    pub fn refusing(mut self) -> Self {
        self.refuses = true;
        self
    }

    /// Accepts an offer of compression with these options, and asks the server for messages that need no larger window than
    /// `window_bits`, as a power of two, 8 to 15.
    #[must_use]
    pub fn deflating(mut self, options: Options, window_bits: u8) -> Self {
        self.deflating = Some(Agreeing::new(options, window_bits));
        self
    }

    /// After all messages have come back, breaks the rules once, if it accepts compression. The server must close with the right
    /// code.
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

    fn open(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        let (mut slots, mut scratch) = (HeaderSlots::new(), Vec::new());
        let offer = match self.http.step(bytes, &mut slots, &mut scratch, &Limits::default()) {
            Step::Need(0) | Step::Paused => return,
            Step::Need(used) => return drop(bytes.drain(..used)),
            Step::Event(used, HttpEvent::Upgrade(request)) => {
                let offer = Offer::check(request.method(), true, request.headers());
                offer.map(|offer| (used, offer.accept_key(), self.agree(&offer)))
            }
            _ => return line.wrong(format!("no WebSocket is asked for: {}", excerpt(bytes))),
        };
        let Ok((used, accept, extensions)) = offer else {
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
        self.accept(accept, extensions, line);
        self.is_open = true;
        self.go_on(line);
    }

    /// The extensions of the answer, if there are any.
    fn agree(&mut self, offer: &Offer<'_>) -> Option<String> {
        let deflating = self.deflating.as_mut().filter(|_| !self.refuses);
        deflating.and_then(|own| own.agree(offer, &mut self.machine))
    }

    fn accept(&mut self, accept: [u8; 28], extensions: Option<String>, line: &mut PeerConnection<'_>) {
        let Some(extensions) = extensions else {
            if encode_response(accept, None, &[], line.bytes()).is_err() {
                line.wrong("the handshake can't be answered");
            }
            return;
        };
        let mut fields = Fields::new();
        if fields.push("Sec-WebSocket-Extensions", extensions).is_err() {
            line.wrong("the extensions can't be answered");
        }
        self.http.encode_switching(&accept, &fields, line.bytes());
    }

    fn go_on(&mut self, line: &mut PeerConnection<'_>) {
        while self.said.len() < self.ahead && !self.machine.is_closing() {
            let Some(said) = self.to_say.pop_front() else { return self.break_rules(line) };
            if line.random().chance(200) {
                let count = line.random().below(20);
                let payload = line.random().bytes(count);
                encode_frame(Opcode::Ping, true, &payload, line.bytes());
                self.pings.push_back(payload);
            }
            match self.deflating.as_mut().and_then(|own| own.compress(said.message())) {
                Some(payload) => encode_compressed(said.opcode(), &payload, line),
                None => encode(said.message(), line.bytes()),
            }
            self.said.push_back(said);
        }
    }

    fn break_rules(&mut self, line: &mut PeerConnection<'_>) {
        let fault = self.fault.take_if(|_| self.said.is_empty());
        let (Some(fault), Some(deflating)) = (fault, &self.deflating) else { return };
        let (payload, code) = deflating.break_rules(fault);
        self.code = Some(code);
        encode_compressed(Opcode::Binary, &payload, line);
    }

    /// One event; `None` if more bytes are needed.
    fn step(&mut self, line: &mut PeerConnection<'_>, bytes: &mut [u8]) -> Option<usize> {
        self.look_at_head(line, bytes);
        let (mut scratch, limits) = (Scratch::new(), websocket::Limits::default());
        match self.machine.step(bytes, &mut scratch, &limits) {
            Step::Event(used, event) => {
                match event {
                    Event::Message(message) => self.hear(line, &message),
                    Event::Part { .. } => {}
                    Event::Ping(payload) => encode_frame(Opcode::Pong, true, payload, line.bytes()),
                    Event::Pong { payload, .. } => self.pong(line, payload),
                    Event::Close(frame) => {
                        let code = frame.code;
                        // A connection with too much memory gets 1009 too.
                        if matches!(code, Some(1002 | 1003 | 1007)) && code != self.code {
                            line.wrong(format!("it is told {code:?}, and not {:?}", self.code));
                        }
                        self.got_close = true;
                        // A code that was received may be sent back.
                        let _ = self.machine.close(code, "", None, line.bytes());
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

    fn look_at_head(&mut self, line: &mut PeerConnection<'_>, frame: &[u8]) {
        let Some((_, mask)) = head_of(frame).filter(|_| self.is_between) else { return };
        if self.mask.replace(mask) == Some(mask) {
            line.wrong("two frames have the same mask");
        }
        if is_compressed(frame) && !self.deflating.as_ref().is_some_and(Agreeing::is_sent_compressed) {
            line.wrong("a frame is compressed, and that was not agreed on");
        }
        self.is_between = false;
    }

    /// Compressed messages must keep to the window that was agreed on.
    fn look_at_messages(&mut self, line: &mut PeerConnection<'_>, new: &[u8]) {
        let Some(deflating) = &mut self.deflating else { return };
        self.frames.add(new);
        while let Some(payload) = self.frames.next() {
            if !deflating.takes(&payload) {
                line.wrong("a message is not compressed as was agreed");
            }
        }
    }

    fn hear(&mut self, line: &mut PeerConnection<'_>, message: &Message<'_>) {
        match (self.judge)(message) {
            Heard::Other => {}
            Heard::Wrong(text) => line.wrong(text),
            heard => match self.said.pop_front() {
                Some(said) if heard == Heard::Answer || said.is(message) => self.go_on(line),
                said => line.wrong(format!("{} came for {said:?}", excerpt(message.as_bytes()))),
            },
        }
    }

    /// A Pong answers the oldest Ping, or a later one if earlier ones were dropped.
    fn pong(&mut self, line: &mut PeerConnection<'_>, payload: &[u8]) {
        match self.pings.iter().position(|ping| ping == payload) {
            Some(index) => drop(self.pings.drain(..=index)),
            None => line.wrong(format!("a Pong came that nobody asked for: {}", excerpt(payload))),
        }
    }
}

/// Encodes a compressed message in frames of random sizes, the first of which is marked.
fn encode_compressed(kind: Opcode, payload: &[u8], line: &mut PeerConnection<'_>) {
    let (mut opcode, mut rest) = (kind, payload);
    loop {
        let (part, behind) = rest.split_at(cut(rest.len(), line));
        let header = frame_header(opcode, behind.is_empty(), part.len());
        let header = if opcode == kind { header.compressed() } else { header };
        line.say(header.as_bytes());
        line.say(part);
        if behind.is_empty() {
            return;
        }
        (opcode, rest) = (Opcode::Continuation, behind);
    }
}

impl Peer for WebSocketServer {
    fn on_connect(&mut self, _line: &mut PeerConnection<'_>) {}

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        if self.is_open {
            self.look_at_messages(line, &bytes[self.kept..]);
        } else if !self.is_refused {
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
        self.kept = bytes.len();
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, clean: bool) {
        if self.machine.is_inside_message() && clean {
            line.suspect("a message was cut");
        }
        self.pings.clear();
        line.finish();
    }

    fn leave(&mut self, line: &mut PeerConnection<'_>) {
        if self.is_open && !self.machine.is_closing() {
            // 1000 may be sent.
            let _ = self.machine.close(Some(1000), "", None, line.bytes());
        } else {
            line.finish();
        }
    }

    fn is_done(&self) -> bool {
        let is_answered = self.said.is_empty() && self.pings.is_empty() && self.code.is_none();
        self.got_close || self.is_refused || (self.has_said_all() && is_answered)
    }

    fn has_said_all(&self) -> bool {
        self.is_open && self.to_say.is_empty() && self.fault.is_none()
    }

    fn is_fair(&self) -> bool {
        self.fault.is_none() && self.code.is_none()
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
