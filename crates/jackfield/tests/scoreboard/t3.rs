//! T1, T3 and T8 of docs/features.md: hosts that are found when somebody asks for them, challenges of ACME, and handshakes on
//! threads of their own.

use crate::{support, tls};
use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    Access, AcmeChallenges, Authenticator, Handle, Host, Limits, Listener, Peer, Reason, Request, Server,
    Timeout,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::get;
use support::probe::{Log, Probe, Watcher};
use support::real::{self, Live};
use tls::{Authority, Secured};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A server in memory, and what its factory has seen of each handshake: the tag of the host.
fn serve(options: TestOptions) -> (TestServer, Log, Log) {
    let (seen, watcher) = (Log::default(), Watcher::default());
    let (log, told) = (seen.clone(), watcher.log.clone());
    let options = TestOptions { observer: Arc::new(watcher), ..options };
    let server = TestServer::with_options(options, move |peer: &Peer| {
        log.note(format!("{:?}", peer.tls().and_then(|facts| facts.host_tag())));
        Probe::default()
    });
    (server, seen, told)
}

fn visit(server: &mut TestServer, name: &str, config: &ClientConfig, seen: &Log) -> String {
    let mut peer = Secured::to(name, server.connect_to(0), config.clone());
    if let Err(error) = peer.shake_hands(server) {
        return error.to_string();
    }
    peer.finish(server);
    seen.take().join(", ")
}

#[test]
fn t3_a_host_is_looked_up_when_a_client_asks_for_it() {
    let authority = Arc::new(Authority::new("servers"));
    for is_strict in [false, true] {
        let (asked, issuer) = (Log::default(), authority.clone());
        let calls = asked.clone();
        let listener =
            Listener::tcp("in memory").host(authority.host("usual.example").tag(1)).strict_sni(is_strict);
        let listener = listener.missing_host(move |missing| {
            let alpn: Vec<_> = missing.alpn().map(String::from_utf8_lossy).collect();
            calls.note(format!("{} {}", missing.name(), alpn.join("+")));
            match missing.name() {
                "found.example" => Some(issuer.host("*.example").name("found.example").tag(2)),
                "invalid.example" => Some(Host::new("invalid.example").certificate("no.pem", "no.key")),
                "bad.example" => panic!("on purpose"),
                _ => None,
            }
        });
        let (mut server, seen, _) =
            serve(TestOptions { listeners: vec![listener], ..TestOptions::default() });
        let mut config = authority.client(None, &VERSIONS);
        config.dangerous().set_certificate_verifier(tls::Anybody::usual());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut nameless = config.clone();
        nameless.enable_sni = false;
        let unknown = "received fatal alert: UnrecognisedName";
        let usual = if is_strict { unknown } else { "Some(1)" };
        let rows = [
            (&config, "usual.example", "Some(1)", ""),
            (&config, "other.test", usual, "other.test http/1.1"),
            (&config, "other.test", usual, "other.test http/1.1"),
            (&config, "found.example", "Some(2)", "found.example http/1.1"),
            // It is kept, but its star answers for no name that was not asked for.
            (&config, "found.example", "Some(2)", ""),
            (&config, "x.example", usual, "x.example http/1.1"),
            (&config, "usual.example", "Some(1)", ""),
            (&nameless, "found.example", usual, ""),
        ];
        for (config, name, expected, called) in rows {
            assert_eq!(visit(&mut server, name, config, &seen), expected, "{name}");
            assert_eq!(asked.take().join(", "), called, "{name}");
        }
        // Until the reload.
        server.handle().reload_tls().unwrap();
        // With a host that can't be used no handshake goes on, nor after a panic.
        for (name, expected) in
            [("invalid.example", unknown), ("bad.example", unknown), ("found.example", "Some(2)")]
        {
            assert_eq!(visit(&mut server, name, &config, &seen), expected, "{name}");
            assert_eq!(asked.take(), [format!("{name} http/1.1")]);
        }
    }
}

/// A hello whose host was found on a thread was answered beside the handshakes that a turn may go on with.
#[test]
fn t1_hosts_that_were_found_count_among_the_handshakes_of_a_turn() {
    let authority = Arc::new(Authority::new("servers"));
    let issuer = authority.clone();
    let listener = Listener::tcp("in memory").host(authority.host("usual.example"));
    let listener = listener.missing_host(move |missing| Some(issuer.host(missing.name())));
    let mut options = TestOptions { listeners: vec![listener], ..TestOptions::default() };
    options.limits.reactor.handshakes_per_turn = 1;
    let (mut server, ..) = serve(options);
    let config = authority.client(None, &VERSIONS);
    let names = (0..10).flat_map(|late| ["usual.example".to_owned(), format!("late{late}.example")]);
    let mut peers: Vec<Secured> =
        names.map(|name| Secured::to(&name, server.connect_to(0), config.clone())).collect();
    let before = server.handle().metrics().turns;
    peers.iter_mut().for_each(|peer| peer.send(""));
    server.run();
    assert!(peers.iter().all(|peer| peer.far.bytes_received() > 0));
    // Each of twenty is read, and each of ten is answered later, and then read on.
    let turns = server.handle().metrics().turns - before;
    assert!((40..50).contains(&turns), "{turns} turns");
}

