//! Bytes, taken in lines and in counts.

use super::{Rule, Stop};

/// What has come, and how much of it was read.
pub(super) struct Input<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Input<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'b [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// Whether nothing of a line is left. The first half of an empty one is nothing.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(&self.bytes[self.at..], b"" | b"\r")
    }

    /// A server should ignore at least one empty line before a request (RFC 9112 section 2.2).
    pub(super) fn skip_empty_lines(&mut self) {
        while self.bytes[self.at..].starts_with(b"\r\n") {
            self.at += 2;
        }
    }

    /// A line without its CR LF. A recipient may take a lone LF for the end of a line, and must not take a lone CR for
    /// anything (RFC 9112 section 2.2).
    pub(super) fn line(&mut self) -> Result<&'b [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).ok_or(Stop::Short)?;
        match (rest[end], rest.get(end + 1)) {
            (b'\n', _) => Err(Stop::Refused(Rule::BareLf)),
            (_, None) => Err(Stop::Short),
            (_, Some(b'\n')) => {
                self.at += end + 2;
                Ok(&rest[..end])
            }
            (_, Some(_)) => Err(Stop::Refused(Rule::BareCr)),
        }
    }

    /// So many bytes.
    pub(super) fn take(&mut self, count: u128) -> Result<&'b [u8], Stop> {
        let rest = &self.bytes[self.at..];
        if count > rest.len() as u128 {
            return Err(Stop::Short);
        }
        self.at += count as usize;
        Ok(&rest[..count as usize])
    }
}

/// OWS is space and tab (RFC 9110 section 5.6.3).
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// `tchar` (RFC 9110 section 5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_alphabetic() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `token` (RFC 9110 section 5.6.2).
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_tchar)
}

/// What is known to be ASCII.
pub(super) fn text_of(ascii: &[u8]) -> String {
    ascii.iter().copied().map(char::from).collect()
}
