//! A server's connection.

use crate::log::Log;
use crate::partition::same_however_cut;
use crate::tally::count_round_trips;
use crate::tally::hash;
use jackfield_proto::Step;
use jackfield_proto::http1::{
    BodyDue, ClientEvent, ClientMachine, DateBlock, Error, Event, Fields, HeaderSlots, Limits, Machine, Owed,
    PIPELINE_REQUESTS_MAX, Request, Response, ResponseToSend,
};
use jackfield_proto::websocket::Offer;

/// A connection that takes bodies and answers in every way there is, as the requests' targets say: however the bytes
/// are cut the same requests come and the same answers go, and the same refusal ends it; no limit is passed; and our
/// client understands all of the answers.
pub fn http1_machine(data: &[u8]) {
    let limits = Limits {
        head_bytes_max: 2000,
        target_bytes_max: 200,
        chunk_line_bytes_max: 40,
        chunk_extension_bytes_max: 80,
        trailer_bytes_max: 200,
        ..Limits::default()
    };
    let (_, answers) = same_however_cut(data, |parts| {
        let mut server = Server::new(&limits);
        parts.iter().for_each(|part| server.feed(part));
        server.finish()
    });
    answers.check();
}

/// The limit of a collected body.
const COLLECTED_BYTES_MAX: usize = 64;
const BODY: &[u8] = b"some text";

/// One end of a connection, and what was seen on it.
struct Server<'l> {
    machine: Machine,
    limits: &'l Limits,
    date: DateBlock,
    rx: Vec<u8>,
    log: Log,
    answers: Answers,
    /// What becomes of the open request's body, and how it is answered: a number that its target gives.
    way: u64,
}

/// What was written, and what a client is to make of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    bytes: Vec<u8>,
    /// Of each answer, whether it was one to `HEAD`, and its status.
    sent: Vec<(bool, u16)>,
}

/// What a step asks for.
enum Act {
    Answer(u16),
    Accept([u8; 28]),
    Refuse(Error),
    GoOn,
}

impl<'l> Server<'l> {
    fn new(limits: &'l Limits) -> Self {
        let (machine, date) = (Machine::new(), DateBlock::new(0));
        let (rx, log, answers) = (Vec::new(), Log::default(), Answers::default());
        Self { machine, limits, date, rx, log, answers, way: 0 }
    }

    fn feed(&mut self, part: &[u8]) {
        self.rx.extend_from_slice(part);
        let mut rx = std::mem::take(&mut self.rx);
        let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
        while let Some((used, act)) = self.step(&rx, &mut slots, &mut whole) {
            drop(rx.drain(..used));
            self.act(act);
        }
        let is_http = !matches!(self.machine.owed(), Owed::Done | Owed::Switched);
        assert!(!is_http || rx.len() <= self.limits.head_bytes_max, "more is kept than a head may be");
        self.rx = rx;
    }

    fn finish(mut self) -> (Log, Answers) {
        if !self.machine.must_close() {
            self.log.note("awaits", format!("{:?}", self.machine.awaits()));
        }
        (self.log, self.answers)
    }

    /// One step. `None`: nothing more happens with these bytes.
    fn step(&mut self, rx: &[u8], slots: &mut HeaderSlots, whole: &mut Vec<u8>) -> Option<(usize, Act)> {
        match self.machine.step(rx, slots, whole, self.limits) {
            Step::Event(used, Event::Head(request)) => {
                self.open(&request);
                Some((used, self.plan()))
            }
            Step::Event(used, Event::Request(request)) => {
                self.open(&request);
                Some((used, self.whole(&request)))
            }
            Step::Event(used, Event::Upgrade(request)) => {
                self.open(&request);
                let offer = Offer::check(request.method(), true, request.headers());
                Some((used, offer.map_or(Act::Answer(426), |offer| Act::Accept(offer.accept_key()))))
            }
            Step::Event(used, Event::Body(part)) => {
                self.log.part("body", part);
                Some((used, Act::GoOn))
            }
            Step::Event(used, Event::End(request)) => Some((used, self.end(&request))),
            Step::Need(0) | Step::Paused => None,
            Step::Need(used) => Some((used, Act::GoOn)),
            Step::Fault(error) => Some((0, Act::Refuse(error))),
        }
    }

