//! Compressed messages (RFC 7692): W15, D7.

use std::fmt::Write;

use jackfield_proto::Step;
use jackfield_proto::websocket::deflate::{
    Agreed, Deflater, Inflater, Offered, Options, SharedDeflaters, WINDOW_BITS_MAX, WINDOW_BITS_MIN,
};
use jackfield_proto::websocket::{
    Event, Limits, Machine, Message, Offer, Opcode, ResponseError, Scratch, accept_key, encode_frame,
    encode_masked, mask_encoded_frame,
};
use proptest::prelude::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn negotiate(extensions: &str, options: &Options) -> Option<Agreed> {
    let fields: [(&str, &[u8]); 6] = [
        ("Host", b"a"),
        ("Upgrade", b"websocket"),
        ("Connection", b"Upgrade"),
        ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", b"13"),
        ("Sec-WebSocket-Extensions", extensions.as_bytes()),
    ];
    let offer = Offer::check("GET", true, fields.into_iter()).expect("the rest is right");
    Agreed::negotiate(offer.extensions(), options)
}

fn with_takeover() -> Options {
    Options { server_context_takeover: true, client_context_takeover: true, ..Options::default() }
}

#[test]
fn the_first_offer_that_can_be_accepted_is() {
    let none = "; server_no_context_takeover; client_no_context_takeover";
    let (plain, takeover) = (Options::default(), with_takeover());
    let small = Options { window_bits_max: 10, ..with_takeover() };
    let odd = Options { window_bits_max: 0, ..with_takeover() };
    for (offers, options, answer) in [
        ("permessage-deflate", &plain, Some(none)),
        ("permessage-deflate", &takeover, Some("")),
        ("permessage-deflate; client_max_window_bits", &plain, Some(none)),
        ("permessage-deflate; server_no_context_takeover", &takeover, Some("; server_no_context_takeover")),
        ("permessage-deflate; client_no_context_takeover", &takeover, Some("; client_no_context_takeover")),
        // Windows.
        ("permessage-deflate; server_max_window_bits=15", &takeover, Some("; server_max_window_bits=15")),
        ("permessage-deflate; server_max_window_bits=\"9\"", &takeover, Some("; server_max_window_bits=9")),
        ("permessage-deflate; server_max_window_bits=12", &small, Some("; server_max_window_bits=10")),
        ("permessage-deflate; server_max_window_bits=9", &small, Some("; server_max_window_bits=9")),
        ("permessage-deflate", &small, Some("; server_max_window_bits=10")),
        ("permessage-deflate", &odd, Some("; server_max_window_bits=9")),
        ("permessage-deflate; client_max_window_bits=8", &takeover, Some("")),
        ("permessage-deflate; client_max_window_bits=15", &takeover, Some("")),
        ("permessage-deflate; server_max_window_bits=8", &takeover, None),
        // What cannot be accepted, and what comes after it.
        ("", &takeover, None),
        ("x-webkit-deflate-frame", &takeover, None),
        ("Permessage-Deflate", &takeover, None),
        ("permessage-deflate; unknown", &takeover, None),
        ("permessage-deflate; server_no_context_takeover=1", &takeover, None),
        ("permessage-deflate; client_no_context_takeover=\"\"", &takeover, None),
        ("permessage-deflate; server_max_window_bits", &takeover, None),
        ("permessage-deflate; server_max_window_bits=7", &takeover, None),
        ("permessage-deflate; server_max_window_bits=16", &takeover, None),
        ("permessage-deflate; server_max_window_bits=010", &takeover, None),
        ("permessage-deflate; server_max_window_bits=+9", &takeover, None),
        ("permessage-deflate; client_max_window_bits=0", &takeover, None),
        ("permessage-deflate; client_max_window_bits=\"\"", &takeover, None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", &takeover, None),
        ("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", &takeover, None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", &takeover, None),
        (
            "a;b, permessage-deflate; server_max_window_bits=8, permessage-deflate; client_no_context_takeover, \
             permessage-deflate",
            &takeover,
            Some("; client_no_context_takeover"),
        ),
    ] {
        let agreed = negotiate(offers, options).map(|agreed| agreed.to_string());
        assert_eq!(agreed, answer.map(|answer| format!("permessage-deflate{answer}")), "{offers}");
    }
}

/// What a client makes of an answer with these fields: the windows of server and client, each with whether messages may
/// refer to those before.
fn confirm(options: &Options, answers: &[&str]) -> Result<Option<String>, ResponseError> {
    let accept = accept_key(b"AAAAAAAAAAAAAAAAAAAAAA==");
    let mut fields: Vec<(&str, &[u8])> =
        vec![("Upgrade", b"websocket"), ("Connection", b"Upgrade"), ("Sec-WebSocket-Accept", &accept)];
    fields.extend(answers.iter().map(|answer| ("Sec-WebSocket-Extensions", answer.as_bytes())));
    let (_, agreed) = Offered::new(options).check_response(101, fields.into_iter(), [0; 16], &[])?;
    Ok(agreed.map(|agreed| {
        let takeover = |is_on: bool| if is_on { "+" } else { "" };
        format!(
            "{}{} {}{}",
            agreed.server_window_bits(),
            takeover(agreed.server_context_takeover()),
            agreed.client_window_bits(),
            takeover(agreed.client_context_takeover())
        )
    }))
}

#[test]
fn w22_a_server_may_agree_to_what_was_offered_and_to_nothing_else() {
    let (plain, takeover) = (Options::default(), with_takeover());
    let small = Options { window_bits_max: 10, ..with_takeover() };
    for (options, offer) in [
        (&plain, "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"),
        (&takeover, "; client_max_window_bits"),
        (&small, "; client_max_window_bits=10"),
    ] {
        assert_eq!(Offered::new(options).to_string(), format!("permessage-deflate{offer}"));
    }
    let wrong = Err(ResponseError::Extensions);
    for (answer, options, agreed) in [
        ("; server_no_context_takeover", &plain, Ok(Some("15 15"))),
        ("; server_no_context_takeover; client_no_context_takeover", &plain, Ok(Some("15 15"))),
        ("", &takeover, Ok(Some("15+ 15+"))),
        ("; client_no_context_takeover", &takeover, Ok(Some("15+ 15"))),
        // A server may promise a parameter that was not asked for.
        ("; server_no_context_takeover", &takeover, Ok(Some("15 15+"))),
        ("; server_max_window_bits=8", &takeover, Ok(Some("8+ 15+"))),
        ("; client_max_window_bits=9", &takeover, Ok(Some("15+ 9+"))),
        ("; client_max_window_bits=8", &takeover, Ok(Some("15+ 8+"))),
        ("", &small, Ok(Some("15+ 10+"))),
        ("; client_max_window_bits=\"9\"", &small, Ok(Some("15+ 9+"))),
        ("; client_max_window_bits=15", &small, Ok(Some("15+ 10+"))),
        // It was asked for messages that stand by themselves, and does not promise them.
        ("", &plain, wrong),
        ("; client_no_context_takeover", &plain, wrong),
        ("; client_max_window_bits", &takeover, wrong),
        ("; client_max_window_bits=16", &takeover, wrong),
        ("; server_max_window_bits", &takeover, wrong),
        ("; server_max_window_bits=07", &takeover, wrong),
        ("; unknown", &takeover, wrong),
        ("; server_no_context_takeover; server_no_context_takeover", &takeover, wrong),
        (", permessage-deflate", &takeover, wrong),
        (", x-other", &takeover, wrong),
        (";", &takeover, wrong),
    ] {
        let text = format!("permessage-deflate{answer}");
        assert_eq!(confirm(options, &[&text]), agreed.map(|agreed| agreed.map(str::to_owned)), "{text}");
    }
    for declined in [&[][..], &[""], &[" , "]] {
        assert_eq!(confirm(&plain, declined), Ok(None), "{declined:?}");
    }
    for wrong in [&["x-other"][..], &["permessage-deflate", "permessage-deflate"], &["\u{ff}"]] {
        assert_eq!(confirm(&takeover, wrong), Err(ResponseError::Extensions), "{wrong:?}");
    }
}

#[test]
fn w22_a_frame_that_is_encoded_gets_a_mask() {
    for bytes in [0, 125, 126, 300, 65_535, 65_536] {
        let (mut frame, mut masked, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        encode_frame(Opcode::Binary, true, &noise(bytes), &mut frame);
        mask_encoded_frame(&frame, KEY, &mut masked);
        encode_masked(Opcode::Binary, true, &noise(bytes), KEY, &mut expected);
        assert_eq!(masked, expected, "{bytes}");
        masked.clear();
        mask_encoded_frame(&frame[..1], KEY, &mut masked);
        assert_eq!(masked, b"");
    }
}

#[test]
fn agreed_parameters_are_known() {
    let agreed = negotiate("permessage-deflate; server_max_window_bits=11", &with_takeover()).unwrap();
    assert!(agreed.server_context_takeover() && agreed.client_context_takeover());
    assert_eq!(agreed.server_window_bits(), 11);
    let agreed = negotiate("permessage-deflate", &Options::default()).unwrap();
    assert!(!agreed.server_context_takeover() && !agreed.client_context_takeover());
    assert_eq!(agreed.server_window_bits(), 15);
}

fn agreed(takeover: bool) -> Agreed {
    let options = if takeover { with_takeover() } else { Options::default() };
    negotiate("permessage-deflate", &options).unwrap()
}

/// A server's machine that takes compressed messages, and its caller.
struct Peer {
    machine: Machine,
    scratch: Scratch,
    limits: Limits,
    rx: Vec<u8>,
    seen: String,
}

impl Peer {
    fn new(takeover: bool, limits: &Limits) -> Self {
        let mut machine = Machine::server();
        machine.accept_deflate(&agreed(takeover));
        Self { machine, scratch: Scratch::new(), limits: limits.clone(), rx: Vec::new(), seen: String::new() }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.rx.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match self.machine.step(&mut self.rx[at..], &mut self.scratch, &self.limits) {
                Step::Event(used, event) => {
                    let _ = match event {
                        Event::Message(Message::Text(text)) => write!(self.seen, "T:{text} "),
                        Event::Message(Message::Binary(bytes)) => {
                            write!(self.seen, "B:{} ", String::from_utf8_lossy(bytes))
                        }
                        Event::Ping(payload) => write!(self.seen, "P:{} ", String::from_utf8_lossy(payload)),
                        Event::Part { part, is_last } => write!(self.seen, "{part:?} {is_last} "),
                        Event::Pong { .. } => write!(self.seen, "O "),
                        Event::Close(frame) => write!(self.seen, "C{:?} ", frame.code),
                    };
                    at += used;
                }
                Step::Need(used) => {
                    at += used;
                    break;
                }
                Step::Fault(error) => {
                    let _ = write!(self.seen, "E{} ", error.close_code());
                }
                Step::Paused => panic!("a WebSocket never waits for an answer"),
            }
        }
        self.rx.drain(..at);
    }
}

/// A client's frames: each a word with the first byte and the payload in hex, or with its text after a colon.
fn frames(words: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for word in words.split_whitespace() {
        let (first, payload) = match word.split_once(':') {
            Some((first, text)) => (first, text.as_bytes().to_vec()),
            None => (&word[..2], unhex(&word[2..])),
        };
        let start = out.len();
        encode_masked(Opcode::Binary, true, &payload, KEY, &mut out);
        out[start] = unhex(first)[0];
    }
    out
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).expect("hex") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The one check: the same events, however the bytes are cut and wherever a frame waits.
#[track_caller]
fn check(takeover: bool, limits: &Limits, bytes: &[u8], want: &str) {
    let halves = (1..bytes.len()).step_by(1 + bytes.len() / 100).map(|at| vec![&bytes[..at], &bytes[at..]]);
    let singles = bytes.chunks(1 + bytes.len() / 1000).collect();
    for parts in std::iter::once(vec![bytes]).chain(halves).chain([singles]) {
        for frame_in_place_bytes_max in [0, 10, 16 << 10] {
            let mut peer = Peer::new(takeover, &Limits { frame_in_place_bytes_max, ..limits.clone() });
            parts.iter().for_each(|part| peer.feed(part));
            assert_eq!(peer.seen.trim_end(), want, "{} parts, the first of {}", parts.len(), parts[0].len());
        }
    }
}

/// The examples of RFC 7692, section 7.2.3, and what may stand around them.
#[test]
fn compressed_messages_come_as_messages() {
    for (words, want) in [
        ("c1f248cdc9c90700", "T:Hello"),
        ("c2f248cdc9c90700", "B:Hello"),
        // In fragments, with control frames and before and after messages that are not compressed.
        ("41f248cd 80c9c90700", "T:Hello"),
        ("41f248cd 89:now 00 80c9c90700", "P:now T:Hello"),
        ("41 00f2 0048cdc9c9 0007 8000", "T:Hello"),
        ("81:a c1f248cdc9c90700 82:b 01:c 80:d", "T:a T:Hello B:b T:cd"),
        // A block that is not compressed, one that ends the stream, and two blocks.
        ("c1000500faff48656c6c6f00", "T:Hello"),
        ("c1f348cdc9c9070000", "T:Hello"),
        ("c1f24805000000ffffcac9c90700", "T:Hello"),
        // An empty message.
        ("c100", "T:"),
        ("c200 c1f248cdc9c90700", "B: T:Hello"),
    ] {
        for takeover in [false, true] {
            check(takeover, &Limits::default(), &frames(words), want);
        }
    }
}

/// The second Hello of RFC 7692, section 7.2.3.2, refers to the first.
#[test]
fn a_message_uses_context_takeover_only_if_agreed() {
    let both = frames("c1f248cdc9c90700 c1f200110000");
    check(true, &Limits::default(), &both, "T:Hello T:Hello");
    check(false, &Limits::default(), &both, "T:Hello E1007");
    // A sender that ends its stream begins anew.
    let ended = frames("c1f348cdc9c9070000 c1f248cdc9c90700 c1f200110000");
    check(true, &Limits::default(), &ended, "T:Hello T:Hello T:Hello");
}

#[test]
fn frames_that_must_not_be() {
    for (words, want) in [
        // The bit belongs to the first frame of a message, and to no control frame (RFC 7692, section 6).
        ("41f248cd c0c9c90700", "E1002"),
        ("01:a c0:b", "E1002"),
        ("c0:a", "E1002"),
        ("c9:", "E1002"),
        ("ca:", "E1002"),
        ("c803e8", "E1002"),
        ("c3:", "E1002"),
        ("41f248cd c1c9c90700", "E1002"),
        ("41f248cd 81:x", "E1002"),
        // The other two mean nothing.
        ("e1f248cdc9c90700", "E1002"),
        ("d1f248cdc9c90700", "E1002"),
        ("a1:x", "E1002"),
        // What cannot be decompressed: a block of a kind that there is not, a distance too far, lengths that contradict.
        ("c1ff", "E1007"),
        ("c107", "E1007"),
        ("c1f200110000", "E1007"),
        ("c1000500faf048656c6c6f00 81:x", "E1007"),
        // Text that is not UTF-8 when it is decompressed: the byte ff in a block that is not compressed.
        ("c1000100feffff00", "E1007"),
        ("c2000100feff7a00", "B:z"),
    ] {
        for takeover in [false, true] {
            check(takeover, &Limits::default(), &frames(words), want);
        }
    }
}

#[test]
fn without_an_agreement_nothing_is_compressed() {
    let (mut bytes, mut scratch) = (frames("c1f248cdc9c90700"), Scratch::new());
    let step = Machine::server().step(&mut bytes, &mut scratch, &Limits::default());
    assert!(matches!(step, Step::Fault(error) if error.close_code() == 1002));
}

/// Bytes that nothing makes shorter (Marsaglia's xorshift).
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(next).collect()
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let (options, mut out) = (Options { message_bytes_min: 0, level: 9, ..Options::default() }, Vec::new());
    assert!(Deflater::new(&options, 15, false).encode(Message::Binary(payload), Some(KEY), &mut out));
    out
}

/// D7.
#[test]
fn the_limit_holds_while_a_message_is_decompressed() {
    let limits = Limits { message_bytes_max: 5000, ..Limits::default() };
    let a = |bytes| "a".repeat(bytes);
    for (bytes, want) in
        [(4999, format!("B:{}", a(4999))), (5000, format!("B:{}", a(5000))), (5001, "E1009".into())]
    {
        let message = compressed(a(bytes).as_bytes());
        check(false, &limits, &message, &want);
        check(true, &limits, &message, &want);
    }
    // A bomb: what it would be is never there.
    let (bomb, mut peer) = (compressed(&vec![0; 16 << 20]), Peer::new(false, &Limits::default()));
    assert!(bomb.len() < 20 << 10);
    let held = allocation_counter::measure(|| peer.feed(&bomb));
    assert_eq!(peer.seen, "E1009 ");
    assert!(held.bytes_max < 2 << 20, "{}", held.bytes_max);
    // Nor does a message pass that is longer than the limit before it is decompressed.
    check(false, &limits, &[0xc2, 0xfe, 0x20, 0, 1, 2, 3, 4], "E1009");
}

/// A message of this payload, compressed to a block that is longer than its bytes, in as many frames.
fn stored(payload: &[u8], frames: usize) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("it is one block");
    let (low, high) = (length.to_le_bytes(), (!length).to_le_bytes());
    let block = [&[0][..], &low, &high, payload, &[0]].concat();
    let mut out = Vec::new();
    for (place, part) in block.chunks(block.len().div_ceil(frames)).enumerate() {
        let start = out.len();
        encode_masked(Opcode::Continuation, place + 1 == frames, part, KEY, &mut out);
        out[start] |= if place == 0 { 0x42 } else { 0 };
    }
    out
}

