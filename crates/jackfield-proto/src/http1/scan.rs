//! The grammar of a head as an automaton over single bytes.
//!
//! httparse is fast, but it starts anew each time it is called, it lets bare LF pass, and what it says about a broken
//! head depends on how much of it has come. This automaton is slower, strict, and can stop after any byte. So they
//! share the work: a head that has come whole is parsed by `regular` or httparse alone; one that came in pieces is
//! walked through here, each byte once, until its end is there; and whatever looks irregular is judged here, so that
//! the verdict is the same however the bytes were split. The same automaton reads trailers, which are the tail of a head.

use super::Error;
use super::limits::{Limits, METHOD_BYTES_MAX};
use crate::chars::{is_field_value_byte, is_target_byte, is_token_byte};

/// How far into a head that comes in pieces the search for its end has got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanner {
    /// Bytes walked through. They are never looked at again before the head is complete.
    at: u32,
    state: ScanState,
}

impl Scanner {
    /// A scanner for a request.
    pub(crate) const fn request() -> Self {
        Self { at: 0, state: ScanState::Start }
    }

    /// A scanner for a response.
    pub(crate) const fn response() -> Self {
        Self { at: 0, state: ScanState::Status(0) }
    }

    /// Walks on through `rx`, which begins with the bytes of the call before. Gives the length of the head once it
    /// is complete.
    pub(crate) fn advance(&mut self, rx: &[u8], limits: &Limits) -> Result<Option<usize>, Error> {
        let visible = rx.get(..limits.head_bytes()).unwrap_or(rx);
        for (index, byte) in visible.iter().enumerate().skip(self.at as usize) {
            self.state = self.state.next(*byte, index, limits.target_bytes_max)?;
            if self.state == ScanState::End {
                return Ok(Some(index + 1));
            }
        }
        self.at = u32::try_from(visible.len()).map_err(|_| Error::HeadTooLarge)?;
        if rx.len() > visible.len() { Err(Error::HeadTooLarge) } else { Ok(None) }
    }

    /// Whether nothing has been walked through.
    #[inline]
    pub(crate) const fn is_fresh(self) -> bool {
        self.at == 0
    }

    /// Whether part of a message has come. The empty line that may stand before a request is none.
    pub(crate) const fn has_begun(self) -> bool {
        !matches!(self.state, ScanState::Start | ScanState::StartLf | ScanState::Begin | ScanState::Status(0))
    }
}

/// The position of the next byte in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanState {
    /// Before a request, where one empty line is ignored (RFC 9112 section 2.2).
    Start,
    /// After the CR of that line.
    StartLf,
    /// Before a method.
    Begin,
    /// In a method that has this number of bytes so far.
    Method(u8),
    /// In a target that began at this offset.
    Target(u8),
    /// Before this byte of `HTTP/`.
    Protocol(u8),
    /// Before the major version.
    Major,
    /// Before the dot; whether the major version is 1.
    Dot(bool),
    /// Before the minor version; whether the major version is 1.
    Minor(bool),
    /// Before this byte of a status line.
    Status(u8),
    /// Before the CR of the request line.
    LineCr,
    /// Before the LF of a line.
    LineLf,
    /// Before a field or the empty line.
    LineStart,
    /// In a field name.
    Name,
    /// In a field value, or in a reason phrase, which has the same bytes.
    Value,
    /// Before the LF of the empty line.
    LastLf,
    /// After the head.
    End,
}