/// It was kept, as it had been found before the reload.
#[test]
fn t3_a_host_that_was_found_during_a_reload_is_looked_up_again() {
    let authority = Arc::new(Authority::new("servers"));
    let (asked, reloads) = (Log::default(), Arc::new(Mutex::new(None::<Handle>)));
    let (calls, reload, issuer) = (asked.clone(), reloads.clone(), authority.clone());
    let listener = Listener::tcp("in memory").host(authority.host("usual.example"));
    let listener = listener.missing_host(move |missing| {
        calls.note(missing.name());
        let host = issuer.host(missing.name()).tag(2);
        let handle = reload.lock().unwrap().take();
        if let Some(handle) = handle {
            handle.reload_tls().unwrap();
        }
        Some(host)
    });
    let (mut server, seen, _) = serve(TestOptions { listeners: vec![listener], ..TestOptions::default() });
    *reloads.lock().unwrap() = Some(server.handle());
    let config = authority.client(None, &VERSIONS);
    for called in ["late.example", "late.example", ""] {
        assert_eq!(visit(&mut server, "late.example", &config, &seen), "Some(2)");
        assert_eq!(asked.take().join(", "), called);
    }
}

/// What came together with the end of a handshake, and was more than one read, was not read on.
#[test]
fn t3_bytes_with_the_end_of_a_deferred_handshake_are_all_read() {
    let authority = Arc::new(Authority::new("servers"));
    let issuer = authority.clone();
    let listener = Listener::tcp("127.0.0.1:0").host(authority.host("usual.example"));
    let listener = listener.missing_host(move |missing| Some(issuer.host(missing.name())));
    let server = Server::builder().listen(listener).reactors(1);
    let server = server.limits(|limits| limits.reactor.read_bytes = 1024);
    let live = Live::serve(server, |_peer| Probe::default());
    let body = "x".repeat(30_000);
    for (number, version) in VERSIONS.into_iter().enumerate() {
        let name = format!("late{number}.example");
        let length = body.len();
        let request = format!("POST / HTTP/1.1\r\nHost: {name}\r\nContent-Length: {length}\r\n\r\n{body}");
        let name = ServerName::try_from(name).unwrap();
        let config = authority.client(None, &[version]);
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = live.connect();
        session.writer().write_all(request.as_bytes()).unwrap();
        while session.is_handshaking() {
            // The last flight and the request leave in one write.
            let mut flight = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut flight).unwrap();
            }
            stream.write_all(&flight).unwrap();
            if session.is_handshaking() {
                session.read_tls(&mut stream).unwrap();
                session.process_new_packets().unwrap();
            }
        }
        let answer = real::read_answer(&mut StreamOwned::new(session, stream));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{version:?}: {answer}");
    }
}

