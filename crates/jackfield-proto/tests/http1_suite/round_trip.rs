//! What one side encodes, the other decodes to the same, for each split of the bytes.

use jackfield_proto::Step;
use jackfield_proto::http1::{
    BodyDue, ClientEvent, ClientMachine, DateBlock, Event, Fields, HeaderSlots, Limits, Machine, Request,
    RequestBody, RequestToSend, ResponseToSend,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::bodies::{CHUNKED, CHUNKED_CASES};
use crate::requests::CASES;
use crate::server::{Bodies, NOW, see};

type Lines = Vec<(String, Vec<u8>)>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    method: String,
    target: String,
    lines: Lines,
    parts: Vec<Vec<u8>>,
    is_chunked: bool,
    trailers: Lines,
}

fn lines() -> impl Strategy<Value = Lines> {
    // Names of the test's own, so that none of them is one that the encoder writes.
    let value = vec(prop_oneof![0x21_u8..0x7f, 0x80_u8..=0xff], 0..20);
    vec(("X-[a-zA-Z0-9!#$%&'*+.^_`|~-]{0,12}", value), 0..5)
}

fn message() -> impl Strategy<Value = Message> {
    let parts = vec(vec(any::<u8>(), 0..60), 0..6);
    let method =
        "(GET|POST|PUT|[A-Z]{3,9})".prop_filter("CONNECT is no request", |method| method != "CONNECT");
    (method, "/[a-z0-9/?%=&._~-]{0,30}", lines(), parts, any::<bool>(), lines()).prop_map(
        |(method, target, lines, parts, is_chunked, trailers)| {
            let trailers = if is_chunked { trailers } else { Vec::new() };
            Message { method, target, lines, parts, is_chunked, trailers }
        },
    )
}

fn fields(lines: &Lines) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value).unwrap();
    }
    fields
}

fn body_bytes(message: &Message) -> u64 {
    message.parts.iter().map(|part| part.len() as u64).sum()
}

/// What the other side should see of a message: its body in one part.
fn seen(message: &Message) -> Message {
    Message { parts: vec![message.parts.concat()], is_chunked: true, ..message.clone() }
}

fn own<'b>(lines: impl Iterator<Item = (&'b str, &'b [u8])>) -> Lines {
    let own_lines = lines.filter(|(name, _)| name.starts_with("X-"));
    own_lines.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn encode_requests(client: &mut ClientMachine, messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        let fields = fields(&message.lines);
        let head =
            RequestToSend { method: &message.method, target: &message.target, host: "h", fields: &fields };
        let length = RequestBody::Length(body_bytes(message));
        let body = if message.is_chunked { RequestBody::Chunked } else { length };
        client.encode_request(&head, body, &mut out).unwrap();
        for part in &message.parts {
            client.encode_part(part, &mut out).unwrap();
        }
        client.encode_end(&crate::round_trip::fields(&message.trailers), &mut out).unwrap();
    }
    out
}

fn encode_response(server: &mut Machine, message: &Message, out: &mut Vec<u8>) {
    let fields = fields(&message.lines);
    let (head, date) =
        (ResponseToSend { status: 200, content_type: "a/b", fields: &fields }, DateBlock::new(NOW));
    let length = (!message.is_chunked).then(|| body_bytes(message));
    if length.is_some() && message.parts.len() == 1 {
        if server.respond(&head, body_bytes(message), &date, out) == BodyDue::Yes {
            out.extend_from_slice(&message.parts[0]);
        }
        return;
    }
    server.respond_stream(&head, length, &date, out);
    for part in &message.parts {
        server.encode_part(part, out).unwrap();
    }
    server.encode_end(&crate::round_trip::fields(&message.trailers), out).unwrap();
}

fn request_seen(request: &Request<'_>, body: &[u8]) -> Message {
    Message {
        method: request.method().to_owned(),
        target: request.target().to_owned(),
        lines: own(request.headers()),
        parts: vec![body.to_vec()],
        is_chunked: true,
        trailers: own(request.trailers()),
    }
}

/// Serves what is in `parts` and answers each request with the message that was sent. Gives what was seen and what
/// was answered.
fn serve(parts: &[&[u8]], messages: &[Message], streams: bool) -> (Vec<Message>, Vec<u8>) {
    let (mut server, mut carry) = (Machine::new(), Vec::new());
    let (mut requests, mut streamed, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        carry.extend_from_slice(part);
        loop {
            let (mut slots, mut whole) = (HeaderSlots::new(), Vec::new());
            let (used, event) = match server.step(&carry, &mut slots, &mut whole, &Limits::default()) {
                Step::Event(used, event) => (used, event),
                Step::Need(used) => {
                    let _ = carry.drain(..used);
                    break;
                }
                other => panic!("{other:?}"),
            };
            match event {
                Event::Head(_) if streams => server.stream(),
                Event::Head(_) => server.collect(1 << 20).unwrap(),
                Event::Body(part) => streamed.extend_from_slice(part),
                Event::End(request) if streams => {
                    requests.push(request_seen(&request, &std::mem::take(&mut streamed)));
                }
                Event::Request(request) | Event::End(request) | Event::Upgrade(request) => {
                    requests.push(request_seen(&request, request.body()));
                }
            }
            if server.owed() == jackfield_proto::http1::Owed::Open && !server.has_partial() {
                encode_response(&mut server, &messages[requests.len() - 1], &mut out);
            }
            let _ = carry.drain(..used);
        }
    }
    (requests, out)
}

