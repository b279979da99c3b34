//! HTTP/1.1.

use crate::support;
use jackfield::test::{TestOptions, listener};
use jackfield::{Body, BodyPlan, Exchange, Fields, Limits, Reason, Reply, ResponseBuilder, Sent, TimerId};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use support::probe::Probe;
use support::{DATE, Lab, get, ok, outcome, outcome_of, statuses, text};

const SECOND: Duration = Duration::from_secs(1);

/// However the input is cut, the answers are these.
#[track_caller]
fn check(make: fn() -> Probe, input: &str, expected: &str) {
    let outcome = outcome(make, listener::HTTP, input.as_bytes());
    assert_eq!(text(&outcome.output), expected, "to {input:?}");
}

/// A probe that answers in this way.
macro_rules! answering {
    ($answer:expr) => {
        || Probe { on_request: $answer, ..Probe::default() }
    };
}

#[test]
fn h1_a_request_has_method_target_headers_and_body() {
    let make = answering!(|_, exchange, request| {
        let seen = format!(
            "{} {} {} {:?} {:?} {:?} {:?} {}",
            request.method(),
            request.target(),
            request.path(),
            request.query(),
            request.host(),
            request.header_str("x-a"),
            request.header_all("X-B").map(text).collect::<Vec<_>>(),
            text(request.body()),
        );
        exchange.ok("text/plain", seen);
    });
    let head = "Host: a.example:81\r\nX-A: one\r\nX-b: 1\r\nx-B: 2\r\n";
    let rest = r#"Some("q=1&r") Some("a.example:81") Some("one") ["1", "2"]"#;
    check(make, &format!("GET /p?q=1&r HTTP/1.1\r\n{head}\r\n"), &ok(&format!("GET /p?q=1&r /p {rest} ")));
    check(
        make,
        &format!("PUT /p?q=1&r HTTP/1.1\r\n{head}Content-Length: 4\r\n\r\nbody"),
        &ok(&format!("PUT /p?q=1&r /p {rest} body")),
    );
    check(
        make,
        &format!("POST http://a.example:81/p?q=1&r HTTP/1.1\r\n{head}\r\n"),
        &ok(&format!("POST http://a.example:81/p?q=1&r /p {rest} ")),
    );
}

/// A probe that defers its answers and gives them in a timer of its own, or never.
fn keeping() -> Probe {
    Probe {
        on_request: |probe, exchange, _| KEPT.with(|kept| kept.keep(probe, exchange.defer())),
        ..Probe::default()
    }
}

/// Replies that are pending. Each test has its own thread.
#[derive(Default)]
struct Kept(std::cell::RefCell<Vec<Reply>>);

thread_local! {
    static KEPT: Kept = Kept::default();
}

impl Kept {
    fn keep(&self, _probe: &Probe, reply: Reply) {
        self.0.borrow_mut().push(reply);
    }
}

fn take_reply() -> Reply {
    KEPT.with(|kept| kept.0.borrow_mut().remove(0))
}

fn pending_answers() -> usize {
    KEPT.with(|kept| kept.0.borrow().len())
}

#[test]
fn h2_a_deferred_answer_comes_from_any_thread_and_in_order() {
    let mut lab = Lab::new(keeping);
    let far = lab.connect();
    assert_eq!(lab.ask(&far, [get("/1"), get("/2"), get("/3")].concat()), "");
    for body in ["one", "two", "three"] {
        // The next request waits for the answer to the one before.
        assert_eq!(pending_answers(), 1);
        let reply = take_reply();
        std::thread::spawn(move || reply.respond(200, "text/plain", body)).join().unwrap();
        lab.run();
        assert_eq!(text(&far.take()), ok(body));
    }
    assert_eq!(lab.log.count("request"), 3);
}

#[test]
fn h2_a_deferred_answer_that_is_dropped_is_a_500() {
    let mut lab = Lab::new(keeping);
    let far = lab.connect();
    lab.say(&far, get("/"));
    drop(take_reply());
    lab.run();
    assert_eq!(statuses(&far.take()), [500]);
    // And the connection goes on.
    lab.say(&far, get("/"));
    take_reply().respond(200, "text/plain", "x");
    lab.run();
    assert_eq!(text(&far.take()), ok("x"));
}

