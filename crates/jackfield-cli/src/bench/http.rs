//! `http`: requests and their answers, on keep-alive connections.

use super::request::Request;
use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use crate::base::machine;
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, HeaderSlots, Limits};
use std::borrow::Cow;
use std::collections::VecDeque;

/// Keeps requests in flight and checks the status of their answers.
///
/// An answer with the same bytes as the one before is not parsed again. So the load generator costs less than the
/// server.
#[derive(Debug)]
pub(crate) struct Http {
    requests: Vec<Asked>,
    /// The order in which they are sent, repeated; empty if there is only one.
    order: Vec<u16>,
    next: usize,
    limits: Limits,
}

/// A request, and its last answer.
#[derive(Debug)]
struct Asked {
    /// The whole request.
    request: Vec<u8>,
    method: String,
    /// Its name in errors, if it is one of several.
    name: String,
    /// The last answer that was parsed, if it was successful and came in one piece.
    known: Vec<u8>,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Talk {
    answers: Answers,
    /// The requests in flight, if there are several kinds.
    asked: VecDeque<u16>,
}

/// The answers of one connection.
#[derive(Debug)]
pub(crate) struct Answers {
    machine: ClientMachine,
    /// An answer is being read.
    is_inside: bool,
    status: u16,
}

/// The result of reading bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This many bytes are used; the rest of the answer is still to come.
    Part(usize),
    /// This many bytes are used, and an answer with this status is complete.
    Whole(usize, u16),
}

impl Http {
    /// Repeats this request.
    pub(crate) fn new(request: &Request<'_>) -> Self {
        Self::of(&[(*request, 1)])
    }

    /// Sends these requests, mixed by their weights.
    pub(crate) fn of(requests: &[(Request<'_>, u32)]) -> Self {
        let is_one = requests.len() == 1;
        let asked = |(request, _): &(Request<'_>, u32)| Asked {
            request: request.encode(),
            method: request.method.to_owned(),
            // It is shown in reports.
            name: if is_one {
                String::new()
            } else {
                format!(" ({} {})", request.method, machine::without_values(request.path))
            },
            known: Vec::new(),
        };
        let weights: Vec<u32> = requests.iter().map(|(_, weight)| *weight).collect();
        Self {
            requests: requests.iter().map(asked).collect(),
            order: if is_one { Vec::new() } else { mixed(&weights) },
            next: 0,
            limits: Limits::default(),
        }
    }

    /// The first request.
    pub(crate) fn request(&self) -> &[u8] {
        &self.requests[0].request
    }

    /// Its method.
    pub(crate) fn method(&self) -> &str {
        &self.requests[0].method
    }
}

/// Numbers in an order in which each occurs as often as its weight, as evenly as possible: in every round each gains its
/// weight, and the one with the most is chosen and pays the sum of all weights.
fn mixed(weights: &[u32]) -> Vec<u16> {
    let all: i64 = weights.iter().copied().map(i64::from).sum();
    let mut wealth = vec![0i64; weights.len()];
    let round = |_| {
        for (wealth, weight) in wealth.iter_mut().zip(weights) {
            *wealth += i64::from(*weight);
        }
        // The first of those with the most.
        let richest = (0..wealth.len()).rev().max_by_key(|number| wealth[*number]).unwrap_or_default();
        wealth[richest] -= all;
        richest as u16
    };
    (0..all).map(round).collect()
}

impl Asked {
    fn is_known(&self, rx: &[u8]) -> bool {
        !self.known.is_empty() && rx.starts_with(&self.known)
    }
}

impl Speaker for Http {
    type State = Talk;

    fn connect(&mut self, _index: usize) -> (Talk, Part) {
        (Talk { answers: Answers::new(), asked: VecDeque::new() }, Part::Talks)
    }

    fn open(&mut self, _state: &mut Talk, _out: &mut Vec<u8>) -> Opened {
        Opened::Ready
    }

    fn send(&mut self, talk: &mut Talk, _due: u64, out: &mut Vec<u8>) {
        let number = self.order.get(self.next).copied().unwrap_or_default();
        if !self.order.is_empty() {
            self.next = (self.next + 1) % self.order.len();
            talk.asked.push_back(number);
        }
        out.extend_from_slice(&self.requests[usize::from(number)].request);
    }

    fn receive(&mut self, talk: &mut Talk, rx: &mut [u8], heard: &mut Heard<'_>) -> Result<usize, Fault> {
        let mut used = 0;
        while used < rx.len() && !heard.is_over {
            let rest = &rx[used..];
            let Talk { answers, asked } = talk;
            let request = &mut self.requests[usize::from(asked.front().copied().unwrap_or_default())];
            let is_whole = !answers.is_inside;
            if is_whole && request.is_known(rest) {
                heard.reply()?;
                asked.pop_front();
                used += request.known.len();
                continue;
            }
            match answers.step(&request.method, rest, &self.limits)? {
                Found::Part(bytes) => return Ok(used + bytes),
                Found::Whole(bytes, status) => {
                    take(status, &request.name, heard)?;
                    asked.pop_front();
                    heard.is_over = !answers.keeps_alive();
                    if is_whole && is_good(status) && !heard.is_over {
                        request.known.clear();
                        request.known.extend_from_slice(&rest[..bytes]);
                    }
                    used += bytes;
                }
            }
        }
        Ok(if heard.is_over { rx.len() } else { used })
    }

    fn end(&mut self, talk: &mut Talk, heard: &mut Heard<'_>) {
        let number = talk.asked.front().copied().unwrap_or_default();
        if let Some(status) = talk.answers.end() {
            heard.is_over = take(status, &self.requests[usize::from(number)].name, heard).is_ok();
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

    /// The server has ended its side: the status of the answer that ends with it, if one does.
    pub(crate) fn end(&mut self) -> Option<u16> {
        matches!(self.machine.end_of_input(), Ok(Some(ClientEvent::End))).then_some(self.status)
    }

    /// Reads an answer to a request with this method, or a part of one.
    ///
    /// # Errors
    /// It is no HTTP, or not what was asked for.
    pub(crate) fn step(&mut self, method: &str, rx: &[u8], limits: &Limits) -> Result<Found, Fault> {
        if !self.is_inside {
            self.machine.expect_response(method).map_err(|error| Fault::of("HTTP", error))?;
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

fn take(status: u16, name: &str, heard: &mut Heard<'_>) -> Result<(), Fault> {
    if is_good(status) { heard.reply() } else { heard.refusal(format!("status {status}{name}")) }
}

fn is_good(status: u16) -> bool {
    (200..300).contains(&status)
}

#[cfg(test)]
mod tests {
    use super::mixed;

    #[test]
    fn requests_are_mixed_by_their_weights() {
        assert_eq!(mixed(&[1]), [0]);
        assert_eq!(mixed(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(mixed(&[2, 2]), [0, 1, 0, 1]);
    }
}
