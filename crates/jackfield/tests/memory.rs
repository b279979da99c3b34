//! What an idle connection costs: live bytes on the heap, tables with their unused capacity included, divided by the
//! connections, after one request each.
//!
//! The connections are in memory, so that there may be any number of them; what their two ends take for themselves is
//! measured apart and taken off.

mod support;
#[path = "support/tls.rs"]
mod tls;

use allocation_counter::measure;
use jackfield::reactor::Pipe;
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{Client, Deflate, Exchange, Message, Request, WebSocket};
use support::{get, socket};

/// A client object of 16 bytes.
struct Sixteen {
    requests: u64,
    _spare: u64,
}

const _: () = assert!(size_of::<Sixteen>() == 16);

impl Client for Sixteen {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.requests += 1;
        exchange.ok("text/plain", "hello");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        self.requests += 1;
        socket.send(message);
    }
}

/// What an idle connection may cost.
const BYTES_MAX: usize = 264;
/// The second is one more than a power of two: tables that double would show there.
const CONNECTIONS: [usize; 2] = [10_000, 16_385];

fn sixteen(deflate: Deflate) -> TestServer {
    let mut options = TestOptions::default();
    options.limits.deflate = deflate;
    TestServer::with_options(options, |_peer| Sixteen { requests: 0, _spare: 0 })
}

/// Live bytes of this number of connections, after each has sent the inputs in `said`.
fn live_bytes(connections: usize, said: &[&[u8]]) -> usize {
    live_bytes_with(Deflate::disabled(), connections, said)
}

fn live_bytes_with(deflate: Deflate, connections: usize, said: &[&[u8]]) -> usize {
    let mut kept = None;
    let all = measure(|| {
        let mut server = sixteen(deflate);
        let mut ends = Vec::with_capacity(connections);
        for _ in 0..connections {
            ends.push(server.connect());
        }
        // A few at a time, as they come in life.
        for some in ends.chunks(100) {
            for words in said {
                some.iter().for_each(|far| far.send(words));
                server.run();
                some.iter().for_each(|far| assert!(!far.take().is_empty()));
            }
        }
        kept = Some((server, ends));
    });
    let (server, ends) = kept.unwrap();
    assert_eq!((server.wires().len(), ends.len()), (connections, connections));
    usize::try_from(all.bytes_current).unwrap() - ends_bytes(connections, said)
}

/// What the ends of in-memory connections take, and the table of them.
fn ends_bytes(connections: usize, said: &[&[u8]]) -> usize {
    let mut kept: Option<(Vec<Pipe>, Vec<FarEnd>)> = None;
    let mut nears = Vec::with_capacity(connections);
    let all = measure(|| {
        let mut ends = Vec::with_capacity(connections);
        for _ in 0..connections {
            let (near, far) = Pipe::pair();
            nears.push(near);
            // The longest of what was said is what its buffer keeps room for.
            far.send(said.iter().max_by_key(|words| words.len()).unwrap());
            ends.push(far);
        }
        kept = Some((Vec::new(), ends));
    });
    assert_eq!((nears.len(), kept.map(|(_, ends)| ends.len())), (connections, Some(connections)));
    usize::try_from(all.bytes_current).unwrap()
}

#[track_caller]
fn check(what: &str, said: &[&[u8]]) {
    for connections in CONNECTIONS {
        // What the server has without any connection, such as its mailbox, is no part of it.
        let bytes = (live_bytes(connections, said) - live_bytes(0, said)).div_ceil(connections);
        println!("{what}: {bytes} bytes for each of {connections} idle connections");
        assert!(bytes <= BYTES_MAX, "{what}: {bytes} bytes for each of {connections}");
    }
}

#[test]
fn an_idle_http_connection_costs_264_bytes_at_most() {
    check("HTTP", &[get("/").as_bytes()]);
}

#[test]
fn an_idle_websocket_costs_264_bytes_at_most() {
    check("WebSocket", &[socket::UPGRADE.as_bytes(), &socket::text("hello")]);
}

