//! What a client makes of responses.

use std::fmt::Write;

use jackfield_proto::Step;
use jackfield_proto::http1::{
    BodyError, ClientEvent, ClientMachine, Error, Fields, HEADERS_MAX, HeaderSlots, Limits,
    PIPELINE_REQUESTS_MAX, RequestBody, RequestError, RequestToSend,
};

use crate::server::cuts;

/// What a client sees that asked `methods` and is answered `parts`; at the end the connection ends.
fn see(methods: &[&str], parts: &[&[u8]]) -> String {
    let (mut machine, mut carry, mut seen) = (ClientMachine::new(), Vec::new(), String::new());
    for method in methods {
        machine.expect_response(method).unwrap();
    }
    for part in parts {
        carry.extend_from_slice(part);
        while !carry.is_empty() || machine.has_partial() {
            let mut slots = HeaderSlots::new();
            match machine.step(&carry, &mut slots, &Limits::default()) {
                Step::Event(used, event) => {
                    note(&mut seen, &event);
                    let _ = carry.drain(..used);
                }
                Step::Need(used) => {
                    let _ = carry.drain(..used);
                    break;
                }
                Step::Paused => break,
                Step::Fault(error) => return seen + &format!("{error:?}"),
            }
        }
    }
    seen + &ending(&mut machine, carry.len())
}

fn ending(machine: &mut ClientMachine, left: usize) -> String {
    let mut text = String::new();
    for (name, value) in machine.trailers() {
        let _ = write!(text, "[{name}={}]", String::from_utf8_lossy(value));
    }
    if machine.keep_alive() {
        text.push_str("kept ");
    }
    if left > 0 {
        let _ = write!(text, "{left} left ");
    }
    match machine.end_of_input() {
        Ok(Some(event)) => note(&mut text, &event),
        Ok(None) => {}
        Err(error) => text += &format!("{error:?}"),
    }
    text
}

fn note(seen: &mut String, event: &ClientEvent<'_>) {
    match event {
        ClientEvent::Interim(response) => seen.push_str(&format!("{} ", response.status())),
        ClientEvent::Switched(response) => seen.push_str(&format!("switched {} ", response.status())),
        ClientEvent::Head(response) => seen.push_str(&format!("{} <", response.status())),
        ClientEvent::Body(part) => seen.push_str(&String::from_utf8_lossy(part)),
        ClientEvent::End => seen.push_str("> "),
    }
}

