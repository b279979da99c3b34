//! The server's end: a client's request, and the answer that accepts it (RFC 6455, section 4.2).

use crate::chars::is_token_name;

use super::lines::{VERSION, check_fields, encode_field, encode_fields};
use super::singleton::SingletonField;
use super::{EncodeError, Extension, HandshakeError, accept, extension, token};

/// A valid opening handshake of a client. It borrows the head of the request.
///
/// ```
/// use jackfield_proto::websocket::Offer;
///
/// let headers: [(&str, &[u8]); 5] = [
///     ("Host", b"server.example.com"),
///     ("Upgrade", b"websocket"),
///     ("Connection", b"keep-alive, Upgrade"),
///     ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
///     ("Sec-WebSocket-Version", b"13"),
/// ];
/// let offer = Offer::check("GET", true, headers.into_iter())?;
/// assert_eq!(&offer.accept_key(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// # Ok::<(), jackfield_proto::websocket::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Offer<'b> {
    key: &'b [u8],
    host: &'b str,
    origin: Option<&'b str>,
    /// The values of the field, each a list.
    protocols: Vec<&'b str>,
    /// The values of the field, each a list.
    extensions: Vec<&'b str>,
}

impl<'b> Offer<'b> {
    /// Checks a request: its method, whether it is HTTP/1.1 or later, and its header fields.
    ///
    /// # Errors
    ///
    /// The first broken rule of RFC 6455, section 4.2.1, in the order of the variants of [`HandshakeError`].
    pub fn check(
        method: &str,
        http11: bool,
        headers: impl Iterator<Item = (&'b str, &'b [u8])>,
    ) -> Result<Self, HandshakeError> {
        if method != "GET" {
            return Err(HandshakeError::Method);
        }
        if !http11 {
            return Err(HandshakeError::HttpVersion);
        }
        Fields::gather(headers).check()
    }

    /// The value of `Sec-WebSocket-Accept` for the answer; it is ASCII.
    pub fn accept_key(&self) -> [u8; 28] {
        accept::accept_key(self.key)
    }

    /// The value of `Host`.
    pub fn host(&self) -> &'b str {
        self.host
    }

    /// The value of `Origin`. Browsers always send one, and a server that trusts cookies must look at it
    /// (RFC 6455, section 10.2).
    pub fn origin(&self) -> Option<&'b str> {
        self.origin
    }

    /// The subprotocols that the client offers, best first; each is a token, and none comes twice. They are compared
    /// with regard to case.
    pub fn protocols(&self) -> impl Iterator<Item = &'b str> + Clone + '_ {
        self.protocols.iter().flat_map(|value| token::elements(value))
    }

    /// Whether the client offers this subprotocol. The answer must not name another.
    pub fn offers(&self, protocol: &str) -> bool {
        self.protocols().any(|offered| offered == protocol)
    }

    /// The extensions that the client offers, best first, each with its parameters.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'b>> + Clone + '_ {
        self.extensions.iter().flat_map(|value| extension::extensions(value))
    }
}

/// Appends the answer that accepts an offer: status 101, [`Offer::accept_key`], the subprotocol that was chosen from
/// [`Offer::protocols`], if any, and further fields.
///
/// # Errors
///
/// The subprotocol is not a token, or a field cannot be written. Nothing is appended then.
pub fn encode_response(
    accept: [u8; 28],
    protocol: Option<&str>,
    fields: &[(&str, &str)],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if protocol.is_some_and(|protocol| !is_token_name(protocol.as_bytes())) {
        return Err(EncodeError::Protocol);
    }
    check_fields(fields)?;
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    out.extend_from_slice(&accept);
    out.extend_from_slice(b"\r\n");
    if let Some(protocol) = protocol {
        encode_field("Sec-WebSocket-Protocol", protocol, out);
    }
    encode_fields(fields, out);
    Ok(())
}

/// What one pass over the header finds. Judgement is left for later, so that it does not depend on the order in which
/// the fields came.
#[derive(Default)]
struct Fields<'b> {
    host: SingletonField<'b>,
    origin: SingletonField<'b>,
    key: SingletonField<'b>,
    version: SingletonField<'b>,
    upgrade: bool,
    connection: bool,
    protocols: Vec<&'b [u8]>,
    extensions: Vec<&'b [u8]>,
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
            4 if is("host") => self.host.add(value),
            6 if is("origin") => self.origin.add(value),
            7 if is("upgrade") => self.upgrade |= token::has(value, "websocket"),
            10 if is("connection") => self.connection |= token::has(value, "upgrade"),
            17 if is("sec-websocket-key") => self.key.add(value),
            21 if is("sec-websocket-version") => self.version.add(value),
            22 if is("sec-websocket-protocol") => self.protocols.push(value),
            24 if is("sec-websocket-extensions") => self.extensions.push(value),
            _ => {}
        }
    }

    fn check(self) -> Result<Offer<'b>, HandshakeError> {
        let host = self.host.text().ok_or(HandshakeError::Host)?;
        if !self.upgrade {
            return Err(HandshakeError::Upgrade);
        }
        if !self.connection {
            return Err(HandshakeError::Connection);
        }
        if self.version.text() != Some(VERSION) {
            return Err(HandshakeError::Version);
        }
        let key = self.key.text().ok_or(HandshakeError::Key)?.as_bytes();
        if !accept::is_key(key) {
            return Err(HandshakeError::Key);
        }
        let origin = self.origin.text();
        if origin.is_none() && !self.origin.is_none() {
            return Err(HandshakeError::Origin);
        }
        let protocols = texts(&self.protocols).ok_or(HandshakeError::Protocol)?;
        if !token::are_different(protocols.iter().flat_map(|value| token::elements(value))) {
            return Err(HandshakeError::Protocol);
        }
        let extensions = texts(&self.extensions).ok_or(HandshakeError::Extensions)?;
        if !extensions.iter().all(|value| extension::is_list(value)) {
            return Err(HandshakeError::Extensions);
        }
        Ok(Offer { key, host, origin, protocols, extensions })
    }
}

fn texts<'b>(values: &[&'b [u8]]) -> Option<Vec<&'b str>> {
    values.iter().map(|value| token::value_as_str(value)).collect()
}
