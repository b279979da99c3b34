//! Frames in, events out: each row of a table fed whole, cut in two everywhere, and byte by byte, to both roles.
//!
//! A row is two strings. The frames:
//!
//! | word | meaning |
//! | --- | --- |
//! | `81:text` | a frame with this first byte (hex) and this payload |
//! | `81#c3a9` | the same with the payload in hex |
//! | `81*300` | the same with 300 times the letter `a` |
//! | `81/2:text`, `81/8:text` | the length in two or eight bytes, whether it needs them or not |
//! | `81!:text` | masked where it must not be, or not masked where it must |
//! | `=81ff` | bytes as they are |
//! | `81~hello~9` | a frame that announces 9 bytes more than it brings |
//!
//! and the events: `T`, `B`, `P` (Ping), `O` (unsolicited Pong), `A` (Pong that answers) with a payload in one of these
//! forms, `C` with the code, and `E` with the code of the error.

use jackfield_proto::Step;
use jackfield_proto::websocket::{
    CloseError, Event, Limits, Machine, Message, Opcode, Scratch, encode_masked, mask,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Server,
    Client,
}

const ROLES: [Role; 2] = [Role::Server, Role::Client];
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Role {
    fn other(self) -> Self {
        if self == Self::Server { Self::Client } else { Self::Server }
    }
}

/// The one check: the same events, however the bytes are cut and wherever a frame waits.
#[track_caller]
fn check(frames: &str, want: &str) {
    for frame_in_place_bytes_max in [0, 10, 16 << 10] {
        check_with(&Limits { frame_in_place_bytes_max, ..Limits::default() }, frames, want);
    }
}

#[track_caller]
fn check_with(limits: &Limits, frames: &str, want: &str) {
    for role in ROLES {
        let bytes = build(role, frames);
        for cuts in cuts(bytes.len()) {
            let got = run(role, limits, &bytes, &cuts).join(" ");
            assert_eq!(got, want, "{role:?}, {frames}, cut at {cuts:?}, {limits:?}");
        }
    }
}

/// Whole, in two at each position, and byte by byte; of long ones, a sample of the positions, and small pieces.
fn cuts(length: usize) -> Vec<Vec<usize>> {
    let (step, piece) = if length < 400 { (1, 1) } else { (1 + length / 31, 1 + length / 997) };
    let mut all = vec![vec![]];
    all.extend((1..length).step_by(step).map(|cut| vec![cut]));
    all.extend((1..length.min(20)).map(|cut| vec![length - cut]));
    all.push((1..length).step_by(piece).collect());
    all
}

fn run(role: Role, limits: &Limits, bytes: &[u8], cuts: &[usize]) -> Vec<String> {
    let mut peer = Peer::new(role, limits.clone());
    let mut start = 0;
    for end in cuts.iter().copied().chain([bytes.len()]) {
        peer.feed(&bytes[start..end]);
        start = end;
    }
    peer.events
}

/// A machine and the caller it needs.
struct Peer {
    machine: Machine,
    limits: Limits,
    rx: Vec<u8>,
    scratch: Scratch,
    events: Vec<String>,
    /// The parts so far of a message that comes in parts.
    parts: Vec<u8>,
}

impl Peer {
    fn new(role: Role, limits: Limits) -> Self {
        let machine = if role == Role::Server { Machine::server() } else { Machine::client() };
        Self {
            machine,
            limits,
            rx: Vec::new(),
            scratch: Scratch::new(),
            events: Vec::new(),
            parts: Vec::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.rx.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match self.machine.step(&mut self.rx[at..], &mut self.scratch, &self.limits) {
                Step::Event(used, Event::Part { part, is_last }) => {
                    self.parts.extend_from_slice(part.as_bytes());
                    if is_last {
                        let kind = if matches!(part, Message::Text(_)) { "ST" } else { "SB" };
                        self.events.push(format!("{kind}{}", show_payload(&std::mem::take(&mut self.parts))));
                    }
                    at += used;
                }
                Step::Event(used, event) => {
                    self.events.push(show(&event));
                    at += used;
                }
                Step::Need(used) => {
                    at += used;
                    self.expect_need_zero(at);
                    break;
                }
                Step::Fault(error) => {
                    assert!(!self.events.iter().any(|event| event.starts_with('E')), "a second fault");
                    self.events.push(format!("E{}", error.close_code()));
                }
                Step::Paused => panic!("a WebSocket never waits for an answer"),
            }
        }
        self.rx.drain(..at);
    }

