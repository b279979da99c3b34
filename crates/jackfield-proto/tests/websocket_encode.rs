//! Frames out, and back in: masking, headers, and the identity of decode after encode, for both roles.

use jackfield_proto::Step;
use jackfield_proto::websocket::{
    Event, Limits, Machine, Message, Opcode, Scratch, encode, encode_frame, encode_masked, frame_header, mask,
};
use proptest::prelude::*;

#[test]
fn mask_is_that_of_the_rfc() {
    let key = [0x12, 0x00, 0xff, 0x80];
    for length in 0..300 {
        for offset in 0..8 {
            let clear: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
            let want: Vec<u8> =
                clear.iter().enumerate().map(|(at, byte)| byte ^ key[(at + offset) % 4]).collect();
            let mut got = clear.clone();
            mask(&mut got, key, offset);
            assert_eq!(got, want, "{length} bytes from {offset}");
            mask(&mut got, key, offset);
            assert_eq!(got, clear);
        }
    }
}

#[test]
fn mask_in_pieces_is_mask_at_once() {
    let clear: Vec<u8> = (0..1000).map(|at| at as u8).collect();
    let mut whole = clear.clone();
    mask(&mut whole, [1, 2, 3, 4], 0);
    for cut in 0..clear.len() {
        let mut pieces = clear.clone();
        let (head, tail) = pieces.split_at_mut(cut);
        mask(head, [1, 2, 3, 4], 0);
        mask(tail, [1, 2, 3, 4], cut);
        assert_eq!(pieces, whole);
    }
}

#[test]
fn headers_have_the_shortest_length() {
    for (payload_bytes, want) in [
        (0, &b"\x82\x00"[..]),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (0xffff, b"\x82\x7e\xff\xff"),
        (0x1_0000, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        (0xffff_ffff, b"\x82\x7f\x00\x00\x00\x00\xff\xff\xff\xff"),
    ] {
        assert_eq!(frame_header(Opcode::Binary, true, payload_bytes).as_bytes(), want);
        if payload_bytes <= 0x1_0000 {
            let (payload, mut out) = (vec![7; payload_bytes], Vec::new());
            encode(Message::Binary(&payload), &mut out);
            assert_eq!(out, [want, &payload].concat());
        }
    }
}

#[test]
fn first_bytes() {
    for (opcode, fin, want) in [
        (Opcode::Continuation, false, 0x00),
        (Opcode::Continuation, true, 0x80),
        (Opcode::Text, false, 0x01),
        (Opcode::Text, true, 0x81),
        (Opcode::Binary, true, 0x82),
        (Opcode::Close, true, 0x88),
        (Opcode::Ping, true, 0x89),
        (Opcode::Pong, true, 0x8a),
    ] {
        let mut out = b"kept".to_vec();
        encode_frame(opcode, fin, b"ab", &mut out);
        assert_eq!(out, [b"kept", &[want, 2][..], b"ab"].concat());
    }
}

#[test]
fn opcodes_are_those_of_the_rfc() {
    for bits in 0..=u8::MAX {
        let is_known = matches!(bits, 0..=2 | 8..=10);
        assert_eq!(Opcode::from_bits(bits).map(|opcode| opcode as u8), is_known.then_some(bits));
        assert!(Opcode::from_bits(bits).is_none_or(|opcode| opcode.is_control() == (bits >= 8)));
    }
}

/// The example of RFC 6455, section 5.7.
#[test]
fn the_masked_hello_of_the_rfc() {
    let mut out = Vec::new();
    encode_masked(Opcode::Text, true, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut out);
    assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
}

#[test]
fn messages_come_from_what_people_have() {
    assert_eq!(Message::from("text"), Message::Text("text"));
    assert_eq!(Message::from(&String::from("text")), Message::Text("text"));
    assert_eq!(Message::from(&b"bytes"[..]), Message::Binary(b"bytes"));
    assert_eq!(Message::from(&b"bytes".to_vec()), Message::Binary(b"bytes"));
    assert_eq!(Message::from(b"bytes"), Message::Binary(b"bytes"));
    assert_eq!((Message::from("é").as_bytes(), Message::from("é").len()), ("é".as_bytes(), 2));
    assert!(Message::from("").is_empty() && !Message::from("a").is_empty());
}

/// What one side says, and the other shall hear.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Fault(u16),
}

/// A message with the places where it is cut into fragments, or a control frame.
fn said() -> impl Strategy<Value = (Said, Vec<usize>)> {
    let cuts = prop::collection::vec(0..5000usize, 0..4);
    let bytes = |max| prop::collection::vec(any::<u8>(), 0..max);
    let said = prop_oneof![
        "\\PC{0,400}".prop_map(Said::Text),
        bytes(300).prop_map(Said::Binary),
        bytes(5000).prop_map(Said::Binary),
        bytes(126).prop_map(Said::Ping),
        bytes(126).prop_map(Said::Pong),
    ];
    (said, cuts)
}

