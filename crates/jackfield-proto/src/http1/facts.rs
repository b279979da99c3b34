//! What the fields of a head say about the message's frame and the connection's fate.
//!
//! One pass over the fields, without a branch that most of them take. Each fact is a bit, so that the common request,
//! which has one `Host` and nothing else of interest, is recognised by one comparison; and what is wrong is weighed
//! after the pass in a fixed order, so that the same head always meets the same verdict.

use super::Error;
use super::slots::Span;
use super::words::matches_lowercase;
use crate::chars::is_token_name;
use crate::host::is_valid_host;

/// The facts of one head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    bits: u32,
    length: u64,
}

/// How a body is delimited, as far as the fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Neither `Content-Length` nor `Transfer-Encoding`.
    Unsaid,
    /// A body of this length in bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
}

impl Facts {
    /// Goes through the fields of a head.
    pub(crate) fn gather(head: &[u8], spans: &[Span]) -> Self {
        let mut facts = Self::default();
        for span in spans {
            // httparse has seen to the LF, but lets a bare one pass.
            if head.get(span.name_at().wrapping_sub(2)) != Some(&b'\r') {
                facts.bits |= LINE_END;
            }
            let (name, value) = (span.name(head), span.value(head));
            if matches_lowercase(name, b"host") {
                facts.note_host(is_valid_host(value));
            } else {
                facts.note_rest(name, value);
            }
        }
        facts
    }

    /// Notes a `Host`.
    #[inline(always)]
    pub(crate) fn note_host(&mut self, is_valid: bool) {
        let twice = if self.has(HOST) { HOST_TWICE } else { 0 };
        let invalid = if is_valid { 0 } else { HOST_INVALID };
        self.bits |= HOST | twice | invalid;
    }

    /// Whether a field whose name has this length and begins with this letter may be one that matters, or has no
    /// name. Passes over nearly every field that does not.
    #[inline(always)]
    pub(crate) const fn may_concern(name_bytes: u32, letter: u8) -> bool {
        // Lengths beyond 31 are taken for shorter ones, and other bytes for letters, which does no harm.
        LENGTHS[(letter & 31) as usize] >> (name_bytes & 31) & 1 != 0
    }

    /// Notes any field but `Host`.
    #[inline(never)]
    pub(crate) fn note_rest(&mut self, name: &[u8], value: &[u8]) {
        match name.len() {
            6 if matches_lowercase(name, b"expect") => self.note_expect(value),
            7 if matches_lowercase(name, b"upgrade") => self.note_upgrade(value),
            10 if matches_lowercase(name, b"connection") => self.note_connection(value),
            14 if matches_lowercase(name, b"content-length") => self.note_length(value),
            17 if matches_lowercase(name, b"transfer-encoding") => self.note_coding(value),
            _ => {}
        }
    }

    /// One valid `Host`, and nothing else that matters to HTTP/1.1.
    #[inline]
    pub(crate) const fn is_usual(self) -> bool {
        self.bits & !KEEP_ALIVE == HOST
    }

    /// Whether each field begins after CR LF.
    #[inline]
    pub(crate) const fn has_strict_lines(self) -> bool {
        self.bits & LINE_END == 0
    }

    /// What a server holds against a request with these fields.
    pub(crate) fn check_request(self, is_http11: bool) -> Result<Framing, Error> {
        if is_http11 && !self.has(HOST) {
            return Err(Error::HostMissing);
        }
        self.refuse(HOST_TWICE, Error::HostTwice)?;
        self.refuse(HOST_INVALID, Error::HostInvalid)?;
        let framing = self.check_framing(is_http11)?;
        if is_http11 {
            // HTTP/1.0 does not know the field (RFC 9110 section 10.1.1).
            self.refuse(EXPECT_OTHER, Error::Expectation)?;
        }
        Ok(framing)
    }

    /// How the body is delimited, if that can be told beyond doubt (RFC 9112 section 6).
    pub(crate) fn check_framing(self, is_http11: bool) -> Result<Framing, Error> {
        if self.has(CODING) && self.has(LENGTH) {
            return Err(Error::LengthAndCoding);
        }
        if self.has(CODING) && !is_http11 {
            return Err(Error::TransferEncodingInHttp10);
        }
        self.refuse(CODING_INVALID, Error::TransferEncoding)?;
        self.refuse(CODING_OTHER, Error::CodingUnsupported)?;
        self.refuse(LENGTH_INVALID, Error::ContentLength)?;
        self.refuse(LENGTH_TWICE, Error::ContentLengthTwice)?;
        Ok(if self.has(CODING) {
            Framing::Chunked
        } else if self.has(LENGTH) {
            Framing::Length(self.length)
        } else {
            Framing::Unsaid
        })
    }

