//! Bugs of answers that reviews found, one test each.

use crate::support;
use jackfield::test::TestOptions;
use jackfield::{
    BodyPlan, Compression, Connection, Cors, Exchange, Limits, Listener, Reply, ReplyStream, Request, Sent,
    TimerId,
};
use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::probe::Probe;
use support::{Lab, get, statuses};

const SECOND: Duration = Duration::from_secs(1);

thread_local! {
    static REPLIES: RefCell<Vec<Reply>> = const { RefCell::new(Vec::new()) };
}

fn head(path: &str) -> String {
    get(path).replacen("GET", "HEAD", 1)
}

/// An answer that nobody writes to is broken off after a second.
fn impatient() -> Limits {
    Limits::default().with(|limits| limits.answer_timeout = SECOND)
}

/// Begins an answer in parts, with the status in the path. A second later it would go on.
fn begins(_probe: &mut Probe, exchange: Exchange<'_>, request: &Request<'_>) {
    let status = request.path()[1..].parse().expect("it is a status");
    exchange.stream(status, "text/plain").set_timer(TimerId(1), SECOND / 2);
}

fn goes_on(_probe: &mut Probe, connection: &mut Connection<'_>, _timer: TimerId) {
    if let Some(mut stream) = connection.as_response() {
        stream.write("a part");
        let _ = stream.finish();
    }
}

/// The fault: the peer had the whole answer, and the server waited for its body. The next request was not read, and then the
/// connection was reset.
#[test]
fn i341_an_answer_in_parts_without_a_body_is_complete_at_once() {
    for request in [head("/200"), head("/404"), get("/204"), get("/304"), get("/205")] {
        let mut lab = Lab::with_limits(impatient(), || Probe { on_request: begins, ..Probe::default() });
        let far = lab.connect();
        assert_eq!(statuses(&lab.say(&far, request.repeat(2))).len(), 2, "{request}");
        lab.advance(SECOND * 3);
        assert_eq!(statuses(&lab.say(&far, &request)).len(), 1, "{request}");
        assert!(!far.is_reset() && !lab.log.has("disconnect"), "{request}: {:?}", lab.log.events());
    }
    // The parts of a body that there is wait for their time.
    let mut lab =
        Lab::with_limits(impatient(), || Probe { on_request: begins, on_timer: goes_on, ..Probe::default() });
    let far = lab.connect();
    assert_eq!(statuses(&lab.say(&far, get("/200").repeat(2))), [200]);
    lab.advance(SECOND * 3);
    assert_eq!(statuses(&far.take()), [200]);
}

/// The fault: the same for a body from another thread. That was told that each part is on its way, as fast as it could make them.
#[test]
fn i341_a_thread_that_answers_head_learns_that_no_part_is_awaited() {
    let ends: [fn(ReplyStream); 2] = [ReplyStream::finish, drop];
    let cases = [
        (head("/"), 200, Sent::Gone),
        (get("/"), 204, Sent::Gone),
        (get("/"), 304, Sent::Gone),
        (get("/"), 200, Sent::Queued),
    ];
    for (request, status, sent) in cases {
        for end in ends {
            let mut lab = Lab::with_limits(impatient(), || Probe {
                on_request: |_, exchange, _| {
                    REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer()));
                },
                ..Probe::default()
            });
            let far = lab.connect();
            lab.say(&far, &request);
            let reply = REPLIES.with_borrow_mut(Vec::pop).expect("it is deferred");
            let mut body = reply.stream(status, "text/plain");
            assert_eq!((body.write("a part"), body.wait_for_room(Duration::ZERO)), (sent, true));
            lab.run();
            assert_eq!(statuses(&lab.say(&far, &request)), [status]);
            if sent == Sent::Queued {
                continue;
            }
            // The next one is open, and has its own answer. The end of the first is not its end.
            end(body);
            lab.advance(SECOND * 3);
            let reply = REPLIES.with_borrow_mut(Vec::pop).expect("the next request was read");
            reply.ok("text/plain", "whole");
            lab.run();
            assert_eq!((statuses(&far.take()), far.is_reset()), (vec![200], false));
        }
    }
}

/// A reader that must not be read.
struct Unread;

static READS: AtomicUsize = AtomicUsize::new(0);

impl io::Read for Unread {
    fn read(&mut self, _piece: &mut [u8]) -> io::Result<usize> {
        READS.fetch_add(1, Ordering::Relaxed);
        Err(io::ErrorKind::Other.into())
    }
}

/// The fault: the first piece of a body was read for `HEAD` too. If that failed, the connection was reset behind its answer.
#[test]
fn i341_a_reader_is_not_read_for_head() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, request| {
            if request.path() == "/late" {
                exchange.defer().response(200).reader("text/plain", Some(9), Unread).unwrap();
            } else {
                exchange.response(200).reader("text/plain", None, Unread).unwrap();
            }
        },
        ..Probe::default()
    });
    let far = lab.connect();
    for path in ["/", "/late", "/"] {
        assert_eq!((statuses(&lab.say(&far, head(path))), far.is_reset()), (vec![200], false), "{path}");
        assert_eq!(READS.load(Ordering::Relaxed), 0, "{path}");
    }
}

