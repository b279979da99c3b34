//! One part of a form.

use std::borrow::Cow;

use super::MultipartError;
use super::params::split_params;
use crate::chars::{is_field_text, is_token_name};
use crate::http1::FieldIter;

/// One part of a form: a field, or a file.
#[derive(Clone, Debug)]
pub struct Part<'b> {
    name: Cow<'b, str>,
    filename: Option<Cow<'b, str>>,
    /// The lines of the header, checked, each with its CR LF.
    head: &'b [u8],
    body: &'b [u8],
}

impl<'b> Part<'b> {
    /// `head` has the lines of the header, each with its CR LF.
    pub(super) fn new(head: &'b [u8], body: &'b [u8]) -> Result<Self, MultipartError> {
        if !is_head(head) {
            return Err(MultipartError::Head);
        }
        let mut dispositions =
            FieldIter::new(head).filter(|(name, _)| name.eq_ignore_ascii_case("content-disposition"));
        let (Some((_, value)), None) = (dispositions.next(), dispositions.next()) else {
            return Err(MultipartError::Disposition);
        };
        let (name, filename) = disposition(value).ok_or(MultipartError::Disposition)?;
        Ok(Self { name, filename, head, body })
    }

    /// The name of the field. It may be empty, and it may come more than once.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the file as the client sent it; `None` if the part is not a file. It may contain anything, even `../`:
    /// never use it as a path.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }

    /// The media type. Without one it is `text/plain` (RFC 7578, section 4.4).
    #[must_use]
    pub fn content_type(&self) -> Option<&'b str> {
        std::str::from_utf8(self.header("content-type")?).ok()
    }

    /// The value of the first field with this name in the header of the part. The case of the name does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        FieldIter::new(self.head).find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The content, as it is.
    #[must_use]
    pub const fn body(&self) -> &'b [u8] {
        self.body
    }
}

/// Whether `head` is made of field lines, each with its CR LF.
fn is_head(mut head: &[u8]) -> bool {
    while !head.is_empty() {
        let Some(end) = memchr::memmem::find(head, b"\r\n") else { return false };
        let (line, rest) = (&head[..end], &head[end + 2..]);
        let Some(colon) = memchr::memchr(b':', line) else { return false };
        if !is_token_name(&line[..colon]) || !is_field_text(&line[colon + 1..]) {
            return false;
        }
        head = rest;
    }
    true
}

/// The names of the field and of the file.
fn disposition(value: &[u8]) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let value = std::str::from_utf8(value).ok()?;
    let (kind, _) = split_params(value);
    if !kind.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let param = |name| split_params(value).1.single(name).ok().map(|value| value.map(unescape));
    Some((param("name")??, param("filename")?))
}

/// Browsers escape what would end a quoted value or its line (WHATWG HTML standard, section "Multipart form data").
fn unescape(value: Cow<'_, str>) -> Cow<'_, str> {
    if ["%22", "%0D", "%0A"].iter().any(|escape| value.contains(escape)) {
        Cow::Owned(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
    } else {
        value
    }
}
