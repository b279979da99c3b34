//! Event streams: what is written, what is read, and that the two agree.

use allocation_counter::measure;
use jackfield_proto::Step;
use jackfield_proto::sse::{Decoder, Error, Event, EventScratch, FieldError, Limits};
use proptest::prelude::*;
use std::borrow::Cow;
use std::hint::black_box;

/// An event as it was read: data, name, last id.
type Read = (String, String, String);

fn read(data: &str, event: &str, id: &str) -> Read {
    (data.into(), event.into(), id.into())
}

fn decode(decoder: &mut Decoder, bytes: &[u8], cuts: &[usize], limits: &Limits) -> Result<Vec<Read>, Error> {
    let (mut whole, mut events, mut start) = (EventScratch::default(), Vec::new(), 0);
    for end in cuts.iter().copied().chain([bytes.len()]) {
        while start < end {
            match decoder.step(&bytes[start..end], &mut whole, limits) {
                Step::Event(used, event) => {
                    events.push(read(event.data, event.event, event.last_event_id));
                    start += used;
                }
                Step::Need(used) => start += used,
                Step::Fault(error) => return Err(error),
                Step::Paused => unreachable!("a stream never waits for an answer"),
            }
        }
    }
    Ok(events)
}

/// The one check for reading: the same events, whole, cut in two everywhere, and byte by byte.
#[track_caller]
fn check_decode(bytes: &[u8], want: &[(&str, &str, &str)]) -> Decoder {
    let want: Vec<Read> = want.iter().map(|(data, event, id)| read(data, event, id)).collect();
    let mut last = Decoder::new();
    let each: Vec<usize> = (1..bytes.len()).collect();
    let cuts = (1..bytes.len()).map(|cut| vec![cut]).chain([vec![], each]);
    for cuts in cuts {
        last = Decoder::new();
        let got = decode(&mut last, bytes, &cuts, &Limits::default());
        assert_eq!(got.as_ref(), Ok(&want), "{} cut at {cuts:?}", String::from_utf8_lossy(bytes));
    }
    last
}

#[track_caller]
fn check_encode(event: Event<'_>, want: &str) {
    let mut out = b"kept".to_vec();
    assert_eq!(event.encode(&mut out), Ok(()));
    assert_eq!(String::from_utf8_lossy(&out), format!("kept{want}"));
}

/// S2.
#[test]
fn written() {
    for (event, want) in [
        (Event::empty(), "\n"),
        (Event::default(), "\n"),
        (Event::data("hello"), "data: hello\n\n"),
        (Event::data(""), "data: \n\n"),
        (Event::data(" blank"), "data:  blank\n\n"),
        (Event::data("a:b"), "data: a:b\n\n"),
        (Event::data("a\nb"), "data: a\ndata: b\n\n"),
        (Event::data("a\r\nb"), "data: a\ndata: b\n\n"),
        (Event::data("a\rb"), "data: a\ndata: b\n\n"),
        (Event::data("a\n\rb"), "data: a\ndata: \ndata: b\n\n"),
        (Event::data("a\r\rb"), "data: a\ndata: \ndata: b\n\n"),
        (Event::data("a\n\nb"), "data: a\ndata: \ndata: b\n\n"),
        (Event::data("a\n"), "data: a\ndata: \n\n"),
        (Event::data("\n"), "data: \ndata: \n\n"),
        (Event::data("\r\n"), "data: \ndata: \n\n"),
        (Event::data("é😀"), "data: é😀\n\n"),
        (Event::data("a").event("e"), "event: e\ndata: a\n\n"),
        (Event::data("a").id("7"), "id: 7\ndata: a\n\n"),
        (Event::data("a").id(""), "id: \ndata: a\n\n"),
        (Event::data("a").retry(1500), "retry: 1500\ndata: a\n\n"),
        (
            Event::data("a").event("e").id("7").retry(0).with_comment("c"),
            ": c\nevent: e\nid: 7\nretry: 0\ndata: a\n\n",
        ),
        (Event::comment(""), ": \n\n"),
        (Event::comment("still here"), ": still here\n\n"),
        (Event::empty().id("9"), "id: 9\n\n"),
        (Event::empty().retry(u64::MAX), "retry: 18446744073709551615\n\n"),
    ] {
        check_encode(event, want);
    }
}

/// S2.
#[test]
fn what_would_break_out_is_not_written() {
    for (event, want) in [
        (Event::data("a").event("x\ndata: y"), FieldError::Event),
        (Event::data("a").event("x\r"), FieldError::Event),
        (Event::data("a").event("\0"), FieldError::Event),
        (Event::data("a").id("1\n\ndata: y"), FieldError::Id),
        (Event::data("a").id("1\r2"), FieldError::Id),
        (Event::data("a").id("1\0"), FieldError::Id),
        (Event::comment("x\n"), FieldError::Comment),
        (Event::data("a").with_comment("x\rdata: y"), FieldError::Comment),
    ] {
        let mut out = b"kept".to_vec();
        assert_eq!(event.encode(&mut out), Err(want));
        assert_eq!(out, b"kept");
    }
}