/// The fault: an answer to a request without `Origin` did not have the line. From a cache, a page could not read it.
#[test]
fn i342_an_answer_for_any_origin_does_not_depend_on_the_origin() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, request| {
            let cors = Cors::any_origin().exposes(["X-A"]);
            cors.allow(exchange.response(200), request).body("", "").unwrap();
        },
        ..Probe::default()
    });
    let far = lab.connect();
    let mut answer = |line: &str| lab.ask(&far, format!("GET / HTTP/1.1\r\nHost: h\r\n{line}\r\n"));
    let expected = answer("Origin: https://a.example\r\n");
    assert!(expected.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "{expected}");
    for line in ["", "Origin: null\r\n", "Origin: \u{e9}\r\n", "Origin: https://b.example\r\n"] {
        assert_eq!(answer(line), expected, "{line}");
    }
}

/// The fault: an answer in parts did not say that it might be another one for another `Accept-Encoding`.
#[test]
fn i346_an_answer_in_parts_that_may_be_compressed_varies() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, request| {
            let (compression, bytes) = (Compression::accepted_by(request), io::empty());
            if request.path() == "/late" {
                let late = exchange.defer().response(200).compressed(compression);
                return late.stream("text/plain", None).unwrap().finish();
            }
            let answer = exchange.response(200).compressed(compression);
            match request.path() {
                "/body" => answer.body("text/plain", "x".repeat(5000)).unwrap(),
                "/stream" => answer.stream("text/plain", None).unwrap().finish().unwrap(),
                "/reader" => answer.reader("text/plain", None, bytes).unwrap(),
                _ => _ = answer.events().unwrap(),
            }
        },
        ..Probe::default()
    });
    for path in ["/body", "/stream", "/reader", "/late", "/events"] {
        let far = lab.connect();
        let got = lab.ask(&far, get(path).replace("\r\n\r\n", "\r\nAccept-Encoding: gzip\r\n\r\n"));
        assert_eq!(got.matches("\r\nVary: Accept-Encoding\r\n").count(), 1, "{path}: {got}");
        assert_eq!(got.contains("Content-Encoding"), path == "/body", "{path}: {got}");
    }
}

/// The fault: a status listener answered in one turn all that had come in one read.
#[test]
fn i400_a_status_listener_answers_few_requests_in_a_turn() {
    const REQUESTS: usize = 100;
    let limits = Limits::default().with(|limits| limits.events_per_turn = 1);
    let listeners = vec![Listener::tcp("http"), Listener::tcp("status").status()];
    let options = TestOptions { limits, listeners, ..TestOptions::default() };
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |probe, exchange, _| {
            probe.log.note(exchange.handle().metrics().requests.to_string());
            exchange.ok("", "");
        },
        ..Probe::default()
    });
    let (counts, looks) = (lab.connect(), lab.connect_to(1));
    lab.log.take();
    counts.send(get("/").repeat(REQUESTS).as_bytes());
    looks.send(head("/metrics").repeat(REQUESTS).as_bytes());
    lab.run();
    // One that counts and one that looks in each turn.
    let so_far: Vec<usize> = lab.log.take().iter().filter_map(|count| count.parse().ok()).collect();
    assert_eq!(so_far.len(), REQUESTS);
    assert!(so_far.windows(2).all(|pair| pair[1] - pair[0] <= 2), "{so_far:?}");
    assert_eq!(statuses(&looks.take()), [200; REQUESTS]);
}

thread_local! {
    static SENT: RefCell<Vec<Sent>> = const { RefCell::new(Vec::new()) };
}

/// The fault: a callback was told that each part of a body that nobody gets is on its way.
#[test]
fn i405_a_callback_learns_that_no_part_is_awaited() {
    for (request, sent) in [
        (get("/200"), Sent::Queued),
        (head("/200"), Sent::Gone),
        (get("/204"), Sent::Gone),
        (get("/205"), Sent::Gone),
        (get("/304"), Sent::Gone),
    ] {
        let mut lab = Lab::new(|| Probe {
            on_request: |_, exchange, request| {
                let status = request.path()[1..].parse().expect("it is a status");
                let mut stream = exchange.stream(status, "text/plain");
                let sent = ["a part", ""].map(|part| stream.write(part));
                SENT.with_borrow_mut(|all| all.extend(sent));
                assert_eq!(stream.finish(), Ok(()));
            },
            ..Probe::default()
        });
        let far = lab.connect();
        assert_eq!(statuses(&lab.say(&far, request.repeat(2))).len(), 2, "{request}");
        assert_eq!(SENT.take(), [sent; 4], "{request}");
    }
}

/// The fault: a request that was answered before its body had come got a second answer, 408 or 503, if the rest was late or memory
/// was scarce, or 400 if it was malformed. The peer could take that for the answer to its next request.
#[test]
fn i432_an_answered_request_gets_no_second_answer() {
    for (length, rest, told) in [
        ("Content-Length: 1000", "x", "disconnect Timeout(Body)"),
        ("Transfer-Encoding: chunked", "nonsense\r\n", "disconnect Protocol(Http("),
    ] {
        let mut lab = Lab::new(|| Probe { on_head: |_, _, _| BodyPlan::Reject(403), ..Probe::default() });
        let far = lab.connect();
        let answers = lab.say(&far, format!("POST / HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n"));
        assert_eq!(statuses(&answers), [403]);
        lab.say(&far, rest);
        lab.advance(SECOND * 100);
        assert_eq!(statuses(&far.take()), [0; 0], "{length}");
        assert!(far.has_server_finished() && !far.is_reset(), "{length}");
        far.finish();
        lab.run();
        let events = lab.log.events();
        assert!(events.iter().any(|event| event.starts_with(told)), "{events:?}");
    }
}
