//! A WebSocket message that is being sent in fragments.

use jackfield_proto::websocket::Opcode;
use std::fmt;
use std::io::Read;

/// A WebSocket message that is being sent in fragments, and what waits for its end.
pub(crate) struct Fragments {
    /// Text or binary.
    pub(crate) kind: Opcode,
    /// Its first frame was sent.
    pub(crate) has_begun: bool,
    /// Whole messages, as frames.
    pub(crate) waiting: Vec<u8>,
    /// Notices that were requested meanwhile: after how many of these bytes, and with which tag.
    pub(crate) notices: Vec<(usize, u64)>,
    /// Where the rest of the message comes from.
    pub(crate) reader: Option<Box<dyn Read>>,
    /// It is on the list of those whose readers go on in the next turn.
    pub(crate) is_listed: bool,
}

impl Fragments {
    pub(crate) fn heap_bytes(&self) -> usize {
        let reader = self.reader.as_ref().map_or(0, |reader| size_of_val(&**reader));
        size_of::<Self>()
            + self.waiting.capacity()
            + self.notices.capacity() * size_of::<(usize, u64)>()
            + reader
    }
}

impl fmt::Debug for Fragments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragments").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}
