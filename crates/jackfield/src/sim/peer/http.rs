//! A peer that sends HTTP requests.

use super::{Peer, PeerConnection, excerpt};
use crate::config::Speaks;
use jackfield_proto::Step;
use jackfield_proto::http1::{
    ClientEvent, ClientMachine, Fields, HeaderSlots, Limits, RequestBody, RequestToSend,
};
use jackfield_proto::websocket::encode_request;
use std::collections::VecDeque;
use std::fmt;

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The method.
    pub method: String,
    /// The target.
    pub target: String,
    /// The body. Without one the request announces none.
    pub body: Option<Vec<u8>>,
    /// Whether the body is sent in chunks.
    pub chunked: bool,
    /// Whether the request asks for an upgrade to WebSocket. The peer expects a refusal.
    pub upgrade: bool,
}

impl Ask {
    /// A GET request.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self { method: "GET".into(), target: target.into(), ..Self::default() }
    }

    /// A POST request with a body.
    #[must_use]
    pub fn post(target: impl Into<String>, body: Vec<u8>) -> Self {
        Self { method: "POST".into(), target: target.into(), body: Some(body), ..Self::default() }
    }
}

type Check = Box<dyn FnMut(&Ask, u16, &[u8]) -> Result<(), String>>;

/// Sends requests and checks each answer. The answers must come in the order of the requests.
pub struct Http {
    machine: ClientMachine,
    asks: VecDeque<Ask>,
    asked: VecDeque<Asked>,
    depth: usize,
    check: Check,
    status: u16,
    body: Vec<u8>,
    /// The present body has an announced length, so the end of the connection must not cut it.
    has_length: bool,
    told_to_close: bool,
    broken: bool,
    half_closes: HalfCloses,
    /// Asks with its last request for the end of the connection.
    asks_for_end: bool,
    /// It has done so, and has closed its side then.
    has_left: bool,
    listener: usize,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct Asked {
    ask: Ask,
    /// The length of the request on the wire.
    bytes: usize,
}

/// What it gets once it has closed its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HalfCloses {
    /// All its answers.
    Answered,
    /// Perhaps not all: it does not close its side before it has them.
    Never,
    /// Any number of them: it leaves as soon as it has sent everything.
    Leaves,
}

impl Http {
    /// Sends these requests and accepts any answer with the status 200.
    #[must_use]
    pub fn new(asks: Vec<Ask>) -> Self {
        let check = |ask: &Ask, status: u16, _: &[u8]| match status {
            200 => Ok(()),
            status => Err(format!("{} {} got {status}", ask.method, ask.target)),
        };
        Self {
            machine: ClientMachine::new(),
            asks: asks.into(),
            asked: VecDeque::new(),
            depth: 1,
            check: Box::new(check),
            status: 0,
            body: Vec::new(),
            has_length: false,
            told_to_close: false,
            broken: false,
            half_closes: HalfCloses::Answered,
            asks_for_end: false,
            has_left: false,
            listener: Speaks::Http as usize,
        }
    }

    /// Connects to the listener with this index, which must speak HTTP.
    #[must_use]
    pub fn at(mut self, listener: usize) -> Self {
        self.listener = listener;
        self
    }

    /// Keeps its side open until it has all answers. For answers that come later than the request's callback: the server
    /// gives none to a peer that has closed its side.
    #[must_use]
    pub fn staying(mut self) -> Self {
        self.half_closes = HalfCloses::Never;
        self
    }

    /// Closes its side as soon as it has sent everything, and expects no more answers.
    #[must_use]
    pub fn leaving(mut self) -> Self {
        self.half_closes = HalfCloses::Leaves;
        self
    }

    /// Asks with its last request for the end of the connection (`Connection: close`), and closes its side some time after that,
    /// with or without the answers. It expects all of them. The last request must have no body.
    #[must_use]
    pub fn asking_for_end(mut self) -> Self {
        self.asks_for_end = true;
        self
    }

    /// Sends `times` GET requests for the same target.
    #[must_use]
    pub fn get(target: &str, times: usize) -> Self {
        Self::new(vec![Ask::get(target); times])
    }

    /// How many requests may be unanswered at a time. Default: 1.
    #[must_use]
    pub fn pipelined(mut self, depth: usize) -> Self {
        self.depth = depth.max(1);
        self
    }

    /// Checks each answer: the request, the status and the body. Default: the status must be 200.
    #[must_use]
    pub fn expecting(mut self, check: impl FnMut(&Ask, u16, &[u8]) -> Result<(), String> + 'static) -> Self {
        self.check = Box::new(check);
        self
    }

    fn go_on(&mut self, line: &mut PeerConnection<'_>) {
        while self.asked.len() < self.depth && self.machine.keep_alive() {
            let Some(ask) = self.asks.pop_front() else { break };
            let before = line.bytes().len();
            if let Err(error) = self.encode(&ask, line) {
                line.wrong(format!("{ask:?} can't be asked: {error}"));
            }
            self.asked.push_back(Asked { ask, bytes: line.bytes().len() - before });
        }
        if self.half_closes == HalfCloses::Leaves && self.asks.is_empty() {
            line.finish();
        }
    }

