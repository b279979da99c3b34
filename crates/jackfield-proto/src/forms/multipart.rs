//! `multipart/form-data`: forms with files (RFC 7578).

use memchr::memmem;

use super::params::split_params;
use super::{MultipartError, Part};

/// The parts of a complete form, in order. The iterator ends with the first error.
///
/// Reading is strict where parsers disagree, because an attacker could use the difference: lines end in CR LF, at most one CR
/// LF comes before the first boundary, and only the line end follows a boundary. Behind the first one, a boundary with other
/// text after it is content.
#[derive(Clone, Debug)]
pub struct Multipart<'b> {
    /// What stands after the last boundary that was found; `None` after the end.
    rest: Option<&'b [u8]>,
    delimiter: Delimiter,
    parts: usize,
}

impl<'b> Multipart<'b> {
    /// The parts of `body`. `content_type` is the value of its `Content-Type`.
    ///
    /// # Errors
    ///
    /// The type is not `multipart/form-data`, its boundary is missing or invalid, or the body does not begin with the
    /// boundary. The iterator reports errors in the parts.
    pub fn new(content_type: &str, body: &'b [u8]) -> Result<Self, MultipartError> {
        let (kind, params) = split_params(content_type);
        if !kind.eq_ignore_ascii_case("multipart/form-data") {
            return Err(MultipartError::MediaType);
        }
        let boundary = params.single("boundary").ok().flatten().ok_or(MultipartError::Boundary)?;
        let delimiter = Delimiter::new(&boundary).ok_or(MultipartError::Boundary)?;
        let body = body.strip_prefix(b"\r\n").unwrap_or(body);
        match body.strip_prefix(delimiter.in_first_line()) {
            Some(rest) => Ok(Self { rest: Some(rest), delimiter, parts: 0 }),
            None if delimiter.in_first_line().starts_with(body) => Err(MultipartError::Truncated),
            None => Err(MultipartError::Delimiter),
        }
    }

    /// The part after a boundary, and what stands after the next one; none after the last one.
    fn split(&self, rest: &'b [u8]) -> Result<Option<(Part<'b>, &'b [u8])>, MultipartError> {
        if rest.starts_with(b"--") {
            return Ok(None);
        }
        if !rest.starts_with(b"\r\n") {
            let is_cut = rest.len() < 2 && (b"\r\n".starts_with(rest) || b"--".starts_with(rest));
            return Err(if is_cut { MultipartError::Truncated } else { MultipartError::Delimiter });
        }
        // The header's last CR LF, and the empty line; the first is that of the boundary if there is no header.
        let end = memmem::find(rest, b"\r\n\r\n").ok_or(MultipartError::Truncated)? + 2;
        let (at, behind) = self.delimiter.find(rest).ok_or(MultipartError::Truncated)?;
        if end > PART_HEAD_BYTES_MAX || at < end {
            return Err(MultipartError::Head);
        }
        // A part without content may leave the empty line out.
        let body = rest.get(end + 2..at).unwrap_or_default();
        Ok(Some((Part::new(&rest[2..end], body)?, &rest[behind..])))
    }
}

impl<'b> Iterator for Multipart<'b> {
    type Item = Result<Part<'b>, MultipartError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        match self.split(rest) {
            Ok(Some(_)) if self.parts == PARTS_MAX => Some(Err(MultipartError::TooMany)),
            Ok(Some((part, rest))) => {
                self.parts += 1;
                self.rest = Some(rest);
                Some(Ok(part))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// What stands between two parts: CR LF, two hyphens and the boundary.
#[derive(Clone, Copy, Debug)]
struct Delimiter {
    bytes: [u8; 4 + BOUNDARY_BYTES_MAX],
    length: usize,
}

impl Delimiter {
    fn new(boundary: &str) -> Option<Self> {
        let is_valid = !boundary.ends_with(' ') && boundary.bytes().all(is_boundary);
        if !is_valid || !(1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) {
            return None;
        }
        let mut delimiter = Self { bytes: [0; 4 + BOUNDARY_BYTES_MAX], length: 4 + boundary.len() };
        delimiter.bytes[..4].copy_from_slice(b"\r\n--");
        delimiter.bytes[4..delimiter.length].copy_from_slice(boundary.as_bytes());
        Some(delimiter)
    }

    /// The same without CR LF.
    fn in_first_line(&self) -> &[u8] {
        &self.bytes[2..self.length]
    }

    /// The next delimiter: where it begins, and where it ends. One that other text follows is content.
    fn find(&self, rest: &[u8]) -> Option<(usize, usize)> {
        let delimiter = &self.bytes[..self.length];
        let mut ends = memmem::find_iter(rest, delimiter).map(|at| (at, at + self.length));
        ends.find(|(_, end)| matches!(rest.get(*end..*end + 2), Some(b"\r\n" | b"--")))
    }
}

/// The characters of a boundary (RFC 2046, section 5.1.1).
fn is_boundary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

/// The most parts of a form. With more, the iterator ends with [`MultipartError::TooMany`].
pub const PARTS_MAX: usize = 1000;

/// The most bytes of the header of a part. A longer one is [`MultipartError::Head`].
pub const PART_HEAD_BYTES_MAX: usize = 16 << 10;

/// The most bytes of a boundary (RFC 2046, section 5.1.1). A longer one is [`MultipartError::Boundary`].
pub const BOUNDARY_BYTES_MAX: usize = 70;