    /// What `Need` promises: nothing can be said about the rest.
    fn expect_need_zero(&mut self, at: usize) {
        let again = self.machine.step(&mut self.rx[at..], &mut self.scratch, &self.limits);
        assert!(matches!(again, Step::Need(0)), "{again:?} after Need");
    }
}

fn build(role: Role, frames: &str) -> Vec<u8> {
    frames.split_whitespace().flat_map(|word| build_frame(role, word)).collect()
}

fn build_frame(role: Role, word: &str) -> Vec<u8> {
    if let Some(raw) = word.strip_prefix('=') {
        return unhex(raw);
    }
    let mark = word.find([':', '#', '*', '~']).expect("a payload");
    let (head, tail) = (&word[..mark], &word[mark + 1..]);
    let (text, missing) = tail.split_once('~').unwrap_or((tail, "0"));
    let payload = match &word[mark..=mark] {
        "#" => unhex(text),
        "*" => vec![b'a'; text.parse().expect("a count")],
        _ => text.as_bytes().to_vec(),
    };
    let announced = payload.len() as u64 + missing.parse::<u64>().expect("a count");
    let is_masked = (role == Role::Server) != head.contains('!');
    frame(&head.replace('!', ""), &payload, announced, is_masked)
}

fn frame(head: &str, payload: &[u8], announced: u64, is_masked: bool) -> Vec<u8> {
    let (first, form) = head.split_once('/').unwrap_or((head, "0"));
    let mut bytes = unhex(first);
    match (form, announced) {
        ("0", 0..126) => bytes.push(announced as u8),
        ("0", 126..=0xffff) | ("2", _) => {
            bytes.push(126);
            bytes.extend_from_slice(&(announced as u16).to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&announced.to_be_bytes());
        }
    }
    let mut payload = payload.to_vec();
    if is_masked {
        bytes[1] |= 0x80;
        bytes.extend_from_slice(&KEY);
        mask(&mut payload, KEY, 0);
    }
    bytes.extend_from_slice(&payload);
    bytes
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).expect("hex") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn show(event: &Event<'_>) -> String {
    match event {
        Event::Message(Message::Text(text)) => format!("T{}", show_payload(text.as_bytes())),
        Event::Message(Message::Binary(bytes)) => format!("B{}", show_payload(bytes)),
        Event::Part { .. } => panic!("parts are joined"),
        Event::Ping(bytes) => format!("P{}", show_payload(bytes)),
        Event::Pong { payload, is_solicited } => {
            let kind = if *is_solicited { "A" } else { "O" };
            format!("{kind}{}", show_payload(payload))
        }
        Event::Close(frame) => {
            let code = frame.code.map_or("-".into(), |code| code.to_string());
            format!("C{code}{}", show_payload(frame.reason.as_bytes()))
        }
    }
}

