//! Heads of requests.

use super::free_fields;
use crate::log::Log;
use crate::partition::same_however_cut;
use crate::tally::count_round_trips;
use jackfield_proto::Step;
use jackfield_proto::http1::{
    Authority, ClientMachine, Event, Fields, HeaderSlots, Limits, Machine, Owed, Request, RequestBody,
    RequestToSend, Version, requested_path,
};

/// The first request of a connection: however it is cut, the same head comes or the same refusal, and nothing after a
/// refusal; limits hold, and a smaller limit only refuses more; and a head that is encoded and read again is the same.
pub fn http1_head(data: &[u8]) {
    let (whole, _) = same_however_cut(data, |parts| read(parts, &Limits::default()));
    let limits = Limits { head_bytes_max: 300, headers_max: 6, target_bytes_max: 40, ..Limits::default() };
    let (limited, is_accepted) = same_however_cut(data, |parts| read(parts, &limits));
    assert!(limited.entries() <= 1, "one head, or one refusal: {limited:?}");
    assert!(!is_accepted || limited == whole, "what a smaller limit lets pass is the same: {limited:?}");
    round_trip(data);
}

/// What comes, and whether it is a head.
fn read(parts: &[&[u8]], limits: &Limits) -> (Log, bool) {
    let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
    let (mut rx, mut log) = (Vec::new(), Log::default());
    for part in parts {
        rx.extend_from_slice(part);
        match machine.step(&rx, &mut slots, &mut whole, limits) {
            Step::Need(used) => drop(rx.drain(..used)),
            Step::Paused => panic!("nothing is owed"),
            Step::Event(_, Event::Head(request) | Event::Request(request) | Event::Upgrade(request)) => {
                check(&request, limits);
                assert_eq!(requested_path(&rx), Some(request.path()), "the first line says where it goes to");
                log.note("head", describe(&request));
                return (log, true);
            }
            Step::Event(..) => panic!("a body before its head"),
            Step::Fault(error) => {
                log.fault(error);
                assert!((400..=505).contains(&error.status()), "{error:?}");
                assert!(machine.must_close() && machine.owed() == Owed::Open);
                let again = machine.step(&rx, &mut slots, &mut whole, limits);
                assert!(matches!(again, Step::Paused), "{again:?} comes after a refusal");
                return (log, false);
            }
        }
        assert!(rx.len() <= limits.head_bytes_max, "more is kept than a head may have");
    }
    (log, false)
}

fn check(request: &Request<'_>, limits: &Limits) {
    assert!(request.target().len() <= limits.target_bytes_max, "the target is too long");
    assert!(request.headers().count() <= limits.headers_max, "there are too many fields");
    let field_bytes = |(name, value): (&str, &[u8])| name.len() + value.len() + ":\r\n".len();
    let bytes: usize = request.headers().map(field_bytes).sum();
    assert!(request.target().len() + bytes <= limits.head_bytes_max, "the head is too long");
    assert!(request.host().is_some() || request.version() == Version::Http10);
    assert!(request.target().bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", request.target());
    let is_text = |value: &[u8]| !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    assert!(request.headers().all(|(_, value)| is_text(value)), "a value has what ends a line");
    let mut all = request.headers();
    for (name, value) in request.headers().end_to_end() {
        assert!(all.any(|field| field == (name, value)), "what is forwarded is a part of all, in its order");
        let added = Fields::new().push(name, value);
        assert_eq!(added, Ok(()), "what is forwarded can be sent");
    }
    if let Some(authority) = request.authority() {
        assert!(request.host().is_some_and(|host| host.starts_with(authority.host())));
        assert!(Authority::parse(authority.host()).is_some_and(|again| again.port().is_none()));
    }
    assert!(request.path().starts_with('/') || request.path() == "*", "{:?}", request.path());
}

fn describe(request: &Request<'_>) -> Vec<u8> {
    let host = request.host().unwrap_or("-");
    let query = request.query().unwrap_or("-");
    let stays = if request.keep_alive() { "stays" } else { "closes" };
    let body = if request.has_body() { "body" } else { "-" };
    let mut text = Vec::new();
    for word in [request.method(), request.target(), request.path(), query, host, stays, body] {
        text.extend_from_slice(word.as_bytes());
        text.push(b' ');
    }
    for (name, value) in request.headers() {
        for part in [name.as_bytes(), b"=", value, b";"] {
            text.extend_from_slice(part);
        }
    }
    text
}

/// What our client sends in its place is read as the same.
fn round_trip(data: &[u8]) {
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    let Some(request) = first(data, &mut slots, &mut whole) else { return };
    // Ours is HTTP/1.1, where more has a meaning.
    let Some(host) = request.host().filter(|_| request.version() == Version::Http11) else { return };
    let fields = free_fields(request.headers());
    let head = RequestToSend { method: request.method(), target: request.target(), host, fields: &fields };
    let mut sent = Vec::new();
    let encoded = ClientMachine::new().encode_request(&head, RequestBody::None, &mut sent);
    assert_eq!(encoded, Ok(()), "what was read can be sent: {head:?}");
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    // What was added may have made it too long, or one field too many.
    let Some(again) = first(&sent, &mut slots, &mut whole) else {
        return assert!(sent.len() > Limits::default().head_bytes_max || request.headers().count() > 90);
    };
    assert_eq!(
        (again.method(), again.target(), again.host()),
        (request.method(), request.target(), request.host())
    );
    assert_eq!(free_fields(again.headers()), fields);
    count_round_trips(1);
}

fn first<'b>(data: &'b [u8], slots: &'b mut HeaderSlots, whole: &'b mut Vec<u8>) -> Option<Request<'b>> {
    match Machine::new().step(data, slots, whole, &Limits::default()) {
        Step::Event(_, Event::Head(request) | Event::Request(request) | Event::Upgrade(request)) => {
            Some(request)
        }
        _ => None,
    }
}