/// What was asked, what comes, and what the client sees.
const CASES: &[(&[&str], &str, &str)] = &[
    (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 <abc> kept "),
    (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 <> kept "),
    (&["GET"], "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 <> kept "),
    (&["GET"], "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", "299 <> kept "),
    (&["GET"], "HTTP/1.1 200 caf\u{e9}\r\nContent-Length: 0\r\n\r\n", "200 <> kept "),
    (
        &["GET"],
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "200 <abc> kept ",
    ),
    (
        &["GET"],
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nContent-Length: 1\r\n\r\n",
        "200 <> [A=b]kept ",
    ),
    (&["GET"], "HTTP/1.1 200 OK\r\n\r\nabc", "200 <abc> "),
    (&["GET"], "HTTP/1.1 200 OK\r\n\r\n", "200 <> "),
    (&["GET"], "HTTP/1.0 200 OK\r\n\r\nabc", "200 <abc> "),
    (&["GET"], "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "200 <a> "),
    (&["GET"], "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na", "200 <a> kept "),
    (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\naxx", "200 <a> 2 left "),
    (&["GET", "GET"], "HTTP/1.1 204 No\r\nConnection: close\r\n\r\nHTTP", "204 <> 4 left Truncated"),
    (&["GET", "GET"], "HTTP/1.1 200 OK\r\n\r\nabc", "200 <abc> "),
    // Responses without a body, whatever their fields say.
    (&["HEAD"], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "200 <> kept "),
    (&["HEAD"], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 <> kept "),
    (&["GET"], "HTTP/1.1 204 No Content\r\n\r\n", "204 <> kept "),
    (&["GET"], "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "304 <> kept "),
    // Interim ones.
    (
        &["GET"],
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "100 200 <> kept ",
    ),
    (&["GET"], "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "103 204 <> kept "),
    (
        &["GET"],
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x01\x02",
        "switched 101 2 left ",
    ),
    // Several.
    (
        &["HEAD", "GET", "GET"],
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 204 No\r\n\r\n",
        "200 <> 200 <x> 204 <> kept ",
    ),
    // Broken ones.
    (&[], "H", "Unasked"),
    (&["GET"], "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "204 <> Unasked"),
    (&["GET"], "", "kept Truncated"),
    (&["GET"], "HTTP/1.1 2", "kept 10 left Truncated"),
    (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "200 <abkept Truncated"),
    (&["GET"], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "200 <akept Truncated"),
    (&["GET"], "HTTP/2.0 200 OK\r\n\r\n", "StatusLine"),
    (&["GET"], "HTTP/1.1  200 OK\r\n\r\n", "StatusLine"),
    (&["GET"], "HTTP/1.1 099 OK\r\n\r\n", "StatusLine"),
    (&["GET"], "HTTP/1.1 20 OK\r\n\r\n", "StatusLine"),
    (&["GET"], "HTTP/1.1 2000 OK\r\n\r\n", "StatusLine"),
    (&["GET"], "\r\nHTTP/1.1 200 OK\r\n\r\n", "StatusLine"),
    (&["GET"], "SSH-2.0", "StatusLine"),
    (&["GET"], "HTTP/1.1 200 OK\n\r\n", "LineEnd"),
    (&["GET"], "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", "LineEnd"),
    (&["GET"], "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "FieldName"),
    (&["GET"], "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "FieldName"),
    (&["GET"], "HTTP/1.1 200 O\x01K\r\n\r\n", "FieldValue"),
    (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", "ContentLength"),
    (&["GET"], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "ContentLengthTwice"),
    (
        &["GET"],
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "LengthAndCoding",
    ),
    (&["GET"], "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "CodingUnsupported"),
    (&["GET"], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", "200 <ChunkSize"),
];

#[test]
fn responses_are_read_however_they_are_split() {
    for (methods, bytes, expected) in CASES {
        for parts in cuts(bytes.as_bytes()) {
            assert_eq!(see(methods, &parts), *expected, "{} parts: {bytes:?}", parts.len());
        }
    }
}

#[test]
fn interim_responses_are_bounded() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n";
    assert!(see(&["GET"], &[interim.repeat(32).as_bytes()]).ends_with("102 kept Truncated"));
    let twice = format!("{0}HTTP/1.1 204 No\r\n\r\n{0}HTTP/1.1 204 No\r\n\r\n", interim.repeat(32));
    assert!(see(&["GET", "GET"], &[twice.as_bytes()]).ends_with("102 204 <> kept "));
    assert!(see(&["GET"], &[interim.repeat(33).as_bytes()]).ends_with("102 TooManyInterim"));
}

#[test]
fn the_fields_of_a_response_are_bounded() {
    for (fields, headers_max, is_taken) in [
        (3, 3, true),
        (4, 3, false),
        (HEADERS_MAX, HEADERS_MAX, true),
        (HEADERS_MAX + 1, HEADERS_MAX, false),
        (HEADERS_MAX + 1, usize::MAX, false),
    ] {
        let (mut machine, mut slots) = (ClientMachine::new(), HeaderSlots::new());
        machine.expect_response("GET").unwrap();
        let rx = format!("HTTP/1.1 204 No Content\r\n{}\r\n", "A: b\r\n".repeat(fields));
        let limits = Limits { headers_max, ..Limits::default() };
        let step = machine.step(rx.as_bytes(), &mut slots, &limits);
        let was_taken = matches!(step, Step::Event(used, ClientEvent::Head(_)) if used == rx.len());
        let was_refused = matches!(step, Step::Fault(Error::TooManyHeaders));
        assert_eq!((was_taken, was_refused), (is_taken, !is_taken), "{fields} of {headers_max}");
        assert_eq!(machine.keep_alive(), is_taken);
    }
}

#[test]
fn the_fields_of_a_response_are_found_by_their_names() {
    let (mut machine, mut slots) = (ClientMachine::new(), HeaderSlots::new());
    machine.expect_response("GET").unwrap();
    let rx = b"HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nset-cookie: b\r\nX: \xff\r\nContent-Length: 0\r\n\r\n";
    let Step::Event(_, ClientEvent::Head(response)) = machine.step(rx, &mut slots, &Limits::default()) else {
        panic!("it is a head")
    };
    assert_eq!(response.header_all("Set-Cookie").collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!((response.header("x"), response.header_str("x")), (Some(&b"\xff"[..]), None));
    assert_eq!((response.header("y"), response.header_str("content-length")), (None, Some("0")));
    let shown = format!("{response:?}");
    assert!(["200", "Fine", "Set-Cookie"].iter().all(|part| shown.contains(part)), "{shown}");
}

#[test]
fn requests_are_written() {
    let (mut machine, mut out, mut fields) = (ClientMachine::new(), Vec::new(), Fields::new());
    fields.push("A", "b").unwrap();
    let head = RequestToSend { method: "POST", target: "/x", host: "a:1", fields: &fields };
    machine.encode_request(&head, RequestBody::Length(3), &mut out).unwrap();
    assert_eq!(machine.encode_request(&head, RequestBody::None, &mut out), Err(RequestError::BodyUnfinished));
    machine.encode_part(b"abc", &mut out).unwrap();
    assert_eq!(machine.encode_part(b"d", &mut out), Err(BodyError::TooLong));
    machine.encode_end(&fields, &mut out).unwrap();
    machine.encode_request(&head, RequestBody::Chunked, &mut out).unwrap();
    machine.encode_part(b"abc", &mut out).unwrap();
    machine.encode_end(&fields, &mut out).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&out),
        "POST /x HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\nA: b\r\n\r\nabc\
         POST /x HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n"
    );
    assert_eq!(machine.outstanding(), 2);
}

/// The fault: the next request was refused until the end of a body that has no bytes.
#[test]
fn i403_a_body_without_bytes_is_complete_at_once() {
    let none = Fields::new();
    let head = RequestToSend { method: "POST", target: "/", host: "a", fields: &none };
    for (bytes, next) in [(0, Ok(())), (1, Err(RequestError::BodyUnfinished))] {
        let (mut machine, mut out) = (ClientMachine::new(), Vec::new());
        machine.encode_request(&head, RequestBody::Length(bytes), &mut out).unwrap();
        assert_eq!(machine.encode_part(b"", &mut out), Ok(()));
        assert_eq!(machine.encode_request(&head, RequestBody::None, &mut out), next, "{bytes}");
    }
    // The same when all of its bytes are written; and its end may be said, or not.
    for is_ended in [true, false] {
        let (mut machine, mut out) = (ClientMachine::new(), Vec::new());
        machine.encode_request(&head, RequestBody::Length(1), &mut out).unwrap();
        machine.encode_part(b"x", &mut out).unwrap();
        if is_ended {
            assert_eq!(machine.encode_end(&none, &mut out), Ok(()));
        }
        assert_eq!(machine.encode_request(&head, RequestBody::Chunked, &mut out), Ok(()));
        let next = machine.encode_request(&head, RequestBody::None, &mut out);
        assert_eq!(next, Err(RequestError::BodyUnfinished));
    }
}

#[test]
fn requests_that_cannot_be_sent_are_refused() {
    let (none, mut hosts) = (Fields::new(), Fields::new());
    hosts.push("Host", "b").unwrap();
    for (method, target, host, fields, expected) in [
        ("G T", "/", "a", &none, RequestError::Method),
        ("", "/", "a", &none, RequestError::Method),
        ("CONNECT", "a:1", "a", &none, RequestError::Method),
        ("GET", "", "a", &none, RequestError::Target),
        ("GET", "/a b", "a", &none, RequestError::Target),
        ("GET", "/\r\nX: y", "a", &none, RequestError::Target),
        ("GET", "*", "a", &none, RequestError::Target),
        ("GET", "/", "", &none, RequestError::Host),
        ("GET", "/", "a\r\nX: y", &none, RequestError::Host),
        ("GET", "/", "a", &hosts, RequestError::Host),
    ] {
        let (mut machine, mut out) = (ClientMachine::new(), Vec::new());
        let head = RequestToSend { method, target, host, fields };
        assert_eq!(
            machine.encode_request(&head, RequestBody::None, &mut out),
            Err(expected),
            "{method} {target}"
        );
        assert!(out.is_empty());
    }
}

#[test]
fn the_queue_is_bounded_and_ends_with_the_connection() {
    let mut machine = ClientMachine::new();
    for _ in 0..PIPELINE_REQUESTS_MAX {
        machine.expect_response("GET").unwrap();
    }
    assert_eq!(machine.expect_response("GET"), Err(RequestError::Full));
    assert!(matches!(machine.end_of_input(), Err(Error::Truncated)));
    assert_eq!(machine.expect_response("GET"), Err(RequestError::Closing));
    assert_eq!(machine.outstanding(), PIPELINE_REQUESTS_MAX);
}
