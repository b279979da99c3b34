//! A request's answer.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::client::events::EventStream;
use crate::client::reply::Reply;
use crate::client::response::{ResponseBuilder, ResponseTarget, sealed};
use crate::client::stream::ResponseStream;
use crate::links::{EVENT_STREAM, Protocol};
use crate::message::{Body, ReaderSource};
use jackfield_proto::http1::{FieldError, Fields, Owed, ResponseToSend};
use std::io::Read;
use std::time::Duration;

/// A request that you answer once: each answer consumes the exchange. If an exchange is dropped without an answer, the
/// peer gets a 500.
///
/// ```
/// use jackfield::{Client, Exchange, Request};
///
/// struct Page;
///
/// impl Client for Page {
///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
///         match request.path() {
///             "/" => exchange.ok("text/plain", "hello"),
///             "/old" => exchange.redirect(308, "/"),
///             "/feed" => drop(exchange.events().subscribe("news")),
///             _ => exchange.not_found(),
///         }
///     }
/// }
/// ```
///
/// A second answer, or a WebSocket message as an answer, does not compile:
///
/// ```compile_fail,E0382
/// fn twice(exchange: jackfield::Exchange<'_>) {
///     exchange.ok("text/plain", "once");
///     exchange.ok("text/plain", "twice");
/// }
/// ```
///
/// ```compile_fail,E0599
/// fn message(mut exchange: jackfield::Exchange<'_>) {
///     exchange.send("a message");
/// }
/// ```
pub struct Exchange<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(Exchange);

impl<'a> Exchange<'a> {
    /// Answers.
    ///
    /// A status that a final answer can't have (below 200, above 999) is sent as 500. So is an answer whose content
    /// type is not valid, such as one with a line break: nothing is repaired, and its body is not sent. See
    /// [`HeaderValue`](crate::HeaderValue).
    #[doc(alias = "SendHttpResponse")]
    #[inline(always)]
    pub fn respond<'m>(mut self, status: u16, content_type: &str, body: impl Into<Body<'m>>) {
        let Connection { id, wires, links } = &mut self.connection;
        links.respond(wires, *id, &ResponseToSend::new(status, content_type), body.into());
    }

    /// Answers with 200.
    #[doc(alias = "SendHttp200Response")]
    #[inline(always)]
    pub fn ok<'m>(self, content_type: &str, body: impl Into<Body<'m>>) {
        self.respond(200, content_type, body);
    }

    /// Answers with 404.
    #[doc(alias = "SendHttp404Response")]
    pub fn not_found(self) {
        self.error(404);
    }

    /// Answers with a status; the body is the meaning of the status.
    #[doc(alias = "SendHttp500Response")]
    pub fn error(self, status: u16) {
        let text = jackfield_proto::http1::reason_phrase(status);
        self.respond(status, "text/plain", text);
    }

    /// Redirects the peer to another location, with a status such as 302, 303 or 308. A location that is not valid,
    /// such as one with a line break, gives a 500.
    pub fn redirect(self, status: u16, location: &str) {
        // If the location can't be written, the answer is a 500.
        let _ = self.response(status).header("Location", location).body("", "");
    }

    /// Adds `Connection: close` to the answer, and closes the connection after it. To close at once, without an answer,
    /// use [`Connection::close`].
    pub fn close_after(&mut self) {
        if let Protocol::Http(machine) = self.connection.protocol() {
            machine.close_after();
        }
    }

    /// An answer with your own header lines.
    #[must_use]
    pub fn response(self, status: u16) -> ResponseBuilder<Self> {
        let fields = std::mem::take(&mut self.connection.links.fields);
        ResponseBuilder::new(self, status, fields)
    }

    /// Begins an answer whose body follows in parts, of any length: chunked, or until the close in HTTP/1.0.
    ///
    /// The answer to `HEAD` has no body, so it is complete at once: a part that is written in this callback is not sent and gives
    /// [`Sent::Gone`](crate::Sent::Gone), the next request may come after it, and later
    /// [`as_response`](crate::Connection::as_response) is `None`. The same holds for a 204, a 205 and a 304.
    #[must_use]
    pub fn stream(mut self, status: u16, content_type: &str) -> ResponseStream<'a> {
        self.begin_stream(&ResponseToSend::new(status, content_type), None);
        ResponseStream { connection: self.connection }
    }

    /// Begins a stream of server-sent events.
    #[doc(alias = "sse")]
    pub fn events(mut self) -> EventStream<'a> {
        self.begin_events(Fields::new());
        EventStream { connection: self.connection }
    }

    /// Answers later, from any thread. Until then the next requests of this connection wait.
    #[must_use]
    pub fn defer(mut self) -> Reply {
        let sequence = self.connection.defer_answer();
        Reply::new(&self.connection, sequence)
    }

    /// Defers the answer as [`Exchange::defer`] does, with a deadline: if it has not come or begun within this time, the peer
    /// gets 503 and its connection ends with [`Timeout::Answer`](crate::Timeout::Answer). A later answer of the `Reply` is dropped.
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Reply, Request};
    /// use std::{sync::mpsc::Sender, time::Duration};
    ///
    /// struct Asker {
    ///     worker: Sender<Reply>,
    /// }
    ///
    /// impl Client for Asker {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
    ///         // If nobody takes it, it is dropped: a 500.
    ///         let _ = self.worker.send(exchange.defer_within(Duration::from_secs(10)));
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn defer_within(mut self, deadline: Duration) -> Reply {
        let Connection { id, wires, links } = &mut self.connection;
        links.set_answer_deadline(wires, *id, deadline);
        self.defer()
    }

    /// The same for a file, which the server itself reads: a peer that closes its side still gets it.
    #[cfg(feature = "files")]
    pub(crate) fn defer_file(mut self) -> Reply {
        let sequence = self.connection.defer_answer();
        let Connection { id, wires, links } = &mut self.connection;
        links.note_own_answer(wires, *id, sequence);
        Reply::new(&self.connection, sequence)
    }

    /// Begins an event stream, with these additional header lines.
    fn begin_events(&mut self, fields: Fields) {
        let Connection { id, wires, links } = &mut self.connection;
        links.begin_events(wires, *id, fields);
    }

    fn begin_stream(&mut self, head: &ResponseToSend<'_>, body_bytes: Option<u64>) {
        let Connection { id, wires, links } = &mut self.connection;
        links.begin_stream(wires, *id, head, body_bytes);
    }
}