    /// A request begins.
    fn open(&mut self, request: &Request<'_>) {
        assert!(request.target().len() <= self.limits.target_bytes_max);
        assert_eq!((self.machine.owed(), request.keep_alive()), (Owed::Open, !self.machine.must_close()));
        self.way = hash(request.target().as_bytes());
        self.log.note("request", format!("{} {}", request.method(), request.target()));
        self.log.note("has body", request.has_body().to_string());
        self.answers.sent.push((request.method() == "HEAD", 0));
        let is_chunked = request.header("transfer-encoding").is_some();
        if (self.collects() && is_chunked) || request.header("expect").is_some() {
            // A body that is too long, or that its peer waits to send, ends the connection or not, depending on whether
            // it is there already.
            self.machine.close_after();
        }
    }

    fn collects(&self) -> bool {
        self.way % 3 == 0
    }

    /// What becomes of a body that is still to come.
    fn plan(&mut self) -> Act {
        match self.way % 3 {
            0 => match self.machine.collect(COLLECTED_BYTES_MAX as u64) {
                Ok(()) => Act::GoOn,
                Err(error) => Act::Answer(error.status()),
            },
            1 => {
                self.machine.stream();
                Act::GoOn
            }
            _ => Act::Answer(403),
        }
    }

    /// A request whose body was in the buffer: the events must be the same.
    fn whole(&mut self, request: &Request<'_>) -> Act {
        let has_body = !request.body().is_empty() || request.header("transfer-encoding").is_some();
        match self.way % 3 {
            0 if request.body().len() > COLLECTED_BYTES_MAX => Act::Answer(413),
            2 if has_body => Act::Answer(403),
            _ => self.end(request),
        }
    }

    fn end(&mut self, request: &Request<'_>) -> Act {
        if !request.body().is_empty() {
            self.log.part("body", request.body());
        }
        for (name, value) in request.trailers() {
            self.log.note("trailer", name);
            self.log.note("is", value);
        }
        Act::Answer([200, 200, 200, 404, 204, 205, 304][(self.way / 15 % 7) as usize])
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::GoOn => {}
            Act::Answer(status) => drop(self.answer(status)),
            Act::Accept(accept) => {
                self.log.note("accept", "");
                self.machine.encode_switching(&accept, &Fields::new(), &mut self.answers.bytes);
                self.close_book(101);
                assert_eq!(self.machine.owed(), Owed::Switched);
            }
            Act::Refuse(error) => {
                if self.machine.owed() == Owed::Open {
                    let is_open = self.answers.sent.last().is_some_and(|(_, status)| *status == 0);
                    if !is_open {
                        // What could not be read as a request is answered all the same.
                        self.answers.sent.push((false, 0));
                    }
                    self.way = 0;
                    let sends = self.answer(error.status());
                    if let Some((is_head, _)) = self.answers.sent.last_mut() {
                        // It looked like a `HEAD` that far.
                        *is_head |= sends == BodyDue::No;
                    }
                } else {
                    self.log.fault(error);
                }
                assert_eq!(self.machine.owed(), Owed::Done, "what is refused ends");
            }
        }
    }

    fn answer(&mut self, status: u16) -> BodyDue {
        self.log.note("answer", status.to_string());
        let head = ResponseToSend::new(status, "text/plain");
        let (machine, out) = (&mut self.machine, &mut self.answers.bytes);
        let way = self.way / 3 % 5;
        if way == 1 {
            machine.defer();
            assert_eq!(machine.owed(), Owed::Deferred);
        }
        let sends = match way {
            0 | 1 => {
                let sends = machine.respond(&head, BODY.len() as u64, &self.date, out);
                if sends == BodyDue::Yes {
                    out.extend_from_slice(BODY);
                }
                sends
            }
            2 => {
                let sends = machine.respond_until_close(&head, &self.date, out);
                if sends == BodyDue::Yes {
                    stream(machine, out);
                }
                sends
            }
            way => {
                machine.respond_stream(&head, (way == 3).then_some(BODY.len() as u64), &self.date, out);
                stream(machine, out);
                BodyDue::Yes
            }
        };
        assert!(matches!(self.machine.owed(), Owed::Idle | Owed::Done), "the answer is complete");
        assert_eq!(self.machine.must_close(), self.machine.owed() == Owed::Done);
        self.close_book(status);
        sends
    }

    fn close_book(&mut self, status: u16) {
        match self.answers.sent.last_mut() {
            Some((_, open)) if *open == 0 => *open = status,
            _ => panic!("an answer to nothing"),
        }
    }
}