#[test]
fn h2_a_full_mailbox_takes_the_answer_all_the_same() {
    let limits = Limits::default().with(|limits| limits.mailbox_max = 1);
    let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, keeping);
    let (far, other) = (lab.connect(), lab.connect());
    lab.say(&far, get("/"));
    lab.say(&other, get("/"));
    let handle = lab.server.handle();
    let reply = take_reply();
    let id = reply.id();
    assert_eq!(handle.post(id, 1), Ok(()));
    assert_eq!(handle.post(id, 2).map_err(|not| (not.value, not.why)), Err((2, jackfield::Busy::Full)));
    reply.respond(200, "text/plain", "first");
    take_reply().respond(200, "text/plain", "second");
    lab.run();
    assert_eq!((text(&far.take()), text(&other.take())), (ok("first"), ok("second")));
}

#[test]
fn h2_a_deferred_answer_has_its_own_header_lines() {
    let mut lab = Lab::new(keeping);
    let far = lab.connect();
    lab.say(&far, [get("/1"), get("/2")].concat());
    assert_eq!(take_reply().response(201).header("X-A", "1").body("text/plain", "late"), Ok(Sent::Queued));
    lab.run();
    let head = format!("HTTP/1.1 201 Created\r\n{DATE}\r\nContent-Type: text/plain\r\n");
    assert_eq!(text(&far.take()), head + "Content-Length: 4\r\nX-A: 1\r\n\r\nlate");
    // What can't be written is an error here and a 500 there.
    assert!(take_reply().response(200).header("X-A", "a\r\nX-B: b").body("text/plain", "late").is_err());
    lab.run();
    assert_eq!(statuses(&far.take()), [500]);
}

/// Every way to give a body of this number of bytes.
fn bodies(bytes: usize) -> Vec<Body<'static>> {
    let text: &'static str = &LETTERS[..bytes];
    vec![
        text.into(),
        text.as_bytes().into(),
        text.to_owned().into(),
        text.as_bytes().to_vec().into(),
        Arc::<[u8]>::from(text.as_bytes()).into(),
        Cow::Borrowed(text).into(),
        Cow::<str>::Owned(text.into()).into(),
    ]
}

static LETTERS: LazyLock<String> = LazyLock::new(|| "x".repeat(100_000));

#[test]
fn h3_a_body_is_the_same_however_it_is_given() {
    for length in [0, 5, LETTERS.len()] {
        let expected = ok(&LETTERS[..length]);
        for (place, body) in bodies(length).into_iter().enumerate() {
            assert_eq!((body.len(), body.is_empty()), (length, length == 0));
            let mut lab = Lab::new(answering!(|_, exchange, request| {
                let mut numbers = request.path().split('/').skip(1).map(|number| number.parse().unwrap());
                let (length, place) = (numbers.next().unwrap(), numbers.next().unwrap());
                exchange.ok("text/plain", bodies(length).swap_remove(place));
            }));
            let far = lab.connect();
            assert!(
                lab.ask(&far, get(&format!("/{length}/{place}"))) == expected,
                "{place} of {length} bytes"
            );
            // Given later, a borrowed one is copied.
            let mut lab = Lab::new(keeping);
            let far = lab.connect();
            lab.say(&far, get("/"));
            assert_eq!(take_reply().response(200).body("text/plain", body), Ok(Sent::Queued));
            lab.run();
            assert!(text(&far.take()) == expected, "{place} of {length} bytes, later");
        }
    }
}

#[test]
fn h2_an_answer_to_a_peer_that_has_gone_does_nothing() {
    let mut lab = Lab::new(keeping);
    let far = lab.connect();
    lab.say(&far, get("/"));
    far.reset();
    lab.run();
    assert_eq!(lab.connections(), 0);
    let stranger = lab.connect();
    lab.say(&stranger, get("/"));
    take_reply().respond(200, "text/plain", "for somebody else");
    lab.run();
    assert_eq!(text(&stranger.take()), "");
    take_reply().respond(200, "text/plain", "mine");
    lab.run();
    assert_eq!(text(&stranger.take()), ok("mine"));
}

