//! What the fields of a head say about the message's frame and the connection's fate.
//!
//! One pass over the fields, without a branch that most of them take. Each fact is a bit, so that the common request,
//! which has one `Host` and nothing else of interest, is recognised by one comparison; and what is wrong is weighed
//! after the pass in a fixed order, so that the same head always meets the same verdict.

use super::Error;
use super::chars::is_token_name;
use super::target::is_valid_host;
use super::words::is_folded;

/// The facts of one head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    bits: u32,
    length: u64,
}

/// How a body is delimited, as far as the fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Neither `Content-Length` nor `Transfer-Encoding`.
    Unsaid,
    /// So many bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
}

impl Facts {
    /// Goes through the fields of a head that lies in `rx`.
    #[inline(always)]
    pub(crate) fn gather(rx: &[u8], headers: &[httparse::Header<'_>]) -> Self {
        let mut facts = Self::default();
        let mut host: Option<&[u8]> = None;
        for header in headers {
            if !follows_line_end(rx, header.name) {
                facts.bits |= LINE_END;
            }
            // Length and first letter pass over nearly every field that does not matter.
            match (header.name.len(), first_letter(header.name)) {
                (4, b'h') if is_folded(header.name.as_bytes(), b"host") => {
                    facts.bits |= if host.replace(header.value).is_some() { HOST_TWICE } else { 0 };
                }
                (6, b'e') | (7, b'u') | (10 | 14, b'c') | (17, b't') => facts.note(header),
                _ => {}
            }
        }
        facts.bits |= host.map_or(0, judge_host);
        facts
    }

    /// One valid `Host`, and nothing else that matters to HTTP/1.1.
    #[inline]
    pub(crate) const fn is_plain(self) -> bool {
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

    /// Whether the peer waits for a word before it sends the body.
    pub(crate) const fn expects_continue(self) -> bool {
        self.has(EXPECT)
    }

    const fn has(self, bit: u32) -> bool {
        self.bits & bit != 0
    }

    fn refuse(self, bit: u32, error: Error) -> Result<(), Error> {
        if self.has(bit) { Err(error) } else { Ok(()) }
    }

    /// Looks at a field whose name has the length of one that matters.
    #[inline(never)]
    fn note(&mut self, header: &httparse::Header<'_>) {
        let name = header.name.as_bytes();
        match name.len() {
            6 if is_folded(name, b"expect") => self.note_expect(header.value),
            7 if is_folded(name, b"upgrade") => self.note_upgrade(header.value),
            10 if is_folded(name, b"connection") => self.note_connection(header.value),
            14 if is_folded(name, b"content-length") => self.note_length(header.value),
            17 if is_folded(name, b"transfer-encoding") => self.note_coding(header.value),
            _ => {}
        }
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
        if is_folded(value, b"keep-alive") {
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

/// Whether CR LF stands before a name that was parsed out of `rx`. httparse has seen to the LF, but lets a bare one
/// pass.
#[inline(always)]
fn follows_line_end(rx: &[u8], name: &str) -> bool {
    let start = (name.as_ptr() as usize).wrapping_sub(rx.as_ptr() as usize);
    rx.get(start.wrapping_sub(2)) == Some(&b'\r')
}

/// The first byte of a name, as a small letter if it is one.
#[inline(always)]
fn first_letter(name: &str) -> u8 {
    name.as_bytes().first().map_or(0, |byte| byte | 0x20)
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

/// A host is there; and perhaps it is none.
#[inline(always)]
fn judge_host(value: &[u8]) -> u32 {
    if is_valid_host(value) { HOST } else { HOST | HOST_INVALID }
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
