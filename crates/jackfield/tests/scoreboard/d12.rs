//! D12 of docs/features.md: what proxies say about a connection's source address, and which proxies are trusted.

use crate::{support, tls};
use allocation_counter::measure;
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Access, Authenticator, Client, Connection, Exchange, FailedHandshake, Listener, Observer, Peer, Raw,
    Reason, RefuseReason, Request, Server, Timeout,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use support::probe::Log;

/// Says where its peer comes from.
struct Mirror(Log);

impl Client for Mirror {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        let peer = connection.peer();
        let proxy = peer.proxy().map(ToString::to_string);
        self.0.note(format!("connect {} by way of {proxy:?}", peer.addr()));
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let ip = exchange.client_ip(request).map_or("none".into(), |ip| ip.to_string());
        exchange.ok("text/plain", ip);
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.send(&*data);
        data.len()
    }

    fn on_line(&mut self, _raw: &mut Raw<'_>, line: &[u8]) {
        self.0.note(format!("line {}", line.escape_ascii()));
    }
}

struct Refusals(Log);

impl Observer for Refusals {
    fn on_refused(&self, peer: &Peer, why: RefuseReason) {
        self.0.note(format!("refused {} {why:?}", peer.addr()));
    }

    fn on_tls_error(&self, failed: &FailedHandshake) {
        self.0.note(format!("tls error {} {:?}", failed.peer.addr(), failed.reason));
    }
}

struct Lab {
    server: TestServer,
    log: Log,
}

/// A trusted proxy, and a peer that is not trusted.
const PROXY: &str = "10.0.0.9:700";
const STRANGER: &str = "192.0.2.66:6";

impl Lab {
    fn new(listener: impl Fn(Listener) -> Listener + 'static) -> Self {
        let log = Log::default();
        let notes = log.clone();
        let options = TestOptions {
            listener: Box::new(listener),
            observer: Arc::new(Refusals(log.clone())),
            ..TestOptions::default()
        };
        let server = TestServer::with_options(options, move |_peer| Mirror(notes.clone()));
        Self { server, log }
    }

    fn required() -> Self {
        Self::new(|listener| listener.proxy_required(["10.0.0.0/8", "2001:db8::/32"]))
    }

    fn connect(&mut self, from: &str, listener: usize) -> FarEnd {
        self.server.connect_from(from.parse::<SocketAddr>().unwrap(), listener)
    }

    fn send(&mut self, far: &FarEnd, bytes: &[u8], size: usize) {
        for piece in bytes.chunks(size) {
            far.send(piece);
            self.server.run();
        }
    }
}

/// Version 2, with these addresses and a vector.
fn v2(family: u8, addresses: &[u8]) -> Vec<u8> {
    let vector = [4, 0, 2, 1, 2];
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x21, family]);
    header.extend(u16::try_from(addresses.len() + vector.len()).unwrap().to_be_bytes());
    header.extend_from_slice(addresses);
    header.extend(vector);
    header
}

#[test]
fn d12_both_versions_say_where_a_connection_comes_from_however_they_are_split() {
    let v6 =
        [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 16], &[0, 80, 0, 81]].concat();
    let rows: [(&[u8], &str); 5] = [
        (
            b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 443\r\n",
            "203.0.113.7:1234 by way of Some(\"10.0.0.9:700\")",
        ),
        (
            b"PROXY TCP6 2001:db8::7 2001:db8::1 80 81\r\n",
            "[2001:db8::7]:80 by way of Some(\"10.0.0.9:700\")",
        ),
        (b"PROXY UNKNOWN\r\n", "10.0.0.9:700 by way of None"),
        (
            &v2(0x11, &[203, 0, 113, 7, 198, 51, 100, 1, 4, 210, 1, 187]),
            "203.0.113.7:1234 by way of Some(\"10.0.0.9:700\")",
        ),
        (&v2(0x21, &v6), "[2001:db8::7]:80 by way of Some(\"10.0.0.9:700\")"),
    ];
    for (header, expected) in rows {
        for size in [1, 2, 7, 1000] {
            let mut lab = Lab::required();
            let far = lab.connect(PROXY, listener::RAW);
            assert_eq!(lab.log.events(), [""; 0], "there is no client before the header");
            // Bytes after the header are the client's, in the same read or later.
            lab.send(&far, &[header, b"hello"].concat(), size);
            assert_eq!(lab.log.take(), [format!("connect {expected}")], "in pieces of {size}");
            assert_eq!(far.take(), b"hello");
        }
    }
}