#[test]
fn h2_the_idle_timeout_does_not_run_while_an_answer_is_pending() {
    let mut lab = Lab::new(keeping);
    let far = lab.connect();
    lab.say(&far, get("/"));
    lab.advance(SECOND * 1000);
    assert!(!far.has_server_finished());
    take_reply().respond(200, "text/plain", "late");
    lab.run();
    assert!(text(&far.take()).ends_with("late"));
    lab.advance(SECOND * 74);
    assert!(!far.has_server_finished());
    lab.advance(SECOND * 2);
    assert!(far.has_server_finished());
}

#[test]
fn h3_ready_answers() {
    let make = answering!(|_, exchange, request| match request.path() {
        "/ok" => exchange.ok("text/plain", "fine"),
        "/error" => exchange.error(403),
        "/redirect" => exchange.redirect(303, "/else?where"),
        _ => exchange.not_found(),
    });
    let plain = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\n{DATE}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    check(make, &get("/ok"), &ok("fine"));
    check(make, &get("/nowhere"), &plain("404 Not Found", "Not Found"));
    check(make, &get("/error"), &plain("403 Forbidden", "Forbidden"));
    let redirect =
        format!("HTTP/1.1 303 See Other\r\n{DATE}\r\nContent-Length: 0\r\nLocation: /else?where\r\n\r\n");
    check(make, &get("/redirect"), &redirect);
}

#[test]
fn h3_a_client_that_does_nothing_answers_404() {
    struct Nothing;
    impl jackfield::Client for Nothing {}
    let mut server = jackfield::test::TestServer::new(|_peer| Nothing);
    let far = server.connect();
    far.send(get("/").as_bytes());
    server.run();
    assert_eq!(statuses(&far.take()), [404]);
}

#[test]
fn h4_status_and_headers_are_the_users_own() {
    let make = answering!(|_, exchange, _| {
        let answer = exchange.response(201).header("X-One", "1").header("x-two", "a, b");
        assert_eq!(answer.body("text/x", "body"), Ok(()));
    });
    let expected = format!(
        "HTTP/1.1 201 Created\r\n{DATE}\r\nContent-Type: text/x\r\nContent-Length: 4\r\nX-One: 1\r\nx-two: a, b\r\n\r\nbody"
    );
    check(make, &get("/"), &expected);
}

#[test]
fn h4_a_stream_is_chunked_and_ends_with_the_connection_on_1_0() {
    let make = answering!(|_, exchange, _| {
        let mut stream = exchange.stream(200, "text/plain");
        stream.write("one");
        stream.write("");
        stream.write(&b"twenty bytes in hex."[..]);
        assert_eq!(stream.finish(), Ok(()));
    });
    let head = format!("HTTP/1.1 200 OK\r\n{DATE}\r\nContent-Type: text/plain\r\n");
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n14\r\ntwenty bytes in hex.\r\n0\r\n\r\n"
    );
    check(make, &get("/").repeat(2), &chunked.repeat(2));
    let until_close = format!("{head}Connection: close\r\n\r\nonetwenty bytes in hex.");
    check(make, "GET / HTTP/1.0\r\n\r\n", &until_close);
    assert!(outcome(make, listener::HTTP, b"GET / HTTP/1.0\r\n\r\n").is_finished);
}

#[test]
fn h4_a_stream_continues_in_later_callbacks() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| {
            let mut stream = exchange.stream(200, "text/plain");
            stream.write("begin ");
            stream.set_timer(TimerId(1), SECOND);
        },
        on_timer: |_, connection, timer| {
            let mut stream = connection.as_response().expect("it is still streaming");
            stream.write("end");
            if timer == TimerId(1) {
                assert_eq!(stream.finish(), Ok(()));
            }
        },
        ..Probe::default()
    });
    let far = lab.connect();
    let answer = lab.ask(&far, get("/a") + &get("/b"));
    assert!(answer.ends_with("\r\n\r\n6\r\nbegin \r\n"), "{answer}");
    assert_eq!(lab.log.count("request"), 1, "the second waits for the first's end");
    lab.advance(SECOND);
    let rest = text(&far.take());
    assert!(rest.starts_with("3\r\nend\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"), "{rest}");
    assert_eq!(lab.log.count("request"), 2);
}

