//! The reader under test: the server's machine.

use jackfield_proto::Step;
use jackfield_proto::http1::{
    Awaits, DateBlock, Event, HeaderSlots, Limits, Machine, Owed, Request, ResponseToSend, Version,
};

use crate::reading::{End, Line, Reading, Seen};

/// What the machine sees in bytes that come at once, and the name of its error. Each request is answered as soon as it is whole.
pub(crate) fn read(bytes: &[u8]) -> Reading<String> {
    Server { machine: Machine::new(), bytes, at: 0, requests: Vec::new(), end: None }.read()
}

struct Server<'b> {
    machine: Machine,
    bytes: &'b [u8],
    at: usize,
    requests: Vec<Seen>,
    end: Option<End<String>>,
}

impl Server<'_> {
    fn read(mut self) -> Reading<String> {
        let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
        loop {
            if let Some(end) = self.end {
                return Reading { requests: self.requests, end };
            }
            self.step(&mut slots, &mut whole);
        }
    }

    fn step(&mut self, slots: &mut HeaderSlots, whole: &mut Vec<u8>) {
        match self.machine.step(&self.bytes[self.at..], slots, whole, &Limits::default()) {
            Step::Fault(error) => self.end = Some(End::Refused(format!("{error:?}"))),
            Step::Paused => panic!("nothing is owed here"),
            Step::Need(used) => {
                self.at += used;
                self.end = Some(match self.machine.awaits() {
                    Awaits::Nothing => End::Idle,
                    Awaits::Head => End::Head,
                    Awaits::Body => End::Body,
                });
            }
            Step::Event(used, event) => {
                self.at += used;
                self.take(&event);
            }
        }
    }

    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Head(_) => assert_eq!(self.machine.collect(u64::MAX), Ok(())),
            Event::Body(_) => panic!("nothing is streamed here"),
            Event::Request(request) | Event::Upgrade(request) | Event::End(request) => {
                self.requests.push(seen(request, self.at));
                let head = ResponseToSend::new(200, "a/b");
                let _ = self.machine.respond(&head, 0, &DateBlock::new(0), &mut Vec::new());
                let is_over = self.machine.owed() == Owed::Done;
                assert_eq!(is_over, !request.keep_alive());
                self.end = is_over.then_some(End::Closed);
            }
        }
    }
}

fn seen(request: &Request<'_>, end: usize) -> Seen {
    Seen {
        method: request.method().to_owned(),
        target: request.target().to_owned(),
        minor: u8::from(request.version() == Version::Http11),
        fields: request.headers().map(owned).collect(),
        body: request.body().to_vec(),
        trailers: request.trailers().map(owned).collect(),
        persists: request.keep_alive(),
        end: Some(end),
    }
}

fn owned((name, value): (&str, &[u8])) -> Line {
    (name.to_owned(), value.to_vec())
}
