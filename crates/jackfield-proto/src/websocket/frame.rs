//! The header of a frame that came in (RFC 6455, section 5.2).

use super::{Error, Opcode, mask};

/// Which end of the connection we are. It decides who masks: the client does, the server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Role {
    Server,
    Client,
}

/// What the other end may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepts {
    pub(super) role: Role,
    /// Messages that are compressed.
    pub(super) compressed: bool,
    /// A client's frames without a mask.
    pub(super) unmasked: bool,
}

/// A header that keeps all the rules which can be checked without knowing what came before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    /// The first frame of a message that is compressed (RFC 7692, section 6).
    pub(super) is_compressed: bool,
    /// The header's own length, key included: 2 to 14.
    pub(super) header_bytes: usize,
    /// Below 2^63; at most 125 for a control frame.
    pub(super) payload_bytes: u64,
    /// Zeros if the frame is not masked, which come to the same.
    pub(super) key: [u8; 4],
}

impl Header {
    /// Reads the header at the front of `rx`; `None` if it is not all there. A rule that is broken shows as soon as
    /// the bytes that break it are there.
    #[inline]
    pub(super) fn parse(rx: &[u8], accepts: Accepts) -> Result<Option<Self>, Error> {
        let [first, second, rest @ ..] = rx else { return Ok(None) };
        let (opcode, fin) = (check_first(*first, accepts.compressed)?, first & FIN != 0);
        let is_compressed = first & RSV1 != 0;
        let is_masked = second & MASKED != 0;
        check_mask(is_masked, accepts)?;
        let short = second & LENGTH;
        if opcode.is_control() {
            check_control(fin, short)?;
        }
        let Some((payload_bytes, length_bytes)) = length(short, rest)? else { return Ok(None) };
        let Some(key) = key(is_masked, &rest[length_bytes..]) else { return Ok(None) };
        let header_bytes = 2 + length_bytes + if is_masked { key.len() } else { 0 };
        Ok(Some(Self { opcode, fin, is_compressed, header_bytes, payload_bytes, key }))
    }

    /// Where the frame ends, if all of it lies in `rx`.
    #[inline]
    pub(super) fn end_in(&self, rx: &[u8]) -> Option<usize> {
        let payload_bytes = usize::try_from(self.payload_bytes).ok()?;
        let end = self.header_bytes.checked_add(payload_bytes)?;
        (end <= rx.len()).then_some(end)
    }

    /// Unmasks in place the payload of a frame that is whole and ends at `end`.
    #[inline]
    pub(super) fn unmask<'b>(&self, rx: &'b mut [u8], end: usize) -> &'b mut [u8] {
        let payload = &mut rx[self.header_bytes..end];
        // A server's frames have no mask: its key is zero here, and needs no pass.
        if self.key != [0; 4] {
            mask::apply(payload, self.key);
        }
        payload
    }
}

fn check_first(first: u8, inflates: bool) -> Result<Opcode, Error> {
    let opcode = Opcode::from_bits(first & OPCODE);
    match first & RESERVED {
        0 => {}
        // Only the first frame of a message says that it is compressed (RFC 7692, section 6).
        RSV1 if inflates && matches!(opcode, Some(Opcode::Text | Opcode::Binary)) => {}
        _ => return Err(Error::ReservedBit),
    }
    opcode.ok_or(Error::UnknownOpcode)
}

pub(super) fn check_mask(is_masked: bool, accepts: Accepts) -> Result<(), Error> {
    match (accepts.role, is_masked) {
        (Role::Server, false) if !accepts.unmasked => Err(Error::Unmasked),
        (Role::Client, true) => Err(Error::Masked),
        _ => Ok(()),
    }
}

pub(super) fn check_control(fin: bool, short: u8) -> Result<(), Error> {
    if short > 125 {
        Err(Error::ControlTooLong)
    } else if !fin {
        Err(Error::ControlFragmented)
    } else {
        Ok(())
    }
}

/// The length of the payload, and the number of bytes after the first two that hold it.
#[inline]
pub(super) fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Error> {
    match short {
        126 => {
            let Some(bytes) = rest.first_chunk() else { return Ok(None) };
            let length = u64::from(u16::from_be_bytes(*bytes));
            if length < 126 { Err(Error::LengthNotMinimal) } else { Ok(Some((length, 2))) }
        }
        127 => {
            let Some(bytes) = rest.first_chunk() else { return Ok(None) };
            match u64::from_be_bytes(*bytes) {
                0..=0xffff => Err(Error::LengthNotMinimal),
                length if length >> 63 != 0 => Err(Error::LengthTopBit),
                length => Ok(Some((length, 8))),
            }
        }
        short => Ok(Some((u64::from(short), 0))),
    }
}

#[inline]
pub(super) fn key(is_masked: bool, rest: &[u8]) -> Option<[u8; 4]> {
    if is_masked { rest.first_chunk().copied() } else { Some([0; 4]) }
}

/// In the first byte: the last fragment of a message, or its only one.
pub(super) const FIN: u8 = 0x80;
/// In the first byte: for extensions.
const RESERVED: u8 = 0x70;
/// The first of the three, which is that of permessage-deflate (RFC 7692, section 6).
pub(super) const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0f;
/// In the second byte.
pub(super) const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
