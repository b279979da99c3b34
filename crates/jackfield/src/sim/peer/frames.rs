//! The frames of a client, as it has sent them.

use jackfield_proto::websocket::{frame_bytes, mask};

/// Collects the payloads of compressed messages.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Bytes of frames that are not whole.
    raw: Vec<u8>,
    /// The frames of the present message so far.
    payload: Vec<u8>,
    is_compressed: bool,
}

impl Frames {
    /// Takes bytes that have come.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
    }

    /// The payload of the next compressed message, if all of it has come.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let (head_bytes, key) = head_of(&self.raw)?;
            let end = frame_bytes(&self.raw);
            if end > self.raw.len() {
                return None;
            }
            let frame: Vec<u8> = self.raw.drain(..end).collect();
            let (is_last, is_control, is_first) =
                (frame[0] & 0x80 != 0, frame[0] & 8 != 0, frame[0] & 0xf != 0);
            if is_control {
                continue;
            }
            if is_first {
                self.is_compressed = is_compressed(&frame);
                self.payload.clear();
            }
            let begin = self.payload.len();
            self.payload.extend_from_slice(&frame[head_bytes..]);
            mask(&mut self.payload[begin..], key, 0);
            if is_last && self.is_compressed {
                return Some(std::mem::take(&mut self.payload));
            }
        }
    }
}

/// The length of the head of a frame that begins here, and its mask, if the head is whole (RFC 6455 section 5.2).
pub(super) fn head_of(frame: &[u8]) -> Option<(usize, [u8; 4])> {
    let at = match frame.get(1)? & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    Some((at + 4, frame.get(at..at + 4)?.try_into().ok()?))
}

/// Whether the frame that begins here has the mark of a compressed message (RFC 7692, section 6).
pub(super) fn is_compressed(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 0x40 != 0)
}
