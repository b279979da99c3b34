//! The address rules of a listener: which addresses may connect, and how often.

use crate::config::network::Networks;
use crate::config::refuse::Refuse;
use jackfield_reactor::{self as reactor, Addr};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Which addresses may connect to a listener, and how often. Only for connections over IP.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressRules {
    /// The networks that may connect. `None`: all.
    pub(crate) allowed: Option<Networks>,
    /// The networks that may not, even if they are in `allowed`.
    pub(crate) denied: Networks,
    /// The user's own rule.
    pub(crate) filter: Option<Filter>,
    /// Trusted proxies. No limit applies to them, because they connect for others.
    pub(crate) proxies: Networks,
    /// The address comes from a PROXY header.
    pub(crate) is_behind_proxy: bool,
    /// The most connections of one address; disabled by zero.
    pub(crate) connections_max: usize,
    /// The most new connections of one address in a second; disabled by zero.
    pub(crate) accepts_max: u32,
}

/// Decides how a connection from this address is refused, if it is.
#[derive(Clone)]
pub(crate) struct Filter(pub(crate) Arc<dyn Fn(SocketAddr) -> Option<Refuse> + Send + Sync>);

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

impl AddressRules {
    /// True if they allow everything.
    pub(crate) fn is_empty(&self) -> bool {
        let lists = self.allowed.is_some() || self.denied != Networks::default();
        !lists && self.filter.is_none() && self.connections_max == 0 && self.accepts_max == 0
    }

    /// The address to which they apply, if there is one: behind a proxy the address that it has named.
    pub(crate) fn ip(&self, peer: &reactor::Peer) -> Option<IpAddr> {
        self.addr(peer)?.ip()
    }

    fn addr<'p>(&self, peer: &'p reactor::Peer) -> Option<&'p Addr> {
        match &peer.proxied {
            Some(proxied) => Some(&proxied.source),
            None if self.is_behind_proxy => None,
            None => Some(&peer.addr),
        }
    }

    /// The user's rule, and the address for which it is asked.
    pub(crate) fn question(&self, peer: &reactor::Peer) -> Option<(&Filter, SocketAddr)> {
        Some((self.filter.as_ref()?, canonical(self.addr(peer)?.as_ip()?)))
    }

    pub(crate) fn allows(&self, ip: IpAddr) -> bool {
        let is_allowed = self.allowed.as_ref().is_none_or(|allowed| allowed.contains(ip));
        is_allowed && !self.denied.contains(ip)
    }

    pub(crate) fn limits_apply_to(&self, ip: IpAddr) -> bool {
        !self.proxies.contains(ip)
    }
}

/// The address that the user's rules get: a mapped address (RFC 4291, section 2.5.5.2) as its IPv4 address, because that is what they
/// name.
pub(crate) fn canonical(mut addr: SocketAddr) -> SocketAddr {
    addr.set_ip(addr.ip().to_canonical());
    addr
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Networks {
        Networks::parse_all([text]).expect("a network")
    }

    #[test]
    fn denied_networks_win_over_allowed_ones() {
        let rows = [
            (None, "198.51.100.1", "192.0.2.1", true),
            (None, "192.0.2.0/24", "192.0.2.1", false),
            (None, "192.0.2.0/24", "::ffff:192.0.2.1", false),
            (Some("192.0.2.0/24"), "198.51.100.1", "192.0.2.1", true),
            (Some("192.0.2.0/24"), "198.51.100.1", "192.0.3.1", false),
            (Some("192.0.2.0/24"), "192.0.2.1", "192.0.2.1", false),
            (Some("192.0.2.0/24"), "192.0.2.1", "192.0.2.2", true),
        ];
        for (allowed, denied, ip, admits) in rows {
            let rules = AddressRules {
                allowed: allowed.map(network),
                denied: network(denied),
                ..AddressRules::default()
            };
            assert_eq!(rules.allows(ip.parse().expect("an address")), admits, "{ip}: {rules:?}");
        }
    }
}
