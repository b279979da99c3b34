//! T2, T4, T6 and T9 of docs/features.md: rules by host, certificates of clients, and sessions that go on.

use crate::{support, tls};
use jackfield::test::{TestOptions, TestServer};
use jackfield::{ClientAuth, Handle, Host, Listener, Peer, Server};
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::fs;
use std::sync::{Arc, Mutex};
use support::probe::{Log, Probe, Watcher};
use support::{get, statuses};
use tls::{Authority, Issued, Secured};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A server with these listeners, and what its factory has seen of each handshake: the tag of the host, ALPN, how many
/// certificates, and whether the session was resumed.
fn serve(listeners: Vec<Listener>) -> (TestServer, Log, Log) {
    let (seen, watcher) = (Log::default(), Watcher::default());
    let (log, told) = (seen.clone(), watcher.log.clone());
    let options = TestOptions { listeners, observer: Arc::new(watcher), ..TestOptions::default() };
    let server = TestServer::with_options(options, move |peer: &Peer| {
        let facts = peer.tls().expect("its handshake is over");
        let alpn = String::from_utf8_lossy(facts.alpn().unwrap_or(b"none"));
        let (count, resumed) = (facts.certificates().len(), facts.is_resumed());
        log.note(format!("{:?} {alpn} certificates {count} resumed {resumed}", facts.host_tag()));
        Probe::default()
    });
    (server, seen, told)
}

fn listener() -> Listener {
    Listener::tcp("in memory")
}

/// What the factory sees of a peer that asks at a listener for this host; the error of TLS if it comes to none.
fn visit(server: &mut TestServer, at: usize, name: &str, config: &ClientConfig, seen: &Log) -> String {
    let mut peer = Secured::to(name, server.connect_to(at), config.clone());
    if let Err(error) = peer.shake_hands(server) {
        assert!(seen.take().is_empty(), "no client is made without a handshake");
        return error.to_string();
    }
    peer.finish(server);
    seen.take().join(", ")
}

#[test]
fn t2_a_host_has_its_own_protocols_and_tag() {
    let authority = Authority::new("servers");
    let hosts = listener()
        .alpn(["http/1.1"])
        .host(authority.host("usual.example").tag(1))
        .host(authority.host("own.example").alpn(["own/2", "own/1"]).tag(2))
        .host(authority.host("none.example").alpn([""; 0]));
    let raw = listener().raw().host(authority.host("raw.example").tag(4));
    let lines = listener().lines().host(authority.host("lines.example").tag(5));
    let (mut server, seen, told) = serve(vec![hosts, raw, lines]);
    let rows = [
        (0, "usual.example", &["http/1.1"][..], "Some(1) http/1.1"),
        (0, "usual.example", &["own/1"], "no"),
        // Without a list of its own the listener would offer this one too.
        (0, "usual.example", &["http/1.0"], "no"),
        (0, "usual.example", &[], "Some(1) none"),
        (0, "own.example", &["own/1", "own/2"], "Some(2) own/2"),
        (0, "own.example", &["http/1.1", "own/1"], "Some(2) own/1"),
        (0, "own.example", &["http/1.1"], "no"),
        (0, "none.example", &["http/1.1"], "None none"),
        // A protocol of the user's own has no usual name.
        (1, "raw.example", &["http/1.1"], "Some(4) none"),
        (2, "lines.example", &["http/1.1"], "Some(5) none"),
    ];
    for (at, name, alpn, expected) in rows {
        let mut config = authority.client(None, &VERSIONS);
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let found = visit(&mut server, at, name, &config, &seen);
        let expected = match expected {
            "no" => "received fatal alert: NoApplicationProtocol".to_owned(),
            facts => format!("{facts} certificates 0 resumed false"),
        };
        assert_eq!(found, expected, "{name} {alpn:?}");
    }
    assert_eq!(told.take(), ["tls error Tls"; 3]);
}

