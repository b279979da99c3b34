//! Bodies: delimited by length or by chunks; collected, streamed, refused and drained.

use jackfield_proto::Step;
use jackfield_proto::http1::{
    Awaits, BodyDue, DateBlock, Error, Event, Fields, HEADERS_MAX, HeaderSlots, Limits, Machine, Owed,
    ResponseToSend,
};

use crate::server::{Bodies, NOW, Server, check_with, cuts, see};

pub(crate) const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What follows the head of a chunked request, and what a server sees of it.
pub(crate) const CHUNKED_CASES: &[(&str, &str)] = &[
    ("0\r\n\r\n", "POST /"),
    ("000\r\n\r\n", "POST /"),
    ("3\r\nabc\r\n0\r\n\r\n", "POST / \"abc\""),
    ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "POST / \"abcde\""),
    ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "POST / \"01234567890123456789\""),
    ("0000000000000003\r\nabc\r\n0\r\n\r\n", "POST / \"abc\""),
    ("2\r\n\r\n\r\n0\r\n\r\n", "POST / \"\\r\\n\""),
    ("3;a\r\nabc\r\n0;b=c;d=\"e f\"\r\n\r\n", "POST / \"abc\""),
    // Extensions.
    ("3;a=b\r\nabc\r\n0;c=\"\"\r\n\r\n", "POST / \"abc\""),
    ("3; a\t=\tb ;c = \"d\" ; e\r\nabc\r\n0\r\n\r\n", "POST / \"abc\""),
    ("3;a=\"; \\\" \\\\ \u{e9}\"\r\nabc\r\n0\r\n\r\n", "POST / \"abc\""),
    ("3;\r\nabc\r\n0\r\n\r\n", "400"),
    ("3; \r\nabc\r\n0\r\n\r\n", "400"),
    ("3;;a\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a;\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;=b\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=b=c\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=b c\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a b\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a \r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=b \r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=\"b\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=\"b\\\"\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=\"b\\\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=\"b\"c\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=\"b\x01\"\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;\u{e9}\r\nabc\r\n0\r\n\r\n", "400"),
    ("3;a=\u{e9}\r\nabc\r\n0\r\n\r\n", "400"),
    // Sizes.
    ("3 \r\nabc\r\n0\r\n\r\n", "400"),
    ("3 ;a\r\nabc\r\n0\r\n\r\n", "400"),
    (" 3\r\nabc\r\n0\r\n\r\n", "400"),
    ("0x3\r\nabc\r\n0\r\n\r\n", "400"),
    ("+3\r\nabc\r\n0\r\n\r\n", "400"),
    ("-3\r\nabc\r\n0\r\n\r\n", "400"),
    ("g\r\n", "400"),
    ("\r\n", "400"),
    (";a\r\n", "400"),
    ("00000000000000003\r\nabc\r\n0\r\n\r\n", "400"),
    ("FFFFFFFFFFFFFFFFF\r\n", "400"),
    ("FFFFFFFFFFFFFFFF\r\nabc", "413"),
    ("21\r\n", "413"),
    ("3\nabc\r\n0\r\n\r\n", "400"),
    ("3\rabc\r\n0\r\n\r\n", "400"),
    ("3;a\nabc\r\n0\r\n\r\n", "400"),
    ("3;a\x01\r\nabc\r\n0\r\n\r\n", "400"),
    ("3\r\nabcd\r\n0\r\n\r\n", "400"),
    ("3\r\nabc\n0\r\n\r\n", "400"),
    ("3\r\nabc\r0\r\n\r\n", "400"),
    ("3\r\nabc0\r\n\r\n", "400"),
    ("0\r\n\n", "400"),
    ("0\r\n\rX", "400"),
    // Unfinished ones.
    ("", "+body"),
    ("3\r\nab", "+body"),
    ("3\r\nabc\r\n0\r\n", "+body"),
    ("3\r\nabc\r\n0\r\n\r", "+body"),
    // Trailers.
    ("0\r\nA: b\r\n\r\n", "POST / [A=b]"),
    ("1\r\nx\r\n0\r\nA:  b \r\nC:\r\n\r\n", "POST / \"x\" [A=b] [C=]"),
    ("0\r\nContent-Length: 5\r\nhost: b\r\nA: b\r\nTransfer-Encoding: x\r\n\r\n", "POST / [A=b]"),
    ("0\r\nA : b\r\n\r\n", "400"),
    ("0\r\n A: b\r\n\r\n", "400"),
    ("0\r\nA: b\r\n c\r\n\r\n", "400"),
    ("0\r\nA: b\n\r\n", "400"),
    ("0\r\nA: \x01\r\n\r\n", "400"),
    ("0\r\nA\r\n\r\n", "400"),
    ("0\r\nA: b\r\n", "+body"),
    // What follows.
    ("0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "POST /; GET /2"),
    ("1\r\nx\r\n0\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "POST / \"x\" [A=b]; GET /2"),
];

