//! A publication as bytes, on its way to another node.
//!
//! The parts are: the version (1 byte); the time to live in milliseconds (4 bytes, zero for none); the length of the key
//! plus one (2 bytes, zero for no key), and the key; the kind (1 byte). For a text or bytes the content follows. For an
//! event follow the length of its encoded form (4 bytes, the highest number for none), that form, whether it has data (1
//! byte), and the data. Numbers are big-endian.

use crate::message::prepared::{MadeOf, Marks, Prepared};
use jackfield_proto::websocket::Message;
use std::time::Duration;

const VERSION: u8 = 1;
const NONE: u32 = u32::MAX;

impl Prepared {
    /// Encodes the publication.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let (kind, first, second) = match self.made_of() {
            MadeOf::Text(text) => (b't', text, None),
            MadeOf::Binary(bytes) => (b'b', bytes, None),
            MadeOf::Event(data, event) => (b'e', data.unwrap_or_default(), Some((data.is_some(), event))),
        };
        let mut packet =
            Vec::with_capacity(first.len() + second.and_then(|(_, event)| event).map_or(0, <[u8]>::len) + 7);
        let Marks { key, ttl } = self.marks();
        packet.push(VERSION);
        // A time that does not fit counts as none.
        let ttl = ttl.and_then(|ttl| u32::try_from(ttl.as_millis()).ok()).map_or(0, |ms| ms.max(1));
        packet.extend(ttl.to_be_bytes());
        let key = key.as_deref().filter(|key| key.len() < usize::from(u16::MAX));
        packet.extend(key.map_or(0, |key| key.len() as u16 + 1).to_be_bytes());
        packet.extend_from_slice(key.unwrap_or_default().as_bytes());
        packet.push(kind);
        if let Some((has_data, event)) = second {
            let length = event.map_or(Ok(NONE), |event| u32::try_from(event.len())).unwrap_or(NONE);
            packet.extend(length.to_be_bytes());
            packet.extend_from_slice(event.filter(|_| length != NONE).unwrap_or_default());
            packet.push(u8::from(has_data));
        }
        packet.extend_from_slice(first);
        packet
    }

    /// Reads what [`Prepared::pack`] has written. `None`: it is malformed.
    pub(crate) fn unpack(packet: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = packet.split_first()? else { return None };
        let (ttl, rest) = rest.split_first_chunk()?;
        let (key_bytes, rest) = rest.split_first_chunk()?;
        let key_bytes = usize::from(u16::from_be_bytes(*key_bytes));
        let (key, rest) = rest.split_at_checked(key_bytes.saturating_sub(1))?;
        let (kind, rest) = rest.split_first()?;
        let prepared = match kind {
            b't' => Self::of_message(Message::Text(text(rest)?)),
            b'b' => Self::of_message(Message::Binary(rest)),
            b'e' => unpack_event(rest)?,
            _ => return None,
        };
        let ttl = u32::from_be_bytes(*ttl);
        if ttl == 0 && key_bytes == 0 {
            return Some(prepared);
        }
        let key = if key_bytes > 0 { Some(text(key)?.into()) } else { None };
        let ttl = (ttl > 0).then(|| Duration::from_millis(ttl.into()));
        Some(prepared.with_marks(Marks { key, ttl }))
    }
}

fn unpack_event(rest: &[u8]) -> Option<Prepared> {
    let (length, rest) = rest.split_first_chunk()?;
    let (event, rest) = match u32::from_be_bytes(*length) {
        NONE => (None, rest),
        length => {
            let (event, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Some(event), rest)
        }
    };
    if event.is_some_and(|event| !is_one_event(event)) {
        return None;
    }
    match rest.split_first()? {
        (1, data) => Some(Prepared::of_encoded_event(Some(text(data)?), event)),
        (0, []) => Some(Prepared::of_encoded_event(None, event)),
        _ => None,
    }
}

