//! Frames and handshakes of any bytes.

use switchboard_proto::Step;
use switchboard_proto::websocket::{self, Event, Limits, Machine, Message, Offer};

/// However the bytes are split, both roles see the same messages and the same error; and what is decoded, encoded and
/// decoded again is the same.
pub fn websocket_frames(data: &[u8]) {
    let Some((at, bytes)) = super::cut(data) else { return };
    for new in [Machine::server, Machine::client] {
        let whole = play(new(), &[bytes]);
        let (first, second) = bytes.split_at(at);
        assert_eq!(play(new(), &[first, second]), whole, "cut at {at}");
    }
}

fn play(mut machine: Machine, parts: &[&[u8]]) -> Vec<String> {
    let limits = Limits { message_bytes_max: 4096, frame_in_place_bytes_max: 256, ..Limits::default() };
    let (mut rx, mut whole, mut log) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        rx.extend_from_slice(part);
        loop {
            let used = match machine.step(&mut rx, &mut whole, &limits) {
                Step::Event(used, event) => {
                    log.push(format!("{event:?}"));
                    if let Event::Message(message) = event {
                        assert!(message.len() <= limits.message_bytes_max, "a limit was passed");
                        round_trip(message);
                    }
                    used
                }
                Step::Need(0) | Step::Paused => break,
                Step::Need(used) => used,
                Step::Fault(error) => {
                    log.push(error.close_code().to_string());
                    return log;
                }
            };
            rx.drain(..used);
        }
    }
    log
}

/// Decode of encode is the identity.
fn round_trip(message: Message<'_>) {
    let (mut frame, mut whole) = (Vec::new(), Vec::new());
    websocket::encode(message, &mut frame);
    let length = frame.len();
    match Machine::client().step(&mut frame, &mut whole, &Limits::default()) {
        Step::Event(used, Event::Message(again)) => assert_eq!((used, again), (length, message)),
        step => panic!("an encoded message is decoded as {step:?}"),
    }
}

/// A handshake is accepted only if it keeps all the rules that a glance can check.
pub fn websocket_handshake(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let method = lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or("");
    let headers: Vec<(&str, &[u8])> = lines.filter_map(header).collect();
    let Ok(offer) = Offer::check(method, true, headers.iter().copied()) else { return };
    assert_eq!(method, "GET");
    for name in ["host", "upgrade", "connection", "sec-websocket-version", "sec-websocket-key"] {
        assert!(headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)), "{name} is missing");
    }
    assert!(offer.accept().is_ascii());
    assert!(offer.protocols().all(|protocol| offer.offers(protocol)));
}

fn header(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((std::str::from_utf8(&line[..colon]).ok()?, line[colon + 1..].trim_ascii()))
}