#[test]
fn chunked_bodies_are_decoded_however_they_are_split() {
    for (body, expected) in CHUNKED_CASES {
        let text = format!("{CHUNKED}{body}");
        check_with(text.as_bytes(), expected, Bodies::Collect(32), &Limits::default());
        if *expected != "413" {
            check_with(text.as_bytes(), expected, Bodies::Stream, &Limits::default());
        }
    }
}

#[test]
fn chunk_limits_hold_however_the_bytes_are_split() {
    let limits = Limits {
        chunk_line_bytes_max: 6,
        chunk_extension_bytes_max: 8,
        trailer_bytes_max: 10,
        ..Limits::default()
    };
    for (body, expected) in [
        ("1;3456\r\nx\r\n0\r\n\r\n", "POST / \"x\""),
        ("1;34567\r\nx\r\n0\r\n\r\n", "400"),
        ("1;23\r\nx\r\n1;67\r\nx\r\n0;8\r\n\r\n", "POST / \"xx\""),
        ("1;23\r\nx\r\n1;67\r\nx\r\n0;89\r\n\r\n", "400"),
        ("0\r\nA: b\r\nC:\r\n\r\n", "POST / [A=b] [C=]"),
        ("0\r\nA: b\r\nC: d\r\n\r\n", "431"),
    ] {
        check_with(format!("{CHUNKED}{body}").as_bytes(), expected, Bodies::Stream, &limits);
    }
}

#[test]
fn trailers_have_as_many_fields_as_a_head_may_have() {
    let refused = Error::TooManyHeaders.status().to_string();
    for headers_max in [3, HEADERS_MAX, HEADERS_MAX + 1] {
        let limits = Limits { headers_max, ..Limits::default() };
        let fields_max = headers_max.min(HEADERS_MAX);
        for (fields, is_taken) in [(fields_max, true), (fields_max + 1, false)] {
            let text = format!("{CHUNKED}0\r\n{}\r\n", "a:b\r\n".repeat(fields));
            let taken = format!("POST /{}", " [a=b]".repeat(fields));
            let expected = if is_taken { &taken } else { &refused };
            check_with(text.as_bytes(), expected, Bodies::Stream, &limits);
        }
    }
}

