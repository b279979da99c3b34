//! The origin of a page (RFC 6454).

use super::authority::{Authority, scheme_port};

/// An origin: a scheme, a host and a port, as the field `Origin` names it (RFC 6454 section 7).
///
/// Two are equal if they are the same origin (section 5). The case of schemes and hosts does not matter, and a missing port
/// is the default port of the scheme: `https://a.example:443` equals `https://a.example`.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'b> {
    scheme: &'b str,
    authority: Authority<'b>,
}

impl<'b> Origin<'b> {
    /// Reads `scheme://host` or `scheme://host:port`. `None` if it is malformed, and for `null`: pages without an origin send
    /// it, and it equals no other origin.
    #[must_use]
    pub fn parse(text: &'b str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let authority = Authority::parse(authority)?.with_default_port(scheme_port(scheme));
        is_scheme(scheme).then_some(Self { scheme, authority })
    }

    /// The scheme. Its case does not matter.
    #[must_use]
    pub const fn scheme(&self) -> &'b str {
        self.scheme
    }

    /// The host, an IPv6 address with its brackets. Its case does not matter.
    #[must_use]
    pub const fn host(&self) -> &'b str {
        self.authority.host()
    }

    /// The port, or the default port of the scheme: 80 for `http` and `ws`, 443 for `https` and `wss`. `None` for other
    /// schemes without a port.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.authority.port()
    }

    /// Whether this authority is the host and port of the origin. If the authority has no port, the default port of the
    /// origin's scheme is assumed, because a server behind a proxy cannot know which scheme the peer has used.
    #[must_use]
    pub fn is_at(&self, authority: Authority<'_>) -> bool {
        let port = authority.with_default_port(scheme_port(self.scheme)).port();
        self.host().eq_ignore_ascii_case(authority.host()) && self.port() == port
    }
}

impl PartialEq for Origin<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
    }
}

impl Eq for Origin<'_> {}

/// Whether these are the characters of a scheme (RFC 3986 section 3.1).
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}
