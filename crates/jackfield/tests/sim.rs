//! The server in simulation: a thousand schedules of echo, chat, event streams, lines and HTTP, each a bad day of its
//! own. `JACKFIELD_SIM_SEEDS=10000` runs so many; a seed that failed is replayed with its trace by
//! `JACKFIELD_SIM_SEED=N cargo test -p jackfield --test sim replay -- --nocapture`.

use jackfield::sim::peer::{Http, Peer, PeerConnection, WebSocket};
use jackfield::sim::{self, Faults, Options, Sim};
use jackfield::{Client, Connection, Exchange, Limits, Message, Reply, Request, TimerId};
use jackfield_fuzz::bad_day;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

struct Echo;

impl Client for Echo {
    fn on_message(&mut self, socket: &mut jackfield::WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

#[test]
fn bad_days() {
    sim::each_seed(1000, |seed, options| {
        bad_day(seed, options).run();
    });
}

/// The seed in `JACKFIELD_SIM_SEED`, with its trace.
#[test]
fn replay() {
    let seed = std::env::var("JACKFIELD_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let report = bad_day(seed, sim::options_of(seed, true)).run();
    assert!(!report.trace.is_empty());
}

/// Over TLS too (every fourth seed): what TLS takes for chance comes from the seed, and its keys are all of one length.
#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in (0..40).chain([2_000_039]) {
        let [first, second] = [(); 2].map(|()| bad_day(seed, sim::options_of(seed, true)).run());
        assert_eq!(first.trace, second.trace, "{seed}");
    }
}

/// What was held against the server, and was no fault of it: a long answer of which the network took a byte a turn, a message
/// that waited for memory, and a call whose answer did.
#[test]
fn a_slow_peer_is_no_violation() {
    for seed in [566_381, 903_300, 269_438] {
        bad_day(seed, sim::options_of(seed, false)).run();
    }
}

/// A connection was evicted while the rest of a body was awaited whose request was answered: it got a second answer.
#[test]
fn i432_no_answer_comes_without_a_request() {
    bad_day(154_341, sim::options_of(154_341, false)).run();
}

/// A peer asked for the end of its connection, and the goodbye of its TLS came when the socket was closed: the answer was lost.
#[test]
fn i480_the_goodbye_of_a_peer_that_is_done_is_awaited() {
    bad_day(6711, sim::options_of(6711, false)).run();
}

/// The only reader of a topic came back too late, and was told that nothing was missed.
#[test]
fn messages_that_a_broker_lost_are_reported_once() {
    bad_day(37, sim::options_of(37, false)).run();
}

/// A handshake was paused, and its peer's end came with the last flight: the flight was not read.
#[test]
fn bytes_with_the_end_of_a_resumed_handshake_are_read() {
    bad_day(233_639, sim::options_of(233_639, false)).run();
}

/// A connection of our own, whose peer had closed before we knew that it was connected, and which was not read then.
#[test]
fn an_end_that_comes_while_it_is_being_connected_is_noticed() {
    bad_day(491_678, sim::options_of(491_678, false)).run();
}

/// A client that was closed by what it was sent of what it had missed: its place was looked for once more.
#[test]
fn a_client_that_ends_while_it_catches_up_is_over() {
    bad_day(934_772, sim::options_of(934_772, false)).run();
}

#[test]
fn without_faults_everything_is_answered() {
    for seed in 0..20 {
        let options = Options { faults: Faults::none(), ..Options::default() };
        let mut sim = Sim::new(seed, options, |_peer| Echo);
        for _ in 0..5 {
            sim.add(WebSocket::echo(20));
        }
        sim.run();
    }
}

/// Two listeners have room for one connection each. The first is paused for a while, and the second is stopped at some time.
#[test]
fn connections_wait_until_a_listener_has_room_and_is_resumed() {
    struct Page;

    impl Client for Page {
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            exchange.ok("text/plain", "page");
        }
    }

    for seed in 0..40 {
        let faults = Faults { backlogs: seed % 2 == 0, ..Faults::none() };
        let (listeners, listeners_wait) = (vec![1, 1], true);
        let options = Options { listeners, listeners_wait, faults, ..Options::default() };
        let options = Options { reactors: 2, listeners_each_reactor: seed % 3 == 0, ..options };
        let mut sim = Sim::new(seed, options, |_peer| Page);
        for number in 0..8 {
            sim.add(Http::get("/", 3).at(3 + number % 2));
        }
        sim.outside(|outside| match outside.is_calm() {
            true => outside.resume_listener(3),
            false if outside.random().chance(200) => outside.stop_listener(4),
            false => outside.pause_listener(3),
        });
        sim.run();
    }
}

#[test]
#[should_panic(expected = "JACKFIELD_SIM_SEED=")]
fn a_violation_names_its_seed() {
    struct Liar;

    impl Client for Liar {
        fn on_message(&mut self, socket: &mut jackfield::WebSocket<'_>, _message: Message<'_>) {
            socket.send("something else");
        }
    }

    let mut sim = Sim::new(5, Options { faults: Faults::none(), ..Options::default() }, |_peer| Liar);
    sim.add(WebSocket::echo(1));
    sim.run();
}

/// Seed 283402: a request was deferred after all peers had left, and its answer was never asked for.
#[test]
fn an_answer_that_is_pending_after_the_calm_is_given() {
    struct Late(Rc<RefCell<Vec<Reply>>>);

    impl Client for Late {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            match request.path() {
                "/stream" => exchange.stream(200, "text/plain").set_timer(TimerId(1), Duration::from_secs(1)),
                _ => self.0.borrow_mut().push(exchange.defer()),
            }
        }

        fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
            let stream = connection.as_response().expect("it is being streamed");
            stream.finish().expect("any length will do");
        }
    }

    /// Has asked, and does not wait.
    struct Hasty;

    impl Peer for Hasty {
        fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
            for path in ["/stream", "/late"] {
                line.say(format!("GET {path} HTTP/1.1\r\nHost: sim\r\n\r\n").as_bytes());
            }
        }

        fn on_bytes(&mut self, _line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
            bytes.clear();
        }

        fn is_done(&self) -> bool {
            true
        }
    }

    let owed: Rc<RefCell<Vec<Reply>>> = Rc::default();
    let (shared, asked) = (owed.clone(), Rc::new(RefCell::new(0)));
    let count = asked.clone();
    let limits = Limits::default().with(|limits| limits.half_closed = true);
    let options = Options { limits, faults: Faults::none(), ..Options::default() };
    let mut sim = Sim::new(1, options, move |_peer| Late(shared.clone()));
    sim.add(Hasty).outside(move |_outside| {
        for reply in owed.borrow_mut().drain(..) {
            *count.borrow_mut() += 1;
            reply.respond(200, "text/plain", "at last");
        }
    });
    sim.run();
    assert_eq!(*asked.borrow(), 1);
}
