//! Networks: addresses with the same prefix.

use std::net::{IpAddr, Ipv6Addr};

/// Addresses with the same prefix, such as `192.0.2.0/24` or `2001:db8::/32`. An IPv4-mapped address (RFC 4291, section
/// 2.5.5.2) counts as its IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// IPv4 addresses in mapped form.
    addr: u128,
    /// The length of the prefix, in bits of the mapped form.
    bits: u32,
}

/// Several networks: for each prefix length all addresses in order, so that searching a long list is fast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<(u32, Vec<u128>)>);

/// The length of the prefix of mapped addresses.
const MAPPED_BITS: u32 = 96;

impl Network {
    /// Reads a network or one address. `None`: it is neither, or has bits set after the prefix.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (addr, bits) = match text.split_once('/') {
            Some((addr, bits)) => (addr, Some(bits)),
            None => (text, None),
        };
        let ip: IpAddr = addr.parse().ok()?;
        let (before, most) = if ip.is_ipv4() { (MAPPED_BITS, 32) } else { (0, 128) };
        let counts = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
        };
        if counts > most {
            return None;
        }
        let network = Self { addr: mapped(ip), bits: before + counts };
        (network.addr & !mask(network.bits) == 0).then_some(network)
    }
}

impl Networks {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The networks of a list, or the mistakes in it.
    pub(crate) fn parse_all<N: AsRef<str>>(texts: impl IntoIterator<Item = N>) -> Result<Self, Vec<String>> {
        let (mut networks, mut faults) = (Self::default(), Vec::new());
        for text in texts {
            let text = text.as_ref();
            match Network::parse(text) {
                Some(network) => networks.insert(network),
                None => {
                    faults
                        .push(format!("`{text}` is not a network such as `192.0.2.0/24` or `2001:db8::/32`"));
                }
            }
        }
        if faults.is_empty() { Ok(networks) } else { Err(faults) }
    }

    fn insert(&mut self, network: Network) {
        let alike = self.0.iter().position(|(bits, _)| *bits == network.bits);
        let place = alike.unwrap_or_else(|| {
            self.0.push((network.bits, Vec::new()));
            self.0.len() - 1
        });
        let addrs = &mut self.0[place].1;
        if let Err(place) = addrs.binary_search(&network.addr) {
            addrs.insert(place, network.addr);
        }
    }

    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        let ip = mapped(ip);
        self.0.iter().any(|(bits, addrs)| addrs.binary_search(&(ip & mask(*bits))).is_ok())
    }
}

/// The mask of a prefix.
fn mask(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

fn mapped(ip: IpAddr) -> u128 {
    let ip: Ipv6Addr = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    ip.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        let rows = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.7", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1/128", "2001:db8::1", true),
            ("::ffff:192.0.2.0/120", "192.0.2.4", true),
        ];
        for (network, ip, contains) in rows {
            let networks = Networks::parse_all([network]).expect("a network");
            assert_eq!(networks.contains(ip.parse().expect("an address")), contains, "{ip} in {network}");
        }
    }

    #[test]
    fn of_many_networks_each_is_found() {
        let texts = (0..=255).flat_map(|n| [format!("10.{n}.7.0/24"), format!("2001:db8:{n:x}::/48")]);
        let networks = Networks::parse_all(texts.chain(["198.51.100.4".into()])).expect("networks");
        for n in 0..=255_u8 {
            assert!(networks.contains([10, n, 7, 255].into()) && !networks.contains([10, n, 8, 0].into()));
            assert!(networks.contains([0x2001, 0xdb8, n.into(), 0, 0, 0, 0, 9].into()));
            assert!(!networks.contains([0x2001, 0xdb9, n.into(), 0, 0, 0, 0, 9].into()));
        }
        assert!(networks.contains([198, 51, 100, 4].into()) && !networks.contains([198, 51, 100, 5].into()));
    }

    #[test]
    fn an_invalid_network_is_named() {
        let wrong = [
            "",
            "192.0.2.0/33",
            "192.0.2.1/24",
            "::/129",
            "a.example",
            "192.0.2.0/",
            "192.0.2.0/+8",
            // This one was a panic.
            "192.0.2.0/4294967295",
            "::/4294967295",
            "1.2.3/8",
        ];
        let faults = Networks::parse_all(wrong).expect_err("none is one");
        assert_eq!(faults.len(), wrong.len(), "{faults:?}");
        assert!(Networks::parse_all(["192.0.2.0/24", "::1"]).is_ok());
    }
}
