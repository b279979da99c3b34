//! A deferred decision about a WebSocket, from any thread.

use crate::client::accept_fields::AcceptFields;
use crate::client::reply::Reply;
use crate::client::response::{ResponseBuilder, ResponseTarget, sealed};
use crate::message::{Body, HeaderValue};
use crate::shared::{Acceptance, AnswerKind, Command, Switching};
use jackfield_proto::http1::{FieldError, Fields};
use jackfield_reactor::ConnectionId;

/// A deferred decision about a WebSocket. Any thread may decide. If it is dropped without a decision, the peer gets a
/// 503.
#[derive(Debug)]
pub struct LateUpgrade {
    reply: Reply,
    /// Without the fields, which are added when it is accepted.
    switching: Switching,
    offered: Vec<Box<str>>,
    fields: AcceptFields,
}

impl LateUpgrade {
    pub(crate) fn new(
        reply: Reply,
        switching: Switching,
        offered: Vec<Box<str>>,
        fields: AcceptFields,
    ) -> Self {
        Self { reply, switching, offered, fields }
    }

    /// The connection that waits for it.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.reply.id
    }

    /// The subprotocols that the peer offers, the preferred one first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.offered.iter().map(AsRef::as_ref)
    }

    /// Chooses a subprotocol. False, and nothing is chosen, if the peer does not offer it or if one was chosen before.
    pub fn choose(&mut self, protocol: &str) -> bool {
        let is_offered = self.protocols().any(|offered| offered == protocol);
        self.fields.choose(protocol, is_offered)
    }

    /// As [`Upgrade::choose_first`](crate::Upgrade::choose_first).
    pub fn choose_first<'p, T>(&mut self, protocols: impl IntoIterator<Item = (&'p str, T)>) -> Option<T> {
        protocols.into_iter().find_map(|(protocol, value)| self.choose(protocol).then_some(value))
    }

    /// Adds a header line to the answer that accepts.
    ///
    /// # Errors
    /// The line is not valid, or belongs to the handshake (`Sec-WebSocket-*`, `Upgrade`, `Connection`). It is not added
    /// then.
    pub fn header(&mut self, name: &str, value: impl HeaderValue) -> Result<(), FieldError> {
        self.fields.push(name, value)
    }

    /// Accepts: `on_open` comes next, on the connection's reactor.
    pub fn accept(mut self) {
        self.reply.is_owed = false;
        let Reply { id, sequence, .. } = self.reply;
        let switching = Switching { fields: self.fields.take(), ..self.switching };
        let acceptance = Acceptance { id, sequence, switching };
        // If the reactor has ended, its connections are gone too.
        let _ = self.reply.handle.post_reserved(id.reactor(), Command::Accept(Box::new(acceptance)));
    }

    /// Refuses with a status, such as 401 or 403.
    pub fn reject(self, status: u16) {
        let text = jackfield_proto::http1::reason_phrase(status);
        self.refuse(status, "text/plain", Fields::new(), text.into());
    }

    /// Refuses with your own header lines, such as the `WWW-Authenticate` of a 401 (RFC 9110 section 11.6.1). Lines
    /// that were added with `header` are only for the answer that accepts.
    #[must_use]
    pub fn response(self, status: u16) -> ResponseBuilder<Self> {
        ResponseBuilder::new(self, status, Fields::new())
    }

    /// Whether the peer is still connected. It may leave right after this call.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.reply.is_connected()
    }

    fn refuse(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'static>) {
        self.reply.post(status, content_type, fields, AnswerKind::Whole(body));
    }
}

impl ResponseTarget for LateUpgrade {
    type Outcome = ();
}

impl sealed::Sealed<()> for LateUpgrade {
    fn answer(self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        self.refuse(status, content_type, fields, body.into_owned());
    }
}

impl Drop for LateUpgrade {
    fn drop(&mut self) {
        if self.reply.is_owed {
            self.reply.post(503, "", Fields::new(), AnswerKind::Whole(Body::Borrowed(&[])));
        }
    }
}
