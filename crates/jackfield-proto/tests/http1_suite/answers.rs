//! What a server writes.

use jackfield_proto::Step;
use jackfield_proto::http1::{
    BodyDue, BodyError, ClientEvent, ClientMachine, DateBlock, Event, FieldError, Fields, HeaderSlots,
    Limits, Machine, Owed, ResponseToSend, reason_phrase,
};

use crate::server::NOW;

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\n\r\n";
const OLD_KEPT: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const CLOSING: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn machine_after(rx: &str) -> Machine {
    let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
    let step = machine.step(rx.as_bytes(), &mut slots, &mut whole, &Limits::default());
    assert!(matches!(step, Step::Event(..)), "{step:?}");
    machine
}

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value).unwrap();
    }
    fields
}

/// Checks the answer to `request`: its head, with `@` for the date line, and what becomes of body and connection.
#[track_caller]
fn check(
    request: &str,
    head: &ResponseToSend<'_>,
    body_bytes: u64,
    expected: &str,
    sends: BodyDue,
    owed: Owed,
) {
    let (mut machine, mut out) = (machine_after(request), Vec::new());
    let sent = machine.respond(head, body_bytes, &DateBlock::new(NOW), &mut out);
    assert_eq!(String::from_utf8_lossy(&out), expected.replace('@', DATE));
    assert_eq!((sent, machine.owed()), (sends, owed));
    assert_eq!(machine.must_close(), owed == Owed::Done);
}

#[test]
fn whole_answers() {
    use BodyDue::{No, Yes};
    use Owed::{Done, Idle};
    let plain = ResponseToSend::new(200, "text/plain");
    let head = "HTTP/1.1 200 OK\r\n@Content-Type: text/plain\r\n";
    for length in [0, 9, 10, 99, 100, 12_345, u64::MAX] {
        check(GET, &plain, length, &format!("{head}Content-Length: {length}\r\n\r\n"), Yes, Idle);
    }
    check(HEAD, &plain, 5, &format!("{head}Content-Length: 5\r\n\r\n"), No, Idle);
    check(CLOSING, &plain, 5, &format!("{head}Connection: close\r\nContent-Length: 5\r\n\r\n"), Yes, Done);
    check(OLD, &plain, 5, &format!("{head}Connection: close\r\nContent-Length: 5\r\n\r\n"), Yes, Done);
    check(
        OLD_KEPT,
        &plain,
        5,
        &format!("{head}Connection: keep-alive\r\nContent-Length: 5\r\n\r\n"),
        Yes,
        Idle,
    );
    let bare = ResponseToSend::new(200, "");
    check(GET, &bare, 5, "HTTP/1.1 200 OK\r\n@Content-Length: 5\r\n\r\n", Yes, Idle);
    let lines = fields(&[("X", "y"), ("Set-Cookie", "a=b")]);
    let lined = ResponseToSend { status: 404, content_type: "a/b", fields: &lines };
    let expected = "HTTP/1.1 404 Not Found\r\n@Content-Type: a/b\r\nContent-Length: 5\r\nX: y\r\nSet-Cookie: a=b\r\n\r\n";
    check(GET, &lined, 5, expected, Yes, Idle);
}

#[test]
fn statuses_without_a_body() {
    use BodyDue::No;
    use Owed::Idle;
    for (status, expected) in [
        (204, "HTTP/1.1 204 No Content\r\n@\r\n"),
        (304, "HTTP/1.1 304 Not Modified\r\n@\r\n"),
        (205, "HTTP/1.1 205 Reset Content\r\n@Content-Length: 0\r\n\r\n"),
    ] {
        check(GET, &ResponseToSend::new(status, ""), 5, expected, No, Idle);
        let (mut machine, mut out) = (machine_after(GET), Vec::new());
        machine.respond_stream(&ResponseToSend::new(status, ""), None, &DateBlock::new(NOW), &mut out);
        machine.encode_part(b"abc", &mut out).unwrap();
        machine.encode_end(&fields(&[("A", "b")]), &mut out).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), expected.replace('@', DATE));
    }
}