/// The fault: such a message was refused by its length before it was decompressed.
#[test]
fn i471_a_message_that_compression_makes_longer_has_the_same_limit() {
    let limits = Limits { message_bytes_max: 5000, ..Limits::default() };
    let in_parts = Limits { stream_above: 5000, ..Limits::default() };
    let longest = format!("B:{}", String::from_utf8_lossy(&noise(5000)));
    for (bytes, want) in [(5000, longest.trim_end()), (5001, "E1009")] {
        for frames in [1, 2, 3] {
            let message = stored(&noise(bytes), frames);
            check(false, &limits, &message, want);
            check(true, &limits, &message, want);
            check(false, &in_parts, &message, want);
        }
    }
    // More than an eighth longer is no compression: it ends as soon as a header says so.
    for (bytes, want) in [(5689, ""), (5690, "E1009")] {
        let [high, low] = u16::to_be_bytes(bytes);
        check(false, &limits, &[0xc2, 0xfe, high, low, 1, 2, 3, 4], want);
        let rest = u16::to_be_bytes(bytes - 1);
        check(
            false,
            &limits,
            &[&frames("4200")[..], &[0x80, 0xfe, rest[0], rest[1], 1, 2, 3, 4]].concat(),
            want,
        );
    }
}

/// `Limits::wire_memory_bytes_max` of a server need have no more room than for twice the longest message.
#[test]
fn i471_such_a_message_takes_less_than_twice_its_limit() {
    let limits = Limits { message_bytes_max: 5000, ..Limits::default() };
    let message = stored(&noise(5000), 1);
    for first in [100, 2500, 2510, 2520, 5000, 5010] {
        let (mut peer, mut most) =
            (Peer::new(false, &Limits { frame_in_place_bytes_max: 0, ..limits.clone() }), 0);
        let (begin, rest) = message.split_at(first);
        for part in std::iter::once(begin).chain(rest.chunks(7)) {
            peer.feed(part);
            most = most.max(peer.machine.heap_bytes());
        }
        assert!(peer.seen.starts_with("B:") && most < 10_000, "{first}: {most} bytes");
    }
}

