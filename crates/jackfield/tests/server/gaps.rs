//! Clients that come back to a topic whose history has gone on beyond what its members here have got.

use crate::history::{Reader, events, open, publish, server, take};
use crate::support::get;
use jackfield::test::{TestOptions, TestServer};
use jackfield::{Client, Exchange, Handle, History, Limits, Request};

/// Publishes twenty messages at a request for `/burst`, from outside of its reactor.
struct Burst;

impl Client for Burst {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        if request.path() != "/burst" {
            return Reader.on_request(exchange, request);
        }
        let handle = exchange.handle();
        (0..20).for_each(|_| assert_eq!(handle.publish("t", "x").full, 0));
        exchange.ok("text/plain", "");
    }
}

/// The fault: a client that is ahead of the members here, or where they are, was told that it had missed nothing, and then the same as
/// they.
#[test]
fn i458_what_a_client_ahead_of_its_reactor_has_missed_is_told_once() {
    for (offset, missed, at) in [(15, 17, 32), (1, 31, 32)] {
        let mut limits = Limits::default();
        limits.reactor.commands_per_turn = 1;
        let options = TestOptions { limits, ..TestOptions::default() };
        let mut server = TestServer::with_options(options, |_peer| Burst);
        assert!(server.handle().declare_topic("t", History::new(10)));
        let members = [0; 100].map(|_| open(&mut server, "t", ""));
        publish(&mut server, 1..=1);
        let (.., first) = events(&take(&members[0])).remove(0);
        let (epoch, _) = first.split_once('.').unwrap();
        let [burst, back] = [0; 2].map(|_| server.connect());
        server.run();
        // They get this only when other commands are done. Meanwhile the history goes on, and it comes back.
        let handle = server.handle();
        (0..5).for_each(|_| assert!(handle.post(handle.ids()[0], ()).is_ok()));
        (2..=12).for_each(|_| assert_eq!(handle.publish("t", "x").full, 0));
        burst.send(get("/burst").as_bytes());
        let head = format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {epoch}.{offset}\r\n\r\n");
        back.send(head.as_bytes());
        server.run();
        let told = events(&take(&back));
        let resync = ("resync".into(), format!("{{\"missed\":{missed}}}"), format!("{epoch}.{at}"));
        assert_eq!(told[0], resync, "from {offset}");
        let rest = told[1..].iter().map(|(.., id)| id.clone());
        assert!(rest.eq((at + 1..=32).map(|offset| format!("{epoch}.{offset}"))), "from {offset}: {told:?}");
    }
}

/// Publishes two messages, and comes again in the next turn, this number of times.
fn publish_in_turns(handle: &Handle, times: u32) {
    (0..2).for_each(|_| assert_eq!(handle.publish("t", "x").full, 0));
    if times > 0 {
        let next = move |reactor: &mut jackfield::Reactor<'_>| publish_in_turns(&reactor.handle(), times - 1);
        handle.run_on(0, next).unwrap();
    }
}

/// If the members are behind the history at each look, a client that comes back does not wait for them.
#[test]
fn i458_a_client_becomes_a_member_although_the_history_goes_on_in_each_turn() {
    let mut server = server(History::new(1));
    let member = open(&mut server, "t", "");
    publish(&mut server, 1..=1);
    let (.., first) = events(&take(&member)).remove(0);
    let back = server.connect();
    server.run();
    publish_in_turns(&server.handle(), 100);
    back.send(format!("GET /stream/t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {first}\r\n\r\n").as_bytes());
    server.run();
    let told = events(&take(&back));
    assert!(told.len() > 50, "{told:?}");
}
