//! What a message looks like to its receiver.

use jackfield_proto::sse;
use jackfield_proto::websocket::{self, Message};

/// What a published message looks like to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Frame,
    Event,
    Bytes,
}

impl Form {
    /// Appends a message in this form. False: there is none, for an event stream carries no binary messages.
    pub(crate) fn encode(self, message: Message<'_>, out: &mut Vec<u8>) -> bool {
        match (self, message) {
            (Self::Frame, message) => websocket::encode(message, out),
            (Self::Event, Message::Text(text)) => return sse::Event::data(text).encode(out).is_ok(),
            (Self::Event, Message::Binary(_)) => return false,
            (Self::Bytes, message) => out.extend_from_slice(message.as_bytes()),
        }
        true
    }
}