#[test]
fn h4_a_stream_with_a_length_must_keep_to_it() {
    let make = answering!(|_, exchange, request| {
        let mut stream = exchange.response(200).stream("text/plain", Some(4)).unwrap();
        assert!(stream.write("abc").is_accepted());
        match request.path() {
            "/long" => {
                assert_eq!(stream.write("de"), Sent::Unsupported);
                stream.write("d");
                assert_eq!(stream.finish(), Ok(()));
            }
            _ => assert!(stream.finish().is_err()),
        }
    });
    check(make, &get("/long"), &ok("abcd"));
    let short = outcome(make, listener::HTTP, get("/short").as_bytes());
    assert!(short.is_finished && short.output.ends_with(b"\r\n\r\nabc"), "{short}");
}

#[test]
fn h4_a_header_that_would_break_its_line_is_an_error() {
    for (name, value) in [
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "a\nb"),
        ("X-A", "a\rb"),
        ("X-A", "a\0b"),
        ("X A", "b"),
        ("X:A", "b"),
        ("", "b"),
        ("X\r\nB", "b"),
    ] {
        assert!(Fields::new().push(name, value).is_err(), "{name:?}: {value:?}");
    }
    let make = answering!(|_, exchange, _| {
        let answer = exchange.response(200).header("X-A", "a\r\nX-B: b").header("X-C", "c");
        assert!(answer.body("text/plain", "body").is_err());
    });
    check(
        make,
        &get("/"),
        &format!("HTTP/1.1 500 Internal Server Error\r\n{DATE}\r\nContent-Length: 0\r\n\r\n"),
    );
}

/// However the bytes come: `outcome` cuts them everywhere.
#[test]
fn h7_a_streamed_body_is_seen_alike_whole_and_in_pieces() {
    let make = || Probe {
        on_head: |_, _, request| {
            assert!(request.has_body() && request.body().is_empty() && request.trailers().next().is_none());
            BodyPlan::Stream
        },
        on_body: |probe, _, part| {
            assert!(!part.is_empty());
            probe.count += part.len();
        },
        on_request: |probe, exchange, request| {
            assert!(request.has_body() && request.body().is_empty());
            let trailers =
                request.trailers().map(|(name, value)| format!(" {name}={}", value.escape_ascii()));
            exchange.ok("text/plain", format!("{}{}", probe.count, trailers.collect::<String>()));
        },
        ..Probe::default()
    };
    for (body, answer) in [
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: t\r\nU: u\r\n\r\n", "3 T=t U=u"),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\nT: t\r\n\r\n", "0 T=t"),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "0"),
        ("Content-Length: 3\r\n\r\nabc", "3"),
    ] {
        let input = format!("POST / HTTP/1.1\r\nHost: h\r\n{body}");
        let outcome = outcome(make, listener::HTTP, input.as_bytes());
        assert!(text(&outcome.output).ends_with(&format!("\r\n\r\n{answer}")), "{outcome}");
        assert!(!outcome.log.iter().any(|event| event.contains("anic")), "{outcome}");
    }
}

/// One rule for every way to answer.
#[test]
fn h4_an_answer_with_a_line_that_cannot_be_written_is_a_500() {
    let make = answering!(|_, exchange, request| {
        let broken = "text/plain\r\nEvil: 1";
        fn typed(exchange: Exchange<'_>) -> ResponseBuilder<Exchange<'_>> {
            exchange.response(200).header("Content-Type", "a/b")
        }
        match request.path() {
            "/ok" => exchange.ok(broken, "body"),
            "/redirect" => exchange.redirect(303, "/\r\nEvil: 1"),
            "/body" => assert!(exchange.response(200).body(broken, "body").is_err()),
            "/stream" => assert!(exchange.response(200).stream(broken, None).is_err()),
            "/twice" => assert!(typed(exchange).header("content-type", "c/d").body("", "body").is_err()),
            "/twice/body" => assert!(typed(exchange).body("c/d", "body").is_err()),
            "/twice/stream" => assert!(typed(exchange).stream("c/d", None).is_err()),
            _ => assert!(typed(exchange).events().is_err()),
        }
    });
    for path in
        ["/ok", "/redirect", "/body", "/stream", "/twice", "/twice/body", "/twice/stream", "/twice/events"]
    {
        check(
            make,
            &get(path),
            &format!("HTTP/1.1 500 Internal Server Error\r\n{DATE}\r\nContent-Length: 0\r\n\r\n"),
        );
    }
    let make = answering!(|_, exchange, _| {
        let answer = exchange.response(200).header("Content-Type", "a/b");
        assert!(answer.body("", "body").is_ok());
    });
    check(
        make,
        &get("/"),
        &format!("HTTP/1.1 200 OK\r\n{DATE}\r\nContent-Length: 4\r\nContent-Type: a/b\r\n\r\nbody"),
    );
}

#[test]
fn h5_keep_alive_is_on() {
    for (input, stays) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", false),
    ] {
        let outcome = outcome(Probe::default, listener::HTTP, input.as_bytes());
        assert_eq!(!outcome.is_finished, stays, "{input:?}");
        let says_so = text(&outcome.output).contains("Connection: close");
        assert_eq!(!says_so, stays, "{input:?}");
    }
}

