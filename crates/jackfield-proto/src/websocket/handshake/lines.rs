//! The lines of a handshake on their way out.

use super::EncodeError;
use crate::chars::{is_field_text, is_token_name};

/// Whether the fields can be written, and are not among those of the handshake itself.
pub(super) fn check_fields(fields: &[(&str, &str)]) -> Result<(), EncodeError> {
    let is_good = |(name, value): &(&str, &str)| {
        is_token_name(name.as_bytes()) && !is_handshake_field(name) && is_field_text(value.as_bytes())
    };
    if fields.iter().all(is_good) { Ok(()) } else { Err(EncodeError::Field) }
}

/// The rest of a head: these fields, and the empty line.
pub(super) fn encode_fields(fields: &[(&str, &str)], out: &mut Vec<u8>) {
    for (name, value) in fields {
        encode_field(name, value, out);
    }
    out.extend_from_slice(b"\r\n");
}

pub(super) fn encode_field(name: &str, value: &str, out: &mut Vec<u8>) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Whether a field belongs to the handshake: the handshake writes it itself, or it would contradict what the handshake
/// writes. So neither side may add it.
///
/// These are all whose names begin with `Sec-WebSocket-` (RFC 6455, section 11.3), `Host`, `Upgrade` and `Connection`, and
/// `Content-Length` and `Transfer-Encoding`, since neither message has a body.
pub fn is_handshake_field(name: &str) -> bool {
    let is_prefixed =
        name.as_bytes().get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    is_prefixed || OWN_FIELDS.iter().any(|own| name.eq_ignore_ascii_case(own))
}

const PREFIX: &[u8] = b"Sec-WebSocket-";
const OWN_FIELDS: [&str; 5] = ["Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"];

/// The only version of the protocol. An answer with status 426 names it in the field `Sec-WebSocket-Version` (RFC 6455,
/// section 4.2.2).
pub const VERSION: &str = "13";