    fn encode(&mut self, ask: &Ask, line: &mut PeerConnection<'_>) -> Result<(), Box<dyn std::error::Error>> {
        if ask.upgrade {
            encode_request(&ask.target, "sim", [7; 16], &[], &[], line.bytes())?;
            return Ok(self.machine.expect_response(&ask.method)?);
        }
        if self.asks_for_end && self.asks.is_empty() {
            let Ask { method, target, .. } = ask;
            let head = format!("{method} {target} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n");
            line.say(head.as_bytes());
            return Ok(self.machine.expect_response(method)?);
        }
        let fields = Fields::new();
        let head = RequestToSend { method: &ask.method, target: &ask.target, host: "sim", fields: &fields };
        let Some(body) = &ask.body else {
            self.machine.encode_request(&head, RequestBody::None, line.bytes())?;
            return Ok(());
        };
        let framing = if ask.chunked { RequestBody::Chunked } else { RequestBody::Length(body.len() as u64) };
        self.machine.encode_request(&head, framing, line.bytes())?;
        let mut rest = &body[..];
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(line.random().between(1, rest.len()));
            self.machine.encode_part(part, line.bytes())?;
            rest = behind;
        }
        self.machine.encode_end(&fields, line.bytes())?;
        Ok(())
    }

    /// Takes one event; returns how many bytes it used, or `None` if more are needed.
    fn step(&mut self, line: &mut PeerConnection<'_>, bytes: &[u8]) -> Option<usize> {
        let mut slots = HeaderSlots::new();
        match self.machine.step(bytes, &mut slots, &Limits::default()) {
            Step::Event(used, event) => {
                match event {
                    ClientEvent::Head(response) => {
                        self.status = response.status();
                        self.has_length = response.header("content-length").is_some();
                        self.body.clear();
                    }
                    ClientEvent::Body(part) => self.body.extend_from_slice(part),
                    ClientEvent::End => self.answered(line),
                    ClientEvent::Interim(_) => {}
                    ClientEvent::Switched(_) => self.switched(line),
                }
                Some(used)
            }
            Step::Need(0) => None,
            Step::Need(used) => Some(used),
            Step::Paused => {
                // After the last answer nothing may come.
                line.wrong(format!("{} came behind the last answer", excerpt(bytes)));
                self.broken = true;
                None
            }
            Step::Fault(error) => {
                line.wrong(format!("{error}: {}", excerpt(bytes)));
                self.broken = true;
                None
            }
        }
    }

    /// An overloaded server accepts the WebSocket and closes it with 1013.
    fn switched(&mut self, line: &mut PeerConnection<'_>) {
        let text = "the server speaks another protocol";
        match self.asked.front() {
            Some(Asked { ask, .. }) if ask.upgrade => line.suspect(text),
            _ => line.wrong(text),
        }
        self.broken = true;
        line.finish();
    }

    fn answered(&mut self, line: &mut PeerConnection<'_>) {
        let Some(Asked { ask, .. }) = self.asked.pop_front() else { return };
        self.told_to_close |= !self.machine.keep_alive();
        if let Err(text) = (self.check)(&ask, self.status, &self.body) {
            // Answers of the server itself, for example under overload.
            match self.status {
                408 | 500 | 503 => line.suspect(text),
                _ => line.wrong(text),
            }
        }
        self.go_on(line);
    }
}

impl Peer for Http {
    fn listener(&self) -> usize {
        self.listener
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        self.go_on(line);
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        let mut at = 0;
        while !self.broken && (at < bytes.len() || self.machine.has_partial()) {
            match self.step(line, &bytes[at..]) {
                Some(used) => at += used,
                None => break,
            }
        }
        if self.broken {
            return bytes.clear();
        }
        bytes.drain(..at);
    }

    fn has_news(&self) -> bool {
        self.asks_for_end && self.has_said_all() && !self.has_left
    }

    fn on_news(&mut self, line: &mut PeerConnection<'_>) {
        if line.random().chance(200) {
            self.has_left = true;
            line.finish();
        }
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, clean: bool) {
        if self.half_closes == HalfCloses::Leaves {
            // The peer wanted no more answers.
        } else if self.machine.has_partial() {
            let text = format!("an answer was cut after {} of its body", excerpt(&self.body));
            match clean && self.has_length {
                true => line.wrong(text),
                false => line.suspect(text),
            }
        } else if !self.is_done() && clean {
            line.suspect(format!("closed, and {}", self.waits_for()));
        }
        line.finish();
    }

    fn is_done(&self) -> bool {
        let is_over = self.asks.is_empty() || !self.machine.keep_alive();
        is_over && (self.asked.is_empty() || self.told_to_close) && !self.machine.has_partial()
    }

    fn has_said_all(&self) -> bool {
        self.asks.is_empty()
    }

    fn outlives_half_close(&self) -> bool {
        self.half_closes == HalfCloses::Answered
    }

    fn expects_close(&self) -> bool {
        self.told_to_close || (self.asks_for_end && self.has_said_all())
    }

    fn unanswered_bytes(&self) -> usize {
        self.asked.iter().map(|asked| asked.bytes).sum()
    }

    fn waits_for(&self) -> String {
        let first = self.asked.front().map_or("nothing", |asked| &asked.ask.target);
        format!(
            "{first} is not answered, nor {} behind it",
            self.asked.len().saturating_sub(1) + self.asks.len()
        )
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("asked", &self.asked).field("asks", &self.asks).finish()
    }
}
