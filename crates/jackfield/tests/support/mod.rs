//! What the tests share: a client that notes every event, peers that speak HTTP and WebSocket, and a real server.

// Each test binary uses its own part of this.
#![allow(dead_code, unreachable_pub)]

pub mod congested;
pub mod probe;
pub mod reader;
pub mod real;
#[path = "../common/skip.rs"]
pub(crate) mod skip;
pub mod socket;

use jackfield::Limits;
use jackfield::test::{FarEnd, TestOptions, TestServer};
use probe::{Log, Probe, Watcher};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The date line that the first second of a [`TestServer`] has.
pub const DATE: &str = "Date: Thu, 01 Jan 2026 00:00:00 GMT";

/// A request without a body.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// The answer 200 with a plain text.
pub fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{DATE}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Bytes as they are shown in a failed assertion.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The statuses of the answers in what a server sent. Bodies must not look like answers.
pub fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = text(bytes);
    let lines = text.match_indices("HTTP/1.1 ");
    lines.filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok()).collect()
}

/// A server whose clients are probes with one log.
pub struct Lab {
    pub server: TestServer,
    pub log: Log,
}

impl Lab {
    pub fn new(make: impl Fn() -> Probe + 'static) -> Self {
        Self::with_options(TestOptions::default(), make)
    }

    pub fn with_options(options: TestOptions, make: impl Fn() -> Probe + 'static) -> Self {
        let log = Log::default();
        let probes = log.clone();
        let server = TestServer::with_options(options, move |_peer| make().noted_in(&probes));
        Self { server, log }
    }

    /// With these limits, and with an observer that notes in the same log.
    pub fn with_limits(limits: Limits, make: impl Fn() -> Probe + 'static) -> Self {
        let watcher = Watcher::default();
        let log = watcher.log.clone();
        let probes = log.clone();
        let options = TestOptions { limits, observer: Arc::new(watcher), ..TestOptions::default() };
        let server = TestServer::with_options(options, move |_peer| make().noted_in(&probes));
        Self { server, log }
    }

    pub fn connect(&mut self) -> FarEnd {
        self.server.connect()
    }

    pub fn connect_to(&mut self, listener: usize) -> FarEnd {
        self.server.connect_to(listener)
    }

    /// A connection that is a WebSocket already.
    pub fn websocket(&mut self) -> FarEnd {
        let far = self.connect();
        let answer = self.say(&far, socket::UPGRADE);
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", text(&answer));
        far
    }

    /// A connection that is an event stream already.
    pub fn events(&mut self) -> FarEnd {
        let far = self.connect();
        let answer = self.say(&far, get("/events"));
        assert!(text(&answer).contains("text/event-stream"), "{}", text(&answer));
        far
    }

    /// Sends, runs, and says what came back.
    pub fn say(&mut self, far: &FarEnd, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        far.send(bytes.as_ref());
        self.server.run();
        far.take()
    }

    /// The same as text.
    pub fn ask(&mut self, far: &FarEnd, bytes: impl AsRef<[u8]>) -> String {
        text(&self.say(far, bytes))
    }

    pub fn run(&mut self) {
        self.server.run();
    }

    pub fn advance(&mut self, span: Duration) {
        self.server.advance(span);
    }

    pub fn connections(&self) -> usize {
        self.server.wires().len()
    }

    /// Connections that are over for their clients, and whose peers' ends are awaited.
    pub fn lingering(&self) -> usize {
        self.server.wires().lingering()
    }
}

/// What one connection came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub is_finished: bool,
    pub log: Vec<String>,
    /// What was seen of the requests besides.
    pub requests: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finished = if self.is_finished { "finished" } else { "open" };
        write!(f, "{}\n[{finished}] {:?}\n{:?}", text(&self.output), self.log, self.requests)
    }
}

/// What becomes of `input` on a connection to `listener`: whole, in single bytes, and in two parts for every way to cut
/// it. All of them must come to the same.
pub fn outcome(make: fn() -> Probe, listener: usize, input: &[u8]) -> Outcome {
    let whole = outcome_of(make, listener, &[input]);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    let single = outcome_of(make, listener, &bytes);
    assert_eq!(whole, single, "whole:\n{whole}\nin single bytes:\n{single}\nof {}", text(input));
    // A long input is cut at some places only.
    let step = 1 + input.len() / 400;
    for cut in (1..input.len()).step_by(step) {
        let (head, tail) = input.split_at(cut);
        let cut = outcome_of(make, listener, &[head, tail]);
        assert_eq!(whole, cut, "whole:\n{whole}\nin two:\n{cut}\nof {:?} and {:?}", text(head), text(tail));
    }
    whole
}

/// What becomes of an input that comes in these parts.
pub fn outcome_of(make: fn() -> Probe, listener: usize, parts: &[&[u8]]) -> Outcome {
    let mut lab = Lab::new(make);
    let far = lab.connect_to(listener);
    let mut output = Vec::new();
    for part in parts {
        // What comes is read at once: a part that comes after the end resets the connection.
        output.extend(lab.say(&far, part));
    }
    let is_finished = far.has_server_finished();
    let requests = lab.log.requests().clone();
    Outcome { output, is_finished, log: lab.log.events(), requests }
}