#[test]
fn d12_a_health_check_has_the_address_of_the_proxy() {
    let mut lab = Lab::required();
    let far = lab.connect(PROXY, listener::HTTP);
    let mut local = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    local.extend([0x20, 0, 0, 0]);
    lab.send(&far, &[&local[..], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"].concat(), 1000);
    assert_eq!(lab.log.take(), ["connect 10.0.0.9:700 by way of None"]);
    assert!(far.take().ends_with(b"10.0.0.9"));
}

#[track_caller]
fn check_bad(bytes: &[u8]) {
    for (listener, size) in [(listener::HTTP, 1000), (listener::RAW, 1), (listener::LINES, 7)] {
        let mut lab = Lab::required();
        let far = lab.connect(PROXY, listener);
        lab.send(&far, bytes, size);
        assert_eq!(lab.log.take(), ["refused 10.0.0.9:700 Proxy"], "{bytes:?}");
        assert!(far.is_reset() && far.take().is_empty(), "nothing is said to it");
        let metrics = lab.server.handle().metrics();
        assert_eq!((metrics.refused, metrics.ended(Reason::Proxy)), (1, 1));
        assert_eq!(lab.server.handle().count(), 0);
    }
}

#[test]
fn d12_an_invalid_header_closes_the_connection_immediately() {
    check_bad(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    check_bad(b"PROXY TCP4 203.0.113.7\r\n");
    check_bad(&[b"PROXY ", &[b'x'; 200][..]].concat());
    // It announces more than a header may have.
    check_bad(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff");
    check_bad(b"\x16\x03\x01\x02\x00\x01");
}

/// It was counted as a handshake that does not end, and with TLS reported as one.
#[test]
fn d12_a_header_that_does_not_come_has_a_deadline() {
    let config = tls::Identity::new().server_config();
    let over_tls = || {
        let config = config.clone();
        Lab::new(move |listener| listener.proxy_required(["10.0.0.0/8"]).tls_config(config.clone()))
    };
    let makes: [&dyn Fn() -> Lab; 2] = [&Lab::required, &over_tls];
    let header = &b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 443\r\n"[..];
    let (missing, unsecured) =
        (["refused 10.0.0.9:700 Proxy"], ["tls error 203.0.113.7:1234 Timeout(Handshake)"]);
    let rows = [
        (0, &b""[..], missing, (1, 1, 0)),
        (0, &header[..16], missing, (1, 1, 0)),
        (1, b"", missing, (1, 1, 0)),
        (1, &header[..16], missing, (1, 1, 0)),
        // Behind a whole header it is the handshake that does not come.
        (1, header, unsecured, (0, 0, 1)),
    ];
    for (make, bytes, expected, counted) in rows {
        let mut lab = makes[make]();
        let far = lab.connect(PROXY, listener::HTTP);
        lab.send(&far, bytes, 1);
        lab.server.advance(Duration::from_millis(9_999));
        assert_eq!(lab.log.events(), [""; 0]);
        lab.server.advance(Duration::from_millis(1));
        assert_eq!(lab.log.take(), expected, "{make} {bytes:?}");
        assert!(far.is_reset() && far.take().is_empty());
        let metrics = lab.server.handle().metrics();
        let late = metrics.ended(Reason::Timeout(Timeout::Handshake));
        assert_eq!((metrics.refused, metrics.ended(Reason::Proxy), late), counted, "{make} {bytes:?}");
    }
    // And one that ends instead.
    for make in makes {
        let mut lab = make();
        lab.connect(PROXY, listener::HTTP).finish();
        lab.server.run();
        assert_eq!(lab.log.take(), ["refused 10.0.0.9:700 Proxy"]);
    }
}

/// A visit of the status pages, which has no client, was reported as one without a header when it ended.
#[test]
fn d12_only_a_connection_without_a_header_is_reported_as_such() {
    let log = Log::default();
    let listeners = vec![Listener::tcp("status").status().proxy_required(["10.0.0.0/8"])];
    let observer = Arc::new(Refusals(log.clone()));
    let options = TestOptions { listeners, observer, ..TestOptions::default() };
    let server = TestServer::with_options(options, |_peer| -> Mirror {
        unreachable!("it has the server's own pages")
    });
    let mut lab = Lab { server, log };
    let far = lab.connect(PROXY, 0);
    let header = b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 443\r\n";
    lab.send(&far, &[&header[..], b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"].concat(), 1000);
    assert_eq!(support::statuses(&far.take()), [200]);
    far.finish();
    lab.server.run();
    assert_eq!((lab.server.wires().len(), lab.server.handle().metrics().refused), (0, 0));
    assert_eq!(lab.log.events(), [""; 0]);
}

#[test]
fn d12_a_header_from_an_untrusted_address_is_not_read() {
    for from in [STRANGER, "[2001:db9::1]:6", "[::ffff:192.0.2.66]:6"] {
        let mut lab = Lab::required();
        let far = lab.connect(from, listener::HTTP);
        assert!(far.is_released(), "closed at once");
        let from: SocketAddr = from.parse().unwrap();
        assert_eq!(lab.log.take(), [format!("refused {from} Untrusted")]);
        assert_eq!((lab.server.handle().count(), lab.server.wires().len()), (0, 0));
    }
    let mut lab = Lab::required();
    let far = lab.connect("[::ffff:10.0.0.9]:7", listener::RAW);
    lab.send(&far, b"PROXY UNKNOWN\r\nhi", 1000);
    assert_eq!(far.take(), b"hi", "a mapped address is that of IPv4");
}

#[test]
fn d12_without_the_option_a_header_is_an_invalid_request() {
    let mut lab = Lab::new(|listener| listener.trusted_proxies(["10.0.0.0/8"]));
    for header in [&b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 443\r\n"[..], &v2(0x11, &[0; 12])] {
        let far = lab.connect(PROXY, listener::HTTP);
        lab.send(&far, &[header, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"].concat(), 1000);
        assert_eq!(support::statuses(&far.take()), [400]);
        assert!(far.has_server_finished());
    }
}

/// There any bytes are data, and the peer's address is that of the connection.
#[test]
fn d12_without_the_option_a_header_is_data_for_a_raw_or_line_listener() {
    let mut lab = Lab::new(|listener| listener.trusted_proxies(["10.0.0.0/8"]));
    for (header, lines) in [
        (
            b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 443\r\n".to_vec(),
            vec!["PROXY TCP4 203.0.113.7 198.51.100.1 1234 443"],
        ),
        (
            [&v2(0x11, &[0; 12])[..], b"\n"].concat(),
            vec![
                "",
                "",
                r"\x00",
                "QUIT",
                r"!\x11\x00\x11\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x02\x01\x02",
            ],
        ),
    ] {
        let connect = "connect 10.0.0.9:700 by way of None".to_owned();
        let far = lab.connect(PROXY, listener::RAW);
        lab.send(&far, &header, 7);
        assert_eq!(far.take(), header);
        assert_eq!(lab.log.take(), std::slice::from_ref(&connect));
        let far = lab.connect(PROXY, listener::LINES);
        lab.send(&far, &header, 7);
        let lines = lines.into_iter().map(|line| format!("line {line}"));
        assert_eq!(lab.log.take(), [connect].into_iter().chain(lines).collect::<Vec<_>>());
        assert!(!far.has_server_finished());
    }
}

#[test]
fn d12_without_the_option_a_header_ends_a_tls_connection_immediately() {
    let config = tls::Identity::new().server_config();
    let mut lab = Lab::new(move |listener| listener.tls_config(config.clone()));
    for header in [&b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 443\r\n"[..], &v2(0x11, &[0; 12])] {
        for at in [listener::HTTP, listener::RAW, listener::LINES] {
            let far = lab.connect(PROXY, at);
            lab.send(&far, header, 1000);
            let answer = far.take();
            // Only HTTP has an answer in plain text; otherwise it is an alert.
            match at {
                listener::HTTP => assert_eq!(support::statuses(&answer), [400]),
                _ => assert_eq!((answer.len(), answer[0]), (7, 21)),
            }
            assert!(far.has_server_finished());
        }
    }
    lab.server.advance(Duration::from_secs(60));
    assert_eq!(lab.log.take(), ["tls error 10.0.0.9:700 Tls"; 6], "and there is no client");
}

/// The longest that a header can announce, and one that may be as long as that.
#[test]
fn d12_nothing_is_allocated_for_what_a_header_announces() {
    for (announced, is_refused) in [([0xff, 0xff], true), ([1, 0], false)] {
        let mut lab = Lab::required();
        // What is allocated once is not counted.
        let first = lab.connect(PROXY, listener::HTTP);
        lab.send(&first, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 1000);
        let far = lab.connect(PROXY, listener::HTTP);
        let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11"[..], &announced].concat();
        let before = lab.server.wires().memory_bytes();
        let counted = measure(|| lab.send(&far, &header, 1000));
        println!("{announced:?}: {counted:?}");
        assert_eq!(far.is_reset(), is_refused);
        assert!(counted.bytes_max < 2000, "{announced:?}: {counted:?}");
        assert_eq!(lab.server.wires().memory_bytes(), before, "nothing is charged");
    }
}

#[test]
fn d12_the_header_of_a_request_counts_from_trusted_hops_only() {
    let ask = |lab: &mut Lab, from: &str, header: &[u8], field: &str| {
        let far = lab.connect(from, listener::HTTP);
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n");
        lab.send(&far, &[header, request.as_bytes()].concat(), 1000);
        support::text(&far.take()).rsplit("\r\n").next().unwrap().to_owned()
    };
    let field = "X-Forwarded-For: 1.1.1.1, 203.0.113.7";
    let mut lab = Lab::new(|listener| listener.trusted_proxies(["10.0.0.0/8"]));
    assert_eq!(ask(&mut lab, PROXY, b"", field), "203.0.113.7");
    assert_eq!(ask(&mut lab, STRANGER, b"", field), "192.0.2.66", "a forged header");
    assert_eq!(ask(&mut lab, PROXY, b"", "Forwarded: for=1.1.1.1"), "10.0.0.9");
    let mut lab = Lab::new(|listener| listener.trusted_proxies(["10.0.0.0/8"]).reads_forwarded());
    assert_eq!(ask(&mut lab, PROXY, b"", "Forwarded: for=203.0.113.7"), "203.0.113.7");
    assert_eq!(ask(&mut lab, PROXY, b"", field), "10.0.0.9");
    let mut lab = Lab::new(|listener| listener);
    assert_eq!(ask(&mut lab, PROXY, b"", field), "10.0.0.9", "nobody is trusted by default");
    // Behind a PROXY header the hop is what that says, and its own proxy is not trusted for more.
    let header = b"PROXY TCP4 10.2.2.2 198.51.100.1 1234 443\r\n";
    assert_eq!(ask(&mut Lab::required(), PROXY, header, field), "10.2.2.2");
    let mut lab =
        Lab::new(|listener| listener.proxy_required(["10.0.0.0/8"]).trusted_proxies(["10.2.0.0/16"]));
    assert_eq!(ask(&mut lab, PROXY, header, field), "203.0.113.7");
    let header = b"PROXY TCP4 192.0.2.66 198.51.100.1 1234 443\r\n";
    assert_eq!(ask(&mut lab, PROXY, header, field), "192.0.2.66");
}

/// Allows IPv4 only, and says what it was asked about.
struct Asked(Log);

impl Authenticator for Asked {
    fn check(&self, _request: &Request<'_>, peer: Option<SocketAddr>) -> Access {
        self.0.note(format!("{peer:?}"));
        if peer.is_some_and(|peer| peer.is_ipv4()) { Access::Allow } else { Access::Deny }
    }
}

/// The fault: a client over a socket for both families had another address for the authenticator than for its own client.
#[test]
fn d12_an_authenticator_gets_a_mapped_address_as_ipv4() {
    for (from, field, seen, status) in [
        ("[::ffff:127.0.0.1]:9", "A: b", "Some(127.0.0.1:9)", "200"),
        ("127.0.0.1:9", "A: b", "Some(127.0.0.1:9)", "200"),
        ("[::ffff:10.0.0.9]:9", "X-Forwarded-For: ::ffff:203.0.113.7", "Some(203.0.113.7:0)", "200"),
        ("[::1]:9", "A: b", "Some([::1]:9)", "403"),
    ] {
        let asked = Log::default();
        let options = TestOptions {
            listener: Box::new(|listener| listener.trusted_proxies(["10.0.0.0/8"])),
            authenticator: Some(Arc::new(Asked(asked.clone()))),
            ..TestOptions::default()
        };
        let mut server = TestServer::with_options(options, |_peer| Mirror(Log::default()));
        let far = server.connect_from(from.parse::<SocketAddr>().unwrap(), listener::HTTP);
        far.send(format!("GET / HTTP/1.1\r\nHost: h\r\n{field}\r\n\r\n").as_bytes());
        server.run();
        let answer = support::text(&far.take());
        assert_eq!((asked.take(), &answer[9..12]), (vec![seen.to_owned()], status), "{from}");
    }
}

#[test]
fn d12_tls_begins_after_the_header() {
    let identity = tls::Identity::new();
    let config = identity.server_config();
    let mut lab = Lab::new(move |listener| listener.proxy_required(["10.0.0.9"]).tls_config(config.clone()));
    let far = lab.connect(PROXY, listener::HTTP);
    lab.send(&far, b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 443\r\n", 3);
    let mut peer = tls::Secured::new(far, identity.client_config(rustls::ALL_VERSIONS));
    let answer = peer.say(&mut lab.server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(support::text(&answer).ends_with("203.0.113.7"));
    assert_eq!(lab.log.take(), ["connect 203.0.113.7:1234 by way of Some(\"10.0.0.9:700\")"]);
    // TLS without the header.
    let far = lab.connect(PROXY, listener::HTTP);
    let hello = tls::Secured::new(far.clone(), identity.client_config(rustls::ALL_VERSIONS)).hello();
    lab.send(&far, &hello, 1000);
    assert_eq!(lab.log.take(), ["refused 10.0.0.9:700 Proxy"]);
}

#[test]
fn d12_bind_reports_an_invalid_network() {
    let wrong = Listener::tcp("127.0.0.1:0").trusted_proxies(["10.0.0.1/8", "a.example"]);
    let nobody = Listener::tcp("127.0.0.1:0").proxy_required([""; 0]);
    let error = Server::builder().listen(wrong).listen(nobody).bind().unwrap_err().to_string();
    for expected in ["`10.0.0.1/8` is not a network", "`a.example` is not a network", "names no network"] {
        assert!(error.contains(expected), "{error}");
    }
}
