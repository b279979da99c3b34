//! Bodies in chunks.

use crate::log::Log;
use crate::partition::same_however_cut;
use crate::tally::count_round_trips;
use crate::tally::hash;
use jackfield::sim::Random;
use jackfield_proto::Step;
use jackfield_proto::http1::{
    ClientEvent, ClientMachine, Event, Fields, HeaderSlots, Limits, Machine, RequestBody, RequestToSend,
};

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const TRAILER_BYTES_MAX: usize = 100;
const TRAILERS_MAX: usize = 3;

/// The bytes as a chunked body: however it is cut the same data and trailers come, from servers and clients the same,
/// or the same refusal; limits hold; and the bytes as data are encoded and read again.
pub fn http1_chunked(data: &[u8]) {
    let limits = Limits {
        chunk_line_bytes_max: 30,
        chunk_extension_bytes_max: 60,
        trailer_bytes_max: TRAILER_BYTES_MAX,
        headers_max: TRAILERS_MAX,
        ..Limits::default()
    };
    let request = same_however_cut(data, |parts| serve(parts, &limits));
    let response = same_however_cut(data, |parts| ask(parts, &limits));
    assert_eq!(request, response, "servers and clients read alike");
    round_trip(data);
}

/// What a server reads.
fn serve(parts: &[&[u8]], limits: &Limits) -> Log {
    let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
    let head = machine.step(REQUEST, &mut slots, &mut whole, limits);
    assert!(matches!(head, Step::Event(used, Event::Head(_)) if used == REQUEST.len()), "{head:?}");
    machine.stream();
    let (mut rx, mut log) = (Vec::new(), Log::default());
    for part in parts {
        rx.extend_from_slice(part);
        loop {
            let used = match machine.step(&rx, &mut slots, &mut whole, limits) {
                Step::Need(used) => {
                    drop(rx.drain(..used));
                    assert!(rx.is_empty(), "all is taken as it comes");
                    break;
                }
                Step::Paused => panic!("a body is owed"),
                Step::Event(used, Event::Body(body)) => {
                    assert!(!body.is_empty());
                    log.part("body", body);
                    used
                }
                Step::Event(_, Event::End(request)) => {
                    assert!(request.body().is_empty(), "it was streamed");
                    end(&mut log, request.trailers());
                    return log;
                }
                Step::Event(_, event) => panic!("{event:?} within a body"),
                Step::Fault(error) => {
                    log.fault(error);
                    let again = machine.step(&rx, &mut slots, &mut whole, limits);
                    assert!(matches!(again, Step::Paused), "{again:?} comes after a refusal");
                    return log;
                }
            };
            drop(rx.drain(..used));
        }
    }
    log
}

/// What a client reads.
fn ask(parts: &[&[u8]], limits: &Limits) -> Log {
    let (mut machine, mut slots) = (ClientMachine::new(), HeaderSlots::new());
    assert_eq!(machine.expect_response("GET"), Ok(()));
    let head = machine.step(RESPONSE, &mut slots, limits);
    assert!(matches!(head, Step::Event(used, ClientEvent::Head(_)) if used == RESPONSE.len()), "{head:?}");
    let mut log = Log::default();
    for part in parts {
        let mut rest = *part;
        loop {
            match machine.step(rest, &mut slots, limits) {
                Step::Need(used) => {
                    assert_eq!(used, rest.len(), "all is taken as it comes");
                    break;
                }
                Step::Event(used, ClientEvent::Body(body)) => {
                    log.part("body", body);
                    rest = &rest[used..];
                }
                Step::Event(_, ClientEvent::End) => {
                    end(&mut log, machine.trailers());
                    return log;
                }
                Step::Fault(error) => {
                    log.fault(error);
                    return log;
                }
                step => panic!("{step:?} within a body"),
            }
        }
    }
    log
}

fn end<'b>(log: &mut Log, trailers: impl Iterator<Item = (&'b str, &'b [u8])>) {
    log.note("end", "");
    let (mut bytes, mut fields) = (0, 0);
    for (name, value) in trailers {
        (bytes, fields) = (bytes + name.len() + value.len(), fields + 1);
        log.note("trailer", name);
        log.note("is", value);
    }
    assert!(bytes <= TRAILER_BYTES_MAX && fields <= TRAILERS_MAX, "{fields} trailers of {bytes} bytes");
}

/// The bytes as data, in parts that depend on them.
fn round_trip(data: &[u8]) {
    let (mut client, mut sent, fields) = (ClientMachine::new(), Vec::new(), Fields::new());
    let head = RequestToSend { method: "POST", target: "/", host: "a", fields: &fields };
    assert_eq!(client.encode_request(&head, RequestBody::Chunked, &mut sent), Ok(()));
    let (mut random, mut rest) = (Random::new(hash(data)), data);
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(random.size(rest.len()));
        assert_eq!(client.encode_part(part, &mut sent), Ok(()));
        rest = behind;
    }
    let mut trailers = Fields::new();
    assert_eq!(trailers.push("X-Bytes", data.len().to_string()), Ok(()));
    assert_eq!(client.encode_end(&trailers, &mut sent), Ok(()));
    let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
    // What is counted by the line or by the body is not counted for all of them.
    let limits = Limits { chunk_line_bytes_max: 5, chunk_extension_bytes_max: 0, ..Limits::default() };
    match Machine::new().step(&sent, &mut slots, &mut whole, &limits) {
        Step::Event(used, Event::Request(request)) => {
            assert_eq!((used, request.body()), (sent.len(), data));
            assert_eq!(request.trailers().next(), Some(("X-Bytes", data.len().to_string().as_bytes())));
        }
        step => panic!("what was encoded is read as {step:?}"),
    }
    count_round_trips(1);
}
