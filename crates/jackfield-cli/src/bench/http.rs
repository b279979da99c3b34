//! `http`: requests and their answers, on connections that stay.

use super::request::Request;
use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, HeaderSlots, Limits};
use std::borrow::Cow;

/// Keeps requests in flight and checks the status of their answers.
///
/// An answer that is like the one before, byte by byte, is not parsed: it means the same. So the load generator
/// costs less than the server that it is to load.
#[derive(Debug)]
pub(crate) struct Http {
    /// The whole request.
    request: Vec<u8>,
    method: String,
    /// The last answer that was parsed, if it was good and came whole.
    known: Vec<u8>,
    limits: Limits,
}

/// The answers of one connection.
#[derive(Debug)]
pub(crate) struct Answers {
    machine: ClientMachine,
    /// An answer is being read.
    is_inside: bool,
    status: u16,
}

/// What was found in the bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many bytes are done with; the rest of the answer is still to come.
    Part(usize),
    /// So many bytes are done with, and with them an answer of this status.
    Whole(usize, u16),
}

impl Http {
    /// Sends this request again and again.
    pub(crate) fn new(request: &Request<'_>) -> Self {
        Self {
            request: request.encode(),
            method: request.method.to_owned(),
            known: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// The request.
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Its method.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    fn is_known(&self, rx: &[u8]) -> bool {
        !self.known.is_empty() && rx.starts_with(&self.known)
    }
}

impl Speaker for Http {
    type State = Answers;

    fn connect(&mut self, _index: usize) -> (Answers, Part) {
        (Answers::new(), Part::Talks)
    }

    fn open(&mut self, _state: &mut Answers, _out: &mut Vec<u8>) -> Opened {
        Opened::Ready
    }

    fn send(&mut self, _state: &mut Answers, _due: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.request);
    }

    fn receive(
        &mut self,
        answers: &mut Answers,
        rx: &mut [u8],
        heard: &mut Heard<'_>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        while used < rx.len() && !heard.is_over {
            let rest = &rx[used..];
            let is_whole = !answers.is_inside;
            if is_whole && self.is_known(rest) {
                heard.reply()?;
                used += self.known.len();
                continue;
            }
            match answers.step(&self.method, rest, &self.limits)? {
                Found::Part(bytes) => return Ok(used + bytes),
                Found::Whole(bytes, status) => {
                    take(status, heard)?;
                    heard.is_over = !answers.keeps_alive();
                    if is_whole && is_good(status) && !heard.is_over {
                        self.known.clear();
                        self.known.extend_from_slice(&rest[..bytes]);
                    }
                    used += bytes;
                }
            }
        }
        Ok(if heard.is_over { rx.len() } else { used })
    }

    fn end(&mut self, answers: &mut Answers, heard: &mut Heard<'_>) {
        if let Some(status) = answers.end() {
            heard.is_over = take(status, heard).is_ok();
        }
    }
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self { machine: ClientMachine::new(), is_inside: false, status: 0 }
    }

    /// False if the server closes the connection behind the last answer.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.machine.keep_alive()
    }

    /// The server has ended its side: the status of the answer that this is the end of, if it is.
    pub(crate) fn end(&mut self) -> Option<u16> {
        matches!(self.machine.end_of_input(), Ok(Some(ClientEvent::End))).then_some(self.status)
    }

    /// Reads an answer to a request with this method, or a part of one.
    ///
    /// # Errors
    /// It is no HTTP, or not what was asked for.
    pub(crate) fn step(&mut self, method: &str, rx: &[u8], limits: &Limits) -> Result<Found, Fault> {
        if !self.is_inside {
            self.machine.begin(method).map_err(|error| Fault::of("HTTP", error))?;
            self.is_inside = true;
        }
        let mut used = 0;
        loop {
            match self.machine.step(&rx[used..], &mut HeaderSlots::new(), limits) {
                Step::Need(bytes) => return Ok(Found::Part(used + bytes)),
                Step::Event(bytes, event) => {
                    used += bytes;
                    match event {
                        ClientEvent::Head(response) => self.status = response.status(),
                        ClientEvent::End => {
                            self.is_inside = false;
                            return Ok(Found::Whole(used, self.status));
                        }
                        ClientEvent::Interim(_) | ClientEvent::Body(_) => {}
                        ClientEvent::Switched(_) => {
                            return Err(Fault(Cow::Borrowed("an upgrade unasked for")));
                        }
                    }
                }
                Step::Paused => return Ok(Found::Part(rx.len())),
                Step::Fault(error) => return Err(Fault::of("HTTP", error)),
            }
        }
    }
}

fn take(status: u16, heard: &mut Heard<'_>) -> Result<(), Fault> {
    if is_good(status) { heard.reply() } else { heard.refusal(format!("status {status}")) }
}

fn is_good(status: u16) -> bool {
    (200..300).contains(&status)
}
