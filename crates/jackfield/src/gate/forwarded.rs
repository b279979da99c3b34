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
    let lines = request.headers().rev().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    for element in lines.flat_map(|(_, line)| rsplit(line, b',')) {
        let said = match by {
            ForwardedBy::XForwardedFor => node(element),
            ForwardedBy::Forwarded => forwarded_for(element).and_then(node),
        };
        let Some(said) = said else { return ip };
        ip = said;
        if !is_trusted(ip) {
            return ip;
        }
    }
    ip
}

/// The value of `for` in an element of `Forwarded`, without its quotes. It may occur once (RFC 7239 section 4).
fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    let mut values = rsplit(element, b';').filter_map(|pair| {
        let (name, value) = pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
        name.trim_ascii().eq_ignore_ascii_case(b"for").then(|| value[1..].trim_ascii())
    });
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// The parts of a list between separators, from the last one. A separator within quotes (RFC 9110 section 5.6.4) is none: a
/// proxy may quote what the client has sent. Read from the end, because what stands before the element of a trusted proxy
/// may have a quote that is never closed.
fn rsplit(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let mut is_quoted = false;
        let cut = (0..list.len()).rev().find(|at| {
            is_quoted ^= is_quote(list, *at);
            list[*at] == separator && !is_quoted
        });
        rest = cut.map(|at| &list[..at]);
        Some(&list[cut.map_or(0, |at| at + 1)..])
    })
}

/// Whether a quote begins or ends here: one behind a backslash is escaped, unless that is escaped itself.
fn is_quote(list: &[u8], at: usize) -> bool {
    // Only counted in front of a quote, so that a list of backslashes costs no more than any other.
    let escapes = || list[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
    list[at] == b'"' && escapes() % 2 == 0
}

/// An address, with a port or without, in brackets or without.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
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

    /// The fault: what stood in quotes was read as elements. A client could forge its address with its `Host`, if the
    /// proxy adds that.
    #[test]
    fn what_is_in_quotes_is_no_address() {
        let by = ForwardedBy::Forwarded;
        check(by, &["Forwarded: for=203.0.113.7;host=\"x,for=1.1.1.1;b=\""], "203.0.113.7");
        check(by, &["Forwarded: host=\"x,for=1.1.1.1;b=\";for=203.0.113.7"], "203.0.113.7");
        check(by, &["Forwarded: host=\"a;for=1.1.1.1;b=\";for=203.0.113.7"], "203.0.113.7");
        check(by, &[r#"Forwarded: for=203.0.113.7;host="a\",for=1.1.1.1;b=\"""#], "203.0.113.7");
        check(by, &[r#"Forwarded: for=203.0.113.7;host="a\\", for="10.0.0.2""#], "203.0.113.7");
        check(by, &["Forwarded: for=1.1.1.1;for=203.0.113.7"], "10.0.0.1");
        // The client's own text is not closed.
        check(by, &["Forwarded: for=\", for=203.0.113.7;host=\"h\""], "203.0.113.7");
        check(by, &["Forwarded: for=1.1.1.1;a=\", for=203.0.113.7"], "203.0.113.7");
        check(by, &["Forwarded: for=1.1.1.1;a=\", for=10.0.0.2;host=\"h\""], "10.0.0.2");
    }
}
