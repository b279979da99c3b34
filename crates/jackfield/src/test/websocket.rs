//! WebSockets of a test client.

use super::http::{Http, TestResponse};
use jackfield_proto::Step;
use jackfield_proto::websocket::{
    Event, Limits, Machine, Message, Opcode, Scratch, check_response, encode_masked,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A WebSocket of a test client: see [`TestServer::websocket`](super::TestServer::websocket). It answers Pings and the
/// server's Close by itself.
pub struct TestWebSocket {
    http: Rc<RefCell<Http>>,
    protocol: Option<String>,
    machine: Machine,
    scratch: Scratch,
    came: VecDeque<TestMessage>,
    closed: Option<(u16, String)>,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TestMessage {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// A constant key: a test must be the same each time, and has no attackers.
pub(super) const KEY: [u8; 16] = *b"a test's own key";

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A Close without a code (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

impl From<&str> for TestMessage {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&[u8]> for TestMessage {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(bytes.to_vec())
    }
}

impl From<Message<'_>> for TestMessage {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => text.into(),
            Message::Binary(bytes) => bytes.into(),
        }
    }
}

impl TestWebSocket {
    pub(super) fn new(http: Rc<RefCell<Http>>, answer: &TestResponse, protocols: &[&str]) -> Self {
        let accepted = check_response(answer.status(), answer.headers(), KEY, protocols);
        let accepted = accepted.unwrap_or_else(|error| panic!("the opening handshake is wrong: {error}"));
        Self {
            http,
            protocol: accepted.protocol.map(str::to_owned),
            machine: Machine::client(),
            scratch: Scratch::new(),
            came: VecDeque::new(),
            closed: None,
        }
    }

    /// The subprotocol that the server has chosen.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends a message in one frame, and runs the server until nothing more happens.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) {
        let message = message.into();
        let opcode = match message {
            Message::Text(_) => Opcode::Text,
            Message::Binary(_) => Opcode::Binary,
        };
        let mut out = Vec::new();
        encode_masked(opcode, true, message.as_bytes(), MASK, &mut out);
        self.say(&out);
    }

    /// Sends a Ping.
    pub fn ping(&mut self, payload: &[u8]) {
        let mut out = Vec::new();
        self.machine.ping(payload, Some(MASK), &mut out);
        self.say(&out);
    }

    /// The next message, if one has come.
    ///
    /// # Panics
    /// The server breaks the protocol.
    #[expect(clippy::should_implement_trait, reason = "there may be another one later")]
    pub fn next(&mut self) -> Option<TestMessage> {
        self.pull();
        self.came.pop_front()
    }

    /// Sends a Close. Messages that come before the server's Close are still returned.
    ///
    /// # Panics
    /// The code must not be sent (RFC 6455 section 7.4).
    pub fn close(&mut self, code: u16, reason: &str) {
        let mut out = Vec::new();
        let closing = self.machine.close(Some(code), reason, Some(MASK), &mut out);
        closing.unwrap_or_else(|error| panic!("this can't be the Close of a client: {error}"));
        self.say(&out);
    }

    /// The code and the reason of the server's Close, if it has come. 1005 means that it has no code.
    pub fn closed(&mut self) -> Option<(u16, &str)> {
        self.pull();
        self.closed.as_ref().map(|(code, reason)| (*code, &**reason))
    }

    /// True once the server has closed the connection.
    pub fn is_finished(&mut self) -> bool {
        self.pull();
        self.http.borrow().line.is_finished()
    }

    /// Resets the connection.
    pub fn reset(self) {
        self.http.borrow_mut().line.reset();
    }

    fn say(&mut self, bytes: &[u8]) {
        self.http.borrow_mut().line.send(bytes);
        self.pull();
    }

    fn pull(&mut self) {
        let http = self.http.clone();
        let line = &mut http.borrow_mut().line;
        line.pull();
        let mut answers = Vec::new();
        // A browser takes a message of any length.
        let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
        loop {
            let (used, event) = match self.machine.step(&mut line.rx, &mut self.scratch, &limits) {
                Step::Event(used, event) => (used, event),
                Step::Need(used) => {
                    line.rx.drain(..used);
                    break;
                }
                Step::Paused => break,
                Step::Fault(error) => panic!("the server breaks WebSocket: {error}"),
            };
            match event {
                Event::Message(message) => self.came.push_back(message.into()),
                Event::Ping(payload) => encode_masked(Opcode::Pong, true, payload, MASK, &mut answers),
                // The limits allow no parts.
                Event::Pong { .. } | Event::Part { .. } => {}
                Event::Close(close) => {
                    self.closed = Some((close.code.unwrap_or(NO_CODE), close.reason.to_owned()));
                    let code = close.code;
                    let _ = self.machine.close(code, "", Some(MASK), &mut answers);
                }
            }
            line.rx.drain(..used);
        }
        if !answers.is_empty() {
            line.send(&answers);
        }
    }
}
