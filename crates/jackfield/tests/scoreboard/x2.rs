//! A socket for each reactor.
#![cfg(target_os = "linux")]

use crate::support;
use jackfield::{Client, Exchange, Listener, ListenerState, Request, Server};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use support::get;
use support::real::{self, Live};

struct Where;

impl Client for Where {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let at = format!("reactor {} listener {}", exchange.id().reactor(), exchange.peer().listener());
        exchange.ok("text/plain", at);
    }
}

fn live() -> Live {
    let shared = Listener::tcp("127.0.0.1:0").name("shared");
    let own = Listener::tcp(real::own_addr(1)).name("own").each_reactor(true);
    let builder = Server::builder().listen(shared).listen(own).reactors(2);
    // On a busy machine a reactor may seem to be held up, and would be passed over.
    Live::serve(builder.limits(|limits| limits.callback_slow = Duration::ZERO), |_peer| Where)
}

/// Connects many times, and returns the number of connections of each reactor. The system decides by the ports, so both
/// get some.
fn spread(addr: SocketAddr, listener: usize) -> [usize; 2] {
    let mut on = [0, 0];
    let mut streams: Vec<_> = (0..64).map(|_| real::connect(addr)).collect();
    for stream in &mut streams {
        let answer = real::ask(stream, get("/"));
        let at = (0..2).find(|at| answer.ends_with(&format!("reactor {at} listener {listener}")));
        on[at.unwrap_or_else(|| panic!("{answer}"))] += 1;
    }
    on
}

#[test]
fn x2_each_reactor_accepts_at_its_own_socket() {
    let live = live();
    let on = spread(live.addrs[1], 1);
    assert!(on[0] > 0 && on[1] > 0, "{on:?}");
    real::wait_until(|| live.handle.count() == 0);
    assert_eq!(spread(live.addrs[0], 0), [32, 32], "the other listener goes by the fewest");
}

/// A reactor that has answered twice has seen everything that there was before.
#[test]
fn x2_such_a_listener_is_paused_and_resumed_at_all_reactors() {
    let live = live();
    let mut shared = [live.connect(), live.connect()];
    let mut ask_both = || shared.each_mut().map(|stream| real::ask(stream, get("/")));
    let is_first = ask_both().map(|answer| answer.ends_with("reactor 0 listener 0"));
    assert_ne!(is_first[0], is_first[1], "each reactor has one of them");
    live.handle.pause_listening("own").unwrap();
    (0..2).for_each(|_| drop(ask_both()));
    let mut waiting: Vec<_> = (0..32).map(|_| real::connect(live.addrs[1])).collect();
    for stream in &mut waiting {
        stream.write_all(get("/").as_bytes()).unwrap();
    }
    for _ in 0..3 {
        ask_both();
        assert!(waiting.iter().all(real::is_silent));
    }
    assert_eq!(live.handle.listeners()[1].state, ListenerState::Paused);
    live.handle.resume_listening("own").unwrap();
    let answers: Vec<String> = waiting.iter_mut().map(real::read_answer).collect();
    for reactor in 0..2 {
        let by_it =
            answers.iter().filter(|answer| answer.ends_with(&format!("reactor {reactor} listener 1")));
        assert!((1..32).contains(&by_it.count()), "{answers:?}");
    }
}

#[test]
fn x2_such_a_listener_stops_and_resumes_at_all_reactors() {
    let live = live();
    let addr = live.addrs[1];
    live.handle.stop_listening("own").unwrap();
    let is_refused = || TcpStream::connect_timeout(&addr, Duration::from_secs(5)).is_err();
    // Each reactor closes its own.
    real::wait_until(|| (0..32).all(|_| is_refused()));
    assert!(
        real::ask(&mut real::connect(live.addrs[0]), get("/")).contains("listener 0"),
        "the other goes on"
    );
    live.handle.resume_listening("own").unwrap();
    real::wait_until(|| {
        // While one reactor listens already and the other does not yet, all go to the one.
        !is_refused() && spread(addr, 1).iter().all(|on| *on > 0)
    });
}

#[test]
fn x2_a_single_socket_can_not_be_split_over_reactors() {
    let path = std::env::temp_dir().join(format!("jackfield-x2-{}", std::process::id()));
    let error = Server::builder().listen(Listener::unix(&path).each_reactor(true)).bind().unwrap_err();
    assert!(error.to_string().contains("can only be one socket"), "{error}");
    let server = Server::builder().listen(Listener::tcp("127.0.0.1:0").each_reactor(true)).reactors(1).bind();
    assert!(server.is_ok(), "one reactor has one");
}
