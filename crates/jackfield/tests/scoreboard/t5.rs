//! T5 and C2 of docs/features.md: the facts of a handshake, and the factory that sees them.

use crate::{support, tls};
use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    BodyPlan, Client, Connection, Disconnect, Exchange, FailedHandshake, Message, Observer, Peer, Reason,
    Refuse, Request, Timeout, TimerId, Upgrade, WebSocket,
};
use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, ProtocolVersion, SupportedProtocolVersion};
use std::any::Any;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::probe::{Log, Probe, Watcher};
use support::{get, socket, statuses};
use tls::{Authority, Identity, Secured};

const TLS12: &SupportedProtocolVersion = &rustls::version::TLS12;
const TLS13: &SupportedProtocolVersion = &rustls::version::TLS13;

fn options(config: rustls::ServerConfig) -> TestOptions {
    TestOptions { tls: Some(Arc::new(config)), ..TestOptions::default() }
}

/// Each handshake, as the factory sees it, and what it is to see.
#[test]
fn t5_the_factory_sees_the_result_of_the_handshake() {
    let (identity, authority) = (Identity::new(), Authority::new("clients"));
    let mut config = identity.server_config_with_clients(&authority);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (seen, client) = (Log::default(), authority.issue("client.example"));
    let (log, chain) = (seen.clone(), client.chain.clone());
    let mut server = TestServer::with_options(options(config), move |peer: &Peer| {
        let facts = peer.tls().expect("its handshake is over");
        let (name, alpn) = (facts.server_name().unwrap_or("none"), facts.alpn().unwrap_or(b"none"));
        let (version, count) = (facts.version(), facts.certificates().len());
        assert!(count == 0 || facts.certificates() == chain, "another certificate");
        let suite = facts.cipher_suite();
        let is_tls13 = suite == CipherSuite::TLS13_AES_256_GCM_SHA384;
        assert!(peer.is_tls() && (version == ProtocolVersion::TLSv1_3) == is_tls13, "{version:?} {suite:?}");
        let alpn = String::from_utf8_lossy(alpn);
        log.note(format!("{version:?} {name} {alpn} resumed {} certificates {count}", facts.is_resumed()));
        Probe::default()
    });
    for (version, name) in [(TLS12, "TLSv1_2"), (TLS13, "TLSv1_3")] {
        let mut with_alpn = identity.client_config(&[version]);
        with_alpn.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut without_name = identity.client_config(&[version]);
        without_name.enable_sni = false;
        let with_certificate = identity.client_config_as(&client, &[version]);
        let rows = [
            (&with_alpn, "localhost http/1.1 resumed false certificates 0"),
            (&with_alpn, "localhost http/1.1 resumed true certificates 0"),
            (&without_name, "none none resumed false certificates 0"),
            (&with_certificate, "localhost none resumed false certificates 1"),
            (&with_certificate, "localhost none resumed true certificates 1"),
        ];
        for (config, expected) in rows {
            let mut peer = Secured::new(server.connect(), config.clone());
            assert_eq!(statuses(&peer.say(&mut server, get("/"))), [200], "{name} {expected}");
            assert_eq!(seen.take(), [format!("{name} {expected}")]);
            peer.finish(&mut server);
        }
    }
}

/// All that a peer tells of its handshake.
#[derive(Debug, PartialEq)]
struct Facts {
    version: ProtocolVersion,
    cipher_suite: CipherSuite,
    server_name: Option<String>,
    alpn: Option<Vec<u8>>,
    is_resumed: bool,
    certificates: Vec<CertificateDer<'static>>,
}

/// Notes in each callback what it can know of the handshake.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<(&'static str, Facts)>>>);

impl Witness {
    fn note(&self, callback: &'static str, peer: &Peer) {
        let facts = peer.tls().expect("its handshake is over");
        let facts = Facts {
            version: facts.version(),
            cipher_suite: facts.cipher_suite(),
            server_name: facts.server_name().map(str::to_owned),
            alpn: facts.alpn().map(<[u8]>::to_vec),
            is_resumed: facts.is_resumed(),
            certificates: facts.certificates().to_vec(),
        };
        self.0.lock().unwrap().push((callback, facts));
    }
}

impl Client for Witness {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.note("connect", &connection.peer());
    }

    fn on_head(&mut self, connection: &mut Connection<'_>, _request: &Request<'_>) -> BodyPlan {
        self.note("head", &connection.peer());
        BodyPlan::Collect
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.note("request", &exchange.peer());
        exchange.ok("text/plain", "hello");
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _request: &Request<'_>) {
        self.note("upgrade", &upgrade.peer());
        upgrade.accept();
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.note("open", &socket.peer());
        socket.set_timer(TimerId(1), Duration::from_secs(1));
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.note("message", &socket.peer());
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, _value: Box<dyn Any + Send>) {
        self.note("post", &connection.peer());
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        self.note("timer", &connection.peer());
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        self.note("disconnect", &connection.peer());
    }
}

