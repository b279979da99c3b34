//! The commands of other threads to a reactor.

#[cfg(feature = "tls")]
use crate::config::HostAnswer;
use crate::config::{Agreed, Heartbeat, Outgoing};
use crate::message::{Body, Prepared, Source, boxed_bytes};
use crate::shared::owned_bytes::owned_bytes;
use crate::shared::send_window::Permit;
use crate::shared::state::Drain;
use crate::topics::{MembersGeneration, TopicLog};
use jackfield_proto::http1::Fields;
use jackfield_reactor::{ConnectionId, Incoming};
use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A command of another thread to a reactor.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new connection that another reactor accepted for this one, and whether it is provisional.
    Adopt(Incoming, bool),
    Send(ConnectionId, Prepared),
    Publish(Arc<str>, MembersGeneration, Prepared),
    /// Something new is in the history of a topic. The next commands wait until a number of publications have gone out, or all.
    Deliver(Arc<TopicLog<Prepared>>),
    /// The rest of those: so many.
    DeliverRest(Arc<TopicLog<Prepared>>, usize),
    /// A value, and the heap memory that it owns, in bytes.
    Post(ConnectionId, Box<dyn Any + Send>, usize),
    PostToTopic(Arc<str>, MembersGeneration, Copies),
    /// The same for those that have not got theirs in the turn before.
    PostToRest(std::vec::IntoIter<ConnectionId>, Copies),
    /// A closure for the reactor, in a box whose type only higher rooms know, and the bytes that it captured.
    Run(Box<dyn Any + Send>, usize),
    /// The same for the client of a connection.
    RunWith(ConnectionId, Box<dyn Any + Send>, usize),
    Close(ConnectionId),
    CloseWith(ConnectionId, u16, Box<str>),
    Abort(ConnectionId),
    Connect(Box<Outgoing>),
    /// The addresses of the name that a connection waits for; empty if it has none.
    Resolved(ConnectionId, Vec<SocketAddr>),
    Answer(Box<Answer>),
    Part(Box<Part>),
    Accept(Box<Acceptance>),
    Heartbeat(Arc<Heartbeat>),
    /// The TLS host that a peer has asked for, if there is one.
    #[cfg(feature = "tls")]
    HostFound(ConnectionId, HostAnswer),
    /// The result of a handshake step on another thread.
    #[cfg(feature = "tls")]
    Secured(ConnectionId, Box<jackfield_reactor::HelloAnswer>),
    /// A listener was paused, stopped or resumed.
    LookAtListeners,
    /// Accept in place of the accepting reactor (true), or no longer.
    StandIn(bool),
    Shutdown(Drain),
    /// Another reactor has found memory pressure.
    Pressure,
}

impl Command {
    /// Bytes that it takes while it waits: its place in a mailbox and its heap memory. Of what closures of users own nothing
    /// is known.
    pub(crate) fn bytes(&self) -> usize {
        let heap = match self {
            Self::Send(_, message) | Self::Publish(.., message) => message.heap_bytes(),
            Self::Post(_, value, owned) => size_of_val(&**value) + owned,
            Self::Run(job, captured) | Self::RunWith(_, job, captured) => size_of_val(&**job) + captured,
            Self::PostToTopic(.., copies) => copies.bytes(),
            Self::PostToRest(ids, copies) => size_of_val(ids.as_slice()) + copies.bytes(),
            Self::CloseWith(.., reason) => reason.len(),
            Self::Connect(outgoing) => size_of::<Outgoing>() + outgoing.heap_bytes(),
            Self::Resolved(_, addrs) => addrs.capacity() * size_of::<SocketAddr>(),
            Self::Answer(answer) => {
                size_of::<Answer>()
                    + answer.content_type.len()
                    + answer.fields.heap_bytes()
                    + answer.kind.heap_bytes()
            }
            Self::Part(part) => size_of::<Part>() + part.kind.heap_bytes(),
            Self::Accept(acceptance) => size_of::<Acceptance>() + acceptance.switching.fields.heap_bytes(),
            Self::Heartbeat(heartbeat) => heartbeat.shared_bytes(),
            #[cfg(feature = "tls")]
            Self::Secured(_, answer) => size_of_val(&**answer),
            // The host's configuration belongs to the listener.
            #[cfg(feature = "tls")]
            Self::HostFound(..) => 0,
            Self::Adopt(..)
            | Self::Deliver(..)
            | Self::DeliverRest(..)
            | Self::Close(_)
            | Self::Abort(_)
            | Self::StandIn(_)
            | Self::LookAtListeners
            | Self::Shutdown(_)
            | Self::Pressure => 0,
        };
        PLACE_BYTES + heap
    }
}

/// The most publications of a topic that go out for one [`Command::Deliver`].
pub(crate) const PUBLICATIONS_PER_DELIVERY: usize = 1024;

/// Bytes of a mailbox for each command: the command, its size, and whether it counts. The mailbox grows by a tenth, of
/// which half is free on average.
const PLACE_BYTES: usize = (size_of::<Command>() + 2 * size_of::<usize>()) * 21 / 20;

/// Makes a copy of a value for each client that gets it.
pub(crate) struct Copies {
    pub(crate) make: Box<dyn FnMut() -> Box<dyn Any + Send> + Send>,
    /// The heap memory that the value owns, in bytes.
    owned: usize,
}

impl Copies {
    pub(crate) fn of<T: Any + Clone + Send>(value: T) -> Self {
        let owned = owned_bytes(&value);
        Self { make: Box::new(move || Box::new(value.clone())), owned }
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.make) + self.owned
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Copies")
    }
}

/// A deferred answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: ConnectionId,
    /// The exchange that it answers; a later one on the same connection must not get it.
    pub(crate) sequence: u32,
    pub(crate) status: u16,
    pub(crate) content_type: Box<str>,
    pub(crate) fields: Fields,
    pub(crate) kind: AnswerKind,
}

/// What follows the head of a deferred answer.
#[derive(Debug)]
pub(crate) enum AnswerKind {
    Whole(Body<'static>),
    /// A body in parts, with its whole length if that is known.
    Stream(Option<u64>),
    /// A stream of events.
    Events,
}

/// A part of a deferred answer.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) id: ConnectionId,
    /// The exchange that it belongs to.
    pub(crate) sequence: u32,
    pub(crate) kind: PartKind,
}

#[derive(Debug)]
pub(crate) enum PartKind {
    Bytes(Body<'static>, Permit),
    /// The end of the body, with its trailers.
    End(Fields),
    /// A piece of a pulled body, and the source of the next piece.
    Pulled(Vec<u8>, Box<dyn Source>),
    /// The answer ends early: the connection is reset.
    Broken,
}

impl AnswerKind {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Whole(body) => body.heap_bytes(),
            Self::Stream(_) | Self::Events => 0,
        }
    }
}

impl PartKind {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Bytes(body, _) => body.heap_bytes(),
            Self::End(trailers) => trailers.heap_bytes(),
            Self::Pulled(bytes, source) => bytes.capacity() + boxed_bytes(&**source),
            Self::Broken => 0,
        }
    }
}

/// A deferred acceptance of an upgrade.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) id: ConnectionId,
    pub(crate) sequence: u32,
    pub(crate) switching: Switching,
}

/// The content of a 101.
#[derive(Debug)]
pub(crate) struct Switching {
    pub(crate) accept: [u8; 28],
    pub(crate) fields: Fields,
    /// The compression that is agreed on.
    pub(crate) deflate: Option<Agreed>,
}
