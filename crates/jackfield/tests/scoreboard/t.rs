//! TLS.

use crate::{support, tls};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    Body, Client, Connection, Disconnect, Exchange, Limits, Listener, Raw, Request, Server, ServerBuilder,
    TimerId,
};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use support::probe::{Log, Probe, Watcher};
use support::real::{self, Live};
use support::{get, socket, statuses, text};
use tls::{Identity, Secured};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// Answers with a shared body.
struct BodyOf(Arc<[u8]>);

impl Client for BodyOf {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", Body::Shared(self.0.clone()));
    }
}

fn builder(identity: &Identity) -> ServerBuilder {
    let listener = Listener::tcp("127.0.0.1:0").tls_config(identity.server_config());
    Server::builder().listen(listener).reactors(1)
}

#[test]
fn t1_every_protocol_is_spoken_over_tls_1_2_and_1_3() {
    let identity = Identity::new();
    let (certificate, key) = identity.files("t1");
    let listeners = ["127.0.0.1:0"; 2].map(|addr| Listener::tcp(addr).tls(&certificate, &key));
    let [http, lines] = listeners;
    let builder = Server::builder().listen(http).listen(lines.lines()).reactors(1);
    let live = Live::serve(builder, |_peer| Probe::default());
    for version in VERSIONS {
        let config = identity.client_config(&[version]);
        let mut stream = identity.connect(live.addr(), config.clone());
        stream.write_all(get("/").repeat(2).as_bytes()).unwrap();
        for _ in 0..2 {
            assert!(real::read_answer(&mut stream).ends_with("GET / "));
        }
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
        stream.write_all(&[socket::UPGRADE.as_bytes(), &socket::binary(&[7; 200_000])].concat()).unwrap();
        assert_eq!(real::read_answer(&mut stream), socket::SWITCHED);
        let mut echo = vec![0; 200_010];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(socket::frames(&echo)[0].payload, vec![7; 200_000]);
        let mut stream = identity.connect(live.addrs[1], config);
        stream.write_all(b"a line\n").unwrap();
        let mut line = [0; 7];
        stream.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"a line\n");
    }
}

#[test]
fn t1_the_connection_ends_with_close_notify() {
    let identity = Identity::new();
    let live = Live::serve(builder(&identity), |_peer| Probe::default());
    let mut stream = identity.connect(live.addr(), identity.client_config(&VERSIONS));
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Without the goodbye this would be an error.
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(statuses(&answer), [200]);
}

/// Who speaks HTTP/1.0 only says so by ALPN, and is served as without TLS.
#[test]
fn t9_alpn_names_both_versions_of_http_that_are_spoken() {
    let identity = Identity::new();
    let (certificate, key) = identity.files("t9");
    let listener = Listener::tcp("127.0.0.1:0").tls(certificate, key);
    let live = Live::serve(Server::builder().listen(listener).reactors(1), |_peer| Probe::default());
    for (names, chosen) in [
        (&["http/1.0"][..], Some("http/1.0")),
        (&["http/1.0", "http/1.1"], Some("http/1.1")),
        (&["h2", "http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut config = identity.client_config(&VERSIONS);
        config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut stream = identity.connect(live.addr(), config);
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(statuses(&answer), [200], "{names:?}");
        assert_eq!(stream.conn.alpn_protocol(), chosen.map(str::as_bytes), "{names:?}");
    }
    let mut config = identity.client_config(&VERSIONS);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = identity.connect(live.addr(), config);
    assert!(
        stream.write_all(b"x").and_then(|()| stream.read(&mut [0]).map(drop)).is_err(),
        "h2 is not spoken"
    );
}

/// A server over memory with TLS on every listener.
fn server<C: Client + 'static>(
    identity: &Identity,
    limits: Limits,
    observer: Watcher,
    make: impl Fn() -> C + 'static,
) -> TestServer {
    let tls = Some(identity.server_config());
    let options = TestOptions { limits, observer: Arc::new(observer), tls, ..TestOptions::default() };
    TestServer::with_options(options, move |_peer| make())
}

/// Readers that stop over TLS: what was encrypted for them counts, and has a deadline like all that waits.
#[test]
fn n5_over_tls_a_slow_reader_of_a_shared_body_costs_64_kib_more_and_is_disconnected() {
    const READERS: usize = 20;
    let identity = Identity::new();
    let body: Arc<[u8]> = vec![7; 32 << 20].into();
    let mut server = server(&identity, Limits::default(), Watcher::default(), move || BodyOf(body.clone()));
    let config = identity.client_config(&VERSIONS);
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let mut reader = Secured::new(server.connect(), config.clone());
            reader.say(&mut server, "");
            // A peer takes a record and then nothing more.
            reader.far.set_room(Some(20_000));
            let heard = reader.say(&mut server, get("/"));
            assert!(statuses(&heard) == [200] && reader.far.room() == Some(0));
            reader
        })
        .collect();
    let held = |server: &TestServer| server.wires().stats().memory_bytes.value() as usize;
    // Encrypted output is counted.
    let now = held(&server);
    assert!((READERS * 1000..=READERS * (66 << 10)).contains(&now), "{now} bytes for {READERS} readers");
    server.advance(SECOND * 30 - MS);
    assert_eq!(server.handle().count(), READERS);
    server.advance(MS);
    assert_eq!((server.handle().count(), held(&server)), (0, 0));
    assert!(readers.iter().all(|reader| reader.far.is_reset()));
}

