//! A deferred answer, from any thread.

use crate::client::connection::Connection;
use crate::client::response::{ResponseBuilder, ResponseTarget, sealed};
use crate::links::{EVENT_STREAM, Protocol};
#[cfg(feature = "files")]
use crate::message::Source;
use crate::message::{Body, ReaderSource, Sent};
use crate::shared::{Answer, AnswerKind, Busy, Command, Handle, Part, PartKind, SendWindow, WindowSize};
use jackfield_proto::http1::{FieldError, Fields, has_no_body, reason_phrase};
use jackfield_reactor::ConnectionId;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// The answer to a deferred request. Any thread may give it. It has a reserved place in the mailbox, so a full mailbox
/// never refuses it. If it is dropped without an answer, the peer gets a 500. If the connection is gone, nothing is sent,
/// and the call that answers returns [`Sent::Gone`]. A peer that closes its side while it waits counts as gone, unless
/// [`Limits::half_closed`](crate::Limits::half_closed) keeps such connections.
///
/// It has the methods of an [`Exchange`](crate::Exchange), which take effect on the connection's reactor.
///
/// ```
/// use jackfield::{Client, Exchange, Request, Sent};
/// use std::{thread, time::Duration};
///
/// struct Slow;
///
/// impl Client for Slow {
///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
///         let reply = exchange.defer();
///         thread::spawn(move || {
///             let mut body = reply.stream(200, "text/plain");
///             for part in ["some ", "parts"] {
///                 // Full: the peer reads slowly.
///                 while body.write(part) == Sent::Full {
///                     if !body.wait_for_room(Duration::from_secs(30)) {
///                         return; // the answer is broken off
///                     }
///                 }
///             }
///             body.finish();
///         });
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Reply {
    pub(super) handle: Handle,
    pub(super) id: ConnectionId,
    pub(super) sequence: u32,
    /// How much of a body may be on its way.
    window: WindowSize,
    /// The request was `HEAD`: no body is sent.
    is_head: bool,
    pub(super) is_owed: bool,
}

impl Reply {
    /// The answer to the exchange of this connection with this number.
    pub(crate) fn new(connection: &Connection<'_>, sequence: u32) -> Self {
        let window = WindowSize::of(connection.wires.limits_of(connection.id));
        let protocol = &connection.links.table[connection.id.slot()].protocol;
        let is_head = matches!(protocol, Protocol::Http(machine) if machine.is_head());
        Self { handle: connection.handle(), id: connection.id, sequence, window, is_head, is_owed: true }
    }

