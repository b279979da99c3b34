//! Writes frames.

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
/// The caller must send fragments in order, and control frames whole and with a payload of at most 125 bytes (RFC 6455,
/// section 5.5); nothing is checked here.
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

/// The length of the frame at the front of these bytes. The frame was encoded here, masked or not, and may be longer than the
/// bytes given.
pub fn frame_bytes(bytes: &[u8]) -> usize {
    header_of(bytes).map_or(bytes.len(), |header| {
        header.header_bytes.saturating_add(usize::try_from(header.payload_bytes).unwrap_or(usize::MAX))
    })
}

/// The bytes at the front of these whole frames that belong to messages which have begun to be sent, if the first `taken` bytes
/// have been sent. So it is the end of a message, or of all frames if the last message has not ended. Frames that go on with
/// a message from before them, and the control frames between them, belong to one that has begun too.
///
/// The frames were encoded here, masked or not.
pub fn begun_bytes(frames: &[u8], taken: usize) -> usize {
    let (mut end, mut is_inside) = (0, goes_on(frames));
    while end < frames.len() && (end < taken || is_inside) {
        let frame = &frames[end..];
        if let Some(header) = header_of(frame).filter(|header| !header.opcode.is_control()) {
            is_inside = !header.fin;
        }
        end = end.saturating_add(frame_bytes(frame)).min(frames.len());
    }
    end
}

/// Whether the first frame that is no control frame goes on with a message.
fn goes_on(mut frames: &[u8]) -> bool {
    while let Some(header) = header_of(frames) {
        if !header.opcode.is_control() {
            return header.opcode == Opcode::Continuation;
        }
        frames = frames.get(frame_bytes(frames)..).unwrap_or_default();
    }
    false
}

/// Appends a client's frame, masked with `key`, which must be new, random and unpredictable for each frame (RFC 6455, section
/// 10.3).
pub fn encode_masked(opcode: Opcode, fin: bool, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    encode_masked_with_header(frame_header(opcode, fin, payload.len()), payload, key, out);
}

/// Appends a complete server's frame, which was encoded here, as a client's frame. If `frame` is not such a frame, nothing is
/// appended.
pub fn mask_encoded_frame(frame: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    let Some(header) = header_of(frame) else { return };
    let (header, payload) = frame.split_at(header.header_bytes);
    append_masked(header, payload, key, out);
}

/// The same for a header that is already made, except for its mask bit.
pub fn encode_masked_with_header(header: FrameHeader, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    append_masked(header.as_bytes(), payload, key, out);
}

fn append_masked(header: &[u8], payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    out.reserve(header.len() + key.len() + payload.len());
    let start = out.len();
    out.extend_from_slice(header);
    out[start + 1] |= MASKED;
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask::apply(&mut out[start..], key);
}

fn header_of(frame: &[u8]) -> Option<Header> {
    Header::parse(frame, Accepts { role: Role::Server, compressed: true, unmasked: true }).ok().flatten()
}

/// Only the header of a server's frame, for a payload that is written without being copied.
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
    /// The same for a compressed message, or for its first fragment (RFC 7692, section 6). Only for a peer that has agreed to
    /// compression.
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
