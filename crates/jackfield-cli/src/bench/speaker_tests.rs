//! Every speaker has the same results, however the bytes of the server are split.

use super::fanout::{Fanout, Members};
use super::http::Http;
use super::plan::Payload;
use super::raw::Raw;
use super::request::Request;
use super::speaker::{Heard, Speaker};
use super::sse::{Feed, Sse};
use super::tally::Tally;
use super::ws::{Opening, Ws};
use jackfield_proto::websocket::{Message, Offer, Opcode, encode, encode_frame, encode_response};
use std::collections::VecDeque;

/// The sum of the results.
#[derive(Debug, Default, PartialEq)]
struct Sum {
    operations: u64,
    errors: Vec<(String, u64)>,
    fault: Option<String>,
    out: Vec<u8>,
    in_flight: usize,
    is_ready: bool,
    is_over: bool,
}

/// When all bytes come.
const NOW: u64 = 1_000_000;

/// Feeds the bytes in two parts, as the reactor does: unused bytes come again with the next ones.
fn hear<S: Speaker>(speaker: &mut S, in_flight: usize, bytes: &[u8], cut: usize) -> Sum {
    let (mut state, _) = speaker.connect(0);
    let (mut out, mut tally) = (Vec::new(), Tally::new());
    speaker.open(&mut state, &mut out);
    let answer = [answer_of(&out), bytes.to_vec()].concat();
    out.clear();
    let mut flying: VecDeque<u64> = (0..in_flight as u64).collect();
    let mut sum = Sum::default();
    let (mut carry, mut shown) =
        (Vec::new(), [&answer[..cut.min(answer.len())], &answer[cut.min(answer.len())..]].into_iter());
    while let Some(part) = shown.next().filter(|_| sum.fault.is_none()) {
        carry.extend_from_slice(part);
        let mut heard = Heard {
            now: NOW,
            out: &mut out,
            tally: &mut tally,
            awaited_from: 0,
            delivered: 0,
            in_flight: &mut flying,
            is_slow: false,
            is_ready: sum.is_ready,
            is_over: sum.is_over,
        };
        let used = speaker.receive(&mut state, &mut carry, &mut heard);
        (sum.is_ready, sum.is_over) = (heard.is_ready, heard.is_over);
        match used {
            Ok(used) => drop(carry.drain(..used)),
            Err(fault) => sum.fault = Some(fault.0.into_owned()),
        }
    }
    sum.operations = tally.operations;
    sum.errors = tally.errors.iter().map(|(kind, count)| (kind.to_string(), *count)).collect();
    (sum.in_flight, sum.out) = (flying.len(), out);
    sum
}

/// The server's 101, if a WebSocket was requested.
fn answer_of(request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let text = String::from_utf8_lossy(request);
    let lines = text.lines().skip(1).filter_map(|line| line.split_once(": "));
    if text.contains("Sec-WebSocket-Key") {
        let headers = lines.map(|(name, value)| (name, value.as_bytes()));
        let offer = Offer::check("GET", true, headers).expect("the handshake is valid");
        encode_response(offer.accept_key(), None, &[], &mut answer).expect("nothing is added to it");
    }
    answer
}

/// Checks that the sum is the same for every split of the bytes. Returns it.
fn check<S: Speaker>(make: impl Fn() -> S, in_flight: usize, bytes: &[u8]) -> Sum {
    let whole = hear(&mut make(), in_flight, bytes, usize::MAX);
    let mut speaker = make();
    for cut in 0..bytes.len() + 200 {
        let mut sum = hear(&mut make(), in_flight, bytes, cut);
        // Masks are random, so only the length is compared.
        assert_eq!(sum.out.len(), whole.out.len());
        sum.out.clone_from(&whole.out);
        assert_eq!(sum, whole, "cut at {cut}");
        // Again with a speaker that knows some answers already.
        assert_eq!(hear(&mut speaker, in_flight, bytes, cut).operations, whole.operations, "cut at {cut}");
    }
    whole
}

const OPENING: Opening<'_> = Opening { host: "a", path: "/", protocols: &[], fields: &[] };

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
const LATER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

#[test]
fn answers_are_counted() {
    let make = || Http::new(&Request::get("a", "/"));
    let sum = check(make, 7, [OK, OK, OK, MISSING, CHUNKED, LATER].concat().as_bytes());
    assert_eq!((sum.operations, sum.in_flight, sum.is_over), (5, 1, false));
    assert_eq!(sum.errors, [("status 404".to_owned(), 1)]);
    let sum = check(make, 3, [OK, LAST].concat().as_bytes());
    assert_eq!((sum.operations, sum.is_over), (2, true));
}

#[test]
fn unsolicited_answers_are_an_error() {
    let sum = check(|| Http::new(&Request::get("a", "/")), 2, [OK, OK, OK].concat().as_bytes());
    assert_eq!((sum.operations, sum.fault.is_some()), (2, true));
    assert!(check(|| Http::new(&Request::get("a", "/")), 2, b"220 ready\r\n").fault.is_some());
}