/// A client that asks for a name without a certificate gets the alert `unrecognized_name`.
#[test]
fn t2_with_strict_names_the_alert_says_so() {
    let authority = Authority::new("servers");
    let (mut server, seen, told) = serve(vec![listener().host(authority.host("a.example")).strict_sni(true)]);
    for version in VERSIONS {
        let config = authority.client(None, &[version]);
        let found = visit(&mut server, 0, "b.example", &config, &seen);
        assert_eq!(found, "received fatal alert: UnrecognisedName");
    }
    assert_eq!(told.take(), ["tls error Tls"; 2]);
}

#[test]
fn t2_errors_in_protocols_and_roots_are_named() {
    let authority = Authority::new("servers");
    let empty = authority.file("t2-empty");
    fs::write(&empty, "").unwrap();
    let rows = [
        (
            listener().alpn(["http/1.1"]),
            "`alpn`, `client_auth`, `missing_host` and `strict_sni` are for hosts",
        ),
        (
            listener().client_auth(ClientAuth::required("roots.pem")),
            "are for hosts and certificates from files",
        ),
        (listener().strict_sni(true), "are for hosts and certificates from files"),
        (listener().host(authority.host("a.example").alpn(["h2"])), "`h2` is not supported"),
        (listener().host(authority.host("a.example")).alpn([""]), "is not a protocol name"),
        (
            listener().host(authority.host("a.example").client_auth(ClientAuth::requested("no.pem"))),
            "root certificates from no.pem",
        ),
        (
            listener().host(authority.host("a.example")).client_auth(ClientAuth::required(empty)),
            "there is none in it",
        ),
        (
            listener()
                .host(Host::new("a.example").certificate_from(|| Err(std::io::ErrorKind::NotFound.into()))),
            "the closure gave no certificate",
        ),
    ];
    for (listener, expected) in rows {
        let error = Server::builder().listen(listener).bind().unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn t4_clients_are_asked_for_certificates_by_listener_and_by_host() {
    let (servers, clients, others) =
        (Authority::new("servers"), Authority::new("clients"), Authority::new("others"));
    let roots = clients.file("t4-roots");
    let hosts = listener()
        .client_auth(ClientAuth::requested(&roots))
        .host(servers.host("requested.example"))
        .host(servers.host("required.example").client_auth(ClientAuth::required(&roots)))
        .host(servers.host("none.example").client_auth(ClientAuth::none()));
    let (mut server, seen, told) = serve(vec![hosts]);
    let (good, foreign) = (clients.issue("good"), others.issue("foreign"));
    for version in VERSIONS {
        let rows: [(&str, Option<&Issued>, Option<usize>); 9] = [
            ("none.example", None, Some(0)),
            ("none.example", Some(&good), Some(0)),
            ("none.example", Some(&foreign), Some(0)),
            ("requested.example", None, Some(0)),
            ("requested.example", Some(&good), Some(1)),
            ("requested.example", Some(&foreign), None),
            ("required.example", None, None),
            ("required.example", Some(&good), Some(1)),
            ("required.example", Some(&foreign), None),
        ];
        for (name, certificate, expected) in rows {
            let config = servers.client(certificate, &[version]);
            let found = visit(&mut server, 0, name, &config, &seen);
            match expected {
                Some(count) => {
                    assert_eq!(found, format!("None none certificates {count} resumed false"), "{name}");
                }
                None => assert!(found.contains("alert"), "{name}: {found}"),
            }
        }
    }
    assert_eq!(told.take(), ["tls error Tls"; 6]);
}

/// The factory gets the certificate that the client has shown, and not another one, also when the session is resumed.
#[test]
fn t4_the_factory_sees_the_certificate_itself() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let roots = clients.file("t4-itself-roots");
    let listeners =
        vec![listener().client_auth(ClientAuth::required(&roots)).host(servers.host("a.example"))];
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shown = seen.clone();
    let options = TestOptions { listeners, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |peer: &Peer| {
        let facts = peer.tls().expect("its handshake is over");
        shown.lock().unwrap().push((facts.certificates().to_vec(), facts.is_resumed()));
        Probe::default()
    });
    for version in VERSIONS {
        for own in [clients.issue("first"), clients.issue("second")] {
            let config = servers.client(Some(&own), &[version]);
            for is_resumed in [false, true] {
                let mut peer = Secured::to("a.example", server.connect_to(0), config.clone());
                peer.shake_hands(&mut server).unwrap();
                peer.finish(&mut server);
                let seen = std::mem::take(&mut *seen.lock().unwrap());
                assert!(seen == [(own.chain.clone(), is_resumed)], "{version:?} {is_resumed}");
            }
        }
    }
}

/// The same name at two listeners with different rules: a session of one is no way into the other.
#[test]
fn t4_no_session_is_resumed_where_other_rules_hold() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let roots = clients.file("t4-resumption-roots");
    let host = servers.host("a.example");
    let open = listener().host(host.clone());
    let closed = listener().host(host.client_auth(ClientAuth::required(roots)));
    let (mut server, seen, told) = serve(vec![open, closed]);
    let own = clients.issue("client");
    for version in VERSIONS {
        // It keeps sessions by the server's name.
        let config = servers.client(Some(&own), &[version]);
        for (at, expected) in [
            (0, "certificates 0 resumed false"),
            (0, "certificates 0 resumed true"),
            (1, "certificates 1 resumed false"),
            (1, "certificates 1 resumed true"),
            (0, "certificates 0 resumed false"),
        ] {
            let found = visit(&mut server, at, "a.example", &config, &seen);
            assert_eq!(found, format!("None none {expected}"), "{version:?} at {at}");
        }
    }
    assert!(told.take().is_empty());
}

