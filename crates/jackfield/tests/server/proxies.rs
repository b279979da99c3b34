//! Whom a listener behind proxies believes.

use crate::support;
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{Access, Authenticator, Client, Exchange, Limits, Listener, Peer, Request};
use std::net::SocketAddr;
use std::sync::Arc;
use support::probe::Log;
use support::text;

/// Says where each request comes from.
struct Mirror;

impl Client for Mirror {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let ip = exchange.client_ip(request).map_or("none".into(), |ip| ip.to_string());
        exchange.ok("text/plain", ip);
    }
}

/// Notes the addresses that it gets.
struct Doorman(Log);

impl Authenticator for Doorman {
    fn check(&self, _request: &Request<'_>, peer: Option<SocketAddr>) -> Access {
        self.0.note(peer.map_or("none".into(), |peer| peer.ip().to_string()));
        Access::Allow
    }
}

/// A client comes three times, with this PROXY header from the proxy 10.0.0.9, and says that it is this machine.
#[track_caller]
fn check(edit: impl Fn(Listener) -> Listener + 'static, header: &str, known_as: &str, let_in: usize) {
    let log = Log::default();
    let options = TestOptions {
        limits: Limits::default().with(|limits| limits.connections_per_address_max = 1),
        listener: Box::new(edit),
        authenticator: Some(Arc::new(Doorman(log.clone()))),
        ..TestOptions::default()
    };
    let mut server = TestServer::with_options(options, |_peer: &Peer| Mirror);
    let proxy: SocketAddr = "10.0.0.9:700".parse().unwrap();
    let request =
        format!("{header}\r\nGET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n").into_bytes();
    let guests = [(); 3].map(|()| {
        let far = server.connect_from(proxy, listener::HTTP);
        far.send(&request);
        server.run();
        far
    });
    let answers = guests.iter().map(|far| text(&far.take()));
    let told: Vec<_> =
        answers.filter_map(|answer| answer.rsplit_once("\r\n\r\n").map(|(_, ip)| ip.to_owned())).collect();
    assert_eq!(told, vec![known_as; let_in], "{header}");
    assert_eq!(log.take(), told, "{header}: what the authenticator gets");
}

/// The fault: a client with an address in the networks of `proxy_required` was taken for such a proxy.
#[test]
fn a_client_in_the_network_of_a_required_proxy_is_believed_and_unlimited_only_if_it_is_trusted_too() {
    let required = |listener: Listener| listener.proxy_required(["10.0.0.0/8"]);
    let trusting = move |listener: Listener| required(listener).trusted_proxies(["10.7.0.0/16"]);
    let client = "PROXY TCP4 10.7.7.7 198.51.100.1 1234 443";
    check(required, client, "10.7.7.7", 1);
    check(trusting, client, "127.0.0.1", 3);
    // For itself a proxy is not limited, but not believed either.
    check(required, "PROXY UNKNOWN", "10.0.0.9", 3);
    check(trusting, "PROXY UNKNOWN", "10.0.0.9", 3);
}
