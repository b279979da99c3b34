//! The strict reader against the examples of the RFCs, and one refusal for each rule.

use super::{RULES, Rule, read, responses};
use crate::reading::{End, Seen};

/// The only request of an input that is read whole.
#[track_caller]
fn only(text: &str) -> Seen {
    let reading = read(text.as_bytes());
    assert_eq!(reading.requests.len(), 1, "{text:?}: {reading:?}");
    assert_eq!(reading.requests[0].end, Some(text.len()), "{text:?}");
    reading.requests[0].clone()
}

#[track_caller]
fn check_target(line: &str, method: &str, target: &str) {
    let seen = only(&format!("{line}\r\nHost: www.example.org\r\n\r\n"));
    assert_eq!((seen.method.as_str(), seen.target.as_str(), seen.minor), (method, target, 1));
}

#[test]
fn the_four_forms_of_targets() {
    // RFC 9112 sections 3.2.1 to 3.2.4.
    check_target("GET /where?q=now HTTP/1.1", "GET", "/where?q=now");
    let absolute = "http://www.example.org/pub/WWW/TheProject.html";
    check_target(&format!("GET {absolute} HTTP/1.1"), "GET", absolute);
    check_target("CONNECT www.example.com:80 HTTP/1.1", "CONNECT", "www.example.com:80");
    check_target("OPTIONS * HTTP/1.1", "OPTIONS", "*");
    // RFC 3986 section 1.1.2.
    for uri in [
        "ftp://ftp.is.co.za/rfc/rfc1808.txt",
        "ldap://[2001:db8::7]/c=GB?objectClass?one",
        "mailto:John.Doe@example.com",
        "news:comp.infosystems.www.servers.unix",
        "tel:+1-816-555-1212",
        "telnet://192.0.2.16:80/",
        "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
    ] {
        check_target(&format!("GET {uri} HTTP/1.1"), "GET", uri);
    }
}

#[test]
fn fields_lose_the_space_around_their_values() {
    // RFC 9110 section 5.5 and 9112 section 5.1.
    let seen = only(
        "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost:www.example.com\r\n\
         Accept-Language: \t en, mi \t\r\nX:\r\n\r\n",
    );
    let fields: Vec<(&str, &[u8])> =
        seen.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let wanted: [(&str, &[u8]); 4] = [
        ("User-Agent", b"curl/7.64.1"),
        ("Host", b"www.example.com"),
        ("Accept-Language", b"en, mi"),
        ("X", b""),
    ];
    assert_eq!(fields, wanted);
}

#[test]
fn bodies_are_as_long_as_the_fields_say() {
    let seen = only("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\r\n\r\nx");
    assert_eq!(seen.body, b"\r\n\r\nx");
    // RFC 9112 section 7.1, with extensions and trailers.
    let seen = only(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n\
         4 ; a\r\nWiki\r\n0A;b=c ; d = \"\\\";\"\r\n0123456789\r\n00;e\r\nT: u \r\nV:\r\n\r\n",
    );
    assert_eq!(seen.body, b"Wiki0123456789");
    assert_eq!(seen.trailers, [("T".to_owned(), b"u".to_vec()), ("V".to_owned(), Vec::new())]);
}

#[test]
fn connections_persist_as_the_headers_say() {
    // RFC 9112 section 9.3.
    for (line, fields, persists) in [
        ("HTTP/1.1", "Host: a\r\n", true),
        ("HTTP/1.1", "Host: a\r\nConnection: x, Close\r\n", false),
        ("HTTP/1.1", "Host: a\r\nConnection: keep-alive\r\nConnection: close\r\n", false),
        ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
        ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        assert_eq!(only(&format!("GET / {line}\r\n{fields}\r\n")).persists, persists, "{line} {fields:?}");
    }
}

#[test]
fn hosts_are_those_of_the_grammar() {
    let good = [
        "",
        "a",
        "a:",
        "a:80",
        "192.0.2.16:80",
        "[2001:db8::7]",
        "[::]",
        "[1::]:8",
        "[::ffff:1.2.3.4]",
        "[v1.a:b]",
        "a%41",
        "a,b;c",
        "[1:2:3:4:5:6:7.8.9.1]",
        "[1:2:3:4:5:6:7::]",
    ];
    let bad = [
        "a b",
        "a/b",
        "u@a",
        "a:b",
        "a:1:2",
        "a%4",
        "[::",
        "[]",
        "[1]",
        "[:::]",
        "[1::2::3]",
        "[12345::]",
        "[::1.2.3]",
        "[1.2.3.4::]",
        "[::1.2.3.256]",
        "[::01.2.3.4]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3:4:5:6:7::8]",
        "[v.a]",
        "[::1]a",
    ];
    for (hosts, is_valid) in [(&good[..], true), (&bad, false)] {
        for host in hosts {
            let reading = read(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
            assert_eq!(reading.requests.len() == 1, is_valid, "{host:?}");
        }
    }
}

#[test]
fn an_incomplete_message_is_waited_for() {
    for (text, end) in [
        ("", End::Idle),
        ("\r\n\r\n\r", End::Idle),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r", End::Head),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", End::Body),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r", End::Body),
    ] {
        assert_eq!(read(text.as_bytes()).end, end, "{text:?}");
    }
}

