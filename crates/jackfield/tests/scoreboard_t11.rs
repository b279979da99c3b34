//! T11 of docs/features.md: handshakes that go nowhere cost others nothing.

mod support;
#[path = "support/tls.rs"]
mod tls;

use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{Client, Exchange, Peer, Reason, Request, Timeout};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

struct Site;

impl Client for Site {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", "here");
    }
}

/// A server of which one listener is plain and another has TLS.
fn server() -> TestServer {
    let config = tls::Identity::new().server_config();
    // They are made for HTTP, bytes and lines, in this order.
    let made = AtomicUsize::new(0);
    let options = TestOptions {
        listener: Box::new(move |listener| match made.fetch_add(1, Ordering::Relaxed) % 3 {
            listener::RAW => listener.tls_config(config.clone()),
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

#[test]
fn t11_a_thousand_silent_handshakes_cost_a_plain_client_no_turn() {
    let mut server = server();
    let plain = server.connect_to(listener::HTTP);
    let alone = turns(&mut server, &plain);
    assert!(alone.1 > 0);
    // Some say nothing, others begin a hello and leave it at that.
    let silent: Vec<_> = (0..1000)
        .map(|number| {
            let far = server.connect_to(listener::RAW);
            far.send(&b"\x16\x03\x01\x02\x00\x01\x00"[..number % 8]);
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
