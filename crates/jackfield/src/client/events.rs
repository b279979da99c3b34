//! The verbs of an event stream.

use crate::client::connection::Connection;
use crate::client::context::context;
use crate::links::Protocol;
use crate::message::{Publication, Sent};
use crate::topics::Subscribed;

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
    /// Subscribes it to a topic, and gives it what was published there since the event with this id, which is what a
    /// browser sends as `Last-Event-ID` when it comes back. An empty one: nothing but what comes from now on.
    ///
    /// If the topic keeps a history ([`Handle::declare_topic`](crate::Handle::declare_topic)), the client gets exactly what it
    /// has missed and what comes after it, in order and each once. If not all of that is kept,
    /// or the id is none of this topic's, it gets one event `resync` instead, with the data `{"missed":N}` (`null`: not
    /// known) and an id from which it can go on, and what comes after it. A long history comes in portions, as fast as
    /// the client reads. Until it is complete, the connection is not counted as a subscriber.
    ///
    /// ```
    /// use jackfield::{Client, Exchange, Request};
    ///
    /// struct Prices;
    ///
    /// impl Client for Prices {
    ///     fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
    ///         let last = request.header_str("Last-Event-ID");
    ///         exchange.events().subscribe_from("prices", last.unwrap_or_default());
    ///     }
    /// }
    /// ```
    #[doc(alias = "Last-Event-ID")]
    #[doc(alias = "resume")]
    pub fn subscribe_from(&mut self, topic: &str, last_event_id: &str) -> Subscribed {
        let Connection { id, wires, links } = &mut self.connection;
        links.subscribe_from(wires, *id, topic, last_event_id)
    }
}

impl Connection<'_> {
    /// The connection as an event stream, if it is one.
    pub fn as_events(&mut self) -> Option<EventStream<'_>> {
        matches!(self.protocol(), Protocol::Events).then(|| EventStream { connection: self.reborrow() })
    }
}
