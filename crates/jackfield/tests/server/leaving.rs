//! Peers that leave while an answer or output is pending: what the server does, what its client is told, and when.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{
    Client, Connection, Disconnect, Exchange, LateUpgrade, Limits, Reason, Reply, Request, Timeout, Upgrade,
};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use support::{get, ok, socket, statuses, text};
use tls::{Identity, Secured};

const SECOND: Duration = Duration::from_secs(1);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What the clients hold, and what they were told.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Inside>>);

#[derive(Default)]
struct Inside {
    replies: Vec<Reply>,
    upgrades: Vec<LateUpgrade>,
    asked: usize,
    ends: Vec<Reason>,
}

struct Keeper(Kept);

impl Client for Keeper {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let mut kept = self.0.0.borrow_mut();
        kept.asked += 1;
        match request.path() {
            "/late" => kept.replies.push(exchange.defer()),
            "/stream" => {
                exchange.stream(200, "text/plain").write("begun");
            }
            "/events" => drop(exchange.events()),
            "/paused" => {
                let mut exchange = exchange;
                exchange.pause_read();
                exchange.ok("text/plain", "");
            }
            _ => exchange.ok("text/plain", "now"),
        }
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _request: &Request<'_>) {
        self.0.0.borrow_mut().upgrades.push(upgrade.defer());
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let Some(mut body) = connection.as_response() else { return };
        if value.is::<&str>() {
            return body.finish().expect("its length is open");
        }
        body.write("more");
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.0.borrow_mut().ends.push(end.reason);
    }
}

struct Place {
    server: TestServer,
    kept: Kept,
}

impl Place {
    fn new(half_closed: bool) -> Self {
        Self::with(half_closed, None)
    }

    fn with(half_closed: bool, identity: Option<&Identity>) -> Self {
        let kept = Kept::default();
        let clients = kept.clone();
        let limits = Limits::default().with(|limits| limits.half_closed = half_closed);
        let tls = identity.map(Identity::server_config);
        let options = TestOptions { limits, tls, ..TestOptions::default() };
        let server = TestServer::with_options(options, move |_peer| Keeper(clients.clone()));
        Self { server, kept }
    }

    fn ends(&self) -> Vec<Reason> {
        self.kept.0.borrow().ends.clone()
    }

    /// How many connections there are: open ones, and counted ones.
    fn counts(&self) -> [usize; 2] {
        let handle = self.server.handle();
        [self.server.wires().len(), handle.count()]
    }
}

/// How a peer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// Its end comes after what it has said was looked at.
    Fin,
    /// Its end comes with what it has said.
    FinAtOnce,
    Reset,
}

fn leave(place: &mut Place, far: &FarEnd, said: &str, leaves: Leaves) {
    far.send(said.as_bytes());
    if leaves != Leaves::FinAtOnce {
        place.server.run();
    }
    match leaves {
        Leaves::Fin | Leaves::FinAtOnce => far.finish(),
        Leaves::Reset => far.reset(),
    }
    place.server.run();
}

/// A peer sends this, and leaves: its connection ends at once, its client is told once, and nothing is kept.
#[track_caller]
fn check_ends(said: &str, leaves: Leaves, half_closed: bool) {
    let mut place = Place::new(half_closed);
    let far = place.server.connect();
    leave(&mut place, &far, said, leaves);
    let reason = if leaves == Leaves::Reset { Reason::PeerReset } else { Reason::Peer };
    let case = format!("{said:?}, {leaves:?}, half-closed: {half_closed}");
    assert_eq!(place.ends(), [reason], "{case}");
    assert_eq!(place.counts(), [0; 2], "{case}");
    let kept = std::mem::take(&mut *place.kept.0.borrow_mut());
    for reply in kept.replies {
        assert!(!reply.is_connected(), "{case}");
        reply.ok("text/plain", "too late");
    }
    for upgrade in kept.upgrades {
        assert!(!upgrade.is_connected(), "{case}");
        upgrade.accept();
    }
    place.server.advance(SECOND * 200);
    assert!(place.kept.0.borrow().ends.is_empty(), "it is told once: {case}");
    assert!(!text(&far.take()).contains("too late"), "{case}");
}

const ALL: [Leaves; 3] = [Leaves::Fin, Leaves::FinAtOnce, Leaves::Reset];

