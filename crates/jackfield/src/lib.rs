//! An event-driven server framework without async: HTTP/1.1, WebSocket, server-sent events, TLS and your own protocols,
//! on one reactor for each core. Each connection gets an instance of your own [`Client`] type.
//!
//! ```no_run
//! use jackfield::{Client, Message, Server, WebSocket};
//!
//! struct Echo;
//!
//! impl Client for Echo {
//!     fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
//!         socket.send(message);
//!     }
//! }
//!
//! fn main() -> jackfield::Result<()> {
//!     Server::bind("127.0.0.1:9001")?.serve(|_peer| Echo)
//! }
//! ```
//!
//! A callback gets a context that fits the protocol: an [`Exchange`] for a request, a [`WebSocket`], an
//! [`EventStream`], or a [`Raw`] connection. Each of them is also a [`Connection`], which sets timers, subscribes to
//! topics, and sends to any other connection. Other threads use a [`Handle`].
//!
//! The [`guide`] has ten short chapters, from the first server to several machines.
//!
//! # When something goes wrong
//!
//! Every limit and timeout is a field of [`Limits`], with presets for three kinds of networks. [`Server::audit`] lists
//! the defences that are off on listeners that other machines can reach. A connection that exceeds a limit ends with a
//! [`Reason`], which its client gets in [`Client::on_disconnect`], and which [`Metrics::ended`] counts. The
//! [`Observer`] gets reports about refused connections, and about events that do not end a connection.
//!
//! A panic in a callback ends its own connection: a request that is not answered yet gets 500, a WebSocket closes with
//! 1011, any other connection is reset, and `on_disconnect` still comes once. The other connections, the reactor and
//! the memory of the server are not affected, and [`Observer::on_panic`] gets the payload of the panic. This needs
//! unwinding: with `panic = "abort"` in the build profile, which no library can change, the first panic ends the
//! process with all connections, and nothing is drained.
//!
//! # Logs
//!
//! Messages for the operator go to the [`log`](https://docs.rs/log) crate, with a target for each area: `jackfield::server`,
//! `jackfield::accept`, `jackfield::overload`, `jackfield::memory`, `jackfield::tls`, `jackfield::connect`,
//! `jackfield::broker`, `jackfield::offload`, `jackfield::files`, `jackfield::access` (the [`AccessLog`]), and
//! `jackfield::client` for mistakes in your code, such as a panic. A connection is named by its id, as in `r0-17.3`. Records
//! also have key-values: `connection`, `listener`, `reactor`, `bytes`. Headers and queries are never logged with their secrets:
//! [`MaskedQuery`](proto::http1::MaskedQuery).

#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod config;
mod disconnect;
mod dispatch;
mod gate;
mod guard;
#[cfg(any(doc, doctest))]
pub mod guide;
mod links;
mod message;
mod observe;
#[cfg(all(feature = "test-util", feature = "tls"))]
mod secure;
mod server;
mod shared;
#[cfg(feature = "sim")]
pub mod sim;
mod sync;
#[cfg(feature = "test-util")]
pub mod test;
mod topics;
mod web;

#[cfg(feature = "compression")]
pub use client::Compression;
pub use client::{
    BodyPlan, Client, ClientFactory, Connection, ConnectionStats, Control, EventStream, Exchange,
    FrameAction, HeartbeatAction, IntoClient, LateUpgrade, MessageKind, MessageWriter, Raw, Reactor, Reply,
    ReplyStream, ResponseBuilder, ResponseStream, ResponseTarget, Setup, TimerId, Upgrade, WebSocket,
    last_event_id,
};
#[cfg(any(feature = "tls-webpki-roots", feature = "tls-native-roots"))]
pub use config::roots;
#[cfg(feature = "tls")]
pub use config::{AcmeChallenges, ClientAuth, Host, MissingHost};
#[cfg(feature = "deflate")]
pub use config::{Deflate, DeflateMode};
pub use config::{Heartbeat, LimitRow, Limits, Listener, OnRateExceeded, Outgoing, Rate, Refuse, WhenFull};
pub use disconnect::{ConnectError, Disconnect, Limit, ProtocolError, Reason, Timeout};
pub use gate::{Access, Authenticator};
pub use message::{Body, HeaderValue, Prepared, Publication, Published, Sent};
pub use observe::{AccessLog, LogCrate};
pub use server::{Audit, Embedded, Error, Finding, Result, Server, ServerBuilder};
#[cfg(feature = "expiry")]
pub use shared::ExpiringCertificate;
#[cfg(feature = "tls")]
pub use shared::TlsInfo;
pub use shared::{
    AnsweredAs, Broker, BrokerEvent, BrokerInbox, Busy, ClusterMember, Drain, FailedHandshake, Finished,
    Handle, JobPanicked, ListenerInfo, ListenerState, Metrics, NotPosted, Observer, Offloaded, Peer,
    QueueFull, RefuseReason, ServerState, SharedTopic, SlowCallback, WhichListener,
};
pub use topics::{History, Overflow, Position, Subscribed};
#[cfg(feature = "files")]
pub use web::Files;
pub use web::{Basic, BasicAuth, BearerAuth, Cors, Relay, bearer, is_same_secret};
#[cfg(feature = "router")]
pub use web::{Found, Params, Router, RouterError, Routes};

pub use jackfield_proto as proto;
#[doc(inline)]
pub use jackfield_proto::http1::Limits as HttpLimits;
pub use jackfield_proto::http1::{BodyError, FieldError, Fields, Request, Version};
pub use jackfield_proto::sse::Event;
#[doc(inline)]
pub use jackfield_proto::websocket::Limits as WebSocketLimits;
pub use jackfield_proto::websocket::{FrameHead, Message};
pub use jackfield_reactor as reactor;
#[doc(inline)]
pub use jackfield_reactor::Limits as ReactorLimits;
pub use jackfield_reactor::{
    Addr, Bandwidth, ConnectionId, Credentials, KeepAlive, Pressure, ReadPause, Time,
};
/// The rustls version whose configurations [`Listener::tls_config`] and [`Raw::start_tls`] take (feature `tls`).
#[cfg(feature = "tls")]
pub use rustls;
