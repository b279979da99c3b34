//! Writes the heads of responses.

use std::io::Write;

use super::{DateBlock, FieldError, Fields, reason_phrase, words};
use crate::chars::is_field_text;

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseToSend<'m> {
    /// The status, from 200 to 999. Any other number is sent as 500: an answer is final, and has three digits.
    pub status: u16,
    /// The media type of the body. `""` if there is none, or if `fields` contains it.
    pub content_type: &'m str,
    /// Further fields. Their names and values were checked when they were added.
    pub fields: &'m Fields,
}

impl<'m> ResponseToSend<'m> {
    /// A head without further fields.
    #[must_use]
    pub const fn new(status: u16, content_type: &'m str) -> Self {
        Self { status, content_type, fields: &NO_FIELDS }
    }

    /// Whether the head can be written. If not, a 500 without further fields and without a body is sent instead.
    ///
    /// # Errors
    ///
    /// The content type has a control character, or the fields contain a `Content-Type` too.
    pub fn check(&self) -> Result<(), FieldError> {
        if self.content_type.is_empty() {
            Ok(())
        } else if self.fields.has_content_type() {
            Err(FieldError::Repeated)
        } else if is_field_text(self.content_type.as_bytes()) {
            Ok(())
        } else {
            Err(FieldError::Value)
        }
    }

    /// The status that the peer gets: 500 if a final answer can't have `status`, or if the head can't be written.
    #[must_use]
    #[inline(always)]
    pub fn sent_status(&self) -> u16 {
        if self.is_usual() { 200 } else { self.checked_status() }
    }

    #[cold]
    fn checked_status(&self) -> u16 {
        if self.check().is_ok() { self.final_status() } else { 500 }
    }

    /// The status that is sent.
    pub(super) const fn final_status(&self) -> u16 {
        if matches!(self.status, 200..=999) { self.status } else { 500 }
    }

    /// Whether the head has the shape that is copied rather than put together.
    #[inline(always)]
    pub(super) fn is_usual(&self) -> bool {
        self.status == 200
            && self.fields.is_empty()
            && !self.content_type.is_empty()
            && words::is_plain_text(self.content_type.as_bytes())
    }
}

/// Whether the caller has to send the body that it announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum BodyDue {
    /// The body must follow, in the announced length.
    Yes,
    /// Nothing may follow: the request was `HEAD`, the status is 204, 205 or 304, or no answer was due.
    No,
}

/// How the head says the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// Nothing is said: no body, or one that ends with the connection.
    Unsaid,
    /// A body of this length in bytes.
    Length(u64),
    /// Chunked.
    Chunked,
}

/// What the head says about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays open, which is the default of HTTP/1.1.
    Stays,
    /// It stays open, which an HTTP/1.0 peer has to be told.
    StaysSaid,
    /// It closes.
    Closes,
}

/// The head of nearly every answer: 200, a type, a length, and a connection that stays.
#[inline(always)]
pub(super) fn encode_usual_head(content_type: &str, body_bytes: u64, date: &DateBlock, out: &mut Vec<u8>) {
    out.extend_from_slice(date.whole());
    out.extend_from_slice(content_type.as_bytes());
    encode_length_and_end(body_bytes, out);
}

/// Any head that can be written.
pub(super) fn encode_head(
    head: &ResponseToSend<'_>,
    delimiter: Delimiter,
    fate: Fate,
    date: &DateBlock,
    out: &mut Vec<u8>,
) {
    encode_status_line(head.final_status(), date, out);
    out.extend_from_slice(date.date_line());
    if !head.content_type.is_empty() {
        out.extend_from_slice(date.content_type_prefix());
        out.extend_from_slice(head.content_type.as_bytes());
    }
    out.extend_from_slice(connection_lines(head.final_status(), fate));
    encode_delimiter(delimiter, out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(head.fields.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The head that ends HTTP on a connection and begins WebSocket (RFC 6455 section 4.2.2).
pub(super) fn encode_switching(accept: &[u8; 28], fields: &Fields, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    out.extend_from_slice(accept);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(fields.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn encode_status_line(status: u16, date: &DateBlock, out: &mut Vec<u8>) {
    if status == 200 {
        return out.extend_from_slice(date.status_line());
    }
    // Writing to a vector cannot fail.
    let _ = write!(out, "HTTP/1.1 {status} {}", reason_phrase(status));
}

/// 426 must name the protocol that is required (RFC 9110 section 15.5.22), and this crate has one to offer.
const fn connection_lines(status: u16, fate: Fate) -> &'static [u8] {
    match (status, fate) {
        (426, Fate::Closes) => b"\r\nUpgrade: websocket\r\nConnection: upgrade, close",
        (426, Fate::StaysSaid) => b"\r\nUpgrade: websocket\r\nConnection: upgrade, keep-alive",
        (426, Fate::Stays) => b"\r\nUpgrade: websocket\r\nConnection: upgrade",
        (_, Fate::Closes) => b"\r\nConnection: close",
        (_, Fate::StaysSaid) => b"\r\nConnection: keep-alive",
        (_, Fate::Stays) => b"",
    }
}

fn encode_delimiter(delimiter: Delimiter, out: &mut Vec<u8>) {
    match delimiter {
        Delimiter::Unsaid => {}
        Delimiter::Chunked => out.extend_from_slice(b"\r\nTransfer-Encoding: chunked"),
        Delimiter::Length(bytes) => {
            out.extend_from_slice(LENGTH_NAME);
            out.extend_from_slice(itoa::Buffer::new().format(bytes).as_bytes());
        }
    }
}

/// The length and the empty line. Most bodies have few digits, and for these the line is of a known size: no loop, no
/// division, one copy.
#[inline(always)]
fn encode_length_and_end(body_bytes: u64, out: &mut Vec<u8>) {
    match body_bytes {
        0..10 => out.extend_from_slice(&short_tail::<{ TAIL_BYTES + 1 }>(body_bytes)),
        10..100 => out.extend_from_slice(&short_tail::<{ TAIL_BYTES + 2 }>(body_bytes)),
        100..1000 => out.extend_from_slice(&short_tail::<{ TAIL_BYTES + 3 }>(body_bytes)),
        1000..10_000 => out.extend_from_slice(&short_tail::<{ TAIL_BYTES + 4 }>(body_bytes)),
        _ => encode_long_tail(body_bytes, out),
    }
}

/// The same in `BYTES` bytes altogether, which leave room for the digits that the number has.
#[inline(always)]
fn short_tail<const BYTES: usize>(mut number: u64) -> [u8; BYTES] {
    let mut tail = [0; BYTES];
    tail[..LENGTH_NAME.len()].copy_from_slice(LENGTH_NAME);
    tail[BYTES - LAST_LINES.len()..].copy_from_slice(LAST_LINES);
    for digit in tail[LENGTH_NAME.len()..BYTES - LAST_LINES.len()].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    tail
}

#[inline(never)]
fn encode_long_tail(number: u64, out: &mut Vec<u8>) {
    for part in [LENGTH_NAME, itoa::Buffer::new().format(number).as_bytes(), LAST_LINES] {
        out.extend_from_slice(part);
    }
}

static NO_FIELDS: Fields = Fields::new();
const LENGTH_NAME: &[u8] = b"\r\nContent-Length: ";
const LAST_LINES: &[u8] = b"\r\n\r\n";
/// Bytes of the length and the empty line without the digits.
const TAIL_BYTES: usize = LENGTH_NAME.len() + LAST_LINES.len();
