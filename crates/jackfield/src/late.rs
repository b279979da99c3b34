//! Answers that come later, from any thread.

use crate::body::Body;
use crate::context::{Answerable, ResponseBuilder};
use crate::mail::{Acceptance, Answer, Command};
use crate::{ConnectionId, Handle};
use jackfield_proto::http1::{FieldError, Fields};

/// An answer that is owed. Any thread may give it; it can't be refused for a full mailbox, for its place is reserved.
/// Dropped, it is a 500. If its connection is gone by then, nothing happens.
#[derive(Debug)]
pub struct Reply {
    handle: Handle,
    id: ConnectionId,
    sequence: u32,
    is_owed: bool,
}

impl Reply {
    pub(crate) fn new(handle: Handle, id: ConnectionId, sequence: u32) -> Self {
        Self { handle, id, sequence, is_owed: true }
    }

    /// The connection that waits for it.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Answers.
    pub fn respond(self, status: u16, content_type: &str, body: impl Into<Body<'static>>) {
        self.send(status, content_type, Fields::new(), body.into());
    }

    /// An answer with header lines of its own.
    #[must_use]
    pub fn response(self, status: u16) -> ResponseBuilder<Self>
    where
        Self: Answerable,
    {
        ResponseBuilder::new(self, status, Fields::new())
    }

    pub(crate) fn send(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'static>) {
        self.post(status, content_type, fields, body);
    }

    fn post(&mut self, status: u16, content_type: &str, fields: Fields, body: Body<'static>) {
        self.is_owed = false;
        let (id, sequence, content_type) = (self.id, self.sequence, content_type.into());
        let answer = Answer { id, sequence, status, content_type, fields, body };
        self.handle.post_reserved(id.reactor(), Command::Answer(Box::new(answer)));
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.is_owed {
            self.post(500, "", Fields::new(), Body::Borrowed(&[]));
        }
    }
}

/// A decision on a WebSocket that is owed. Any thread may take it. Dropped, it is a 503.
#[derive(Debug)]
pub struct LateUpgrade {
    reply: Reply,
    accept: [u8; 28],
    offered: Vec<Box<str>>,
    fields: Fields,
    has_protocol: bool,
}

impl LateUpgrade {
    pub(crate) fn new(
        reply: Reply,
        accept: [u8; 28],
        offered: Vec<Box<str>>,
        fields: Fields,
        has_protocol: bool,
    ) -> Self {
        Self { reply, accept, offered, fields, has_protocol }
    }

    /// The connection that waits for it.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.reply.id
    }

    /// The subprotocols that the client offers, best first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.offered.iter().map(AsRef::as_ref)
    }

    /// Chooses a subprotocol. False, and nothing chosen, if the client does not offer it or one was chosen before.
    pub fn choose(&mut self, protocol: &str) -> bool {
        let chosen = !self.has_protocol
            && self.protocols().any(|offered| offered == protocol)
            && self.fields.push("Sec-WebSocket-Protocol", protocol).is_ok();
        self.has_protocol |= chosen;
        chosen
    }

    /// Adds a header line to the answer that accepts.
    ///
    /// # Errors
    /// The line can't be written as it is, and is not.
    pub fn header(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), FieldError> {
        self.fields.push(name, value)
    }

    /// Accepts: `on_open` comes next, on the connection's reactor.
    pub fn accept(mut self) {
        self.reply.is_owed = false;
        let Reply { id, sequence, .. } = self.reply;
        let fields = std::mem::take(&mut self.fields);
        let acceptance = Acceptance { id, sequence, accept: self.accept, fields };
        self.reply.handle.post_reserved(id.reactor(), Command::Accept(Box::new(acceptance)));
    }

    /// Refuses with a status.
    pub fn reject(mut self, status: u16) {
        let text = jackfield_proto::http1::reason_phrase(status);
        self.reply.post(status, "text/plain", Fields::new(), text.into());
    }
}

impl Drop for LateUpgrade {
    fn drop(&mut self) {
        if self.reply.is_owed {
            self.reply.post(503, "", Fields::new(), Body::Borrowed(&[]));
        }
    }
}