/// Bytes with room for an event are all that it needs.
#[track_caller]
fn check_uncopied<'m>(texts: [impl Into<Cow<'m, str>>; 4]) {
    let mut out = Vec::with_capacity(5000);
    let made = measure(|| {
        let [data, name, id, comment] = texts;
        let event = Event::data(data).event(name).id(id).with_comment(comment);
        assert_eq!(event.encode(&mut out), Ok(()));
    });
    assert_eq!((made.count_total, out.len() > 4000), (0, true));
}

/// S2.
#[test]
fn texts_are_not_copied_before_they_are_encoded() {
    let text = "x".repeat(1000);
    check_uncopied([&*text; 4]);
    check_uncopied([(); 4].map(|()| text.clone()));
    let copied = measure(|| drop(black_box(Event::data(text.clone()))));
    assert_eq!(copied.count_total, 1, "a copy is seen");
}

/// Data is the one field that may have anything in it; none of that may become another field.
#[test]
fn data_stays_data() {
    for data in [
        "x\nevent: y",
        "x\n\ndata: y",
        "x\r\rid: 1\r\r",
        "\n\n\n",
        "x\r\nretry: 1\r\n\r\n",
        ":\n:",
        "\u{feff}",
    ] {
        let mut out = Vec::new();
        assert_eq!(Event::data(data).encode(&mut out), Ok(()));
        let want = normalised(data);
        let decoder = check_decode(&out, &[(&want, "message", "")]);
        assert_eq!((decoder.retry_ms(), decoder.last_event_id()), (None, ""));
    }
}

fn normalised(data: &str) -> String {
    data.replace("\r\n", "\n").replace('\r', "\n")
}

