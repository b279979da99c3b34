//! The client's end: our request, and the server's answer (RFC 6455, section 4.1).

use super::lines::{VERSION, check_fields, encode_field, encode_fields};
use super::singleton::SingletonField;
use super::{EncodeError, Extension, ResponseError, accept, extension, token};
use crate::chars::is_target_byte;
use crate::host::is_valid_host;

/// What a server agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'b> {
    /// The subprotocol the server chose, which is one of those offered; `None` if it chose none.
    pub protocol: Option<&'b str>,
}

/// Appends a client's opening handshake.
///
/// `target` is the path with the query, and begins with a slash; `host` is the value of `Host` (with the port, unless it is the
/// scheme's own), `key` is a new random number, `protocols` are offered in this order, and `fields` are added (`Origin`,
/// `Cookie`, `Authorization`).
///
/// # Errors
///
/// The target, the host, a subprotocol or a field can't be written: see [`EncodeError`]. Nothing is appended then.
pub fn encode_request(
    target: &str,
    host: &str,
    key: [u8; 16],
    protocols: &[&str],
    fields: &[(&str, &str)],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    encode_with_extensions(target, host, key, protocols, None, fields, out)
}

/// The same, with extensions that are offered.
pub(in crate::websocket) fn encode_with_extensions(
    target: &str,
    host: &str,
    key: [u8; 16],
    protocols: &[&str],
    extensions: Option<&str>,
    fields: &[(&str, &str)],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    check_request(target, host, protocols)?;
    check_fields(fields)?;
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    encode_field("Host", host, out);
    out.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
    out.extend_from_slice(&accept::encode_key(key));
    out.extend_from_slice(b"\r\n");
    encode_field("Sec-WebSocket-Version", VERSION, out);
    if !protocols.is_empty() {
        encode_field("Sec-WebSocket-Protocol", &protocols.join(", "), out);
    }
    if let Some(extensions) = extensions {
        encode_field("Sec-WebSocket-Extensions", extensions, out);
    }
    encode_fields(fields, out);
    Ok(())
}

/// Checks a server's answer. `key` is the random number the request was encoded with, and `protocols` are those it
/// offered.
///
/// # Errors
///
/// The first broken rule of RFC 6455, section 4.1. Close the connection; after a [`ResponseError::Status`] you may read the
/// answer first, as an ordinary HTTP answer.
pub fn check_response<'b>(
    status: u16,
    headers: impl Iterator<Item = (&'b str, &'b [u8])>,
    key: [u8; 16],
    protocols: &[&str],
) -> Result<Accepted<'b>, ResponseError> {
    let (accepted, extensions) = check_with_extensions(status, headers, key, protocols)?;
    let is_plain = extensions.is_some_and(|mut extensions| extensions.next().is_none());
    if is_plain { Ok(accepted) } else { Err(ResponseError::Extensions) }
}

/// The same, and the extensions that the server has chosen; `None`: the field is no list of such.
pub(in crate::websocket) fn check_with_extensions<'b>(
    status: u16,
    headers: impl Iterator<Item = (&'b str, &'b [u8])>,
    key: [u8; 16],
    protocols: &[&str],
) -> Result<(Accepted<'b>, Option<impl Iterator<Item = Extension<'b>>>), ResponseError> {
    if status != 101 {
        return Err(ResponseError::Status(status));
    }
    let fields = Fields::gather(headers);
    let extensions = fields.extensions.is_none().then_some("").or(fields.extensions.text());
    let extensions = extensions.filter(|value| extension::is_list(value)).map(extension::extensions);
    Ok((fields.check(key, protocols)?, extensions))
}

/// What one pass over the header finds.
#[derive(Default)]
struct Fields<'b> {
    upgrade: bool,
    connection: bool,
    accept: SingletonField<'b>,
    protocol: SingletonField<'b>,
    extensions: SingletonField<'b>,
}

impl<'b> Fields<'b> {
    fn gather(headers: impl Iterator<Item = (&'b str, &'b [u8])>) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            fields.add(name, value);
        }
        fields
    }

    fn add(&mut self, name: &str, value: &'b [u8]) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        match name.len() {
            7 if is("upgrade") => self.upgrade |= token::has(value, "websocket"),
            10 if is("connection") => self.connection |= token::has(value, "upgrade"),
            20 if is("sec-websocket-accept") => self.accept.add(value),
            22 if is("sec-websocket-protocol") => self.protocol.add(value),
            24 if is("sec-websocket-extensions") => self.extensions.add(value),
            _ => {}
        }
    }

    fn check(self, key: [u8; 16], protocols: &[&str]) -> Result<Accepted<'b>, ResponseError> {
        if !self.upgrade {
            return Err(ResponseError::Upgrade);
        }
        if !self.connection {
            return Err(ResponseError::Connection);
        }
        let accept = accept::accept_key(&accept::encode_key(key));
        if self.accept.text().map(str::as_bytes) != Some(&accept[..]) {
            return Err(ResponseError::Accept);
        }
        let protocol = self.protocol.text();
        let is_offered = protocol.is_some_and(|protocol| protocols.contains(&protocol));
        if is_offered || self.protocol.is_none() {
            Ok(Accepted { protocol })
        } else {
            Err(ResponseError::Protocol)
        }
    }
}

fn check_request(target: &str, host: &str, protocols: &[&str]) -> Result<(), EncodeError> {
    if !target.starts_with('/') || !target.bytes().all(is_target_byte) {
        return Err(EncodeError::Target);
    }
    if !is_valid_host(host.as_bytes()) {
        return Err(EncodeError::Host);
    }
    if token::are_different(protocols.iter().copied()) { Ok(()) } else { Err(EncodeError::Protocol) }
}