#[test]
fn a_peer_that_closes_before_its_answer_ends_immediately() {
    let [late, stream, events, paused] = ["/late", "/stream", "/events", "/paused"].map(get);
    let upgrade = socket::UPGRADE.to_owned();
    for leaves in ALL {
        for said in [&late, &stream, &events, &upgrade, &paused] {
            check_ends(said, leaves, false);
            // A peer that has sent further requests has left all the same.
            if said != &paused {
                check_ends(&format!("{said}{}", get("/")), leaves, false);
            }
            // What was answered before is no different.
            check_ends(&format!("{}{said}", get("/")), leaves, false);
        }
    }
    for said in [&events, &paused] {
        for leaves in ALL {
            check_ends(said, leaves, true);
        }
    }
    for said in [&late, &stream, &upgrade] {
        check_ends(said, Leaves::Reset, true);
    }
}

/// Nothing is owed: what came whole before the end is answered, all of it.
#[test]
fn an_immediate_answer_reaches_a_half_closed_peer() {
    for half_closed in [false, true] {
        for count in [1, 3] {
            let mut place = Place::new(half_closed);
            let far = place.server.connect();
            leave(&mut place, &far, &get("/").repeat(count), Leaves::FinAtOnce);
            assert_eq!(text(&far.take()), ok("now").repeat(count));
            assert!(far.has_server_finished() && !far.is_reset());
            assert_eq!((place.ends(), place.counts()), (vec![Reason::Peer], [0; 2]));
        }
    }
}

/// The answers before the pending one are sent; requests after it do not reach the handler.
#[test]
fn earlier_answers_are_sent() {
    let mut place = Place::new(false);
    let far = place.server.connect();
    let said = ["/", "/late", "/"].map(get).concat();
    leave(&mut place, &far, &said, Leaves::FinAtOnce);
    assert_eq!(text(&far.take()), ok("now"));
    assert_eq!((far.has_server_finished(), far.is_reset(), place.kept.0.borrow().asked), (true, false, 2));
}

/// With `half_closed` the answer is given, and the requests after it are answered too.
#[test]
fn a_half_closed_connection_is_kept_if_that_is_set() {
    for leaves in [Leaves::Fin, Leaves::FinAtOnce] {
        let mut place = Place::new(true);
        let far = place.server.connect();
        leave(&mut place, &far, &["/late", "/late", "/"].map(get).concat(), leaves);
        for _ in 0..2 {
            place.server.advance(ANSWER_TIMEOUT - SECOND);
            assert_eq!((place.ends(), place.counts()), (Vec::new(), [1; 2]));
            let reply = place.kept.0.borrow_mut().replies.pop().expect("it waits");
            assert!(reply.is_connected());
            reply.ok("text/plain", "late");
            place.server.run();
        }
        let got = text(&far.take());
        let bodies: Vec<&str> =
            got.split("\r\n\r\n").skip(1).map(|part| part.split("HTTP").next().unwrap_or("")).collect();
        assert_eq!(bodies, ["late", "late", "now"]);
        assert!(far.has_server_finished() && !far.is_reset());
        assert_eq!((place.ends(), place.counts()), (vec![Reason::Peer], [0; 2]));
    }
}

/// What is said and not answered, how long its answer may take, and which timeout that is.
fn unanswered() -> [(String, Duration, Timeout); 3] {
    [
        (get("/late"), ANSWER_TIMEOUT, Timeout::Answer),
        (get("/late") + &get("/"), ANSWER_TIMEOUT, Timeout::Answer),
        (socket::UPGRADE.to_owned(), SECOND * 10, Timeout::Upgrade),
    ]
}

/// An answer that does not come has a deadline then.
#[test]
fn a_half_closed_peer_does_not_wait_for_ever() {
    for (said, wait, why) in unanswered() {
        let mut place = Place::new(true);
        let far = place.server.connect();
        leave(&mut place, &far, &said, Leaves::Fin);
        place.server.advance(wait - SECOND);
        assert_eq!((place.ends(), far.waiting_bytes()), (Vec::new(), 0), "{said}");
        place.server.advance(SECOND);
        assert_eq!(statuses(&far.take()), [503], "{said}");
        assert_eq!((place.ends(), place.counts()), (vec![Reason::Timeout(why)], [0; 2]), "{said}");
    }
}