impl ScanState {
    /// The state after `byte`, if `byte` is allowed at offset `index` in this state.
    pub(crate) fn next(self, byte: u8, index: usize, target_bytes_max: usize) -> Result<Self, Error> {
        match self {
            Self::Start if byte == b'\r' => Ok(Self::StartLf),
            Self::StartLf => expect(byte == b'\n', Self::Begin, Error::LineEnd),
            Self::Start | Self::Begin => begin(byte),
            Self::Method(length) => method(length, byte, index),
            Self::Target(start) => target(start, byte, index, target_bytes_max),
            Self::Protocol(place) => protocol(place, byte),
            Self::Major => expect(byte.is_ascii_digit(), Self::Dot(byte == b'1'), Error::Version),
            Self::Dot(is_one) => expect(byte == b'.', Self::Minor(is_one), Error::Version),
            Self::Minor(is_one) => minor(is_one, byte),
            Self::Status(place) => status(place, byte),
            Self::LineCr => expect(byte == b'\r', Self::LineLf, Error::LineEnd),
            Self::LineLf => expect(byte == b'\n', Self::LineStart, Error::LineEnd),
            Self::LineStart if byte == b'\r' => Ok(Self::LastLf),
            Self::Name if byte == b':' => Ok(Self::Value),
            Self::LineStart | Self::Name => expect(is_token_byte(byte), Self::Name, Error::FieldName),
            Self::Value => value(byte),
            Self::LastLf | Self::End => expect(byte == b'\n', Self::End, Error::LineEnd),
        }
    }
}

fn expect(holds: bool, then: ScanState, otherwise: Error) -> Result<ScanState, Error> {
    if holds { Ok(then) } else { Err(otherwise) }
}

fn begin(byte: u8) -> Result<ScanState, Error> {
    match byte {
        b'\r' | b'\n' => Err(Error::LineEnd),
        _ => expect(is_token_byte(byte), ScanState::Method(1), Error::Method),
    }
}

fn method(length: u8, byte: u8, index: usize) -> Result<ScanState, Error> {
    if byte == b' ' {
        // The offset fits, since a method has at most 32 bytes and at most 2 stand before it.
        return u8::try_from(index + 1).map(ScanState::Target).map_err(|_| Error::MethodTooLong);
    }
    if !is_token_byte(byte) {
        return Err(Error::Method);
    }
    expect(usize::from(length) < METHOD_BYTES_MAX, ScanState::Method(length + 1), Error::MethodTooLong)
}

fn target(start: u8, byte: u8, index: usize, target_bytes_max: usize) -> Result<ScanState, Error> {
    let length = index - usize::from(start);
    if byte == b' ' && length > 0 {
        return Ok(ScanState::Protocol(0));
    }
    if !is_target_byte(byte) {
        return Err(Error::Target);
    }
    expect(length < target_bytes_max, ScanState::Target(start), Error::TargetTooLong)
}

fn protocol(place: u8, byte: u8) -> Result<ScanState, Error> {
    let fits = b"HTTP/".get(usize::from(place)) == Some(&byte);
    let then = if place == 4 { ScanState::Major } else { ScanState::Protocol(place + 1) };
    expect(fits, then, Error::Version)
}

fn minor(is_one: bool, byte: u8) -> Result<ScanState, Error> {
    match byte {
        b'0' | b'1' if is_one => Ok(ScanState::LineCr),
        b'0'..=b'9' => Err(Error::VersionUnsupported),
        _ => Err(Error::Version),
    }
}

fn status(place: u8, byte: u8) -> Result<ScanState, Error> {
    let fits = match place {
        0..=6 => b"HTTP/1.".get(usize::from(place)) == Some(&byte),
        7 => matches!(byte, b'0' | b'1'),
        8 => byte == b' ',
        9 => matches!(byte, b'1'..=b'9'),
        10 | 11 => byte.is_ascii_digit(),
        _ if byte == b' ' => return Ok(ScanState::Value),
        _ if byte == b'\r' => return Ok(ScanState::LineLf),
        _ => false,
    };
    expect(fits, ScanState::Status(place + 1), Error::StatusLine)
}

fn value(byte: u8) -> Result<ScanState, Error> {
    match byte {
        b'\r' => Ok(ScanState::LineLf),
        b'\n' => Err(Error::LineEnd),
        _ => expect(is_field_value_byte(byte), ScanState::Value, Error::FieldValue),
    }
}
