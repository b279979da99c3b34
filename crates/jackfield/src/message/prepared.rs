//! A message that is encoded once for many connections.

use crate::message::format::MessageFormat;
use jackfield_proto::sse::Event;
use jackfield_proto::websocket::{self, Message, Opcode};
use std::fmt::{self, Write};
use std::iter;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A message or an event that is encoded once, for any number of connections, reactors and sends.
///
/// It can be made from anything that can be sent. Each form (a WebSocket frame, an event of an event stream) is encoded
/// at most once, in memory that all its clones share. From 2 KiB on its receivers share that memory too.
///
/// ```
/// use jackfield::{Client, Connection, ConnectionId, Prepared};
///
/// struct Gallery {
///     picture: Prepared,
/// }
///
/// impl Gallery {
///     fn show(&self, connection: &mut Connection<'_>, visitors: &[ConnectionId]) {
///         for id in visitors {
///             connection.send_to(*id, &self.picture);
///         }
///     }
/// }
///
/// impl Client for Gallery {}
/// ```
#[doc(alias = "PreparedMessage")]
#[doc(alias = "sendEncoded")]
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Forms>);

#[derive(Clone, Debug)]
struct Forms {
    /// The frame for WebSockets, whose payload is the message itself. `None`: an event without data.
    frame: Option<Arc<[u8]>>,
    header_bytes: u8,
    /// The event for event streams. For a text it is made when the first event stream needs it. `None`: it has no such
    /// form.
    event: OnceLock<Option<Arc<[u8]>>>,
    /// The id of the event, for when it is made.
    id: Option<Box<str>>,
    /// It was made from an event.
    is_event: bool,
    /// The message before its frame got an id.
    plain: Option<Prepared>,
    marks: Marks,
    /// Made when the first WebSocket with compression needs it.
    #[cfg(feature = "deflate")]
    deflated: OnceLock<Deflated>,
}

/// Properties of a publication that matter in the queue of a slow peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pub(super) key: Option<Arc<str>>,
    pub(super) ttl: Option<Duration>,
}

