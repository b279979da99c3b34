//! Which addresses may connect to a listener, and how often.

use crate::config::network::Networks;
use jackfield_reactor as reactor;
use std::net::IpAddr;

/// Which addresses may connect to a listener, and how often. They concern connections over IP.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressRules {
    /// Those that may; `None`: all.
    pub(crate) allowed: Option<Networks>,
    /// Those that may not, although they are allowed.
    pub(crate) denied: Networks,
    /// Trusted proxies, which no limit concerns: they connect for others.
    pub(crate) proxies: Networks,
    /// A proxy names the address.
    pub(crate) is_behind_proxy: bool,
    /// Connections of one address; zero: any number.
    pub(crate) connections_max: usize,
    /// New connections of one address in a second; zero: any number.
    pub(crate) accepts_max: u32,
}

impl AddressRules {
    /// True if they let everybody in.
    pub(crate) fn is_empty(&self) -> bool {
        let lists = self.allowed.is_some() || self.denied != Networks::default();
        !lists && self.connections_max == 0 && self.accepts_max == 0
    }

    /// The address that they concern, if there is one: behind a proxy the one that this has named.
    pub(crate) fn ip(&self, peer: &reactor::Peer) -> Option<IpAddr> {
        match &peer.proxied {
            Some(proxied) => proxied.source.ip(),
            None if self.is_behind_proxy => None,
            None => peer.addr.ip(),
        }
    }

    pub(crate) fn admit(&self, ip: IpAddr) -> bool {
        let is_allowed = self.allowed.as_ref().is_none_or(|allowed| allowed.contain(ip));
        is_allowed && !self.denied.contain(ip)
    }

    pub(crate) fn limit(&self, ip: IpAddr) -> bool {
        !self.proxies.contain(ip)
    }
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
            assert_eq!(rules.admit(ip.parse().expect("an address")), admits, "{ip}: {rules:?}");
        }
    }
}
