//! The forms of a request target, and the host (RFC 9112 section 3.2).

use super::authority::{Authority, scheme_port};
use super::{Error, words};
use crate::host::is_valid_host;

/// The path, without the query, of the request at the front of `rx`, as soon as its first line is complete. It is for
/// decisions that are made before the request is read.
///
/// It is the same as [`Request::path`](super::Request::path), or empty if the line is not a request line. One empty line in
/// front is ignored (RFC 9112 section 2.2). `None` until the line is complete.
#[must_use]
pub fn requested_path(rx: &[u8]) -> Option<&str> {
    let rx = rx.strip_prefix(b"\r\n").unwrap_or(rx);
    let line = &rx[..memchr::memchr(b'\n', rx)?];
    let line = std::str::from_utf8(line).unwrap_or_default();
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(_)) = (words.next(), words.next(), words.next()) else {
        return Some("");
    };
    Some(if is_valid(method, target) { path(target) } else { "" })
}

/// Whether this method may have this target, whose bytes are known to be visible ASCII without `#`.
pub(crate) fn check(method: &[u8], target: &str) -> Result<(), Error> {
    if method == b"CONNECT" {
        return Err(Error::Connect);
    }
    if target.starts_with('/') || (target == "*" && method == b"OPTIONS") {
        return Ok(());
    }
    let (_, authority, rest) = split_absolute(target).ok_or(Error::Target)?;
    if !matches!(rest.bytes().next(), None | Some(b'/' | b'?')) {
        return Err(Error::Target);
    }
    if is_valid_host(authority.as_bytes()) { Ok(()) } else { Err(Error::HostInvalid) }
}

/// The same for a target of unknown bytes.
pub(crate) fn is_valid(method: &str, target: &str) -> bool {
    words::is_target(target.as_bytes()) && check(method.as_bytes(), target).is_ok()
}

/// The path of a target, without the query. It is not decoded, and not empty except for an odd target.
pub(crate) fn path(target: &str) -> &str {
    let local = split_absolute(target).map_or(target, |(_, _, rest)| rest);
    let path = local.split_once('?').map_or(local, |(path, _)| path);
    if path.is_empty() { "/" } else { path }
}

/// The host of an absolute-form target, with its port if there is one.
pub(crate) fn host(target: &str) -> Option<&str> {
    split_absolute(target).map(|(_, authority, _)| authority)
}

/// The authority of an absolute-form target, with the port of its scheme if it names none.
pub(crate) fn authority(target: &str) -> Option<Authority<'_>> {
    let (scheme, authority, _) = split_absolute(target)?;
    Some(Authority::parse(authority)?.with_default_port(scheme_port(scheme)))
}

/// An absolute-form target as its scheme, its authority and what follows it.
fn split_absolute(target: &str) -> Option<(&str, &str, &str)> {
    if target.starts_with('/') {
        return None;
    }
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Some((scheme, authority, rest))
}
