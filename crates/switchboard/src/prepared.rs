//! A message that is encoded once, however many connections it goes to.

use crate::Message;
use std::sync::{Arc, OnceLock};
use switchboard_proto::{sse, websocket};

/// A message that is encoded once, however many connections it goes to, on whatever reactors.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    /// The message as a WebSocket frame, whose payload is the message itself.
    frame: Arc<[u8]>,
    header_bytes: usize,
    is_text: bool,
    /// The same as an event, made when the first event stream wants it.
    event: OnceLock<Option<Arc<[u8]>>>,
}

impl Prepared {
    /// Encodes a message.
    #[must_use]
    pub fn new(message: Message<'_>) -> Self {
        let mut frame = Vec::with_capacity(message.len() + 10);
        websocket::encode(message, &mut frame);
        let header_bytes = frame.len() - message.len();
        let is_text = matches!(message, Message::Text(_));
        Self(Arc::new(Inside { frame: frame.into(), header_bytes, is_text, event: OnceLock::new() }))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        let payload = self.payload();
        match std::str::from_utf8(payload) {
            Ok(text) if self.0.is_text => Message::Text(text),
            _ => Message::Binary(payload),
        }
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.0.frame[self.0.header_bytes..]
    }

    pub(crate) fn frame(&self) -> &Arc<[u8]> {
        &self.0.frame
    }

    /// `None`: an event stream can't carry it.
    pub(crate) fn event(&self) -> Option<&Arc<[u8]>> {
        self.0.event.get_or_init(|| encode_event(self.message()).map(Into::into)).as_ref()
    }
}

/// A text message as an event; an event stream carries no binary ones.
fn encode_event(message: Message<'_>) -> Option<Vec<u8>> {
    let Message::Text(text) = message else { return None };
    let mut out = Vec::with_capacity(text.len() + 16);
    sse::Event::data(text).encode(&mut out).ok()?;
    Some(out)
}

impl<'m, M: Into<Message<'m>>> From<M> for Prepared {
    fn from(message: M) -> Self {
        Self::new(message.into())
    }
}
