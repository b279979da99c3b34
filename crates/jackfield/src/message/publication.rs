//! A message before the protocols of its receivers are known.

use crate::message::format::MessageFormat;
use crate::message::prepared::{self, Marks, Prepared};
use jackfield_proto::sse::{self, Event};
use jackfield_proto::websocket::{self, Message, Opcode};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// A message that can be sent to a connection, or published to many.
///
/// `into()` makes it from text (`&str`, `String`, `&String`, `Cow<str>`), from bytes (`&[u8]`, `Vec<u8>`, `&Vec<u8>`,
/// an array by reference), from a [`Message`], from an [`Event`], and from a [`Prepared`] one. So every method with
/// such a parameter accepts all of these, by value or by reference.
///
/// What a receiver gets depends on its protocol:
///
/// | | WebSocket | event stream | raw or line connection |
/// | --- | --- | --- | --- |
/// | text | a text message | an event with this data | its bytes |
/// | bytes | a binary message | nothing: [`Sent::Unsupported`](crate::Sent::Unsupported) | the bytes |
/// | an event | its data as a text message | the event with its name and id | the bytes of its data |
///
/// An event without data, such as a comment, is not sent to a WebSocket or a raw connection. An event that is not valid
/// (with a line break in its name or id) is not sent to an event stream.
///
/// ```
/// use jackfield::{Event, Handle, Prepared};
///
/// fn tell(handle: &Handle, price: f64) {
///     handle.publish("prices", format!("{price:.2}"));
///     let text = price.to_string();
///     handle.publish("prices", Event::data(&text).event("price").id("17"));
///     let large = Prepared::new(vec![0; 50_000]);
///     handle.publish("images", &large);
///     handle.publish("archive", &large);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Publication<'m>(Held<'m>);

/// Borrowed or owned.
#[derive(Clone, Debug)]
enum Held<'m> {
    Message(Message<'m>),
    Text(String),
    Binary(Vec<u8>),
    Event(Event<'m>),
    LentEvent(&'m Event<'m>),
    Prepared(Prepared),
    Lent(&'m Prepared),
}

/// A borrowed view of a publication, which can be encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    Message(Message<'a>),
    Event(&'a Event<'a>),
    Prepared(&'a Prepared),
}

impl<'m> Publication<'m> {
    /// Gives it a key: with the policy [`Overflow::NewestPerKey`](crate::Overflow::NewestPerKey), only the newest message
    /// to a topic with the same key waits for a slow peer. It is encoded and allocated now, like a [`Prepared`] one.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.marked(|marks| marks.key = Some(key.into()))
    }

    /// Gives it a time to live: if it has waited longer in the queue of a slow peer, it is dropped and counted. This needs a
    /// policy with a queue ([`Overflow`](crate::Overflow)). It is encoded and allocated now, like a [`Prepared`] one. After
    /// the queue it waits in the outbox of the connection, behind up to `reactor.outbox_bytes_high` bytes (64 KiB by
    /// default); there it has no time to live any more.
    #[doc(alias = "expiration")]
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.marked(|marks| marks.ttl = Some(ttl))
    }

    fn marked(self, mark: impl FnOnce(&mut Marks)) -> Self {
        let prepared = self.content().prepare();
        let mut marks = prepared.marks().clone();
        mark(&mut marks);
        Self(Held::Prepared(prepared.with_marks(marks)))
    }

    /// The message, if it is a borrowed one. Then nothing has to be dropped, so the usual path needs no drop code.
    #[inline(always)]
    pub(crate) fn into_message(self) -> Result<Message<'m>, Self> {
        match self.0 {
            Held::Message(message) => Ok(message),
            held => Err(Self(held)),
        }
    }

    #[inline(always)]
    pub(crate) fn content(&self) -> Content<'_> {
        match &self.0 {
            Held::Message(message) => Content::Message(*message),
            Held::Text(text) => Content::Message(Message::Text(text)),
            Held::Binary(bytes) => Content::Message(Message::Binary(bytes)),
            Held::Event(event) => Content::Event(event),
            Held::LentEvent(event) => Content::Event(event),
            Held::Prepared(prepared) => Content::Prepared(prepared),
            Held::Lent(prepared) => Content::Prepared(prepared),
        }
    }
}

