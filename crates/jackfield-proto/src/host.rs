//! What may stand in `Host` (RFC 3986 section 3.2).

use core::net::Ipv6Addr;

use crate::chars::is_host_byte;

/// Whether `host` is a host with an optional port, and without user information. An empty one is refused, as RFC 9110
/// section 4.2.1 asks for `http`.
pub(crate) fn is_valid_host(host: &[u8]) -> bool {
    if let [b'[', rest @ ..] = host {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
        let address = std::str::from_utf8(&rest[..end]).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
        return address.is_some() && is_port(&rest[end + 1..]);
    }
    let end = host.iter().position(|byte| !is_host_byte(*byte)).unwrap_or(host.len());
    if end > 0 && is_port(&host[end..]) {
        return true;
    }
    let end = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
    is_escaped_name(&host[..end]) && is_port(&host[end..])
}

/// Empty, or a colon and at most as many digits as a port can have.
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// A name, perhaps with percent escapes.
fn is_escaped_name(name: &[u8]) -> bool {
    let mut rest = name;
    loop {
        rest = match rest {
            [] => return !name.is_empty(),
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if is_host_byte(*byte) => rest,
            _ => return false,
        }
    }
}
