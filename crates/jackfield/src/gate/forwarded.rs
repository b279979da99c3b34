//! The client's address from trusted proxies: `X-Forwarded-For`, or `Forwarded` (RFC 7239).

use jackfield_proto::http1::Request;
use std::net::{IpAddr, SocketAddr};

/// The header of trusted proxies that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ForwardedBy {
    #[default]
    XForwardedFor,
    Forwarded,
}

/// The address of the client that sent a request. Each proxy appends the address from which it got the request, so the
/// list is read from its end, as long as the addresses are trusted proxies. Text that is no address ends the list, because
/// everything before it may be forged.
pub(crate) fn client_ip(
    hop: IpAddr,
    request: &Request<'_>,
    by: ForwardedBy,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let name = match by {
        ForwardedBy::XForwardedFor => "x-forwarded-for",
        ForwardedBy::Forwarded => "forwarded",
    };
    let mut ip = hop;
    if !is_trusted(ip) {
        return ip;
    }
    let lines: Vec<&[u8]> = request
        .headers()
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect();
    for element in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        let said = std::str::from_utf8(element).ok().and_then(|element| match by {
            ForwardedBy::XForwardedFor => node(element.trim()),
            ForwardedBy::Forwarded => node(forwarded_for(element)?),
        });
        let Some(said) = said else { return ip };
        ip = said;
        if !is_trusted(ip) {
            return ip;
        }
    }
    ip
}

/// The value of `for` in an element of `Forwarded`, without its quotes. A quoted text with a comma is never an address,
/// so it need not be split correctly.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// An address, with a port or without, in brackets or without.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().ok().or_else(|| text.parse().ok().map(|addr: SocketAddr| addr.ip()))?;
    Some(IpAddr::to_canonical(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_proto::Step;
    use jackfield_proto::http1::{Event, HeaderSlots, Limits, Machine};

    /// Checks a connection from 10.0.0.1, with all of 10.0.0.0/8 trusted.
    #[track_caller]
    fn check(by: ForwardedBy, fields: &[&str], expected: &str) {
        let mut bytes = b"GET / HTTP/1.1\r\nHost: h\r\n".to_vec();
        fields.iter().for_each(|field| bytes.extend_from_slice(format!("{field}\r\n").as_bytes()));
        bytes.extend_from_slice(b"\r\n");
        let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
        let step = machine.step(&bytes, &mut slots, &mut whole, &Limits::default());
        let Step::Event(_, Event::Request(request)) = step else { panic!("{step:?}") };
        let is_trusted = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10);
        let found = client_ip("10.0.0.1".parse().unwrap(), &request, by, is_trusted);
        assert_eq!(found.to_string(), expected, "{fields:?}");
        // The header of any other peer is ignored.
        let stranger = "192.0.2.9".parse().unwrap();
        assert_eq!(client_ip(stranger, &request, by, is_trusted), stranger);
    }

    #[test]
    fn the_list_is_read_from_its_end_while_its_hops_are_trusted() {
        let by = ForwardedBy::XForwardedFor;
        check(by, &[], "10.0.0.1");
        check(by, &["X-Forwarded-For: 203.0.113.7"], "203.0.113.7");
        check(by, &["x-forwarded-for:203.0.113.7, 10.0.0.2"], "203.0.113.7");
        check(by, &["X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.2 "], "203.0.113.7");
        check(by, &["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.7"], "203.0.113.7");
        check(by, &["X-Forwarded-For: 10.0.0.3,10.0.0.2"], "10.0.0.3");
        check(by, &["X-Forwarded-For: 203.0.113.7:4711"], "203.0.113.7");
        check(by, &["X-Forwarded-For: [2001:db8::1]:80"], "2001:db8::1");
        check(by, &["X-Forwarded-For: 2001:db8::1"], "2001:db8::1");
        check(by, &["X-Forwarded-For: ::ffff:203.0.113.7"], "203.0.113.7");
        check(by, &["X-Forwarded-For: 1.1.1.1, unknown"], "10.0.0.1");
        check(by, &["X-Forwarded-For: 1.1.1.1, garbage, 10.0.0.2"], "10.0.0.2");
        check(by, &["X-Forwarded-For: 1.1.1.1,, 10.0.0.2"], "10.0.0.2");
        // The other header may be forged.
        check(by, &["Forwarded: for=1.1.1.1"], "10.0.0.1");
    }

    #[test]
    fn forwarded_says_it_in_pairs() {
        let by = ForwardedBy::Forwarded;
        check(by, &["Forwarded: for=203.0.113.7"], "203.0.113.7");
        check(by, &["Forwarded: proto=https; For=\"203.0.113.7:99\";by=10.0.0.1"], "203.0.113.7");
        check(by, &["Forwarded: for=1.1.1.1, for=\"[2001:db8::1]:80\", for=10.0.0.2"], "2001:db8::1");
        check(by, &["Forwarded: for=1.1.1.1, for=_hidden"], "10.0.0.1");
        check(by, &["Forwarded: for=1.1.1.1, by=10.0.0.2"], "10.0.0.1");
        check(by, &["Forwarded: for=\"1.1.1.1, for=2.2.2.2\""], "10.0.0.1");
        check(by, &["X-Forwarded-For: 1.1.1.1"], "10.0.0.1");
    }
}
