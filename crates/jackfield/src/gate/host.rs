//! The hosts for which a server answers.

use jackfield_proto::http1::Authority;

/// The hosts for which a server answers. An empty list stands for any host.
///
/// An attacker's page can make its own host name point at a server that only this browser reaches (DNS rebinding). But
/// the browser's request then names that host, and the page can't change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<Host>);

/// A host. Without a port it stands for every port. Browsers leave 80 and 443 out, and a server behind a proxy can't know
/// which of them was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: Box<str>,
    port: Option<u16>,
}

impl Hosts {
    /// The hosts of a list, or the mistakes in it.
    pub(crate) fn parse_all<H: AsRef<str>>(texts: impl IntoIterator<Item = H>) -> Result<Self, Vec<String>> {
        let (mut hosts, mut faults) = (Vec::new(), Vec::new());
        for text in texts {
            let text = text.as_ref();
            match Authority::parse(text).filter(|_| text.is_ascii() && !text.contains('*')) {
                Some(host) => hosts.push(Host { name: host.host().into(), port: host.port() }),
                None => faults
                    .push(format!("`{text}` is not a host; one looks like `a.example` or `localhost:8080`")),
            }
        }
        if faults.is_empty() { Ok(Self(hosts)) } else { Err(faults) }
    }

    pub(crate) fn allows_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the server answers a request for this host.
    pub(crate) fn allows(&self, asked: Option<&str>) -> bool {
        let is_port = |port: Option<u16>, asked: Option<u16>| match (port, asked) {
            (None, _) | (Some(80 | 443), None) => true,
            (port, asked) => port == asked,
        };
        let is_asked = |host: &Host, asked: &Authority<'_>| {
            host.name.eq_ignore_ascii_case(asked.host()) && is_port(host.port, asked.port())
        };
        self.allows_any()
            || asked
                .and_then(Authority::parse)
                .is_some_and(|asked| self.0.iter().any(|host| is_asked(host, &asked)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_are_answered_for() {
        let hosts = Hosts::parse_all(["a.example", "localhost:8080", "[::1]"]).expect("they are hosts");
        for (asked, allowed) in [
            (Some("a.example"), true),
            (Some("A.EXAMPLE:81"), true),
            (Some("localhost:8080"), true),
            (Some("localhost"), false),
            (Some("[::1]:9"), true),
            (Some("evil.example"), false),
            (Some("x.a.example"), false),
            (Some("a.example.evil"), false),
            (Some("a.example@evil"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(hosts.allows(asked), allowed, "{asked:?}");
        }
        assert!(Hosts::default().allows(None) && Hosts::default().allows(Some("any")));
    }

    /// The fault: a host that was listed with the usual port was never answered for, because browsers leave that out.
    #[test]
    fn a_usual_port_may_be_left_out() {
        let hosts =
            Hosts::parse_all(["a.example:443", "b.example:80", "c.example:8080"]).expect("they are hosts");
        for (asked, allowed) in [
            ("a.example", true),
            ("a.example:443", true),
            ("a.example:80", false),
            ("b.example", true),
            ("b.example:443", false),
            ("c.example", false),
            ("x.a.example", false),
        ] {
            assert_eq!(hosts.allows(Some(asked)), allowed, "{asked}");
        }
    }

    #[test]
    fn an_invalid_host_is_named() {
        let faults = Hosts::parse_all(["a", "*.a", "http://a", "a/", ""]).expect_err("only one is a host");
        assert_eq!(faults.len(), 4, "{faults:?}");
    }
}
