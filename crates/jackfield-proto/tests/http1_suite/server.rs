//! A caller of the server's machine that writes down what it saw.

use std::fmt::Write;

use jackfield_proto::Step;
use jackfield_proto::http1::{
    Awaits, DateBlock, Error, Event, HeaderSlots, Limits, Machine, Owed, Request, ResponseToSend,
};

/// 6 November 1994, 08:49:37.
pub(crate) const NOW: u64 = 784_111_777;

/// What to do with a body that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    Collect(u64),
    Stream,
    /// Answer at once.
    Refuse,
}

/// A server that answers each request with `ok`, and keeps the bytes that were not used.
pub(crate) struct Server {
    pub(crate) machine: Machine,
    pub(crate) limits: Limits,
    pub(crate) bodies: Bodies,
    /// What was seen, in words.
    pub(crate) seen: String,
    pub(crate) out: Vec<u8>,
    carry: Vec<u8>,
    /// The parts of the body that is being streamed.
    streamed: Vec<u8>,
    is_over: bool,
}

impl Server {
    pub(crate) fn new(bodies: Bodies) -> Self {
        Self {
            machine: Machine::new(),
            limits: Limits::default(),
            bodies,
            seen: String::new(),
            out: Vec::new(),
            carry: Vec::new(),
            streamed: Vec::new(),
            is_over: false,
        }
    }

    /// Takes what has come.
    pub(crate) fn feed(&mut self, part: &[u8]) {
        self.carry.extend_from_slice(part);
        while !self.is_over && self.step() {}
    }

    /// What was seen, and what is awaited.
    pub(crate) fn finish(mut self) -> String {
        if self.is_over {
            return self.seen;
        }
        match self.machine.awaits() {
            Awaits::Nothing => {}
            Awaits::Head => self.note("+head"),
            Awaits::Body => self.note("+body"),
        }
        self.seen
    }

    fn step(&mut self) -> bool {
        let carry = std::mem::take(&mut self.carry);
        let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
        let (used, goes_on) = match self.machine.step(&carry, &mut slots, &mut whole, &self.limits) {
            Step::Need(used) => (used, false),
            Step::Paused => (0, false),
            Step::Event(used, event) => {
                self.take_event(&event);
                (used, true)
            }
            Step::Fault(error) => {
                self.take_fault(error);
                (0, false)
            }
        };
        self.carry = carry[used..].to_vec();
        goes_on
    }

    fn take_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Upgrade(request) => self.take_request("upgrade ", request, request.body()),
            Event::Head(request) => {
                assert!(request.has_body(), "its body is still to come");
                self.take_head();
            }
            Event::Body(part) => self.streamed.extend_from_slice(part),
            Event::End(request) if self.bodies == Bodies::Stream => {
                assert!(request.body().is_empty());
                let body = std::mem::take(&mut self.streamed);
                self.take_request("", request, &body);
            }
            // What a caller does that hands head and body out by themselves.
            Event::Request(request) if self.bodies == Bodies::Stream => {
                let head = request.head_only();
                assert!(head.body().is_empty() && head.trailers().next().is_none());
                assert_eq!((head.has_body(), head.target()), (request.has_body(), request.target()));
                self.take_request("", &request.without_body(), request.body());
            }
            Event::Request(request) | Event::End(request) => self.take_request("", request, request.body()),
        }
    }

    fn take_head(&mut self) {
        assert_eq!(self.machine.awaits(), Awaits::Nothing);
        match self.bodies {
            Bodies::Stream => self.machine.stream(),
            Bodies::Refuse => {
                self.note("refused");
                self.answer(200);
            }
            Bodies::Collect(max) => {
                if let Err(error) = self.machine.collect(max) {
                    self.note(&format!("too large {}", error.status()));
                    self.answer(error.status());
                }
            }
        }
        if self.machine.wants_continue() {
            self.machine.encode_continue(&mut self.out);
        }
    }

    fn take_request(&mut self, kind: &str, request: &Request<'_>, body: &[u8]) {
        assert_eq!(request.has_body(), announces_body(request), "{request:?}");
        let mut text = format!("{kind}{} {}", request.method(), request.target());
        if !body.is_empty() {
            let _ = write!(text, " {:?}", String::from_utf8_lossy(body));
        }
        for (name, value) in request.trailers() {
            let _ = write!(text, " [{name}={}]", String::from_utf8_lossy(value));
        }
        if !request.keep_alive() {
            text.push_str(" close");
        }
        assert_eq!(request.keep_alive(), !self.machine.must_close());
        self.note(&text);
        self.answer(200);
    }

    fn take_fault(&mut self, error: Error) {
        assert!(self.machine.must_close());
        self.note(&error.status().to_string());
        if self.machine.owed() == Owed::Open {
            self.answer(error.status());
        }
        self.is_over = true;
    }

    fn answer(&mut self, status: u16) {
        let head = ResponseToSend::new(status, "text/plain");
        let _ = self.machine.respond(&head, 0, &DateBlock::new(NOW), &mut self.out);
        if self.machine.must_close() {
            assert_eq!(self.machine.owed(), Owed::Done);
            assert!(!self.machine.has_partial());
            self.is_over = true;
        }
    }

    fn note(&mut self, what: &str) {
        if !self.seen.is_empty() {
            self.seen.push_str("; ");
        }
        self.seen.push_str(what);
    }
}

fn announces_body(request: &Request<'_>) -> bool {
    let length = request.header_str("content-length").and_then(|length| length.parse::<u64>().ok());
    length.is_some_and(|bytes| bytes > 0) || request.header("transfer-encoding").is_some()
}

/// What a server sees of these parts.
pub(crate) fn see(parts: &[&[u8]], bodies: Bodies, limits: &Limits) -> String {
    let mut server = Server::new(bodies);
    server.limits = limits.clone();
    for part in parts {
        server.feed(part);
    }
    server.finish()
}

/// Every way to cut `bytes` that is tried.
pub(crate) fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let halves = (1..bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]);
    let singles = bytes.chunks(1).collect();
    std::iter::once(vec![bytes]).chain(halves).chain([singles]).collect()
}

/// Checks that `bytes` are seen as `expected`, whole and in pieces.
#[track_caller]
pub(crate) fn check_with(bytes: &[u8], expected: &str, bodies: Bodies, limits: &Limits) {
    for parts in cuts(bytes) {
        let seen = see(&parts, bodies, limits);
        assert_eq!(
            seen,
            expected,
            "{bodies:?}, {} parts, the first of {} bytes: {:?}",
            parts.len(),
            parts[0].len(),
            String::from_utf8_lossy(bytes)
        );
    }
}
