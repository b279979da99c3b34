//! A message that did not come whole in one frame and one read.

use super::frame::Header;
use super::{Error, Limits, Opcode, mask, utf8};

/// The message so far, and where we are in the frame that brings more of it.
///
/// Its memory grows with the bytes that arrive, to at most twice as many; what a header announces reserves nothing.
#[derive(Debug)]
pub(super) struct Spanning {
    /// Unmasked. Never longer than the limit, as each header was checked against it; of one that is handed out in parts no
    /// more than came in one read.
    bytes: Vec<u8>,
    /// For text: how many of `bytes` are known to be whole characters. At most `bytes.len()`.
    checked_bytes: usize,
    /// Text or binary.
    kind: Opcode,
    /// Whether `bytes` are compressed.
    is_compressed: bool,
    /// The message is delivered in parts: then `bytes` is the next part.
    is_streamed: bool,
    /// What was handed out of it.
    passed_bytes: usize,
    /// How many frames have begun: at least one.
    fragments: u32,
    /// What the current frame still owes; 0 between two frames.
    frame_bytes_left: usize,
    /// Rotated for the next byte of the current frame.
    key: [u8; 4],
    /// Whether the current frame is the last one.
    fin: bool,
}

impl Spanning {
    /// Begins with the header of the first frame, which the caller has checked against the limits. `bytes` is a
    /// vector to use again; what is in it is thrown away.
    pub(super) fn begin(header: &Header, mut bytes: Vec<u8>, limits: &Limits) -> Self {
        bytes.clear();
        let mut message = Self {
            bytes,
            checked_bytes: 0,
            kind: header.opcode,
            is_compressed: header.is_compressed,
            is_streamed: false,
            passed_bytes: 0,
            fragments: 0,
            frame_bytes_left: 0,
            key: [0; 4],
            fin: false,
        };
        message.enter(header, limits);
        message
    }

    /// Goes on with the header of a further data frame.
    pub(super) fn begin_next_frame(&mut self, header: &Header, limits: &Limits) -> Result<(), Error> {
        if header.opcode != Opcode::Continuation {
            return Err(Error::MessageInsideMessage);
        }
        let bytes_max = limits.payload_bytes_max(self.is_compressed);
        let room = bytes_max.saturating_sub(self.passed_bytes + self.bytes.len());
        if header.payload_bytes > room as u64 {
            return Err(Error::MessageTooLong);
        }
        if limits.fragments_max > 0 && self.fragments >= limits.fragments_max {
            return Err(Error::TooManyFragments);
        }
        self.enter(header, limits);
        Ok(())
    }

    /// Takes the bytes of the current frame's payload in `rx`, and returns their number.
    pub(super) fn take(&mut self, rx: &[u8], limits: &Limits) -> Result<usize, Error> {
        let taken = self.frame_bytes_left.min(rx.len());
        let start = self.bytes.len();
        self.make_room(taken, limits);
        self.bytes.extend_from_slice(&rx[..taken]);
        mask::apply(&mut self.bytes[start..], self.key);
        self.key = mask::rotated(self.key, taken);
        self.frame_bytes_left -= taken;
        if self.kind == Opcode::Text && !self.is_compressed {
            let checked = utf8::whole_chars_bytes(&self.bytes[self.checked_bytes..]);
            self.checked_bytes += checked.map_err(|_| Error::TextNotUtf8)?;
        }
        Ok(taken)
    }

    /// Room for this number of bytes more. It doubles, but what a message can't have is never reserved: so the buffer of a
    /// compressed one, which may be longer than the message, takes no more than that of another.
    fn make_room(&mut self, more: usize, limits: &Limits) {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        if length + more > capacity {
            let doubled = (2 * capacity).min(limits.payload_bytes_max(self.is_compressed));
            self.bytes.reserve_exact(doubled.max(length + more) - length);
        }
    }

    /// There are bytes to deliver as a part.
    pub(super) fn has_deliverable_part(&self) -> bool {
        self.is_streamed && self.part_bytes() > 0
    }

    /// Moves these bytes into `whole`, and returns their kind. The bytes of an incomplete character stay.
    pub(super) fn take_part(&mut self, whole: &mut Vec<u8>) -> Opcode {
        let part_bytes = self.part_bytes();
        let rest = self.bytes[part_bytes..].to_vec();
        self.bytes.truncate(part_bytes);
        *whole = std::mem::replace(&mut self.bytes, rest);
        self.passed_bytes += part_bytes;
        self.checked_bytes = 0;
        self.kind
    }

    /// A vector to use again for the next part, which is in `rx`. One that is much larger would be this connection's memory as
    /// long as the part is less than a character.
    pub(super) fn reuse(&mut self, whole: &mut Vec<u8>, rx: &[u8]) {
        let fits = whole.capacity() <= 2 * self.frame_bytes_left.min(rx.len());
        if self.is_streamed && fits && self.bytes.capacity() < whole.capacity() {
            whole.clear();
            whole.extend_from_slice(&self.bytes);
            std::mem::swap(&mut self.bytes, whole);
        }
    }

    fn part_bytes(&self) -> usize {
        if self.kind == Opcode::Text { self.checked_bytes } else { self.bytes.len() }
    }

    /// Whether it is handed out in parts.
    pub(super) fn is_streamed(&self) -> bool {
        self.is_streamed
    }

    /// The kind, whether it is compressed, and the bytes, whole. Text may still end in the middle of a character.
    pub(super) fn finish(self) -> (Opcode, bool, Vec<u8>) {
        debug_assert!(self.is_whole());
        (self.kind, self.is_compressed, self.bytes)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.fin && self.frame_bytes_left == 0
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn frame_bytes_left(&self) -> usize {
        self.frame_bytes_left
    }

    fn enter(&mut self, header: &Header, limits: &Limits) {
        debug_assert_eq!(self.frame_bytes_left, 0);
        // The limit on the message fits `usize`, and the header was held against it.
        self.frame_bytes_left = header.payload_bytes as usize;
        let bytes = self.bytes.len() + self.frame_bytes_left;
        self.is_streamed |= bytes > limits.whole_bytes_max() && !self.is_compressed;
        self.key = header.key;
        self.fin = header.fin;
        self.fragments = self.fragments.saturating_add(1);
    }
}