/// An answer in parts goes on as long as something is written to it, or its client still has to take what was.
#[test]
fn an_unfinished_answer_is_reset() {
    for (half_closed, leaves) in
        [(false, None), (true, None), (true, Some(Leaves::Fin)), (true, Some(Leaves::FinAtOnce))]
    {
        let case = format!("half-closed: {half_closed}, {leaves:?}");
        let mut place = Place::new(half_closed);
        let far = place.server.connect();
        match leaves {
            Some(leaves) => leave(&mut place, &far, &get("/stream"), leaves),
            None => far.send(get("/stream").as_bytes()),
        }
        place.server.run();
        let id = place.server.wires().ids().next().expect("it is kept");
        for _ in 0..5 {
            place.server.handle().post(id, ()).expect("there is room");
            place.server.advance(ANSWER_TIMEOUT - SECOND);
            assert_eq!((place.ends(), far.is_reset()), (Vec::new(), false), "{case}");
            assert!(text(&far.take()).ends_with("4\r\nmore\r\n"), "{case}");
        }
        place.server.advance(ANSWER_TIMEOUT * 2);
        assert!(far.is_reset(), "{case}");
        let ended = (vec![Reason::Timeout(Timeout::Answer)], [0; 2]);
        assert_eq!((place.ends(), place.counts()), ended, "{case}");
    }
}

/// The server looks after 60 s and after 120 s, and at no time between: what was written before the first look counts until the
/// second, whether that is 61 s or 119 s.
#[test]
fn an_unfinished_answer_is_looked_at_once_in_each_timeout() {
    for written in [SECOND, ANSWER_TIMEOUT - SECOND] {
        let mut place = Place::new(false);
        let far = place.server.connect();
        far.send(get("/stream").as_bytes());
        place.server.advance(written);
        let id = place.server.wires().ids().next().expect("it is there");
        place.server.handle().post(id, ()).expect("there is room");
        place.server.run();
        assert!(text(&far.take()).ends_with("4\r\nmore\r\n"));
        place.server.advance(ANSWER_TIMEOUT * 2 - SECOND - written);
        assert_eq!((place.ends(), far.is_reset()), (Vec::new(), false), "written at {written:?}");
        place.server.advance(SECOND);
        let ended = vec![Reason::Timeout(Timeout::Answer)];
        assert_eq!((place.ends(), far.is_reset()), (ended, true), "written at {written:?}");
    }
}

/// One that its client went on with later, and whose connection is used again, has no deadline left.
#[test]
fn a_finished_answer_has_no_deadline() {
    let mut place = Place::new(false);
    let far = place.server.connect();
    far.send(get("/stream").as_bytes());
    place.server.run();
    let id = place.server.wires().ids().next().expect("it is kept");
    place.server.handle().post(id, "last").expect("there is room");
    place.server.run();
    assert!(text(&far.take()).ends_with("0\r\n\r\n"));
    far.send(get("/late").as_bytes());
    place.server.advance(SECOND * 300);
    assert_eq!((place.ends(), place.counts()), (Vec::new(), [1; 2]), "who still listens waits");
}

/// Over TLS it is the same, whether the peer says the goodbye of TLS, just ends, or is broken off.
#[test]
fn over_tls_a_peer_that_closes_before_its_answer_ends_immediately() {
    let identity = Identity::new();
    let [late, stream, events, paused] = ["/late", "/stream", "/events", "/paused"].map(get);
    let upgrade = socket::UPGRADE.to_owned();
    for leaves in ALL {
        for says_goodbye in [true, false] {
            for said in [&late, &stream, &events, &upgrade, &paused] {
                check_ends_over_tls(&identity, said, leaves, says_goodbye);
                if said != &paused {
                    check_ends_over_tls(&identity, &format!("{said}{}", get("/")), leaves, says_goodbye);
                }
                check_ends_over_tls(&identity, &format!("{}{said}", get("/")), leaves, says_goodbye);
            }
        }
    }
}