/// The source of a prepared publication, as bytes.
#[derive(Debug)]
pub(super) enum MadeOf<'a> {
    Text(&'a [u8]),
    Binary(&'a [u8]),
    /// Its data, and the encoded event.
    Event(Option<&'a [u8]>, Option<&'a [u8]>),
}

/// The frame, compressed.
#[cfg(feature = "deflate")]
#[derive(Clone, Debug)]
struct Deflated {
    /// The size of the window that it needs, as a power of two.
    window_bits: u8,
    /// `None`: compressing does not make it shorter.
    frame: Option<Arc<[u8]>>,
}

/// Room for most ids of a history: an epoch in hexadecimal, a dot, and an offset.
const ID_BYTES: usize = 32;

/// The two reference counts of an `Arc`.
const ARC_BYTES: usize = 2 * size_of::<usize>();

impl Prepared {
    pub(super) fn of_message(message: Message<'_>) -> Self {
        let event = match message {
            Message::Text(_) => OnceLock::new(),
            Message::Binary(_) => OnceLock::from(None),
        };
        Self::of_forms(Some(message), event, false)
    }

    pub(super) fn of_event(event: &Event<'_>) -> Self {
        Self::of_forms(event.text().map(Message::Text), OnceLock::from(self::event(event)), true)
    }

    /// Makes it from an encoded event and its data.
    pub(super) fn of_encoded_event(data: Option<&str>, event: Option<&[u8]>) -> Self {
        Self::of_forms(data.map(Message::Text), OnceLock::from(event.map(Arc::from)), true)
    }

    fn of_forms(message: Option<Message<'_>>, event: OnceLock<Option<Arc<[u8]>>>, is_event: bool) -> Self {
        let (frame, header_bytes) = message.map(frame).unzip();
        Self::with_frame(frame, header_bytes.unwrap_or(0), event, is_event)
    }

    /// Its source: a text, bytes, or an event with its encoded form.
    pub(super) fn made_of(&self) -> MadeOf<'_> {
        let payload = self.encoded(MessageFormat::Bytes);
        match payload {
            payload if self.0.is_event => MadeOf::Event(payload, self.encoded(MessageFormat::Event)),
            Some(payload) if self.is_text() => MadeOf::Text(payload),
            payload => MadeOf::Binary(payload.unwrap_or_default()),
        }
    }

    /// The same with this id on event streams, in place of any earlier id. `in_frames`: on WebSockets too.
    pub(crate) fn with_id(self, id: impl fmt::Display, in_frames: bool) -> Self {
        let mut prepared = self.0.plain.clone().unwrap_or(self);
        let id = text_of(id);
        let numbered = if in_frames { prepared.numbered(&id) } else { None };
        let plain = numbered.is_some().then(|| prepared.clone());
        // Copied only if somebody else holds it too.
        let forms = Arc::make_mut(&mut prepared.0);
        if let Some(made) = forms.event.take() {
            forms.event = OnceLock::from(made.map(|event| event_with_id(&event, &id)));
        }
        if let Some(numbered) = numbered {
            (forms.frame, forms.header_bytes) = (numbered.0.frame.clone(), numbered.0.header_bytes);
            #[cfg(feature = "deflate")]
            forms.deflated.take();
        }
        (forms.id, forms.plain) = (Some(id), plain);
        prepared
    }

    /// The same with these marks.
    pub(super) fn with_marks(mut self, marks: Marks) -> Self {
        Arc::make_mut(&mut self.0).marks = marks;
        self
    }

    pub(super) fn marks(&self) -> &Marks {
        &self.0.marks
    }

    fn with_frame(
        frame: Option<Arc<[u8]>>,
        header_bytes: u8,
        event: OnceLock<Option<Arc<[u8]>>>,
        is_event: bool,
    ) -> Self {
        Self(Arc::new(Forms {
            frame,
            header_bytes,
            event,
            id: None,
            is_event,
            plain: None,
            marks: Marks::default(),
            #[cfg(feature = "deflate")]
            deflated: OnceLock::new(),
        }))
    }

    /// Its frame, compressed for a window of this size, as a power of two. It is made once, when it is first needed. `None`:
    /// it does not get shorter, or it was made for another size, by another server of this process.
    #[cfg(feature = "deflate")]
    pub(crate) fn deflated(
        &self,
        window_bits: u8,
        make: impl FnOnce(Message<'_>) -> Option<Arc<[u8]>>,
    ) -> Option<&Arc<[u8]>> {
        let make = || Deflated { window_bits, frame: self.message().and_then(make) };
        let deflated = self.0.deflated.get_or_init(make);
        deflated.frame.as_ref().filter(|_| deflated.window_bits == window_bits)
    }

    /// The message that its frame carries.
    #[cfg(feature = "deflate")]
    fn message(&self) -> Option<Message<'_>> {
        let payload = self.encoded(MessageFormat::Bytes)?;
        match std::str::from_utf8(payload).ok().filter(|_| self.is_text()) {
            Some(text) => Some(Message::Text(text)),
            None => Some(Message::Binary(payload)),
        }
    }

    /// Its bytes in this form. `None`: it has no such form.
    pub(crate) fn encoded(&self, form: MessageFormat) -> Option<&[u8]> {
        match form {
            MessageFormat::Frame | MessageFormat::Event => self.shared(form).map(AsRef::as_ref),
            MessageFormat::Masked => None,
            MessageFormat::Bytes => self.0.frame.as_ref().map(|frame| &frame[self.0.header_bytes.into()..]),
        }
    }

    /// Whether it is text.
    pub(crate) fn is_text(&self) -> bool {
        let first = self.0.frame.as_ref().and_then(|frame| frame.first());
        first.is_some_and(|first| first & 0x0f == Opcode::Text as u8)
    }

    /// The same, shared. `None`: this form is not kept separately.
    pub(crate) fn shared(&self, form: MessageFormat) -> Option<&Arc<[u8]>> {
        match form {
            MessageFormat::Frame => self.0.frame.as_ref(),
            MessageFormat::Event => self.0.event.get_or_init(|| self.make_event()).as_ref(),
            MessageFormat::Masked | MessageFormat::Bytes => None,
        }
    }

    /// The length of the message, without a frame around it.
    #[cfg(feature = "deflate")]
    pub(crate) fn len(&self) -> usize {
        self.encoded(MessageFormat::Bytes).map_or(0, <[u8]>::len)
    }

    /// Bytes of its message.
    pub(super) fn payload_bytes(&self) -> usize {
        self.0.frame.as_ref().map_or(0, |frame| frame.len() - usize::from(self.0.header_bytes))
    }

    /// Bytes on the heap, which all holders share.
    pub(crate) fn heap_bytes(&self) -> usize {
        let encoded = [self.0.frame.as_ref(), self.0.event.get().and_then(Option::as_ref)];
        let encoded = encoded.into_iter().flatten();
        #[cfg(feature = "deflate")]
        let encoded = encoded.chain(self.0.deflated.get().and_then(|deflated| deflated.frame.as_ref()));
        let bytes = encoded.map(|bytes| ARC_BYTES + bytes.len());
        let plain = self.0.plain.as_ref().map_or(0, Self::heap_bytes);
        let id = self.0.id.as_ref().map_or(0, |id| id.len());
        ARC_BYTES + size_of::<Forms>() + bytes.sum::<usize>() + id + plain
    }

    /// The event for a text.
    fn make_event(&self) -> Option<Arc<[u8]>> {
        let plain = self.0.plain.as_ref().unwrap_or(self);
        let text = std::str::from_utf8(plain.encoded(MessageFormat::Bytes)?).ok()?;
        let event = event(&Event::data(text))?;
        Some(self.0.id.as_ref().map_or_else(|| event.clone(), |id| event_with_id(&event, id)))
    }
}

/// An event, if it can be written.
fn event(event: &Event<'_>) -> Option<Arc<[u8]>> {
    let mut bytes = Vec::new();
    event.encode(&mut bytes).ok()?;
    Some(bytes.into())
}

/// An encoded event with this id.
fn event_with_id(event: &[u8], id: &str) -> Arc<[u8]> {
    // The last id in an event counts, and the last line of an event is empty.
    let lines = event.strip_suffix(b"\n").unwrap_or(event);
    [lines, b"id: ", id.as_bytes(), b"\n\n"].concat().into()
}

/// An id as text, which is allocated once.
fn text_of(id: impl fmt::Display) -> Box<str> {
    let mut text = String::with_capacity(ID_BYTES);
    // Writing to a `String` can't fail.
    let _ = write!(text, "{id}");
    text.into()
}

/// A message as a frame, and the length of its header.
pub(super) fn frame(message: Message<'_>) -> (Arc<[u8]>, u8) {
    let opcode = match message {
        Message::Text(_) => Opcode::Text,
        Message::Binary(_) => Opcode::Binary,
    };
    let (header, payload) = (websocket::frame_header(opcode, true, message.len()), message.as_bytes());
    let header = header.as_bytes();
    // Filled with zeros first, so that it is allocated once.
    let mut frame: Arc<[u8]> = iter::repeat_n(0, header.len() + payload.len()).collect();
    if let Some(bytes) = Arc::get_mut(&mut frame) {
        let (head, body) = bytes.split_at_mut(header.len());
        head.copy_from_slice(header);
        body.copy_from_slice(payload);
    }
    (frame, header.len() as u8)
}
