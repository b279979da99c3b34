//! Whether bodies say what went wrong.

use crate::support;
use jackfield::Server;
use jackfield::test::TestOptions;
use std::time::Duration;
use support::probe::Probe;
use support::real::{self, Live};
use support::{Lab, get, statuses, text};

fn make() -> Probe {
    Probe {
        on_request: |_, exchange, request| match request.path() {
            "/panic" => panic!("the secret is {}", 42),
            "/late" => std::mem::forget(exchange.defer_within(Duration::from_secs(1))),
            _ => exchange.ok("text/plain", "done"),
        },
        ..Probe::default()
    }
}

/// What the peer gets, by its status line and its body.
#[track_caller]
fn check(expose_errors: bool, said: &str, status: &str, body: &str) {
    let mut lab = Lab::with_options(TestOptions { expose_errors, ..TestOptions::default() }, make);
    let far = lab.connect();
    far.send(said.as_bytes());
    lab.run();
    lab.advance(Duration::from_secs(20));
    let answer = text(&far.take());
    let (head, found) = answer.split_once("\r\n\r\n").expect("an answer");
    assert_eq!((head.split("\r\n").next(), found), (Some(&*format!("HTTP/1.1 {status}")), body), "{said:?}");
}

#[test]
fn h3_bodies_say_what_went_wrong_only_where_that_is_wanted() {
    let (panics, late) = (get("/panic"), get("/late"));
    let wrong = "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n";
    for (said, status, hidden, exposed) in [
        (&*panics, "500 Internal Server Error", "", "the secret is 42"),
        (
            wrong,
            "400 Bad Request",
            "Bad Request",
            "the peer broke HTTP: Content-Length stands beside Transfer-Encoding",
        ),
        ("GET / HT", "408 Request Timeout", "", "timeout: the head of a request did not come in time"),
        (&*late, "503 Service Unavailable", "", "timeout: an answer was not given or continued in time"),
    ] {
        check(false, said, status, hidden);
        check(true, said, status, exposed);
    }
    check(true, &get("/"), "200 OK", "done");
}

#[test]
fn h3_error_details_are_off_by_default() {
    assert!(!TestOptions::default().expose_errors);
    let listening = || Server::builder().listen("127.0.0.1:0");
    for (builder, body) in [(listening(), ""), (listening().expose_errors(true), "the secret is 42")] {
        let live = Live::serve(builder, |_peer| make());
        let answer = real::ask(&mut live.connect(), get("/panic"));
        assert_eq!(statuses(answer.as_bytes()), [500]);
        assert_eq!(answer.split_once("\r\n\r\n").map(|(_, found)| found), Some(body), "{answer}");
    }
}