#[test]
fn h5_an_idle_connection_is_closed_after_75_s() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    for _ in 0..3 {
        lab.advance(SECOND * 70);
        assert_eq!(statuses(&lab.say(&far, get("/"))), [200]);
    }
    lab.advance(Duration::from_millis(74_999));
    assert!(!far.has_server_finished());
    lab.advance(Duration::from_millis(1));
    assert!(far.has_server_finished());
    assert_eq!(text(&far.take()), "", "it is closed without a word");
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Timeout(Idle)"));
}

#[test]
fn h5_any_number_of_requests_is_served() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    for _ in 0..10_000 {
        assert_eq!(statuses(&lab.say(&far, get("/"))), [200]);
    }
    assert!(!far.has_server_finished());
}

#[test]
fn h6_pipelined_requests_are_answered_in_order_in_one_write() {
    let input: String = (0..50).map(|number| get(&format!("/{number}"))).collect();
    let expected: String = (0..50).map(|number| ok(&format!("GET /{number} "))).collect();
    check(Probe::default, &input, &expected);
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    far.send(input.as_bytes());
    lab.run();
    assert_eq!(far.writes(), 1);
}

#[test]
fn h6_a_body_between_pipelined_requests_is_not_parsed_as_a_request() {
    let post = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 28\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n";
    let input = [&get("/a"), post, &get("/c")].concat();
    let body = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(body.len(), 28);
    check(Probe::default, &input, &[ok("GET /a "), ok(&format!("POST /b {body}")), ok("GET /c ")].concat());
}

#[test]
fn h6_bytes_after_a_pending_answer_are_bounded() {
    const MORE: usize = 10_000;
    let mut lab = Lab::new(keeping);
    let far = lab.connect();
    lab.say(&far, get("/0"));
    let many: String = (1..=MORE).map(|number| get(&format!("/{number}"))).collect();
    lab.say(&far, &many);
    assert!(!far.has_server_finished());
    // The server stops reading: what it took is what lay in one read.
    let taken = lab.server.handle().metrics().bytes_in as usize;
    let limits = Limits::default().reactor;
    let most = limits.read_bytes + limits.carry_bytes_max;
    assert!(taken <= most && most < many.len(), "{taken} bytes taken of {}", many.len());
    assert_eq!(pending_answers(), 1);
    while pending_answers() > 0 {
        take_reply().respond(200, "text/plain", "x");
        lab.run();
    }
    let mut asked = lab.log.events();
    asked.retain(|event| event.starts_with("request"));
    let expected: Vec<_> = (0..=MORE).map(|number| format!("request GET /{number} ")).collect();
    assert!(asked == expected, "{} requests: one is lost, or comes twice", asked.len());
}

