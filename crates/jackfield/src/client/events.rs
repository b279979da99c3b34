//! The verbs of an event stream.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::links::Protocol;
use crate::message::{Publication, Sent};
use jackfield_proto::http1::Request;

/// A stream of server-sent events: an answer that goes on until somebody ends it.
///
/// Silence is filled with comments, so that proxies keep the stream open. It ends with the connection. It has no
/// `on_open`: what is to be said first is said where it is begun.
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
    /// Sends an event, or a text as the data of one. An event that can't be written as it is (a line break in its name
    /// or id) is [`Sent::Unfit`], and so are bytes; nothing of it is sent.
    pub fn send<'m>(&mut self, publication: impl Into<Publication<'m>>) -> Sent {
        let Connection { id, wires, links } = &mut self.connection;
        // The answer to a HEAD ended with its head.
        match links.link(*id).protocol {
            Protocol::Events => links.send(wires, *id, publication.into().content()),
            _ => Sent::Gone,
        }
    }
}

impl EventStream<'_> {
    /// Sends a last event, by which the page is to close its `EventSource`, and ends the stream behind it. A page that comes
    /// back all the same is stopped by [`Exchange::finish_events`](crate::Exchange::finish_events).
    ///
    /// ```
    /// use jackfield::{Client, Event, Exchange, Request, last_event_id};
    ///
    /// struct Quiz;
    ///
    /// impl Client for Quiz {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         if last_event_id(request).is_some_and(|id| id == "end") {
    ///             return exchange.finish_events();
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

/// The id with which an `EventSource` comes back: the field `Last-Event-ID`, or `lastEventId` in the query, by which a page
/// names one that it has kept. `None`: there is none, it is longer than 256 bytes, or no UTF-8. The one in the query is
/// not decoded: ids of a topic's history need that not.
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
    let id = request.header_str("last-event-id").or_else(in_query)?;
    (!id.is_empty() && id.len() <= ID_BYTES_MAX).then_some(id)
}

/// The longest id of an event that is taken.
const ID_BYTES_MAX: usize = 256;

impl Connection<'_> {
    /// The connection as an event stream, if it is one.
    pub fn as_events(&mut self) -> Option<EventStream<'_>> {
        matches!(self.protocol(), Protocol::Events).then(|| EventStream { connection: self.reborrow() })
    }
}
