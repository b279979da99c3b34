//! A request's answer.

use super::context;
use super::response::ResponseBuilder;
use super::stream::ResponseStream;
use crate::hub::Links;
use crate::late::Reply;
use crate::link::Protocol;
use crate::{Body, Connection, ConnectionId, EventStream};
use jackfield_proto::http1::{Fields, Phase, ResponseHead, SendBody};
use jackfield_reactor::Wires;

/// A request that is to be answered, once: each answer uses the exchange up. One that is dropped unused is a 500.
///
/// What makes no sense does not compile, such as a second answer, or a WebSocket's message:
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
    /// A status that no final answer can have (below 200, above 999) is sent as 500.
    #[doc(alias = "SendHttpResponse")]
    #[inline(always)]
    pub fn respond<'m>(mut self, status: u16, content_type: &str, body: impl Into<Body<'m>>) {
        let Connection { id, wires, links } = &mut self.connection;
        links.respond(wires, *id, &ResponseHead::new(status, content_type), body.into());
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

    /// Answers with a status whose meaning is the whole message.
    #[doc(alias = "SendHttp500Response")]
    pub fn error(self, status: u16) {
        let text = jackfield_proto::http1::reason_phrase(status);
        self.respond(status, "text/plain", text);
    }

    /// Sends the client elsewhere, with a status such as 302, 303 or 308.
    pub fn redirect(self, status: u16, location: &str) {
        // A location that can't be written has become a 500.
        let _ = self.response(status).header("Location", location).body("", "");
    }

    /// Lets the answer say that the connection closes after it, and closes it then. To close at once, without an
    /// answer, is [`Connection::close`].
    pub fn close_after(&mut self) {
        if let Protocol::Http(machine) = self.connection.protocol() {
            machine.close_after();
        }
    }

    /// An answer with header lines of its own.
    #[must_use]
    pub fn response(self, status: u16) -> ResponseBuilder<Self> {
        let fields = std::mem::take(&mut self.connection.links.fields);
        ResponseBuilder::new(self, status, fields)
    }

    /// Begins an answer whose body follows in parts, of any length: chunked, or until the close in HTTP/1.0.
    #[must_use]
    pub fn stream(mut self, status: u16, content_type: &str) -> ResponseStream<'a> {
        self.begin_stream(&ResponseHead::new(status, content_type), None);
        ResponseStream { connection: self.connection }
    }

    /// Begins a stream of server-sent events.
    #[doc(alias = "sse")]
    pub fn events(mut self) -> EventStream<'a> {
        let mut fields = Fields::new();
        add_event_stream_fields(&mut fields);
        self.begin_events(fields);
        EventStream { connection: self.connection }
    }

    /// Answers later, from any thread. Further requests of this connection wait until then.
    #[must_use]
    pub fn defer(mut self) -> Reply {
        let sequence = self.connection.defer_answer();
        Reply::new(self.connection.handle(), self.connection.id, sequence)
    }

    /// Begins an event stream, with these lines in its head besides its own.
    pub(super) fn begin_events(&mut self, fields: Fields) {
        let Connection { id, wires, links } = &mut self.connection;
        links.begin_events(wires, *id, &fields);
    }

    pub(crate) fn begin_stream(&mut self, head: &ResponseHead<'_>, body_bytes: Option<u64>) {
        let Connection { id, wires, links } = &mut self.connection;
        let now = wires.now();
        let Some(outbox) = wires.outbox(*id) else { return };
        let (link, date) = links.link_and_date(*id, now);
        if let Protocol::Http(machine) = &mut link.protocol {
            machine.respond_stream(head, body_bytes, date, outbox.tail());
        }
    }
}

impl Connection<'_> {
    /// Notes that the open answer comes later, and says which it is.
    pub(crate) fn defer_answer(&mut self) -> u32 {
        let Protocol::Http(machine) = self.protocol() else { return 0 };
        machine.defer();
        machine.sequence()
    }
}

impl Links {
    /// Answers the exchange that is open or deferred on a connection.
    #[inline(always)]
    pub(crate) fn respond(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        head: &ResponseHead<'_>,
        body: Body<'_>,
    ) {
        let now = wires.now();
        let Some(outbox) = wires.outbox(id) else { return };
        let (link, date) = self.link_and_date(id, now);
        let Protocol::Http(machine) = &mut link.protocol else { return };
        match machine.respond(head, body.len() as u64, date, outbox.tail()) {
            SendBody::Yes => Self::append_body(wires, id, body),
            SendBody::No => {}
        }
    }

    /// From now on the connection is an event stream, which lasts until its end.
    fn begin_events(&mut self, wires: &mut Wires, id: ConnectionId, fields: &Fields) {
        let now = wires.now();
        let heartbeat = self.settings.limits.events_heartbeat;
        let Some(outbox) = wires.outbox(id) else { return };
        let (link, date) = self.link_and_date(id, now);
        let Protocol::Http(machine) = &mut link.protocol else { return };
        let head = ResponseHead { status: 200, content_type: EVENT_STREAM, fields };
        if machine.respond_until_close(&head, date, outbox.tail()) == SendBody::No {
            return;
        }
        debug_assert_eq!(machine.phase(), Phase::Streaming);
        link.protocol = Protocol::Events;
        link.has_own_idle_timeout = false;
        wires.count_writes_as_activity(id);
        wires.set_idle_timeout(id, heartbeat);
    }
}

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// Neither caches nor proxies may keep events back.
pub(super) fn add_event_stream_fields(fields: &mut Fields) {
    for (name, value) in [("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no")] {
        let pushed = fields.push(name, value);
        debug_assert!(pushed.is_ok(), "both lines are valid");
    }
}