/// Plans bodies by path.
fn planning() -> Probe {
    Probe {
        on_head: |_, _, request| match request.path() {
            "/stream" => BodyPlan::Stream,
            "/small" => BodyPlan::CollectUpTo(10),
            "/reject" => BodyPlan::Reject(403),
            _ => BodyPlan::Collect,
        },
        ..Probe::default()
    }
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunked(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn h7_a_body_is_collected_streamed_or_rejected() {
    let cases = [
        ("/", "collected", ["connect", "head POST /", "request POST / collected"].as_slice()),
        ("/stream", "streamed", &["connect", "head POST /stream", "body streamed", "request POST /stream "]),
        ("/small", "0123456789", &["connect", "head POST /small", "request POST /small 0123456789"]),
    ];
    for (path, body, events) in cases {
        let chunks = format!("4\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", &body[..4], body.len() - 4, &body[4..]);
        for input in [post(path, body), chunked(path, &chunks)] {
            let outcome = outcome(planning, listener::HTTP, input.as_bytes());
            assert_eq!(outcome.log, events, "{input:?}");
            assert_eq!(statuses(&outcome.output), [200]);
            assert!(!outcome.is_finished);
        }
    }
}

#[test]
fn h7_a_rejected_body_is_dropped_and_the_connection_stays() {
    let input = post("/reject", "unwanted") + &get("/next");
    let outcome = outcome(planning, listener::HTTP, input.as_bytes());
    assert_eq!(statuses(&outcome.output), [403, 200]);
    assert_eq!(outcome.log, ["connect", "head POST /reject", "request GET /next "]);
}

#[test]
fn h7_more_than_1_mib_is_answered_with_413() {
    let megabyte = "x".repeat(1 << 20);
    let chunk = |bytes: &str| format!("{:x}\r\n{bytes}\r\n0\r\n\r\n", bytes.len());
    for (input, status) in [
        (post("/", &megabyte), 200),
        (post("/", &(megabyte.clone() + "y")), 413),
        (chunked("/", &chunk(&megabyte)), 200),
        (chunked("/", &chunk(&(megabyte.clone() + "y"))), 413),
        (post("/small", "0123456789a"), 413),
        (chunked("/small", &chunk("0123456789a")), 413),
        (post("/stream", &(megabyte.clone() + "y")), 200),
    ] {
        let parts: Vec<&[u8]> = input.as_bytes().chunks(9000).collect();
        for parts in [&[input.as_bytes()][..], &parts] {
            let outcome = outcome_of(planning, listener::HTTP, parts);
            assert_eq!(statuses(&outcome.output), [status], "{} bytes", input.len());
            assert_eq!(outcome.is_finished, status == 413);
        }
    }
}

#[test]
fn h7_the_announced_length_is_enough_for_413() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n";
    assert_eq!(statuses(&lab.say(&far, head)), [413]);
    assert!(far.has_server_finished());
}

#[test]
fn h8_chunked_bodies_come_in_with_extensions_and_trailers() {
    let make = answering!(|_, exchange, request| {
        let trailers: Vec<String> =
            request.trailers().map(|(name, value)| format!("{name}={}", text(value))).collect();
        exchange.ok("text/plain", format!("{} {trailers:?}", text(request.body())));
    });
    let body = "3\r\nabc\r\nA;ext=1;q=\"x\"\r\n0123456789\r\n0;last\r\nX-Sum: 1\r\nHost: evil\r\nContent-Length: 9\r\n\r\n";
    check(make, &chunked("/", body), &ok(r#"abc0123456789 ["X-Sum=1"]"#));
    check(make, &chunked("/", "0\r\n\r\n").repeat(2), &ok(" []").repeat(2));
}

#[test]
fn h8_chunk_extensions_have_a_cap() {
    let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(300));
    let many = format!("1;{}\r\nx\r\n", "e".repeat(200)).repeat(100) + "0\r\n\r\n";
    for body in [long, many] {
        let outcome = outcome(Probe::default, listener::HTTP, chunked("/", &body).as_bytes());
        assert_eq!(statuses(&outcome.output), [400]);
        assert!(outcome.is_finished);
    }
}

#[test]
fn h8_trailers_go_out_without_the_forbidden_ones() {
    let make = answering!(|_, exchange, _| {
        let mut trailers = Fields::new();
        trailers.push("X-Sum", "7").unwrap();
        trailers.push("Set-Cookie", "no").unwrap();
        let mut stream = exchange.stream(200, "");
        stream.write("x");
        stream.finish_with(&trailers).unwrap();
    });
    let expected = format!(
        "HTTP/1.1 200 OK\r\n{DATE}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n"
    );
    check(make, &get("/"), &expected);
}

#[test]
fn h9_continue_is_sent_when_the_body_is_wanted() {
    let expecting = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    };
    let mut lab = Lab::new(planning);
    for path in ["/", "/stream"] {
        let far = lab.connect();
        assert_eq!(lab.ask(&far, expecting(path)), "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(statuses(&lab.say(&far, "body")), [200]);
        assert!(!far.has_server_finished());
    }
    // A refusal comes without reading. The server can't know whether the body follows, so it closes the connection.
    let far = lab.connect();
    assert_eq!(statuses(&lab.say(&far, expecting("/reject"))), [403]);
    assert!(far.has_server_finished());
    // Who has sent the body already does not wait.
    let far = lab.connect();
    assert_eq!(statuses(&lab.say(&far, expecting("/") + "body")), [200]);
    // The fault: who had begun to send it was asked to.
    for path in ["/", "/stream"] {
        let far = lab.connect();
        assert_eq!(lab.ask(&far, expecting(path) + "bo"), "");
        assert_eq!(statuses(&lab.say(&far, "dy")), [200]);
    }
}

#[test]
fn h9_another_expectation_is_answered_with_417() {
    let input = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: money\r\n\r\nbody";
    let outcome = outcome(Probe::default, listener::HTTP, input.as_bytes());
    assert_eq!(statuses(&outcome.output), [417]);
    assert!(outcome.is_finished);
}

#[test]
fn h10_a_stream_shows_its_pressure_and_drains() {
    let mut lab = Lab::new(|| Probe {
        on_request: |probe, exchange, _| {
            let mut stream = exchange.stream(200, "text/plain");
            while stream.write(&[b'x'; 10_000]) == Sent::Queued {
                probe.count += 1;
            }
        },
        on_drain: |probe, connection| {
            probe.log.note(format!("after {}", probe.count));
            let mut stream = connection.as_response().unwrap();
            stream.write("end");
            stream.finish().unwrap();
        },
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(0));
    far.send(get("/").as_bytes());
    lab.run();
    assert!(!lab.log.has("drain"));
    far.set_room(None);
    lab.run();
    assert_eq!(lab.log.count("drain"), 1);
    assert!(lab.log.has("after 6"), "64 KiB are reached with the seventh: {:?}", lab.log.events());
    assert!(text(&far.take()).ends_with("3\r\nend\r\n0\r\n\r\n"));
}

#[test]
fn h14_any_token_is_a_method() {
    let longest = "M".repeat(32);
    for method in ["DELETE", "PATCH", "PROPFIND", "M-SEARCH", "x", "a!#$%&'*+-.^_`|~9", &longest] {
        check(
            Probe::default,
            &format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n"),
            &ok(&format!("{method} / ")),
        );
    }
    for method in ["G(T", "G\"T", "G\u{e9}T", "G\x01T", "G/T", "", "G\tT"] {
        let input = format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(
            statuses(&outcome(Probe::default, listener::HTTP, input.as_bytes()).output),
            [400],
            "{method:?}"
        );
    }
    let far = format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", "M".repeat(33));
    assert_eq!(statuses(&outcome(Probe::default, listener::HTTP, far.as_bytes()).output), [501]);
}

#[test]
fn h17_head_204_and_304_have_no_body() {
    let make = answering!(|_, exchange, request| match request.path() {
        "/204" => exchange.respond(204, "text/plain", "body"),
        "/304" => exchange.respond(304, "text/plain", "body"),
        "/stream" => {
            let mut stream = exchange.stream(200, "text/plain");
            stream.write("body");
            stream.finish().unwrap();
        }
        _ => exchange.ok("text/plain", "body"),
    });
    let head = |path: &str| get(path).replace("GET", "HEAD");
    let type_line = "Content-Type: text/plain\r\n";
    for (input, answer) in [
        (head("/"), format!("HTTP/1.1 200 OK\r\n{DATE}\r\n{type_line}Content-Length: 4\r\n\r\n")),
        (
            head("/stream"),
            format!("HTTP/1.1 200 OK\r\n{DATE}\r\n{type_line}Transfer-Encoding: chunked\r\n\r\n"),
        ),
        (get("/204"), format!("HTTP/1.1 204 No Content\r\n{DATE}\r\n{type_line}\r\n")),
        (get("/304"), format!("HTTP/1.1 304 Not Modified\r\n{DATE}\r\n{type_line}\r\n")),
    ] {
        check(make, &input.repeat(2), &answer.repeat(2));
    }
    // An event stream in answer to HEAD is its head only.
    let outcome = outcome(Probe::default, listener::HTTP, head("/events").as_bytes());
    assert!(outcome.is_finished && outcome.output.ends_with(b"\r\n\r\n"), "{outcome}");
}

#[test]
fn h17_the_date_is_made_once_a_second_and_there_is_no_server_header() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    let date = |lab: &mut Lab| {
        let answer = lab.ask(&far, get("/"));
        assert!(!answer.to_ascii_lowercase().contains("\r\nserver:"), "{answer}");
        answer.split("\r\n").nth(1).unwrap().to_owned()
    };
    assert_eq!(date(&mut lab), DATE);
    lab.advance(Duration::from_millis(999));
    assert_eq!(date(&mut lab), DATE);
    lab.advance(Duration::from_millis(1));
    assert_eq!(date(&mut lab), "Date: Thu, 01 Jan 2026 00:00:01 GMT");
    for _ in 0..48 {
        lab.advance(SECOND * 60);
        date(&mut lab);
    }
    assert_eq!(date(&mut lab), "Date: Thu, 01 Jan 2026 00:48:01 GMT");
}

#[test]
fn h20_an_aborted_request_is_a_disconnect() {
    let mut lab = Lab::new(keeping);
    let far = lab.connect();
    lab.say(&far, get("/"));
    far.reset();
    lab.run();
    assert_eq!(lab.log.events(), ["connect", "request GET / ", "disconnect PeerReset", "drop"]);
    take_reply().respond(200, "text/plain", "late");
    lab.run();
    // In the middle of a body, too.
    lab.log.take();
    let far = lab.connect();
    lab.say(&far, "POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
    far.finish();
    lab.run();
    assert_eq!(lab.log.events(), ["connect", "head POST /half", "disconnect Peer", "drop"]);
}

#[test]
fn h20_a_peer_that_has_finished_its_side_still_gets_its_answer() {
    let mut lab = Lab::with_limits(Limits::default().with(|limits| limits.half_closed = true), keeping);
    let far = lab.connect();
    far.send(get("/").as_bytes());
    far.finish();
    lab.run();
    assert!(!far.has_server_finished());
    take_reply().respond(200, "text/plain", "here");
    lab.run();
    assert_eq!(text(&far.take()), ok("here"));
    assert!(far.has_server_finished());
    assert!(lab.log.has(&format!("disconnect {:?}", Reason::Peer)));
}

#[test]
fn h5_the_requests_of_a_connection_can_be_limited() {
    let make = answering!(|_, exchange, _| exchange.ok("text/plain", "x"));
    let mut lab = Lab::with_limits(Limits::default().with(|limits| limits.requests_max = 3), make);
    let far = lab.connect();
    far.send(get("/").repeat(5).as_bytes());
    lab.server.run();
    let answers = text(&far.take());
    assert_eq!(statuses(answers.as_bytes()), [200; 3]);
    assert_eq!(answers.match_indices("Connection: close").count(), 1);
    assert!(answers.rsplit("HTTP/1.1").next().unwrap().contains("Connection: close"), "{answers}");
    assert!(far.has_server_finished());
}

#[test]
fn h2_a_deferred_answer_may_have_a_deadline() {
    thread_local! {
        static REPLIES: std::cell::RefCell<Vec<Reply>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    let make = answering!(|_, exchange, _| {
        let reply = exchange.defer_within(SECOND * 10);
        REPLIES.with_borrow_mut(|replies| replies.push(reply));
    });
    for (late, status) in [(false, 200), (true, 503)] {
        let mut lab = Lab::new(make);
        let far = lab.connect();
        far.send(get("/").as_bytes());
        lab.server.advance(SECOND * 9);
        assert_eq!(far.bytes_received(), 0);
        if late {
            lab.server.advance(SECOND * 2);
        }
        for reply in REPLIES.take() {
            reply.ok("text/plain", "x");
        }
        lab.server.advance(SECOND * 20);
        assert_eq!(statuses(&far.take()), [status]);
        assert_eq!(far.has_server_finished(), late);
    }
}
