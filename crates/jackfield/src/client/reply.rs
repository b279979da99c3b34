//! An answer that comes later, from any thread.

use crate::client::response::{ResponseBuilder, ResponseTarget, sealed};
use crate::message::Body;
use crate::shared::{Answer, Command, Handle};
use jackfield_proto::http1::Fields;
use jackfield_reactor::ConnectionId;

/// An answer that is owed. Any thread may give it; it can't be refused for a full mailbox, for its place is reserved.
/// Dropped, it is a 500. If its connection is gone by then, nothing happens.
#[derive(Debug)]
pub struct Reply {
    pub(super) handle: Handle,
    pub(super) id: ConnectionId,
    pub(super) sequence: u32,
    pub(super) is_owed: bool,
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
        Self: ResponseTarget,
    {
        ResponseBuilder::new(self, status, Fields::new())
    }

    pub(crate) fn send(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'static>) {
        self.post(status, content_type, fields, body);
    }

    pub(super) fn post(&mut self, status: u16, content_type: &str, fields: Fields, body: Body<'static>) {
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

impl ResponseTarget for Reply {}

impl sealed::Sealed for Reply {
    fn answer(self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        self.send(status, content_type, fields, body.into_owned());
    }
}
