//! T11 of docs/features.md: handshakes that go nowhere cost others nothing.

use crate::tls;
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{Client, Exchange, Peer, Reason, Request, Timeout};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tls::record;

struct Site;

impl Client for Site {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", "here");
    }
}

/// A server of which one listener is plain, another has TLS, and the third wants a PROXY header.
fn server() -> TestServer {
    let config = tls::Identity::new().server_config();
    // They are made for HTTP, bytes and lines, in this order.
    let made = AtomicUsize::new(0);
    let options = TestOptions {
        listener: Box::new(move |listener| match made.fetch_add(1, Ordering::Relaxed) % 3 {
            listener::RAW => listener.tls_config(config.clone()),
            listener::LINES => listener.proxy_required(["192.0.2.0/24"]),
            _ => listener,
        }),
        ..TestOptions::default()
    };
    TestServer::with_options(options, |_peer: &Peer| Site)
}

/// How many turns a plain client's requests take, and how many bytes its answers have.
fn turns(server: &mut TestServer, far: &FarEnd) -> (u64, usize) {
    let before = server.handle().metrics().turns;
    for _ in 0..100 {
        far.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        server.run();
    }
    (server.handle().metrics().turns - before, far.take().len())
}

/// What a peer says first, from a connection that is gone then.
fn hello(server: &mut TestServer) -> Vec<u8> {
    let far = server.connect_to(listener::RAW);
    let config = tls::Identity::new().client_config(rustls::DEFAULT_VERSIONS);
    let hello = tls::Secured::new(far.clone(), config).hello();
    far.reset();
    server.run();
    hello
}

#[test]
fn t11_a_thousand_silent_handshakes_cost_a_plain_client_no_turn() {
    let mut server = server();
    let hello = hello(&mut server);
    let plain = server.connect_to(listener::HTTP);
    let alone = turns(&mut server, &plain);
    assert!(alone.1 > 0);
    // Some say nothing, others begin a hello and leave it at that, a quarter of them after half of it.
    let silent: Vec<_> = (0..1000)
        .map(|number| {
            let far = server.connect_to(listener::RAW);
            far.send(&hello[..if number % 4 == 3 { hello.len() / 2 } else { number % 8 }]);
            far
        })
        .collect();
    server.run();
    assert_eq!(turns(&mut server, &plain), alone);
    server.advance(Duration::from_millis(9_999));
    assert!(silent.iter().all(|far| !far.is_reset()));
    assert_eq!(turns(&mut server, &plain), alone);
    server.advance(Duration::from_millis(1));
    assert!(silent.iter().all(FarEnd::is_reset));
    assert_eq!(server.handle().metrics().ended(Reason::Timeout(Timeout::Handshake)), 1000);
    assert_eq!(turns(&mut server, &plain), alone);
}

/// Of everything wrong that can come first, a piece at a time.
#[test]
fn t11_wrong_handshakes_and_headers_cost_a_plain_client_no_turn() {
    let mut server = server();
    let hello = hello(&mut server);
    // It says that 16 MiB follow, and they do.
    let endless = [&[1, 255, 255, 255][..], &[0; 16_000]].concat();
    let endless = [record(&endless), record(&[0; 16_000]).repeat(1000)].concat();
    let long_header = [b"PROXY ", &[b'x'; 100_000][..]].concat();
    let rows: [(&str, usize, Vec<u8>); 9] = [
        ("garbage", listener::RAW, vec![0xff; 100_000]),
        ("garbage in records", listener::RAW, record(b"garbage").repeat(1000)),
        ("16 MiB of handshake", listener::RAW, endless),
        ("records of one byte", listener::RAW, hello[5..].iter().flat_map(|byte| record(&[*byte])).collect()),
        ("empty records", listener::RAW, record(&[]).repeat(1000)),
        ("no header", listener::LINES, b"hello\n".repeat(1000)),
        ("a header that is too long", listener::LINES, long_header),
        (
            "a header that announces too much",
            listener::LINES,
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec(),
        ),
        ("half of a header", listener::LINES, b"PROXY TCP4 203.0".to_vec()),
    ];
    let plain = server.connect_to(listener::HTTP);
    let alone = turns(&mut server, &plain);
    for (name, at, bytes) in rows {
        // Enough of them at a time that it would show.
        let all: Vec<FarEnd> = (0..20).map(|_| server.connect_to(at)).collect();
        let mut pieces = bytes.chunks(bytes.len().div_ceil(20));
        while let Some(piece) = pieces.next().filter(|_| all.iter().any(|far| !far.is_reset())) {
            all.iter().filter(|far| !far.is_reset()).for_each(|far| far.send(piece));
            server.run();
            assert_eq!(turns(&mut server, &plain), alone, "{name}");
        }
        server.advance(Duration::from_secs(40));
        assert_eq!(turns(&mut server, &plain), alone, "{name}");
        assert!(all.iter().all(|far| far.is_reset() || far.has_server_finished()), "{name}");
        assert_eq!(server.wires().len(), 1, "{name}: only the plain client is left");
    }
}
