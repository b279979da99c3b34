//! Frames, for both roles.

use crate::log::Log;
use crate::partition::same_however_cut;
use crate::tally::count_round_trips;
use jackfield_proto::Step;
use jackfield_proto::websocket::{
    self, Event, Limits, Machine, Message, Opcode, Scratch, encode_frame, encode_masked, is_valid_close_code,
};

/// Frames that a server gets: however they are cut the same messages come and the same end, and nothing after it; limits
/// hold; who has sent a Close hears only the other one; and the same events encoded are read again.
pub fn websocket_server(data: &[u8]) {
    check(data, Machine::server, None, |opcode, payload, out| {
        encode_masked(opcode, true, payload, [0x12, 0x80, 0, 0xff], out);
    });
}

/// The same for frames that a client gets.
pub fn websocket_client(data: &[u8]) {
    check(data, Machine::client, Some([1, 2, 3, 4]), |opcode, payload, out| {
        encode_frame(opcode, true, payload, out);
    });
}

/// How frames for a role are encoded.
pub(super) type Encode = fn(Opcode, &[u8], &mut Vec<u8>);

pub(super) fn limits() -> Limits {
    Limits { message_bytes_max: 600, frame_in_place_bytes_max: 200, fragments_max: 5, ..Limits::default() }
}

pub(super) fn check(data: &[u8], new: fn() -> Machine, mask: Option<[u8; 4]>, encode: Encode) {
    let (_, events, encoded) = same_however_cut(data, |parts| {
        // With the fault that may have ended it, and without: that can't be encoded.
        let (mut all, mut events, mut encoded) = (Log::default(), Log::default(), Vec::new());
        play(new(), parts, |event| match event {
            Ok(event) => {
                note(&mut all, event);
                note(&mut events, event);
                write(event, encode, &mut encoded);
            }
            Err(error) => all.fault(error),
        });
        (all, events, encoded)
    });
    let mut again = Log::default();
    play(new(), &[&encoded], |event| note(&mut again, event.expect("what is encoded is right")));
    assert_eq!(again, events, "what is encoded is read again");
    count_round_trips(events.entries() as u64);
    same_however_cut(data, |parts| {
        let (mut machine, mut log, mut out) = (new(), Log::default(), Vec::new());
        assert_eq!(machine.close(Some(1000), "bye", mask, &mut out), Ok(true));
        play(machine, parts, |event| match event {
            Ok(event) => {
                assert!(matches!(event, Event::Close(_)), "{event:?} comes while it is closing");
                note(&mut log, event);
            }
            Err(error) => log.fault(error),
        });
        log
    });
}

/// Reads to the end, which nothing may come after.
fn play(mut machine: Machine, parts: &[&[u8]], mut see: impl FnMut(Result<Event<'_>, websocket::Error>)) {
    let (mut rx, mut scratch, limits) = (Vec::new(), Scratch::new(), limits());
    let (mut is_over, mut has_closed) = (false, false);
    for part in parts {
        rx.extend_from_slice(part);
        loop {
            let used = match machine.step(&mut rx, &mut scratch, &limits) {
                Step::Event(used, event) => {
                    assert!(!is_over, "{event:?} comes after the end");
                    hold(event, &limits);
                    has_closed = matches!(event, Event::Close(_));
                    is_over = has_closed;
                    see(Ok(event));
                    used
                }
                Step::Paused => panic!("nothing is owed"),
                Step::Need(0) => break,
                Step::Need(used) => used,
                Step::Fault(error) => {
                    assert!(!is_over, "{error:?} comes after the end");
                    assert!(is_valid_close_code(error.close_code()));
                    is_over = true;
                    see(Err(error));
                    0
                }
            };
            drop(rx.drain(..used));
            assert!(!has_closed || machine.has_received_close());
        }
        let kept_max = limits.frame_in_place_bytes_max + 14;
        assert!(rx.len() <= kept_max, "{} bytes are kept", rx.len());
    }
}

/// What a single event must keep to.
fn hold(event: Event<'_>, limits: &Limits) {
    match event {
        Event::Message(message) => assert!(message.len() <= limits.message_bytes_max, "a limit was passed"),
        Event::Part { part, .. } => assert!(part.len() <= limits.message_bytes_max, "a limit was passed"),
        Event::Ping(payload) => assert!(payload.len() <= 125),
        Event::Pong { payload, is_solicited } => assert!(payload.len() <= 125 && !is_solicited),
        Event::Close(frame) => {
            assert!(frame.reason.len() <= 123 && (frame.code.is_some() || frame.reason.is_empty()));
            assert!(frame.code.is_none_or(is_valid_close_code));
        }
    }
}

fn note(log: &mut Log, event: Event<'_>) {
    match event {
        Event::Message(Message::Text(text)) => log.note("text", text),
        Event::Message(Message::Binary(bytes)) => log.note("binary", bytes),
        Event::Part { part, is_last } => log.note("part", format!("{is_last} {part:?}")),
        Event::Ping(payload) => log.note("ping", payload),
        Event::Pong { payload, .. } => log.note("pong", payload),
        Event::Close(frame) => log.note("close", format!("{:?} {}", frame.code, frame.reason)),
    }
}

fn write(event: Event<'_>, encode: Encode, out: &mut Vec<u8>) {
    match event {
        Event::Message(Message::Text(text)) => encode(Opcode::Text, text.as_bytes(), out),
        Event::Message(Message::Binary(bytes)) => encode(Opcode::Binary, bytes, out),
        // The limits ask for none.
        Event::Part { .. } => {}
        Event::Ping(payload) => encode(Opcode::Ping, payload, out),
        Event::Pong { payload, .. } => encode(Opcode::Pong, payload, out),
        Event::Close(frame) => {
            let mut payload = frame.code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec());
            payload.extend_from_slice(frame.reason.as_bytes());
            encode(Opcode::Close, &payload, out);
        }
    }
}
