//! Authentication of requests.

use jackfield_proto::http1::Request;
use std::net::SocketAddr;

/// Decides on every request before its client sees it, WebSocket handshakes and the server's own pages included, except
/// answers to ACME challenges: see [`ServerBuilder::authenticator`](crate::ServerBuilder::authenticator).
/// [`BasicAuth`](crate::BasicAuth) and [`BearerAuth`](crate::BearerAuth) are two.
///
/// It is asked for every path. One of your own may allow the paths that need no authentication. To protect a single route, let
/// your client ask instead: [`bearer`](crate::bearer), [`Basic::of`](crate::Basic::of).
///
/// It runs on the reactors' threads, so what is slow, such as a hash of a password made to be slow, belongs to a client
/// that defers its answer. A panic ends the connection.
///
/// ```
/// use jackfield::{Access, Authenticator, Request};
/// use std::net::SocketAddr;
///
/// /// Anybody may read; who writes must come from this machine.
/// struct LocalWriters;
///
/// impl Authenticator for LocalWriters {
///     fn check(&self, request: &Request<'_>, peer: Option<SocketAddr>) -> Access {
///         let is_local = peer.is_some_and(|peer| peer.ip().is_loopback());
///         if request.method() == "GET" || is_local { Access::Allow } else { Access::Deny }
///     }
/// }
/// ```
#[doc(alias = "AbstractAuthenticator")]
#[doc(alias = "OnAuthGetPassword")]
#[doc(alias = "do401")]
#[doc(alias = "getRealm")]
#[diagnostic::on_unimplemented(
    note = "implement `Authenticator` for `{Self}`; it is shared by all threads, so it must be `Send` and `Sync`"
)]
pub trait Authenticator: Send + Sync {
    /// Decides about a request, whose body may not have come yet. `peer` is the address that it comes from, if its connection
    /// is over IP: the one of the peer, IPv4 also if it is mapped into IPv6, or the one that a trusted proxy names for it, with port 0
    /// ([`Connection::client_ip`](crate::Connection::client_ip)).
    #[doc(alias = "authenticate")]
    #[doc(alias = "authenticateByIP")]
    #[doc(alias = "requiresAuthentication")]
    fn check(&self, request: &Request<'_>, peer: Option<SocketAddr>) -> Access;
}

/// What an [`Authenticator`] has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// The client gets the request.
    Allow,
    /// 401, with this value of `WWW-Authenticate` (RFC 9110 section 11.6.1).
    Challenge(String),
    /// 403.
    Deny,
}
