//! Hosts with ports (RFC 3986 section 3.2, RFC 9110 section 7.2).

use crate::host::is_valid_host;

/// A host with an optional port: what a request is directed to.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'b> {
    host: &'b str,
    port: Option<u16>,
}

impl<'b> Authority<'b> {
    /// Reads `host` or `host:port`. `None` if it is malformed, has user information, or a port beyond 65,535.
    #[must_use]
    pub fn parse(text: &'b str) -> Option<Self> {
        if !is_valid_host(text.as_bytes()) {
            return None;
        }
        // The colons of an IPv6 address stand before its bracket.
        let host_end = text.rfind([':', ']']).filter(|at| text[*at..].starts_with(':')).unwrap_or(text.len());
        let (host, port) = text.split_at(host_end);
        let port = match port.get(1..) {
            None | Some("") => None,
            Some(digits) => Some(digits.parse().ok()?),
        };
        Some(Self { host, port })
    }

    /// The host, an IPv6 address with its brackets. Its case does not matter.
    #[must_use]
    pub const fn host(&self) -> &'b str {
        self.host
    }

    /// The port, if there is one.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same with this port, if there is none yet.
    pub(crate) fn with_default_port(self, port: Option<u16>) -> Self {
        Self { port: self.port.or(port), ..self }
    }
}

/// The port that a scheme implies (RFC 9110 section 4.2, RFC 6455 section 3).
pub(crate) fn scheme_port(scheme: &str) -> Option<u16> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("http") || is("ws") {
        Some(80)
    } else if is("https") || is("wss") {
        Some(443)
    } else {
        None
    }
}