/// The fault: its status, or the length of its echo, was counted besides.
#[test]
fn i466_a_bad_answer_that_nobody_asked_for_is_one_error() {
    const UNASKED: &str = "an answer that nobody asked for";
    let sum = check(|| Http::new(&Request::get("a", "/")), 0, MISSING.as_bytes());
    assert_eq!((sum.errors, sum.fault.as_deref()), (Vec::new(), Some(UNASKED)));
    let mut echo = Vec::new();
    encode(Message::Binary(&[7; 200]), &mut echo);
    let sum = check(|| Ws::new(&OPENING, &Payload { is_text: false, bytes: vec![b'x'; 20] }), 0, &echo);
    assert_eq!((sum.errors, sum.fault.as_deref()), (Vec::new(), Some(UNASKED)));
}

#[test]
fn blocks_are_counted() {
    let sum = check(|| Raw::new(5), 4, &[0; 17]);
    assert_eq!((sum.operations, sum.in_flight), (3, 1));
}

#[test]
fn echoes_are_counted_and_pings_answered() {
    let mut bytes = Vec::new();
    encode(Message::Binary(&[7; 20]), &mut bytes);
    encode_frame(Opcode::Ping, true, b"are you there", &mut bytes);
    encode(Message::Binary(&[7; 200]), &mut bytes);
    encode(Message::Binary(&[7; 20]), &mut bytes);
    let sum = check(|| Ws::new(&OPENING, &Payload { is_text: false, bytes: vec![b'x'; 20] }), 4, &bytes);
    assert_eq!((sum.operations, sum.in_flight, sum.is_ready), (2, 1, true));
    assert_eq!(sum.errors, [("an echo of another length".to_owned(), 1)]);
    assert_eq!(sum.out.len(), 2 + 4 + "are you there".len(), "a masked Pong");
    let sum = check(|| Ws::new(&OPENING, &Payload { is_text: false, bytes: vec![b'x'; 20] }), 1, &[0x88, 0]);
    assert_eq!(sum.fault.as_deref(), Some("WebSocket closed with no code"));
}

#[test]
fn deliveries_are_counted_and_own_messages_recognised() {
    let message = |publisher: u32| [&5u64.to_le_bytes()[..], &publisher.to_le_bytes(), b"xxxx"].concat();
    let mut bytes = Vec::new();
    for publisher in [3, 0, 1] {
        encode(Message::Binary(&message(publisher)), &mut bytes);
    }
    let members = |round| Members { bytes: 16, slow_readers: 0, publishers: 4, round };
    let sum = check(|| Fanout::new(&OPENING, &members(None)), 2, &bytes);
    assert_eq!((sum.operations, sum.in_flight, sum.is_ready), (3, 1, true));
    let sum = check(|| Fanout::new(&OPENING, &members(Some(2))), 2, &bytes);
    assert_eq!((sum.operations, sum.in_flight, sum.is_ready), (3, 1, true), "two make a round");
    let mut fanout = Fanout::new(&OPENING, &members(Some(2)));
    let (mut member, _) = fanout.connect(0);
    member.count = 3;
    assert!(fanout.is_settled(&mut member), "its round was over before it began");
    assert!(!fanout.is_settled(&mut member) && member.count == 1);
}

/// The fault: it was a delivery without any latency.
#[test]
fn i309_a_message_that_the_tool_has_not_sent_is_no_delivery() {
    let message = |due: u64, publisher: u32| [&due.to_le_bytes()[..], &publisher.to_le_bytes()].concat();
    let members = Members { bytes: 12, slow_readers: 1, publishers: 2, round: None };
    for (bytes, operations) in [
        (message(NOW, 1), 1),
        (message(NOW, 2), 1),
        (message(NOW + 1, 1), 0),
        (message(NOW, 0), 0),
        (message(NOW, 3), 0),
        (b"somebody has joined".to_vec(), 0),
        (b"hello".to_vec(), 0),
    ] {
        let mut frame = Vec::new();
        encode(Message::Binary(&bytes), &mut frame);
        let sum = check(|| Fanout::new(&OPENING, &members), 0, &frame);
        let fault = (operations == 0).then_some("a message that nobody has published");
        assert_eq!((sum.operations, sum.fault.as_deref()), (operations, fault), "{bytes:?}");
    }
}

#[test]
fn events_are_counted_with_any_content() {
    let make = || {
        let feed = Feed {
            host: "a",
            path: "/",
            publish_path: "/",
            bytes: 20,
            streams: 2,
            slow_readers: 0,
            ahead: Some(1),
            is_bursty: false,
        };
        Sse::new(&feed)
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hi\n\n";
    let events = "data: 00000000000000000042xx\n\ndata: other\r\n\r\nid: 7\ndata: 00000000000000000043\n\n";
    let sum = check(make, 0, [head, events, events].concat().as_bytes());
    assert_eq!((sum.operations, sum.is_ready, sum.fault), (6, true, None));
}