#[test]
fn odd_statuses() {
    use BodyDue::Yes;
    use Owed::{Done, Idle};
    for status in [0, 100, 101, 199, 1000, u16::MAX] {
        let expected = "HTTP/1.1 500 Internal Server Error\r\n@Content-Length: 0\r\n\r\n";
        check(GET, &ResponseToSend::new(status, ""), 0, expected, Yes, Idle);
    }
    check(GET, &ResponseToSend::new(299, ""), 0, "HTTP/1.1 299 \r\n@Content-Length: 0\r\n\r\n", Yes, Idle);
    let expected = "HTTP/1.1 426 Upgrade Required\r\n@Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n";
    check(GET, &ResponseToSend::new(426, ""), 0, expected, Yes, Idle);
    let closing = expected.replace("upgrade\r\n", "upgrade, close\r\n");
    check(CLOSING, &ResponseToSend::new(426, ""), 0, &closing, Yes, Done);
    let kept = expected.replace("upgrade\r\n", "upgrade, keep-alive\r\n");
    check(OLD_KEPT, &ResponseToSend::new(426, ""), 0, &kept, Yes, Idle);
    assert_eq!((reason_phrase(418), reason_phrase(451)), ("", "Unavailable For Legal Reasons"));
}

#[test]
fn every_status_arrives_with_the_phrase_that_is_registered_for_it() {
    let mut phrases = Vec::new();
    for status in 100..=999 {
        let phrase = reason_phrase(status);
        assert!(
            phrase.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -".contains(&byte)),
            "{phrase:?}"
        );
        phrases.extend((!phrase.is_empty()).then_some(phrase));
        if status < 200 {
            continue;
        }
        let (mut client, mut server, mut out) = (ClientMachine::new(), machine_after(GET), Vec::new());
        client.expect_response("GET").unwrap();
        let sent = server.respond(&ResponseToSend::new(status, ""), 0, &DateBlock::new(NOW), &mut out);
        assert_eq!(sent == BodyDue::No, matches!(status, 204 | 205 | 304));
        let (limits, mut slots) = (Limits::default(), HeaderSlots::new());
        let Step::Event(used, ClientEvent::Head(response)) = client.step(&out, &mut slots, &limits) else {
            panic!("{status} is no head of a response")
        };
        assert_eq!((used, response.status(), response.reason()), (out.len(), status, phrase));
    }
    let count = phrases.len();
    phrases.sort_unstable();
    phrases.dedup();
    assert_eq!(phrases.len(), count, "each phrase belongs to one status");
}

