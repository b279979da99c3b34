//! The frames that nearly all frames are: complete, final and of a message that is one frame.

use super::super::frame::{FIN, MASKED, Role};
use super::super::{Error, Limits, Message, Opcode, mask, utf8};
use super::{Machine, State};

impl Machine {
    /// The length of the frame at the front, if it is the usual kind: complete, final, masked, of at most 125 bytes, text or
    /// binary, and the machine is in no other state that matters.
    ///
    /// Then [`take_short_frame`](Self::take_short_frame) does what [`step`](Self::step) would do, and the two are small
    /// enough to be part of their caller.
    #[inline(always)]
    pub fn short_frame_bytes(&self, rx: &[u8], limits: &Limits) -> Option<usize> {
        let [first, second, _, _, _, _, rest @ ..] = rx else { return None };
        let length = usize::from(second ^ MASKED);
        let is_short = length < 126 && self.is_plain(Role::Server, *first, length, rest, limits);
        is_short.then_some(6 + length)
    }

    /// The unmasked message in a frame that [`short_frame_bytes`](Self::short_frame_bytes) has just found. `frame` is the whole frame.
    ///
    /// # Errors
    /// Text that is not UTF-8 (RFC 6455, section 8.1).
    #[inline(always)]
    pub fn take_short_frame<'b>(&mut self, frame: &'b mut [u8]) -> Result<Message<'b>, Error> {
        let Some(([first, _, key @ ..], payload)) = frame.split_first_chunk_mut::<6>() else {
            return Ok(Message::Binary(&[]));
        };
        mask::apply_short(payload, *key);
        self.plain_message(*first, payload)
    }

    /// [`short_frame_bytes`](Self::short_frame_bytes) for a frame of at most 65,535 bytes.
    #[inline(always)]
    pub fn medium_frame_bytes(&self, rx: &[u8], limits: &Limits) -> Option<usize> {
        let [first, MASKED_LENGTH_16, l0, l1, _, _, _, _, rest @ ..] = rx else { return None };
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let is_medium = length > 125
            && length <= limits.stream_above
            && self.is_plain(Role::Server, *first, length, rest, limits);
        is_medium.then_some(8 + length)
    }

    /// [`take_short_frame`](Self::take_short_frame) for what [`medium_frame_bytes`](Self::medium_frame_bytes) has found.
    ///
    /// # Errors
    /// Text that is not UTF-8 (RFC 6455, section 8.1).
    #[inline(always)]
    pub fn take_medium_frame<'b>(&mut self, frame: &'b mut [u8]) -> Result<Message<'b>, Error> {
        let Some(([first, _, _, _, key @ ..], payload)) = frame.split_first_chunk_mut::<8>() else {
            return Ok(Message::Binary(&[]));
        };
        mask::apply(payload, *key);
        self.plain_message(*first, payload)
    }

    /// Whether a frame that this role receives is a message by itself, and nothing else has to be minded.
    #[inline(always)]
    pub(super) fn is_plain(
        &self,
        role: Role,
        first: u8,
        length: usize,
        rest: &[u8],
        limits: &Limits,
    ) -> bool {
        matches!(first, FINAL_TEXT | FINAL_BINARY)
            && length <= rest.len()
            && length <= limits.message_bytes_max
            && (self.state == State::Open) & (self.role == role)
    }

    #[inline(always)]
    fn plain_message<'b>(&mut self, first: u8, payload: &'b [u8]) -> Result<Message<'b>, Error> {
        if first == FINAL_BINARY {
            return Ok(Message::Binary(payload));
        }
        match utf8::utf8_as_str(payload) {
            Ok(text) => Ok(Message::Text(text)),
            Err(_) => Err(self.end_with(Error::TextNotUtf8)),
        }
    }
}

/// The first byte of a text message in one frame.
pub(super) const FINAL_TEXT: u8 = FIN | Opcode::Text as u8;
/// The first byte of a binary message in one frame.
const FINAL_BINARY: u8 = FIN | Opcode::Binary as u8;
/// The second byte of a masked frame with a length in two bytes.
const MASKED_LENGTH_16: u8 = MASKED | 126;
