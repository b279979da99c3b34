//! The header lines of an answer that accepts a WebSocket.

use crate::message::HeaderValue;
use jackfield_proto::http1::{FieldError, Fields};
use jackfield_proto::websocket::is_handshake_field;

/// Lines of the user's, and the chosen subprotocol.
#[derive(Debug, Default)]
pub(crate) struct AcceptFields {
    fields: Fields,
    has_protocol: bool,
}

impl AcceptFields {
    /// Chooses a subprotocol. False if it is not offered, or if one was chosen before.
    pub(crate) fn choose(&mut self, protocol: &str, is_offered: bool) -> bool {
        let chosen =
            !self.has_protocol && is_offered && self.fields.push("Sec-WebSocket-Protocol", protocol).is_ok();
        self.has_protocol |= chosen;
        chosen
    }

    /// Adds a line. Those of the handshake are written by the server itself.
    pub(crate) fn push(&mut self, name: &str, value: impl HeaderValue) -> Result<(), FieldError> {
        if is_handshake_field(name) {
            return Err(FieldError::Reserved);
        }
        value.push_to(&mut self.fields, name)
    }

    pub(crate) fn take(&mut self) -> Fields {
        std::mem::take(&mut self.fields)
    }
}