impl Answers {
    /// Our client reads one answer for each request, and each as it was meant.
    fn check(self) {
        let mut sent = self.sent;
        // The last may wait for its body.
        sent.retain(|(_, status)| *status != 0);
        if sent.len() > PIPELINE_REQUESTS_MAX {
            return;
        }
        let mut client = ClientMachine::new();
        for (is_head, _) in &sent {
            assert_eq!(client.expect_response(if *is_head { "HEAD" } else { "GET" }), Ok(()));
        }
        let (mut slots, mut rest, mut whole) = (HeaderSlots::new(), &self.bytes[..], 0);
        let mut answers = sent.iter();
        let mut open = None;
        loop {
            match client.step(rest, &mut slots, &Limits::default()) {
                Step::Event(used, event) => {
                    rest = &rest[used..];
                    match event {
                        ClientEvent::Head(response) => open = Some(Open::begin(&response, answers.next())),
                        ClientEvent::Switched(response) => {
                            assert_eq!((response.status(), answers.next()), (101, Some(&(false, 101))));
                            whole += 1;
                        }
                        ClientEvent::Body(part) => {
                            let open = open.as_mut().expect("a head before it");
                            open.body.extend_from_slice(part);
                        }
                        ClientEvent::End => whole += open.take().map_or(0, Open::end),
                        ClientEvent::Interim(response) => panic!("{response:?} was not sent"),
                    }
                }
                Step::Need(used) if used == rest.len() => break,
                Step::Paused if rest.is_empty() => break,
                step => panic!("{step:?} before the answer's last {} bytes", rest.len()),
            }
        }
        if let Some(open) = open {
            let end = client.end_of_input();
            assert!(matches!(end, Ok(Some(ClientEvent::End))), "{end:?}");
            whole += open.end();
        }
        assert_eq!(whole, sent.len(), "so many answers are whole");
        count_round_trips(whole as u64);
    }
}

/// The body of an answer in two parts, and its end.
fn stream(machine: &mut Machine, out: &mut Vec<u8>) {
    let (first, second) = BODY.split_at(4);
    assert_eq!(machine.encode_part(first, out), Ok(()));
    assert_eq!(machine.encode_part(second, out), Ok(()));
    assert_eq!(machine.encode_end(&Fields::new(), out), Ok(()));
}

/// An answer that a client is reading.
struct Open {
    has_body: bool,
    body: Vec<u8>,
}

impl Open {
    fn begin(response: &Response<'_>, sent: Option<&(bool, u16)>) -> Self {
        let (is_head, status) = *sent.expect("an answer to each request, and no more");
        assert_eq!(response.status(), status);
        let has_length =
            ["content-length", "transfer-encoding"].iter().any(|name| response.header(name).is_some());
        assert!(!has_length || status != 204, "204 says nothing about a body (RFC 9110 section 8.6)");
        Self { has_body: !is_head && !matches!(status, 204 | 205 | 304), body: Vec::new() }
    }

    /// Gives 1, for the count.
    fn end(self) -> usize {
        assert_eq!(self.body, if self.has_body { BODY } else { b"" });
        1
    }
}
