//! Frames on their way out.

#[cfg(feature = "deflate")]
use super::frame::RSV1;
use super::frame::{Accepts, FIN, Header, MASKED, Role};
use super::{Message, Opcode, mask};

/// Appends a server's message, as one frame.
#[inline(always)]
pub fn encode(message: Message<'_>, out: &mut Vec<u8>) {
    let opcode = match message {
        Message::Text(_) => Opcode::Text,
        Message::Binary(_) => Opcode::Binary,
    };
    encode_frame(opcode, true, message.as_bytes(), out);
}

/// Appends a server's frame. `fin` is false for all fragments of a message but its last.
///
/// The caller answers for the order of fragments, and for control frames being final and 125 bytes at most
/// (RFC 6455, section 5.5).
#[inline(always)]
pub fn encode_frame(opcode: Opcode, fin: bool, payload: &[u8], out: &mut Vec<u8>) {
    // A header of a length known to the compiler is a store; one of any length would be a call.
    let first = first(opcode, fin);
    match payload.len() {
        length @ 0..126 => out.extend_from_slice(&[first, length as u8]),
        length @ 126..=0xffff => out.extend_from_slice(&[first, 126, (length >> 8) as u8, length as u8]),
        length => out.extend_from_slice(frame_header(opcode, fin, length).as_bytes()),
    }
    out.extend_from_slice(payload);
}

/// The length of the frame that these bytes begin with, which is one that was encoded here, masked or not; it may go on
/// behind them.
pub fn frame_bytes(bytes: &[u8]) -> usize {
    match Header::parse(bytes, Accepts { role: Role::Server, compressed: true, unmasked: true }) {
        Ok(Some(header)) => {
            header.header_bytes.saturating_add(usize::try_from(header.payload_bytes).unwrap_or(usize::MAX))
        }
        _ => bytes.len(),
    }
}

/// Appends a client's frame, masked with `key`, which must be fresh, random and unforeseeable for each frame
/// (RFC 6455, section 10.3).
pub fn encode_masked(opcode: Opcode, fin: bool, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    encode_masked_behind(frame_header(opcode, fin, payload.len()), payload, key, out);
}

/// The same behind a header that is already there, but for its mask bit.
pub(super) fn encode_masked_behind(mut header: FrameHeader, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    header.bytes[1] |= MASKED;
    out.reserve(header.as_bytes().len() + key.len() + payload.len());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask::apply(&mut out[start..], key);
}

/// The header of a server's frame by itself, for a payload that is written from where it lies.
#[inline]
pub fn frame_header(opcode: Opcode, fin: bool, payload_bytes: usize) -> FrameHeader {
    let mut bytes = [0; HEADER_BYTES_MAX];
    bytes[0] = first(opcode, fin);
    let length = match payload_bytes {
        0..126 => {
            bytes[1] = payload_bytes as u8;
            2
        }
        126..=0xffff => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            HEADER_BYTES_MAX
        }
    };
    FrameHeader { bytes, length: length as u8 }
}

/// The header of a frame: 2, 4 or 10 bytes.
#[derive(Clone, Copy, Debug)]
pub struct FrameHeader {
    bytes: [u8; HEADER_BYTES_MAX],
    /// 2, 4 or 10.
    length: u8,
}

impl FrameHeader {
    /// The same for a message that is compressed, or the first of its fragments (RFC 7692, section 6). Only for a peer that
    /// has agreed on that.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn compressed(mut self) -> Self {
        self.bytes[0] |= RSV1;
        self
    }

    /// The bytes to write before the payload.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

#[inline(always)]
fn first(opcode: Opcode, fin: bool) -> u8 {
    opcode as u8 | if fin { FIN } else { 0 }
}

/// Two bytes, and a length of eight.
const HEADER_BYTES_MAX: usize = 10;
