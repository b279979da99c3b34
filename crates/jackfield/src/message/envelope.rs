//! A publication that carries its id, for receivers whose protocol has no place for ids.

use crate::message::prepared::{MadeOf, Prepared};
use jackfield_proto::websocket::Message;
use std::fmt::Write;

impl Prepared {
    /// The same with this id in its frame. `None`: it has no frame.
    pub(super) fn numbered(&self, id: &str) -> Option<Self> {
        match self.made_of() {
            MadeOf::Binary(bytes) => {
                let numbered = [id.as_bytes(), b"\n", bytes].concat();
                Some(Self::of_message(Message::Binary(&numbered)))
            }
            MadeOf::Text(text) => Some(json(id, None, text)),
            MadeOf::Event(data, event) => Some(json(id, event.and_then(name), data?)),
        }
    }
}

/// A text or the data of an event as a JSON object.
fn json(id: &str, event: Option<&str>, data: &[u8]) -> Prepared {
    let mut object = String::with_capacity(data.len() + id.len() + 32);
    object.push_str("{\"id\":");
    push_text(id, &mut object);
    if let Some(event) = event {
        object.push_str(",\"event\":");
        push_text(event, &mut object);
    }
    object.push_str(",\"data\":");
    push_text(&String::from_utf8_lossy(data), &mut object);
    object.push('}');
    Prepared::of_message(Message::Text(&object))
}

/// The name of an encoded event.
fn name(event: &[u8]) -> Option<&str> {
    let line = event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"event: "))?;
    std::str::from_utf8(line).ok()
}

/// Writes a JSON string (RFC 8259 section 7).
fn push_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            character if character < ' ' => {
                // Writing to a `String` can't fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageFormat;
    use jackfield_proto::sse::Event;

    #[track_caller]
    fn check(prepared: &Prepared, expected: Option<&[u8]>) {
        let numbered = prepared.numbered("e.1");
        let payload = numbered.as_ref().and_then(|numbered| numbered.encoded(MessageFormat::Bytes));
        assert_eq!(payload.map(String::from_utf8_lossy), expected.map(String::from_utf8_lossy));
    }

    #[test]
    fn each_kind_has_its_id_in_it() {
        check(
            &Prepared::new("a \"b\" \\ c\n\u{1}ä"),
            Some("{\"id\":\"e.1\",\"data\":\"a \\\"b\\\" \\\\ c\\n\\u0001ä\"}".as_bytes()),
        );
        check(
            &Prepared::new(Event::data("x").event("tick").id("own")),
            Some(b"{\"id\":\"e.1\",\"event\":\"tick\",\"data\":\"x\"}"),
        );
        check(&Prepared::new(&b"\x00\xff"[..]), Some(b"e.1\n\x00\xff"));
        check(&Prepared::new(Event::comment("nothing to say")), None);
    }
}
