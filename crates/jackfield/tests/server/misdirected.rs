//! Requests for another host than the one whose rules for client certificates their session has met.

use crate::{support, tls};
use jackfield::test::{TestOptions, TestServer};
use jackfield::{ClientAuth, Host, Listener};
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::sync::Arc;
use support::probe::Probe;
use support::statuses;
use tls::{Authority, Issued, Secured};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

fn serve(listener: Listener) -> TestServer {
    let options = TestOptions { listeners: vec![listener], ..TestOptions::default() };
    TestServer::with_options(options, |_peer| Probe::default())
}

/// A peer that takes any certificate, and has one of its own if it is of the staff.
fn peer(
    servers: &Authority,
    staff: Option<&Issued>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut config = servers.client(staff, &[version]);
    config.dangerous().set_certificate_verifier(tls::Anybody::usual());
    config
}

/// The status that a peer gets for this request in a session of this server name. An IP address is never sent as one.
fn ask(server: &mut TestServer, name: &str, config: &ClientConfig, request: &str) -> Option<u16> {
    let mut peer = Secured::to(name, server.connect_to(0), config.clone());
    peer.shake_hands(server).expect("the session is allowed");
    let heard = peer.say(server, request);
    peer.finish(server);
    statuses(&heard).first().copied()
}

fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// The fault: the server name alone selected the rule, and a peer without a certificate named the host of the staff later.
#[test]
fn i358_a_request_for_a_host_with_another_rule_is_misdirected() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let required = ClientAuth::required(clients.file("i358-roots"));
    let mut server = serve(
        Listener::tcp("in memory")
            .host(servers.host("site.example").name("*.site.example"))
            .host(servers.host("other.example"))
            .host(servers.host("admin.example").name("*.admin.example").client_auth(required)),
    );
    let absolute = |host: &str| format!("GET http://{host}/ HTTP/1.1\r\nHost: site.example\r\n\r\n");
    let post = |host: &str| format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nhi");
    let head = |host: &str| format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\nhi");
    let upgrade = |host: &str| {
        format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let issued = clients.issue("someone");
    let (nobody, staff) = (None, Some(&issued));
    let rows = [
        (nobody, "site.example", get("site.example"), 200),
        (nobody, "site.example", get("SITE.example:443"), 200),
        (nobody, "site.example", get("www.site.example"), 200),
        // Only the rule counts.
        (nobody, "site.example", get("other.example"), 200),
        (nobody, "site.example", get("unknown.example"), 200),
        (nobody, "site.example", get("192.0.2.1"), 200),
        (nobody, "site.example", "GET / HTTP/1.0\r\n\r\n".into(), 200),
        (nobody, "site.example", get("admin.example"), 421),
        (nobody, "site.example", get("Admin.Example:8443"), 421),
        (nobody, "site.example", get("admin.example."), 421),
        (nobody, "site.example", get("admin.example:99999"), 421),
        (nobody, "site.example", get("x.admin.example"), 421),
        (nobody, "site.example", absolute("admin.example"), 421),
        (nobody, "site.example", post("site.example"), 200),
        (nobody, "site.example", post("admin.example"), 421),
        (nobody, "site.example", head("admin.example"), 421),
        (nobody, "site.example", upgrade("site.example"), 101),
        (nobody, "site.example", upgrade("admin.example"), 421),
        (nobody, "unknown.example", get("admin.example"), 421),
        // Without a server name.
        (nobody, "192.0.2.1", get("192.0.2.1"), 200),
        (nobody, "192.0.2.1", get("admin.example"), 421),
        (staff, "admin.example", get("admin.example"), 200),
        (staff, "admin.example", get("x.admin.example"), 200),
        (staff, "admin.example", upgrade("admin.example"), 101),
        (staff, "admin.example", "GET / HTTP/1.0\r\n\r\n".into(), 200),
        (staff, "admin.example", get("site.example"), 421),
        (staff, "admin.example", get("unknown.example"), 421),
    ];
    for version in VERSIONS {
        for (own, name, request, expected) in &rows {
            let config = peer(&servers, *own, version);
            let status = ask(&mut server, name, &config, request);
            assert_eq!(status, Some(*expected), "{version:?} {name} {request:?}");
        }
    }
}