#[track_caller]
fn check_ends_over_tls(identity: &Identity, said: &str, leaves: Leaves, says_goodbye: bool) {
    let case = format!("{said:?}, {leaves:?}, with a goodbye: {says_goodbye}");
    let mut place = Place::with(false, Some(identity));
    let far = place.server.connect();
    let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
    peer.say(&mut place.server, "");
    assert!(!peer.is_handshaking());
    peer.send(said);
    if leaves != Leaves::FinAtOnce {
        place.server.run();
    }
    if says_goodbye {
        peer.send_goodbye();
    }
    match leaves {
        Leaves::Fin | Leaves::FinAtOnce => peer.far.finish(),
        Leaves::Reset => peer.far.reset(),
    }
    place.server.run();
    let ends = place.ends();
    // The goodbye may be read before the reset is found.
    let is_reset = leaves == Leaves::Reset && !(says_goodbye && ends == [Reason::Peer]);
    assert_eq!(ends, [if is_reset { Reason::PeerReset } else { Reason::Peer }], "{case}");
    assert_eq!(place.counts(), [0; 2], "{case}");
    place.server.advance(SECOND * 200);
    assert_eq!(place.ends().len(), 1, "it is told once: {case}");
}

/// What is answered at once is answered over TLS too.
#[test]
fn over_tls_an_immediate_answer_reaches_a_half_closed_peer() {
    let identity = Identity::new();
    for count in [1, 3] {
        let mut place = Place::with(false, Some(&identity));
        let far = place.server.connect();
        let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
        peer.say(&mut place.server, "");
        peer.send(get("/").repeat(count));
        assert_eq!(text(&peer.finish(&mut place.server)), ok("now").repeat(count));
        assert!(peer.far.has_server_finished() && !peer.far.is_reset() && peer.has_heard_goodbye());
        assert_eq!((place.ends(), place.counts()), (vec![Reason::Peer], [0; 2]));
    }
}

/// With `half_closed` a deferred answer still comes.
#[test]
fn over_tls_a_half_closed_connection_is_kept_if_that_is_set() {
    let identity = Identity::new();
    let mut place = Place::with(true, Some(&identity));
    let far = place.server.connect();
    let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
    peer.say(&mut place.server, get("/late"));
    assert!(peer.finish(&mut place.server).is_empty());
    place.server.advance(ANSWER_TIMEOUT - SECOND);
    assert_eq!((place.ends(), place.counts()), (Vec::new(), [1; 2]));
    place.kept.0.borrow_mut().replies.pop().expect("it waits").ok("text/plain", "late");
    assert_eq!(statuses(&peer.say(&mut place.server, "")), [200]);
    assert_eq!((place.ends(), place.counts()), (vec![Reason::Peer], [0; 2]));
}

/// And if it does not come, the deadline is the same.
#[test]
fn over_tls_a_half_closed_peer_does_not_wait_for_ever() {
    let identity = Identity::new();
    for (said, wait, why) in unanswered() {
        let mut place = Place::with(true, Some(&identity));
        let far = place.server.connect();
        let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
        peer.say(&mut place.server, &said);
        assert!(peer.finish(&mut place.server).is_empty(), "{said}");
        place.server.advance(wait - SECOND);
        assert_eq!((place.ends(), peer.far.waiting_bytes()), (Vec::new(), 0), "{said}");
        place.server.advance(SECOND);
        assert_eq!(statuses(&peer.say(&mut place.server, "")), [503], "{said}");
        assert_eq!((place.ends(), place.counts()), (vec![Reason::Timeout(why)], [0; 2]), "{said}");
    }
}

/// So is that of an answer in parts to which nothing is written.
#[test]
fn over_tls_an_unfinished_answer_is_reset() {
    let identity = Identity::new();
    for leaves in [false, true] {
        let mut place = Place::with(true, Some(&identity));
        let far = place.server.connect();
        let mut peer = Secured::new(far, identity.client_config(rustls::DEFAULT_VERSIONS));
        let heard = peer.say(&mut place.server, get("/stream"));
        assert!(text(&heard).ends_with("5\r\nbegun\r\n"), "leaves: {leaves}");
        if leaves {
            assert!(peer.finish(&mut place.server).is_empty());
        }
        place.server.advance(ANSWER_TIMEOUT - SECOND);
        assert_eq!((place.ends(), peer.far.is_reset()), (Vec::new(), false), "leaves: {leaves}");
        place.server.advance(SECOND);
        assert!(peer.far.is_reset(), "leaves: {leaves}");
        let ended = (vec![Reason::Timeout(Timeout::Answer)], [0; 2]);
        assert_eq!((place.ends(), place.counts()), ended, "leaves: {leaves}");
    }
}
