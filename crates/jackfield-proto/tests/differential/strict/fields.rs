//! Fields (RFC 9112 section 5), and the one that every request must have.

use super::lines::{Input, is_token, text_of, trim};
use super::{Rule, Stop, uri};
use crate::reading::{Line, Seen};

/// Field lines up to the empty line after them: those of a head, or trailers.
pub(super) fn section(input: &mut Input<'_>) -> Result<Vec<Line>, Stop> {
    let mut fields = Vec::new();
    loop {
        match input.line()? {
            [] => return Ok(fields),
            line => fields.push(field(line)?),
        }
    }
}

/// `field-line = field-name ":" OWS field-value OWS`.
fn field(line: &[u8]) -> Result<Line, Stop> {
    if matches!(line[0], b' ' | b'\t') {
        return Err(Stop::Refused(Rule::Fold));
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Stop::Refused(Rule::NoColon))?;
    let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
    if matches!(name, [.., b' ' | b'\t']) {
        return Err(Stop::Refused(Rule::SpaceBeforeColon));
    }
    if !is_token(name) {
        return Err(Stop::Refused(Rule::FieldName));
    }
    if value.contains(&0) {
        return Err(Stop::Refused(Rule::NulInValue));
    }
    if !value.iter().copied().all(is_value_byte) {
        return Err(Stop::Refused(Rule::ControlInValue));
    }
    Ok((text_of(name), value.to_vec()))
}

/// `field-vchar`, and the space and tabs between them (RFC 9110 section 5.5).
fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff)
}

/// Exactly one `Host` in HTTP/1.1, at most one before, and a valid one (RFC 9112 section 3.2).
pub(super) fn check_tls_host(seen: &Seen) -> Result<(), Stop> {
    match seen.values("host")[..] {
        [] if seen.minor == 0 => Ok(()),
        [] => Err(Stop::Refused(Rule::HostMissing)),
        [host] if uri::is_host_and_port(host) => Ok(()),
        [_] => Err(Stop::Refused(Rule::HostInvalid)),
        _ => Err(Stop::Refused(Rule::HostTwice)),
    }
}
