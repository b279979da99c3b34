//! Frames a body that is sent in parts.

use std::fmt;
use std::io::Write;

use crate::http1::fields::{Fields, is_forbidden_trailer};

/// How the body that is being sent is delimited. It is one integer, because every connection has one: the highest values
/// stand for what is not a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutgoingFraming(u64);

impl OutgoingFraming {
    /// Nothing is being sent.
    pub(crate) const NONE: Self = Self(u64::MAX);
    /// The message has no body (`HEAD`, 204, 304): parts are taken and dropped.
    pub(crate) const SKIP: Self = Self(u64::MAX - 1);
    /// The chunked coding.
    pub(crate) const CHUNKED: Self = Self(u64::MAX - 2);
    /// It ends with the connection.
    pub(crate) const UNTIL_CLOSE: Self = Self(u64::MAX - 3);
    /// The longest length that can be announced.
    const LENGTH_MAX: u64 = u64::MAX - 4;

    /// A body of this length. A length above `LENGTH_MAX`, more than any disk holds, counts as `LENGTH_MAX`.
    pub(crate) fn length(bytes: u64) -> Self {
        Self(bytes.min(Self::LENGTH_MAX))
    }

    /// Whether nothing more has to be sent: there is no body, or all bytes of an announced length are written.
    pub(crate) const fn is_complete(self) -> bool {
        matches!(self, Self::NONE | Self(0))
    }

    /// Frames one part. An empty one writes nothing, since an empty chunk would end the body.
    pub(crate) fn encode_part(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        match *self {
            Self::NONE => return Err(BodyError::NotStreaming),
            Self::SKIP => {}
            Self::CHUNKED if part.is_empty() => {}
            Self::CHUNKED => encode_chunk(part, out),
            Self::UNTIL_CLOSE => out.extend_from_slice(part),
            Self(left) => {
                self.0 = left.checked_sub(part.len() as u64).ok_or(BodyError::TooLong)?;
                out.extend_from_slice(part);
            }
        }
        Ok(())
    }

    /// Ends the body. Trailers exist in the chunked coding only; elsewhere they are dropped, as RFC 9110 section
    /// 6.5.1 allows.
    pub(crate) fn encode_end(&mut self, trailers: &Fields, out: &mut Vec<u8>) -> Result<(), BodyError> {
        match std::mem::replace(self, Self::NONE) {
            Self::NONE => Err(BodyError::NotStreaming),
            Self::CHUNKED => {
                out.extend_from_slice(b"0\r\n");
                encode_trailers(trailers, out);
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
            Self::SKIP | Self::UNTIL_CLOSE | Self(0) => Ok(()),
            Self(_) => Err(BodyError::TooShort),
        }
    }
}

fn encode_chunk(part: &[u8], out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{:x}\r\n", part.len());
    out.extend_from_slice(part);
    out.extend_from_slice(b"\r\n");
}

fn encode_trailers(trailers: &Fields, out: &mut Vec<u8>) {
    for (name, value) in trailers.iter().filter(|(name, _)| !is_forbidden_trailer(name)) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

/// Why a part was not sent. It is an error of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The part goes beyond the announced length. Nothing of it was written.
    TooLong,
    /// The body ended before the announced length. The connection must close; otherwise the peer would take the next message
    /// for the rest of this one.
    TooShort,
    /// No body is being sent in parts.
    NotStreaming,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the body is longer than was announced",
            Self::TooShort => "the body is shorter than was announced",
            Self::NotStreaming => "no body is being sent in parts",
        })
    }
}

impl std::error::Error for BodyError {}
