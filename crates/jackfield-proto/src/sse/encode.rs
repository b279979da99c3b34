//! Writes an event.

use memchr::{memchr2, memchr3, memmem};
use std::borrow::Cow;

use super::FieldError;

/// An event to send. All parts are optional, but a receiver reports only events with data; an empty text is data. Each text
/// is borrowed, or moved in as a `String`: neither is copied before it is encoded.
///
/// ```
/// use jackfield_proto::sse::Event;
///
/// let mut out = Vec::new();
/// Event::data("two\nlines").event("news").id("7").encode(&mut out)?;
/// assert_eq!(out, b"event: news\nid: 7\ndata: two\ndata: lines\n\n");
/// # Ok::<(), jackfield_proto::sse::FieldError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[doc(alias = "SseMessageInfo")]
pub struct Event<'m> {
    data: Option<Cow<'m, str>>,
    event: Option<Cow<'m, str>>,
    id: Option<Cow<'m, str>>,
    retry_ms: Option<u64>,
    comment: Option<Cow<'m, str>>,
}

impl<'m> Event<'m> {
    /// An event with data, which may have several lines. Each CR, LF or CRLF arrives as one LF.
    #[inline]
    pub fn data(data: impl Into<Cow<'m, str>>) -> Self {
        Self { data: Some(data.into()), ..Self::empty() }
    }

    /// A comment, which receivers ignore: it shows that the connection is alive, and is not an event. It has one line.
    #[inline]
    pub fn comment(comment: impl Into<Cow<'m, str>>) -> Self {
        Self::empty().with_comment(comment)
    }

    /// An event without data yet: for one that has only an id or a `retry` time.
    #[inline]
    pub const fn empty() -> Self {
        Self { data: None, event: None, id: None, retry_ms: None, comment: None }
    }

    /// The name under which a page listens for the event. Without a name, or with an empty one, it is `message`.
    #[inline]
    pub fn event(mut self, name: impl Into<Cow<'m, str>>) -> Self {
        self.event = Some(name.into());
        self
    }

    /// The id that the receiver sends in `Last-Event-ID` when it reconnects, until another id comes. An empty one clears the
    /// id.
    #[inline]
    pub fn id(mut self, id: impl Into<Cow<'m, str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// How many milliseconds the receiver waits before it reconnects after the connection is lost.
    #[inline]
    pub fn retry(mut self, retry_ms: u64) -> Self {
        self.retry_ms = Some(retry_ms);
        self
    }

    /// A comment before the event; see [`comment`](Self::comment).
    #[inline]
    pub fn with_comment(mut self, comment: impl Into<Cow<'m, str>>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// The data, if there is any.
    #[inline]
    pub fn text(&self) -> Option<&str> {
        self.data.as_deref()
    }

    /// Appends the event, with the empty line at its end.
    ///
    /// # Errors
    ///
    /// A name, id or comment contains a character that would end its line: see [`FieldError`]. Nothing is appended then.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FieldError> {
        self.check()?;
        if let Some(comment) = &self.comment {
            line(b": ", comment.as_bytes(), out);
        }
        if let Some(name) = &self.event {
            line(b"event: ", name.as_bytes(), out);
        }
        if let Some(id) = &self.id {
            line(b"id: ", id.as_bytes(), out);
        }
        if let Some(retry_ms) = self.retry_ms {
            line(b"retry: ", itoa::Buffer::new().format(retry_ms).as_bytes(), out);
        }
        if let Some(data) = &self.data {
            data_lines(data.as_bytes(), out);
        }
        out.push(b'\n');
        Ok(())
    }

    fn check(&self) -> Result<(), FieldError> {
        let is_bad = |text: &Option<Cow<'_, str>>| {
            text.as_ref().is_some_and(|text| memchr3(b'\r', b'\n', 0, text.as_bytes()).is_some())
        };
        if is_bad(&self.event) {
            return Err(FieldError::Event);
        }
        if is_bad(&self.id) {
            return Err(FieldError::Id);
        }
        if self.comment.as_ref().is_some_and(|comment| line_end(comment.as_bytes()).is_some()) {
            return Err(FieldError::Comment);
        }
        Ok(())
    }
}

/// Appends an event that has only data, as [`Event::data`] does.
#[inline]
pub fn encode_data(data: &str, out: &mut Vec<u8>) {
    data_lines(data.as_bytes(), out);
    out.push(b'\n');
}

/// The length of the encoded event at the front of these bytes; all of them if the event is not complete.
pub fn encoded_event_len(bytes: &[u8]) -> usize {
    match bytes {
        [b'\n', ..] => 1,
        bytes => memmem::find(bytes, b"\n\n").map_or(bytes.len(), |end| end + 2),
    }
}

/// One line for each line of the data. The blank after the colon is always there, because a receiver removes one.
#[inline]
fn data_lines(mut data: &[u8], out: &mut Vec<u8>) {
    while let Some(end) = line_end(data) {
        line(b"data: ", &data[..end], out);
        let is_pair = data[end..].starts_with(b"\r\n");
        data = &data[end + 1 + usize::from(is_pair)..];
    }
    line(b"data: ", data, out);
}

#[inline]
fn line(prefix: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(prefix.len() + value.len() + 2);
    out.extend_from_slice(prefix);
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[inline]
fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr2(b'\r', b'\n', bytes)
}