fn show_payload(bytes: &[u8]) -> String {
    if bytes.len() >= 10 && bytes.iter().all(|byte| *byte == b'a') {
        format!("*{}", bytes.len())
    } else if bytes.iter().all(u8::is_ascii_graphic) {
        format!(":{}", String::from_utf8_lossy(bytes))
    } else {
        format!("#{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

/// W9.
#[test]
fn whole_messages() {
    for (frames, want) in [
        ("", ""),
        ("81:", "T:"),
        ("82:", "B:"),
        ("81:hello", "T:hello"),
        ("82:hello", "B:hello"),
        ("81:a 82:b 81:c", "T:a B:b T:c"),
        ("81#c3a9", "T#c3a9"),
        ("82#00ff80", "B#00ff80"),
        ("81*125", "T*125"),
        ("81*126", "T*126"),
        ("81*127", "T*127"),
        ("82*128", "B*128"),
        ("82*1000 81:x", "B*1000 T:x"),
        ("82*65535 81:x", "B*65535 T:x"),
        ("82*65536 81:x", "B*65536 T:x"),
        ("81*65536 81:x", "T*65536 T:x"),
        ("82~abc~5", ""),
        ("82~~300", ""),
    ] {
        check(frames, want);
    }
    check_with(&Limits::default(), "82*1048576 81:x", "B*1048576 T:x");
}

/// W10.
#[test]
fn fragments() {
    for (frames, want) in [
        ("01:hel 80:lo", "T:hello"),
        ("02:hel 80:lo", "B:hello"),
        ("01: 80:", "T:"),
        ("02: 00: 00: 80:", "B:"),
        ("01:a 00:b 00:c 80:d 81:e", "T:abcd T:e"),
        ("01:hello 80: 82:x", "T:hello B:x"),
        ("01: 80:hello", "T:hello"),
        ("02*100 00*200 80*300", "B*600"),
        ("02*20000 00*20000 80*20000 81:x", "B*60000 T:x"),
        ("01:a 00:b", ""),
        // Characters cut by fragments.
        ("01#c3 80#a9", "T#c3a9"),
        ("01#f0 00#9f 00#98 80#80", "T#f09f9880"),
        ("01#f09f 00: 80#9880", "T#f09f9880"),
    ] {
        check(frames, want);
    }
}

/// W13.
#[test]
fn control_frames() {
    for (frames, want) in [
        ("89:", "P:"),
        ("8a:", "O:"),
        ("89:beat 8a:beat", "P:beat O:beat"),
        ("89*125", "P*125"),
        ("8a#00ff", "O#00ff"),
        // Between fragments.
        ("01:hel 89:now 80:lo", "P:now T:hello"),
        ("01:a 8a: 00:b 89: 00: 89:x 80:c", "O: P: P:x T:abc"),
        ("01:a 88#03e8 80:c", "C1000:"),
        ("89:a 81:b 89:c 82:d", "P:a T:b P:c B:d"),
        // Not all there.
        ("89~abc~1", ""),
        ("01:a 89~abc~1", ""),
        ("88~~2", ""),
        // What a control frame must not be.
        ("89*126", "E1002"),
        ("88*126", "E1002"),
        ("8a/2:a", "E1002"),
        ("8a/8:a", "E1002"),
        ("09:a", "E1002"),
        ("0a:a", "E1002"),
        ("08:", "E1002"),
        ("01:a 09:b 80:c", "E1002"),
        ("01:a 89*126 80:c", "E1002"),
    ] {
        check(frames, want);
    }
}

/// As many Pongs answer as there were Pings, wherever they come.
#[test]
fn pongs_are_solicited_or_not() {
    for (pings, frames, want) in [
        (0, "8a:", "O:"),
        (1, "8a: 8a:", "A: O:"),
        (1, "01:a 8a:x 80:b 8a:", "A:x T:ab O:"),
        (2, "8a:2 82:b 8a:3 8a:4", "A:2 B:b A:3 O:4"),
        (3, "89: 8a:", "P: A:"),
    ] {
        for role in ROLES {
            let bytes = build(role, frames);
            for cuts in cuts(bytes.len()) {
                let mut peer = Peer::new(role, Limits::default());
                let (key, mut out) = ((role == Role::Client).then_some(KEY), Vec::new());
                (0..pings).for_each(|_| peer.machine.ping(b"beat", key, &mut out));
                assert_eq!(out, build(role.other(), "89:beat").repeat(pings));
                let mut start = 0;
                for end in cuts.iter().copied().chain([bytes.len()]) {
                    peer.feed(&bytes[start..end]);
                    start = end;
                }
                assert_eq!(peer.events.join(" "), want, "{role:?}, {frames}, cut at {cuts:?}");
            }
        }
    }
}

#[test]
fn a_ping_is_cut_to_what_a_control_frame_holds_and_follows_no_close() {
    let (mut machine, mut out) = (Machine::server(), Vec::new());
    machine.ping(&[b'a'; 126], None, &mut out);
    assert_eq!(out, build(Role::Client, "89*125"));
    assert_eq!(machine.close(None, "", None, &mut out), Ok(true));
    let bytes = out.len();
    machine.ping(b"", None, &mut out);
    assert_eq!(out.len(), bytes);
}

#[test]
fn broken_frames() {
    for (frames, want) in [
        // Reserved bits, each and together, also where no message is.
        ("c1:a", "E1002"),
        ("a1:a", "E1002"),
        ("91:a", "E1002"),
        ("f2:a", "E1002"),
        ("c9:", "E1002"),
        ("81:a c1:a", "T:a E1002"),
        ("01:a c0:b", "E1002"),
        // Reserved opcodes.
        ("83:", "E1002"),
        ("84:", "E1002"),
        ("85:", "E1002"),
        ("86:", "E1002"),
        ("87:", "E1002"),
        ("8b:", "E1002"),
        ("8c:", "E1002"),
        ("8d:", "E1002"),
        ("8e:", "E1002"),
        ("8f:", "E1002"),
        ("03:a", "E1002"),
        ("01:a 83:b", "E1002"),
        // Order of fragments.
        ("80:a", "E1002"),
        ("00:a", "E1002"),
        ("81:a 80:b", "T:a E1002"),
        ("01:a 80:b 80:c", "T:ab E1002"),
        ("01:a 81:b", "E1002"),
        ("01:a 82:b", "E1002"),
        ("01:a 01:b", "E1002"),
        ("02:a 89: 02:b", "P: E1002"),
        // Masks.
        ("81!:a", "E1002"),
        ("82!:", "E1002"),
        ("89!:", "E1002"),
        ("88!#03e8", "E1002"),
        ("82!*70000", "E1002"),
        ("81:a 81!:b", "T:a E1002"),
        ("01:a 80!:b", "E1002"),
        // Lengths.
        ("81/2:a", "E1002"),
        ("82/2*125", "E1002"),
        ("82/8:a", "E1002"),
        ("82/8*126", "E1002"),
        ("82/8*65535", "E1002"),
        ("01:a 80/2:b", "E1002"),
        ("82~~9223372036854775808", "E1002"),
        ("82~~18446744073709551615", "E1002"),
        // Nothing after a fault.
        ("83: 81:a 89: 88#03e8", "E1002"),
    ] {
        check(frames, want);
    }
}

#[test]
fn text() {
    for (frames, want) in [
        ("81#ff", "E1007"),
        ("81#c3", "E1007"),
        ("81#68c328", "E1007"),
        ("81#c080", "E1007"),
        ("81#e08080", "E1007"),
        ("81#eda080", "E1007"),
        ("81#edbfbf", "E1007"),
        ("81#f0808080", "E1007"),
        ("81#f4908080", "E1007"),
        ("81#f5808080", "E1007"),
        ("81#80", "E1007"),
        ("81#f09f98", "E1007"),
        ("81#efbfbf", "T#efbfbf"),
        ("81#efbbbf", "T#efbbbf"),
        ("81#f48fbfbf", "T#f48fbfbf"),
        ("81#00", "T#00"),
        ("81#ceba", "T#ceba"),
        ("01#c3 80#28", "E1007"),
        ("01#c3 80:", "E1007"),
        ("01:a 80#ff", "E1007"),
        ("01#f490 80#8080", "E1007"),
        ("01#f0 89:x 80#9f9880", "P:x T#f09f9880"),
        ("81:ok 81#ff 81:ok", "T:ok E1007"),
        // Binary is anything.
        ("82#ff", "B#ff"),
        ("02#c3 80#28", "B#c328"),
    ] {
        check(frames, want);
    }
}

/// The first bad byte is enough, though the frame or message never ends (W9; Autobahn 6.4, strict).
#[test]
fn text_fails_fast() {
    for (frames, want) in [
        ("81~abc~2", ""),
        ("81#68ff~2", "E1007"),
        ("81#ff~100", "E1007"),
        ("81#c3~1", ""),
        ("81#c328~1", "E1007"),
        ("81#f490~2", "E1007"),
        ("81#eda0~1", "E1007"),
        ("81#68ff~1000", "E1007"),
        ("81#68ff~30000", "E1007"),
        ("81#c328~30000", "E1007"),
        ("01#f490", "E1007"),
        ("01#f4 00#90", "E1007"),
        ("01:a 80#ff~100", "E1007"),
        ("82#ff~100", ""),
        // What was checked of one frame says nothing about the next.
        ("81:hello 81#ff61616161616161~9", "T:hello E1007"),
        ("81:hello 82:x 81#61ff616161616161~9", "T:hello B:x E1007"),
    ] {
        check(frames, want);
    }
}

#[test]
fn close_frames() {
    for (frames, want) in [
        ("88:", "C-:"),
        ("88#03e8", "C1000:"),
        ("88#03e86f6b", "C1000:ok"),
        ("88#0bb8", "C3000:"),
        ("88#1387", "C4999:"),
        ("88#03e8c3a9", "C1000#c3a9"),
        ("81:a 88#03e9 ", "T:a C1001:"),
        // Nothing is an event after it, not even nonsense.
        ("88#03e8 81:a 89: 88#03e8", "C1000:"),
        ("88#03e8 =ffffffffff", "C1000:"),
        ("88#03", "E1002"),
        ("88#0000", "E1002"),
        ("88#1388", "E1002"),
        ("88#ffff", "E1002"),
        ("88#03e8ff", "E1007"),
        ("88#03e8c3", "E1007"),
        ("88#03ee616263", "E1002"),
    ] {
        check(frames, want);
    }
    let reason = "61".repeat(123);
    check(&format!("88#03e8{reason}"), &format!("C1000*{}", 123));
}

#[test]
fn each_close_code() {
    for code in 0..=u16::MAX {
        let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let frame = build(Role::Server, &format!("88#{code:04x}"));
        let want = if is_valid { format!("C{code}:") } else { "E1002".into() };
        assert_eq!(run(Role::Server, &Limits::default(), &frame, &[]), [want]);

        let mut out = Vec::new();
        let closed = Machine::server().close(Some(code), "", None, &mut out);
        assert_eq!(closed, if is_valid { Ok(true) } else { Err(CloseError::InvalidCode(code)) });
        assert_eq!(out.len(), if is_valid { 4 } else { 0 });
    }
}

/// W17, D6.
#[test]
fn messages_have_their_limits() {
    let limits = Limits {
        message_bytes_max: 1000,
        frame_in_place_bytes_max: 100,
        fragments_max: 5,
        ..Limits::default()
    };
    for (frames, want) in [
        ("82*1000", "B*1000"),
        ("82*1001", "E1009"),
        ("82~~1001", "E1009"),
        ("81~~4611686018427387904", "E1009"),
        ("82~~9223372036854775807", "E1009"),
        ("02*600 80*400", "B*1000"),
        ("02*600 80*401", "E1009"),
        ("02*600 80~~401", "E1009"),
        ("02*600 80~~9223372036854775807", "E1009"),
        ("02:a 00:a 00:a 00:a 80:a", "B:aaaaa"),
        ("02:a 00:a 00:a 00:a 00:a 80:a", "E1008"),
        ("02: 00: 00: 00: 00: 00:", "E1008"),
        // Control frames are no fragments.
        ("02: 89: 00: 89: 00: 89: 00: 89: 80:", "P: P: P: P: B:"),
    ] {
        check_with(&limits, frames, want);
    }
    let tiny = Limits { message_bytes_max: 3, ..Limits::default() };
    check_with(&tiny, "81:abc 82:abc 81: 81:abcd", "T:abc B:abc T: E1009");
    check_with(&tiny, "89:abcdef 01:ab 80:cd", "P:abcdef E1009");
}

/// D6, Autobahn 9.3.1 and 9.4.1: a message may come in any number of fragments.
#[test]
fn fragments_are_not_counted_by_default() {
    let (mut machine, mut scratch) = (Machine::server(), Scratch::new());
    let mut frames = build(Role::Server, "02:a");
    for _ in 0..1 << 17 {
        frames.extend_from_slice(&build(Role::Server, "00:a"));
    }
    frames.extend_from_slice(&build(Role::Server, "80:"));
    match machine.step(&mut frames, &mut scratch, &Limits::default()) {
        Step::Event(_, Event::Message(message)) => assert_eq!(message.len(), (1 << 17) + 1),
        other => panic!("{other:?}"),
    }
}

/// If memory for this length were reserved, the allocation would fail (W17).
#[test]
fn an_announced_length_reserves_nothing() {
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    check_with(&limits, "82~abc~4611686018427387904", "");
    check_with(&limits, "02:abc 00~abc~4611686018427387904", "");
}

/// D6.
#[test]
fn a_message_uses_at_most_twice_its_bytes() {
    let mut peer = Peer::new(Role::Server, Limits::default());
    peer.scratch.whole = Vec::with_capacity(1 << 20);
    let bytes = build(Role::Server, "82*40000");
    for piece in bytes.chunks(1000) {
        peer.feed(piece);
    }
    assert_eq!(peer.events, ["B*40000"]);
    assert!(peer.scratch.whole.capacity() <= 80_000, "{}", peer.scratch.whole.capacity());
}

#[test]
fn whole_frames_are_not_copied() {
    for role in ROLES {
        for frames in ["81:hello", "82*125", "81*126", "82*16000", "81*70000", "89:ping"] {
            let mut peer = Peer::new(role, Limits::default());
            let mut rx = build(role, frames);
            let place = rx.as_ptr_range();
            match peer.machine.step(&mut rx, &mut peer.scratch, &peer.limits) {
                Step::Event(_, Event::Message(message)) => {
                    assert!(place.contains(&message.as_bytes().as_ptr()));
                }
                Step::Event(_, Event::Ping(bytes)) => assert!(place.contains(&bytes.as_ptr())),
                other => panic!("{other:?}"),
            }
            assert_eq!(peer.scratch.whole.capacity(), 0);
        }
    }
}

#[test]
fn machines_are_small() {
    assert!(size_of::<Machine>() <= 16);
}

/// A text of many kinds of characters, and what mutations make of it: the outcome must be that of the standard
/// library, and a fault must come with the very byte that makes the text hopeless.
#[test]
fn text_is_checked_as_the_standard_library_does() {
    let mut random = Random(0x5eed);
    for round in 0..3000 {
        let mut text: Vec<u8> = "aé€😀\u{0}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}zzzz".bytes().collect();
        let turn = random.below(text.len());
        text.rotate_left(turn);
        for _ in 0..round % 3 {
            let at = random.below(text.len());
            text[at] = random.next() as u8;
        }
        text.truncate(random.below(text.len() + 1));
        let in_place = Limits::default();
        let moved = Limits { frame_in_place_bytes_max: 0, ..Limits::default() };
        for limits in [in_place, moved] {
            check_text(&text, &limits);
        }
    }
}

fn check_text(text: &[u8], limits: &Limits) {
    let mut peer = Peer::new(Role::Server, limits.clone());
    let bytes = frame("81", text, text.len() as u64, true);
    for end in 0..bytes.len() {
        peer.feed(&bytes[end..=end]);
        let seen = &text[..(end + 1).saturating_sub(6)];
        let is_last = end + 1 == bytes.len();
        let want = match std::str::from_utf8(seen) {
            Ok(_) if is_last => vec![format!("T{}", show_payload(text))],
            Err(error) if is_last || error.error_len().is_some() => vec!["E1007".to_owned()],
            _ => vec![],
        };
        assert_eq!(peer.events, want, "{text:02x?} after {end}");
        if !want.is_empty() {
            return;
        }
    }
}

/// Long texts cross the pieces in which masked text is checked, and the threshold between the two validators.
#[test]
fn long_text_in_pieces() {
    for (length, limit) in [(127, 16384), (128, 16384), (1000, 16384), (9000, 16384), (9000, 100)] {
        let text = "aé€😀".repeat(length / 10 + 1);
        let limits = Limits { frame_in_place_bytes_max: limit, ..Limits::default() };
        for role in ROLES {
            let good = frame("81", text.as_bytes(), text.len() as u64, role == Role::Server);
            let mut bad = text.clone().into_bytes();
            let last = bad.len() - 1;
            bad[last] = b'a';
            let bad = frame("81", &bad, bad.len() as u64, role == Role::Server);
            for size in [1, 7, 255, 256, 257, 1 << 20] {
                let cuts: Vec<usize> = (size..good.len()).step_by(size).collect();
                assert_eq!(run(role, &limits, &good, &cuts), [format!("T{}", show_payload(text.as_bytes()))]);
                assert_eq!(run(role, &limits, &bad, &cuts), ["E1007"]);
            }
        }
    }
}

#[test]
fn closing_drops_all_but_the_close() {
    for (before, after, want) in [
        ("", "81:a 82:b 89: 8a: 88#03e8", "C1000:"),
        ("", "01:a 80:b 88:", "C-:"),
        ("", "82*70000 88#03e8", "C1000:"),
        ("", "81#ff 88#03e8", "C1000:"),
        ("", "82~~4611686018427387904 81:a", ""),
        ("81:a", "81:b", "T:a"),
        ("01:a", "00:b 80:c 81:d 88#03e9", "C1001:"),
        ("01:a", "88#03e9 81:d", "C1001:"),
        ("", "83:", "E1002"),
        ("", "88#0000", "E1002"),
        ("88#03e8", "88#03e8", "C1000:"),
        ("83:", "88#03e8", "E1002"),
    ] {
        for role in ROLES {
            let (before, after) = (build(role, before), build(role, after));
            for cut in 0..=after.len().min(200) {
                let mut peer = Peer::new(role, Limits::default());
                peer.feed(&before);
                assert_eq!(close(&mut peer, role, Some(1000)), Ok(true));
                peer.feed(&after[..cut]);
                peer.feed(&after[cut..]);
                assert_eq!(peer.events.join(" "), want, "cut at {cut}");
            }
        }
    }
}

/// Our Close may fall anywhere in the peer's frames: what is left of the current one must be got past.
#[test]
fn close_in_the_middle_of_a_frame() {
    for frames in
        ["81:hello 88#03e8", "01:hello 80:hello 88#03e8", "82*20000 88#03e8", "02*20000 80*20000 88#03e8"]
    {
        for role in ROLES {
            let bytes = build(role, frames);
            for cut in (0..bytes.len() - 2).step_by(1 + bytes.len() / 300) {
                let mut peer = Peer::new(role, Limits::default());
                peer.feed(&bytes[..cut]);
                let events = peer.events.len();
                let _ = close(&mut peer, role, None);
                peer.feed(&bytes[cut..]);
                assert_eq!(peer.events[events..], ["C1000:"], "{frames} closed at {cut}");
            }
        }
    }
}

fn close(peer: &mut Peer, role: Role, code: Option<u16>) -> Result<bool, CloseError> {
    peer.machine.close(code, "", (role == Role::Client).then_some(KEY), &mut Vec::new())
}

/// W14.
#[test]
fn close_is_sent_once() {
    let (mut machine, mut out) = (Machine::server(), Vec::new());
    assert!(!machine.is_closing());
    assert_eq!(machine.close(None, "why", None, &mut out), Err(CloseError::ReasonWithoutCode));
    assert_eq!(machine.close(Some(1005), "", None, &mut out), Err(CloseError::InvalidCode(1005)));
    assert!(out.is_empty() && !machine.is_closing());
    assert_eq!(machine.close(Some(1000), "bye", None, &mut out), Ok(true));
    assert_eq!(out, b"\x88\x05\x03\xe8bye");
    assert_eq!(machine.close(Some(1001), "again", None, &mut out), Ok(false));
    assert_eq!(out, b"\x88\x05\x03\xe8bye");
    assert!(machine.is_closing() && machine.has_sent_close() && !machine.has_received_close());

    let mut peer = Peer::new(Role::Client, Limits::default());
    peer.feed(&out);
    assert!(peer.machine.is_closing() && !peer.machine.has_sent_close() && peer.machine.has_received_close());
    assert_eq!(peer.machine.close(Some(1000), "", Some(KEY), &mut out), Ok(true));
    let mut scratch = Scratch::new();
    let answer = machine.step(&mut out[7..], &mut scratch, &Limits::default());
    assert!(matches!(answer, Step::Event(8, Event::Close(_))), "{answer:?}");
    assert!(machine.has_sent_close() && machine.has_received_close());
}

/// W14.
#[test]
fn a_reason_is_cut_at_a_character() {
    for (reason, want) in [
        ("a".repeat(123), 123),
        ("a".repeat(124), 123),
        ("é".repeat(61), 122),
        ("é".repeat(62), 122),
        (format!("a{}", "é".repeat(62)), 123),
        ("😀".repeat(40), 120),
        ("€".repeat(1000), 123),
    ] {
        let mut out = Vec::new();
        assert_eq!(Machine::server().close(Some(4000), &reason, None, &mut out), Ok(true));
        assert_eq!(out.len(), 4 + want);
        let (mut scratch, mut client) = (Scratch::new(), Machine::client());
        match client.step(&mut out, &mut scratch, &Limits::default()) {
            Step::Event(_, Event::Close(frame)) => assert_eq!(frame.reason, &reason[..want]),
            other => panic!("{other:?}"),
        }
    }
}

/// W13.
#[test]
fn pongs_coalesce_to_the_newest() {
    let (mut machine, mut out) = (Machine::server(), Vec::new());
    assert!(!machine.has_queued_pong() && !machine.encode_queued_pong(None, &mut out));
    machine.queue_pong(b"old");
    machine.queue_pong(b"new");
    assert!(machine.has_queued_pong());
    assert!(machine.encode_queued_pong(None, &mut out));
    assert_eq!(out, b"\x8a\x03new");
    assert!(!machine.has_queued_pong() && !machine.encode_queued_pong(None, &mut out));

    machine.queue_pong(b"lost");
    assert_eq!(machine.close(None, "", None, &mut Vec::new()), Ok(true));
    machine.queue_pong(b"late");
    assert!(!machine.has_queued_pong());
}

#[test]
fn a_pong_can_wait_during_a_message() {
    let mut peer = Peer::new(Role::Server, Limits::default());
    peer.feed(&build(Role::Server, "01:hel"));
    assert!(peer.machine.is_inside_message());
    peer.machine.queue_pong(&[b'x'; 300]);
    peer.feed(&build(Role::Server, "80:lo"));
    assert!(!peer.machine.is_inside_message());
    let mut out = Vec::new();
    assert!(peer.machine.encode_queued_pong(None, &mut out));
    assert_eq!((peer.events.join(" ").as_str(), out.len()), ("T:hello", 127));
}

/// After a fault, or the peer's Close, bytes are used up and nothing happens.
#[test]
fn the_end_is_the_end() {
    for frames in ["83:", "81#ff", "88#03e8", "80:a", "88#03"] {
        let mut peer = Peer::new(Role::Server, Limits::default());
        peer.feed(&build(Role::Server, frames));
        let mut more = build(Role::Server, "81:a 89: 88:");
        let length = more.len();
        let step = peer.machine.step(&mut more, &mut peer.scratch, &peer.limits);
        assert!(matches!(step, Step::Need(used) if used == length), "{step:?}");
    }
}

#[test]
fn one_vector_serves_all_machines() {
    let (mut one, mut two) = (Machine::server(), Machine::server());
    let (mut scratch, limits) = (Scratch::new(), Limits::default());
    scratch.whole = b"left over".to_vec();
    let halves = |payload: &[u8]| {
        let mut bytes = Vec::new();
        encode_masked(Opcode::Binary, true, payload, KEY, &mut bytes);
        let tail = bytes.split_off(20_000);
        (bytes, tail)
    };
    let ((mut a1, mut a2), (mut b1, mut b2)) = (halves(&[1; 30_000]), halves(&[2; 30_000]));
    assert!(matches!(one.step(&mut a1, &mut scratch, &limits), Step::Need(20_000)));
    assert!(matches!(two.step(&mut b1, &mut scratch, &limits), Step::Need(20_000)));
    for (machine, rest, byte) in [(&mut one, &mut a2, 1), (&mut two, &mut b2, 2)] {
        match machine.step(rest, &mut scratch, &limits) {
            Step::Event(_, Event::Message(Message::Binary(bytes))) => assert_eq!(bytes, [byte; 30_000]),
            other => panic!("{other:?}"),
        }
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// W10. What is longer comes in parts, in whatever frames, with control frames between them where they stand.
#[test]
fn long_messages_come_in_parts() {
    for frame_in_place_bytes_max in [0, 200, 16 << 10] {
        let limits = Limits {
            frame_in_place_bytes_max,
            stream_above: 130,
            message_bytes_max: 1000,
            ..Limits::default()
        };
        check_with(&limits, "81*130 82*131 81*131 81*5", "T*130 SB*131 ST*131 T:aaaaa");
        check_with(&limits, "02*130 80: 02*130 80*1 02*100 00*30 80*870", "B*130 SB*131 SB*1000");
        check_with(&limits, "01*131 89:p 80*9 82*999", "P:p ST*140 SB*999");
        check_with(&limits, "82*1001", "E1009");
        check_with(&limits, "02*999 80*2", "E1009");
        check_with(&limits, "02*131 88#03e8", "C1000:");
        check_with(&limits, "02*200 82*1", "E1002");
    }
}

/// A part of a text ends with a whole character, wherever the bytes or the frames are cut.
#[test]
fn parts_of_a_text_are_text() {
    let limits = Limits { stream_above: 125, ..Limits::default() };
    let text = "\u{17e}\u{1f40e}".repeat(30);
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    for cut in (2..hex.len()).step_by(2).step_by(31).chain([2, 4, 6, 8]) {
        let (head, tail) = hex.split_at(cut);
        check_with(&limits, &format!("01#{head} 80#{tail}"), &format!("ST#{hex}"));
    }
    check_with(&limits, &format!("01#{hex} 80#c5"), "E1007");
    check_with(&limits, &format!("01#{hex}c5 80#20"), "E1007");
    check_with(&limits, &format!("81#{hex}ff"), "E1007");
}

/// What is kept of a message that comes in parts is what one read brings, and nothing between two of them.
#[test]
fn a_message_in_parts_has_no_buffer() {
    let limits = Limits { stream_above: 125, message_bytes_max: 100 << 20, ..Limits::default() };
    let mut peer = Peer::new(Role::Server, limits);
    peer.feed(&[0x82, 0xff, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    for _ in 0..(80 << 20) / (64 << 10) {
        peer.feed(&[b'a'; 64 << 10]);
        peer.parts.clear();
        assert!(peer.machine.heap_bytes() < 300, "{}", peer.machine.heap_bytes());
        assert!(peer.scratch.heap_bytes() <= 256 << 10, "{}", peer.scratch.heap_bytes());
    }
    assert_eq!(peer.events, ["SB*65536"], "with the last part");
}

/// The fault: half a character had the buffer of the part before it, as long as its peer liked.
#[test]
fn i389_half_a_character_holds_no_large_buffer() {
    let limits = Limits { stream_above: 125, message_bytes_max: 100 << 20, ..Limits::default() };
    let mut peer = Peer::new(Role::Server, limits);
    peer.feed(&[0x81, 0xff, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    peer.feed(&[b'a'; 64 << 10]);
    assert_eq!(peer.parts.len(), 64 << 10);
    peer.feed(&[0xe2]);
    assert!(peer.machine.heap_bytes() < 300, "{}", peer.machine.heap_bytes());
    peer.feed(&[0x82, 0xac]);
    assert!(peer.parts.ends_with("\u{20ac}".as_bytes()));
    assert!(peer.machine.heap_bytes() < 300, "{}", peer.machine.heap_bytes());
}
