//! Event streams, read as a browser reads them.

use jackfield::proto::Step;
use jackfield::proto::sse::{Decoder, EventScratch, Limits};

/// All events of a stream that ends, as a browser reads it: name, last id and data. And how long it waits before it
/// comes back.
pub(crate) fn events(stream: &[u8]) -> (Vec<(String, String, String)>, Option<u64>) {
    let limits = Limits { line_bytes_max: 100_000, ..Limits::default() };
    let (mut decoder, mut whole) = (Decoder::new(), EventScratch::default());
    let (mut at, mut events) = (0, Vec::new());
    loop {
        match decoder.step(&stream[at..], &mut whole, &limits) {
            Step::Event(used, event) => {
                at += used;
                events.push((event.event.into(), event.last_event_id.into(), event.data.into()));
            }
            Step::Need(_) => return (events, decoder.retry_ms()),
            other => panic!("{other:?}"),
        }
    }
}