/// Streams `parts` in answer to `request`.
fn stream(request: &str, body_bytes: Option<u64>, parts: &[&str], trailers: &Fields) -> (Machine, String) {
    let (mut machine, mut out) = (machine_after(request), Vec::new());
    machine.respond_stream(&ResponseToSend::new(200, "a/b"), body_bytes, &DateBlock::new(NOW), &mut out);
    assert_eq!(machine.owed(), if machine.is_head() { Owed::Idle } else { Owed::Streaming });
    for part in parts {
        machine.encode_part(part.as_bytes(), &mut out).unwrap();
    }
    machine.encode_end(trailers, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap().replace(DATE, "@");
    (machine, text.strip_prefix("HTTP/1.1 200 OK\r\n@Content-Type: a/b\r\n").unwrap().to_owned())
}

#[test]
fn streamed_answers() {
    let (none, trailers) = (Fields::new(), fields(&[("A", "b"), ("Set-Cookie", "c")]));
    let text = "0123456789abcdef";
    let cases = [
        (
            GET,
            None,
            "Transfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n",
            Owed::Idle,
        ),
        (GET, Some(17), "Content-Length: 17\r\n\r\n0123456789abcdefx", Owed::Idle),
        (HEAD, None, "Transfer-Encoding: chunked\r\n\r\n", Owed::Idle),
        (HEAD, Some(4), "Content-Length: 4\r\n\r\n", Owed::Idle),
        (OLD, None, "Connection: close\r\n\r\n0123456789abcdefx", Owed::Done),
        (OLD_KEPT, None, "Connection: close\r\n\r\n0123456789abcdefx", Owed::Done),
        (
            OLD_KEPT,
            Some(17),
            "Connection: keep-alive\r\nContent-Length: 17\r\n\r\n0123456789abcdefx",
            Owed::Idle,
        ),
    ];
    for (request, body_bytes, expected, owed) in cases {
        let (machine, out) = stream(request, body_bytes, &[text, "", "x"], &none);
        assert_eq!((out.as_str(), machine.owed()), (expected, owed), "{request:?}");
    }
    let (_, out) = stream(GET, None, &[], &trailers);
    assert_eq!(out, "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n");
}

/// The fault: it was complete for the peer and not for the machine, which read no further request until its end was given.
#[test]
fn i341_an_answer_that_has_no_body_is_complete_with_its_head() {
    let (date, none, limits) = (DateBlock::new(NOW), Fields::new(), Limits::default());
    let two = fields(&[("Content-Type", "a/b")]);
    let unwritable = ResponseToSend { status: 200, content_type: "a/b", fields: &two };
    for (request, answer, owed) in [
        (HEAD, ResponseToSend::new(200, ""), Owed::Idle),
        (GET, ResponseToSend::new(204, ""), Owed::Idle),
        (GET, ResponseToSend::new(205, ""), Owed::Idle),
        (GET, ResponseToSend::new(304, ""), Owed::Idle),
        (GET, unwritable, Owed::Idle),
        (OLD, ResponseToSend::new(304, ""), Owed::Done),
    ] {
        let (mut machine, mut out) = (machine_after(request), Vec::new());
        machine.respond_stream(&answer, None, &date, &mut out);
        assert_eq!(machine.owed(), owed, "{request:?}");
        let bytes = out.len();
        assert_eq!(machine.encode_part(b"x", &mut out), Ok(()));
        if owed == Owed::Idle {
            let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
            let next = machine.step(GET.as_bytes(), &mut slots, &mut whole, &limits);
            assert!(matches!(next, Step::Event(_, Event::Request(_))), "{next:?}");
        }
        // It is not the end of the next one.
        let before = machine.owed();
        assert_eq!(machine.encode_end(&none, &mut out), Ok(()));
        assert_eq!((machine.owed(), out.len()), (before, bytes), "{request:?}");
    }
}

#[test]
fn a_body_must_have_the_announced_length() {
    let (date, none) = (DateBlock::new(NOW), Fields::new());
    let (mut machine, mut out) = (machine_after(GET), Vec::new());
    assert_eq!(machine.encode_part(b"a", &mut out), Err(BodyError::NotStreaming));
    assert_eq!(machine.encode_end(&none, &mut out), Err(BodyError::NotStreaming));
    machine.respond_stream(&ResponseToSend::new(200, ""), Some(3), &date, &mut out);
    let head_end = out.len();
    assert_eq!(machine.encode_part(b"abcd", &mut out), Err(BodyError::TooLong));
    assert_eq!(out.len(), head_end);
    assert_eq!(machine.encode_part(b"ab", &mut out), Ok(()));
    assert_eq!(machine.encode_end(&none, &mut out), Err(BodyError::TooShort));
    assert_eq!((machine.owed(), machine.must_close()), (Owed::Done, true));
}

#[test]
fn nothing_is_written_when_no_answer_is_due() {
    let (date, none, mut out) = (DateBlock::new(NOW), Fields::new(), Vec::new());
    let head = ResponseToSend::new(200, "a/b");
    let mut machine = Machine::new();
    assert_eq!(machine.respond(&head, 5, &date, &mut out), BodyDue::No);
    machine.respond_stream(&head, None, &date, &mut out);
    machine.encode_switching(&[b'a'; 28], &none, &mut out);
    machine.encode_continue(&mut out);
    machine.defer();
    assert!(out.is_empty());
    assert_eq!(machine.owed(), Owed::Idle);
}

#[test]
fn a_connection_can_be_told_to_close_after_the_answer() {
    let (date, mut out) = (DateBlock::new(NOW), Vec::new());
    let mut machine = machine_after(GET);
    machine.defer();
    machine.close_after();
    assert!(machine.must_close());
    assert_eq!(machine.respond(&ResponseToSend::new(200, "a/b"), 0, &date, &mut out), BodyDue::Yes);
    assert!(String::from_utf8_lossy(&out).contains("\r\nConnection: close\r\n"));
    // Said between two requests, it holds for the next answer.
    let mut machine = Machine::new();
    machine.close_after();
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    let step = machine.step(GET.as_bytes(), &mut slots, &mut whole, &Limits::default());
    assert!(matches!(step, Step::Event(..)));
    assert!(machine.must_close());
}

#[test]
fn an_upgrade_is_accepted() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    let (mut machine, mut out) = (machine_after(request), Vec::new());
    machine.encode_switching(
        b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        &fields(&[("Sec-WebSocket-Protocol", "chat")]),
        &mut out,
    );
    assert_eq!(
        String::from_utf8_lossy(&out),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
    assert_eq!((machine.owed(), machine.must_close()), (Owed::Switched, false));
}

#[test]
fn lines_cannot_be_injected() {
    let mut fields = Fields::new();
    for value in ["a\r\nb: c", "a\n", "\r", "\0", "a\x7f", "\x1b[0m"] {
        assert_eq!(fields.push("A", value), Err(FieldError::Value), "{value:?}");
    }
    for name in ["", "A ", "A:", "A\r\nB", "\u{e9}", "A\0", "(A)"] {
        assert_eq!(fields.push(name, "b"), Err(FieldError::Name), "{name:?}");
    }
    for name in ["Content-Length", "TRANSFER-ENCODING", "connection", "Upgrade", "Keep-Alive", "Date"] {
        assert_eq!(fields.push(name, "b"), Err(FieldError::Reserved), "{name:?}");
    }
    assert!(fields.is_empty() && fields.as_bytes().is_empty());
    assert_eq!(fields.push("A", b"\xff \t b"), Ok(()));
    assert!(fields.contains("a"));
    fields.clear();
    assert!(fields.is_empty());
}

#[test]
fn a_field_that_may_occur_once_is_not_added_twice() {
    let mut fields = Fields::new();
    for name in ["Content-Type", "ETag", "Expires", "Last-Modified", "Location", "Retry-After"] {
        assert_eq!(fields.push(name, "a"), Ok(()));
        assert_eq!(fields.push(&name.to_ascii_lowercase(), "b"), Err(FieldError::Repeated), "{name}");
    }
    for name in ["Set-Cookie", "Vary", "X"] {
        assert_eq!((fields.push(name, "a"), fields.push(name, "b")), (Ok(()), Ok(())), "{name}");
    }
    assert_eq!(fields.iter().count(), 6 + 3 * 2);
    fields.clear();
    assert_eq!(fields.push("Content-Type", "a"), Ok(()));
}

/// One rule: what cannot be written as it stands is a 500, however it was to be answered.
#[test]
fn an_answer_that_cannot_be_written_is_a_500() {
    use FieldError::{Repeated, Value};
    let (none, typed) = (Fields::new(), fields(&[("X", "y"), ("content-type", "a/b")]));
    let cases = [
        ("a/b\r\nX: y", &none, Value),
        ("a\n", &none, Value),
        ("a\0", &none, Value),
        ("a/b", &typed, Repeated),
    ];
    for (content_type, fields, error) in cases {
        let head = ResponseToSend { status: 200, content_type, fields };
        assert_eq!(head.check(), Err(error));
        let expected = "HTTP/1.1 500 Internal Server Error\r\n@Content-Length: 0\r\n\r\n";
        for request in [GET, HEAD] {
            check(request, &head, 5, expected, BodyDue::No, Owed::Idle);
            let (mut machine, mut out) = (machine_after(request), Vec::new());
            let sends = machine.respond_until_close(&head, &DateBlock::new(NOW), &mut out);
            assert_eq!((sends, machine.owed()), (BodyDue::No, Owed::Idle));
            assert_eq!(String::from_utf8_lossy(&out), expected.replace('@', DATE));
        }
        for body_bytes in [None, Some(9)] {
            let (mut machine, mut out) = (machine_after(GET), Vec::new());
            machine.respond_stream(&head, body_bytes, &DateBlock::new(NOW), &mut out);
            assert_eq!(machine.encode_part(b"abc", &mut out), Ok(()));
            assert_eq!(machine.encode_end(&none, &mut out), Ok(()));
            assert_eq!(
                (String::from_utf8_lossy(&out), machine.owed()),
                (expected.replace('@', DATE).into(), Owed::Idle)
            );
        }
    }
    // With the type in one place only it can.
    let head = ResponseToSend { status: 200, content_type: "", fields: &typed };
    assert_eq!(head.check(), Ok(()));
    let expected = "HTTP/1.1 200 OK\r\n@Content-Length: 0\r\nX: y\r\ncontent-type: a/b\r\n\r\n";
    check(GET, &head, 0, expected, BodyDue::Yes, Owed::Idle);
}

#[test]
fn the_date_is_renewed() {
    let mut date = DateBlock::new(0);
    assert_eq!(date.date(), "Thu, 01 Jan 1970 00:00:00 GMT");
    date.renew(NOW);
    assert_eq!((date.date(), date.unix_seconds()), ("Sun, 06 Nov 1994 08:49:37 GMT", NOW));
    date.renew(u64::MAX);
    assert_eq!(date.date(), "Fri, 31 Dec 9999 23:59:59 GMT");
}