    /// The connection that waits for it.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether the peer is still connected. It may leave right after this call.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.contains(self.id)
    }

    /// Answers. [`Sent::Queued`]: its reactor gets the answer; the peer may still leave before that. [`Sent::Gone`]: the
    /// connection is gone already, and the answer is dropped. It returns nothing else.
    ///
    /// An answer that is not valid gives a 500, as with [`Exchange::respond`](crate::Exchange::respond).
    pub fn respond(mut self, status: u16, content_type: &str, body: impl Into<Body<'static>>) -> Sent {
        self.post(status, content_type, Fields::new(), AnswerKind::Whole(body.into()))
    }

    /// Answers with 200. The result is that of [`Reply::respond`].
    pub fn ok(self, content_type: &str, body: impl Into<Body<'static>>) -> Sent {
        self.respond(200, content_type, body)
    }

    /// Answers with 404. The result is that of [`Reply::respond`].
    pub fn not_found(self) -> Sent {
        self.error(404)
    }

    /// Answers with a status; the body is the meaning of the status. The result is that of [`Reply::respond`].
    pub fn error(self, status: u16) -> Sent {
        self.respond(status, "text/plain", reason_phrase(status))
    }

    /// Redirects the peer to another location, with a status such as 302, 303 or 308. A location that is not valid,
    /// such as one with a line break, gives a 500. The result is that of [`Reply::respond`].
    pub fn redirect(mut self, status: u16, location: &str) -> Sent {
        let mut fields = Fields::new();
        let status = if fields.push("Location", location).is_ok() { status } else { 500 };
        self.post(status, "", fields, AnswerKind::Whole(Body::Borrowed(&[])))
    }

    /// An answer with your own header lines.
    #[must_use]
    pub fn response(self, status: u16) -> ResponseBuilder<Self> {
        ResponseBuilder::new(self, status, Fields::new())
    }

    /// Begins an answer whose body follows in parts, of any length: chunked, or until the close in HTTP/1.0. An answer to
    /// `HEAD`, or with 204, 205 or 304, is complete at once: [`ReplyStream::write`] returns [`Sent::Gone`], because nobody waits for a
    /// part.
    #[must_use]
    pub fn stream(self, status: u16, content_type: &str) -> ReplyStream {
        self.begin_stream(status, content_type, Fields::new(), None)
    }

    /// Begins a stream of server-sent events. From now on any thread may send events to it, with
    /// [`Handle::send`](crate::Handle::send) and the id that is returned.
    pub fn events(self) -> ConnectionId {
        self.begin_events(Fields::new())
    }

    fn begin_stream(
        mut self,
        status: u16,
        content_type: &str,
        fields: Fields,
        body_bytes: Option<u64>,
    ) -> ReplyStream {
        self.post(status, content_type, fields, AnswerKind::Stream(body_bytes));
        ReplyStream {
            handle: self.handle.clone(),
            id: self.id,
            sequence: self.sequence,
            size: self.window,
            window: None,
            is_mailbox_full: false,
            is_open: !self.is_head && !has_no_body(status),
        }
    }

    fn begin_events(mut self, fields: Fields) -> ConnectionId {
        self.post(200, "", fields, AnswerKind::Events);
        self.id
    }

    pub(super) fn post(&mut self, status: u16, content_type: &str, fields: Fields, kind: AnswerKind) -> Sent {
        self.is_owed = false;
        if !self.is_connected() {
            return Sent::Gone;
        }
        let (id, sequence, content_type) = (self.id, self.sequence, content_type.into());
        let answer = Answer { id, sequence, status, content_type, fields, kind };
        match self.handle.post_reserved(id.reactor(), Command::Answer(Box::new(answer))) {
            None => Sent::Queued,
            Some(_) => Sent::Gone,
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.is_owed {
            self.post(500, "", Fields::new(), AnswerKind::Whole(Body::Borrowed(&[])));
        }
    }
}

impl ResponseTarget for Reply {
    type Outcome = Sent;
}

impl sealed::Sealed<Sent> for Reply {
    fn answer(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) -> Sent {
        self.post(status, content_type, fields, AnswerKind::Whole(body.into_owned()))
    }
}

impl ResponseBuilder<Reply> {
    /// Begins the answer as [`Reply::stream`] does; its body follows in parts. If a length is given, the body must have exactly
    /// that many bytes.
    ///
    /// # Errors
    /// The first header line that can't be written, the type included. The answer is a 500 then.
    pub fn stream(self, content_type: &str, body_bytes: Option<u64>) -> Result<ReplyStream, FieldError> {
        match self.unwritable(content_type) {
            Some(error) => Err(error),
            None => Ok(self.to.begin_stream(self.status, content_type, self.fields, body_bytes)),
        }
    }

    /// Answers with the content of a reader, as the method of this name for an [`Exchange`](crate::Exchange) does.
    ///
    /// # Errors
    /// The first header line or content type that is not valid. The answer is a 500 then.
    pub fn reader(
        self,
        content_type: &str,
        body_bytes: Option<u64>,
        reader: impl Read + Send + 'static,
    ) -> Result<(), FieldError> {
        let mut stream = self.stream(content_type, body_bytes)?;
        if std::mem::take(&mut stream.is_open) {
            stream.handle.pull(stream.id, stream.sequence, Box::new(ReaderSource::new(reader, body_bytes)));
        }
        Ok(())
    }

    /// Begins a stream of server-sent events, as [`Reply::events`]. Its status is 200, whatever was given.
    ///
    /// # Errors
    /// The first header line that is not valid. The answer is a 500 then.
    pub fn events(self) -> Result<ConnectionId, FieldError> {
        match self.unwritable(EVENT_STREAM) {
            Some(error) => Err(error),
            None => Ok(self.to.begin_events(self.fields)),
        }
    }
}

