//! WebSockets that this side opens: from the request to the answer that accepts it (RFC 6455, section 4.1).

use crate::config::{Agreed, Offering, WebSocketRequest};
use crate::disconnect::ConnectError;
use jackfield_proto::Step;
use jackfield_proto::http1::{self, ClientEvent, ClientMachine, HeaderSlots};
use jackfield_reactor::Time;

/// A WebSocket that this side opens and that is not open yet.
#[derive(Debug)]
pub(crate) struct Opening {
    machine: ClientMachine,
    key: [u8; 16],
    subprotocols: Vec<String>,
    offering: Offering,
    /// The request, until it is sent.
    pub(super) request: Vec<u8>,
    /// The time by which it must be open.
    pub(super) deadline: Time,
}

/// What a server has agreed to when it accepted a WebSocket.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    pub(super) subprotocol: Option<Box<str>>,
    pub(super) agreed: Option<Agreed>,
}

/// The result of reading the server's answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpeningResult {
    /// The answer is not complete: this many bytes are used.
    NotYet(usize),
    /// The WebSocket is open, after this many bytes.
    Yes(usize),
    /// The server did not accept it. The status of its answer, if it has answered.
    No(Option<u16>),
}

impl Opening {
    pub(crate) fn new(
        request: &WebSocketRequest,
        offering: Offering,
        key: [u8; 16],
        deadline: Time,
    ) -> Result<Self, ConnectError> {
        let WebSocketRequest { target, host, subprotocols, fields, .. } = request;
        let names: Vec<&str> = subprotocols.iter().map(String::as_str).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let (mut machine, mut bytes) = (ClientMachine::new(), Vec::new());
        let encoded = offering.encode_request((target, host), key, &names, &fields, &mut bytes);
        if encoded.is_err() || machine.expect_response("GET").is_err() {
            return Err(ConnectError::Invalid);
        }
        Ok(Self { machine, key, subprotocols: subprotocols.clone(), offering, request: bytes, deadline })
    }

    /// Bytes that it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let names = self.subprotocols.iter().map(|name| size_of::<String>() + name.capacity());
        size_of::<Self>() + self.request.capacity() + names.sum::<usize>()
    }

    /// Reads the answer, and writes what the server has agreed to into `accepted`.
    pub(super) fn read(
        &mut self,
        rx: &[u8],
        slots: &mut HeaderSlots,
        limits: &http1::Limits,
        accepted: &mut Accepted,
    ) -> OpeningResult {
        let mut at = 0;
        loop {
            match self.machine.step(&rx[at..], slots, limits) {
                Step::Need(used) => return OpeningResult::NotYet(at + used),
                Step::Event(used, ClientEvent::Interim(_)) => at += used,
                Step::Event(used, ClientEvent::Switched(response)) => {
                    let names: Vec<&str> = self.subprotocols.iter().map(String::as_str).collect();
                    let checked = self.offering.check_response(response.headers(), self.key, &names);
                    let Ok((answer, agreed)) = checked else { return OpeningResult::No(None) };
                    *accepted = Accepted { subprotocol: answer.protocol.map(Box::from), agreed };
                    return OpeningResult::Yes(at + used);
                }
                Step::Event(_, ClientEvent::Head(response)) => {
                    return OpeningResult::No(Some(response.status()));
                }
                Step::Event(_, ClientEvent::Body(_) | ClientEvent::End) | Step::Paused | Step::Fault(_) => {
                    return OpeningResult::No(None);
                }
            }
        }
    }
}