/// Whether these bytes are exactly one event.
fn is_one_event(event: &[u8]) -> bool {
    let end = event.windows(2).position(|two| two == b"\n\n").map(|at| at + 2);
    text(event).is_some() && !event.contains(&b'\r') && (end == Some(event.len()) || event == b"\n")
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MessageFormat, Publication};
    use jackfield_proto::sse::Event;

    /// A packet is read as it was written, and no part of it can be read.
    #[track_caller]
    fn check(prepared: &Prepared) {
        let packet = prepared.pack();
        let again = Prepared::unpack(&packet).expect("it is what was written");
        for form in [MessageFormat::Frame, MessageFormat::Event, MessageFormat::Bytes] {
            assert_eq!(prepared.encoded(form), again.encoded(form), "{form:?}");
        }
        assert_eq!(again.pack(), packet);
        for end in 0..packet.len() {
            let part = Prepared::unpack(&packet[..end])
                .map(|part| part.encoded(MessageFormat::Bytes).map(<[u8]>::len));
            assert!(part.is_none_or(|part| part < prepared.encoded(MessageFormat::Bytes).map(<[u8]>::len)));
        }
    }

    /// The fault: a time to live that does not fit became a millisecond.
    #[test]
    fn a_time_to_live_that_does_not_fit_is_none() {
        for (ttl, expected) in [
            (Duration::ZERO, Some(1)),
            (Duration::from_secs(60), Some(60_000)),
            (Duration::from_millis(u32::MAX.into()), Some(u64::from(u32::MAX))),
            (Duration::from_millis(1 << 32), None),
            (Duration::MAX, None),
        ] {
            let packet = Prepared::new(Publication::from("x").ttl(ttl)).pack();
            let again = Prepared::unpack(&packet).expect("it is what was written");
            assert_eq!(again.marks().ttl, expected.map(Duration::from_millis), "{ttl:?}");
        }
    }

    #[test]
    fn what_was_published_comes_out() {
        check(&Prepared::new("text, ä"));
        check(&Prepared::new(""));
        check(&Prepared::new(&b"\x00\xff"[..]));
        check(&Prepared::new(&b""[..]));
        check(&Prepared::new(Event::data("a\r\nb").event("name").id("own").retry(5)));
        check(&Prepared::new(Event::comment("only")));
        check(&Prepared::new(Event::empty()));
        check(&Prepared::new(Event::data("no event").event("a\nb")));
        let marked = Publication::from("marked").key("k").ttl(Duration::from_millis(1500));
        check(&Prepared::new(marked.clone()));
        let again = Prepared::unpack(&Prepared::new(marked).pack()).expect("it is one");
        assert_eq!(again.marks().key.as_deref(), Some("k"));
        assert_eq!(again.marks().ttl, Some(Duration::from_millis(1500)));
        check(&Prepared::new(Publication::from("x").key("")));
        let used = Prepared::new("as an event too");
        assert!(used.encoded(MessageFormat::Event).is_some());
        check(&used);
    }

    #[test]
    fn an_invalid_packet_is_refused() {
        let event = |event: &[u8], rest: &[u8]| {
            [b"\x01\0\0\0\0\0\0e", &(event.len() as u32).to_be_bytes()[..], event, rest].concat()
        };
        for packet in [
            &b""[..],
            b"\x01",
            b"\x02tx",
            b"\x01\0\0\0\0\0\0qx",
            b"\x01\0\0\0\0\0\x09abt",
            b"\x01\0\0\0\0\0\x02\xfftx",
            b"\x01\0\0\0\0\0\0t\xff",
            b"\x01\0\0\0\0\0\0e\x00\x00\x00\x09x",
            &event(b"data: x\n\n", b""),
            &event(b"data: x\n\n", b"\x02"),
            &event(b"data: x\n\n", b"\x00x"),
            &event(b"data: x\n\n", b"\x01\xff"),
            &event(b"data: x\n", b"\x00"),
            &event(b"data: x\n\ndata: y\n\n", b"\x00"),
            &event(b"data: x\ry\n\n", b"\x00"),
            &event(b"", b"\x00"),
        ] {
            assert!(Prepared::unpack(packet).is_none(), "{packet:?}");
        }
        assert!(Prepared::unpack(&event(b"data: x\n\n", b"\x01x")).is_some());
    }
}