#[test]
fn read_events() {
    for (bytes, want) in [
        (&b""[..], &[][..]),
        (b"\n\n\n", &[]),
        (b"data: a\n\n", &[("a", "message", "")]),
        (b"data: a\r\n\r\n", &[("a", "message", "")]),
        (b"data: a\r\r", &[("a", "message", "")]),
        (b"data: a\r\n\rdata: b\n\r\n", &[("a", "message", ""), ("b", "message", "")]),
        (b"data: a\n\ndata: b\n\n", &[("a", "message", ""), ("b", "message", "")]),
        (b"data: a\ndata: b\n\n", &[("a\nb", "message", "")]),
        (b"data: a\r\ndata: b\rdata: c\n\n", &[("a\nb\nc", "message", "")]),
        (b"data\n\n", &[("", "message", "")]),
        (b"data:\n\n", &[("", "message", "")]),
        (b"data\ndata\n\n", &[("\n", "message", "")]),
        (b"data: a\n", &[]),
        (b"data: a", &[]),
        (b"data:a\n\n", &[("a", "message", "")]),
        (b"data:  a\n\n", &[(" a", "message", "")]),
        (b"data:\ta\n\n", &[("\ta", "message", "")]),
        (b"data: a:b\n\n", &[("a:b", "message", "")]),
        // Comments and unknown fields.
        (b":\n\n", &[]),
        (b": a\ndata: b\n: c\n\n", &[("b", "message", "")]),
        (b"other: a\ndata: b\n\n", &[("b", "message", "")]),
        (b"Data: a\n\n", &[]),
        (b" data: a\n\n", &[]),
        (b"data : a\n\n", &[]),
        (b"dataa: a\n\n", &[]),
        // Names.
        (b"event: e\ndata: a\n\ndata: b\n\n", &[("a", "e", ""), ("b", "message", "")]),
        (b"event: e\nevent: f\ndata: a\n\n", &[("a", "f", "")]),
        (b"event: e\nevent\ndata: a\n\n", &[("a", "message", "")]),
        (b"event: e\n\ndata: a\n\n", &[("a", "message", "")]),
        // Ids.
        (b"id: 1\ndata: a\n\ndata: b\n\n", &[("a", "message", "1"), ("b", "message", "1")]),
        (b"id: 1\n\ndata: b\n\n", &[("b", "message", "1")]),
        (b"id: 1\ndata: a\n\nid\ndata: b\n\n", &[("a", "message", "1"), ("b", "message", "")]),
        (b"id: 1\nid: 2\ndata: a\n\n", &[("a", "message", "2")]),
        (b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", &[("a", "message", "1"), ("b", "message", "1")]),
        // The byte order mark, once.
        (b"\xef\xbb\xbfdata: a\n\n", &[("a", "message", "")]),
        (b"\xef\xbb\xbf\ndata: a\n\n", &[("a", "message", "")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", &[]),
        (b"\n\xef\xbb\xbfdata: a\n\n", &[]),
        // What is not UTF-8.
        (b"data: a\xffb\n\n", &[("a\u{fffd}b", "message", "")]),
        (b"data: \xe2\x82\n\n", &[("\u{fffd}", "message", "")]),
        (b"event: \xff\nid: \xff\ndata: a\n\n", &[("a", "\u{fffd}", "\u{fffd}")]),
        ("data: é😀\n\n".as_bytes(), &[("é😀", "message", "")]),
    ] {
        check_decode(bytes, want);
    }
}

#[test]
fn retries() {
    for (bytes, want) in [
        (&b"retry: 1500\n\n"[..], Some(1500)),
        (b"retry:0\n", Some(0)),
        (b"retry: 1\nretry: 2\n\n", Some(2)),
        (b"retry: 007\n\n", Some(7)),
        (b"retry: \n\n", None),
        (b"retry\n\n", None),
        (b"retry: 1x\n\n", None),
        (b"retry: -1\n\n", None),
        (b"retry: +1\n\n", None),
        (b"retry:  1\n\n", None),
        (b"retry: 1.5\n\n", None),
        (b"retry: 99999999999999999999\n\n", None),
        (b"retry: 5\nretry: x\n\n", Some(5)),
    ] {
        assert_eq!(check_decode(bytes, &[]).retry_ms(), want);
    }
}

/// An id counts when its event is complete, not before: the stream may break off in between.
#[test]
fn last_event_ids() {
    for (bytes, want) in [
        (&b"id: 1\n\n"[..], "1"),
        (b"id: 1\n", ""),
        (b"id: 1\n\nid: 2\n", "1"),
        (b"id: 1\n\nid: 2\n\n", "2"),
        (b"id: 1\n\nid:\n\n", ""),
    ] {
        assert_eq!(check_decode(bytes, &[]).last_event_id(), want);
    }
    let mut resumed = Decoder::with_last_event_id("41");
    let got = decode(&mut resumed, b"data: a\n\nid: 42\ndata: b\n\n", &[], &Limits::default());
    assert_eq!(got, Ok(vec![read("a", "message", "41"), read("b", "message", "42")]));
}

#[test]
fn limits() {
    let limits = Limits { line_bytes_max: 12, event_bytes_max: 10 };
    for (bytes, want) in [
        (&b"data: abcdef\n\n"[..], Ok(1)),
        (b"data: abcdefg\n\n", Err(Error::LineTooLong)),
        (b"data: abcdefghijkl", Err(Error::LineTooLong)),
        (b": a comment!!", Err(Error::LineTooLong)),
        (b"data: abcd\ndata: abcd\n\n", Ok(1)),
        (b"data: abcd\ndata: abcde\n\n", Err(Error::EventTooLong)),
        (b"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n", Ok(1)),
        (b"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n", Err(Error::EventTooLong)),
        // What is replaced counts as what it becomes.
        (b"data:\xff\xff\xff\n\n", Ok(1)),
        (b"data:\xff\xff\xff\xff\n\n", Err(Error::EventTooLong)),
    ] {
        let each: Vec<usize> = (1..bytes.len()).collect();
        for cuts in (1..bytes.len()).map(|cut| vec![cut]).chain([vec![], each]) {
            let got = decode(&mut Decoder::new(), bytes, &cuts, &limits).map(|events| events.len());
            assert_eq!(got, want, "{} cut at {cuts:?}", String::from_utf8_lossy(bytes));
        }
    }
}

proptest! {
    #[test]
    fn decode_of_encode_is_the_identity(
        script in prop::collection::vec(("[a-c \r\n:é\u{feff}]{0,30}", "[a-z é]{1,9}", "[0-9 ]{0,5}", any::<u64>()), 0..6),
        mut cuts in prop::collection::vec(0..200usize, 0..6),
    ) {
        let (mut out, mut want) = (Vec::new(), Vec::new());
        for (data, name, id, retry_ms) in &script {
            let event = Event::data(data).event(name).id(id).retry(*retry_ms).with_comment(name);
            prop_assert_eq!(event.encode(&mut out), Ok(()));
            want.push(read(&normalised(data), name, id));
        }
        cuts.retain(|cut| *cut < out.len());
        cuts.sort_unstable();
        let mut decoder = Decoder::new();
        prop_assert_eq!(decode(&mut decoder, &out, &cuts, &Limits::default()), Ok(want));
        prop_assert_eq!(decoder.retry_ms(), script.last().map(|(_, _, _, retry_ms)| *retry_ms));
    }

    /// Either a text is refused, or it comes back; it never becomes something else.
    #[test]
    fn no_field_breaks_out(name in "[a\r\n\0:]{0,4}", id in "[a\r\n\0:]{0,4}", comment in "[a\r\n\0:]{0,4}") {
        let mut out = Vec::new();
        let event = Event::data("x").event(&name).id(&id).with_comment(&comment);
        if event.encode(&mut out).is_ok() {
            let shown = if name.is_empty() { "message" } else { &name };
            let got = decode(&mut Decoder::new(), &out, &[], &Limits::default());
            prop_assert_eq!(got, Ok(vec![read("x", shown, &id)]));
        } else {
            prop_assert!(out.is_empty());
        }
    }

    #[test]
    fn any_bytes_in_any_pieces(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':')], 0..100),
        mut cuts in prop::collection::vec(0..100usize, 0..6),
    ) {
        cuts.retain(|cut| *cut < bytes.len());
        cuts.sort_unstable();
        let limits = Limits::default();
        let whole = decode(&mut Decoder::new(), &bytes, &[], &limits);
        prop_assert_eq!(decode(&mut Decoder::new(), &bytes, &cuts, &limits), whole);
    }
}
