//! Who is at the other end of a connection.

#[cfg(feature = "tls")]
use crate::shared::tls_info::TlsInfo;
use jackfield_reactor::{self as reactor, Addr};
use std::net::IpAddr;
use std::sync::Arc;

/// Facts about the peer of a connection: the factory gets them before there is a client, and
/// [`Connection::peer`](crate::Connection::peer) returns them later.
///
/// ```
/// use jackfield::Peer;
///
/// fn describe(peer: &Peer) -> String {
///     match peer.tag() {
///         Some(tag) => format!("we have connected to {}, for {tag}", peer.addr()),
///         None => format!("{} came to listener {}", peer.addr(), peer.listener()),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Peer {
    pub(crate) wire: reactor::Peer,
    /// The number of its listener.
    pub(crate) listener: usize,
    pub(crate) listener_name: Option<Arc<str>>,
    pub(crate) reactor: usize,
    pub(crate) is_tls: bool,
    pub(crate) tag: Option<u64>,
    /// Set when its TLS handshake is done.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<TlsInfo>>,
}

impl Peer {
    /// The address of the peer: where the connection comes from, or where it goes to if it is outgoing. Behind a PROXY
    /// header it is the address in the header: see [`Peer::proxy`].
    #[doc(alias = "RemoteHost")]
    #[must_use]
    #[doc(alias = "RemotePort")]
    pub fn addr(&self) -> &Addr {
        self.wire.source()
    }

    /// The IP address of [`Peer::addr`], without its port. `None`: it is a unix socket.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.addr().ip()
    }

    /// The address of the proxy that sent a PROXY header with [`Peer::addr`], if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<&Addr> {
        self.wire.proxied.as_ref().map(|_| &self.wire.addr)
    }

    /// The index of the listener that accepted it, in the order of `listen`; `usize::MAX` for an outgoing connection.
    #[doc(alias = "MultiListenIndex")]
    #[must_use]
    #[doc(alias = "addHandlerToListener")]
    pub fn listener(&self) -> usize {
        self.listener
    }

    /// The name of the listener that accepted it, if that has one: [`Listener::name`](crate::Listener::name).
    #[must_use]
    pub fn listener_name(&self) -> Option<&str> {
        self.listener_name.as_deref()
    }

    /// The number of the reactor that has it.
    #[must_use]
    pub fn reactor(&self) -> usize {
        self.reactor
    }

    /// True if it uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The facts of the TLS handshake. `None`: it does not use TLS, or its handshake is not done.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_deref()
    }

    /// True if it is outgoing: see [`Outgoing`](crate::Outgoing).
    #[must_use]
    pub fn is_outgoing(&self) -> bool {
        self.tag.is_some()
    }

    /// The tag of an outgoing connection: see [`Outgoing::tag`](crate::Outgoing::tag).
    #[must_use]
    pub fn tag(&self) -> Option<u64> {
        self.tag
    }
}
