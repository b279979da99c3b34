//! The reader under test in the other role: the client's machine.

use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, Error, HeaderSlots, Limits, Response, Version};

use crate::reading::{End, Reading, Seen};

/// What the machine sees of bytes that come at once and are followed by the end, and the name of its error.
pub(crate) fn read(bytes: &[u8], methods: &[&str]) -> Reading<String> {
    let mut client = Client { machine: ClientMachine::new(), bytes, at: 0, requests: Vec::new(), open: None };
    for method in methods {
        assert_eq!(client.machine.expect_response(method), Ok(()));
    }
    loop {
        if let Some(end) = client.step() {
            return Reading { requests: client.requests, end };
        }
    }
}

struct Client<'b> {
    machine: ClientMachine,
    bytes: &'b [u8],
    at: usize,
    requests: Vec<Seen>,
    /// The response whose body is being read.
    open: Option<Seen>,
}

impl Client<'_> {
    fn step(&mut self) -> Option<End<String>> {
        let mut slots = HeaderSlots::new();
        match self.machine.step(&self.bytes[self.at..], &mut slots, &Limits::default()) {
            Step::Fault(error) => return Some(End::Refused(format!("{error:?}"))),
            Step::Paused => {
                let is_tunnel = self.requests.last().is_some_and(|last| last.target == "101");
                return Some(if is_tunnel { End::Tunnel } else { End::Closed });
            }
            Step::Need(used) => {
                self.at += used;
                return Some(self.end());
            }
            Step::Event(used, event) => {
                self.at += used;
                match event {
                    ClientEvent::Head(response) => self.open = Some(seen(&response)),
                    ClientEvent::Body(part) => self.open.as_mut()?.body.extend_from_slice(part),
                    ClientEvent::End => self.finish(),
                    ClientEvent::Interim(response) | ClientEvent::Switched(response) => {
                        self.requests.push(Seen { persists: true, end: Some(self.at), ..seen(&response) });
                    }
                }
            }
        }
        None
    }

    /// The connection has ended.
    fn end(&mut self) -> End<String> {
        match self.machine.end_of_input() {
            Ok(Some(_)) => {
                self.finish();
                End::Closed
            }
            Ok(None) => End::Idle,
            Err(Error::Truncated) if self.open.is_some() => End::Body,
            Err(Error::Truncated) => End::Head,
            Err(error) => End::Refused(format!("{error:?}")),
        }
    }

    fn finish(&mut self) {
        if let Some(mut seen) = self.open.take() {
            let trailers = self.machine.trailers().map(|(name, value)| (name.to_owned(), value.to_vec()));
            seen.trailers = trailers.collect();
            (seen.persists, seen.end) = (self.machine.keep_alive(), Some(self.at));
            self.requests.push(seen);
        }
    }
}

fn seen(response: &Response<'_>) -> Seen {
    Seen {
        target: response.status().to_string(),
        minor: u8::from(response.version() == Version::Http11),
        fields: response.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        ..Seen::default()
    }
}
