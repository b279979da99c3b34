//! Opening handshakes, for both roles.

use crate::log::Log;
use crate::tally::count_round_trips;
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, Event, HeaderSlots, Limits, Machine};
use jackfield_proto::websocket::{
    Accepted, Offer, ResponseError, check_response, encode_request, encode_response,
};

/// The random number of our request.
const KEY: [u8; 16] = *b"the sample nonce";
const PROTOCOLS: [&str; 2] = ["chat", "superchat"];

/// The first line is a method or a status, the others are fields: what is accepted keeps all the rules that a glance can
/// check; and our answer to an offer is understood by our client, and our request by our server.
pub fn websocket_handshake(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or("");
    let headers: Vec<(&str, &[u8])> = lines.filter_map(header).collect();
    let mut log = Log::default();
    match first.parse() {
        Ok(status) => match check_response(status, headers.iter().copied(), KEY, &PROTOCOLS) {
            Ok(accepted) => {
                log.note("accepted", accepted.protocol.unwrap_or("-"));
                check_accepted(status, &headers, accepted);
            }
            Err(ResponseError::Status(refused)) => assert_eq!(refused, status),
            Err(error) => log.fault(error),
        },
        Err(_) => match Offer::check(first, true, headers.iter().copied()) {
            Ok(offer) => {
                log.note("offer", "");
                check_offer(first, &headers, &offer);
            }
            Err(error) => log.fault(error),
        },
    }
    ask(first, &headers);
}

fn has(headers: &[(&str, &[u8])], name: &str) -> bool {
    headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
}

/// What is accepted as an answer is one.
fn check_accepted(status: u16, headers: &[(&str, &[u8])], accepted: Accepted<'_>) {
    assert_eq!(status, 101);
    for name in ["upgrade", "connection", "sec-websocket-accept"] {
        assert!(has(headers, name), "{name} is missing");
    }
    assert!(!has(headers, "sec-websocket-extensions"), "none was offered");
    assert!(accepted.protocol.is_none_or(|protocol| PROTOCOLS.contains(&protocol)));
}

/// What is accepted as an offer is one, and our answer to it is understood.
fn check_offer(method: &str, headers: &[(&str, &[u8])], offer: &Offer<'_>) {
    assert_eq!(method, "GET");
    for name in ["host", "upgrade", "connection", "sec-websocket-version", "sec-websocket-key"] {
        assert!(has(headers, name), "{name} is missing");
    }
    assert!(offer.accept_key().is_ascii());
    assert!(offer.protocols().all(|protocol| offer.offers(protocol)));
    let chosen = offer.protocols().last();
    let mut answer = Vec::new();
    assert_eq!(encode_response(offer.accept_key(), chosen, &[("X-By", "us")], &mut answer), Ok(()));
    let (mut client, mut slots) = (ClientMachine::new(), HeaderSlots::new());
    assert_eq!(client.expect_response("GET"), Ok(()));
    // A protocol of many bytes makes a long head.
    let limits = Limits { head_bytes_max: 60_000, ..Limits::default() };
    match client.step(&answer, &mut slots, &limits) {
        Step::Event(used, ClientEvent::Switched(response)) => {
            assert_eq!(used, answer.len());
            let accept = response.header("sec-websocket-accept");
            assert_eq!(accept, Some(&offer.accept_key()[..]));
            let protocol = response.header_str("sec-websocket-protocol");
            assert_eq!(protocol, chosen);
        }
        step => panic!("our answer is read as {step:?}"),
    }
    count_round_trips(1);
}

/// What our client asks, with a host and protocols from the bytes, is an offer to our server; and its answer one to us.
fn ask(host: &str, headers: &[(&str, &[u8])]) {
    let protocols: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let mut request = Vec::new();
    if encode_request("/a?b", "h", KEY, &protocols, &[("X-From", host)], &mut request).is_err() {
        return assert!(request.is_empty(), "what can't be sent is not sent in part");
    }
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    let limits = Limits { head_bytes_max: 60_000, ..Limits::default() };
    let step = Machine::new().step(&request, &mut slots, &mut whole, &limits);
    let Step::Event(used, Event::Upgrade(read)) = step else { panic!("our request is read as {step:?}") };
    assert_eq!((used, read.target()), (request.len(), "/a?b"));
    let offer = Offer::check(read.method(), true, read.headers()).expect("it keeps the rules");
    assert!(offer.protocols().eq(protocols.iter().copied()), "the protocols are those that were offered");
    let accept = offer.accept_key();
    let answer: [(&str, &[u8]); 3] =
        [("Upgrade", b"websocket"), ("Connection", b"Upgrade"), ("Sec-WebSocket-Accept", &accept)];
    assert_eq!(check_response(101, answer.into_iter(), KEY, &protocols), Ok(Accepted { protocol: None }));
    count_round_trips(1);
}

fn header(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((std::str::from_utf8(&line[..colon]).ok()?, line[colon + 1..].trim_ascii()))
}