/// Sends small pieces until only encrypted output is pending, and notes how it ends.
struct Pusher(Log);

impl Client for Pusher {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.set_timer(TimerId(1), MS);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        if connection.memory_bytes() > 0 {
            return self.0.note(format!("{} bytes wait unencrypted", connection.buffered()));
        }
        if let Some(mut raw) = connection.as_raw() {
            raw.send(&[7; 16 << 10][..]);
        }
        connection.set_timer(timer, MS);
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.note(format!("{:?}", end.reason));
    }
}

/// With nothing in the outbox the deadline of a write once did not begin.
#[test]
fn n5_output_that_is_already_encrypted_has_the_write_timeout_too() {
    let identity = Identity::new();
    let log = Log::default();
    let clients = log.clone();
    let mut server =
        server(&identity, Limits::default(), Watcher::default(), move || Pusher(clients.clone()));
    let mut peer = Secured::new(server.connect_to(listener::RAW), identity.client_config(&VERSIONS));
    peer.say(&mut server, "");
    // Of the third piece a part is taken.
    peer.far.set_room(Some(40_000));
    server.advance(MS * 4);
    assert_eq!(log.events(), ["0 bytes wait unencrypted"]);
    // The third millisecond was that of the write.
    server.advance(SECOND * 30 - MS * 2);
    assert_eq!(log.count("Timeout"), 0);
    server.advance(MS);
    assert_eq!(log.events(), ["0 bytes wait unencrypted", "Timeout(Write)"]);
    assert!(peer.far.is_reset());
}

fn server_name(session: &rustls::Connection) -> Option<&str> {
    match session {
        rustls::Connection::Server(session) => session.server_name(),
        rustls::Connection::Client(_) => None,
    }
}

#[test]
fn c3_over_tls_the_handshake_comes_before_the_client() {
    struct Secure;
    impl Client for Secure {
        fn on_connect(&mut self, connection: &mut Connection<'_>) {
            let session = connection.tls().expect("it is there already");
            assert_eq!(server_name(session), Some("localhost"));
            assert!(!session.is_handshaking());
        }
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            let name = exchange.tls().and_then(server_name).unwrap_or_default().to_owned();
            exchange.ok("text/plain", name);
        }
    }
    let identity = Identity::new();
    let watcher = Watcher::default();
    let made = Log::default();
    let notes = made.clone();
    let live = Live::serve(builder(&identity).observer(watcher.clone()), move |peer| {
        assert!(peer.is_tls());
        notes.note("create");
        Secure
    });
    let silent = live.connect();
    let mut stream = identity.connect(live.addr(), identity.client_config(&VERSIONS));
    let answer = {
        stream.write_all(get("/").as_bytes()).unwrap();
        real::read_answer(&mut stream)
    };
    assert!(answer.ends_with("localhost"), "{answer}");
    assert_eq!(made.count("create"), 1, "none for who does not shake hands");
    drop(silent);
    real::wait_until(|| watcher.log.has("tls error"));
    assert_eq!(made.count("create"), 1);
}

#[test]
fn c4_a_full_tls_listener_refuses_before_the_handshake() {
    let identity = Identity::new();
    let watcher = Watcher::default();
    let builder = builder(&identity).observer(watcher.clone()).limits(|limits| limits.connections_max = 1);
    let live = Live::serve(builder, |_peer| Probe::default());
    let mut first = identity.connect(live.addr(), identity.client_config(&VERSIONS));
    first.write_all(get("/").as_bytes()).unwrap();
    real::read_answer(&mut first);
    let mut second = live.connect();
    assert!(real::is_gone(&mut second), "closed, though it has not said a byte");
    assert_eq!(watcher.log.events().last().map(String::as_str), Some("refused Full"));
}

