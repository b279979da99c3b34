//! Header lines to send, checked when they are added.
//!
//! One rule holds for a line that can't be written because of its name, its value, or another line: it is never repaired and
//! never left out. [`Fields::push`] gives the error and adds nothing. A handshake gives the error and writes nothing. An
//! answer whose head has such a line is sent as a 500 without further fields and without a body.

use std::fmt;

use crate::chars::{is_field_text, is_token_name};

/// Header or trailer lines to send. Whatever is in here is safe to put on the wire.
///
/// It can be reused: a new one owns no memory, and [`clear`](Self::clear) keeps the memory. Lines are checked when they are
/// added, so that a value that came from a peer can't split an answer in two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    lines: Vec<u8>,
    /// Which of [`SINGLE`] are among the lines, the first as the lowest bit.
    single: u16,
}

impl Fields {
    /// No lines, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new(), single: 0 }
    }

    /// Adds `name: value`.
    ///
    /// # Errors
    ///
    /// The name is not a token, the value has a control character, the encoder writes this field itself
    /// (`Content-Length`, `Transfer-Encoding`, `Connection`, `Keep-Alive`, `Upgrade`, `Date`), or the field may occur
    /// only once and is there already, such as `Content-Type` or `Location`. Nothing is added then.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), FieldError> {
        self.push_bytes(name.as_bytes(), value.as_ref())
    }

    /// Removes all lines and keeps the memory.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.single = 0;
    }

    /// The lines, each with its CR LF.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    /// Bytes that it owns on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.lines.capacity()
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether there is a line of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The lines as names and values, in order.
    pub fn iter(&self) -> FieldIter<'_> {
        FieldIter::new(&self.lines)
    }

    /// Whether there is a `Content-Type`.
    #[inline]
    pub(crate) const fn has_content_type(&self) -> bool {
        self.single & CONTENT_TYPE != 0
    }

    fn push_bytes(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        if !is_token_name(name) {
            return Err(FieldError::Name);
        }
        if !is_field_text(value) {
            return Err(FieldError::Value);
        }
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved.as_bytes())) {
            return Err(FieldError::Reserved);
        }
        let bit = single(name);
        if self.single & bit != 0 {
            return Err(FieldError::Repeated);
        }
        self.single |= bit;
        for part in [name, b": ", value, b"\r\n"] {
            self.lines.extend_from_slice(part);
        }
        Ok(())
    }
}

impl<'m> IntoIterator for &'m Fields {
    type Item = (&'m str, &'m [u8]);
    type IntoIter = FieldIter<'m>;

    fn into_iter(self) -> FieldIter<'m> {
        self.iter()
    }
}

/// Iterates over lines that were checked before, as names and values.
#[derive(Clone, Debug)]
pub struct FieldIter<'m> {
    rest: &'m [u8],
}

impl<'m> FieldIter<'m> {
    pub(crate) const fn new(lines: &'m [u8]) -> Self {
        Self { rest: lines }
    }
}

impl<'m> Iterator for FieldIter<'m> {
    type Item = (&'m str, &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\r', self.rest)?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(2..).unwrap_or_default();
        let colon = memchr::memchr(b':', line)?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        Some((name, trim(&line[colon + 1..])))
    }
}

/// Without the space and tabs around it (RFC 9110 section 5.5).
fn trim(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    &value[start..end]
}

/// Whether a field may not come after a body, because it frames, routes, authenticates or describes the message
/// (RFC 9110 section 6.5.1).
pub(crate) fn is_forbidden_trailer(name: &str) -> bool {
    FORBIDDEN_TRAILERS.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

/// Why a line was not added. It is an error of the caller, or the value came from an untrusted source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// The name is no token (RFC 9110 section 5.1).
    Name,
    /// The value has CR, LF, NUL or another control character.
    Value,
    /// The encoder writes this field itself.
    Reserved,
    /// The field may occur only once (RFC 9110 section 5.3), and is there already.
    Repeated,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the field name is not a token (RFC 9110 section 5.6.2)",
            Self::Value => "the field value has a control character",
            Self::Reserved => "the field is written by the encoder itself",
            Self::Repeated => "the field may appear only once, and is already there",
        })
    }
}

impl std::error::Error for FieldError {}

/// The bit of a field that stands only once; 0 for all others.
fn single(name: &[u8]) -> u16 {
    let place = SINGLE.iter().position(|single| name.eq_ignore_ascii_case(single.as_bytes()));
    place.map_or(0, |place| 1 << place)
}

/// Fields whose value is no list, so that a second line of them would contradict the first.
const SINGLE: [&str; 9] = [
    "Content-Type",
    "Content-Location",
    "Content-Range",
    "Age",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Retry-After",
];
/// The bit of the first of them.
const CONTENT_TYPE: u16 = 1;

const RESERVED: [&str; 6] =
    ["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Date"];

const FORBIDDEN_TRAILERS: [&str; 32] = [
    "Age",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Expires",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Location",
    "Max-Forwards",
    "Pragma",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Range",
    "Retry-After",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "WWW-Authenticate",
];
