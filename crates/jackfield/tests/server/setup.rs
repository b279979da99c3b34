//! What is set up on the reactor's thread: ticks without drift, and what a reactor reaches.

use crate::support;
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{Client, Connection, ConnectionId, Drain, Exchange, Request, Server, Setup};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use support::probe::observed;
use support::{get, socket, text};

const MS: Duration = Duration::from_millis(1);

struct Nobody;

impl Client for Nobody {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.subscribe("all");
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.events();
    }

    fn on_message(&mut self, socket: &mut jackfield::WebSocket<'_>, message: jackfield::Message<'_>) {
        let heard = socket.send_to_others(message);
        socket.send(format!("{heard} of {}", socket.connection_ids().len() - 1));
    }
}

/// A server that notes at which times this period ticks.
fn ticking(period: Duration) -> (TestServer, Rc<RefCell<Vec<u64>>>) {
    let times = Rc::new(RefCell::new(Vec::new()));
    let noted = times.clone();
    let server = TestServer::with_setup(TestOptions::default(), |setup| {
        assert_eq!((setup.reactor(), setup.handle().count()), (0, 0));
        setup.every(period, move |reactor| noted.borrow_mut().push(reactor.now().0));
        |_peer: &jackfield::Peer| Nobody
    });
    (server, times)
}

/// After these steps it has ticked `count` times, the last time at `last_ms`.
#[track_caller]
fn check(period: Duration, steps: &[Duration], count: usize, last_ms: u64) {
    let (mut server, times) = ticking(period);
    let period = period.max(MS);
    server.run();
    for step in steps {
        server.advance(*step);
    }
    let times = times.borrow();
    assert_eq!((times.len(), times.last()), (count, Some(&last_ms)), "{period:?}");
    for (index, time) in times.iter().enumerate() {
        let ideal = period * (index as u32 + 1);
        let late = Duration::from_millis(*time).checked_sub(ideal).expect("none comes early");
        assert!(late < MS, "tick {index} came at {time} ms");
    }
    assert_eq!(server.handle().metrics().ticks_missed, 0);
}

#[test]
fn m7_ticks_do_not_drift() {
    check(10 * MS, &[Duration::from_secs(1)], 100, 1000);
    check(10 * MS, &[7 * MS; 100], 70, 700);
    // 30 Hz for an hour: 29.4 of them a second would be 105,882.
    check(Duration::from_nanos(33_333_333), &[Duration::from_secs(3600)], 108_000, 3_600_000);
    check(Duration::from_micros(16_667), &[Duration::from_secs(10)], 599, 9984);
    check(MS, &[Duration::from_secs(1)], 1000, 1000);
    check(Duration::ZERO, &[50 * MS], 50, 50);
    check(Duration::from_secs(86_400), &[Duration::from_secs(864_000)], 10, 864_000_000);
}

/// Commands wake the reactor between ticks, and do not change the times of the ticks.
#[test]
fn a_busy_reactor_ticks_at_the_same_times() {
    let (mut server, times) = ticking(10 * MS);
    let _far = server.connect_to(listener::RAW);
    for _ in 0..100 {
        let id = server.handle().ids()[0];
        server.handle().send(id, "x").unwrap();
        server.run();
        server.advance(MS);
    }
    assert_eq!(*times.borrow(), (1..=10).map(|tick| tick * 10).collect::<Vec<u64>>());
}

/// A callback that holds up the reactor over several periods: their ticks are counted, and do not come later.
#[test]
fn m10_late_ticks_are_counted_and_do_not_come_later() {
    for (held_up, ticks, missed) in [
        (9, &[10, 20, 30, 40][..], 0),
        (10, &[10, 20, 30, 40], 0),
        (19, &[10, 20, 39, 40], 0),
        (20, &[10, 20, 40], 1),
        (35, &[10, 20, 55, 60], 2),
        (1000, &[10, 20, 1020, 1030], 99),
    ] {
        let (mut server, times) = ticking(10 * MS);
        server.advance(20 * MS);
        server.skip(held_up * MS);
        server.run();
        let rest = Duration::from_millis(*ticks.last().expect("there are some"))
            .saturating_sub(20 * MS + held_up * MS);
        server.advance(rest);
        assert_eq!(*times.borrow(), ticks, "held up for {held_up} ms");
        assert_eq!(server.handle().metrics().ticks_missed, missed, "held up for {held_up} ms");
    }
}

#[test]
fn two_periods_have_a_time_each() {
    let log = Rc::new(RefCell::new(String::new()));
    let (two, five) = (log.clone(), log.clone());
    let mut server = TestServer::with_setup(TestOptions::default(), |setup: &mut Setup| {
        setup.every(2 * MS, move |_| two.borrow_mut().push('2'));
        setup.every(5 * MS, move |_| five.borrow_mut().push('5'));
        |_peer: &jackfield::Peer| Nobody
    });
    server.advance(10 * MS);
    assert_eq!(*log.borrow(), "2252225");
}