    /// Whether the peer keeps the connection open after this message (RFC 9112 section 9.3).
    pub(crate) const fn keeps_alive(self, is_http11: bool) -> bool {
        !self.has(CLOSE) && (is_http11 || self.has(KEEP_ALIVE))
    }

    /// Whether the peer asks to go on with WebSocket.
    pub(crate) const fn asks_for_websocket(self) -> bool {
        self.has(WEBSOCKET) && self.has(UPGRADE)
    }

    /// Whether the peer waits for `100 Continue` before it sends the body.
    pub(crate) const fn expects_continue(self) -> bool {
        self.has(EXPECT)
    }

    const fn has(self, bit: u32) -> bool {
        self.bits & bit != 0
    }

    fn refuse(self, bit: u32, error: Error) -> Result<(), Error> {
        if self.has(bit) { Err(error) } else { Ok(()) }
    }

    fn note_expect(&mut self, value: &[u8]) {
        let is_known = value.eq_ignore_ascii_case(b"100-continue");
        self.bits |= if is_known { EXPECT } else { EXPECT_OTHER };
    }

    fn note_upgrade(&mut self, value: &[u8]) {
        if elements(value).any(|element| element.eq_ignore_ascii_case(b"websocket")) {
            self.bits |= WEBSOCKET;
        }
    }

    fn note_connection(&mut self, value: &[u8]) {
        if matches_lowercase(value, b"keep-alive") {
            self.bits |= KEEP_ALIVE;
            return;
        }
        for element in elements(value) {
            self.bits |= match element.len() {
                5 if element.eq_ignore_ascii_case(b"close") => CLOSE,
                7 if element.eq_ignore_ascii_case(b"upgrade") => UPGRADE,
                10 if element.eq_ignore_ascii_case(b"keep-alive") => KEEP_ALIVE,
                _ => 0,
            };
        }
    }

    fn note_length(&mut self, value: &[u8]) {
        if self.has(LENGTH) {
            self.bits |= LENGTH_TWICE;
        }
        self.bits |= LENGTH;
        match decimal(value) {
            Some(length) => self.length = length,
            None => self.bits |= LENGTH_INVALID,
        }
    }

    fn note_coding(&mut self, value: &[u8]) {
        if self.has(CODING) {
            self.bits |= CODING_INVALID;
        }
        self.bits |= CODING;
        if !value.eq_ignore_ascii_case(b"chunked") {
            self.bits |= judge_codings(value);
        }
    }
}

/// The elements of a comma-separated list (RFC 9110 section 5.6.1).
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// `1*DIGIT`, without sign, list or overflow.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// What is wrong with codings that are not just `chunked`: a word that is none, and `chunked` before the end, make
/// the length of the body a guess; other codings are sound but not known here.
fn judge_codings(value: &[u8]) -> u32 {
    let count = elements(value).count();
    let is_sound = elements(value).enumerate().all(|(place, element)| {
        is_token_name(element) && (place + 1 == count || !element.eq_ignore_ascii_case(b"chunked"))
    });
    if is_sound { CODING_OTHER } else { CODING_INVALID }
}

/// For each letter, as its place in the alphabet, the lengths of the names that matter and begin with it.
const LENGTHS: [u32; 32] = {
    let mut lengths = [0; 32];
    lengths[(b'c' & 31) as usize] = 1 << 10 | 1 << 14;
    lengths[(b'e' & 31) as usize] = 1 << 6;
    lengths[(b'h' & 31) as usize] = 1 << 4;
    lengths[(b't' & 31) as usize] = 1 << 17;
    lengths[(b'u' & 31) as usize] = 1 << 7;
    // A name of no bytes, whose first byte is the colon behind it.
    lengths[(b':' & 31) as usize] = 1;
    lengths
};
const HOST: u32 = 1;
const HOST_TWICE: u32 = 1 << 1;
const HOST_INVALID: u32 = 1 << 2;
/// A field does not begin after CR LF.
const LINE_END: u32 = 1 << 3;
const LENGTH: u32 = 1 << 4;
const LENGTH_TWICE: u32 = 1 << 5;
const LENGTH_INVALID: u32 = 1 << 6;
const CODING: u32 = 1 << 7;
const CODING_INVALID: u32 = 1 << 8;
const CODING_OTHER: u32 = 1 << 9;
const CLOSE: u32 = 1 << 10;
const KEEP_ALIVE: u32 = 1 << 11;
/// `Connection: upgrade`.
const UPGRADE: u32 = 1 << 12;
/// `Upgrade: websocket`.
const WEBSOCKET: u32 = 1 << 13;
const EXPECT: u32 = 1 << 14;
const EXPECT_OTHER: u32 = 1 << 15;