/// After a reload that removes a root, its clients are refused, also with a session from before.
#[test]
fn t6_roots_of_clients_are_read_anew_and_older_sessions_end() {
    let (servers, old, new) = (Authority::new("servers"), Authority::new("old"), Authority::new("new"));
    let roots = old.file("t6-roots");
    let open = listener().host(servers.host("open.example"));
    let listeners = vec![open.host(servers.host("staff.example").client_auth(ClientAuth::required(&roots)))];
    let (mut server, seen, _) = serve(listeners);
    let client = |by: &Authority| servers.client(Some(&by.issue("client")), &[VERSIONS[1]]);
    let (before, after) = (client(&old), client(&new));
    assert_eq!(
        visit(&mut server, 0, "open.example", &before, &seen),
        "None none certificates 0 resumed false"
    );
    for expected in ["false", "true"] {
        let found = visit(&mut server, 0, "staff.example", &before, &seen);
        assert_eq!(found, format!("None none certificates 1 resumed {expected}"));
    }
    assert!(visit(&mut server, 0, "staff.example", &after, &seen).contains("alert"));
    fs::write(&roots, new.pem()).unwrap();
    server.handle().reload_tls().unwrap();
    assert!(visit(&mut server, 0, "staff.example", &before, &seen).contains("alert"));
    assert_eq!(
        visit(&mut server, 0, "staff.example", &after, &seen),
        "None none certificates 1 resumed false"
    );
    // Without certificates of clients, sessions stay valid after a reload.
    assert_eq!(
        visit(&mut server, 0, "open.example", &before, &seen),
        "None none certificates 0 resumed true"
    );
}

/// What comes from a closure is asked for again, and one that has none leaves all as it was.
#[test]
fn t6_certificates_from_a_closure_are_asked_for_again() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let newest = Arc::new(Mutex::new(Some(first.issue("a.example"))));
    let made = newest.clone();
    let host = Host::new("a.example").certificate_from(move || {
        let newest = made.lock().unwrap();
        let Issued { chain_pem, key_pem, .. } = newest.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
        Ok((chain_pem.clone().into_bytes(), key_pem.clone().into_bytes()))
    });
    let (mut server, seen, _) = serve(vec![listener().host(host)]);
    let mut trusts = |authority: &Authority| {
        let found = visit(&mut server, 0, "a.example", &authority.client(None, &VERSIONS), &seen);
        found == "None none certificates 0 resumed false"
    };
    assert!(trusts(&first) && !trusts(&second));
    let reload = |issued| {
        *newest.lock().unwrap() = issued;
        server.handle().reload_tls()
    };
    let faults = reload(None).unwrap_err();
    assert!(faults.len() == 1 && faults[0].contains("the closure gave no certificate"), "{faults:?}");
    reload(Some(second.issue("a.example"))).unwrap();
    let config = second.client(None, &VERSIONS);
    assert_eq!(visit(&mut server, 0, "a.example", &config, &seen), "None none certificates 0 resumed false");
}