/// The rule of a host that a closure would find is not known before: only a session of that name may ask for it.
#[test]
fn i358_a_request_for_a_host_that_could_be_found_needs_its_server_name() {
    let (servers, clients) = (Arc::new(Authority::new("servers")), Authority::new("clients"));
    let (issuer, roots) = (servers.clone(), clients.file("i358-found-roots"));
    let listener = Listener::tcp("in memory").host(servers.host("usual.example").name("also.example"));
    let mut server = serve(listener.missing_host(move |missing| match missing.name() {
        "open.example" => Some(issuer.host("open.example")),
        "staff.example" => Some(issuer.host("staff.example").client_auth(ClientAuth::required(&roots))),
        _ => None,
    }));
    let issued = clients.issue("someone");
    let (nobody, staff) = (None, Some(&issued));
    for (own, name, host, expected) in [
        (nobody, "usual.example", "staff.example", 421),
        (nobody, "open.example", "staff.example", 421),
        (nobody, "192.0.2.1", "staff.example", 421),
        (nobody, "nobody.example", "staff.example", 421),
        (nobody, "nobody.example", "nobody.example", 200),
        (nobody, "open.example", "open.example", 200),
        (nobody, "open.example", "usual.example", 200),
        (nobody, "usual.example", "also.example", 200),
        (nobody, "usual.example", "open.example", 421),
        // No server name can be an address, so no host is looked up for one.
        (nobody, "192.0.2.1", "192.0.2.1", 200),
        (nobody, "usual.example", "[2001:db8::1]:443", 200),
        (staff, "staff.example", "staff.example", 200),
        (staff, "staff.example", "Staff.Example.", 200),
        (staff, "staff.example", "usual.example", 421),
        (staff, "staff.example", "192.0.2.1", 421),
        (nobody, "usual.example", "staff.example", 421),
    ] {
        let config = peer(&servers, own, VERSIONS[1]);
        let status = ask(&mut server, name, &config, &get(host));
        assert_eq!(status, Some(expected), "{name}, {host}");
    }
}

/// The fault: the handshake went on with the usual host, and the request of that session was one for its own server name.
#[test]
fn i449_a_found_host_that_cannot_be_used_ends_the_handshake() {
    let servers = Arc::new(Authority::new("servers"));
    for is_strict in [false, true] {
        let issuer = servers.clone();
        let listener = Listener::tcp("in memory").host(servers.host("usual.example")).strict_sni(is_strict);
        let mut server = serve(listener.missing_host(move |missing| match missing.name() {
            "no-files.example" => Some(Host::new("no-files.example").certificate("no file", "no key")),
            "no-roots.example" => {
                Some(issuer.host("no-roots.example").client_auth(ClientAuth::required("no file")))
            }
            _ => None,
        }));
        let config = peer(&servers, None, VERSIONS[1]);
        for name in ["no-files.example", "no-roots.example"] {
            let mut peer = Secured::to(name, server.connect_to(0), config.clone());
            let error = peer.shake_hands(&mut server).expect_err(name);
            assert!(error.to_string().contains("UnrecognisedName"), "{name}: {error}");
        }
        assert_eq!(ask(&mut server, "usual.example", &config, &get("usual.example")), Some(200));
    }
}

/// Where all hosts have the same rule, no request is refused for its host, also with strict names.
#[test]
fn i358_where_all_hosts_have_the_same_rule_any_host_may_be_asked_for() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let listener = Listener::tcp("in memory").host(servers.host("a.example")).host(servers.host("b.example"));
    let issued = clients.issue("someone");
    let required = ClientAuth::required(clients.file("i358-same-roots"));
    for listener in [listener.clone(), listener.strict_sni(true).client_auth(required)] {
        let mut server = serve(listener);
        let config = peer(&servers, Some(&issued), VERSIONS[1]);
        for host in ["a.example", "b.example", "c.example"] {
            assert_eq!(ask(&mut server, "a.example", &config, &get(host)), Some(200), "{host}");
        }
    }
}