/// Reads responses: their lines, bodies and trailers.
fn read(client: &mut ClientMachine, parts: &[&[u8]]) -> Vec<(Lines, Vec<u8>, Lines)> {
    let (mut carry, mut responses) = (Vec::new(), Vec::new());
    let (mut lines, mut body) = (Vec::new(), Vec::new());
    for part in parts {
        carry.extend_from_slice(part);
        loop {
            let mut slots = HeaderSlots::new();
            match client.step(&carry, &mut slots, &Limits::default()) {
                Step::Event(used, event) => {
                    match event {
                        ClientEvent::Head(response) => lines = own(response.headers()),
                        ClientEvent::Body(part) => body.extend_from_slice(part),
                        ClientEvent::End => {
                            let trailers = own(client.trailers());
                            responses.push((std::mem::take(&mut lines), std::mem::take(&mut body), trailers));
                        }
                        other => panic!("{other:?}"),
                    }
                    let _ = carry.drain(..used);
                }
                Step::Need(used) => {
                    let _ = carry.drain(..used);
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    responses
}

/// `bytes` in pieces of these lengths, and the rest.
fn cut<'b>(bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    for length in lengths {
        let (part, behind) = rest.split_at((*length).min(rest.len()));
        parts.push(part);
        rest = behind;
    }
    parts.push(rest);
    parts
}

/// All requests of the tables.
pub(crate) fn corpus() -> Vec<Vec<u8>> {
    let plain = CASES.iter().map(|(text, _)| text.as_bytes().to_vec());
    let chunked = CHUNKED_CASES.iter().map(|(body, _)| format!("{CHUNKED}{body}").into_bytes());
    plain.chain(chunked).collect()
}

/// Bytes that mean something somewhere.
fn spoiler() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(b"\r\n \t:;,/.#0159aH\0\x7f\xff".to_vec()), any::<u8>()]
}

/// Replaces, inserts or removes one byte.
fn spoil(bytes: &mut Vec<u8>, place: prop::sample::Index, way: u8, byte: u8) {
    let at = place.index(bytes.len() + 1);
    match way {
        0 if at < bytes.len() => bytes[at] = byte,
        1 if at < bytes.len() => drop(bytes.remove(at)),
        _ => bytes.insert(at, byte),
    }
}

proptest! {
    #[test]
    fn messages_survive_the_way(
        messages in vec(message(), 1..4),
        lengths in vec(1_usize..80, 0..20),
        streams in any::<bool>(),
    ) {
        let mut client = ClientMachine::new();
        let sent = encode_requests(&mut client, &messages);
        let (requests, answers) = serve(&cut(&sent, &lengths), &messages, streams);
        prop_assert_eq!(&requests, &messages.iter().map(seen).collect::<Vec<_>>());
        let responses = read(&mut client, &cut(&answers, &lengths));
        let expected = messages.iter().map(|message| {
            let has_body = message.method != "HEAD";
            let body = if has_body { message.parts.concat() } else { Vec::new() };
            let trailers = if has_body { message.trailers.clone() } else { Vec::new() };
            (message.lines.clone(), body, trailers)
        });
        prop_assert_eq!(responses, expected.collect::<Vec<_>>());
        prop_assert!(client.keep_alive() && client.outstanding() == 0);
    }

    #[test]
    fn invalid_requests_are_refused_alike_however_they_are_split(
        picks in vec(any::<prop::sample::Index>(), 1..4),
        spoils in vec((any::<prop::sample::Index>(), 0_u8..3, spoiler()), 0..4),
        lengths in vec(1_usize..60, 0..10),
        streams in any::<bool>(),
    ) {
        let corpus = corpus();
        let mut bytes = picks.iter().flat_map(|pick| pick.get(&corpus).clone()).collect::<Vec<_>>();
        for (place, way, byte) in spoils {
            spoil(&mut bytes, place, way, byte);
        }
        let bodies = if streams { Bodies::Stream } else { Bodies::Collect(1 << 20) };
        let whole = see(&[&bytes], bodies, &Limits::default());
        prop_assert_eq!(see(&cut(&bytes, &lengths), bodies, &Limits::default()), whole.clone());
        prop_assert_eq!(see(&bytes.chunks(1).collect::<Vec<_>>(), bodies, &Limits::default()), whole);
    }

    #[test]
    fn no_bytes_make_a_machine_panic_or_differ(
        bytes in vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b' '), Just(b':')], 0..120),
        lengths in vec(1_usize..20, 0..10),
        has_line in any::<bool>(),
    ) {
        let line: &[u8] = if has_line { b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" } else { b"" };
        let bytes = [line, &bytes].concat();
        let limits = Limits::default();
        let bodies = Bodies::Collect(64);
        let whole = see(&[&bytes], bodies, &limits);
        prop_assert_eq!(see(&cut(&bytes, &lengths), bodies, &limits), whole);
    }
}
