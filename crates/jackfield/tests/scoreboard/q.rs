//! Test, fuzz, bench.

use crate::{steady, support};
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{BodyPlan, Client, Connection, Exchange, Limits, Message, Request, TimerId, WebSocket};
use std::cell::RefCell;
use std::rc::Rc;
use std::thread::{self, ThreadId};
use std::time::Duration;
use steady::{Worker, echo, milli_allocations, ok_bytes, requests};
use support::probe::Probe;
use support::{get, outcome, socket};

#[test]
fn q4_however_a_session_is_split_its_events_are_the_same() {
    // `outcome` cuts at every byte; `invariants` does it with sessions made at random.
    let make = || Probe {
        on_head: |_, _, request| match request.path() {
            "/stream" => BodyPlan::Stream,
            "/refused" => BodyPlan::Reject(403),
            _ => BodyPlan::Collect,
        },
        ..Probe::default()
    };
    let http = [
        get("/one").as_str(),
        "POST /whole HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "POST /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\nT: t\r\n\r\n",
        "POST /empty HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nno!",
        "\r\nHEAD /two HTTP/1.1\r\nHost: h\r\n\r\n",
        socket::UPGRADE,
    ]
    .concat();
    let frames = [
        socket::text("first"),
        socket::masked(socket::TEXT, b"in \xe2\x82"),
        socket::ping(b"between"),
        socket::masked(socket::FIN, b"\xac pieces"),
        socket::binary(&[7; 200]),
        socket::close(1000, "bye"),
        socket::text("unheard"),
    ]
    .concat();
    let outcome = outcome(make, listener::HTTP, &[http.as_bytes(), &frames].concat());
    let expected = [
        "connect",
        "request GET /one ",
        "head POST /whole",
        "request POST /whole hello",
        "head POST /stream",
        "body abc",
        "request POST /stream ",
        "head POST /empty",
        "request POST /empty ",
        "head POST /refused",
        "request HEAD /two ",
        "upgrade /ws",
        "open",
        "text first",
        "ping between",
        r"text in \xe2\x82\xac pieces",
        "binary 200 bytes",
        "disconnect Peer",
        "drop",
    ];
    assert_eq!(outcome.log, expected);
    assert!(outcome.is_finished);
}

/// What a user's own test looks like: no socket, no thread, no sleep. See N2 for the same with faults.
#[test]
fn q5_handlers_are_tested_in_memory_over_http_and_websocket() {
    struct Shout;

    impl Client for Shout {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            exchange.ok("text/plain", request.path().to_uppercase());
        }

        fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
            socket.send(message.as_bytes().to_ascii_uppercase());
        }
    }

    let mut server = TestServer::new(|_peer| Shout);
    let http = server.connect();
    http.send(get("/hello").as_bytes());
    server.run();
    assert!(http.take().ends_with(b"\r\n\r\n/HELLO"));
    let peer = server.connect();
    peer.send(socket::UPGRADE.as_bytes());
    server.run();
    assert!(peer.take().starts_with(b"HTTP/1.1 101 "));
    peer.send(&socket::text("hello"));
    server.run();
    assert_eq!(peer.take(), b"\x82\x05HELLO");
}

/// The clients hold what only one thread may have, and a day passes when the test says so.
#[test]
fn q5_callbacks_run_on_the_thread_of_the_test_and_at_its_time() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    type Notes = Rc<RefCell<Vec<(&'static str, ThreadId)>>>;

    struct Patient(Notes);

    impl Client for Patient {
        fn on_connect(&mut self, connection: &mut Connection<'_>) {
            connection.set_timer(TimerId(1), DAY);
            connection.set_timer(TimerId(2), DAY + Duration::from_secs(1));
            self.0.borrow_mut().push(("connect", thread::current().id()));
        }

        fn on_timer(&mut self, _connection: &mut Connection<'_>, timer: TimerId) {
            let event = if timer == TimerId(1) { "first" } else { "second" };
            self.0.borrow_mut().push((event, thread::current().id()));
        }
    }

    let notes = Notes::default();
    let shared = notes.clone();
    let options = TestOptions { limits: Limits::local(), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer| Patient(shared.clone()));
    let _far = server.connect_to(listener::RAW);
    let here = thread::current().id();
    assert_eq!(notes.take(), [("connect", here)]);
    server.advance(DAY - Duration::from_millis(1));
    assert!(notes.take().is_empty());
    server.advance(Duration::from_millis(1));
    assert_eq!(notes.take(), [("first", here)]);
    server.advance(Duration::from_secs(1));
    assert_eq!(notes.take(), [("second", here)]);
}

#[test]
fn q7_the_proof_of_no_allocation_sees_a_planted_one() {
    assert_eq!(milli_allocations(Worker::default, requests(get("/"), ok_bytes(""), 16)), 0);
    assert_eq!(milli_allocations(Worker::default, echo(1000, 1)), 0);
    let make = || Worker { allocates: true, ..Worker::default() };
    assert_eq!(milli_allocations(make, echo(1000, 1)), 1000);
}

/// What `benches/autobahn.sh --write` has found: every case is OK, but for those that have no right or wrong. `.ci/run` calls
/// `benches/autobahn.sh --quick`, which runs the sections 1 to 10 where there is a Python 2.7, and compares nothing with
/// the document.
#[test]
fn q1_the_results_of_autobahn_are_in_the_repository_and_all_of_them_ok() {
    let document = include_str!("../../../../docs/autobahn.md");
    let rows: Vec<Vec<&str>> = document
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| section") && !line.starts_with("| ---"))
        .map(|line| line.trim_matches(['|', ' ']).split(" | ").collect())
        .collect();
    let sections: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(sections, ["1", "2", "3", "4", "5", "6", "7", "9", "10", "12", "13"]);
    let (mut cases, mut without_verdict) = (0, 0);
    for row in &rows {
        let counts: Vec<u32> = row[2..].iter().map(|count| count.parse().unwrap()).collect();
        let [all, ok, non_strict, informational, unimplemented, other] = counts[..] else {
            panic!("{row:?}")
        };
        assert_eq!((ok + informational, non_strict, unimplemented, other), (all, 0, 0, 0), "{row:?}");
        assert!(informational == 0 || row[0] == "7", "{row:?}");
        cases += all;
        without_verdict += informational;
    }
    assert_eq!((cases, without_verdict), (517, 3));
    // Who writes it, and who runs the suite again.
    assert!(document.contains("\n    benches/autobahn.sh --write\n"));
    let [script, judge] =
        [include_str!("../../../../benches/autobahn.sh"), include_str!("../../../../benches/autobahn.py")];
    assert!(script.contains("python3 benches/autobahn.py \"$mode\""));
    assert!(judge.contains("pathlib.Path(\"docs/autobahn.md\").write_text("));
    assert!(include_str!("../../../../.ci/run").contains("\nbenches/autobahn.sh --quick\n"));
}
