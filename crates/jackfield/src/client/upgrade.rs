//! The decision about a WebSocket.

use crate::client::accept_fields::AcceptFields;
use crate::client::connection::Connection;
use crate::client::context::context;
use crate::client::late_upgrade::LateUpgrade;
use crate::client::reply::Reply;
use crate::client::response::{ResponseBuilder, ResponseTarget, sealed};
use crate::links::key;
use crate::message::{Body, HeaderValue};
use crate::shared::Switching;
use jackfield_proto::http1::{FieldError, Fields};
use jackfield_proto::websocket::Offer;

/// A request for a WebSocket, which you accept or refuse, at once or later. If it is dropped without a decision, the peer gets
/// a 503.
///
/// ```
/// use jackfield::{Client, Request, Upgrade};
///
/// struct Member {
///     room: String,
/// }
///
/// impl Client for Member {
///     fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
///         match request.path().strip_prefix("/rooms/") {
///             Some(room) => {
///                 self.room = room.to_owned();
///                 upgrade.accept();
///             }
///             None => upgrade.reject(404),
///         }
///     }
/// }
/// ```
pub struct Upgrade<'a> {
    pub(crate) connection: Connection<'a>,
    offer: &'a Offer<'a>,
    fields: AcceptFields,
}

context!(Upgrade);

impl<'a> Upgrade<'a> {
    pub(crate) fn new(connection: Connection<'a>, offer: &'a Offer<'a>) -> Self {
        Self { connection, offer, fields: AcceptFields::default() }
    }

    /// The subprotocols that the peer offers, the preferred one first.
    #[doc(alias = "SubProtocols")]
    pub fn protocols(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.offer.protocols()
    }

    /// The extensions that the peer offers, as they were sent.
    #[doc(alias = "Extensions")]
    pub fn extensions(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.offer.extensions().map(|extension| extension.as_str())
    }

    /// The origin of the page, if the request comes from a browser.
    #[doc(alias = "OriginHeader")]
    #[must_use]
    pub fn origin(&self) -> Option<&'a str> {
        self.offer.origin()
    }

    /// Chooses a subprotocol. False, and nothing is chosen, if the peer does not offer it or if one was chosen before.
    pub fn choose(&mut self, protocol: &str) -> bool {
        self.fields.choose(protocol, self.offer.offers(protocol))
    }

    /// Chooses the first of these subprotocols that the peer offers, and returns the value beside it. So the order is the
    /// server's preference, and the result is your own value. `None`, and nothing is chosen, if none is offered or if one
    /// was chosen before: then reject with a status of your choice, or accept without a subprotocol.
    ///
    /// ```
    /// use jackfield::{Client, Request, Upgrade};
    ///
    /// #[derive(Clone, Copy)]
    /// enum Version {
    ///     One,
    ///     Two,
    /// }
    ///
    /// struct Chat {
    ///     version: Option<Version>,
    /// }
    ///
    /// impl Client for Chat {
    ///     fn on_upgrade(&mut self, mut upgrade: Upgrade<'_>, _request: &Request<'_>) {
    ///         self.version = upgrade.choose_first([("chat.v2", Version::Two), ("chat.v1", Version::One)]);
    ///         match self.version {
    ///             Some(_) => upgrade.accept(),
    ///             None => upgrade.reject(400),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn choose_first<'p, T>(&mut self, protocols: impl IntoIterator<Item = (&'p str, T)>) -> Option<T> {
        protocols.into_iter().find_map(|(protocol, value)| self.choose(protocol).then_some(value))
    }

    /// Adds a header line to the answer that accepts.
    ///
    /// # Errors
    /// The line is not valid, or belongs to the handshake (`Sec-WebSocket-*`, `Upgrade`, `Connection`). It is not added
    /// then.
    #[doc(alias = "ResponseHeaders")]
    pub fn header(&mut self, name: &str, value: impl HeaderValue) -> Result<(), FieldError> {
        self.fields.push(name, value)
    }

    /// Accepts: `on_open` comes next.
    #[doc(alias = "Continue")]
    pub fn accept(mut self) {
        let Connection { id, wires, links } = &mut self.connection;
        let deflate = links.limits_of(*id).agree(self.offer);
        let switching = Switching { accept: self.offer.accept_key(), fields: self.fields.take(), deflate };
        links.switch_to_websocket(wires, *id, switching);
    }

    /// Refuses with a status, such as 401 or 403.
    #[doc(alias = "StatusCode")]
    #[doc(alias = "Cancel")]
    pub fn reject(self, status: u16) {
        let text = jackfield_proto::http1::reason_phrase(status);
        // It has no header line that could be wrong.
        let _ = self.response(status).body("text/plain", text);
    }

    /// Refuses, with your own header lines.
    #[must_use]
    pub fn response(self, status: u16) -> ResponseBuilder<Self> {
        ResponseBuilder::new(self, status, Fields::new())
    }

    /// Decides later, from any thread, but within `upgrade_wait`. Bytes that the peer sends meanwhile wait.
    #[must_use]
    pub fn defer(mut self) -> LateUpgrade {
        let sequence = self.connection.defer_answer();
        let id = self.connection.id;
        let limits = self.connection.links.limits_of(id);
        let (wait, deflate) = (limits.upgrade_wait, limits.agree(self.offer));
        self.connection.wires.set_timer(id, key::UPGRADE, wait);
        let offered = self.offer.protocols().map(Into::into).collect();
        let switching = Switching { accept: self.offer.accept_key(), fields: Fields::new(), deflate };
        LateUpgrade::new(Reply::new(&self.connection, sequence), switching, offered, self.fields)
    }
}

impl ResponseTarget for Upgrade<'_> {
    type Outcome = ();
}

impl sealed::Sealed<()> for Upgrade<'_> {
    fn answer(mut self, status: u16, content_type: &str, fields: Fields, body: Body<'_>) {
        self.connection.answer(status, content_type, fields, body);
    }
}
