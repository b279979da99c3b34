//! Which host a peer of TLS gets, when it is looked up, and ends that were cut.

use crate::{support, tls};
use jackfield::test::{TestOptions, TestServer};
use jackfield::{Client, ClientAuth, Exchange, Listener, Peer, Raw, Relay, Request, Server};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::probe::{Log, Probe, Watcher};
use support::real::{self, Live};
use support::{get, text};
use tls::{Authority, Identity, Secured};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A server with this listener, and the tags of the hosts that its peers get.
fn serve(listener: Listener) -> (TestServer, Log) {
    let seen = Log::default();
    let log = seen.clone();
    let options = TestOptions { listeners: vec![listener], ..TestOptions::default() };
    let server = TestServer::with_options(options, move |peer: &Peer| {
        log.note(format!("{:?}", peer.tls().and_then(|facts| facts.host_tag())));
        Probe::default()
    });
    (server, seen)
}

/// What a peer gets that asks for this name: the tag of a host, or an alert.
fn visit(server: &mut TestServer, name: &str, config: &ClientConfig, seen: &Log) -> String {
    let mut peer = Secured::to(name, server.connect_to(0), config.clone());
    if peer.shake_hands(server).is_err() {
        return "alert".into();
    }
    peer.finish(server);
    seen.take().join(", ")
}

/// A peer that takes any certificate.
fn anybody(authority: &Authority, version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut config = authority.client(None, &[version]);
    config.dangerous().set_certificate_verifier(tls::Anybody::usual());
    config
}

/// An earlier star took the name of a later host, and nobody was asked for a certificate there.
#[test]
fn i352_a_name_goes_before_a_star_wherever_it_is() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let required = ClientAuth::required(clients.file("i352-roots"));
    let star = servers.host("*.a.example").tag(1);
    let staff = servers.host("staff.a.example").tag(2).client_auth(required);
    for hosts in [[star.clone(), staff.clone()], [staff, star]] {
        let listener = hosts.into_iter().fold(Listener::tcp("in memory"), Listener::host);
        let (mut server, seen) = serve(listener);
        for version in VERSIONS {
            let config = anybody(&servers, version);
            for (name, expected) in [("open.a.example", "Some(1)"), ("Staff.a.example", "alert")] {
                assert_eq!(visit(&mut server, name, &config, &seen), expected, "{name} {version:?}");
            }
        }
    }
}

/// The same for hosts that were found on demand: the newest was taken, with a star or without.
#[test]
fn i352_a_name_that_was_found_goes_before_a_star_that_was_found_later() {
    let authority = Arc::new(Authority::new("servers"));
    let issuer = authority.clone();
    let listener = Listener::tcp("in memory").host(authority.host("usual.example"));
    let listener = listener.missing_host(move |missing| match missing.name() {
        "one.example" => Some(issuer.host("one.example").name("staff.b.example").tag(1)),
        "two.example" | "open.b.example" => Some(issuer.host("two.example").name("*.b.example").tag(2)),
        _ => None,
    });
    let (mut server, seen) = serve(listener);
    let config = anybody(&authority, VERSIONS[1]);
    for (name, expected) in [
        ("one.example", "Some(1)"),
        ("two.example", "Some(2)"),
        ("staff.b.example", "Some(1)"),
        ("open.b.example", "Some(2)"),
    ] {
        assert_eq!(visit(&mut server, name, &config, &seen), expected, "{name}");
    }
}

/// The fault: a star that was found took each name below it, so a peer could choose by the order of its questions under which rule
/// it came in.
#[test]
fn i367_a_star_that_was_found_takes_only_the_names_for_which_it_was_found() {
    let (authority, clients) = (Arc::new(Authority::new("servers")), Authority::new("clients"));
    let (issuer, roots) = (authority.clone(), clients.file("i367-roots"));
    let listener = Listener::tcp("in memory").host(authority.host("usual.example"));
    let asked = Log::default();
    let log = asked.clone();
    let listener = listener.missing_host(move |missing| {
        log.note(missing.name());
        match missing.name() {
            "open.b.example" | "too.b.example" => Some(issuer.host("*.b.example").tag(1)),
            "staff.b.example" => {
                let required = ClientAuth::required(&roots);
                Some(issuer.host("staff.b.example").tag(2).client_auth(required))
            }
            _ => None,
        }
    });
    let (mut server, seen) = serve(listener);
    let config = anybody(&authority, VERSIONS[1]);
    for (name, expected) in [
        ("open.b.example", "Some(1)"),
        ("staff.b.example", "alert"),
        ("too.b.example", "Some(1)"),
        ("staff.b.example", "alert"),
        ("nobody.b.example", "None"),
        ("Open.b.example", "Some(1)"),
        ("too.b.example", "Some(1)"),
    ] {
        assert_eq!(visit(&mut server, name, &config, &seen), expected, "{name}");
    }
    // Each once: what was found is kept.
    assert_eq!(asked.take(), ["open.b.example", "staff.b.example", "too.b.example", "nobody.b.example"]);
}

