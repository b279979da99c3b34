//! Which requests are served and which are refused.

use jackfield_proto::Step;
use jackfield_proto::http1::{
    Error, Event, HEAD_BYTES_MAX, HeaderSlots, Limits, Machine, Version, requested_path,
};

use crate::server::{Bodies, check_with, see};

/// Bytes, and what a server sees of them: requests, a final status, or what it waits for.
pub(crate) const CASES: &[(&str, &str)] = &[
    // Plain requests.
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nhOsT:a\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", "GET /"),
    ("HEAD /x?y=1 HTTP/1.1\r\nHost: a:80\r\n\r\n", "HEAD /x?y=1"),
    ("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", "BREW /pot"),
    ("get / HTTP/1.1\r\nHost: a\r\n\r\n", "get /"),
    ("M!#$%&'*+-.^_`|~1 / HTTP/1.1\r\nHost: a\r\n\r\n", "M!#$%&'*+-.^_`|~1 /"),
    ("DELETE / HTTP/1.1\r\nHost: a\r\nA: b\r\nC:\r\nD: \t\r\n\r\n", "DELETE /"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: tab\there \u{e9}\r\n\r\n", "GET /"),
    ("GET //a//b?? HTTP/1.1\r\nHost: a\r\n\r\n", "GET //a//b??"),
    ("GET /a^b|c\"<>{}\\ HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a^b|c\"<>{}\\"),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "PUT /"),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "GET / \"abc\""),
    // Versions.
    ("GET / HTTP/1.0\r\n\r\n", "GET / close"),
    ("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "GET /"),
    ("GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", "GET / close"),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505"),
    ("GET / HTTP/0.9\r\n\r\n", "505"),
    ("GET / HTTP/11\r\n\r\n", "400"),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", "400"),
    ("GET / HTTP/1.x\r\n\r\n", "400"),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET / HTTPS/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "400"),
    ("GET /\r\n", "400"),
    ("GET / \r\n", "400"),
    // Line ends, and what stands before a request.
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /"),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", "400"),
    ("GET / HTTP/1.1\nHost: a\n\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nB: c\n\n", "400"),
    ("GET / HTTP/1.1\r\rHost: a\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\n\rX", "400"),
    ("GET / HTTP/1.0\n\r\n", "400"),
    // Early refusal of what is no HTTP.
    ("\x16\x03\x01\x02", "400"),
    ("\0", "400"),
    ("\u{e9}", "400"),
    ("{\"a\":1}", "400"),
    ("GET\t", "400"),
    ("GET  /", "400"),
    ("GET(", "400"),
    // Unfinished ones.
    ("", ""),
    ("\r\n", ""),
    ("G", "+head"),
    ("GET / HTTP/1.1\r\nHost: a\r\n", "+head"),
    ("GET / HTTP/1.1\r\nHost: a\r\n\r", "+head"),
    // Methods.
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: a\r\n\r\n", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF /"),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n", "501"),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "501"),
    ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "501"),
    ("G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    // Targets.
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS *"),
    ("OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS /x"),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET http://b:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b:8080/x?y"),
    ("GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET HTTPS://b"),
    ("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b?q"),
    ("GET http://[::1]:80/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://[::1]:80/"),
    ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    ("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
    // Host.
    ("GET / HTTP/1.1\r\n\r\n", "400"),
    ("GET http://b/ HTTP/1.1\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
    ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: [zz]\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a%20b:1\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: \u{e9}\r\n\r\n", "400"),
    // Fields.
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX(y: z\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: z\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\x0bb\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789012345678901234567890123456789\x7f\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789012345678901234567890123456789\x01\r\n\r\n", "400"),
    // Content-Length.
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "POST / \"abc\""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0003\r\n\r\nabc", "POST / \"abc\""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", "+body"),
    ("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "POST / \"abc\" close"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3.0\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\ncontent-length: 4\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", "too large 413"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\n", "too large 413; +body"),
    // Transfer-Encoding.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST / \"abc\"",
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ChUnKeD\r\n\r\n0\r\n\r\n", "POST /"),
    ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET /"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\nabc", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n",
        "400",
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", "400"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", "501"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", "501"),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
    // Expectations.
    ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", "417"),
    ("GET / HTTP/1.0\r\nExpect: more\r\n\r\n", "GET / close"),
    // The connection's fate.
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / close"),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE ,y\r\n\r\nGET /", "GET / close"),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "GET /"),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", "GET / close"),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", "GET /"),
    // Upgrades.
    (
        "GET /c HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
        "upgrade GET /c",
    ),
    (
        "GET /c HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, websocket\r\nConnection: upgrade\r\n\r\n",
        "upgrade GET /c",
    ),
    ("GET /c HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "GET /c"),
    ("GET /c HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", "GET /c"),
    ("GET /c HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "GET /c"),
    ("POST /c HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "POST /c"),
    ("GET /c HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "GET /c close"),
    (
        "GET /c HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\nx",
        "GET /c \"x\"",
    ),
    // Several.
    ("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /1; GET /2"),
    ("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET", "GET /1; GET /2; +head"),
    (
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /1 \"abc\"; GET /2",
    ),
    ("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nbody?\r\n\r\n", "GET /1; 400"),
    (
        "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /1 close",
    ),
];

#[test]
fn requests_are_served_or_refused_however_they_are_split() {
    assert!(CASES.len() >= 110);
    for (bytes, expected) in CASES {
        check_with(bytes.as_bytes(), expected, Bodies::Collect(32), &Limits::default());
    }
}

#[test]
fn limits_hold_however_the_bytes_are_split() {
    let limits = Limits { head_bytes_max: 60, headers_max: 2, target_bytes_max: 10, ..Limits::default() };
    let check = |bytes: &str, expected: &str| {
        check_with(bytes.as_bytes(), expected, Bodies::Stream, &limits);
    };
    check("GET /234567890 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /234567890");
    check("GET /2345678901 HTTP/1.1\r\nHost: a\r\n\r\n", "414");
    check("GET /2345678901", "414");
    check("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n", "GET /");
    check("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\n\r\n", "431");
    check("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\nContent-Length: x\r\n\r\n", "431");
    check("GET / HTTP/1.1\r\nHost: a\r\nB: 3456789012345678901234567890\r\n\r\n", "GET /");
    check("GET / HTTP/1.1\r\nHost: a\r\nB: 34567890123456789012345678901\r\n\r\n", "431");
    check("GET / HTTP/1.1\r\nHost: a\r\nB: 3456789012345678901234567890123456789012345", "431");
}

#[test]
fn no_limit_lets_a_head_beyond_its_places() {
    let limits = Limits { head_bytes_max: usize::MAX, headers_max: usize::MAX, ..Limits::default() };
    let head = |bytes: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: a\r\nB: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n", "c".repeat(bytes - frame))
    };
    for (bytes, expected) in [(HEAD_BYTES_MAX, "GET /"), (HEAD_BYTES_MAX + 1, "431"), (80_000, "431")] {
        let text = head(bytes);
        let (first, second) = text.as_bytes().split_at(bytes / 2);
        for parts in [&[text.as_bytes()][..], &[first, second]] {
            assert_eq!(see(parts, Bodies::Stream, &limits), expected, "{bytes}");
        }
    }
}

#[test]
fn more_fields_than_slots_are_refused() {
    for (count, expected) in [(99, "GET /"), (100, "431"), (150, "431")] {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(count));
        check_with(text.as_bytes(), expected, Bodies::Stream, &Limits::default());
    }
    // Too many fields are no reason to overlook a smuggler's line end, nor to answer before the head is complete.
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}X: y\n\r\n", "A: b\r\n".repeat(120));
    check_with(text.as_bytes(), "400", Bodies::Stream, &Limits::default());
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "A: b\r\n".repeat(120));
    check_with(text.as_bytes(), "+head", Bodies::Stream, &Limits::default());
}

