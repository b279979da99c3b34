//! Errors of forms.

use std::fmt;

/// Why a multipart form is not read further. It is an error of the client: answer with [`status`](Self::status).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MultipartError {
    /// The `Content-Type` is not `multipart/form-data`.
    MediaType,
    /// The `Content-Type` has no boundary, more than one, or an invalid one (RFC 2046, section 5.1.1).
    Boundary,
    /// The body does not begin with the boundary, or other text than a line end follows the first boundary.
    Delimiter,
    /// The header of a part is malformed, has the boundary in it, or is longer than [`PART_HEAD_BYTES_MAX`](super::PART_HEAD_BYTES_MAX).
    Head,
    /// A part has no `Content-Disposition: form-data` with a name, or more than one (RFC 7578, section 4.2).
    Disposition,
    /// The body ends before its last boundary.
    Truncated,
    /// It has more than [`PARTS_MAX`](super::PARTS_MAX) parts.
    TooMany,
}

impl MultipartError {
    /// The status of the answer: 415 for another media type, 413 for too many parts, and 400 for all other errors.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MediaType => 415,
            Self::TooMany => 413,
            _ => 400,
        }
    }
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MediaType => "the media type of the form is not multipart/form-data",
            Self::Boundary => "the media type of the form has no boundary that can be used",
            Self::Delimiter => "the parts of the form are not delimited by its boundary",
            Self::Head => "the header of a part of the form is malformed",
            Self::Disposition => "a part of the form has no name",
            Self::TooMany => "the form has too many parts",
            Self::Truncated => "the form ends before its last boundary",
        })
    }
}

impl std::error::Error for MultipartError {}
