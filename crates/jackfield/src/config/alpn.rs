//! Names of protocols for ALPN (RFC 7301).

/// The names for HTTP listeners, the preferred first (from IANA's registry).
pub(super) const HTTP: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];

/// The mistake in the name of a protocol, if there is one (RFC 7301 section 3.1).
pub(super) fn fault_of_alpn(name: &[u8]) -> Option<String> {
    let name_as_text = String::from_utf8_lossy(name);
    match name {
        b"h2" | b"h3" => Some(format!("`{name_as_text}` is not supported, and can't be offered by `alpn`")),
        _ if (1..=255).contains(&name.len()) => None,
        _ => Some(format!("`{name_as_text}` is not a protocol name: those have 1 to 255 bytes")),
    }
}

/// The name by which an ACME server asks for a challenge (RFC 8737 section 6.2).
pub(crate) const ACME: &[u8] = b"acme-tls/1";