/// Shows the machine one whole request.
fn with_request(text: &str, look: impl FnOnce(&Event<'_>)) {
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    match Machine::new().step(text.as_bytes(), &mut slots, &mut whole, &Limits::default()) {
        Step::Event(used, event) => {
            assert_eq!(used, text.len());
            look(&event);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_has_its_parts() {
    let text = "GET /a/b?c=d?e HTTP/1.1\r\nHost: here:80\r\nX: 1\r\nx: 2\r\nY: \u{e9}\r\n\r\n";
    with_request(text, |event| {
        let Event::Request(request) = event else { panic!("{event:?}") };
        assert_eq!((request.method(), request.target()), ("GET", "/a/b?c=d?e"));
        assert_eq!((request.path(), request.query()), ("/a/b", Some("c=d?e")));
        assert_eq!((request.host(), request.version()), (Some("here:80"), Version::Http11));
        assert_eq!(request.header("x"), Some(&b"1"[..]));
        assert_eq!(request.header_all("X").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(request.header_str("y"), Some("\u{e9}"));
        assert_eq!(request.headers().map(|(name, _)| name).collect::<Vec<_>>(), ["Host", "X", "x", "Y"]);
        assert_eq!(request.header("z"), None);
        let text = format!("{request:?}");
        assert!(text.contains("\"GET\"") && text.contains("\"Host\": \"here:80\""), "{text}");
        assert!(request.keep_alive() && request.body().is_empty() && request.trailers().next().is_none());
    });
}

#[test]
fn an_absolute_target_wins_over_host() {
    for (target, path, query, host) in [
        ("http://b:1/x?y", "/x", Some("y"), "b:1"),
        ("http://b", "/", None, "b"),
        ("https://b?y", "/", Some("y"), "b"),
        ("/http://b/x", "/http://b/x", None, "a"),
    ] {
        with_request(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), |event| {
            let Event::Request(request) = event else { panic!("{event:?}") };
            assert_eq!((request.path(), request.query(), request.host()), (path, query, Some(host)));
        });
    }
}

#[test]
fn causes_are_distinguished() {
    for (text, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", Error::HostMissing),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Error::HostTwice),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Error::LineEnd),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            Error::LengthAndCoding,
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Error::FieldName),
        ("GET /# HTTP/1.1\r\n", Error::Target),
    ] {
        let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
        match Machine::new().step(text.as_bytes(), &mut slots, &mut whole, &Limits::default()) {
            Step::Fault(error) => {
                assert_eq!(error, expected, "{text:?}");
                assert!(!error.to_string().is_empty());
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[test]
fn a_machine_is_small() {
    assert!(size_of::<Machine>() <= 32, "{}", size_of::<Machine>());
    assert!(size_of::<Error>() == 1);
}

#[test]
fn the_requested_path_of_a_first_line() {
    let rows = [
        ("", None),
        ("\r\n", None),
        ("GET /health HTTP/1.1", None),
        ("GET /health HTTP/1.1\r\n", Some("/health")),
        ("\r\nGET /health?full HTTP/1.1\r\nHost: h\r\n\r\n", Some("/health")),
        ("GET http://h:1/health?u=a://b HTTP/1.1\r\n", Some("/health")),
        ("GET http://h HTTP/1.1\r\n", Some("/")),
        ("GET http://h?health HTTP/1.1\r\n", Some("/")),
        ("GET /a://b/health HTTP/1.1\r\n", Some("/a://b/health")),
        ("OPTIONS * HTTP/1.1\r\n", Some("*")),
        ("GET ftp://h/health HTTP/1.1\r\n", Some("")),
        ("GET health HTTP/1.1\r\n", Some("")),
        ("GET /health\r\n", Some("")),
        ("/health HTTP/1.1\r\n", Some("")),
        ("\r\n\r\nGET /health HTTP/1.1\r\n", Some("")),
        ("GET\n", Some("")),
        ("GET /\u{e9} HTTP/1.1\r\n", Some("")),
    ];
    for (bytes, path) in rows {
        assert_eq!(requested_path(bytes.as_bytes()), path, "{bytes:?}");
    }
    assert_eq!(requested_path(b"GET \xff HTTP/1.1\r\n"), Some(""));
}

#[test]
fn the_requested_path_is_the_path_of_the_request() {
    let (mut slots, mut whole, mut requests) = (HeaderSlots::new(), Vec::new(), 0);
    for (bytes, _) in CASES {
        let step = Machine::new().step(bytes.as_bytes(), &mut slots, &mut whole, &Limits::default());
        let Step::Event(_, Event::Request(request) | Event::Upgrade(request) | Event::Head(request)) = step
        else {
            continue;
        };
        assert_eq!(requested_path(bytes.as_bytes()), Some(request.path()), "{bytes:?}");
        requests += 1;
    }
    assert!(requests > 20, "{requests}");
}