/// Until the last connection has gone, and not longer.
#[test]
fn ticks_go_on_while_the_server_drains() {
    let (mut server, times) = ticking(10 * MS);
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    server.handle().shutdown(Drain::within(35 * MS));
    server.advance(35 * MS);
    assert_eq!((&*times.borrow(), server.wires().len()), (&vec![10, 20, 30], 0), "and the deadline is kept");
}

#[test]
fn a_tick_that_panics_comes_again() {
    let (options, seen) = observed();
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    let mut server = TestServer::with_setup(options, move |setup| {
        setup.every(MS, move |_| {
            counted.set(counted.get() + 1);
            if counted.get() == 2 {
                std::panic::panic_any("the second");
            }
        });
        |_peer: &jackfield::Peer| Nobody
    });
    let _far = server.connect_to(listener::RAW);
    server.advance(5 * MS);
    assert_eq!((count.get(), seen.count("panic the second"), server.wires().len()), (5, 1, 1));
}

#[test]
fn a_tick_reaches_all_of_its_reactor() {
    let mut server = TestServer::with_setup(TestOptions::default(), |setup| {
        setup.every(MS, |reactor| {
            for id in reactor.connection_ids() {
                reactor.send_to(id, format!("{};", reactor.now()));
            }
            reactor.publish("all", "all;");
        });
        |_peer: &jackfield::Peer| Nobody
    });
    let ends = [server.connect_to(listener::RAW), server.connect_to(listener::LINES)];
    server.advance(2 * MS);
    for far in ends {
        assert_eq!(text(&far.take()), "0.001 s;all;0.002 s;all;");
    }
}

#[test]
fn a_send_to_all_others_reaches_each_in_its_protocol() {
    let mut server = TestServer::new(|_peer| Nobody);
    let (sender, other) = (server.connect(), server.connect());
    for far in [&sender, &other] {
        far.send(socket::UPGRADE.as_bytes());
    }
    let (events, raw, http) = (server.connect(), server.connect_to(listener::RAW), server.connect());
    events.send(get("/").as_bytes());
    server.run();
    for far in [&sender, &other, &events] {
        far.take();
    }
    for message in ["small".to_owned(), "l".repeat(5000)] {
        sender.send(&socket::text(&message));
        server.run();
        // Who speaks HTTP can't be told anything.
        assert_eq!(socket::texts(&sender.take()), ["3 of 4"]);
        assert_eq!(socket::texts(&other.take()), [&*message]);
        assert_eq!(text(&events.take()), format!("data: {message}\n\n"));
        assert_eq!(text(&raw.take()), message);
        assert_eq!(text(&http.take()), "");
    }
}

/// The deadline has done its work then. It woke the reactor each millisecond, which made long virtual times slow.
#[test]
fn after_the_deadline_of_a_drain_only_ticks_wake_the_reactor() {
    const TICKS: u32 = 100;
    let (mut server, times) = ticking(1000 * MS);
    server.handle().shutdown(Drain::within(500 * MS));
    server.advance(1000 * MS);
    let (turns, ticks) = (server.handle().metrics().turns, times.borrow().len());
    server.advance(1000 * MS * TICKS);
    assert_eq!(times.borrow().len() - ticks, TICKS as usize);
    let turns = server.handle().metrics().turns - turns;
    assert!(turns <= 3 * u64::from(TICKS), "{turns} turns");
}

/// On real reactors: each has a setup of its own, on its own thread, and its ticks come.
#[test]
fn each_reactor_is_set_up_on_its_own_thread() {
    let server = Server::builder().listen("127.0.0.1:0").reactors(2).bind().unwrap();
    let (told, heard) = std::sync::mpsc::channel();
    let handle = server.handle();
    let watcher = std::thread::spawn(move || {
        // A tick of each, then the end.
        let mut reactors = [false; 2];
        while reactors != [true; 2] {
            let (reactor, is_own): (usize, bool) = heard.recv().unwrap();
            assert!(is_own, "reactor {reactor} ticks on the thread that set it up");
            reactors[reactor] = true;
        }
        handle.shutdown(Drain::now());
        while heard.recv().is_ok() {}
    });
    server
        .serve_with(move |setup| {
            let (thread, told) = (std::thread::current().id(), told);
            setup.every(5 * MS, move |reactor| {
                let is_own = thread == std::thread::current().id();
                let _ = told.send((reactor.number(), is_own));
            });
            let none: Rc<Cell<Option<ConnectionId>>> = Rc::default();
            move |_peer| {
                none.set(None);
                Nobody
            }
        })
        .unwrap();
    watcher.join().unwrap();
}