/// Asks for a host, and waits for nothing.
fn ask_for(name: &str, at: &Live, listener: usize, config: &ClientConfig) -> TcpStream {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut session = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    let mut stream = real::connect(at.addrs[listener]);
    session.write_tls(&mut stream).unwrap();
    stream
}

/// Look-ups that waited longer than their connections were made all the same, and others waited for them.
#[test]
fn i353_no_host_is_looked_up_for_a_connection_that_has_ended() {
    const HASTY: usize = 0;
    const PATIENT: usize = 1;
    const PLAIN: usize = 2;
    let authority = Authority::new("servers");
    let (asked, names) = channel();
    let (free, wait) = channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let listener = |handshake: Duration| {
        let (asked, wait) = (asked.clone(), wait.clone());
        let listener = Listener::tcp("127.0.0.1:0").host(authority.host("usual.example"));
        let listener = listener.limits(move |limits| limits.reactor.handshake = handshake);
        listener.missing_host(move |missing| {
            asked.send(missing.name().to_owned()).unwrap();
            if missing.name() == "slow.example" {
                wait.lock().unwrap().recv().unwrap();
            }
            None
        })
    };
    let watcher = Watcher::default();
    let builder = Server::builder().reactors(1).offload_threads(1).observer(watcher.clone());
    let builder = builder.listen(listener(Duration::from_millis(100))).listen(listener(real::LONG * 60));
    let builder = builder.listen("127.0.0.1:0");
    let live = Live::serve(builder, |_peer| Probe::default());
    let config = authority.client(None, &VERSIONS);
    let _slow = ask_for("slow.example", &live, PATIENT, &config);
    assert_eq!(names.recv().unwrap(), "slow.example");
    // This one waits for the only thread until its deadline.
    let _late = ask_for("late.example", &live, HASTY, &config);
    real::wait_until(|| watcher.log.has("tls error Timeout(Handshake)"));
    // The reactor has done with it before it answers anybody else.
    assert!(real::ask(&mut real::connect(live.addrs[PLAIN]), get("/")).ends_with("GET / "));
    let _last = ask_for("last.example", &live, PATIENT, &config);
    free.send(()).unwrap();
    assert_eq!(names.recv().unwrap(), "last.example");
}

/// Passes the response of another server, which speaks first here, on to a peer that waits.
struct Hop(Arc<Mutex<Option<Relay>>>);

impl Client for Hop {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        *self.0.lock().unwrap() = Some(Relay::new(exchange.defer(), request.method()));
    }

    fn on_data(&mut self, _raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.0.lock().unwrap().as_mut().and_then(|relay| relay.read(data)).unwrap_or(data.len())
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
        if let Some(mut relay) = self.0.lock().unwrap().take() {
            relay.end_of_input(rest, raw.was_cut());
        }
        raw.close();
    }
}

/// An attacker who cut the connection to the other server could shorten its response without a trace.
#[test]
fn i354_a_response_that_was_cut_is_broken_off() {
    let identity = Identity::new();
    let other = Listener::tcp("in memory").raw().tls_config(identity.server_config());
    let listeners = vec![Listener::tcp("in memory"), other];
    let slot = Arc::default();
    let options = TestOptions { listeners, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer: &Peer| Hop(Arc::clone(&slot)));
    let until_close = "HTTP/1.1 200 OK\r\n\r\nhello";
    let with_length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (response, is_cut, end) in [
        (until_close, false, Some("5\r\nhello\r\n0\r\n\r\n")),
        (until_close, true, None),
        (with_length, false, Some("\r\n\r\nhello")),
        (with_length, true, Some("\r\n\r\nhello")),
    ] {
        let front = server.connect_to(0);
        front.send(get("/").as_bytes());
        server.run();
        let mut other = Secured::new(server.connect_to(1), identity.client_config(rustls::ALL_VERSIONS));
        other.say(&mut server, response);
        if is_cut {
            other.far.finish();
        } else {
            other.finish(&mut server);
        }
        server.run();
        let got = text(&front.take());
        let row = format!("{response:?}, cut: {is_cut}: {got:?}");
        match end {
            Some(end) => assert!(got.ends_with(end) && !front.is_reset(), "{row}"),
            None => assert!(front.is_reset() && !got.ends_with("0\r\n\r\n"), "{row}"),
        }
    }
}
