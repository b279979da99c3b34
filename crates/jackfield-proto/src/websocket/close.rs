//! The code and the reason of a Close (RFC 6455, sections 5.5.1 and 7.4).

use std::fmt;

use super::{CloseFrame, Error};

/// Whether a Close may have this code (RFC 6455, section 7.4, and the IANA registry): 1000 to 1003, 1007 to 1014, and 3000 to
/// 4999 for libraries and applications. 1005, 1006 and 1015 are never sent; they are only for reports inside a program.
pub const fn is_valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Why a Close was not encoded. It is an error of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseError {
    /// The code must not be sent; see [`is_valid_close_code`].
    InvalidCode(u16),
    /// There is a reason but no code, which a Close frame cannot express.
    ReasonWithoutCode,
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidCode(code) => write!(f, "a Close must not have the code {code}"),
            Self::ReasonWithoutCode => f.write_str("a Close with a reason needs a code"),
        }
    }
}

impl std::error::Error for CloseError {}

/// Reads the payload of a Close.
pub(super) fn parse(payload: &[u8]) -> Result<CloseFrame<'_>, Error> {
    match payload {
        [] => Ok(CloseFrame { code: None, reason: "" }),
        [_] => Err(Error::CloseTooShort),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !is_valid_close_code(code) {
                return Err(Error::CloseCode);
            }
            let reason = std::str::from_utf8(reason).map_err(|_| Error::CloseReasonNotUtf8)?;
            Ok(CloseFrame { code: Some(code), reason })
        }
    }
}

/// The payload of a Close that is sent.
pub(super) struct Payload {
    bytes: [u8; 2 + REASON_BYTES_MAX],
    length: usize,
}

impl Payload {
    /// The reason is cut where a control frame ends, and before the character that would be cut in two.
    pub(super) fn new(code: Option<u16>, reason: &str) -> Result<Self, CloseError> {
        let mut payload = Self { bytes: [0; 2 + REASON_BYTES_MAX], length: 0 };
        let Some(code) = code else {
            return if reason.is_empty() { Ok(payload) } else { Err(CloseError::ReasonWithoutCode) };
        };
        if !is_valid_close_code(code) {
            return Err(CloseError::InvalidCode(code));
        }
        let reason = cut(reason);
        payload.length = 2 + reason.len();
        payload.bytes[..2].copy_from_slice(&code.to_be_bytes());
        payload.bytes[2..payload.length].copy_from_slice(reason.as_bytes());
        Ok(payload)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn cut(reason: &str) -> &str {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

/// What a control frame holds, less the code.
const REASON_BYTES_MAX: usize = 123;
