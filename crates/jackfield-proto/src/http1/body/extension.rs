//! Chunk extensions (RFC 9112 section 7.1.1), byte by byte. They are ignored, but a malformed one is refused: readers that
//! skip to the next line, and disagree about where it begins, are how chunks get smuggled.

use crate::chars::{is_field_value_byte, is_token_byte};

/// The position of the next byte in the extensions of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExtensionState {
    /// Before a name, where space is allowed.
    BeforeName,
    /// In a name.
    Name,
    /// In the space after a name.
    BehindName,
    /// Before a value, where space is allowed.
    BeforeValue,
    /// In a value that is a token.
    Value,
    /// In a quoted string.
    Quoted,
    /// Behind a backslash in a quoted string.
    Escaped,
    /// Behind the quote that ends a string.
    Unquoted,
    /// In the space after a value.
    BehindValue,
}

impl ExtensionState {
    /// The state after a byte, or none if it does not belong there.
    pub(super) const fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Quoted, b'"') => Self::Unquoted,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, _) if is_field_value_byte(byte) => Self::Quoted,
            (Self::BeforeName | Self::Name, _) if is_token_byte(byte) => Self::Name,
            (Self::BeforeValue | Self::Value, _) if is_token_byte(byte) => Self::Value,
            (Self::BeforeValue, b'"') => Self::Quoted,
            (Self::BeforeName | Self::BeforeValue, b' ' | b'\t') => self,
            (Self::Name | Self::BehindName, b' ' | b'\t') => Self::BehindName,
            (Self::Value | Self::Unquoted | Self::BehindValue, b' ' | b'\t') => Self::BehindValue,
            (Self::Name | Self::BehindName, b'=') => Self::BeforeValue,
            (Self::Name | Self::BehindName | Self::Value | Self::Unquoted | Self::BehindValue, b';') => {
                Self::BeforeName
            }
            _ => return None,
        })
    }

    /// Whether the line may end here.
    pub(super) const fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::Unquoted)
    }
}