/// The body of a deferred answer; any thread sends its parts, in order.
///
/// If it is dropped before its end, the connection is reset, so that the peer does not take the part that arrived for
/// the whole body.
#[derive(Debug)]
pub struct ReplyStream {
    handle: Handle,
    id: ConnectionId,
    sequence: u32,
    size: WindowSize,
    /// Made for the first part.
    window: Option<Arc<SendWindow>>,
    /// It was, at the last part.
    is_mailbox_full: bool,
    /// More of the body is awaited.
    is_open: bool,
}

/// How long a thread waits before it tries a full mailbox again.
const MAILBOX_PAUSE: Duration = Duration::from_millis(1);

impl ReplyStream {
    /// The connection that it goes to.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether the peer is still connected. It may leave right after this call.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.contains(self.id)
    }

    /// Sends a part, and never waits.
    ///
    /// [`Sent::Congested`]: it was accepted, and more than `limits.reactor.outbox_bytes_high` are on their way to the peer.
    /// [`Sent::Full`]: it was not accepted, because the parts on their way have reached `outbox_bytes_max` less that, or
    /// because the mailbox of the reactor is full. Then [`ReplyStream::wait_for_room`] waits, or you try again later. If the
    /// peer is what is slow, `on_drain` of its client comes too. [`Sent::Gone`]: the peer has left, or the answer is complete because it
    /// has no body: to `HEAD`, or with a status such as 204.
    ///
    /// A part that is longer than what is left of the announced length resets the connection.
    pub fn write<'m>(&mut self, part: impl Into<Body<'m>>) -> Sent {
        if !self.is_open {
            return Sent::Gone;
        }
        let part = part.into();
        let Ok(remote) = self.handle.remote_of(self.id) else { return Sent::Gone };
        let window = self.window.get_or_insert_with(|| Arc::new(SendWindow::new(self.size)));
        let Some((permit, is_congested)) = window.let_in(part.len()) else { return Sent::Full };
        let posted = remote.post(self.part(PartKind::Bytes(part.into_owned(), permit)));
        self.is_mailbox_full = posted == Err(Busy::Full);
        match posted {
            Ok(()) if is_congested => Sent::Congested,
            Ok(()) => Sent::Queued,
            Err(Busy::Full) => Sent::Full,
            Err(_) => Sent::Gone,
        }
    }

    /// Waits until the next part may be accepted, at most this long. True: try again; also at once if the peer has left,
    /// which `write` tells. False: still no room. It blocks its thread, so never call it on a reactor's thread, where
    /// `on_drain` comes.
    #[must_use]
    pub fn wait_for_room(&self, most: Duration) -> bool {
        if self.is_mailbox_full {
            std::thread::sleep(MAILBOX_PAUSE.min(most));
        }
        self.window.as_ref().is_none_or(|window| window.wait(most))
    }

    /// Sends the body from this source, each piece when the one before was taken. The first piece is read here.
    #[cfg(feature = "files")]
    pub(crate) fn pull(mut self, source: Box<dyn Source>) {
        self.is_open = false;
        self.handle.pull_on_this_thread(self.id, self.sequence, source);
    }

    /// Ends the body. If it is shorter than announced, the connection closes, so that the peer notices it.
    pub fn finish(self) {
        self.finish_with(Fields::new());
    }

    /// Ends the body, with trailers as [`ResponseStream::finish_with`](crate::ResponseStream::finish_with) sends them.
    pub fn finish_with(mut self, trailers: Fields) {
        self.end(PartKind::End(trailers));
    }

    /// Ends the stream. Like the answer of a [`Reply`], the end has a reserved place in the mailbox.
    fn end(&mut self, kind: PartKind) {
        self.is_open = false;
        self.handle.post_reserved(self.id.reactor(), self.part(kind));
    }

    fn part(&self, kind: PartKind) -> Command {
        Command::Part(Box::new(Part { id: self.id, sequence: self.sequence, kind }))
    }
}

impl Drop for ReplyStream {
    fn drop(&mut self) {
        if self.is_open {
            self.end(PartKind::Broken);
        }
    }
}
