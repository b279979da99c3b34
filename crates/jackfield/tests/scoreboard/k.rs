//! Scale-out, and what the system does for a listener.

use crate::support;
use jackfield::{Listener, Server};
use std::net::TcpListener;
use support::get;
use support::probe::{Log, Probe};
use support::real::{self, Live};

#[test]
#[cfg(target_os = "linux")]
fn k1_several_servers_share_a_port_when_both_want_to() {
    let shared = |addr: &str| Server::builder().listen(Listener::tcp(addr).reuse_port(true)).reactors(1);
    let one = Live::serve(shared("127.0.0.1:0"), |_peer| Probe::default());
    let addr = one.addr().to_string();
    let two = Live::serve(shared(&addr), |_peer| Probe::default());
    assert_eq!(one.addr(), two.addr());
    let mut streams: Vec<_> = (0..64).map(|_| one.connect()).collect();
    for stream in &mut streams {
        assert!(real::ask(stream, get("/")).ends_with("GET / "));
    }
    let counts = (one.handle.count(), two.handle.count());
    assert!(counts.0 > 0 && counts.1 > 0 && counts.0 + counts.1 == 64, "the system spreads them: {counts:?}");
}

#[test]
fn k1_by_default_a_port_is_not_shared() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    assert!(TcpListener::bind(server.local_addr()).is_err());
    assert!(Server::bind(server.local_addr()).is_err());
}

/// Who came first and says nothing would have been accepted first.
#[test]
#[cfg(target_os = "linux")]
fn a_deferred_connection_is_accepted_when_bytes_have_come() {
    let rows =
        [(false, ["connect", "connect", "request GET / "]), (true, ["connect", "request GET / ", "connect"])];
    for (deferred, order) in rows {
        // The system holds back for about a second only, and a busy machine may need longer for the rest.
        real::wait_until(|| order_of_two(deferred)[..3] == order);
    }
}

/// What comes of a silent connection, and of one that is opened after it and asks at once.
#[cfg(target_os = "linux")]
fn order_of_two(deferred: bool) -> Vec<String> {
    let seen = Log::default();
    let log = seen.clone();
    let listener = Listener::tcp("127.0.0.1:0").defer_accept(deferred);
    let live = Live::serve(Server::builder().listen(listener).reactors(1), move |_peer| {
        Probe::default().noted_in(&log)
    });
    let mut silent = live.connect();
    let mut heard = live.connect();
    assert!(real::ask(&mut heard, get("/")).ends_with("GET / "));
    assert!(real::ask(&mut silent, get("/")).ends_with("GET / "));
    let order = seen.events();
    // They are there like any others from now on.
    for stream in [&mut heard, &mut silent] {
        assert!(real::ask(stream, get("/again")).ends_with("GET /again "));
    }
    drop(heard);
    real::wait_until(|| live.handle.count() == 1);
    order
}