/// A stream that ends costs a reset, and takes two bytes.
#[test]
fn few_streams_may_end_in_one_message() {
    let end = [0x03, 0x00];
    for (ends, is_taken) in [(1, true), (16, true), (17, false), (5000, false)] {
        let (mut out, mut inflater) = (Vec::new(), Inflater::new(false));
        let inflated = inflater.inflate(&end.repeat(ends), &mut out, 1000);
        assert_eq!((inflated.is_ok(), out.is_empty()), (is_taken, true), "{ends}");
        assert_eq!(inflater.inflate(&unhex("f248cdc9c90700"), &mut out, 1000), Ok(()));
        assert_eq!(out, b"Hello");
    }
}

/// One peer's fault is not another's: they share an inflater.
#[test]
fn an_error_does_not_affect_the_next_connection() {
    let mut scratch = Scratch::new();
    for bytes in ["c1f248cd", "c1ff", "c1f200110000", "c1000500faf048656c6c6f00"] {
        let (mut one, mut other) = (Machine::server(), Machine::server());
        one.accept_deflate(&agreed(false));
        other.accept_deflate(&agreed(false));
        let _ = one.step(&mut frames(bytes), &mut scratch, &Limits::default());
        match other.step(&mut frames("c1f248cdc9c90700"), &mut scratch, &Limits::default()) {
            Step::Event(_, Event::Message(Message::Text("Hello"))) => {}
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn messages_after_our_close_are_dropped_compressed_or_not() {
    let mut peer = Peer::new(true, &Limits::default());
    peer.feed(&frames("41f248cd")[..8]);
    assert_eq!(peer.machine.close(Some(1000), "", None, &mut Vec::new()), Ok(true));
    peer.feed(&frames("41f248cd")[8..]);
    peer.feed(&frames("80c9c90700 c1f248cdc9c90700 c1ff 8803e8"));
    assert_eq!(peer.seen, "CSome(1000) ");
    assert_eq!(peer.machine.heap_bytes(), 0, "nothing is kept");
}

#[test]
fn short_messages_and_such_as_get_no_shorter_are_not_compressed() {
    let (options, noise, mut plain) = (Options::default(), noise(1000), Vec::new());
    let mut deflater = Deflater::new(&options, 15, false);
    for (payload, is_compressed) in [
        (&[b'a'; 255][..], false),
        (&[b'a'; 256], true),
        (&noise, false),
        (&[], false),
        (&[b'a'; 70_000], true),
    ] {
        let mut out = Vec::new();
        assert_eq!(deflater.encode(Message::Binary(payload), None, &mut out), is_compressed);
        plain.clear();
        encode_frame(Opcode::Binary, true, payload, &mut plain);
        assert_eq!(out == plain, !is_compressed);
        assert_eq!(out[0], if is_compressed { 0xc2 } else { 0x82 });
    }
    // With takeover too: a message that goes out as it is enters no window, and those after it are compressed without it.
    let mut keeping = Deflater::new(&options, 15, true);
    for (payload, is_compressed) in
        [(&noise[..], false), (&[b'a'; 256], true), (&noise, false), (&[b'a'; 256], true)]
    {
        assert_eq!(keeping.encode(Message::Binary(payload), None, &mut Vec::new()), is_compressed);
    }
}

/// What a deflater encodes for a client, or with a mask for a server.
fn hear(bytes: &mut [u8], machine: &mut Machine, scratch: &mut Scratch) -> Vec<u8> {
    let length = bytes.len();
    match machine.step(bytes, scratch, &Limits::default()) {
        Step::Event(used, Event::Message(message)) if used == length => message.as_bytes().to_vec(),
        step => panic!("{step:?}"),
    }
}

#[test]
fn each_window_and_level_is_understood() {
    let text: String =
        (0..1000).map(|n| format!("{{\"id\":{n},\"name\":\"{}\"}}", n * 7919 % 1000)).collect();
    for bits in 0..=16 {
        for level in 0..=10 {
            for takeover in [false, true] {
                let options = Options { level, ..with_takeover() };
                let mut deflater = Deflater::new(&options, bits, takeover);
                let (mut client, mut server, mut scratch) =
                    (Machine::client(), Machine::server(), Scratch::new());
                client.accept_deflate(&agreed(takeover));
                server.accept_deflate(&agreed(takeover));
                for mask in [None, Some(KEY)] {
                    for bytes in [256, 5000, text.len()] {
                        // With takeover one machine reads all of them.
                        let machine = if takeover || mask.is_none() { &mut client } else { &mut server };
                        if takeover && mask.is_some() {
                            continue;
                        }
                        let mut out = Vec::new();
                        assert!(deflater.encode(Message::Text(&text[..bytes]), mask, &mut out));
                        assert!(out.len() < bytes, "{bits} {level} {bytes}");
                        assert_eq!(hear(&mut out, machine, &mut scratch), &text.as_bytes()[..bytes]);
                    }
                }
            }
        }
    }
}

/// A window of the agreed size is enough for the peer: no distance goes beyond it.
#[test]
fn a_window_is_kept_to() {
    let block = noise(600);
    // Only a window that reaches back over the gap finds the second one.
    for bits in WINDOW_BITS_MIN..=WINDOW_BITS_MAX {
        let window = 1_usize << bits;
        let message = [&block[..], &vec![0; window], &block].concat();
        let mut near = flate2::Decompress::new_with_window_bits(false, bits);
        let (mut out, mut text) = (Vec::new(), Vec::with_capacity(message.len() + 1));
        assert!(Deflater::new(&Options { level: 6, ..Options::default() }, bits, false).encode(
            Message::Binary(&message),
            None,
            &mut out
        ));
        let payload = if out[1] == 126 { &out[4..] } else { &out[2..] };
        near.decompress_vec(payload, &mut text, flate2::FlushDecompress::Sync).expect("it is in reach");
        assert!(text == message && payload.len() > 2 * block.len(), "{bits}");
    }
}

#[test]
fn deflaters_are_shared_by_the_size_of_the_window() {
    let mut shared = SharedDeflaters::new(Options::default());
    assert_eq!(shared.heap_bytes(), 0);
    let text = "over and over ".repeat(50);
    for bits in [15, 15, 9, 12, 0, 200] {
        let (mut out, mut client) = (Vec::new(), Machine::client());
        client.accept_deflate(&agreed(false));
        assert!(shared.for_window(bits).encode(Message::Text(&text), None, &mut out));
        assert_eq!(hear(&mut out, &mut client, &mut Scratch::new()), text.as_bytes());
    }
    assert!(((720 << 10)..(1200 << 10)).contains(&shared.heap_bytes()), "{}", shared.heap_bytes());
}

/// A message of another deflater is in the peer's window too, which the deflater of the connection can't know.
#[test]
fn a_reset_deflater_refers_to_no_earlier_message() {
    let options = with_takeover();
    let (mut own, mut shared) = (Deflater::new(&options, 15, true), Deflater::new(&options, 15, false));
    let (mut client, mut scratch, text) = (Machine::client(), Scratch::new(), "over and over ".repeat(50));
    client.accept_deflate(&agreed(true));
    for round in 0..3 {
        for deflater in [&mut own, &mut shared] {
            let Some((header, payload)) = deflater.compress(Message::Text(&text)) else {
                panic!("it gets shorter")
            };
            let mut bytes = [header.as_bytes(), payload].concat();
            assert_eq!(hear(&mut bytes, &mut client, &mut scratch), text.as_bytes(), "{round}");
        }
        own.reset_window();
    }
    assert!(own.compress(Message::Text("short")).is_none());
}

/// What is said to be on the heap is, within 5 %.
#[test]
fn memory_is_known() {
    #[track_caller]
    fn check<T>(make: impl FnOnce() -> T, heap_bytes: impl FnOnce(&T) -> usize) {
        let mut made = None;
        let held = allocation_counter::measure(|| made = Some(make())).bytes_current as f64;
        let said = heap_bytes(made.as_ref().unwrap()) as f64;
        assert!((said - held).abs() <= 0.05 * held, "{said} of {held}");
    }
    check(|| Inflater::new(true), |inflater| inflater.heap_bytes());
    for bits in WINDOW_BITS_MIN..=WINDOW_BITS_MAX {
        check(|| Deflater::new(&Options::default(), bits, false), Deflater::heap_bytes);
    }
    let encode = || {
        let mut deflater = Deflater::new(&Options::default(), 15, false);
        assert!(deflater.encode(Message::Binary(&[0; 600_000]), None, &mut Vec::new()));
        deflater
    };
    check(encode, Deflater::heap_bytes);
    check(
        || {
            let (mut machine, mut scratch) = (Machine::server(), Scratch::new());
            machine.accept_deflate(&agreed(true));
            assert_eq!(machine.heap_bytes(), 0, "nothing before the first compressed message");
            let mut bytes = frames("c1f248cdc9c90700");
            assert!(matches!(machine.step(&mut bytes, &mut scratch, &Limits::default()), Step::Event(..)));
            machine
        },
        Machine::heap_bytes,
    );
    let long = compressed(&[0; 600_000]);
    check(
        move || {
            let mut peer = Peer::new(false, &Limits::default());
            peer.feed(&long);
            (peer.rx, peer.seen) = (Vec::new(), String::new());
            peer
        },
        |peer| peer.scratch.heap_bytes() + peer.machine.heap_bytes(),
    );
}

#[test]
fn memory_is_given_back() {
    let mut peer = Peer::new(false, &Limits::default());
    peer.feed(&compressed(&[0; 600_000]));
    assert!(peer.scratch.heap_bytes() > 600_000);
    peer.scratch.trim(64 << 10);
    assert!(peer.scratch.heap_bytes() < 64 << 10, "the inflater is kept: {}", peer.scratch.heap_bytes());
    let mut deflater = Deflater::new(&Options { message_bytes_min: 0, ..Options::default() }, 15, true);
    let noise = noise(100_000);
    let before = deflater.heap_bytes();
    deflater.encode(Message::Binary(&noise), None, &mut Vec::new());
    assert!(deflater.heap_bytes() > before + 90_000);
    deflater.trim(64 << 10);
    assert_eq!(deflater.heap_bytes(), before);
}

/// In the steady state nothing is asked of the allocator.
#[test]
fn messages_that_follow_allocate_nothing() {
    let (mut client, mut scratch) = (Machine::client(), Scratch::new());
    client.accept_deflate(&agreed(false));
    let mut deflater = Deflater::new(&Options::default(), 15, false);
    let (text, mut out) = ("over and over ".repeat(100), Vec::new());
    let mut turn = || {
        out.clear();
        assert!(deflater.encode(Message::Text(&text), None, &mut out));
        let step = client.step(&mut out, &mut scratch, &Limits::default());
        assert!(matches!(step, Step::Event(_, Event::Message(message)) if message.len() == text.len()));
    };
    turn();
    let allocations = allocation_counter::measure(|| (0..100).for_each(|_| turn()));
    assert_eq!(allocations.count_total, 0);
}

proptest! {
    #[test]
    fn compressed_messages_are_decompressed_unchanged(
        messages in prop::collection::vec(prop::collection::vec(0_u8..4, 0..3000), 1..6),
        cut in 1_usize..3000,
        takeover: bool,
        bits in 9_u8..16,
        level in 1_u8..10,
    ) {
        let options = Options { level, message_bytes_min: 0, ..with_takeover() };
        let (mut deflater, mut bytes, mut want) = (Deflater::new(&options, bits, takeover), Vec::new(), String::new());
        for message in &messages {
            deflater.encode(Message::Binary(message), Some(KEY), &mut bytes);
            let _ = write!(want, "B:{} ", String::from_utf8_lossy(message));
        }
        let mut peer = Peer::new(takeover, &Limits::default());
        bytes.chunks(cut).for_each(|part| peer.feed(part));
        prop_assert_eq!(peer.seen, want);
    }
}

/// Where long messages come in parts, those that are compressed come whole, and may not be that long.
#[test]
fn a_compressed_message_comes_whole_or_not_at_all() {
    let limits = Limits { stream_above: 1000, message_bytes_max: 1 << 20, ..Limits::default() };
    for (bytes, seen) in [(1000, format!("B:{} ", "a".repeat(1000))), (1001, "E1009 ".into())] {
        let mut peer = Peer::new(false, &limits);
        peer.feed(&compressed(&vec![b'a'; bytes]));
        assert_eq!(peer.seen, seen, "{bytes} bytes");
    }
}