/// Shakes hands over a socket.
fn open(
    live: &Live,
    name: &str,
    config: &ClientConfig,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    let mut stream = StreamOwned::new(session, live.connect());
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Opens a session of this server name, and asks its host.
fn ask(live: &Live, name: &str, config: &ClientConfig) {
    let mut stream = open(live, name, config).unwrap();
    stream.write_all(get("/").replace("Host: h", &format!("Host: {name}")).as_bytes()).unwrap();
    assert!(real::read_answer(&mut stream).ends_with("GET / "));
}

#[test]
fn t3_the_reactor_goes_on_while_a_host_is_looked_up() {
    let authority = Arc::new(Authority::new("servers"));
    let (found, wait) = channel::<()>();
    let (wait, issuer) = (Mutex::new(wait), authority.clone());
    let (asked, questions) = channel();
    let listener = Listener::tcp("127.0.0.1:0").host(authority.host("usual.example"));
    let listener = listener.missing_host(move |missing| {
        asked.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
        Some(issuer.host(missing.name()))
    });
    let live = Live::serve(Server::builder().listen(listener).reactors(1), |_peer| Probe::default());
    let config = authority.client(None, &VERSIONS);
    std::thread::scope(|scope| {
        let late = scope.spawn(|| ask(&live, "late.example", &config));
        questions.recv().unwrap();
        // There is one reactor, and it is free.
        (0..3).for_each(|_| ask(&live, "usual.example", &config));
        assert!(!late.is_finished());
        found.send(()).unwrap();
        late.join().unwrap();
    });
    // A client that leaves while its host is looked up has no effect on others.
    let name = ServerName::try_from("left.example").unwrap();
    let mut left = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    let mut stream = live.connect();
    left.write_tls(&mut stream).unwrap();
    questions.recv().unwrap();
    drop(stream);
    // Once for that one, and once for the next, that may come before it is kept.
    (0..2).for_each(|_| found.send(()).unwrap());
    ask(&live, "left.example", &config);
}

#[test]
fn t3_a_host_not_found_in_time_ends_at_the_handshake_deadline() {
    let authority = Authority::new("servers");
    let (found, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let watcher = Watcher::default();
    let listener = Listener::tcp("127.0.0.1:0").host(authority.host("usual.example"));
    let listener = listener.missing_host(move |_missing| {
        // Until the test ends.
        let _ = wait.lock().unwrap().recv();
        None
    });
    let builder = Server::builder().listen(listener).reactors(1).observer(watcher.clone());
    let builder = builder.limits(|limits: &mut Limits| limits.reactor.handshake = Duration::from_millis(200));
    let live = Live::serve(builder, |_peer| Probe::default());
    assert!(open(&live, "late.example", &authority.client(None, &VERSIONS)).is_err());
    real::wait_until(|| watcher.log.has("tls error Timeout(Handshake)"));
    assert_eq!(live.handle.metrics().ended(Reason::Timeout(Timeout::Handshake)), 1);
    drop(found);
}

/// A certificate for a challenge, as a crate that speaks ACME makes one (RFC 8737 section 3).
fn challenge(name: &str) -> (Vec<u8>, String, String) {
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(&[7; 32])];
    let made = tls::Identity::with_params(&params, &rcgen::PKCS_ECDSA_P256_SHA256);
    let (chain, key) = made.pem();
    (made.certificate.der().to_vec(), chain, key)
}

#[test]
fn t8_a_challenge_by_alpn_is_answered_and_no_client_is_made() {
    let authority = Authority::new("servers");
    let challenges = AcmeChallenges::default();
    let listener = |host| Listener::tcp("in memory").host(host);
    let listeners =
        vec![listener(authority.host("a.example").tag(1)), listener(authority.host("other.example"))];
    let options = TestOptions { listeners, acme: Some(challenges.clone()), ..TestOptions::default() };
    let (mut server, seen, told) = serve(options);
    let shown = tls::Anybody::usual();
    let usual = {
        let mut config = authority.client(None, &VERSIONS);
        config.dangerous().set_certificate_verifier(shown.clone());
        config
    };
    let mut asking = usual.clone();
    asking.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let unknown = "received fatal alert: UnrecognisedName";
    assert_eq!(visit(&mut server, "a.example", &asking, &seen), unknown);
    let (der, chain, key) = challenge("a.example");
    challenges.add_tls_answer("A.example", chain, key).unwrap();
    for at in [0, 1] {
        let mut peer = Secured::to("a.example", server.connect_to(at), asking.clone());
        peer.shake_hands(&mut server).unwrap();
        assert_eq!(*shown.certificate.lock().unwrap(), der);
        assert_eq!(peer.alpn(), Some(&b"acme-tls/1"[..]));
        assert!(peer.has_heard_goodbye() && seen.take().is_empty());
        peer.finish(&mut server);
        // Others see nothing of it.
        assert_eq!(visit(&mut server, "a.example", &usual, &seen), "Some(1)");
        assert_ne!(*shown.certificate.lock().unwrap(), der);
    }
    assert_eq!(visit(&mut server, "b.example", &asking, &seen), unknown);
    challenges.remove("a.example");
    assert_eq!(visit(&mut server, "a.example", &asking, &seen), unknown);
    assert_eq!(told.take(), ["tls error Tls"; 3]);
    assert_eq!(server.handle().count(), 0);
    let faults = challenges.add_tls_answer("a.example", "garbage", "garbage").unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    // The number of challenges is bounded.
    let (_, chain, key) = challenge("a.example");
    let add =
        |number: usize| challenges.add_tls_answer(&format!("{number}.example"), chain.clone(), key.clone());
    let taken = (0..2000).take_while(|number| add(*number).is_ok()).count();
    assert_eq!(taken, 1024);
    let faults = add(1024).unwrap_err();
    assert!(faults.len() == 1 && faults[0].contains("too many answers"), "{faults:?}");
    assert!(add(7).is_ok(), "it has its place");
}

/// Allows no other request than one for `/.well-known/other`.
struct OnlyOther;

impl Authenticator for OnlyOther {
    fn check(&self, request: &Request<'_>, _peer: Option<SocketAddr>) -> Access {
        if request.path() == "/.well-known/other" { Access::Allow } else { Access::Deny }
    }
}

#[test]
fn t8_a_challenge_by_http_is_answered_before_any_client() {
    let challenges = AcmeChallenges::default();
    assert!(challenges.add_http_answer("token", "token.thumbprint"));
    let seen = Log::default();
    let log = seen.clone();
    // The authority has no password.
    let listener = || Listener::tcp("in memory");
    let options = TestOptions {
        listeners: vec![listener(), listener(), listener().status()],
        acme: Some(challenges.clone()),
        authenticator: Some(Arc::new(OnlyOther)),
        ..TestOptions::default()
    };
    let server = TestServer::with_options(options, move |_peer| Probe::default().noted_in(&log));
    for at in [0, 1] {
        let answer = server.http_to(at).get("/.well-known/acme-challenge/token").send();
        assert_eq!((answer.status(), answer.text()), (200, "token.thumbprint"));
        assert_eq!(answer.header("Content-Type"), Some("application/octet-stream"));
    }
    // It has the server's own pages only.
    assert_eq!(server.http_to(2).get("/.well-known/acme-challenge/token").send().status(), 404);
    for path in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/other"] {
        assert_eq!(server.get(path).send().status(), 404, "{path}");
    }
    assert_eq!(server.post("/.well-known/acme-challenge/token").send().status(), 405);
    assert_eq!(seen.count("request"), 0);
    assert_eq!(server.get("/.well-known/other").send().status(), 200);
    assert_eq!(seen.count("request"), 1);
    challenges.remove("token");
    assert_eq!(server.get("/.well-known/acme-challenge/token").send().status(), 404);
    // The number of challenges is bounded.
    let taken =
        (0..2000).take_while(|number| challenges.add_http_answer(number.to_string(), "answer")).count();
    assert_eq!(taken, 1024);
    assert!(challenges.add_http_answer("7", "another"), "it has its place");
}