impl Connection<'_> {
    /// Marks the open answer as deferred, and returns its number.
    pub(crate) fn defer_answer(&mut self) -> u32 {
        let Protocol::Http(machine) = self.protocol() else { return 0 };
        machine.defer();
        machine.exchange_number()
    }
}

impl Exchange<'_> {
    /// Answers 204, which makes an `EventSource` stop for good (WHATWG HTML, section "Processing model" of server-sent
    /// events). Use it for an `EventSource` that connects again although its stream has ended with
    /// [`EventStream::finish`].
    pub fn stop_event_source(self) {
        // It has no header line that could be wrong.
        let _ = self.response(204).body("", "");
    }
}

impl<'a> ResponseBuilder<Exchange<'a>> {
    /// Begins the answer as [`Exchange::stream`] does; its body follows in parts. If a length is given, the body must have exactly
    /// that many bytes.
    ///
    /// # Errors
    /// The first header line that is not valid. The answer is a 500 then.
    pub fn stream(
        self,
        content_type: &str,
        body_bytes: Option<u64>,
    ) -> Result<ResponseStream<'a>, FieldError> {
        let error = self.unwritable(content_type);
        let Self { mut to, status, fields, .. } = self;
        if let Some(error) = error {
            to.respond(500, "", &[]);
            return Err(error);
        }
        to.begin_stream(&ResponseToSend { status, content_type, fields: &fields }, body_bytes);
        to.connection.links.fields = fields;
        Ok(ResponseStream { connection: to.connection })
    }

    /// Answers with the content of a reader, such as an open file. It is read on a thread of the pool for blocking work
    /// ([`Handle::offload`](crate::Handle::offload)), in pieces of at most 64 KiB, each when the peer has taken the one before;
    /// so little of it is in memory, and it may block, but no longer than
    /// [`Limits::answer_timeout`](crate::Limits::answer_timeout).
    ///
    /// With a length the body has exactly that many bytes, and what the reader has behind them is not read. Without one it ends where
    /// the reader ends. If the reader fails, panics, or has fewer bytes than announced, the connection is reset, so that the peer
    /// does not take what has arrived for the whole body. A peer that closes its side behind its request gets the whole body; if the
    /// answer was deferred, it counts as gone. For `HEAD` nothing is read. For the files of a folder, with ranges and
    /// conditions, see [`Files`](crate::Files) (feature `files`).
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Request};
    /// use std::fs::File;
    /// use std::io::{Read, Seek, SeekFrom};
    ///
    /// struct Tail;
    ///
    /// impl Client for Tail {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
    ///         let Ok(mut file) = File::open("server.log") else { return exchange.not_found() };
    ///         // A range: at most the last 1,000 bytes.
    ///         let bytes = file.metadata().map_or(0, |data| data.len().min(1000));
    ///         if file.seek(SeekFrom::End(-(bytes as i64))).is_err() {
    ///             return exchange.error(500);
    ///         }
    ///         let _ = exchange.response(200).reader("text/plain", Some(bytes), file);
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// The first header line or content type that is not valid. The answer is a 500 then.
    #[doc(alias = "send_file")]
    #[doc(alias = "sendfile")]
    pub fn reader(
        self,
        content_type: &str,
        body_bytes: Option<u64>,
        reader: impl Read + Send + 'static,
    ) -> Result<(), FieldError> {
        let mut connection = self.stream(content_type, body_bytes)?.connection;
        // Without a body the answer is complete: nothing is read.
        let sequence = match connection.protocol() {
            Protocol::Http(machine) if machine.owed() == Owed::Streaming => machine.exchange_number(),
            _ => return Ok(()),
        };
        let Connection { id, wires, links } = connection;
        links.note_own_answer(wires, id, sequence);
        links.handle.pull(id, sequence, Box::new(ReaderSource::new(reader, body_bytes)));
        Ok(())
    }
}

impl<'a> ResponseBuilder<Exchange<'a>> {
    /// Begins a stream of server-sent events. Its status is always 200.
    ///
    /// # Errors
    /// The first header line that is not valid. The answer is a 500 then.
    pub fn events(self) -> Result<EventStream<'a>, FieldError> {
        let error = self.unwritable(EVENT_STREAM);
        let Self { mut to, fields, .. } = self;
        if let Some(error) = error {
            to.respond(500, "", &[]);
            return Err(error);
        }
        to.begin_events(fields);
        Ok(EventStream { connection: to.connection })
    }
}

impl ResponseTarget for Exchange<'_> {
    type Outcome = ();
}

impl sealed::Sealed<()> for Exchange<'_> {
    fn answer(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        self.connection.answer(status, content_type, fields, body);
    }
}

impl Connection<'_> {
    pub(super) fn answer(&mut self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        let Self { id, wires, links } = self;
        links.respond(wires, *id, &ResponseToSend { status, content_type, fields: &fields }, body);
        // The next answer uses its buffer again.
        links.fields = fields;
    }
}
