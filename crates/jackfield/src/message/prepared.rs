//! A message that is encoded once, however many connections it goes to.

use jackfield_proto::websocket::{self, Message, Opcode};
use std::iter;
use std::sync::Arc;

/// A message that is encoded once, however many connections it goes to, on whatever reactors.
///
/// It is one piece of shared memory. An event stream carries the same as an event, which is made once for each
/// publish.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The message as a WebSocket frame, whose payload is the message itself.
    frame: Arc<[u8]>,
    header_bytes: u8,
    is_text: bool,
}

/// The two counts of an `Arc`.
const ARC_BYTES: usize = 2 * size_of::<usize>();

impl Prepared {
    /// Encodes a message.
    #[must_use]
    pub fn new(message: Message<'_>) -> Self {
        let is_text = matches!(message, Message::Text(_));
        let opcode = if is_text { Opcode::Text } else { Opcode::Binary };
        let (header, payload) = (websocket::frame_header(opcode, true, message.len()), message.as_bytes());
        let header = header.as_bytes();
        // Zeros of the right length, then what belongs there: so that it is allocated once.
        let mut frame: Arc<[u8]> = iter::repeat_n(0, header.len() + payload.len()).collect();
        if let Some(bytes) = Arc::get_mut(&mut frame) {
            let (head, body) = bytes.split_at_mut(header.len());
            head.copy_from_slice(header);
            body.copy_from_slice(payload);
        }
        Self { frame, header_bytes: header.len() as u8, is_text }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        let payload = self.payload();
        match std::str::from_utf8(payload) {
            Ok(text) if self.is_text => Message::Text(text),
            _ => Message::Binary(payload),
        }
    }

    /// Bytes on the heap, which all that share it share.
    pub(crate) fn heap_bytes(&self) -> usize {
        ARC_BYTES + self.frame.len()
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.frame[self.header_bytes.into()..]
    }

    pub(crate) fn frame(&self) -> &Arc<[u8]> {
        &self.frame
    }
}

impl<'m, M: Into<Message<'m>>> From<M> for Prepared {
    fn from(message: M) -> Self {
        Self::new(message.into())
    }
}
