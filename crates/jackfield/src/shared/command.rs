//! What one thread asks of another's reactor.

use crate::config::Heartbeat;
use crate::message::{Body, Prepared};
use crate::shared::state::Drain;
use jackfield_proto::http1::Fields;
use jackfield_reactor::{ConnectionId, Incoming};
use std::any::Any;
use std::sync::Arc;

/// What one thread asks of another's reactor.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new connection that another reactor accepted for this one, and whether it is provisional.
    Adopt(Incoming, bool),
    Send(ConnectionId, Prepared),
    Publish(Arc<str>, Prepared),
    Post(ConnectionId, Box<dyn Any + Send>),
    Close(ConnectionId),
    Abort(ConnectionId),
    Answer(Box<Answer>),
    Accept(Box<Acceptance>),
    Heartbeat(Arc<Heartbeat>),
    /// To accept in the place of the reactor that does, or not any more.
    StandIn(bool),
    Shutdown(Drain),
    /// Another reactor has found that memory is scarce.
    Pressure,
}

/// A deferred answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: ConnectionId,
    /// The exchange that it answers: a later one on the same connection is not meant.
    pub(crate) sequence: u32,
    pub(crate) status: u16,
    pub(crate) content_type: Box<str>,
    pub(crate) fields: Fields,
    pub(crate) body: Body<'static>,
}

/// A deferred yes to an upgrade.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) id: ConnectionId,
    pub(crate) sequence: u32,
    pub(crate) accept: [u8; 28],
    pub(crate) fields: Fields,
}
