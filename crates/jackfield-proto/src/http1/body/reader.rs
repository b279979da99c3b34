//! Decodes a body with any kind of delimiter (RFC 9112 section 6.3).

use super::chunked::Chunked;
use super::piece::{Piece, take_data};
use crate::http1::{Error, Limits};

/// What delimits a body, and how much of it is still to come.
#[derive(Debug)]
pub(crate) enum BodyReader {
    /// This number of bytes is left.
    Length(u64),
    /// The chunked coding.
    Chunked(Chunked),
    /// It ends with the connection. Responses only.
    UntilClose,
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

    /// True if all bytes of the body were read and only [`Piece::End`] is still to be reported.
    pub(crate) const fn is_end_due(&self) -> bool {
        // The last byte of the coding also reports its end.
        matches!(self, Self::Length(0))
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
