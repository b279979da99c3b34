//! The methods of an event stream.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::links::Protocol;
use crate::message::{Publication, Sent};
use crate::topics::ID_BYTES_MAX;
use jackfield_proto::http1::Request;

/// A stream of server-sent events: an answer that goes on until your code or the peer ends it.
///
/// While nothing is sent, comments keep the stream open in proxies. It ends with the connection. Send the
/// first events where you begin the stream, or in [`Client::on_events`](crate::Client::on_events), which comes after a deferred
/// answer too.
///
/// ```
/// use jackfield::{Client, Event, Exchange, Request};
///
/// struct Feed;
///
/// impl Client for Feed {
///     fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
///         let mut events = exchange.events();
///         events.send(Event::data("welcome").event("begin").retry(3000));
///         events.subscribe("feed");
///     }
/// }
/// ```
#[doc(alias = "Sse")]
#[doc(alias = "ServerSentEventConnection")]
pub struct EventStream<'a> {
    pub(crate) connection: Connection<'a>,
}

context!(EventStream);

impl EventStream<'_> {
    /// Sends an event, or a text as the data of an event. An event that is not valid (with a line break in its name or
    /// id) is [`Sent::Unsupported`], and so are bytes; nothing is sent then.
    pub fn send<'m>(&mut self, publication: impl Into<Publication<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        // The answer to a HEAD has ended with its head.
        match links.link(*id).protocol {
            Protocol::Events => links.send(wires, *id, publication.into().content()),
            _ => Sent::Gone,
        }
    }
}

impl EventStream<'_> {
    /// Sends a last event, which tells the page to close its `EventSource`, and then ends the stream. If the page connects
    /// again all the same, [`Exchange::stop_event_source`](crate::Exchange::stop_event_source) stops it.
    ///
    /// ```
    /// use jackfield::{Client, Event, Exchange, Request, last_event_id};
    ///
    /// struct Quiz;
    ///
    /// impl Client for Quiz {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         if last_event_id(request).is_some_and(|id| id == "end") {
    ///             return exchange.stop_event_source();
    ///         }
    ///         let mut events = exchange.events();
    ///         events.send("the only question");
    ///         events.finish(Event::data("").event("end").id("end"));
    ///     }
    /// }
    /// ```
    pub fn finish<'m>(mut self, last: impl Into<Publication<'m>>) -> Sent {
        let sent = self.send(last);
        self.connection.close();
        sent
    }
}

/// The id that an `EventSource` sends when it connects again: the field `Last-Event-ID`, or `lastEventId` in the query,
/// which a page can set to an id that it has stored. `None`: there is none. One that is longer than 256 bytes or not UTF-8
/// is returned as `"?"`, which names nothing in any history: such a client is not new, and gets a `resync`. The id in the
/// query is not decoded, because ids of a topic's history need no decoding.
///
/// ```
/// use jackfield::{Client, Exchange, Request, last_event_id};
///
/// struct Feed;
///
/// impl Client for Feed {
///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
///         exchange.events().subscribe_from("feed", last_event_id(request).unwrap_or_default());
///     }
/// }
/// ```
#[doc(alias = "Last-Event-ID")]
#[must_use]
pub fn last_event_id<'b>(request: &Request<'b>) -> Option<&'b str> {
    let in_query = || {
        let pairs = request.query()?.split('&');
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == "lastEventId")
            .map(|(_, id)| id)
    };
    let id = request.header("last-event-id").or_else(|| in_query().map(str::as_bytes))?;
    let readable = std::str::from_utf8(id).ok().filter(|id| id.len() <= ID_BYTES_MAX);
    (!id.is_empty()).then(|| readable.unwrap_or(UNREADABLE))
}

/// Returned for an id that can't be read.
const UNREADABLE: &str = "?";

impl Connection<'_> {
    /// The connection as an event stream, if it is one.
    pub fn as_events(&mut self) -> Option<EventStream<'_>> {
        matches!(self.protocol(), Protocol::Events).then(|| EventStream { connection: self.reborrow() })
    }
}