/// A reload that was overtaken by a later one showed what it had read before that.
#[test]
fn t6_a_reload_does_not_undo_a_later_one() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let newest = Arc::new(Mutex::new(first.issue("a.example")));
    let later = Arc::new(Mutex::new(None::<(Handle, Issued)>));
    let (files, overtakes) = (newest.clone(), later.clone());
    let host = Host::new("a.example").certificate_from(move || {
        let read = {
            let Issued { chain_pem, key_pem, .. } = &*files.lock().unwrap();
            (chain_pem.clone().into_bytes(), key_pem.clone().into_bytes())
        };
        // The files are read, and now they change.
        let later = overtakes.lock().unwrap().take();
        if let Some((handle, issued)) = later {
            *files.lock().unwrap() = issued;
            handle.reload_tls().unwrap();
        }
        Ok(read)
    });
    let (mut server, seen, _) = serve(vec![listener().host(host)]);
    *later.lock().unwrap() = Some((server.handle(), second.issue("a.example")));
    server.handle().reload_tls().unwrap();
    let config = second.client(None, &VERSIONS);
    assert_eq!(visit(&mut server, 0, "a.example", &config, &seen), "None none certificates 0 resumed false");
}

/// Tickets bring a session back, in both versions, and also without a name.
#[test]
fn t9_sessions_are_resumed_in_both_versions() {
    let authority = Authority::new("servers");
    let (mut server, seen, told) = serve(vec![listener().host(authority.host("a.example").tag(3))]);
    for version in VERSIONS {
        let config = authority.client(None, &[version]);
        for resumed in [false, true, true, true] {
            let found = visit(&mut server, 0, "a.example", &config, &seen);
            assert_eq!(found, format!("Some(3) none certificates 0 resumed {resumed}"), "{version:?}");
        }
    }
    assert!(told.take().is_empty());
}

#[test]
fn t9_bytes_of_ocsp_are_passed_through_and_read_again() {
    let authority = Authority::new("servers");
    let path = tls::own_folder().join("t9.ocsp");
    fs::write(&path, b"first answer").unwrap();
    let (mut server, seen, _) = serve(vec![listener().host(authority.host("a.example").ocsp(&path))]);
    for version in VERSIONS {
        let stapled = tls::Anybody::usual();
        let mut config = authority.client(None, &[version]);
        config.resumption = rustls::client::Resumption::disabled();
        config.dangerous().set_certificate_verifier(stapled.clone());
        for answer in ["first answer", "second answer"] {
            fs::write(&path, answer).unwrap();
            server.handle().reload_tls().unwrap();
            visit(&mut server, 0, "a.example", &config, &seen);
            assert_eq!(stapled.ocsp.lock().unwrap().as_slice(), answer.as_bytes());
        }
    }
    fs::remove_file(&path).unwrap();
    let faults = server.handle().reload_tls().unwrap_err();
    assert!(faults.len() == 1 && faults[0].contains("t9.ocsp"), "{faults:?}");
}

/// HTTP over a host's session works as over any other, however its hello is cut.
#[test]
fn t2_a_hello_may_come_in_pieces() {
    let authority = Authority::new("servers");
    let (mut server, _, told) = serve(vec![listener().host(authority.host("a.example"))]);
    let config = authority.client(None, &VERSIONS);
    let len = Secured::to("a.example", server.connect_to(0), config.clone()).hello().len();
    for cut in (1..len).step_by(7) {
        let mut peer = Secured::to("a.example", server.connect_to(0), config.clone());
        let hello = peer.hello();
        for part in [&hello[..cut.min(hello.len())], &hello[cut.min(hello.len())..]] {
            peer.far.send(part);
            server.run();
        }
        assert_eq!(statuses(&peer.say(&mut server, get("/"))), [200], "cut at {cut}");
        peer.finish(&mut server);
    }
    assert!(told.take().is_empty());
}