fn encode_said(said: &Said, cuts: &[usize], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let mut frame = |opcode, fin, payload: &[u8]| match key {
        Some(key) => encode_masked(opcode, fin, payload, key, out),
        None => encode_frame(opcode, fin, payload, out),
    };
    let (opcode, payload) = match said {
        Said::Text(text) => (Opcode::Text, text.as_bytes()),
        Said::Binary(bytes) => (Opcode::Binary, &bytes[..]),
        Said::Ping(bytes) => return frame(Opcode::Ping, true, bytes),
        Said::Pong(bytes) => return frame(Opcode::Pong, true, bytes),
        Said::Fault(_) => return,
    };
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (payload.len() + 1)).collect();
    cuts.sort_unstable();
    let (mut opcode, mut start) = (opcode, 0);
    for cut in cuts {
        frame(opcode, false, &payload[start..cut]);
        (opcode, start) = (Opcode::Continuation, cut);
    }
    frame(opcode, true, &payload[start..]);
}

fn hear(mut machine: Machine, bytes: &[u8], sizes: &[usize], limits: &Limits) -> Vec<Said> {
    let (mut rx, mut scratch, mut heard, mut fed) = (Vec::new(), Scratch::new(), Vec::new(), 0);
    let mut sizes = sizes.iter().cycle();
    while fed < bytes.len() {
        let size = sizes.next().map_or(bytes.len(), |size| size + 1).min(bytes.len() - fed);
        rx.extend_from_slice(&bytes[fed..fed + size]);
        fed += size;
        loop {
            let (used, said) = match machine.step(&mut rx, &mut scratch, limits) {
                Step::Event(used, Event::Message(Message::Text(text))) => (used, Said::Text(text.to_owned())),
                Step::Event(used, Event::Message(Message::Binary(bytes))) => {
                    (used, Said::Binary(bytes.to_vec()))
                }
                Step::Event(_, Event::Part { .. }) => panic!("no parts were asked for"),
                Step::Event(used, Event::Ping(bytes)) => (used, Said::Ping(bytes.to_vec())),
                Step::Event(used, Event::Pong { payload, .. }) => (used, Said::Pong(payload.to_vec())),
                Step::Event(used, Event::Close(frame)) => (used, Said::Fault(frame.code.unwrap_or(0))),
                Step::Fault(error) => {
                    let fault = Said::Fault(error.close_code());
                    assert!(!heard.contains(&fault), "a second fault");
                    (0, fault)
                }
                Step::Need(used) => {
                    rx.drain(..used);
                    break;
                }
                Step::Paused => unreachable!("a WebSocket never waits for an answer"),
            };
            heard.push(said);
            rx.drain(..used);
        }
    }
    heard
}

proptest! {
    #[test]
    fn decode_of_encode_is_the_identity(
        script in prop::collection::vec(said(), 0..8),
        key: Option<[u8; 4]>,
        sizes in prop::collection::vec(0..3000usize, 0..10),
        frame_in_place_bytes_max in 0..2000usize,
    ) {
        let mut bytes = Vec::new();
        for (said, cuts) in &script {
            encode_said(said, cuts, key, &mut bytes);
        }
        let machine = if key.is_some() { Machine::server() } else { Machine::client() };
        let limits = Limits { frame_in_place_bytes_max, ..Limits::default() };
        let want: Vec<Said> = script.into_iter().map(|(said, _)| said).collect();
        prop_assert_eq!(hear(machine, &bytes, &sizes, &limits), want);
    }

    /// Nonsense must not panic, and must mean the same however it is cut.
    #[test]
    fn any_bytes_in_any_pieces(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0..3u8, 0x80..0x83u8], 0..200),
        sizes in prop::collection::vec(0..20usize, 1..10),
        is_server: bool,
    ) {
        let machine = || if is_server { Machine::server() } else { Machine::client() };
        let limits = Limits { frame_in_place_bytes_max: 20, ..Limits::default() };
        let whole = hear(machine(), &bytes, &[], &limits);
        prop_assert_eq!(hear(machine(), &bytes, &sizes, &limits), whole);
    }

    /// The same for frames whose headers are sound, so that more of them get through.
    #[test]
    fn any_frames_in_any_pieces(
        frames in prop::collection::vec((0..16u8, any::<bool>(), prop::collection::vec(any::<u8>(), 0..130)), 0..12),
        key: Option<[u8; 4]>,
        sizes in prop::collection::vec(0..40usize, 1..10),
    ) {
        let mut bytes = Vec::new();
        for (bits, fin, payload) in &frames {
            let opcode = Opcode::from_bits(*bits).unwrap_or(Opcode::Continuation);
            match key {
                Some(key) => encode_masked(opcode, *fin, payload, key, &mut bytes),
                None => encode_frame(opcode, *fin, payload, &mut bytes),
            }
        }
        let machine = || if key.is_some() { Machine::server() } else { Machine::client() };
        let whole = hear(machine(), &bytes, &[], &Limits::default());
        prop_assert_eq!(hear(machine(), &bytes, &sizes, &Limits::default()), whole);
    }
}