#[test]
fn a_body_is_collected_up_to_its_limit() {
    let text = format!("{CHUNKED}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    // A body that is whole with its head needs no collecting, so only pieces can meet the limit.
    for at in 60..text.len() - 1 {
        let parts = [&text.as_bytes()[..at], &text.as_bytes()[at..]];
        assert_eq!(see(&parts, Bodies::Collect(5), &Limits::default()), "POST / \"abcde\"");
        assert_eq!(see(&parts, Bodies::Collect(4), &Limits::default()), "413");
    }
}

#[test]
fn a_refused_body_is_drained_and_the_next_request_served() {
    let next = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    for body in [
        "Content-Length: 5\r\n\r\nabcde",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nA: b\r\n\r\n",
    ] {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{body}{next}");
        for parts in cuts(text.as_bytes()) {
            let seen = see(&parts, Bodies::Refuse, &Limits::default());
            assert!(
                seen == "refused; GET /2"
                    || seen == "POST / \"abcde\"; GET /2"
                    || seen.ends_with("[A=b]; GET /2"),
                "{seen}"
            );
        }
    }
}

#[test]
fn a_refused_body_that_is_too_long_closes_the_connection() {
    let limits = Limits { drain_bytes_max: 4, ..Limits::default() };
    let head = "POST / HTTP/1.1\r\nHost: a\r\n";
    let cases: [(&str, &[u8], &str); 4] = [
        ("Content-Length: 4\r\n\r\n", b"abcd", "refused"),
        // Its length says so at once, and the answer says that the connection closes.
        ("Content-Length: 5\r\n\r\n", b"abcde", "refused"),
        ("Transfer-Encoding: chunked\r\n\r\n", b"4\r\nabcd\r\n0\r\n\r\n", "refused"),
        ("Transfer-Encoding: chunked\r\n\r\n", b"5\r\nabcde\r\n0\r\n\r\n", "refused; 413"),
    ];
    for (field, body, expected) in cases {
        let mut server = Server::new(Bodies::Refuse);
        server.limits = limits.clone();
        server.feed(format!("{head}{field}").as_bytes());
        server.feed(body);
        let (closes, out) = (server.machine.must_close(), String::from_utf8_lossy(&server.out).into_owned());
        assert_eq!(closes, body.contains(&b'e'), "{field:?}");
        assert_eq!(out.contains("Connection: close"), field.contains('5'), "{field:?}");
        assert_eq!(out.matches("HTTP/1.1").count(), 1);
        assert_eq!(server.finish(), expected);
    }
}

#[test]
fn continue_is_sent_when_the_body_is_wanted() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    for bodies in [Bodies::Collect(9), Bodies::Stream] {
        let mut server = Server::new(bodies);
        server.feed(head);
        assert_eq!(server.out, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert!(!server.machine.wants_continue());
        server.feed(b"abc");
        assert!(!server.machine.must_close());
        assert_eq!(server.finish(), "POST / \"abc\"");
    }
    // A refusal sends the status alone, and closes: the peer may or may not send the body.
    let mut server = Server::new(Bodies::Refuse);
    server.feed(head);
    let out = String::from_utf8_lossy(&server.out).into_owned();
    assert!(out.starts_with("HTTP/1.1 200 OK\r\n") && out.contains("\r\nConnection: close\r\n"), "{out}");
    assert!(server.machine.must_close());
}

#[test]
fn continue_is_not_sent_to_a_client_that_does_not_wait() {
    for head in [
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
    ] {
        let mut server = Server::new(Bodies::Stream);
        server.feed(head.as_bytes());
        assert!(server.out.is_empty());
    }
    // The body begins to come before the caller has asked for it.
    let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
    let rx = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\na";
    let step = machine.step(rx, &mut slots, &mut whole, &Limits::default());
    assert!(matches!(step, Step::Event(used, Event::Head(_)) if used == rx.len() - 1));
    machine.stream();
    assert!(!machine.wants_continue());
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    let step = machine.step(b"a", &mut slots, &mut whole, &Limits::default());
    assert!(matches!(step, Step::Event(1, Event::Body(b"a"))));
    assert!(!machine.wants_continue());
}

/// A machine that was shown `rx`, which is used up.
fn machine_after(rx: &[u8]) -> Machine {
    let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
    let step = machine.step(rx, &mut slots, &mut whole, &Limits::default());
    assert!(matches!(step, Step::Event(used, _) if used == rx.len()), "{step:?}");
    machine
}

fn step_of(machine: &mut Machine, rx: &[u8]) -> String {
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    match machine.step(rx, &mut slots, &mut whole, &Limits::default()) {
        Step::Event(used, Event::Body(part)) => format!("{used} body {}", String::from_utf8_lossy(part)),
        Step::Event(used, Event::End(request)) => format!("{used} end {}", request.target()),
        Step::Event(used, Event::Request(request)) => format!("{used} request {}", request.target()),
        Step::Event(used, _) => format!("{used} other"),
        Step::Need(used) => format!("need {used}"),
        Step::Paused => "paused".into(),
        Step::Fault(error) => format!("{error:?}"),
    }
}

#[test]
fn nothing_is_read_before_the_body_is_decided_on() {
    let mut machine = machine_after(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(machine.awaits(), Awaits::Nothing);
    assert_eq!(step_of(&mut machine, b"ab"), "paused");
    machine.defer();
    assert_eq!(step_of(&mut machine, b"ab"), "paused");
    machine.stream();
    assert_eq!((machine.awaits(), machine.owed()), (Awaits::Body, Owed::Deferred));
    assert_eq!(step_of(&mut machine, b"ab"), "2 body ab");
    assert_eq!(step_of(&mut machine, b"cGET"), "1 body c");
    assert_eq!(step_of(&mut machine, b"GET"), "0 end /1");
    assert_eq!(step_of(&mut machine, b"GET"), "paused");
}

#[test]
fn an_answer_can_be_streamed_while_the_body_comes() {
    let (date, mut out) = (DateBlock::new(NOW), Vec::new());
    let mut machine = machine_after(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    machine.stream();
    machine.respond_stream(&ResponseToSend::new(200, ""), None, &date, &mut out);
    assert_eq!(step_of(&mut machine, b"ab"), "2 body ab");
    assert_eq!(machine.encode_part(b"ab", &mut out), Ok(()));
    assert_eq!(machine.encode_end(&Fields::new(), &mut out), Ok(()));
    // The rest is dropped, and the next request follows in the same step.
    assert_eq!((machine.owed(), machine.awaits()), (Owed::Idle, Awaits::Body));
    assert_eq!(step_of(&mut machine, b"c"), "need 1");
    assert_eq!(step_of(&mut machine, b"deGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"), "30 request /2");
    assert_eq!(machine.exchange_number(), 2);
}

#[test]
fn a_body_that_breaks_while_the_answer_streams_leaves_only_closing() {
    let (date, mut out) = (DateBlock::new(NOW), Vec::new());
    let mut machine = machine_after(CHUNKED.as_bytes());
    machine.stream();
    machine.respond_stream(&ResponseToSend::new(200, ""), None, &date, &mut out);
    assert_eq!(step_of(&mut machine, b"x"), format!("{:?}", Error::ChunkSize));
    assert_eq!((machine.owed(), machine.must_close()), (Owed::Done, true));
    assert_eq!(step_of(&mut machine, b"x"), "paused");
}

#[test]
fn a_body_that_breaks_while_the_answer_is_deferred_can_be_answered() {
    let mut machine = machine_after(CHUNKED.as_bytes());
    assert_eq!(machine.collect(9), Ok(()));
    machine.defer();
    assert_eq!(step_of(&mut machine, b"x"), format!("{:?}", Error::ChunkSize));
    assert_eq!((machine.owed(), machine.must_close()), (Owed::Open, true));
}

#[test]
fn a_drained_body_that_ends_while_the_answer_streams_uses_its_bytes() {
    let (date, mut out) = (DateBlock::new(NOW), Vec::new());
    let mut machine = machine_after(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    machine.respond_stream(&ResponseToSend::new(200, ""), None, &date, &mut out);
    assert_eq!(step_of(&mut machine, b"abcGET /2"), "need 3");
    assert_eq!(step_of(&mut machine, b"GET /2"), "paused");
    assert_eq!(machine.encode_end(&Fields::new(), &mut out), Ok(()));
    assert_eq!(step_of(&mut machine, b"GET /2"), "need 0");
    assert_eq!(machine.awaits(), Awaits::Head);
}

#[test]
fn an_announced_length_alone_reserves_no_memory() {
    for field in [
        "Content-Length: 18446744073709551615\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    ] {
        let mut server = Server::new(Bodies::Collect(u64::MAX));
        server.feed(format!("POST / HTTP/1.1\r\nHost: a\r\n{field}").as_bytes());
        server.feed(&[b'x'; 10_000]);
        assert_eq!(server.finish(), "+body");
    }
}

#[test]
fn an_unfinished_request_or_body_can_be_given_up() {
    let (date, head) = (DateBlock::new(NOW), ResponseToSend::new(408, ""));
    // Within a head, and within a body that is wanted: the peer is told.
    let mut machine = Machine::new();
    assert_eq!(step_of(&mut machine, b"GET"), "need 0");
    machine.give_up();
    assert_eq!((machine.owed(), machine.exchange_number(), machine.must_close()), (Owed::Open, 1, true));
    let mut machine = machine_after(CHUNKED.as_bytes());
    machine.stream();
    machine.give_up();
    let mut out = Vec::new();
    assert_eq!(machine.respond(&head, 0, &date, &mut out), BodyDue::Yes);
    assert!(out.starts_with(b"HTTP/1.1 408 ") && machine.owed() == Owed::Done);
    // Within a body that is dropped: the request has its answer already.
    let (mut machine, mut out) = (machine_after(CHUNKED.as_bytes()), Vec::new());
    let _ = machine.respond(&head, 0, &date, &mut out);
    assert_eq!(machine.awaits(), Awaits::Body);
    machine.give_up();
    assert_eq!((machine.owed(), machine.awaits()), (Owed::Done, Awaits::Nothing));
}

#[test]
fn an_answer_can_last_until_the_connection_ends() {
    let (date, head, mut out) =
        (DateBlock::new(NOW), ResponseToSend::new(200, "text/event-stream"), Vec::new());
    let mut machine = machine_after(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(machine.respond_until_close(&head, &date, &mut out), BodyDue::Yes);
    assert_eq!(machine.encode_part(b"data: x\n\n", &mut out), Ok(()));
    assert!(out.ends_with(b"text/event-stream\r\nConnection: close\r\n\r\ndata: x\n\n"));
    assert_eq!((machine.owed(), machine.must_close()), (Owed::Streaming, true));
    let mut machine = machine_after(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(machine.respond_until_close(&head, &date, &mut out), BodyDue::No);
    assert_eq!(machine.owed(), Owed::Done);
}