#[test]
fn t10_plain_text_on_a_tls_port_gets_a_400_and_a_close() {
    let identity = Identity::new();
    let watcher = Watcher::default();
    let live = Live::serve(builder(&identity).observer(watcher.clone()), |_peer| Probe::default());
    let mut stream = live.connect();
    stream.write_all(get("/").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(statuses(&answer), [400]);
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    assert!(head.contains("\r\nConnection: close"), "{answer}");
    real::wait_until(|| watcher.log.has("tls error"));
}

#[test]
fn t11_a_handshake_has_10_s() {
    let identity = Identity::new();
    let watcher = Watcher::default();
    let mut server = server(&identity, Limits::default(), watcher.clone(), Probe::default);
    let far = server.connect();
    // Half a record, and a further byte now and then: the time is absolute.
    far.send(b"\x16\x03\x01\x02\x00");
    for _ in 0..9 {
        server.advance(SECOND);
        far.send(b"\x01");
    }
    server.advance(SECOND - MS);
    assert!(!far.is_reset() && watcher.log.events().is_empty());
    server.advance(MS);
    assert!(far.is_reset());
    assert_eq!(watcher.log.events(), ["tls error Timeout(Handshake)"]);
}

/// Says each line back, and begins TLS at the command.
struct StartsTls(Arc<rustls::ServerConfig>, Log);

impl Client for StartsTls {
    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        let line = text(line);
        self.1.note(line.clone());
        raw.send(format!("{line}!\n"));
        if line == "STARTTLS" {
            raw.start_tls(self.0.clone()).unwrap();
            assert!(raw.start_tls(self.0.clone()).is_err(), "it can't begin twice");
        }
    }

    fn on_secure(&mut self, raw: &mut Raw<'_>) {
        self.1.note("secure");
        raw.send("welcome\n");
    }

    fn on_disconnect(&mut self, _: &mut Connection<'_>, end: &Disconnect) {
        self.1.note(format!("{:?}", end.reason));
    }
}

fn starts_tls(identity: &Identity) -> (TestServer, Log) {
    let (config, log) = (identity.server_config(), Log::default());
    let notes = log.clone();
    (TestServer::new(move |_peer| StartsTls(config.clone(), notes.clone())), log)
}

#[test]
fn t10_a_line_protocol_starts_tls() {
    let identity = Identity::new();
    for version in VERSIONS {
        let (mut server, log) = starts_tls(&identity);
        let far = server.connect_to(listener::LINES);
        far.send(b"plain\nSTARTTLS\n");
        server.run();
        assert_eq!(text(&far.take()), "plain!\nSTARTTLS!\n");
        let mut peer = Secured::new(far, identity.client_config(&[version]));
        assert_eq!(text(&peer.say(&mut server, "")), "welcome\n");
        assert_eq!(text(&peer.say(&mut server, "inside\nand again\n")), "inside!\nand again!\n");
        assert_eq!(log.events(), ["plain", "STARTTLS", "secure", "inside", "and again"]);
    }
}

/// An attacker on the path may add commands after STARTTLS: none of them must be taken for one that came over TLS.
#[test]
fn t10_plain_text_after_starttls_ends_the_connection() {
    let identity = Identity::new();
    let bytes = b"STARTTLS\nMAIL FROM:<evil>\nRCPT TO:<you>\n";
    for cut in 0..bytes.len() {
        let (mut server, log) = starts_tls(&identity);
        let far = server.connect_to(listener::LINES);
        for part in [&bytes[..cut], &bytes[cut..]] {
            far.send(part);
            server.run();
        }
        assert!(far.has_server_finished() || far.is_reset(), "cut at {cut}");
        far.finish();
        server.run();
        assert_eq!(log.events(), ["STARTTLS", "Tls"], "cut at {cut}");
    }
}

#[test]
fn t10_a_handshake_that_does_not_begin_has_a_deadline() {
    let identity = Identity::new();
    let (mut server, log) = starts_tls(&identity);
    let far = server.connect_to(listener::LINES);
    far.send(b"STARTTLS\n");
    server.run();
    server.advance(Limits::default().reactor.handshake);
    assert_eq!(log.events(), ["STARTTLS", "Timeout(Handshake)"]);
    assert_eq!(server.handle().count(), 0);
}

/// Where the search for the end of a line had come to was kept, and so the first lines inside TLS were not found.
#[test]
fn t10_lines_inside_tls_are_searched_from_their_beginning() {
    let identity = Identity::new();
    let config = identity.server_config();
    let log = Log::default();
    let notes = log.clone();
    let mut server = TestServer::new(move |_peer| {
        let probe = Probe {
            on_post: |_, connection, value| {
                let config = *value.downcast().expect("a configuration");
                connection
                    .as_raw()
                    .expect("it speaks lines")
                    .start_tls(config)
                    .expect("it is plain and open");
            },
            ..Probe::default()
        };
        probe.noted_in(&notes)
    });
    let mut peer = Secured::new(server.connect_to(listener::LINES), identity.client_config(&VERSIONS));
    let hello = peer.hello();
    // These bytes are in the input buffer, as the beginning of a line, when TLS begins.
    peer.far.send(&hello[..3]);
    server.run();
    let id = server.wires().ids().next().expect("one");
    server.handle().post(id, config).expect("it is there");
    server.run();
    peer.far.send(&hello[3..]);
    assert_eq!(text(&peer.say(&mut server, "a\n")), "a\n");
    assert_eq!(log.events(), ["connect", "post", "line a"]);
}
