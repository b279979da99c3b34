//! Takes a body apart, whatever delimits it (RFC 9112 section 6.3).

use super::chunked::Chunked;
use crate::http1::{Error, Limits};

/// What delimits a body, and how much of it is still to come.
#[derive(Debug)]
pub(crate) enum BodyReader {
    /// So many bytes are left.
    Length(u64),
    /// The chunked coding.
    Chunked(Chunked),
    /// It ends with the connection. Responses only.
    UntilClose,
}

/// What the next bytes of a body are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'b> {
    /// Nothing before more bytes come.
    Need,
    /// Some of the body, never empty.
    Data(&'b [u8]),
    /// Some of the trailer lines, whose grammar was checked.
    Trailer(&'b [u8]),
    /// The end.
    End,
}

impl BodyReader {
    /// A reader of the chunked coding.
    pub(crate) const fn chunked() -> Self {
        Self::Chunked(Chunked::new())
    }

    /// The next piece, and how many bytes from the front of `rx` it used up, its frame included.
    #[inline]
    pub(crate) fn take<'b>(&mut self, rx: &'b [u8], limits: &Limits) -> Result<(usize, Piece<'b>), Error> {
        match self {
            Self::Length(0) => Ok((0, Piece::End)),
            Self::Length(left) => Ok(take_data(left, rx)),
            Self::Chunked(chunked) => chunked.take(rx, limits),
            Self::UntilClose if rx.is_empty() => Ok((0, Piece::Need)),
            Self::UntilClose => Ok((rx.len(), Piece::Data(rx))),
        }
    }

    /// Bytes that are still to come at least, going by what the peer has announced.
    pub(crate) fn bytes_due(&self) -> u64 {
        match self {
            Self::Length(left) => *left,
            Self::Chunked(chunked) => chunked.bytes_due(),
            Self::UntilClose => 0,
        }
    }
}

/// As much of `rx` as belongs to the `left` bytes that are due.
pub(super) fn take_data<'b>(left: &mut u64, rx: &'b [u8]) -> (usize, Piece<'b>) {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rx.len());
    *left -= count as u64;
    match &rx[..count] {
        [] => (0, Piece::Need),
        data => (count, Piece::Data(data)),
    }
}