/// Compression that was agreed on and not used yet holds no window.
#[test]
fn compression_that_is_not_used_costs_16_bytes_at_most() {
    const CONNECTIONS: usize = 10_000;
    let offers = socket::upgrade_with("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let mut server = sixteen(Deflate::shared());
    let far = server.connect();
    far.send(offers.as_bytes());
    server.run();
    assert!(support::text(&far.take()).contains("Sec-WebSocket-Extensions: permessage-deflate"));
    let bytes = |upgrade: &str| {
        live_bytes_with(Deflate::shared(), CONNECTIONS, &[upgrade.as_bytes(), &socket::text("hello")])
    };
    let (with, without) = (bytes(&offers), bytes(socket::UPGRADE));
    // The longer request has more room in its end, which is taken off.
    let more = with.saturating_sub(without).div_ceil(CONNECTIONS);
    println!("WebSocket: {more} bytes more with compression, for each of {CONNECTIONS} idle connections");
    assert!(more <= 16, "{more} bytes more for each");
}

/// What an idle connection over TLS may cost, most of it rustls' own.
const TLS_BYTES_MAX: usize = 8 << 10;

#[test]
fn an_idle_tls_connection_costs_8_kib_at_most() {
    check_tls("HTTP", |peer, server| assert!(peer.say(server, get("/")).ends_with(b"hello")));
}

/// After a record of 16 KiB rustls keeps its input buffer until it is asked to read again.
#[test]
fn an_idle_tls_connection_costs_8_kib_at_most_after_a_message_of_16_kib() {
    check_tls("16 KiB", |peer, server| {
        assert!(peer.say(server, socket::UPGRADE).starts_with(b"HTTP/1.1 101"));
        assert!(peer.say(server, socket::text(&"x".repeat(16 << 10))).len() > 16 << 10);
    });
}

#[track_caller]
fn check_tls(what: &str, converse: impl Fn(&mut tls::Secured, &mut TestServer)) {
    const CONNECTIONS: usize = 500;
    let identity = tls::Identity::new();
    let options = TestOptions { tls: Some(identity.server_config()), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Sixteen { requests: 0, _spare: 0 });
    let config = identity.client_config(&[&rustls::version::TLS13]);
    let mut sent_max = 0;
    let mut idle = |connections: usize| -> Vec<FarEnd> {
        let ends = (0..connections).map(|_| {
            let mut peer = tls::Secured::new(server.connect(), config.clone());
            converse(&mut peer, &mut server);
            sent_max = peer.sent_max;
            peer.far
        });
        ends.collect()
    };
    // rustls allocates its cache of sessions at the beginning.
    let first = idle(300);
    let mut more = Vec::new();
    let all = measure(|| more = idle(CONNECTIONS));
    let ends = ends_bytes(CONNECTIONS, &[&vec![0; sent_max]]);
    let bytes = (usize::try_from(all.bytes_current).unwrap() - ends).div_ceil(CONNECTIONS);
    println!("TLS, {what}: {bytes} bytes for each of {CONNECTIONS} idle connections");
    assert!((1000..=TLS_BYTES_MAX).contains(&bytes), "{what}: {bytes} bytes for each of {CONNECTIONS}");
    assert_eq!(server.wires().len(), first.len() + more.len());
}

/// What may be left in the pools of a reactor.
const POOLS_BYTES_MAX: i64 = 20 << 20;

#[test]
fn after_a_peak_the_memory_is_given_back() {
    struct Burst;
    impl Client for Burst {
        fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
            for _ in 0..200 {
                socket.send(&[7; 1000][..]);
            }
        }
    }
    let mut server = TestServer::new(|_peer| Burst);
    let ends: Vec<FarEnd> = (0..1000).map(|_| server.connect()).collect();
    for far in &ends {
        far.send(socket::UPGRADE.as_bytes());
        server.run();
        far.take();
        far.set_room(Some(0));
    }
    let peak = measure(|| {
        for far in &ends {
            far.send(&socket::text("go"));
        }
        server.run();
    });
    assert!(peak.bytes_current > 200_000_000, "{} bytes at the peak", peak.bytes_current);
    let shrunk = measure(|| {
        for far in &ends {
            far.set_room(None);
            server.run();
            far.take();
        }
    });
    let left = peak.bytes_current + shrunk.bytes_current;
    println!("{} bytes at the peak, {left} bytes after it", peak.bytes_current);
    assert!(left <= POOLS_BYTES_MAX, "{left} bytes are left");
}