#[test]
fn t5_each_callback_sees_the_facts_that_the_factory_saw() {
    const CALLBACKS: [&str; 10] =
        ["create", "connect", "head", "request", "upgrade", "open", "message", "post", "timer", "disconnect"];
    let (identity, authority) = (Identity::new(), Authority::new("clients"));
    let mut config = identity.server_config_with_clients(&authority);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (own, witness) = (authority.issue("client.example"), Witness::default());
    let made = witness.clone();
    let mut server = TestServer::with_options(options(config), move |peer: &Peer| {
        made.note("create", peer);
        made.clone()
    });
    for version in [TLS12, TLS13] {
        let mut config = identity.client_config_as(&own, &[version]);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        for is_resumed in [false, true] {
            let mut peer = Secured::new(server.connect(), config.clone());
            let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
            assert_eq!(statuses(&peer.say(&mut server, post)), [200]);
            assert_eq!(statuses(&peer.say(&mut server, socket::UPGRADE)), [101]);
            peer.say(&mut server, socket::text("x"));
            let id = server.wires().ids().next().expect("one");
            server.handle().post(id, ()).expect("it is there");
            server.run();
            server.advance(Duration::from_secs(1));
            peer.finish(&mut server);
            let seen = std::mem::take(&mut *witness.0.lock().unwrap());
            assert_eq!(seen.iter().map(|(callback, _)| *callback).collect::<Vec<_>>(), CALLBACKS);
            let expected = Facts {
                version: version.version,
                cipher_suite: seen[0].1.cipher_suite,
                server_name: Some("localhost".into()),
                alpn: Some(b"http/1.1".to_vec()),
                is_resumed,
                certificates: own.chain.clone(),
            };
            for (callback, facts) in &seen {
                assert_eq!(*facts, expected, "{callback}");
            }
        }
    }
}

#[test]
fn t5_without_tls_there_are_no_facts() {
    let server = TestServer::new(|peer: &Peer| {
        assert!(peer.tls().is_none() && !peer.is_tls());
        Probe::default()
    });
    assert_eq!(server.get("/").send().status(), 200);
}

/// Keeps the handshakes that failed.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<FailedHandshake>>>);

impl Observer for Failures {
    fn on_tls_error(&self, failed: &FailedHandshake) {
        self.0.lock().unwrap().push(failed.clone());
    }
}

#[test]
fn t5_a_failed_handshake_is_reported_with_address_and_reason() {
    let identity = Identity::new();
    let failures = Failures::default();
    let mut config = Arc::into_inner(identity.server_config()).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let observed = TestOptions { observer: Arc::new(failures.clone()), ..options(config) };
    let mut server =
        TestServer::with_options(observed, |_peer| -> Probe { unreachable!("no client is made") });
    let mut hello = identity.client_config(&[TLS13]);
    hello.alpn_protocols = vec![b"h2".to_vec()];
    let hello = Secured::new(server.connect(), hello).hello();
    // The connection for which it was made stays silent.
    server.advance(Duration::from_secs(10));
    failures.0.lock().unwrap().clear();
    let rows: [(&[u8], &str, Option<&str>, &str); 4] = [
        (&hello, "known protocol", Some("localhost"), "Tls"),
        (b"GET / HTTP/1.1\r\n\r\n", "does not speak TLS", None, "Tls"),
        (b"\x16garbage of some length", "corrupt message", None, "Tls"),
        (&hello[..9], "the TLS handshake did not end in time", None, "Timeout(Handshake)"),
    ];
    for (number, (bytes, error, server_name, reason)) in rows.into_iter().enumerate() {
        let from = ([192, 0, 2, 7], number as u16).into();
        let far = server.connect_from(from, 0);
        far.send(bytes);
        server.advance(Duration::from_secs(10));
        let failed = failures.0.lock().unwrap().pop().unwrap_or_else(|| panic!("{error}"));
        assert_eq!(failed.peer.addr().as_ip(), Some(from));
        assert!(failed.error.contains(error), "{failed:?}");
        assert_eq!((failed.server_name.as_deref(), &*format!("{:?}", failed.reason)), (server_name, reason));
        assert!(failed.peer.tls().is_none() && failed.peer.is_tls());
    }
    let metrics = server.handle().metrics();
    let late = metrics.ended(Reason::Timeout(Timeout::Handshake));
    // The first connection was silent.
    assert_eq!((metrics.ended(Reason::Tls), late), (3, 2));
}

/// It accepts or refuses by the requested name and by the client's certificate.
#[test]
fn c2_the_factory_sees_name_protocol_and_certificate_and_may_refuse() {
    let (identity, authority) = (Identity::new(), Authority::new("clients"));
    let mut config = identity.server_config_with_clients(&authority);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let watcher = Watcher::default();
    let observed = TestOptions { observer: Arc::new(watcher.clone()), ..options(config) };
    let mut server = TestServer::with_options(observed, |peer: &Peer| {
        let facts = peer.tls().expect("its handshake is over");
        let is_member = !facts.certificates().is_empty();
        let speaks_http = facts.alpn() == Some(b"http/1.1");
        if facts.server_name() == Some("localhost") && speaks_http && is_member {
            Ok(Probe::default())
        } else {
            Err(Refuse::Banner(b"members only".to_vec()))
        }
    });
    let client = authority.issue("client.example");
    let http = |mut config: rustls::ClientConfig| {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    };
    let member = http(identity.client_config_as(&client, &[TLS12, TLS13]));
    let mut nameless = member.clone();
    nameless.enable_sni = false;
    let rows = [
        (member.clone(), "HTTP/1.1 200 OK"),
        (http(identity.client_config(&[TLS13])), "members only"),
        (identity.client_config_as(&client, &[TLS13]), "members only"),
        (nameless, "members only"),
    ];
    for (config, expected) in rows {
        let mut peer = Secured::new(server.connect(), config);
        // A refused connection is not read any more.
        let heard = peer.say(&mut server, "");
        let heard = if heard.is_empty() { peer.say(&mut server, get("/")) } else { heard };
        assert!(heard.starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&heard));
    }
    assert_eq!(watcher.log.count("refused Factory"), 3);
}
