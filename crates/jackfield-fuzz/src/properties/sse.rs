//! Event streams.

use crate::log::Log;
use crate::partition::same_however_cut;
use crate::tally::count_round_trips;
use crate::tally::hash;
use jackfield::sim::Random;
use jackfield_proto::Step;
use jackfield_proto::sse::{Decoder, Event, EventScratch, Limits};

/// However a stream is cut the same events come and the same end; limits hold; the three ends of a line mean the same; and
/// an event that is encoded is decoded as the same and can't become another one.
pub fn sse_stream(data: &[u8]) {
    let limits = Limits { line_bytes_max: 100, event_bytes_max: 200 };
    same_however_cut(data, |parts| decode(parts, &limits));
    let whole = same_however_cut(data, |parts| decode(parts, &Limits::default()));
    assert_eq!(
        decode(&[&with_lf(data)], &Limits::default()),
        whole,
        "an LF is as good as each other end of a line"
    );
    if let Ok(text) = std::str::from_utf8(data) {
        round_trip(text);
    }
}

fn decode(parts: &[&[u8]], limits: &Limits) -> Log {
    let (mut decoder, mut whole, mut log) = (Decoder::new(), EventScratch::default(), Log::default());
    for part in parts {
        let mut rest = *part;
        loop {
            match decoder.step(rest, &mut whole, limits) {
                Step::Event(used, event) => {
                    assert!(event.data.len() < limits.event_bytes_max, "a limit was passed");
                    assert!(event.event.len().max(event.last_event_id.len()) <= limits.line_bytes_max * 3);
                    log.note("event", event.event);
                    log.note("data", event.data);
                    log.note("id", event.last_event_id);
                    rest = &rest[used..];
                }
                Step::Need(used) => {
                    assert_eq!(used, rest.len(), "all is taken as it comes");
                    break;
                }
                Step::Paused => panic!("nothing is owed"),
                Step::Fault(error) => {
                    log.fault(error);
                    return log;
                }
            }
        }
    }
    log.note("resumes", decoder.last_event_id());
    if let Some(retry_ms) = decoder.retry_ms() {
        log.note("retries", retry_ms.to_string());
    }
    log
}

/// Each CR LF and each CR as an LF.
fn with_lf(data: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut after_cr = false;
    for byte in data {
        if !(after_cr && *byte == b'\n') {
            lines.push(if *byte == b'\r' { b'\n' } else { *byte });
        }
        after_cr = *byte == b'\r';
    }
    lines
}

/// The text in four parts: what can't be written is an error, and then nothing is; all else comes back, once line ends
/// are normalised, and nothing besides it.
fn round_trip(text: &str) {
    let mut random = Random::new(hash(text.as_bytes()));
    let mut rest = text;
    let mut take = || {
        let mut at = random.below(rest.len() + 1);
        at -= (0..4).find(|back| rest.is_char_boundary(at - back)).unwrap_or(at);
        let (part, behind) = rest.split_at(at);
        rest = behind;
        part
    };
    let (data, name, id, comment) = (take(), take(), take(), take());
    let (event, mut out) =
        (Event::data(data).event(name).id(id).with_comment(comment).retry(1234), Vec::new());
    let encoded = event.encode(&mut out);
    let breaks = |text: &str, breakers: &[char]| text.contains(breakers);
    let line = ['\r', '\n', '\0'];
    let is_bad = breaks(name, &line) || breaks(id, &line) || breaks(comment, &line[..2]);
    assert_eq!(encoded.is_err(), is_bad, "{event:?}");
    if is_bad {
        return assert!(out.is_empty());
    }
    let mut expected = Log::default();
    expected.note("event", if name.is_empty() { "message" } else { name });
    expected.note("data", data.replace("\r\n", "\n").replace('\r', "\n"));
    expected.note("id", id);
    expected.note("resumes", id);
    expected.note("retries", "1234");
    assert_eq!(decode(&[&out], &Limits::default()), expected);
    count_round_trips(1);
}
