//! The request line (RFC 9112 section 3).

use super::lines::{is_token, text_of};
use super::{Rule, Stop, uri};
use crate::reading::Seen;

/// `request-line = method SP request-target SP HTTP-version`, with exactly one space each.
pub(super) fn parse(line: &[u8]) -> Result<Seen, Stop> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let version = parts.next().unwrap_or_default();
    if !is_token(method) {
        return Err(Stop::Refused(Rule::Method));
    }
    if target.is_empty() || parts.next().is_some() {
        return Err(Stop::Refused(Rule::RequestLine));
    }
    let minor = minor_version(version)?;
    uri::check_target(method, target)?;
    Ok(Seen { method: text_of(method), target: text_of(target), minor, ..Seen::default() })
}

/// `HTTP-version = "HTTP/" DIGIT "." DIGIT`, in capitals (RFC 9112 section 2.3). A higher minor version than is known
/// is served as the highest that is (RFC 9110 section 2.5); another major version is not (section 15.6.6).
fn minor_version(version: &[u8]) -> Result<u8, Stop> {
    match version {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            if *major == b'1' {
                Ok(minor - b'0')
            } else {
                Err(Stop::Refused(Rule::MajorVersion))
            }
        }
        _ => Err(Stop::Refused(Rule::Version)),
    }
}
