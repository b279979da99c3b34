//! A peer that reads an event stream.

use super::{Ask, Peer, PeerConnection, excerpt};
use jackfield_proto::Step;
use jackfield_proto::http1::{
    ClientEvent, ClientMachine, Fields, HeaderSlots, Limits, RequestBody, RequestToSend,
};
use jackfield_proto::sse::{self, DecodedEvent, Decoder, EventScratch};
use std::fmt;

type Judge = Box<dyn FnMut(usize, &DecodedEvent<'_>) -> Result<(), String>>;

/// Reads an event stream and checks each event. It is done after a number of events.
pub struct Events {
    ask: Ask,
    machine: ClientMachine,
    decoder: Decoder,
    /// `None`: any number.
    wanted: Option<usize>,
    seen: usize,
    judge: Judge,
    broken: bool,
}

impl Events {
    /// A peer that reads `wanted` events from `target`. `judge` checks each event; it gets the event and its number, from 0
    /// on.
    #[must_use]
    pub fn new(
        target: impl Into<String>,
        wanted: usize,
        judge: impl FnMut(usize, &DecodedEvent<'_>) -> Result<(), String> + 'static,
    ) -> Self {
        Self {
            ask: Ask::get(target),
            machine: ClientMachine::new(),
            decoder: Decoder::new(),
            wanted: Some(wanted),
            seen: 0,
            judge: Box::new(judge),
            broken: false,
        }
    }

    /// A peer that reads all events from `target`, and stays as long as it can.
    #[must_use]
    pub fn endless(
        target: impl Into<String>,
        judge: impl FnMut(usize, &DecodedEvent<'_>) -> Result<(), String> + 'static,
    ) -> Self {
        Self { wanted: None, ..Self::new(target, 0, judge) }
    }

    fn step(&mut self, line: &mut PeerConnection<'_>, bytes: &[u8]) -> Option<usize> {
        let Self { machine, decoder, wanted, seen, judge, .. } = self;
        let mut slots = HeaderSlots::new();
        match machine.step(bytes, &mut slots, &Limits::default()) {
            Step::Event(used, ClientEvent::Body(part)) => {
                if let Err(text) = read(decoder, part, seen, judge) {
                    line.wrong(text);
                }
                if wanted.is_some_and(|wanted| *seen >= wanted) {
                    line.finish();
                }
                Some(used)
            }
            Step::Event(used, ClientEvent::Head(response)) => {
                if response.status() != 200 {
                    line.suspect(format!("{} got {}", self.ask.target, response.status()));
                }
                Some(used)
            }
            Step::Need(0) => None,
            Step::Event(used, _) | Step::Need(used) => Some(used),
            Step::Paused => Some(bytes.len()),
            Step::Fault(error) => {
                line.wrong(format!("{error}: {}", excerpt(bytes)));
                self.broken = true;
                None
            }
        }
    }
}

fn read(decoder: &mut Decoder, part: &[u8], seen: &mut usize, judge: &mut Judge) -> Result<(), String> {
    let (mut whole, mut at) = (EventScratch::default(), 0);
    loop {
        match decoder.step(&part[at..], &mut whole, &sse::Limits::default()) {
            Step::Event(used, event) => {
                at += used;
                judge(*seen, &event)?;
                *seen += 1;
            }
            Step::Need(_) | Step::Paused => return Ok(()),
            Step::Fault(error) => return Err(error.to_string()),
        }
    }
}

impl Peer for Events {
    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        let fields = Fields::new();
        let head = RequestToSend { method: "GET", target: &self.ask.target, host: "sim", fields: &fields };
        if self.machine.encode_request(&head, RequestBody::None, line.bytes()).is_err() {
            line.wrong(format!("{} can't be asked for", self.ask.target));
        }
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        let mut at = 0;
        while !self.broken && at < bytes.len() {
            match self.step(line, &bytes[at..]) {
                Some(used) => at += used,
                None => break,
            }
        }
        bytes.drain(..at);
        if self.broken {
            bytes.clear();
        }
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, _clean: bool) {
        line.finish();
    }

    fn is_done(&self) -> bool {
        self.wanted.is_none_or(|wanted| self.seen >= wanted)
    }

    fn has_said_all(&self) -> bool {
        false
    }

    /// The server keeps a stream open as long as its peer is connected.
    fn may_fall_silent(&self) -> bool {
        false
    }

    fn expects_close(&self) -> bool {
        false
    }

    fn waits_for(&self) -> String {
        format!("{} of {:?} events have come", self.seen, self.wanted)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Events({} of {:?} at {})", self.seen, self.wanted, self.ask.target)
    }
}