#[test]
fn each_rule_refuses() {
    let of_responses = [Rule::StatusLine, Rule::Unasked];
    for (rule, ..) in RULES.iter().copied().filter(|(rule, ..)| !of_responses.contains(rule)) {
        let text = refused(rule);
        assert_eq!(read(text.as_bytes()).end, End::Refused(rule), "{text:?}");
    }
}

/// An input that breaks just this rule.
fn refused(rule: Rule) -> String {
    let head = |line: &str, fields: &str| format!("{line}\r\n{fields}\r\n");
    let get = |fields: &str| head("GET / HTTP/1.1", &format!("Host: a\r\n{fields}"));
    let target = |target: &str| head(&format!("GET {target} HTTP/1.1"), "Host: a\r\n");
    let chunks = |body: &str| get("Transfer-Encoding: chunked\r\n") + body;
    match rule {
        Rule::BareLf => "GET / HTTP/1.1\n".into(),
        Rule::BareCr => "GET / HTTP/1.1\rX".into(),
        Rule::Method => head("G(T / HTTP/1.1", ""),
        Rule::RequestLine => head("GET  / HTTP/1.1", ""),
        Rule::Version => head("GET / http/1.1", ""),
        Rule::MajorVersion => head("GET / HTTP/2.0", ""),
        Rule::TargetBytes => target("/#"),
        Rule::TargetForm => target("*"),
        Rule::UserInfo => target("http://u@b/"),
        Rule::HostEmpty => target("http:///"),
        Rule::HostMissing => head("GET / HTTP/1.1", ""),
        Rule::HostTwice => get("Host: a\r\n"),
        Rule::HostInvalid => head("GET / HTTP/1.1", "Host: a b\r\n"),
        Rule::Fold => get(" X: y\r\n"),
        Rule::NoColon => get("X\r\n"),
        Rule::SpaceBeforeColon => get("X : y\r\n"),
        Rule::FieldName => get(": y\r\n"),
        Rule::NulInValue => get("X: \0\r\n"),
        Rule::ControlInValue => get("X: \x0b\r\n"),
        Rule::Length => get("Content-Length: 3, 4\r\n"),
        Rule::LengthTwice => get("Content-Length: 42, 42\r\n"),
        Rule::LengthAndCoding => get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        Rule::CodingInHttp10 => head("GET / HTTP/1.0", "Transfer-Encoding: chunked\r\n"),
        Rule::ChunkedNotLast => get("Transfer-Encoding: chunked, gzip\r\n"),
        Rule::ChunkedTwice => get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        Rule::OtherCoding => get("Transfer-Encoding: gzip, chunked\r\n"),
        Rule::CodingParameter => get("Transfer-Encoding: chunked;q=1\r\n"),
        Rule::ChunkSize => chunks("x3\r\n"),
        Rule::ChunkExtension => chunks("3;\r\n"),
        Rule::ChunkEnd => chunks("3\r\nabcd\r\n"),
        Rule::StatusLine | Rule::Unasked => String::new(),
    }
}

/// The statuses and bodies of the responses to requests with these methods, and what ends them.
#[track_caller]
fn check_responses(methods: &[&str], text: &str, wanted: &[(&str, &str)], end: End<Rule>) {
    let reading = responses::read(text.as_bytes(), methods);
    let seen: Vec<(&str, &str)> = reading
        .requests
        .iter()
        .map(|seen| (seen.target.as_str(), std::str::from_utf8(&seen.body).unwrap_or_default()))
        .collect();
    assert_eq!((seen.as_slice(), reading.end), (wanted, end), "{text:?}");
}

#[test]
fn responses_are_as_long_as_their_cause_allows() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    check_responses(&["GET"], chunked, &[("200", "x")], End::Idle);
    check_responses(&["GET"], "HTTP/1.1 200 OK\r\n\r\nabc", &[("200", "abc")], End::Closed);
    check_responses(&["HEAD"], "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &[("200", "")], End::Idle);
    check_responses(&["GET"], "HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n", &[("304", "")], End::Idle);
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    check_responses(&["GET"], interim, &[("103", ""), ("204", "")], End::Idle);
    check_responses(&["GET"], "HTTP/1.1 101 Switching Protocols\r\n\r\nxyz", &[("101", "")], End::Tunnel);
    check_responses(&["GET"], "HTTP/1.1 204 \r\n\r\nx", &[("204", "")], End::Refused(Rule::Unasked));
    check_responses(&["GET"], "HTTP/2 200\r\n\r\n", &[], End::Refused(Rule::StatusLine));
    check_responses(&["GET"], "HTTP/1.1 20 OK\r\n", &[], End::Refused(Rule::StatusLine));
}