impl<'a> Content<'a> {
    /// Appends it in this form. False, and nothing appended: it has no such form.
    pub(crate) fn encode(self, form: MessageFormat, out: &mut Vec<u8>) -> bool {
        match (self, form) {
            (Self::Prepared(prepared), form) => append(prepared.encoded(form), out),
            (Self::Event(event), MessageFormat::Event) => event.encode(out).is_ok(),
            (Self::Message(Message::Text(text)), MessageFormat::Event) => {
                sse::encode_data(text, out);
                true
            }
            (Self::Message(Message::Binary(_)), MessageFormat::Event)
            | (Self::Message(_) | Self::Event(_), MessageFormat::Masked) => false,
            (Self::Message(_) | Self::Event(_), MessageFormat::Bytes) => append(self.payload(), out),
            (Self::Message(_) | Self::Event(_), MessageFormat::Frame) => match self.message() {
                Some(message) => {
                    websocket::encode(message, out);
                    true
                }
                None => false,
            },
        }
    }

    /// Appends it as a masked frame; `deflated` is its compressed payload, if there is one. False, and nothing appended:
    /// an event without data.
    pub(crate) fn encode_masked(self, mask: [u8; 4], deflated: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
        if let Some(frame) = deflated {
            websocket::mask_encoded_frame(frame, mask, out);
            return true;
        }
        let is_text = match self {
            Self::Message(message) => matches!(message, Message::Text(_)),
            Self::Event(_) => true,
            Self::Prepared(prepared) => prepared.is_text(),
        };
        let opcode = if is_text { Opcode::Text } else { Opcode::Binary };
        let Some(payload) = self.payload() else { return false };
        websocket::encode_masked(opcode, true, payload, mask, out);
        true
    }

    /// Encodes it in this form, to be shared.
    pub(crate) fn encode_shared(self, form: MessageFormat) -> Option<Arc<[u8]>> {
        match (self, form) {
            (Self::Prepared(prepared), form) => prepared.shared(form).cloned(),
            (Self::Message(_) | Self::Event(_), MessageFormat::Frame) => {
                Some(prepared::frame(self.message()?).0)
            }
            (Self::Message(_) | Self::Event(_), form) => {
                let mut bytes = Vec::new();
                self.encode(form, &mut bytes).then(|| bytes.into())
            }
        }
    }

    /// The message for receivers without events, unless it is encoded already.
    pub(crate) fn message(self) -> Option<Message<'a>> {
        match self {
            Self::Message(message) => Some(message),
            Self::Event(event) => event.text().map(Message::Text),
            Self::Prepared(_) => None,
        }
    }

    /// Its payload, without a frame or fields. `None`: an event without data.
    pub(crate) fn payload(self) -> Option<&'a [u8]> {
        match self {
            Self::Message(message) => Some(message.as_bytes()),
            Self::Event(event) => event.text().map(str::as_bytes),
            Self::Prepared(prepared) => prepared.encoded(MessageFormat::Bytes),
        }
    }

    /// The length of its payload in bytes, without a frame or fields.
    pub(crate) fn len(self) -> usize {
        self.payload().map_or(0, <[u8]>::len)
    }

    /// Encodes it once for all receivers.
    pub(crate) fn prepare(self) -> Prepared {
        match self {
            Self::Prepared(prepared) => prepared.clone(),
            Self::Message(message) => Prepared::of_message(message),
            Self::Event(event) => Prepared::of_event(event),
        }
    }
}

fn append(bytes: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(bytes.unwrap_or_default());
    bytes.is_some()
}

impl Prepared {
    /// Encodes a message or an event.
    #[must_use]
    pub fn new<'m>(publication: impl Into<Publication<'m>>) -> Self {
        publication.into().content().prepare()
    }
}

macro_rules! from {
    ($(<$($generic:tt),*> $from:ty => |$value:ident| $held:expr;)*) => {$(
        impl<$($generic)*> From<$from> for Publication<'m> {
            #[inline(always)]
            fn from($value: $from) -> Self {
                Self($held)
            }
        }
    )*};
}

