//! The head of a received frame, for a caller that handles frames before they become messages.

use super::frame::{Accepts, FIN, check_control, check_mask, key, length};
use super::{Error, mask};

/// The head of a received frame (RFC 6455, section 5.2). Its opcode and its reserved bits are not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    first: u8,
    header_bytes: usize,
    payload_bytes: u64,
    key: [u8; 4],
}

/// What is at the front of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextFrame {
    /// A frame whose head is complete.
    Head(FrameHead),
    /// Less than a complete head.
    Incomplete,
    /// Bytes for the machine only: they break the rules, or the machine drops all bytes now.
    Machines,
}

/// The payload of a frame that the caller handles instead of the machine, as it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePayload {
    bytes_left: u64,
    key: [u8; 4],
}

impl FrameHead {
    /// The head at the front of the bytes; `None`: it is not whole.
    ///
    /// # Errors
    /// The mask or the length is wrong, or it is a control frame that is long or a fragment.
    pub(super) fn parse(rx: &[u8], accepts: Accepts) -> Result<Option<Self>, Error> {
        let [first, second, rest @ ..] = rx else { return Ok(None) };
        let (is_masked, short) = (second & 0x80 != 0, second & 0x7f);
        check_mask(is_masked, accepts)?;
        let head = Self { first: *first, header_bytes: 0, payload_bytes: 0, key: [0; 4] };
        if head.is_control() {
            check_control(head.is_final(), short)?;
        }
        let Some((payload_bytes, length_bytes)) = length(short, rest)? else { return Ok(None) };
        let Some(key) = key(is_masked, &rest[length_bytes..]) else { return Ok(None) };
        let header_bytes = 2 + length_bytes + if is_masked { key.len() } else { 0 };
        Ok(Some(Self { header_bytes, payload_bytes, key, ..head }))
    }

    /// Whether it is the last frame of its message, or the only one.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.first & FIN != 0
    }

    /// The opcode: 0 continues a message, 1 is text, 2 binary, 8 Close, 9 Ping, 10 Pong. The others are reserved.
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    /// Whether it is a control frame: its opcode is 8 or above.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.opcode() & 8 != 0
    }

    /// The three bits for extensions. 4 is the first of them: it marks a compressed message if compression was agreed on (RFC
    /// 7692).
    #[must_use]
    pub fn reserved(&self) -> u8 {
        self.first >> 4 & 7
    }

    /// The length of its payload in bytes. The payload need not have come yet.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// The length of the head in bytes.
    #[must_use]
    pub fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    /// Its payload, as it comes after the head.
    #[must_use]
    pub fn payload(&self) -> FramePayload {
        FramePayload { bytes_left: self.payload_bytes, key: self.key }
    }
}

impl FramePayload {
    /// Unmasks, in place, the bytes of the payload that are at the front of `rx`. Returns how many these are.
    pub fn unmask(&mut self, rx: &mut [u8]) -> usize {
        let bytes = usize::try_from(self.bytes_left).map_or(rx.len(), |left| left.min(rx.len()));
        mask::apply(&mut rx[..bytes], self.key);
        self.key = mask::rotated(self.key, bytes);
        self.bytes_left -= bytes as u64;
        bytes
    }

    /// Bytes that are still to come.
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.bytes_left
    }
}
