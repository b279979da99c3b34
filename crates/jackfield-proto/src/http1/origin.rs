//! Where a page comes from (RFC 6454).

use super::authority::{Authority, scheme_port};

/// An origin: a scheme, a host and a port, as the field `Origin` names it (RFC 6454 section 7).
///
/// Two are equal if they are the same origin (section 5): schemes and hosts are compared without regard to case, and a
/// port that is not there is the one that the scheme implies, so that `https://a.example:443` is `https://a.example`.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'b> {
    scheme: &'b str,
    authority: Authority<'b>,
}

impl<'b> Origin<'b> {
    /// Reads `scheme://host` or `scheme://host:port`. `None` if it is malformed, and for `null`, which is the origin of
    /// pages that have none and is the same as no other.
    #[must_use]
    pub fn parse(text: &'b str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let authority = Authority::parse(authority)?.or_port(scheme_port(scheme));
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

    /// The port: the one that is there, or the one that the scheme implies; 80 for `http` and `ws`, 443 for `https` and
    /// `wss`. `None` for other schemes without a port.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.authority.port()
    }

    /// Whether a request to this authority goes to the origin's own host and port. Where the authority has no port,
    /// this is the one that the origin's scheme implies: a server behind a proxy cannot know the scheme that the peer
    /// has used.
    #[must_use]
    pub fn is_at(&self, authority: Authority<'_>) -> bool {
        let port = authority.or_port(scheme_port(self.scheme)).port();
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