from! {
    <'m> Message<'m> => |message| Held::Message(message);
    <'m> &'m str => |text| Held::Message(Message::Text(text));
    <'m> &'m String => |text| Held::Message(Message::Text(text));
    <'m> String => |text| Held::Text(text);
    <'m> Cow<'m, str> => |text| match text {
        Cow::Borrowed(text) => Held::Message(Message::Text(text)),
        Cow::Owned(text) => Held::Text(text),
    };
    <'m> &'m [u8] => |bytes| Held::Message(Message::Binary(bytes));
    <'m> &'m mut [u8] => |bytes| Held::Message(Message::Binary(bytes));
    <'m> &'m Vec<u8> => |bytes| Held::Message(Message::Binary(bytes));
    <'m> Vec<u8> => |bytes| Held::Binary(bytes);
    <'m> Event<'m> => |event| Held::Event(event);
    <'m> &'m Event<'m> => |event| Held::LentEvent(event);
    <'m> Prepared => |prepared| Held::Prepared(prepared);
    <'m> &'m Prepared => |prepared| Held::Lent(prepared);
}

impl<'m, const N: usize> From<&'m [u8; N]> for Publication<'m> {
    #[inline(always)]
    fn from(bytes: &'m [u8; N]) -> Self {
        Self(Held::Message(Message::Binary(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the forms of a publication (frame, event, bytes), prepared and not.
    #[track_caller]
    fn check<'m>(publication: impl Into<Publication<'m>>, forms: [Option<&[u8]>; 3]) {
        let publication = publication.into();
        let prepared = Prepared::new(publication.clone());
        for content in [publication.content(), Content::Prepared(&prepared)] {
            for (form, expected) in
                [MessageFormat::Frame, MessageFormat::Event, MessageFormat::Bytes].into_iter().zip(forms)
            {
                let mut out = b"before".to_vec();
                assert_eq!(content.encode(form, &mut out), expected.is_some(), "{content:?} as {form:?}");
                assert_eq!(out.strip_prefix(b"before"), Some(expected.unwrap_or_default()), "{content:?}");
            }
            assert_eq!(content.payload(), forms[2], "{content:?}");
        }
    }

    #[test]
    fn each_kind_has_the_forms_that_its_receivers_speak() {
        let text: [Option<&[u8]>; 3] = [Some(b"\x81\x02hi"), Some(b"data: hi\n\n"), Some(b"hi")];
        check("hi", text);
        check("hi".to_owned(), text);
        check("hi".to_owned(), text);
        check(Cow::from("hi"), text);
        check(Cow::from("hi".to_owned()), text);
        check(Message::Text("hi"), text);
        check(Prepared::new("hi"), text);
        check(Prepared::new("hi".to_owned()), text);

        let binary: [Option<&[u8]>; 3] = [Some(b"\x82\x02hi"), None, Some(b"hi")];
        check(b"hi", binary);
        check(&b"hi"[..], binary);
        check(&mut b"hi".to_vec()[..], binary);
        check(b"hi".to_vec(), binary);
        check(b"hi".to_vec(), binary);
        check(Message::Binary(b"hi"), binary);
        check(Prepared::new(b"hi"), binary);

        check("", [Some(b"\x81\x00"), Some(b"data: \n\n"), Some(b"")]);
        check(b"", [Some(b"\x82\x00"), None, Some(b"")]);
    }

    #[test]
    fn an_event_keeps_its_name_and_id_where_there_is_room_for_them() {
        let event = Event::data("hi").event("greeting").id("7");
        let forms: [Option<&[u8]>; 3] =
            [Some(b"\x81\x02hi"), Some(b"event: greeting\nid: 7\ndata: hi\n\n"), Some(b"hi")];
        check(&event, forms);
        check(event.clone(), forms);
        check(Event::data("hi".to_owned()).event("greeting".to_owned()).id(7.to_string()), forms);
        check(Prepared::new(event), forms);
        check(Event::comment("psst"), [None, Some(b": psst\n\n"), None]);
        check(Event::data("hi").event("a\nb"), [Some(b"\x81\x02hi"), None, Some(b"hi")]);
    }

    #[test]
    fn a_prepared_message_is_encoded_once_in_each_form() {
        for prepared in [Prepared::new("hi"), Prepared::new(Event::data("hi").id("1"))] {
            let again = Prepared::new(&prepared);
            for form in [MessageFormat::Frame, MessageFormat::Event, MessageFormat::Bytes] {
                let at = |prepared: &Prepared| prepared.encoded(form).map(<[u8]>::as_ptr);
                assert!(at(&prepared).is_some());
                assert_eq!(at(&prepared), at(&prepared), "{form:?}");
                assert_eq!(at(&prepared), at(&again), "{form:?}");
            }
        }
    }
}
