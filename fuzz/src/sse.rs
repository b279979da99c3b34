//! Event streams of any bytes.

use switchboard_proto::Step;
use switchboard_proto::sse::{Decoder, Event, Limits, Whole};

/// However a stream is split, the same events come; and an event that is encoded can't become another one.
pub fn sse_stream(data: &[u8]) {
    let Some((at, bytes)) = super::cut(data) else { return };
    let whole = decode(&[bytes]);
    let (first, second) = bytes.split_at(at);
    assert_eq!(decode(&[first, second]), whole, "cut at {at}");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let (name, data) = text.split_at(text.char_indices().map(|(i, _)| i).find(|i| *i >= at).unwrap_or(0));
        round_trip(name, data);
    }
}

fn decode(parts: &[&[u8]]) -> Vec<(String, String, String)> {
    let (mut decoder, mut whole, limits, mut events) =
        (Decoder::new(), Whole::default(), Limits::default(), Vec::new());
    for part in parts {
        let mut rest = *part;
        loop {
            match decoder.step(rest, &mut whole, &limits) {
                Step::Event(used, event) => {
                    events.push((event.event.into(), event.data.into(), event.last_event_id.into()));
                    rest = &rest[used..];
                }
                Step::Need(_) | Step::Paused | Step::Fault(_) => break,
            }
        }
    }
    events
}

/// Decode of encode is the identity once line ends are normalised; a name that can't be written is an error, and then
/// nothing is.
fn round_trip(name: &str, data: &str) {
    let mut out = Vec::new();
    let encoded = Event::data(data).event(name).encode(&mut out);
    assert_eq!(encoded.is_err(), name.contains(['\r', '\n', '\0']), "{name:?}");
    if encoded.is_err() {
        return assert!(out.is_empty());
    }
    let events = decode(&[&out]);
    let wanted = data.replace("\r\n", "\n").replace('\r', "\n");
    let name = if name.is_empty() { "message" } else { name };
    assert_eq!(events, [(name.into(), wanted, String::new())]);
}