#[test]
fn t1_handshakes_may_run_on_separate_threads() {
    let authority = Authority::new("servers");
    let watcher = Watcher::default();
    let listener = Listener::tcp("127.0.0.1:0").host(authority.host("a.example"));
    let builder = Server::builder().listen(listener.clone()).reactors(1).observer(watcher.clone());
    let live = Live::serve(builder.handshake_threads(2), |_peer| Probe::default());
    for version in VERSIONS {
        let config = authority.client(None, &[version]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                // The later ones are resumed.
                scope.spawn(|| (0..4).for_each(|_| ask(&live, "a.example", &config)));
            }
        });
        // A client without a common protocol gets an alert, and a client that has left is not waited for.
        let mut other = config.clone();
        other.alpn_protocols = vec![b"h2".to_vec()];
        let error = open(&live, "a.example", &other).unwrap_err().to_string();
        assert!(error.contains("NoApplicationProtocol"), "{error}");
        for _ in 0..8 {
            let name = ServerName::try_from("a.example").unwrap();
            let mut session = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
            session.write_tls(&mut live.connect()).unwrap();
        }
    }
    real::wait_until(|| watcher.log.count("tls error Tls") == 2 && live.handle.count() == 0);
    let error = Server::builder().listen(listener).handshake_threads(65).bind().unwrap_err().to_string();
    assert!(error.contains("`handshake_threads` must be 0 to 64"), "{error}");
}

/// Input after the hello that breaks TLS is found, however the hello was answered.
#[test]
fn t1_garbage_after_the_hello_ends_with_an_alert() {
    let authority = Authority::new("servers");
    let watcher = Watcher::default();
    let listener = Listener::tcp("127.0.0.1:0").host(authority.host("a.example"));
    for threads in [0, 1] {
        let builder = Server::builder().listen(listener.clone()).reactors(1).observer(watcher.clone());
        let live = Live::serve(builder.handshake_threads(threads), |_peer| Probe::default());
        let name = ServerName::try_from("a.example").unwrap();
        let config = authority.client(None, &VERSIONS);
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        session.write_tls(&mut bytes).unwrap();
        bytes.extend_from_slice(b"garbage that is no record");
        let mut stream = live.connect();
        stream.write_all(&bytes).unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        // The flight of the server, then an encrypted alert, and no reset.
        assert_eq!(heard.first(), Some(&22), "{heard:?}");
        real::wait_until(|| watcher.log.count("tls error Tls") == threads + 1);
    }
}
