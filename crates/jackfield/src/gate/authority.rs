//! A host with its port, as `Host`, targets and origins have them.

use std::net::Ipv6Addr;

/// A host with an optional port (RFC 3986 section 3.2), without user information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authority<'t> {
    pub(super) host: &'t str,
    pub(super) port: Option<u16>,
}

impl<'t> Authority<'t> {
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let end = match text.strip_prefix('[') {
            Some(_) => text.find(']')? + 1,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at(end);
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            // An empty port is the scheme's own.
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        is_host(host).then_some(Self { host, port })
    }

    /// Whether both name the same host. Upper and lower case are the same, and so are two ways to write an IPv6
    /// address.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host)
            || matches!((ipv6(self.host), ipv6(host)), (Some(one), Some(other)) if one == other)
    }
}

/// A name in ASCII, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    if host.starts_with('[') {
        return ipv6(host).is_some();
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    !host.is_empty() && host.bytes().all(is_name)
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_perhaps_a_port() {
        let rows = [
            ("h", Some(("h", None))),
            ("h:", Some(("h", None))),
            ("a.example:8080", Some(("a.example", Some(8080)))),
            ("[::1]", Some(("[::1]", None))),
            ("[::1]:80", Some(("[::1]", Some(80)))),
            ("", None),
            (":80", None),
            ("h:65536", None),
            ("h:+1", None),
            ("h:1:2", None),
            ("::1", None),
            ("[::1", None),
            ("[x]", None),
            ("[::1]80", None),
            ("user@h", None),
            ("a b", None),
            ("*.example", None),
            ("b\u{fc}cher.example", None),
        ];
        for (text, expected) in rows {
            let parsed = Authority::parse(text).map(|authority| (authority.host, authority.port));
            assert_eq!(parsed, expected, "{text}");
        }
    }

    #[test]
    fn a_host_may_be_written_in_several_ways() {
        let rows = [
            ("A.Example", "a.example", true),
            ("[::1]", "[0:0:0:0:0:0:0:1]", true),
            ("[::1]", "[::2]", false),
            ("a", "b", false),
        ];
        for (one, other, same) in rows {
            let one = Authority::parse(one).unwrap_or_else(|| panic!("{one} is a host"));
            assert_eq!(one.has_host(other), same, "{one:?} {other}");
        }
    }
}
