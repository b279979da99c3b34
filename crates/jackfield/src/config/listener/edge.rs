//! Who may connect to a listener, and which proxies it trusts.

use super::Listener;
use crate::config::address_rules::Filter;
use crate::config::refuse::Refuse;
use std::net::SocketAddr;
use std::sync::Arc;

impl Listener {
    /// Accepts connections from these networks only, such as `192.0.2.0/24`, `2001:db8::/32` or one address. All others are
    /// reset before any work is done for them, TLS included, and reported with
    /// [`RefuseReason::Denied`](crate::RefuseReason::Denied). Behind [`Listener::proxy_required`] the address that the proxy
    /// names counts; if it names none, the connection is the proxy's own, and is accepted. May be repeated. Default: all
    /// networks.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let office = Listener::tcp("127.0.0.1:0").allowed_networks(["192.0.2.0/24", "2001:db8:7::/48"]);
    /// let server = Server::builder().listen(office).bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[doc(alias = "allowlist")]
    #[must_use]
    #[doc(alias = "AllowedClients")]
    pub fn allowed_networks<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        let allowed = self.allowed.get_or_insert_default();
        allowed.extend(networks.into_iter().map(|network| network.to_string()));
        self
    }

    /// Accepts no connections from these networks, even if they are allowed: they are treated like networks that
    /// [`Listener::allowed_networks`] does not list. May be repeated. Default: none.
    #[doc(alias = "blocklist")]
    #[must_use]
    #[doc(alias = "BlockedClients")]
    pub fn denied_networks<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        self.denied.extend(networks.into_iter().map(|network| network.to_string()));
        self
    }

    /// Asks this closure for each new connection over IP, with the peer's address, before any work is done for it: before TLS,
    /// before the factory, and before the connection counts. An IPv4 address that is mapped into IPv6 comes as IPv4. `Some`: the
    /// connection is refused in this way, and reported with
    /// [`RefuseReason::Denied`](crate::RefuseReason::Denied). With TLS the peer understands no answer yet, so
    /// [`Refuse::Busy`] and [`Refuse::Banner`] close the connection without one; the factory, which comes after the handshake,
    /// can answer. Behind [`Listener::proxy_required`] it gets the address that the proxy names; there the connection counts earlier, and
    /// with TLS each refusal is a reset. It runs on a reactor's thread, so it must not block. If it panics, the connection is reset, and
    /// [`Observer::on_panic`](crate::Observer::on_panic) has the panic. Peers of unix sockets have no address, and it is
    /// not asked. A second call replaces the first. Default: none.
    ///
    /// ```
    /// use jackfield::{Listener, Refuse, Server};
    /// use std::collections::HashSet;
    /// use std::net::IpAddr;
    /// use std::sync::{Arc, RwLock};
    ///
    /// let banned: Arc<RwLock<HashSet<IpAddr>>> = Arc::default();
    /// let asked = banned.clone();
    /// let listener = Listener::tcp("127.0.0.1:0")
    ///     .refuse_if(move |peer| asked.read().unwrap().contains(&peer.ip()).then_some(Refuse::Reset));
    /// let server = Server::builder().listen(listener).bind()?;
    /// banned.write().unwrap().insert([192, 0, 2, 1].into());
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[doc(alias = "ConnectionRequest")]
    #[doc(alias = "preOpen")]
    #[must_use]
    pub fn refuse_if(
        mut self,
        refuses: impl Fn(SocketAddr) -> Option<Refuse> + Send + Sync + 'static,
    ) -> Self {
        self.filter = Some(Filter(Arc::new(refuses)));
        self
    }

    /// Trusts proxies in these networks, such as `10.0.0.0/8` or `::1`: the address that they name for a request is believed,
    /// and [`Connection::client_ip`](crate::Connection::client_ip) returns it. They must set `X-Forwarded-For`, or add to it,
    /// on every request. No limit by address applies to them, because they connect for others. Behind
    /// [`Listener::proxy_required`] the address in the PROXY header is compared. Peers of a unix socket have no address without such a
    /// header, so there it is a mistake that `bind` reports. May be repeated. Default: none.
    #[must_use]
    pub fn trusted_proxies<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        self.proxies.extend(networks.into_iter().map(|network| network.to_string()));
        self
    }

    /// The trusted proxies set `Forwarded` (RFC 7239) instead of `X-Forwarded-For`. Only one of the two is read: the other
    /// may come from the client itself, and the proxy may have passed it on. Without [`Listener::trusted_proxies`] it is a mistake that
    /// `bind` reports.
    #[must_use]
    pub fn reads_forwarded(mut self) -> Self {
        self.reads_forwarded = true;
        self
    }

    /// Accepts connections from proxies in these networks only. Each connection must begin with a header of the PROXY
    /// protocol, version 1 or 2: [`Peer::addr`](crate::Peer::addr) is then the address in the header, and
    /// [`Peer::proxy`](crate::Peer::proxy) the proxy. A connection from another network is closed at once and reported with
    /// [`RefuseReason::Untrusted`](crate::RefuseReason::Untrusted). A connection that does not begin with a header, or
    /// whose header does not come within `limits.reactor.handshake`, is reset and reported with
    /// [`RefuseReason::Proxy`](crate::RefuseReason::Proxy). These proxies are not [`Listener::trusted_proxies`]: an
    /// `X-Forwarded-For` behind the header comes from the client. May be repeated. Default: no header is expected, and a PROXY
    /// header is a bad request.
    ///
    /// ```
    /// use jackfield::{Listener, Server};
    ///
    /// let behind = Listener::tcp("127.0.0.1:0").proxy_required(["10.1.0.0/16"]);
    /// let server = Server::builder().listen(behind).bind()?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[doc(alias = "haproxy")]
    #[must_use]
    pub fn proxy_required<N: ToString>(mut self, networks: impl IntoIterator<Item = N>) -> Self {
        let required = self.required_proxies.get_or_insert_default();
        required.extend(networks.into_iter().map(|network| network.to_string()));
        self
    }
}
