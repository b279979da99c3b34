//! The lines of a handshake on their way out.

use super::{EncodeError, token};

/// Whether the fields can be written, and are not among those of the handshake itself.
pub(super) fn check_fields(fields: &[(&str, &str)]) -> Result<(), EncodeError> {
    let is_free = |name: &str| !OWN_FIELDS.iter().any(|own| name.eq_ignore_ascii_case(own));
    let is_good = |(name, value): &(&str, &str)| {
        token::is_token(name.as_bytes()) && is_free(name) && token::is_one_line(value)
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

/// What the handshake writes itself. A second one would contradict it, or promise an extension that is not there.
const OWN_FIELDS: [&str; 8] = [
    "host",
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-accept",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
];

/// The one version there is. A refusal with status 426 says so in a field `Sec-WebSocket-Version`
/// (RFC 6455, section 4.2.2).
pub const VERSION: &str = "13";
