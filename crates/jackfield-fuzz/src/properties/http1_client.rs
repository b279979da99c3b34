//! Responses.

use super::free_fields;
use crate::log::Log;
use crate::partition::same_however_cut;
use crate::tally::count_round_trips;
use jackfield_proto::Step;
use jackfield_proto::http1::{
    BodyDue, ClientEvent, ClientMachine, DateBlock, Event, Fields, HeaderSlots, INTERIM_MAX, Limits, Machine,
    Response, ResponseToSend,
};

/// The requests that are answered.
const METHODS: [&str; 6] = ["GET", "GET", "HEAD", "POST", "GET", "GET"];

/// The answers to some requests, `HEAD` among them: however they are cut the same responses, bodies, trailers and end
/// come, or the same refusal and nothing after it; limits hold; and what our server sends in their place is read as the
/// same.
pub fn http1_client(data: &[u8]) {
    let limits = Limits {
        head_bytes_max: 500,
        headers_max: 10,
        chunk_line_bytes_max: 40,
        chunk_extension_bytes_max: 80,
        trailer_bytes_max: 200,
        ..Limits::default()
    };
    let (_, answers) = same_however_cut(data, |parts| {
        let mut client = Client::new(&limits);
        parts.iter().for_each(|part| client.feed(part));
        client.finish()
    });
    answers.iter().for_each(round_trip);
}

struct Client<'l> {
    machine: ClientMachine,
    limits: &'l Limits,
    rx: Vec<u8>,
    log: Log,
    answers: Vec<Answer>,
    interims: u8,
    is_over: bool,
}

/// A final response.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    is_to_head: bool,
    status: u16,
    fields: Fields,
    body: Vec<u8>,
    is_whole: bool,
}

impl<'l> Client<'l> {
    fn new(limits: &'l Limits) -> Self {
        let mut machine = ClientMachine::new();
        for method in METHODS {
            assert_eq!(machine.expect_response(method), Ok(()));
        }
        let (rx, log, answers) = (Vec::new(), Log::default(), Vec::new());
        Self { machine, limits, rx, log, answers, interims: 0, is_over: false }
    }

    fn feed(&mut self, part: &[u8]) {
        self.rx.extend_from_slice(part);
        let rx = std::mem::take(&mut self.rx);
        let (mut slots, mut start) = (HeaderSlots::new(), 0);
        while !self.is_over {
            match self.machine.step(&rx[start..], &mut slots, self.limits) {
                Step::Need(used) => {
                    start += used;
                    break;
                }
                Step::Paused => {
                    self.log.note("paused", "");
                    self.is_over = true;
                }
                Step::Event(used, event) => {
                    start += used;
                    self.take(event);
                }
                Step::Fault(error) => {
                    self.log.fault(error);
                    self.is_over = true;
                    let again = self.machine.step(&rx[start..], &mut slots, self.limits);
                    assert!(!matches!(again, Step::Event(..)), "{again:?} comes after a refusal");
                    assert!(!self.machine.keep_alive(), "nothing more is asked here");
                }
            }
        }
        self.rx = rx[start..].to_vec();
        assert!(
            self.is_over || self.rx.len() <= self.limits.head_bytes_max,
            "more is kept than a head may be"
        );
    }

    fn take(&mut self, event: ClientEvent<'_>) {
        match event {
            ClientEvent::Interim(response) => {
                self.interims += 1;
                assert!(self.interims <= INTERIM_MAX);
                self.head("interim", &response);
            }
            ClientEvent::Switched(response) => self.head("switched", &response),
            ClientEvent::Head(response) => {
                self.interims = 0;
                self.head("head", &response);
                let is_to_head = METHODS[self.answers.len()] == "HEAD";
                let (status, fields) = (response.status(), free_fields(response.headers()));
                self.answers.push(Answer { is_to_head, status, fields, body: Vec::new(), is_whole: false });
            }
            ClientEvent::Body(part) => {
                assert!(!part.is_empty());
                self.log.part("body", part);
                if let Some(answer) = self.answers.last_mut() {
                    answer.body.extend_from_slice(part);
                }
            }
            ClientEvent::End => self.end(),
        }
    }

    fn head(&mut self, kind: &'static str, response: &Response<'_>) {
        assert!(response.headers().count() <= self.limits.headers_max);
        self.log.note(kind, response.status().to_string());
        for (name, value) in response.headers() {
            self.log.note("field", name);
            self.log.note("is", value);
        }
    }

    fn end(&mut self) {
        self.log.note("end", "");
        for (name, value) in self.machine.trailers() {
            self.log.note("trailer", name);
            self.log.note("is", value);
        }
        if let Some(answer) = self.answers.last_mut() {
            answer.is_whole = true;
        }
    }

    fn finish(mut self) -> (Log, Vec<Answer>) {
        if !self.is_over {
            match self.machine.end_of_input() {
                Ok(Some(event)) => self.take(event),
                Ok(None) => self.log.note("nothing is missing", ""),
                Err(error) => self.log.fault(error),
            }
        }
        self.answers.retain(|answer| answer.is_whole);
        (self.log, self.answers)
    }
}

/// What our server sends in its place is read as the same.
fn round_trip(answer: &Answer) {
    if !(200..=999).contains(&answer.status) || answer.status == 426 {
        // 426 has a field of the server's own.
        return;
    }
    let request: &[u8] = if answer.is_to_head {
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    } else {
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    };
    let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
    let opened = machine.step(request, &mut slots, &mut whole, &Limits::default());
    assert!(matches!(opened, Step::Event(_, Event::Request(_))), "{opened:?}");
    let head = ResponseToSend { status: answer.status, content_type: "", fields: &answer.fields };
    let mut sent = Vec::new();
    if machine.respond(&head, answer.body.len() as u64, &DateBlock::new(0), &mut sent) == BodyDue::Yes {
        sent.extend_from_slice(&answer.body);
    } else {
        assert!(answer.is_to_head || matches!(answer.status, 204 | 205 | 304));
    }
    let limits = Limits::default();
    let mut client = Client::new(&limits);
    // The third request is the `HEAD`.
    for _ in 0..if answer.is_to_head { 2 } else { 0 } {
        client.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    client.feed(&sent);
    match client.answers.last() {
        Some(again) => {
            // 205 has no body, even if the server has sent one.
            let body = if answer.status == 205 { &[][..] } else { &answer.body };
            assert_eq!((again.status, &again.body[..], again.is_whole), (answer.status, body, true));
            assert_eq!(again.fields, answer.fields);
        }
        None => panic!("what was encoded is read as {:?}", client.log),
    }
    count_round_trips(1);
}
